# shellcheck shell=bash
# shellcheck disable=SC2154 # set by bench/control
# One namespace with a LAN, a registry on loopback and a gateway. The site "holder" has the hosts, "me" may be it.
#
#   holder  10.16.0.0/<as long as the hosts need>   hosts have 172.16.0.0/12 as LAN addresses
#   spoke   10.32.0.0/24

ns() { ip netns exec "$NAME" "$@"; }

leave() {
	trap - EXIT INT TERM
	set +e
	[ "$1" = 0 ] || tail -n 5 "$DIR"/log/* >&2
	rig_down
	rm -rf "$DIR"
	exit "$1"
}

rig_up() {
	mkdir -p "$DIR"/{log,etc/"$NAME",state,run,bpf,registry}
	mountpoint -q "$DIR/bpf" || mount -t bpf bpf "$DIR/bpf"
	ip netns add "$NAME"
	ns ip link set lo up
	ns ip link add lan0 type veth peer name lan1
	ns ip addr add 172.16.0.1/12 dev lan0
	ns ip link set lan0 up
	ns ip link set lan1 up
	HOLDER=holder
	ME=$([ "$KIND" = own ] && echo holder || echo spoke)
	fill
}

rig_down() {
	local pid
	for pid in $(ip netns pids "$NAME" 2>/dev/null); do kill -9 "$pid" 2>/dev/null; done
	ip netns del "$NAME" 2>/dev/null
	while mountpoint -q "$DIR/bpf" 2>/dev/null; do umount "$DIR/bpf" || break; done
	rm -rf "$DIR"/{log,etc,state,run,bpf,registry} "/var/run/wireguard/$NAME.sock"
	return 0
}

# Addresses for the hosts, ten times so many as there are few, and the three that nobody can have.
subnet_len() {
	local len=24
	while [ $((1 << (32 - len))) -lt $((N + N / 100 + 16)) ]; do len=$((len - 1)); done
	[ "$len" -ge 12 ] || len=12
	echo "$len"
}

# The registry makes its database; the hosts are put into it while it is down.
fill() {
	registry_start
	post /v1/sites "{\"domain\":\"holder\",\"subnet\":\"10.16.0.0/$(subnet_len)\",\"is_hub\":true,\"endpoint\":\"198.51.100.1:51820\"}" >/dev/null
	post /v1/sites '{"domain":"spoke","subnet":"10.32.0.0/24"}' >/dev/null
	registry_stop
	put_hosts "$DIR/registry/registry.db" "$N" holder 16
}

# In the background it is the process itself that has the number, not a shell around it.
registry_start() {
	ip netns exec "$NAME" env WM_REGISTRY_TOKEN="$TOKEN" "$BIN/wm-registry" serve --env-file /dev/null --data "$DIR/registry" --listen "127.0.0.1:$PORT" \
		--mesh-name bench --supernet 10.0.0.0/8 </dev/null >>"$DIR/log/registry" 2>&1 &
	REGISTRY=$!
	disown
	await 200 'the registry answers' ns curl -sf -m 2 "http://127.0.0.1:$PORT/health"
}

registry_stop() {
	kill "$REGISTRY"
	await 200 'the registry has stopped' gone "$REGISTRY"
}

gone() { [ ! -e "/proc/$1/exe" ] || ! readlink "/proc/$1/exe" >/dev/null 2>&1; }

ask() { ns curl -sf -m 60 -H "Authorization: Bearer $TOKEN" "$@"; }
post() { ask --data-binary "$2" "http://127.0.0.1:$PORT$1"; }
generation() { ask "http://127.0.0.1:$PORT/v1/whoami" | jq .generation; }

enrol() {
	local token
	token=$(post /v1/enrolments "{\"kind\":\"gateway\",\"name\":\"$ME\"}" | jq -r .token)
	printf '%s\n' SITE_DOMAIN="$ME" WM_REGISTRY_URL="http://127.0.0.1:$PORT" WM_REGISTRY_TOKEN="$token" \
		LXC_IFACES=lan0 WM_DATAPLANE="$PLANE" WM_INTERFACE="$NAME" WM_DNSMASQ_PID="$DIR/no.pid" \
		>"$DIR/etc/$NAME/gateway.env"
}

gateway() {
	ns env WM_ETC="$DIR/etc" WM_STATE="$DIR/state" WM_RUN="$DIR/run" WM_BPFFS="$DIR/bpf" "$BIN/wm-gateway" \
		--instance "$NAME" "$@"
}

gateway_start() {
	local gen
	[ -e "$DIR/state/$NAME/config" ] && gen=$(generation) || gen=
	ip netns exec "$NAME" env WM_ETC="$DIR/etc" WM_STATE="$DIR/state" WM_RUN="$DIR/run" WM_BPFFS="$DIR/bpf" \
		"$BIN/wm-gateway" run --instance "$NAME" </dev/null >"$DIR/log/gateway" 2>&1 &
	GATEWAY=$!
	disown
	# The enrolment is a change of the registry's too: the first start ends in the generation that it made.
	await 3000 'the gateway has applied' grep -q 'in force' "$DIR/log/gateway"
	[ -z "$gen" ] || in_force "$gen"
}

gateway_stop() {
	kill "$GATEWAY"
	await 200 'the gateway has stopped' gone "$GATEWAY"
}

in_force() { # in_force <generation>
	local i
	for ((i = 0; i < 30000; i++)); do
		! grep -q "generation $1 in force" "$DIR/log/gateway" || return 0
		sleep 0.01
	done
	echo "control: generation $1 did not come into force" >&2
	return 1
}

sync_live() { gateway sync >/dev/null; }
