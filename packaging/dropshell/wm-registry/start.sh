#!/bin/sh
# Starts the registry. Gateways keep what they have meanwhile.
# shellcheck source-path=SCRIPTDIR source=wm.sh
. "$(dirname "$0")/wm.sh"
if [ "$IN" = native ]; then systemctl start wm-registry; else "$IN" start "$NAME" >/dev/null; fi
