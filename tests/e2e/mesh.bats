#!/usr/bin/env bats
# A mesh that is up, and what may happen to it.
# time limit: 240 s

load lib/mesh

setup_file() {
	mesh_begin m
	# A port that is free now, for the registry's socket on this machine's loopback.
	WM_DEMO_PORT=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1)->sockport')
	demo up --bare
	addresses
	export WM_DEMO_PORT WEB KIOSK NAS CAM LAPTOP SENSOR
	wait_for 20 'the mesh carries' pings web "$NAS" 1
}

teardown_file() { demo down; }
setup() { use_demo; }

gone() { [ ! -e "/proc/$1" ]; }

@test "a second demo of the same name is refused, and the first goes on" {
	run demo up
	[ "$status" = 1 ]
	[[ "$output" == *"is up already"* ]]
	pings web "$NAS" 1
}

@test "the registry answers on this machine's own 127.0.0.1" {
	run curl -sf --max-time 5 --cacert "$WM_DEMO_DIR/tls/ca.pem" "https://127.0.0.1:$WM_DEMO_PORT/health"
	echo "$output"
	[ "$status" = 0 ]
	[ "$(jq -r .status <<<"$output")" = ok ]
}

@test "gateways hold tokens of their own: neither the master token nor the enrolment is one" {
	local gw master
	master=$(cat "$WM_DEMO_DIR/master.token")
	for gw in hub a b; do
		run grep -rF "$master" "$WM_DEMO_DIR/etc/$gw" "$WM_DEMO_DIR/state/$gw"
		[ "$status" = 1 ]
		grep -q '^WM_REGISTRY_TOKEN=wme_' "$WM_DEMO_DIR/etc/$gw/gateway.env"
		grep -rqs 'wmg_' "$WM_DEMO_DIR/state/$gw" "$WM_DEMO_DIR/etc/$gw"
	done
}

@test "status says what is in force and exits 0" {
	run gateway a status
	echo "$output"
	[ "$status" = 0 ]
	[[ "$output" == *bpf* ]]
	run gateway a status -j
	[ "$status" = 0 ]
	jq -e '.config.in_force and .interface.up and .dataplane.name == "bpf"' <<<"$output"
	# Nobody has asked for the shield on a veth.
	jq -e '.dataplane.shields | length == 1 and .[0].mode == "off" and (.[0].why | contains("veth"))' <<<"$output"
}

# told FILTER: of what the operator sees of the mesh
told() { wm list -j | jq -e ".meshes[0] | $1" >/dev/null; }

@test "the registry is told whom gateways hear and what hosts carry, and wm list shows it" {
	pings web "$NAS" 3
	wait_for 20 'the laptop is in' pings laptop "$NAS" 1
	wait_for 25 'a handshake of each site, and traffic' \
		told '.sites | all(.handshake != null and (now - (.handshake | fromdateiso8601)) < 300 and .rx > 0 and .tx > 0)'
	wait_for 25 'the traffic of web and nas' \
		told '[.hosts[] | select(.name == "web" or .name == "nas")] | length == 2 and all(.rx >= 252 and .tx >= 252)'
	wait_for 25 "the laptop's endpoint and handshake, as the hub has them" \
		told '.devices[] | select(.name == "laptop") | .handshake != null and .endpoint != null and .rx > 0'
	wm list -o wide >"$BATS_TEST_TMPDIR/list"
	cat "$BATS_TEST_TMPDIR/list"
	grep -qE '^(a|b) .* [0-9]+ (s|min) .* (B|KiB|MiB)' "$BATS_TEST_TMPDIR/list"
	curl -sf --max-time 5 --cacert "$WM_DEMO_DIR/tls/ca.pem" -H "Authorization: Bearer $(cat "$WM_DEMO_DIR/master.token")" \
		"https://127.0.0.1:$WM_DEMO_PORT/v1/status" >"$BATS_TEST_TMPDIR/status"
	jq . "$BATS_TEST_TMPDIR/status"
	jq -e '.sites | length == 3 and all(.applied and .listen_port > 0 and (.peers | length) > 0)' "$BATS_TEST_TMPDIR/status"
}

@test "a second run of an instance is refused, and the first goes on" {
	local before
	before=$(pid_of gw-a wm-gateway)
	run gateway a run
	echo "$output"
	[ "$status" = 1 ]
	[ "${#lines[@]}" = 1 ]
	[ "$(pid_of gw-a wm-gateway)" = "$before" ]
	pings web "$NAS" 1
}

@test "sync beside a live run is done by it" {
	run gateway a sync
	echo "$output"
	[ "$status" = 0 ]
	pings web "$NAS" 1
}

