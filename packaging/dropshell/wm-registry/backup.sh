#!/bin/sh
# The whole mesh, tokens too (as hashes), as of one moment; it is served meanwhile.
# shellcheck source-path=SCRIPTDIR source=wm.sh
. "$(dirname "$0")/wm.sh"
file=$(file_of "${1:-}")
if [ "$IN" = native ]; then
	exec wm-registry backup "$file" --force
fi
"$IN" exec "$NAME" wm-registry backup /var/lib/wm-registry/backup --force
"$IN" cp "$NAME:/var/lib/wm-registry/backup" "$file"
