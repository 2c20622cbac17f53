# shellcheck shell=bash
# shellcheck disable=SC2154 # set by bench/propagation
# A registry, and gateways around it that are real: each a machine of its own on one wire, with a LAN.
#
#   registry  198.18.0.1   gateway i  198.18.1.i, site "real<i>" 10.16.i.0/24 (real0, which has the hosts: 10.32.0.0/14)

ns() { ip netns exec "$NAME-$1" "${@:2}"; }

leave() {
	trap - EXIT INT TERM
	set +e
	[ "$1" = 0 ] || tail -n 3 "$DIR"/log/* >&2
	rig_down
	umount "$DIR/bpf" 2>/dev/null
	rm -rf "$DIR"
	exit "$1"
}

ask() { ns registry curl -sSf -m 60 -H @<(echo "Authorization: Bearer $TOKEN") "$@"; }
url() { echo "http://198.18.0.1:8099$1"; }
whoami() { ask "$(url /v1/whoami)" | jq -r ".$1"; }

registry_start() {
	ns registry env WM_REGISTRY_TOKEN="$TOKEN" "$BIN/wm-registry" serve --env-file /dev/null --data "$DIR/data" --listen 198.18.0.1:8099 \
		--mesh-name bench --supernet 10.0.0.0/8 </dev/null >>"$DIR/log/registry" 2>&1 &
	disown
	await 200 'the registry answers' ns registry curl -sf -m 2 "$(url /health)"
}

registry_stop() {
	kill "$(ip netns pids "$NAME-registry")"
	await 200 'the registry has stopped' no_registry
}
no_registry() { [ -z "$(ip netns pids "$NAME-registry")" ]; }

key() { head -c 32 /dev/urandom | base64; }

# As many sites as gateways, and the hosts. A simulated gateway's site has a key, so that it is a peer, and a token.
registry_fill() {
	local i
	registry_start
	ask -d '{"domain":"real0","subnet":"10.32.0.0/14","is_hub":true,"endpoint":"198.18.1.1:51820"}' "$(url /v1/sites)" >/dev/null
	for ((i = 1; i < GATEWAYS; i++)); do
		if [ "$i" -lt "$REAL" ]; then
			echo "{\"domain\":\"real$i\",\"subnet\":\"10.16.$i.0/24\",\"endpoint\":\"198.18.1.$((i + 1)):51820\"}"
		else
			echo "{\"domain\":\"sim$i\",\"subnet\":\"10.$((64 + i / 256)).$((i % 256)).0/24\",\"public_key\":\"$(key)\"}"
		fi
	done | each /v1/sites >/dev/null
	# Whose endpoint moves: nobody's of those who are measured, as one's own change makes everything new.
	ask -d "{\"domain\":\"moves\",\"subnet\":\"10.128.0.0/24\",\"public_key\":\"$(key)\"}" "$(url /v1/sites)" >/dev/null
	for ((i = REAL; i < GATEWAYS; i++)); do
		echo "{\"role\":\"gateway\",\"name\":\"sim$i\"}"
	done | each /v1/tokens | jq -r .token >"$DIR/tokens"
	registry_stop
	put_hosts "$DIR/data/registry.db" "$HOSTS" real0 32
	registry_start
}

# each <path>: POSTs the lines of its input, one after the other on one connection; their answers
each() {
	jq -Rr --arg url "$(url "$1")" --arg token "$TOKEN" \
		'"next\nurl = \($url | @json)\nheader = \("Authorization: Bearer " + $token | @json)\ndata = \(. | @json)"' |
		sed 1d >"$DIR/each"
	[ ! -s "$DIR/each" ] || ns registry curl -sSf -K "$DIR/each"
}

rig_up() {
	local i
	mkdir -p "$DIR"/{log,etc,state,run,fifo,data}
	mkdir -p "$DIR/bpf"
	mountpoint -q "$DIR/bpf" || mount -t bpf bpf "$DIR/bpf"
	ip netns add "$NAME-registry"
	ns registry ip link set lo up
	ns registry ip link add wire type bridge
	ns registry ip addr add 198.18.0.1/16 dev wire
	ns registry ip link set wire up
	for ((i = 0; i < REAL; i++)); do machine_up "$i"; done
	registry_fill
}

machine_up() { # machine_up <number of a real gateway>
	ip netns add "$NAME-$1"
	ns "$1" ip link set lo up
	ns "$1" ip link add out0 type veth peer name "gw$1" netns "$NAME-registry"
	ns "$1" ip addr add "198.18.1.$(($1 + 1))/16" dev out0
	ns "$1" ip link set out0 up
	ns registry ip link set "gw$1" master wire up
	ns "$1" ip link add lan0 type veth peer name lan1
	ns "$1" ip addr add 172.16.0.1/12 dev lan0
	ns "$1" ip link set lan0 up
	ns "$1" ip link set lan1 up
}

gateway() { # gateway <number> <arguments>
	ns "$1" env WM_ETC="$DIR/etc" WM_STATE="$DIR/state" WM_RUN="$DIR/run" WM_BPFFS="$DIR/bpf" \
		"$BIN/wm-gateway" --instance "$SHORT$1" "${@:2}"
}

gateway_up() { # gateway_up <number>
	local etc=$DIR/etc/$SHORT$1 token
	mkdir -p "$etc"
	token=$(ask -d "{\"kind\":\"gateway\",\"name\":\"real$1\"}" "$(url /v1/enrolments)" | jq -r .token)
	printf '%s\n' SITE_DOMAIN="real$1" WM_REGISTRY_URL="$(url '')" WM_REGISTRY_ALLOW_HTTP=true WM_REGISTRY_TOKEN="$token" \
		LXC_IFACES=lan0 WM_DATAPLANE="$PLANE" WM_INTERFACE="$SHORT$1" WM_DNSMASQ_PID="$DIR/no.pid" >"$etc/gateway.env"
	mkfifo "$DIR/fifo/$1"
	# Both ends are kept open here: the FIFO neither ends nor blocks who opens it.
	exec {FIFO}<>"$DIR/fifo/$1"
	FIFOS+=("$FIFO")
	gateway "$1" run </dev/null >"$DIR/log/gateway-$1" 2>"$DIR/fifo/$1" &
	disown
}

gateways_up() {
	local i
	FIFOS=()
	for ((i = 0; i < REAL; i++)); do gateway_up "$i"; done
	for ((i = 0; i < REAL; i++)); do await 600 "gateway $i is in sync" gateway "$i" status; done
}

rig_down() {
	local i pid
	for i in "${FIFOS[@]}"; do exec {i}>&-; done
	FIFOS=()
	for i in registry $(seq 0 $((REAL - 1))); do
		for pid in $(ip netns pids "$NAME-$i" 2>/dev/null); do kill -9 "$pid" 2>/dev/null || true; done
		ip netns del "$NAME-$i" 2>/dev/null || true
		rm -f "/var/run/wireguard/$SHORT$i.sock"
	done
	rm -rf "$DIR"/{log,etc,state,run,fifo,data,each,tokens} "$DIR"/bpf/* 2>/dev/null || true
}