@test "as default gateway it carries everybody into the world, and only registered hosts into the mesh" {
	proves_default_gateway "$NAS"
}

@test "a change at the registry is in force soon: long-poll, not polling" {
	local began
	refused guest "$NAS"
	began=$(date +%s%N)
	wm add-host guest.a --local-ip 192.168.1.99 >/dev/null
	wait_for 10 'the guest passes' pings guest "$NAS" 1
	local ms=$((($(date +%s%N) - began) / 1000000))
	echo "in force after $ms ms"
	# Polling would be every 5 s (WM_POLL).
	[ "$ms" -lt $((3000 * ${WM_SLOW:-1})) ]
	wm remove guest.a >/dev/null
	wait_for 10 'the guest is blocked again' silent guest "$NAS" 1
}

@test "kill -9 of supervisor and gateway: no packet is lost, and the next start converges" {
	local agent gateway
	agent=$(pid_of gw-a wm-agent)
	gateway=$(pid_of gw-a wm-gateway)
	ns web ping -q -n -i 0.01 -c 400 "$NAS" >"$BATS_TEST_TMPDIR/ping" &
	local ping=$!
	wait_for 5 'traffic flows' test -d "/proc/$ping"
	kill -9 "$agent" "$gateway"
	wait_for 10 'the gateway is dead' gone "$gateway"
	# Meanwhile the mesh changes, and nobody is there to follow it.
	wm add-host guest.a --local-ip 192.168.1.99 >/dev/null
	silent guest "$NAS" 1
	wait "$ping"
	cat "$BATS_TEST_TMPDIR/ping"
	grep -q '400 packets transmitted, 400 received' "$BATS_TEST_TMPDIR/ping"

	ns web ping -q -n -i 0.01 -c 400 "$NAS" >"$BATS_TEST_TMPDIR/ping" &
	ping=$!
	# Had it been killed while it wrote.
	touch "$WM_DEMO_DIR/state/a/config.new-a1B2c3" "$WM_DEMO_DIR/etc/a/hosts.new-a1B2c3" "$WM_DEMO_DIR/state/a/config.backup"
	agent_up a 3>&-
	wait_for 15 'the gateway has caught up' in_sync
	[ -z "$(find "$WM_DEMO_DIR/state/a" "$WM_DEMO_DIR/etc/a" -name '*.new-*')" ]
	rm "$WM_DEMO_DIR/state/a/config.backup"
	pings guest "$NAS" 1
	wm remove guest.a >/dev/null
	wait "$ping"
	cat "$BATS_TEST_TMPDIR/ping"
	grep -q '400 packets transmitted, 400 received' "$BATS_TEST_TMPDIR/ping"
	wait_for 10 'all is in sync again' in_sync
}

@test "the supervisor starts a killed gateway again" {
	local old
	old=$(pid_of gw-b wm-gateway)
	kill -9 "$old"
	wait_for 15 'another gateway runs' another_than "$old"
	wait_for 15 'and it is in sync' in_sync
	pings web "$NAS" 1
}

xdp_of() { # xdp_of <instance>: the mode that wm-bpf tells
	on "$1" "$BIN/wm-bpf" status --instance "$1" -j | jq -r '.shields[].mode'
}

xdp_is() { [ "$(xdp_of "$1")" = "$2" ]; }

# UDP, because pings are LAN ingress' business.
asks_in_vain() { [ "$(ns guest "$HERE/demo.d/tcp" ask "$NAS" $PORT "$1")" = 0 ]; }

another_gateway_of_a() {
	local now
	now=$(pid_of gw-a wm-gateway)
	[ -n "$now" ] && [ "$now" != "$KILLED" ]
}

@test "WM_XDP=generic: the shield is put on, counts guests, lets hosts pass, outlives the gateway, and off takes it away" {
	local env=$WM_DEMO_DIR/etc/a/gateway.env
	echo WM_XDP=generic >>"$env"
	kill -TERM "$(pid_of gw-a wm-gateway)"
	wait_for 15 'the shield is on' xdp_is a generic
	in_ns gw-a -d link show | grep -q xdpgeneric
	raises a unregistered 5 asks_in_vain 5
	raises a unregistered 3 silent guest "$NAS" 3
	pings web "$NAS" 3
	ns web ping -q -n -i 0.01 -c 200 "$NAS" >"$BATS_TEST_TMPDIR/ping" &
	local ping=$!
	KILLED=$(pid_of gw-a wm-gateway)
	kill -9 "$KILLED"
	xdp_is a generic
	wait "$ping"
	grep -q '200 packets transmitted, 200 received' "$BATS_TEST_TMPDIR/ping"
	sed -i '/^WM_XDP=/d' "$env"
	wait_for 15 'the supervisor has started it again' another_gateway_of_a
	kill -TERM "$(pid_of gw-a wm-gateway)"
	wait_for 15 'the shield is off' xdp_is a off
	[ -z "$(in_ns gw-a -d link show | grep xdpgeneric)" ]
	wait_for 15 'all is in sync again' in_sync
}

