#!/usr/bin/env bats
# The benchmark does its work and finds faults that are made on purpose. No time is looked at.
# time limit: 480 s

setup() {
	BENCH=$BATS_TEST_DIRNAME/../../${B:-build}/wm-bench
	local major minor
	IFS=.- read -r major minor _ < <(uname -r)
	[ "$((major * 100 + minor))" -ge 602 ] || skip 'it renames devices that are up: kernel 6.2'
}

faulty() { # faulty <fault> <what is said of it>
	run "$BENCH" --hosts 10 --rounds 1 --packets 100 --load wg_to_lan --rival "fault_$1"
	[ "$status" = 1 ]
	[[ "$output" = *"wm-bench: wg -> LAN, 10 hosts: fault_$1: "*" packets $2"* ]]
}

@test "every rival but those of iptables carries every packet right" {
	local out=$BATS_TEST_TMPDIR/out
	for rival in wm_ nft_ plain; do
		"$BENCH" --hosts 10 --rounds 1 --packets 480 --rival "$rival" --out "$out" >"$BATS_TEST_TMPDIR/table"
	done
	cmp "$BATS_TEST_TMPDIR/table" "$out/table.txt"
	jq -e --argjson processors "$(nproc)" '(.measures | length == 12) and (.streams | length == 4) and
		((.transits | length == 4) or $processors < 2)' "$out/result.json"
	jq -e '[.streams[].rivals[] | select(.packet_bytes < 20000)] == []' "$out/result.json"
	jq -e '[.measures[].rivals[] | select(.rival == "plain")] | length == 6' "$out/result.json"
	jq -e '(.programs | length == 7) and (.stats | length == 8)' "$out/result.json"
	jq -e '[.targets[].reached] - ["yes", "no", "not measured"] == []' "$out/result.json"
	diff <(sed -n '/^WHAT /,$p' "$out/targets.txt") <(sed -n '/^WHAT /,$p' "$out/table.txt")
	grep -q '^</svg>$' "$out/path.svg"
}

@test "the programs alone do what they should" {
	run "$BENCH" --cost --hosts 10,1000 --rounds 1 -j
	[ "$status" = 0 ]
	sed '/^#/d' <<<"$output" >"$BATS_TEST_TMPDIR/cost"
	jq -e '.programs | map(select(.program == "wg_in")) | length == 2' "$BATS_TEST_TMPDIR/cost"
	jq -e '.program_growth | map(select(.ns_at_10 >= 0 and has("at_1000"))) | length == 7' "$BATS_TEST_TMPDIR/cost"
}

@test "targets say what the measures say" {
	"$BENCH" --hosts 1000 --rounds 3 --packets 240 --load wg_to_lan --rival nft_ct -j >"$BATS_TEST_TMPDIR/result"
	jq -e '[.targets[] | select(.measured)] | length >= 1 and
		all((.measured >= .target) == (.reached == "yes"))' "$BATS_TEST_TMPDIR/result"
	jq -e '(.measures[0].rivals[] | select(.rival == "nft_ct_maps").bpf_percent) as $percent |
		.targets[] | select(.what == "wg -> LAN, over nft conntrack maps" and .hosts == 1000) |
		.measured * 100 - $percent | fabs < 1' "$BATS_TEST_TMPDIR/result"
}

@test "more hosts are a ratio, and rules for each of too many are left out with a word" {
	"$BENCH" --hosts 10,10001 --rounds 1 --packets 100 --load wg_to_lan_one --rival _rules -j >"$BATS_TEST_TMPDIR/one"
	jq -e '[.measures[1].rivals[] | select(.rival | endswith("_rules"))] | length == 2 and
		all(.rounds == 0 and .ns == null and (.lacks | startswith("left out: ")))' "$BATS_TEST_TMPDIR/one"
	"$BENCH" --hosts 10,20 --rounds 1 --packets 100 --load relay --rival plain -j >"$BATS_TEST_TMPDIR/two"
	jq -e '[.growth[] | select(.load == "relay") | select(.ns_at_10 > 0 and .at_20 > 0)] | length == 3' "$BATS_TEST_TMPDIR/two"
}

