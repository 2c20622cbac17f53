#!/bin/sh
# Puts a backup in place of the mesh that is there, which is kept aside.
# shellcheck source-path=SCRIPTDIR source=wm.sh
. "$(dirname "$0")/wm.sh"
file=$(file_of "${1:-}")
[ -r "$file" ] || die "$file cannot be read"
if [ "$IN" = native ]; then
	systemctl stop wm-registry
	wm-registry restore "$file" --force
	exec systemctl start wm-registry
fi
image=$(image)
"$IN" stop "$NAME" >/dev/null
# As root, who may read the file; what it makes belongs to whom the directory does.
"$IN" run --rm --user 0:0 --env-file "$HERE/registry.list" -v "$VOLUME:/var/lib/wm-registry" -v "$file:/backup:ro" --entrypoint wm-registry \
	"$image" restore /backup --force
"$IN" start "$NAME" >/dev/null
