#!/usr/bin/env bats
# A real gateway is replaced by a real release that its own registry gives out,
# and one that cannot work is taken back: under traffic, of which nothing is
# lost. What bad servers try is in tests/update.
#
# time limit: 240 s

load lib/mesh
load lib/single
load lib/releases

NEXT=$((${OWN%%.*} + 1)).${OWN#*.}
AFTER=$((${OWN%%.*} + 2)).${OWN#*.}

setup_file() {
	single_begin u --downloads "/run/wmt$$-u/www"
	echo WM_UPDATE_PROVE=60 >>"$WM_DEMO_DIR/etc/a/gateway.env"
	publisher
	# shellcheck disable=SC2046 # a list of words
	ip netns exec "$WM_DEMO-gw" env $(single_paths) "$BIN/wm-agent" --instance a </dev/null >"$WM_DEMO_DIR/log/agent" 2>&1 3>&- &
	wait_for 30 'the gateway is in sync' gateway_at "$OWN"
}

teardown_file() { demo down; }
setup() { use_demo; }

gateway_at() { [ "$(status | jq -r 'select(.config.in_force and .registry.seen > 0).version')" = "$1" ]; }

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
