#!/bin/sh
# What the registry said lately, and says from now on.
# shellcheck source-path=SCRIPTDIR source=wm.sh
. "$(dirname "$0")/wm.sh"
if [ "$IN" = native ]; then exec journalctl -u wm-registry -n 200 -f; else exec "$IN" logs -f --tail 200 "$NAME"; fi
