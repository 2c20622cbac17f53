#!/bin/sh
# Takes all of it away, the mesh too. dropshell has asked.
# shellcheck source-path=SCRIPTDIR source=wm.sh
. "$(dirname "$0")/wm.sh"
if [ "$IN" = native ]; then
	systemctl disable --quiet --now wm-registry || :
	rm -rf "${WM_REGISTRY_STATE:-/var/lib}/wm-registry" "${WM_REGISTRY_STATE:-/var/lib}/private/wm-registry" "$ETC/registry.env"
else
	"$IN" rm -f "$NAME" >/dev/null 2>&1 || :
	"$IN" volume rm "$VOLUME" >/dev/null
	rm -f "$HERE/registry.list"
fi