@test "a look at the counters that leaves out a host is none" {
	cp "$BENCH" "$BATS_TEST_TMPDIR/wm-bench"
	printf '#!/bin/sh\nfor h in 0 1 2 3 4 5 6 7 8; do echo "h$h.s 1"; done\n' >"$BATS_TEST_TMPDIR/wm-bpf"
	chmod +x "$BATS_TEST_TMPDIR/wm-bpf"
	run "$BATS_TEST_TMPDIR/wm-bench" --hosts 10 --rounds 1 --load stats
	[ "$status" = 1 ]
	[[ "$output" = *"wm-bpf stats, 10 hosts: bpf: wm-bpf stats names 9 hosts, not 10"* ]]
}

@test "what a run has found becomes the page" {
	local here=$BATS_TEST_DIRNAME/../.. out=$BATS_TEST_TMPDIR/out tree=$BATS_TEST_TMPDIR/tree
	mkdir -p "$out" "$tree/bench" "$tree/docs"
	cp "$here/bench/publish" "$tree/bench"
	cp "$here/docs/performance.md" "$tree/docs"
	run "$tree/bench/publish" "$out"
	[ "$status" = 1 ]
	cmp "$here/docs/performance.md" "$tree/docs/performance.md"
	"$BENCH" --hosts 10 --rounds 1 --packets 100 --load relay --out "$out" >/dev/null
	"$tree/bench/publish" "$out"
	diff <(sed 's/ *$//' "$out/targets.txt") <(sed -n '/^<!-- measured/,/^<!-- end/p' "$tree/docs/performance.md" | sed '1,2d' | head -n -2)
	cmp "$out/result.json" "$tree/docs/performance.json"
	cp "$tree/docs/performance.md" "$BATS_TEST_TMPDIR/once"
	"$tree/bench/publish" "$out"
	cmp "$BATS_TEST_TMPDIR/once" "$tree/docs/performance.md"
}

@test "a packet that is lost, mistranslated, too old or broken ends the run by name" {
	faulty lost 'are lost'
	faulty address 'came out with a wrong address or port'
	faulty ttl 'came out with a wrong TTL'
	faulty checksum 'came out with a wrong UDP checksum'
}

@test "a packet that is wrong ends the run also where its way is timed" {
	[ "$(nproc)" -ge 2 ] || skip 'who sends needs a processor of its own'
	run "$BENCH" --hosts 10 --rounds 1 --packets 100 --load transit_to_lan --rival fault_address
	[ "$status" = 1 ]
	[[ "$output" = *"fault_address: "*" packets came out with a wrong address or port"* ]]
}

@test "bytes that are mangled in a stream, and a stream that does not get through, end the run by name" {
	local tcp=(--hosts 10 --rounds 1 --packets 100 --load tcp_to_lan)
	run "$BENCH" "${tcp[@]}" --rival fault_bytes
	[ "$status" = 1 ]
	[[ "$output" = *"wm-bench: TCP, wg -> LAN, "*": fault_bytes: bytes of a stream came out wrong, after 0 right ones"* ]]
	run "$BENCH" "${tcp[@]}" --rival fault_ttl
	[ "$status" = 1 ]
	[[ "$output" = *"fault_ttl: "*" packets came out with a wrong TTL"* ]]
}

@test "nothing is left of a run that is ended in its midst" {
	"$BENCH" --hosts 1000 --rounds 1000 --rival wm_nft >/dev/null 2>"$BATS_TEST_TMPDIR/err" &
	local pid=$!
	until grep -q '^# ' "$BATS_TEST_TMPDIR/err"; do sleep 0.1; done
	grep -qs "^napi/n$pid\." /proc/[0-9]*/comm
	kill -KILL "$pid"
	wait "$pid" || true
	for _ in $(seq 100); do
		grep -qs "^napi/n$pid\." /proc/[0-9]*/comm || return 0
		sleep 0.1
	done
	false
}
