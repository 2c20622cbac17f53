#!/bin/sh
# The whole mesh, tokens too (as hashes), as of one moment; it is served meanwhile.
# shellcheck source-path=SCRIPTDIR source=wm.sh
. "$(dirname "$0")/wm.sh"
file=$(file_of "${1:-}")
if [ "$IN" = native ]; then
	exec wm-registry backup "$file" --force
fi
image=$(image_of_container)
# A container of its own beside the one that serves, so that no copy of the mesh stays in either.
new=$(mktemp -d "$(dirname "$file")/.wm-backup-XXXXXX") || die "nothing can be made in the directory of $file"
trap 'rm -rf "$new"' EXIT
trap 'exit 1' HUP INT TERM
"$IN" run --rm --user 0:0 --env-file "$HERE/registry.list" -v "$VOLUME:/var/lib/wm-registry" -v "$new:/new" --entrypoint wm-registry \
	"$image" backup /new/mesh
mv -f "$new/mesh" "$file"
