#!/bin/sh
# What the gateway said lately, and says from now on.
# shellcheck source-path=SCRIPTDIR source=wm.sh
. "$(dirname "$0")/wm.sh"
gateway logs "$IN" -n 200 -f
