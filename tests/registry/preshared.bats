#!/usr/bin/env bats
# Preshared keys: who gets which, when, and nobody else.
# time limit: 300 s

load registry

setup() {
	start
	mesh
	for i in "hub 1" "b 2"; do
		set -- $i
		ok PATCH "/v1/sites/$1" "{\"public_key\":\"$(key "$2")\"}"
	done
	hub=$(new_token gateway hub) b=$(new_token gateway b)
}

report() { # SITE TOKEN PRESHARED, false or true
	TOKEN=$2 ok PUT "/v1/sites/$1/status" "{\"generation\":1,\"preshared\":$3}"
}

shared() { # TOKEN SITE: the key that the one's gateway has with that site, "null" without
	TOKEN=$1 api GET /v1/config
	code 200 && jq -r "select(.site.domain == \"$2\").site.preshared_key" <<<"$BODY"
}

# The same of all that changed after a generation; 410: ask for the whole.
changed() { # TOKEN GENERATION
	TOKEN=$1 api GET "/v1/changes?after=$2&instance=$(instance)"
}

instance() {
	curl -sS -m "$LIMIT" -H "Authorization: Bearer $ADMIN" "$URL/v1/whoami" | jq -r .instance
}

@test "two gateways have a preshared key once both have said that they take one" {
	[ "$(shared "$hub" b)" = null ]
	report hub "$hub" true
	[ "$(shared "$hub" b)" = null ]
	report b "$b" true
	one=$(shared "$hub" b)
	[ ${#one} = 44 ]
	[ "$(shared "$b" hub)" = "$one" ]
	[ "$(shared "$b" b)" = null ] # with itself
	# said again, it is no change; an earlier version says nothing of it, which ends it
	before=$(generation)
	report b "$b" true
	[ "$(generation)" = "$before" ]
	TOKEN=$b ok PUT /v1/sites/b/status '{"generation":1}'
	[ "$(generation)" = $((before + 1)) ]
	[ "$(shared "$hub" b)" = null ]
	[ "$(shared "$b" hub)" = null ]
	report b "$b" true
	[ "$(shared "$hub" b)" = "$one" ]
}

@test "of three gateways each pair has a key of its own, and only peers have one" {
	ok POST /v1/sites "{\"domain\":\"c\",\"public_key\":\"$(key 3)\"}"
	ok POST /v1/sites "{\"domain\":\"d\",\"public_key\":\"$(key 4)\"}"
	c=$(new_token gateway c) d=$(new_token gateway d)
	report hub "$hub" true; report b "$b" true; report c "$c" true; report d "$d" true
	keys=("$(shared "$hub" b)" "$(shared "$hub" c)" "$(shared "$b" c)" "$(shared "$b" d)")
	[ "$(printf '%s\n' "${keys[@]}" | sort -u | grep -c '^.\{44\}$')" = 4 ]
	[ "$(shared "$c" b)" = "${keys[2]}" ]
	[ "$(shared "$c" d)" = null ] # neither can be reached: they meet at the hub
	[ "$(shared "$d" c)" = null ]
	TOKEN=$d ok GET /v1/config
	[ "$(grep -c preshared_key <<<"$BODY")" = 2 ] # hub and b; devices have none
}

@test "nobody but the two is shown it, and nothing keeps it" {
	report hub "$hub" true; report b "$b" true
	one=$(shared "$hub" b)
	read=$(new_token read ops) device=$(new_token device laptop)
	for token in "$ADMIN" "$read" "$device"; do
		TOKEN=$token ok GET /v1/config
		not grep -q preshared_key <<<"$BODY"
	done
	for path in /config /v1/sites /v1/sites/b /v1/export '/v1/audit?limit=1000' /v1/status /metrics; do
		ok GET "$path"
		not grep -q 'preshared_key' <<<"$BODY"
	done
	TOKEN=$hub api GET /config
	code 403
	stop
	not grep -rqF "$one" "$D/data" "$D/log"
	not grep -q "$(sql 'SELECT hex(secret) FROM mesh' 2>/dev/null || sql "SELECT encode(secret, 'hex') FROM mesh")" "$D/log"
}

@test "what has changed: the other's key comes with it, and one's own makes everything new" {
	report hub "$hub" true
	before=$(generation)
	report b "$b" true
	changed "$hub" "$before"
	code 200
	one=$(jq -r 'select(.site).site.preshared_key' <<<"$BODY")
	[ ${#one} = 44 ]
	changed "$b" "$before"
	code 410
	# a new key pair at one end: another preshared key, which the other is told with it
	before=$(generation)
	TOKEN=$b ok PATCH /v1/sites/b "{\"public_key\":\"$(key 5)\"}"
	changed "$hub" "$before"
	code 200
	two=$(jq -r 'select(.site).site.preshared_key' <<<"$BODY")
	[ ${#two} = 44 ]
	[ "$two" != "$one" ]
	changed "$b" "$before"
	code 410
	[ "$(shared "$b" hub)" = "$two" ]
	# what others do has no part in it
	before=$(generation)
	ok POST /v1/hosts '{"name":"cam","domain":"b","local_ip":"192.168.1.11"}'
	changed "$b" "$before"
	code 200
	[ "$(shared "$hub" b)" = "$two" ]
}

@test "keys outlive a restart, and are others after renew --preshared-keys" {
	report hub "$hub" true; report b "$b" true
	one=$(shared "$hub" b)
	stop
	start
	[ "$(shared "$hub" b)" = "$one" ]
	where=(--data "$D/data")
	[ -z "${PG_DIR-}" ] || where=("${WITH[@]}")
	stop
	renew() { env "${CLEAN[@]}" "${WITH[@]}" "$REGISTRY" renew --data "$D/data" "$@"; }
	renew
	start
	[ "$(shared "$hub" b)" = "$one" ]
	stop
	renew --preshared-keys
	start
	two=$(shared "$hub" b)
	[ ${#two} = 44 ]
	[ "$two" != "$one" ]
	[ "$(shared "$b" hub)" = "$two" ]
}

@test "an enrolment says it too; an import and undo leave it" {
	ok POST /v1/enrolments '{"kind":"gateway","name":"b"}'
	before=$(generation)
	TOKEN=$(jq -r .token <<<"$BODY") ok POST /v1/enrol "{\"public_key\":\"$(key 6)\",\"token\":\"$(own_token wmg_ 6)\",\"preshared\":true}"
	[ "$(generation)" = $((before + 1)) ]
	ok GET /v1/sites/b
	is .preshared true
	ok GET /v1/export
	not grep -q preshared <<<"$BODY"
	ok POST /v1/import "$(jq '.sites[0].endpoint = "198.51.100.9:1"' <<<"$BODY")"
	ok GET /v1/sites/b
	is .endpoint 198.51.100.9:1
	is .preshared true
	ok POST /v1/undo
	ok GET /v1/sites/b
	is .preshared true
	# alone, it is nothing that anybody could take back
	TOKEN=$(own_token wmg_ 6) ok PUT /v1/sites/b/status '{"generation":1,"preshared":false}'
	before=$(generation)
	for how in '?dry_run=1' ''; do
		api POST "/v1/undo$how"
		problem 409
		[[ $BODY == *'a gateway says of itself'* ]]
	done
	[ "$(generation)" = "$before" ]
	report b "$(own_token wmg_ 6)" true
	# nobody says it of another, or of a site by hand
	TOKEN=$hub api PUT /v1/sites/b/status '{"generation":1,"preshared":false}'
	code 403
	ok PATCH /v1/sites/b '{"preshared":false}'
	is .preshared true
}