@test "a gateway that was started again reports at once, with nothing new to fetch" {
	local before
	before=$(last_report)
	kill -TERM "$(pid_of gw-b wm-gateway)"
	wait_for 15 'a report of the new gateway' reported_after "$before"
}

last_report() { wm -j list-sites | jq -r '.meshes[0].sites[] | select(.domain == "b").seen'; }

reported_after() { [[ $(last_report) > $1 ]]; }

another_than() {
	local now
	now=$(pid_of gw-b wm-gateway)
	[ -n "$now" ] && [ "$now" != "$1" ]
}

@test "what was taken out of a map by hand is put back on SIGHUP" {
	local map=("$WM_DEMO_DIR"/bpf/a/v*/hosts) key keys nothing
	pings web "$NAS" 1
	keys=$(bpftool -j map dump pinned "${map[0]}" | jq -r '.[] | select(any(.value[]; . != "0x00")) | .key | join(" ")')
	[ -n "$keys" ]
	# So small a site is looked at every few seconds anyway; not while it stands still.
	kill -STOP "$(pid_of gw-a wm-gateway)"
	nothing=$(bpftool -j map show pinned "${map[0]}" | jq -r '[range(.bytes_value)] | map("00") | join(" ")')
	while read -r key; do
		# shellcheck disable=SC2086 # lists of bytes
		bpftool map update pinned "${map[0]}" key hex ${key//0x/} value hex $nothing
	done <<<"$keys"
	silent web "$NAS" 1
	kill -HUP "$(pid_of gw-a wm-gateway)"
	kill -CONT "$(pid_of gw-a wm-gateway)"
	wait_for 5 'web passes again' pings web "$NAS" 1
	[ "$(bpftool -j map dump pinned "${map[0]}" | jq -r '.[] | select(any(.value[]; . != "0x00")) | .key | join(" ")')" = "$keys" ]
}

@test "no registry: traffic flows, a restarted gateway serves the last config, and status says why" {
	local registry
	registry=$(pid_of hub wm-registry)
	kill -9 $registry
	wait_for 5 'the registry is gone' gone "$registry"
	kill -9 "$(pid_of gw-a wm-agent)" "$(pid_of gw-a wm-gateway)"
	pings web "$NAS" 3
	agent_up a 3>&-
	wait_for 15 'the gateway has the last config in force' applied_without_registry
	pings web "$NAS" 3
	silent guest "$NAS" 1

	registry_up 3>&-
	wait_for 30 'all is in sync again' in_sync
	[ "$(wm -j list-hosts | jq '.meshes[0].hosts | length')" = 4 ]
}

# at <instance> <generation>: what is in force there, and its registry has no fault.
at() { gateway "$1" status -j | jq -e ".config.in_force and .config.generation == $2 and (.registry.problem // \"\" == \"\")"; }
refuses_the_older() { gateway a status -j | jq -e '.registry.problem // "" | contains("put back")'; }

@test "a registry that was put back: refused while it is behind, followed when it has come past" {
	local generation
	kill_registry
	cp -a "$WM_DEMO_DIR/registry" "$BATS_TEST_TMPDIR/copy"
	registry_up 3>&-
	wait_for 30 'all is in sync again' in_sync
	wm add-host guest.a --local-ip 192.168.1.99 >/dev/null
	wait_for 10 'the guest passes' pings guest "$NAS" 1
	generation=$(gateway a status -j | jq .config.generation)

	kill_registry
	rm -rf "$WM_DEMO_DIR/registry"
	cp -a "$BATS_TEST_TMPDIR/copy" "$WM_DEMO_DIR/registry"
	registry_up 3>&-
	wait_for 60 'the gateway says that the registry was put back' refuses_the_older
	pings guest "$NAS" 1
	wm add-host other.a --local-ip 192.168.1.98 >/dev/null
	wait_for 90 'the same number, but another generation, is in force' silent guest "$NAS" 1
	wait_for 10 'and its registry has no fault' at a "$generation"
	wm remove other.a >/dev/null
	wait_for 90 'all follow again' at a $((generation + 1))
	wait_for 90 'all is in sync again' in_sync
	[ "$(gateway a status -j | jq .config.hosts)" = 4 ]
	silent guest "$NAS" 1
}

kill_registry() {
	local registry
	registry=$(pid_of hub wm-registry)
	kill -9 $registry
	wait_for 5 'the registry is gone' gone "$registry"
}

applied_without_registry() {
	# status exits 1: something is wrong.
	gateway a status -j | jq -e '.config.in_force and (.registry.problem | length > 0)'
}

# registry <path> [<curl option>...]: as the operator.
registry() {
	ns hub curl -sSf --max-time 20 --cacert "$WM_DEMO_DIR/tls/ca.pem" -H "Authorization: Bearer $(cat "$WM_DEMO_DIR/master.token")" \
		"https://198.51.100.1:8443$1" "${@:2}"
}
called() { grep -q "^$2[[:space:]].*\b$3\b" "$WM_DEMO_DIR/etc/$1/hosts"; } # called <instance> <address> <name>

@test "hosts that take each other's addresses do so in every gateway, in one import, and undo takes it back" {
	local before
	before=$(gateway a status -j | jq .config.generation)
	pings nas "$WEB" 1
	silent kiosk "$NAS" 1 # isolated
	registry /v1/export | jq --arg web "$WEB" --arg kiosk "$KIOSK" '.hosts |= map(if .wg_ip == $web then .wg_ip = $kiosk
		elif .wg_ip == $kiosk then .wg_ip = $web else . end)' >"$BATS_TEST_TMPDIR/swapped"
	registry /v1/import --data-binary "@$BATS_TEST_TMPDIR/swapped" | jq -e '[.plan.add, .plan.change, .plan.remove | length] == [0, 2, 0]'
	wait_for 30 'all is in sync again' in_sync
	wait_for 10 'one generation has it all' at a $((before + 1))
	for gw in b hub; do
		wait_for 10 "$gw calls it so" called "$gw" "$KIOSK" web.a
		wait_for 10 "$gw calls it so" called "$gw" "$WEB" kiosk.a
	done
	# who is isolated still is, under the other's address
	wait_for 10 'it answers under its new address' pings nas "$WEB" 1
	pings web "$NAS" 1
	silent kiosk "$NAS" 1
	registry /v1/undo -X POST | jq -e '.changes | length == 2'
	wait_for 30 'all is in sync again' in_sync
	wait_for 10 'it is as before' called b "$WEB" web.a
	pings web "$NAS" 1
	silent kiosk "$NAS" 1
}

