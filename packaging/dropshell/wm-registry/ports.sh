#!/bin/sh
# Its port, on 127.0.0.1.
# shellcheck source-path=SCRIPTDIR source=wm.sh
. "$(dirname "$0")/wm.sh"
port=$(setting WM_REGISTRY_PORT)
echo "${port:-8099}"
