#!/bin/sh
# One word for dropshell.
# shellcheck source-path=SCRIPTDIR source=wm.sh
. "$(dirname "$0")/wm.sh"
if [ "$IN" = native ]; then
	case $(systemctl is-active wm-registry 2>/dev/null) in
	active) echo Running ;;
	inactive) echo Stopped ;;
	failed) echo Error ;;
	*) echo Unknown ;;
	esac
else
	case $("$IN" inspect -f '{{.State.Status}}' "$NAME" 2>/dev/null) in
	running) echo Running ;;
	created | exited | stopped) echo Stopped ;;
	'') echo Unknown ;;
	*) echo Error ;;
	esac
fi
