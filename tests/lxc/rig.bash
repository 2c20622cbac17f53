# shellcheck shell=bash
# A host that carries gateways in containers, for one file of tests: a network namespace with a LAN (br0), lxc-net's bridge,
# and a real registry. What wm-gateway keeps there is below $D.
#
#   out 198.51.100.2 -- 198.51.100.1 host 192.168.55.1 (br0), 10.0.3.1 (lxcbr0)

D=$BATS_FILE_TMPDIR
BIN=$PWD/${B:-build}
ADMIN=test-token-0123456789abcdef
URL=http://192.168.55.1:8099
BOXES=$D/boxes
HOST=wmlxc-$(tr -dc a-zA-Z0-9 <<<"$BATS_FILE_TMPDIR" | tail -c 12) # of this run, and of this file in it
LIMIT=$((60 * ${WM_SLOW:-1}))

not() { ! "$@"; }
host() { ip netns exec "$HOST" env WM_STATE="$D/state" WM_ETC="$D/etc" WM_RUN="$D/run" WM_ROOT="$D/host" PATH="${STUBS:+$STUBS:}$PATH" "$@"; }
gw() { host "$BIN/wm-gateway" "$@" 3>&-; }
inside() { host lxc-attach -P "$BOXES" -n "${NAME:-wm-gateway}" -- "$@" 3>&-; }
api() { host curl -sS --max-time 20 -H "Authorization: Bearer $ADMIN" "$@"; }

host_up() {
	ip netns add "$HOST"
	ip netns add "$HOST-out"
	host ip link set lo up
	host ip link add br0 type bridge
	host ip address add 192.168.55.1/24 dev br0
	host ip link add lxcbr0 type bridge
	host ip address add 10.0.3.1/24 dev lxcbr0
	host ip link add out type veth peer name out netns "$HOST-out"
	host ip address add 198.51.100.1/24 dev out
	for link in br0 lxcbr0 out; do host ip link set "$link" up; done
	host ip route add default via 192.168.55.254
	host sysctl -q net.ipv4.ip_forward=1
	ip -n "$HOST-out" address add 198.51.100.2/24 dev out
	ip -n "$HOST-out" link set out up
	mkdir -p "$D/host/etc" "$BOXES"
}

registry_up() {
	(exec ip netns exec "$HOST" env WM_REGISTRY_TOKEN="$ADMIN" WM_ETC="$D/etc" "$BIN/wm-registry" serve --data "$D/data" --listen 192.168.55.1:8099 \
		>"$D/registry.log" 2>&1 3>&- 4>&- </dev/null) &
	echo $! >"$D/registry.pid"
	for ((n = 0; n < LIMIT * 10; n++)); do
		! api "$URL/health" >/dev/null 2>&1 || return 0
		sleep 0.1
	done
	cat "$D/registry.log" >&2
	return 1
}

host_down() {
	local name boxes
	for name in "$BOXES"*/*/; do
		[ -e "$name/config" ] || continue
		name=${name%/}
		boxes=${name%/*}
		host lxc-stop -P "$boxes" -n "${name##*/}" -k 3>&- >/dev/null 2>&1 || :
		host lxc-destroy -P "$boxes" -n "${name##*/}" 3>&- >/dev/null 2>&1 || :
	done
	[ ! -e "$D/registry.pid" ] || kill "$(cat "$D/registry.pid")" 2>/dev/null || :
	# LXC keeps a lock of each container that it ever had.
	[ -z "$BOXES" ] || { rm -rf "/run/lxc/lock$BOXES"* && rmdir -p "/run/lxc/lock${BOXES%/*}" 2>/dev/null; } || :
	ip netns del "$HOST" 2>/dev/null || :
	ip netns del "$HOST-out" 2>/dev/null || :
}

settings() { # settings DOMAIN IFACES: a service.env
	cat <<-END
		SITE_DOMAIN=$1
		WM_REGISTRY_URL=$URL
		WM_REGISTRY_ALLOW_HTTP=true
		WM_REGISTRY_TOKEN=$ADMIN
		LXC_IFACES=$2
		LXC_TEMPLATE=$PWD/tests/lxc/template
		LXC_PATH=$BOXES
		WM_UPDATE_URL=off
		SOMETHING_ELSE="of dropshell's"
	END
}

hosts_of() { api "$URL/v1/hosts" | jq -r "[.hosts[] | select(.domain == \"$1\") | .local_ip] | join(\" \")"; }
