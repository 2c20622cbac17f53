#!/bin/sh
# Key and settings out of such a file; the rest comes from the registry.
# shellcheck source-path=SCRIPTDIR source=wm.sh
. "$(dirname "$0")/wm.sh"
file=${1:-${BACKUP_FILE:-}}
case $file in /*) ;; *) die "which file? An absolute path, as argument or in BACKUP_FILE" ;; esac
[ -r "$file" ] || die "$file cannot be read"
gateway restore "$IN" --yes "$file"
