#!/bin/sh
# Puts a backup in place of the mesh that is there, which is kept aside.
# shellcheck source-path=SCRIPTDIR source=wm.sh
. "$(dirname "$0")/wm.sh"
file=$(file_of "${1:-}")
[ -r "$file" ] || die "$file cannot be read"
if [ "$IN" = native ]; then
	stop() { systemctl stop wm-registry; }
	start() { systemctl start wm-registry; }
	restore() { wm-registry restore "$file" --force; }
else
	image=$(image_of_container)
	stop() { "$IN" stop "$NAME" >/dev/null; }
	start() { "$IN" start "$NAME" >/dev/null; }
	# As root, who may read the file; what it makes belongs to whom the directory does.
	restore() {
		"$IN" run --rm --user 0:0 --env-file "$HERE/registry.list" -v "$VOLUME:/var/lib/wm-registry" -v "$file:/backup:ro" \
			--entrypoint wm-registry "$image" restore /backup --force
	}
fi
# Whatever comes, it serves again: what was there, where the backup was refused.
leave() {
	code=$?
	start || code=1
	exit $code
}
trap leave EXIT
trap 'exit 1' HUP INT TERM
stop
restore
