#!/usr/bin/env bats
# bench/registry measures what it says: every line is there, with numbers; no time is looked at.
# time limit: 200 s

@test "bench/registry" {
	out=$BATS_TEST_TMPDIR/out
	B=${B:-build} run bench/registry --hosts '10 200' --waiters 50 --seconds 1 --connections 4 --data "$BATS_TEST_TMPDIR" --out "$out"
	echo "$output" >&2
	[ "$status" = 0 ]
	for hosts in 10 200; do
		for what in 'read one host' 'ask for changes, none' 'fetch one change' 'fetch all of it' 'add hosts, one client' \
			'add hosts, 4 clients' 'memory, the most so far'; do
			jq -e --argjson h "$hosts" --arg w "$what" '[.rows[] | select(.hosts == $h and .what == $w)] | length == 1' "$out/registry.json"
		done
	done
	jq -e '[.rows[] | select(.what == "50 clients wait" or .what == "one change, all have it" or
		.what == "the same, connections kept")] | length == 3' "$out/registry.json"
	jq -e 'all(.rows[]; to_entries | length > 2 and all(.[]; .value != null))' "$out/registry.json"
	# a change is as large in a mesh of 200 as in one of 10
	jq -e '[.rows[] | select(.what == "fetch one change").bytes] | max - min < 20' "$out/registry.json"
	[ "$(wc -l <"$out/registry.txt")" = 20 ]
	[ -z "$(ls "$BATS_TEST_TMPDIR" | grep wm-bench)" ]
}
