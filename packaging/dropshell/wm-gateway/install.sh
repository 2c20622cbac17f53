#!/bin/sh
# Makes or updates the gateway, registers it, starts it. Again: changes only what is another, and drops no packet.
# shellcheck source-path=SCRIPTDIR source=wm.sh
. "$(dirname "$0")/wm.sh"
[ -n "$(setting SITE_DOMAIN)" ] || die "SITE_DOMAIN is empty in $ENV_FILE: ds edit"
[ -n "$(setting WM_REGISTRY_URL)" ] || die "WM_REGISTRY_URL is empty in $ENV_FILE: ds edit"
gateway install "$IN" --yes --env "$ENV_FILE"