@test "no registry, and nothing left in the kernel: what changed last comes back from the journal" {
	local registry
	wm add-host guest.a --local-ip 192.168.1.99 >/dev/null
	wait_for 10 'the guest passes' pings guest "$NAS" 1
	registry=$(pid_of hub wm-registry)
	kill -9 $registry "$(pid_of gw-a wm-agent)" "$(pid_of gw-a wm-gateway)"
	wait_for 5 'the registry is gone' gone "$registry"
	[ -s "$WM_DEMO_DIR/state/a/config.changes" ]
	wait_for 10 'nobody holds the lock' gateway a down
	silent web "$NAS" 1
	# A machine that stopped in the middle of writing the next change.
	head -c 100 "$WM_DEMO_DIR/state/a/config.changes" >>"$WM_DEMO_DIR/state/a/config.changes"
	agent_up a 3>&-
	wait_for 15 'the gateway has the last config in force' applied_without_registry
	wait_for 10 'the guest passes' pings guest "$NAS" 1

	registry_up 3>&-
	wait_for 30 'all is in sync again' in_sync
	wm remove guest.a >/dev/null
	wait_for 10 'the guest is blocked again' silent guest "$NAS" 1
	wait_for 30 'all is in sync again' in_sync
	[ "$(gateway a status -j | jq .config.hosts)" = 4 ]
}

waits_here() { gateway a status -j | jq -e '.config.waits | contains("wm-gateway confirm")'; }
checked() { wm check >"$BATS_TEST_TMPDIR/check" 2>&1 || true; grep -q 'a .*waits: it removes.*wm-gateway confirm' <(tr -s ' \n' ' ' <"$BATS_TEST_TMPDIR/check"); }

@test "most of the mesh gone at the registry: gateways wait and traffic flows, wm check says so, and undo ends it" {
	local before
	before=$(gateway a status -j | jq .config.generation)
	registry /v1/export | jq '.hosts = [] | .devices = []' >"$BATS_TEST_TMPDIR/empty"
	registry /v1/import --data-binary "@$BATS_TEST_TMPDIR/empty" | jq -e '.plan.remove | length == 6'
	wait_for 30 'the gateway waits' waits_here
	at a "$before" || true
	pings web "$NAS" 1
	wait_for 30 'the operator is told' checked
	registry /v1/undo -X POST >/dev/null
	wait_for 90 'all is in sync again' in_sync
	pings web "$NAS" 1
}
