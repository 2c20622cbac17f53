#!/usr/bin/env bats
# A change of many objects is made beside all else: reading goes on, who changes something waits. On SQLite.
# bats file_tags=sqlite

load registry

import_of() { # N hosts of site a
	jq -nc --argjson n "$1" '{sites: [{domain: "a", subnet: "10.16.0.0/14"}], hosts: [range($n) | {name: "h\(.)", domain: "a",
		local_ip: "10.0.\(. / 250 | floor).\(. % 250 + 1)"}]}' >"$D/in"
}

during() { # GENERATION METHOD PATH FILE
	perl tests/registry/during.pl "${URL##*:}" "$ADMIN" "$D/data/registry.db" "$@" >"$D/seen"
	grep -qx 'added 201' "$D/seen" || fails "$(cat "$D/seen")"
	grep -qx 'answered 200' "$D/seen" || fails "$(cat "$D/seen")"
	# of thousands
	[ "$(sed -n 's/^seen //p' "$D/seen")" -gt 30 ] || fails "$(cat "$D/seen")"
}

@test "while thousands are imported or taken back, what was there is read, and changes wait and are made then" {
	start --supernet 10.16.0.0/12
	ok POST /v1/sites '{"domain":"a","subnet":"10.16.0.0/14"}'
	import_of 30000
	gen=$(generation)
	during "$gen" POST '/v1/import?keep=1' "$D/in"
	[ "$(generation)" = $((gen + 2)) ]
	ok GET '/v1/audit?limit=2'
	is '[.audit[] | .what + " " + .kind] | join(",")' 'add host,import mesh'
	ok DELETE /v1/hosts/meanwhile.a
	ok POST /v1/import "$(jq -c '.hosts = []' "$D/in")"
	: >"$D/none"
	during "$(generation)" POST /v1/undo "$D/none"
	ok GET /v1/hosts
	is '.hosts | length' 30001
	run "$REGISTRY" check --data "$D/data"
	[ "$status" = 0 ]
}

@test "told to end in the middle of it, it ends, and nothing of it is there" {
	start --supernet 10.16.0.0/12
	ok POST /v1/sites '{"domain":"a","subnet":"10.16.0.0/14"}'
	import_of 60000
	gen=$(generation)
	curl -sS -m "$LIMIT" -H "Authorization: Bearer $ADMIN" -o "$D/answer" -w '%{http_code}' --data-binary "@$D/in" \
		"$URL/v1/import?keep=1" >"$D/code" 3>&- &
	importing=$!
	# it has begun when nobody else may write
	for ((n = 0; n < LIMIT * 100; n++)); do
		sqlite3 "$D/data/registry.db" 'BEGIN IMMEDIATE; ROLLBACK' 2>/dev/null || break
		sleep 0.01
	done
	[ "$(generation)" = "$gen" ]
	# what a gateway reports is taken, if not for good
	ok PUT /v1/sites/a/status '{"generation":1,"preshared":true}'
	ok GET /v1/status
	is '.sites | length' 1
	[ "$(generation)" = "$gen" ]
	stop
	[ "$RC" = 0 ]
	wait "$importing"
	[ "$(cat "$D/code")" = 503 ]
	grep -q 'is being stopped; nothing was changed' "$D/answer"
	start --supernet 10.16.0.0/12
	[ "$(generation)" = "$gen" ]
	import_of 10
	ok POST '/v1/import?keep=1' "$(cat "$D/in")"
}
