#!/bin/sh
# Settings and the service. Again: changes only what is another.
# shellcheck source-path=SCRIPTDIR source=wm.sh
. "$(dirname "$0")/wm.sh"
[ -n "$(setting WM_REGISTRY_TOKEN)" ] || die "WM_REGISTRY_TOKEN is empty in $ENV_FILE: openssl rand -hex 32 makes one"
changed=
if [ "$IN" = native ]; then
	has wm-registry || die "wm-registry is not here: install its package, or set WM_REGISTRY_IN=container"
	text=$(settings "'")
	(umask 022 && mkdir -p "$ETC")
	if write "$ETC/registry.env" "$text"; then changed=yes; fi
	systemctl enable --quiet wm-registry
	if [ -n "$changed" ]; then systemctl restart wm-registry; else systemctl start wm-registry; fi
else
	image=$(image)
	downloads=$(downloads)
	for tar in "$HERE"/image/*.tar; do
		[ ! -e "$tar" ] || "$IN" load -q -i "$tar" >/dev/null
	done
	"$IN" inspect -f '{{.Id}}' "$image" >/dev/null 2>&1 ||
		die "$IN has no image '$image': put wm-registry-VERSION.tar (make image) into $HERE/image, or name another by WM_REGISTRY_IMAGE"
	text=$(settings '')
	if write "$HERE/registry.list" "$text"; then changed=yes; fi
	is=$("$IN" inspect -f '{{.Image}}' "$NAME" 2>/dev/null) || is=
	[ "$is" = "$("$IN" inspect -f '{{.Id}}' "$image")" ] || changed=yes
	if [ -n "$changed" ]; then
		"$IN" rm -f "$NAME" >/dev/null 2>&1 || :
		# On the host's own network it is on 127.0.0.1 alone, as without a container.
		set --
		[ -z "$downloads" ] || set -- -v "$downloads:$downloads:ro"
		"$IN" run -d --name "$NAME" --restart unless-stopped --network host --env-file "$HERE/registry.list" \
			-v "$VOLUME:/var/lib/wm-registry" "$@" "$image" serve >/dev/null
	else
		"$IN" start "$NAME" >/dev/null
	fi
fi
