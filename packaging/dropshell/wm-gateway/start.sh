#!/bin/sh
# Starts the gateway.
# shellcheck source-path=SCRIPTDIR source=wm.sh
. "$(dirname "$0")/wm.sh"
gateway start "$IN"
