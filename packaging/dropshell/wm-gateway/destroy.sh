#!/bin/sh
# Deregisters the site and removes all of it. dropshell has asked.
# shellcheck source-path=SCRIPTDIR source=wm.sh
. "$(dirname "$0")/wm.sh"
gateway destroy "$IN" --yes
