#!/usr/bin/env bats
# What was acknowledged is there, whatever happens to the server.
#
#   WM_KILLS=1000 B=build bats tests/registry/durable.bats    that many kills instead of twenty
#
# time limit: 300 s

load registry

@test "kill -9 under fifty writers: no acknowledged change is lost, none is there by half" {
	start
	ok POST /v1/sites '{"domain":"a"}'
	total=0
	for ((round = 1; round <= ${WM_KILLS:-20}; round++)); do
		perl tests/registry/writers.pl write "${URL##*:}" "$ADMIN" "$D/state" >"$D/count" 2>"$D/wrong" 3>&- &
		writers=$!
		echo $writers >>"$D/pids"
		# somewhere in the middle: after a while that is another each time
		sleep "0.$(printf %03d $((RANDOM % 400 + 50)))"
		stop KILL
		wait "$writers" || { cat "$D/wrong" >&2; false; }
		total=$((total + $(cat "$D/count")))
		run "$REGISTRY" check --data "$D/data"
		[ "$status" = 0 ] || fails "round $round: $output"
		start
		run perl tests/registry/writers.pl verify "${URL##*:}" "$ADMIN" "$D/state"
		[ "$status" = 0 ] || fails "round $round: $output"
		rm -f "$D"/log.*
	done
	echo "# $total changes were acknowledged in $((round - 1)) rounds" >&3
	[ "$total" -gt $((round * 10)) ]
	stop
	db=$D/data/registry.db
	# generations without a gap (of the last 100,000, which the log keeps), one change and one line of audit for each
	generation=$(sqlite3 "$db" 'SELECT generation FROM mesh')
	kept=$((generation > 100000 ? 100000 : generation - 1))
	[ "$(sqlite3 "$db" 'SELECT count(*), min(generation) FROM change')" = "$kept|$((generation - kept + 1))" ]
	[ "$(sqlite3 "$db" 'SELECT count(DISTINCT generation) FROM change')" = "$(sqlite3 "$db" 'SELECT count(*) FROM change')" ]
	[ -z "$(sqlite3 "$db" 'SELECT * FROM change c WHERE (SELECT count(*) FROM audit a WHERE a.generation = c.generation AND a.name = c.name
		AND a.after IS c.body) <> 1')" ]
	# each line of the audit begins where the one before has ended
	[ -z "$(sqlite3 "$db" "SELECT * FROM (SELECT before, lag(after) OVER (PARTITION BY name ORDER BY id) AS was FROM audit
		WHERE kind = 'host') WHERE before IS NOT was")" ]
}
