# shellcheck shell=bash
# Four gateways whose LANs have nobody on them, two of them behind NAT, and a registry by plain http: for paths.bats, which draws them.

ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
BIN=$(cd "$ROOT" && realpath -m "${B:-build}")
ADMIN=test-token-0123456789abcdef
MACHINES='net hub a b c natb natc'

paths_use() {
	T=$WM_PATHS DIR=/run/$WM_PATHS
}

n() { # MACHINE COMMAND...
	local machine=$1
	shift
	ip netns exec "$T-$machine" "$@"
}

not() { ! "$@"; }

wait_for() { # SECONDS WHAT COMMAND...
	local end=$((SECONDS + $1 * ${WM_SLOW:-1})) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$end" ]; then
			echo "waited in vain until $what"
			tail -n 30 "$DIR"/log/*
			return 1
		fi
		sleep 0.1
	done
}

cable() { # MACHINE INTERFACE ADDRESS... to the bridge of net
	ip -n "$T-$1" link add "$2" type veth peer name "to-$1" netns "$T-net"
	ip -n "$T-net" link set dev "to-$1" master br0 up
	ip -n "$T-$1" link set dev "$2" up
	local machine=$1 dev=$2 addr
	shift 2
	for addr; do ip -n "$T-$machine" addr add "$addr" dev "$dev" nodad 2>/dev/null || ip -n "$T-$machine" addr add "$addr" dev "$dev"; done
}

behind() { # MACHINE ROUTER NETWORK
	ip -n "$T-$1" link add net type veth peer name in netns "$T-$2"
	ip -n "$T-$1" addr add "$3.2/24" dev net
	ip -n "$T-$1" link set net up
	ip -n "$T-$1" route add default via "$3.1"
	ip -n "$T-$2" addr add "$3.1/24" dev in
	ip -n "$T-$2" link set in up
	ip -n "$T-$2" route add default via 11.0.0.1
	n "$2" sysctl -qw net.ipv4.ip_forward=1
	n "$2" nft add table ip nat
	n "$2" nft add chain ip nat post '{ type nat hook postrouting priority srcnat; }'
	n "$2" nft add rule ip nat post oifname out masquerade
}

subnet() { case $1 in hub) echo 172.30.1.0/24 ;; a) echo 172.30.2.0/24 ;; b) echo 172.30.3.0/24 ;; c) echo 172.30.4.0/24 ;; esac; }
gw() { local s; s=$(subnet "$1"); echo "${s%.0/24}.1"; }
ifname() { echo "wg$1-${T##*t}" | cut -c1-15; } # wireguard-go's sockets have one place on a machine

api() { # METHOD PATH [BODY], as admin
	n hub curl -sS --fail-with-body -m 10 -X "$1" -H "Authorization: Bearer $ADMIN" ${3:+-d "$3"} "http://127.0.0.1:8099$2"
}

paths_up() {
	export WM_PATHS=wmt$$
	paths_use
	local m
	mkdir -p "$DIR"/{etc,state,run,log,bpf}
	mount -t bpf bpf "$DIR/bpf"
	for m in $MACHINES; do
		ip netns add "$T-$m"
		ip -n "$T-$m" link set lo up
		mkdir -p "/etc/netns/$T-$m"
		echo 'nameserver 127.0.0.1' >"/etc/netns/$T-$m/resolv.conf"
	done
	touch "/etc/netns/$T-c/hosts"
	for m in hub a b c; do # a LAN that nobody is on
		ip -n "$T-$m" link add lan type bridge
		ip -n "$T-$m" addr add 192.168.9.1/24 dev lan
		ip -n "$T-$m" link set lan up
	done
	ip -n "$T-net" link add br0 type bridge
	ip -n "$T-net" link set br0 up
	cable hub net 198.51.100.1/32 11.0.0.1/24 fd11::1/64
	cable a net 11.0.0.2/24 fd11::2/64
	ip -n "$T-a" route add default via 11.0.0.1
	ip -n "$T-hub" route add default via 11.0.0.254
	cable natb out 11.0.0.3/24
	cable natc out 11.0.0.4/24
	behind b natb 10.1.0
	behind c natc 10.2.0
	n hub env -u WM_MESH_NAME WM_ETC=/nonexistent WM_REGISTRY_TOKEN=$ADMIN "$BIN/wm-registry" serve --data "$DIR/registry" \
		--listen '0.0.0.0:8099' --listen '[fd11::1]:8099' </dev/null >"$DIR/log/registry" 2>&1 3>&- &
	wait_for 10 'the registry answers' api GET /health
	gateway_make hub 198.51.100.1 ',"is_hub":true'
	gateway_make a '' ''
	gateway_make b '' ''
	gateway_make c '' ''
}

services_up() { # DIR: what is in it, by https://198.51.100.1:8444/downloads/NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=services' \
		-addext 'subjectAltName=IP:198.51.100.1' -keyout "$DIR/say.key" -out "$DIR/say.ca" 2>/dev/null
	chmod 644 "$DIR/say.ca"
	n hub env -u WM_MESH_NAME WM_ETC=/nonexistent WM_REGISTRY_TOKEN=$ADMIN "$BIN/wm-registry" serve --data "$DIR/services" \
		--listen 198.51.100.1:8444 --tls-cert "$DIR/say.ca" --tls-key "$DIR/say.key" --downloads "$1" \
		</dev/null >"$DIR/log/services" 2>&1 3>&- &
	wait_for 10 'the services answer' n hub curl -sf --cacert "$DIR/say.ca" https://198.51.100.1:8444/health
}

paths_down() {
	paths_use
	local m i pids
	for ((i = 0; i < 100; i++)); do
		pids=$(for m in $MACHINES; do ip netns pids "$T-$m" 2>/dev/null; done)
		[ -n "$pids" ] || break
		# shellcheck disable=SC2086 # a list of numbers
		kill "$([ "$i" -lt 30 ] && echo -TERM || echo -KILL)" $pids 2>/dev/null || true
		sleep 0.1
	done
	for m in $MACHINES; do
		ip netns del "$T-$m" 2>/dev/null || true
		rm -rf "/etc/netns/$T-$m"
	done
	umount "$DIR/bpf" 2>/dev/null || true
	rm -rf "$DIR"
}

gateway_make() { # SITE PUBLIC_IP MORE-OF-THE-SITE
	local token
	mkdir -p "$DIR/etc/$1"
	api POST /v1/sites "{\"domain\":\"$1\",\"subnet\":\"$(subnet "$1")\"$3}" >/dev/null
	token=$(api POST /v1/enrolments "{\"kind\":\"gateway\",\"name\":\"$1\"}" | jq -r .token)
	printf '%s\n' "SITE_DOMAIN=$1" WM_REGISTRY_URL=http://198.51.100.1:8099 "WM_REGISTRY_TOKEN=$token" \
		WM_REGISTRY_ALLOW_HTTP=true "PUBLIC_IP=$2" "WM_INTERFACE=$(ifname "$1")" LXC_IFACES=lan WM_DATAPLANE=nft \
		>"$DIR/etc/$1/gateway.env"
	gateway_start "$1"
}

gateway() { # SITE VERB...
	n "$1" env WM_ETC="$DIR/etc" WM_STATE="$DIR/state" WM_RUN="$DIR/run" WM_BPFFS="$DIR/bpf" "$BIN/wm-gateway" "${@:2}" --instance "$1"
}

gateway_start() { # SITE
	n "$1" env WM_ETC="$DIR/etc" WM_STATE="$DIR/state" WM_RUN="$DIR/run" WM_BPFFS="$DIR/bpf" \
		"$BIN/wm-gateway" run --instance "$1" </dev/null >>"$DIR/log/$1" 2>&1 3>&- &
	disown
}

gateway_stop() { # SITE: its tunnels stay
	local pid
	for pid in $(ip netns pids "$T-$1"); do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != wm-gateway ] || kill "$pid"
	done
	wait_for 10 "the gateway of $1 is gone" not gateway "$1" status
}

endpoint_is() { # SITE ENDPOINT
	[ "$(api GET "/v1/sites/$1" | jq -r .endpoint)" = "$2" ]
}

reported() { # SITE...: with what they are to have
	local s
	for s; do api GET /v1/status | jq -e --arg s "$s" '.sites[] | select(.domain == $s).applied' || return 1; done
}

reaches() { n "$1" ping -q -c 1 -W 1 "$(gw "$2")"; } # FROM TO, by overlay address

public_key() { api GET "/v1/sites/$1" | jq -r .public_key; }

is_peer() { n "$1" wg show "$(ifname "$1")" peers | grep -qxF "$(public_key "$2")"; }

peer_has() { # SITE PEER PREFIX
	n "$1" wg show "$(ifname "$1")" allowed-ips | grep -F "$(public_key "$2")" | grep -qF "$3"
}

preshared() { # SITE PEER
	n "$1" wg show "$(ifname "$1")" preshared-keys | awk -v k="$(public_key "$2")" '$1 == k && $2 != "(none)" { print $2 }'
}

share() { [ -n "$(preshared "$1" "$2")" ] && [ "$(preshared "$1" "$2")" = "$(preshared "$2" "$1")" ]; }

other_key() { # SITE PEER BEFORE
	local now
	now=$(preshared "$1" "$2")
	[ -n "$now" ] && [ "$now" != "$3" ]
}
