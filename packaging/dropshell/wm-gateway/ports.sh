#!/bin/sh
# Its UDP port.
# shellcheck source-path=SCRIPTDIR source=wm.sh
. "$(dirname "$0")/wm.sh"
port=$(setting WM_LISTEN_PORT)
echo "${port:-51820}"
