#!/bin/sh
# Stops the registry. Gateways keep what they have meanwhile.
# shellcheck source-path=SCRIPTDIR source=wm.sh
. "$(dirname "$0")/wm.sh"
if [ "$IN" = native ]; then systemctl stop wm-registry; else "$IN" stop "$NAME" >/dev/null; fi
