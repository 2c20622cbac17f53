#!/bin/sh
# Key and settings into a file, which is as secret as they are.
# shellcheck source-path=SCRIPTDIR source=wm.sh
. "$(dirname "$0")/wm.sh"
file=${1:-${BACKUP_FILE:-}}
case $file in /*) ;; *) die "which file? An absolute path, as argument or in BACKUP_FILE" ;; esac
gateway backup "$IN" "$file"
