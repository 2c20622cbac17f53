#!/usr/bin/env bats
# A real gateway is replaced by a real release that its own registry gives out,
# and one that cannot work is taken back: under traffic, of which nothing is
# lost. What bad servers try is in tests/update.
#
#   gw: lan0 192.168.1.1/24 -- eth0 192.168.1.10 lan (web.a);  a registry on gw's own 127.0.0.1:8099
#
# time limit: 240 s

load lib/mesh

# The same programs with another version in them, of the same length. (LIBBPF_0.1.0 is none of ours.)
OWN=$("$BIN/wm-agent" --version | cut -d ' ' -f 2)
NEXT=$((${OWN%%.*} + 1)).${OWN#*.}
AFTER=$((${OWN%%.*} + 2)).${OWN#*.}

setup_file() {
	mesh_begin u
	mkdir -p "$WM_DEMO_DIR/log" "$WM_DEMO_DIR/bpf" "$WM_DEMO_DIR/etc/a" "$WM_DEMO_DIR/www"
	mount -t bpf bpf "$WM_DEMO_DIR/bpf"
	for machine in gw lan; do
		ip netns add "$WM_DEMO-$machine"
		in_ns "$machine" link set lo up
	done
	in_ns gw link add lan0 type veth peer name eth0 netns "$WM_DEMO-lan"
	in_ns lan link set eth0 up
	in_ns lan addr add 192.168.1.10/24 dev eth0
	in_ns gw link set lan0 up
	in_ns gw addr add 192.168.1.1/24 dev lan0
	in_ns lan route add default via 192.168.1.1
	WM_REGISTRY_TOKEN=master-of-the-test ip netns exec "$WM_DEMO-gw" "$BIN/wm-registry" serve --env-file /dev/null \
		--data "$WM_DEMO_DIR/registry" --downloads "$WM_DEMO_DIR/www" --listen 127.0.0.1:8099 </dev/null \
		>"$WM_DEMO_DIR/log/registry" 2>&1 3>&- &
	wait_for 10 'the registry answers' ns gw curl -sf http://127.0.0.1:8099/health
	WM_REGISTRY_TOKEN=master-of-the-test operate mesh add http://127.0.0.1:8099
	operate add-site a >/dev/null
	operate add-host web.a --local-ip 192.168.1.10
	minisign -G -W -p "$WM_DEMO_DIR/etc/a/release.pub" -s "$WM_DEMO_DIR/key" >/dev/null
	printf '%s\n' SITE_DOMAIN=a WM_REGISTRY_URL=http://127.0.0.1:8099 LXC_IFACES=192.168.1.1 WM_UPDATE_PROVE=60 \
		WM_REGISTRY_TOKEN="$(operate -j enrol a | jq -er .enrolment.token)" WM_INTERFACE="$(interface_of a)" \
		>"$WM_DEMO_DIR/etc/a/gateway.env"
	ip netns exec "$WM_DEMO-gw" env WM_ETC="$WM_DEMO_DIR/etc" WM_STATE="$WM_DEMO_DIR/state" WM_RUN="$WM_DEMO_DIR/run" \
		WM_BPFFS="$WM_DEMO_DIR/bpf" "$BIN/wm-agent" --instance a </dev/null >"$WM_DEMO_DIR/log/agent" 2>&1 3>&- &
	wait_for 30 'the gateway is in sync' gateway_at "$OWN"
}

teardown_file() { demo down; }
setup() { use_demo; }

operate() { ns gw env WM_CONFIG_DIR="$WM_DEMO_DIR/operator" "$BIN/wm" "$@"; }
on_gw() {
	ns gw env WM_ETC="$WM_DEMO_DIR/etc" WM_STATE="$WM_DEMO_DIR/state" WM_RUN="$WM_DEMO_DIR/run" WM_BPFFS="$WM_DEMO_DIR/bpf" "$@"
}
status() { on_gw "$BIN/wm-gateway" status -j --instance a; }
gateway_at() { [ "$(status | jq -r 'select(.config.in_force and .registry.seen > 0).version')" = "$1" ]; }

publish() { # publish VERSION: of what is in $BATS_TEST_TMPDIR/built, put there unless it is there
	local built=$BATS_TEST_TMPDIR/built program
	mkdir -p "$built"
	for program in wm-gateway wm-fetch; do
		[ -e "$built/$program" ] || LC_ALL=C sed "s/\\([^_0-9A-Za-z.]\\)${OWN//./\\.}/\\1$1/g" "$BIN/$program" >"$built/$program"
		chmod 755 "$built/$program"
	done
	B=$built "$ROOT/scripts/release" --key "$WM_DEMO_DIR/key" --out "$WM_DEMO_DIR/www"
}

# under_traffic <command>...: while web pings its gateway by overlay address, and every ping comes back
under_traffic() {
	local ping log=$BATS_TEST_TMPDIR/ping
	ip netns exec "$WM_DEMO-lan" ping -n -q -i 0.02 172.30.1.1 >"$log" 2>&1 3>&- &
	ping=$!
	run "$@"
	kill -INT "$ping"
	wait "$ping" || true
	cat "$log"
	grep -q ', 0% packet loss' "$log"
	echo "$output"
}

@test "a release from the registry's downloads is taken, and no packet is lost" {
	publish "$NEXT"
	under_traffic on_gw "$BIN/wm-gateway" update --instance a
	[[ "$status" = 0 && "$output" == "$NEXT is in force"* ]]
	gateway_at "$NEXT"
	[ "$(readlink "$WM_DEMO_DIR/state/a/releases/current")" = "$NEXT" ]
	status | jq -e '.update.refused == null and .update.available == null and (.update.from | endswith(":8099/downloads"))'
	# Who is typed is of that version, too.
	on_gw "$BIN/wm-bpf" maps --instance a >/dev/null
	[ "$(on_gw "$BIN/wm-gateway" --version --instance a)" = "wm-gateway $NEXT" ]
}

@test "one whose wm-fetch cannot work is never in sync, and is taken back" {
	mkdir "$BATS_TEST_TMPDIR/built"
	cp /bin/true "$BATS_TEST_TMPDIR/built/wm-fetch"
	publish "$AFTER"
	sed -i 's/^WM_UPDATE_PROVE=.*/WM_UPDATE_PROVE=3/' "$WM_DEMO_DIR/etc/a/gateway.env"
	under_traffic on_gw "$BIN/wm-gateway" update --instance a
	[[ "$status" = 1 && "$output" == *"$AFTER was started and taken back"* ]]
	wait_for 20 'the one before runs again' gateway_at "$NEXT"
	status | jq -e --arg v "$AFTER" '.update.available == $v and (.update.refused | test("taken back"))'
	run on_gw "$BIN/wm-gateway" status --instance a
	[[ "$output" == *"taken back"* ]]
}

@test "self-test says what can be used, and leaves nothing" {
	local before
	before=$(kernel_of gw)
	run on_gw env WM_NO_HANDOVER=1 "$BIN/wm-gateway" self-test --instance a
	[[ "$status" = 0 && "${lines[0]}" = "wm-gateway $OWN" && "${lines[1]}" = 'data plane '* ]]
	diff <(echo "$before") <(kernel_of gw)
}
