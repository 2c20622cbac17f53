#!/bin/sh
# Stops following the registry. What is in force stays in force.
# shellcheck source-path=SCRIPTDIR source=wm.sh
. "$(dirname "$0")/wm.sh"
gateway stop "$IN"
