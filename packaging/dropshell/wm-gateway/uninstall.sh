#!/bin/sh
# Stops it and takes it off the server; a container, keys and settings stay.
# shellcheck source-path=SCRIPTDIR source=wm.sh
. "$(dirname "$0")/wm.sh"
gateway uninstall "$IN" --yes
