#!/bin/sh
# One word for dropshell; for people, on stderr, what is in force and what is wrong.
# shellcheck source-path=SCRIPTDIR source=wm.sh
. "$(dirname "$0")/wm.sh"
if ! command -v wm-gateway >/dev/null 2>&1; then
	echo Unknown
	exit 0
fi
if (gateway status) >&2; then echo Running
elif (gateway status -j) 2>/dev/null | grep -q '"running": *true'; then echo Error
else echo Stopped; fi
