#!/usr/bin/env bats
# bench/propagation measures what it says, with real gateways and simulated ones; no time is looked at.
# time limit: 120 s

@test "bench/propagation" {
	out=$BATS_TEST_TMPDIR/out
	B=${B:-build} run bench/propagation --gateways '1 4' --real 2 --hosts 50 --rounds 3 --data "$BATS_TEST_TMPDIR" --out "$out"
	echo "$output" >&2
	[ "$status" = 0 ]
	jq -e '[.rows[] | [.gateways, .which, .of_them]] == [[1, "real", 1], [4, "real", 2], [4, "simulated", 2]]' "$out/propagation.json"
	jq -e 'all(.rows[]; .p50_ms > 0 and .p50_ms <= .p99_ms and .p99_ms <= .most_ms)' "$out/propagation.json"
	[ "$(wc -l <"$out/propagation.txt")" = 5 ]
	[ -z "$(ls "$BATS_TEST_TMPDIR" | grep wmprop)" ]
	[ -z "$(ip netns list | grep wmprop)" ]
}
