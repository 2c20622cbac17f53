#!/usr/bin/env bats
# The benchmark with a real tunnel does its work and finds faults that are made on purpose. No time is looked at.
# time limit: 180 s

setup() {
	BENCH=$BATS_TEST_DIRNAME/../../${B:-build}/wm-bench-tunnel
	local major minor
	IFS=.- read -r major minor _ < <(uname -r)
	[ "$((major * 100 + minor))" -ge 602 ] || skip 'it renames devices that are up: kernel 6.2'
}

@test "every packet comes through the tunnel right, and every byte of a stream" {
	local out=$BATS_TEST_TMPDIR/out
	"$BENCH" --hosts 10 --rounds 1 --packets 100 --kilobytes 300 --out "$out" >"$BATS_TEST_TMPDIR/table"
	cmp "$BATS_TEST_TMPDIR/table" "$out/tunnel.txt"
	jq -e '[.measures[].name] == ["udp_to_lan", "udp_to_wg", "tcp_to_lan", "tcp_to_wg"]' "$out/tunnel.json"
	jq -e '[.measures[].rivals | length] == [5, 5, 5, 5]' "$out/tunnel.json"
	jq -e '[.measures[].rivals[].cost] | all(. > 0)' "$out/tunnel.json"
}

@test "a packet that is lost or comes out with a wrong address ends the run by name" {
	local what
	for what in 'lost packets are lost' 'address a packet came out with a wrong address or port'; do
		run "$BENCH" --hosts 10 --rounds 1 --packets 100 --rival "fault_${what%% *}"
		[ "$status" = 1 ]
		[[ $output == *"wm-bench-tunnel: fault_${what%% *}: ${what#* }"* ]]
	done
}

@test "nothing is left of a run that is ended in its midst" {
	"$BENCH" --rounds 1000 >/dev/null 2>"$BATS_TEST_TMPDIR/err" &
	local pid=$! go
	until grep -q '^# ' "$BATS_TEST_TMPDIR/err"; do
		kill -0 "$pid"
		sleep 0.1
	done
	go=$(pgrep -P "$pid" wireguard-go | tr '\n' ' ')
	[ "$(wc -w <<<"$go")" = 10 ]
	kill -KILL "$pid"
	wait "$pid" || true
	for _ in $(seq 100); do
		# shellcheck disable=SC2086 # a list of words
		kill -0 $go 2>/dev/null || return 0
		sleep 0.1
	done
	false
}
