#!/bin/sh
# Takes the service away; the mesh stays on the disk, and install brings it back.
# shellcheck source-path=SCRIPTDIR source=wm.sh
. "$(dirname "$0")/wm.sh"
if [ "$IN" = native ]; then systemctl disable --quiet --now wm-registry; else "$IN" rm -f "$NAME" >/dev/null 2>&1 || :; fi
