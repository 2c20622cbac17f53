#!/usr/bin/env bats
# What has changed since a generation: told once, completely, to each as they may know it, or refused.
# time limit: 300 s

load registry

setup() {
	start
	mesh
	INSTANCE=$(instance)
}

instance() { curl -sS -m "$LIMIT" -H "Authorization: Bearer $ADMIN" "$URL/v1/whoami" | jq -r .instance; }

since() { # GENERATION [QUERY]: the changes after it
	api GET "/v1/changes?instance=$INSTANCE&after=$1${2:+&$2}"
}

# The whole config of the last answer as one object for each kind, name -> object.
as_sets() {
	jq -sc 'reduce .[] as $l ({site: {}, host: {}, device: {}};
		if $l.site then .site[$l.site.domain] = $l.site elif $l.host then .host[$l.host.name + "." + $l.host.domain] = $l.host
		elif $l.device then .device[$l.device.name] = $l.device else . end)' <<<"$BODY"
}

# The same after the changes of the last answer.
changed() { # SETS
	jq -sc --argjson had "$1" 'reduce .[] as $l ($had;
		if $l.site then .site[$l.site.domain] = $l.site elif $l.host then .host[$l.host.name + "." + $l.host.domain] = $l.host
		elif $l.device then .device[$l.device.name] = $l.device
		elif $l.gone.kind == "host" then del(.host[$l.gone.name + "." + $l.gone.domain])
		elif $l.gone then del(.[$l.gone.kind][$l.gone.name]) else . end)' <<<"$BODY"
}

@test "a header that says from where to where, each object as it is now, an end with their number" {
	gen=$(generation)
	ok POST /v1/hosts '{"name":"new","domain":"b","local_ip":"192.168.1.77"}'
	ok PATCH /v1/hosts/new.b '{"type":"isolated"}'
	ok DELETE /v1/hosts/web.hub
	ok PATCH /v1/sites/b '{"endpoint":null}'
	since "$gen"
	code 200
	grep -qi '^content-type: application/x-ndjson' "$D/head"
	[ "$(jq -rc 'keys[0]' <<<"$BODY" | xargs)" = 'changes host gone site end' ]
	is 'select(.changes) | .changes | [.version, .instance, .after, .generation, .mesh_name, .supernet, .self, .requires] | tojson' \
		"[1,\"$INSTANCE\",$gen,$((gen + 4)),\"home\",\"172.30.0.0/16\",null,[]]"
	is 'select(.host) | [.host.name, .host.type, .host.local_ip] | join(" ")' 'new isolated 192.168.1.77'
	is 'select(.gone) | .gone | tojson' '{"kind":"host","name":"web","domain":"hub"}'
	is 'select(.site) | [.site.domain, .site.endpoint] | tojson' '["b",null]'
	is 'select(.end) | .end | tojson' "{\"generation\":$((gen + 4)),\"count\":3}"
	since $((gen + 3))
	[ "$(jq -rc 'keys[0]' <<<"$BODY" | xargs)" = 'changes site end' ]
}

@test "an object that came and went is gone, one that went and came is there" {
	gen=$(generation)
	ok POST /v1/hosts '{"name":"new","domain":"b","local_ip":"192.168.1.77"}'
	ok DELETE /v1/hosts/new.b
	ok DELETE /v1/hosts/nas.b
	ok POST /v1/hosts '{"name":"nas","domain":"b","local_ip":"192.168.1.11"}'
	since "$gen"
	[ "$(jq -rc 'keys[0]' <<<"$BODY" | xargs)" = 'changes gone host end' ]
	is 'select(.gone) | .gone.name' new
	is 'select(.host) | .host.local_ip' 192.168.1.11
}

@test "a site that goes with all its hosts is told whole" {
	gen=$(generation)
	ok DELETE '/v1/sites/b?cascade=1'
	since "$gen"
	is 'select(.gone) | [.gone.kind, .gone.name, .gone.domain // "-"] | join(" ")' $'host nas b\nsite b -'
	is 'select(.end) | .end.count' 2
}

@test "whatever was done: what was there and the changes are what is there now" {
	ok GET /v1/config
	had=$(as_sets)
	gen=$(generation)
	for n in $(seq 1 12); do
		ok POST /v1/hosts "{\"name\":\"h$n\",\"domain\":\"b\",\"local_ip\":\"192.168.1.$((100 + n))\"}"
		[ $((n % 3)) != 0 ] || ok DELETE "/v1/hosts/h$n.b"
		[ $((n % 7)) != 4 ] || ok PATCH "/v1/hosts/h$((n - 3)).b" "{\"wg_ip\":\"172.30.2.$((200 + n))\"}"
	done
	ok POST /v1/sites '{"domain":"c"}'
	ok POST /v1/devices '{"name":"phone"}'
	ok DELETE /v1/devices/laptop
	ok PATCH /v1/hosts/h1.b '{"mac":"02:00:00:00:00:99"}'
	since "$gen"
	code 200
	got=$(changed "$had")
	ok GET /v1/config
	[ "$(jq -Sc . <<<"$got")" = "$(as_sets | jq -Sc .)" ]
}

@test "a gateway is told what it may know: no LAN addresses of others, no keys of devices" {
	gen=$(generation)
	ok PATCH /v1/hosts/nas.b '{"local_ip":"192.168.1.12"}'
	ok PATCH /v1/hosts/web.hub '{"local_ip":"10.0.0.6"}'
	ok PATCH /v1/devices/laptop "{\"public_key\":\"$(key 7)\"}"
	TOKEN=$(new_token gateway b)
	since "$gen"
	is 'select(.changes) | .changes.self' b
	is 'select(.host.name == "nas") | [.host.local_ip, .host.mac] | join(" ")' '192.168.1.12 02:00:00:00:00:10'
	is 'select(.host.name == "web") | [.host.local_ip, .host.mac] | map(. // "null") | join(" ")' 'null null'
	is 'select(.device) | .device.public_key' null
	[[ $BODY != *10.0.0.6* && $BODY != *$(key 7)* ]]
	TOKEN=$(new_token gateway hub)
	since "$gen"
	is 'select(.device) | .device.public_key' "$(key 7)"
	is 'select(.host.name == "nas") | .host.local_ip' null
}

@test "who asks after others is told what he would be told alone" {
	ok POST /v1/sites "{\"domain\":\"c\",\"endpoint\":\"198.51.100.3:51820\"}"
	for site in hub b c; do # each pair of them has a secret
		ok PATCH "/v1/sites/$site" "{\"public_key\":\"$(key $(printf '%d' "'$site"))\"}"
		ok PUT "/v1/sites/$site/status" '{"generation":1,"preshared":true}'
	done
	from=$(generation)
	ok PATCH /v1/sites/b '{"endpoint":"198.51.100.7:51820"}'
	ok PATCH /v1/hosts/nas.b '{"local_ip":"192.168.1.20"}'
	ok PATCH /v1/devices/laptop "{\"public_key\":\"$(key 8)\"}"
	ok DELETE /v1/hosts/web.hub
	tokens=("$ADMIN" "$(new_token read monitor)" "$(new_token gateway b)" "$(new_token gateway c)" "$(new_token gateway hub)")
	ask() { # TOKEN AFTER FILE
		TOKEN=$1 since "$2"
		echo "$CODE $BODY" >"$3"
	}
	for after in 0 1 3; do
		for i in "${!tokens[@]}"; do
			stop
			start
			ask "${tokens[i]}" $((from + after)) "$D/alone.$i.$after"
		done
	done
	for order in '0 1 2 3 4' '4 3 2 1 0' '2 3 4 2 3'; do
		for after in 0 1 3; do
			for i in $order; do
				ask "${tokens[i]}" $((from + after)) "$D/told"
				cmp "$D/told" "$D/alone.$i.$after"
			done
		done
	done
	# they differ where they have to
	[ "$(cat "$D"/alone.[234].1 | grep -c '192.168.1.20')" = 1 ]
	[ "$(cat "$D"/alone.*.0 | grep -o '"preshared_key":"[^"]*"' | sort -u | wc -l)" = 2 ]
}

@test "who waits with a token that is revoked meanwhile is refused when he would be told" {
	TOKEN=$(new_token gateway b)
	id=$(curl -sS -m "$LIMIT" -H "Authorization: Bearer $ADMIN" "$URL/v1/tokens" | jq '.tokens[-1].id')
	gen=$(generation)
	for token in "$TOKEN" "$(new_token read monitor)"; do
		curl -sS -m "$LIMIT" -H "Authorization: Bearer $token" -o "$D/told.${token:0:4}" -w '%{http_code}' \
			"$URL/v1/changes?instance=$INSTANCE&after=$gen&wait=60" >"$D/code.${token:0:4}" 3>&- &
	done
	unset TOKEN
	waiting() { curl -sS -m "$LIMIT" -H "Authorization: Bearer $ADMIN" "$URL/metrics" | grep -qx 'wm_registry_waiting_clients 2'; }
	for ((n = 0; n < LIMIT * 20; n++)); do
		! waiting || break
		sleep 0.05
	done
	ok DELETE "/v1/tokens/$id"
	ok DELETE /v1/hosts/nas.b
	for ((n = 0; n < LIMIT * 20; n++)); do
		[ ! -s "$D/code.wmg_" ] || [ ! -s "$D/code.wmr_" ] || break
		sleep 0.05
	done
	[ "$(cat "$D/code.wmg_")" = 401 ]
	[ "$(cat "$D/code.wmr_")" = 200 ]
}

@test "a device is told of sites and itself" {
	ok POST /v1/devices '{"name":"phone"}'
	gen=$(generation)
	ok PATCH /v1/hosts/nas.b '{"local_ip":"192.168.1.12"}'
	ok PATCH /v1/devices/laptop "{\"public_key\":\"$(key 7)\"}"
	ok DELETE /v1/hosts/web.hub
	ok PATCH /v1/sites/b '{"endpoint":null}'
	ok PATCH /v1/devices/phone "{\"public_key\":\"$(key 8)\"}"
	TOKEN=$(new_token device phone)
	since "$gen"
	[ "$(jq -rc 'keys[0]' <<<"$BODY" | xargs)" = 'changes site device end' ]
	is 'select(.device) | .device.name' phone
	is 'select(.end) | .end.count' 2
}

@test "nothing newer: 204 at once or when the wait is over; a change ends the wait" {
	gen=$(generation)
	since "$gen"
	code 204
	[ -z "$BODY" ]
	since "$gen" wait=1
	code 204
	curl -sS -m "$LIMIT" -H "Authorization: Bearer $ADMIN" -o "$D/poll" \
		"$URL/v1/changes?instance=$INSTANCE&after=$gen&wait=60" 3>&- &
	poll=$!
	echo $poll >>"$D/pids"
	ok POST /v1/hosts '{"name":"new","domain":"b","local_ip":"192.168.1.77"}'
	wait $poll
	[ "$(jq -r 'select(.host) | .host.name' "$D/poll")" = new ]
}

@test "410: another instance, none, no generation, one that is to come" {
	gen=$(generation)
	for query in "after=$((gen - 1))" "instance=&after=$((gen - 1))" "instance=$INSTANCE" "instance=$INSTANCE&after=0" \
		"instance=00000000-0000-4000-8000-000000000000&after=$((gen - 1))" "instance=$INSTANCE&after=$((gen + 1))"; do
		api GET "/v1/changes?$query"
		problem 410
	done
	api GET "/v1/changes?instance=$INSTANCE&after=x"
	problem 400 after
}

@test "410: what is shown of objects that did not change is another with another hub or another mesh" {
	gen=$(generation)
	ok DELETE /v1/devices/laptop
	ok PATCH /v1/sites/hub '{"is_hub":false}'
	ok PATCH /v1/sites/b '{"is_hub":true}'
	since "$gen"
	problem 410
	since $((gen + 1))
	problem 410
	gen=$(generation)
	ok PATCH /v1/sites/b '{"endpoint":null}'
	since "$gen"
	code 200
	stop
	start --mesh-name other
	since "$gen"
	problem 410
}

# The database as it is now in $D/copy, and back from there.
put_aside() { stop && copy && start; }
put_back() { stop && copy back && start; }
copy() {
	if [ -z "${PG_DIR-}" ]; then
		[ -z "${1-}" ] && cp -a "$D/data" "$D/copy" && return
		rm -rf "$D/data" && cp -a "$D/copy" "$D/data"
	elif [ -z "${1-}" ]; then
		postgres "CREATE DATABASE ${DB}_copy TEMPLATE $DB"
	else
		postgres "DROP DATABASE $DB" && postgres "CREATE DATABASE $DB TEMPLATE ${DB}_copy"
	fi
}

mark() { # of the generation that is there now
	curl -sS -m "$LIMIT" -H "Authorization: Bearer $ADMIN" "$URL/v1/config" | head -n 1 | jq -r .mesh.mark
}

@test "each generation has a mark of its own, which both streams tell" {
	gen=$(generation)
	first=$(mark)
	[[ $first =~ ^[0-9a-f]{16}$ ]]
	ok POST /v1/hosts '{"name":"new","domain":"b","local_ip":"192.168.1.77"}'
	second=$(mark)
	[[ $second =~ ^[0-9a-f]{16}$ && $second != "$first" ]]
	since "$gen" "mark=$first"
	code 200
	is 'select(.changes) | .changes.mark' "$second"
	since $((gen + 1)) "mark=$second"
	code 204
	api GET "/v1/config?instance=$INSTANCE&after=$((gen + 1))&mark=$second"
	code 204
	since "$gen" mark=
	code 200
	stop
	start
	[ "$(mark)" = "$second" ]
	since "$gen" "mark=$first"
	code 200
}

@test "410: a registry that was put back and has gone on to the same number, and past it" {
	put_aside
	gen=$(generation)
	before=$(mark)
	ok POST /v1/hosts '{"name":"lost","domain":"b","local_ip":"192.168.1.77"}'
	lost=$(mark)
	put_back
	[ "$(instance)" = "$INSTANCE" ]
	[ "$(generation)" = "$gen" ]
	# not yet come so far: the whole, which a gateway refuses, and says so
	since $((gen + 1)) "mark=$lost"
	problem 410
	api GET "/v1/config?instance=$INSTANCE&after=$((gen + 1))&mark=$lost&wait=60"
	code 200
	is 'select(.mesh) | .mesh.generation' "$gen"
	# the same number
	ok POST /v1/hosts '{"name":"other","domain":"b","local_ip":"192.168.1.78"}'
	[ "$(generation)" = $((gen + 1)) ]
	since $((gen + 1)) "mark=$lost&wait=60"
	problem 410
	api GET "/v1/config?instance=$INSTANCE&after=$((gen + 1))&mark=$lost&wait=60"
	code 200
	is 'select(.mesh) | .mesh.mark' "$(mark)"
	api GET /config '' -H "If-None-Match: \"$INSTANCE-$((gen + 1))-$lost\""
	code 200
	# past it
	ok POST /v1/hosts '{"name":"third","domain":"b","local_ip":"192.168.1.79"}'
	since $((gen + 1)) "mark=$lost"
	problem 410
	# who followed from before it was put back goes on, and who says no mark as well
	since "$gen" "mark=$before"
	code 200
	is 'select(.host) | .host.name' $'other\nthird'
	since $((gen + 1))
	code 200
}

@test "410: a log that no longer has all of it, be it a part of one generation" {
	ok POST /v1/hosts '{"name":"new","domain":"b","local_ip":"192.168.1.77"}'
	gen=$(generation)
	ok DELETE '/v1/sites/b?cascade=1'
	ok POST /v1/sites '{"domain":"c"}'
	since "$gen"
	code 200
	stop
	sql "DELETE FROM change WHERE generation <= $gen OR generation = $gen + 1 AND step = 0"
	start
	since "$gen"
	problem 410
	since $((gen - 1))
	problem 410
	since $((gen + 1))
	code 200
	is 'select(.site) | .site.domain' c
}

@test "the log holds 100,000 objects, whatever happens" {
	stop
	sql "
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
		INSERT INTO change (generation, step, kind, name, whole) SELECT generation, 1000 + i, 'host', 'x' || i || '.b', 0 FROM n, mesh"
	start
	gen=$(generation)
	for n in 1 2 3; do
		ok POST /v1/hosts "{\"name\":\"h$n\",\"domain\":\"b\",\"local_ip\":\"192.168.1.$((100 + n))\"}"
	done
	[ "$(sql 'SELECT count(*), max(seq) - min(seq) FROM change')" = '100000|99999' ]
	since "$gen"
	is 'select(.end) | .end.count' 3
}

@test "one host that changed 50,000 times is told once, whatever the protocol" {
	stop
	sql "
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
		INSERT INTO change (generation, step, kind, name, whole) SELECT generation, 1000 + i, 'host', 'nas.b', 0 FROM n, mesh"
	start
	gen=$(generation)
	for version in --http1.1 --http1.0; do
		api GET "/v1/changes?instance=$INSTANCE&after=$((gen - 1))" '' $version
		code 200
		is 'select(.host) | .host.name' nas
		is 'select(.end) | .end.count' 2
	done
}

# A database of schema N, as the program that knew no later one left it: a mesh in generation 5, and its log.
earlier() { # N
	local n whole=
	stop
	empty
	mkdir -p "$D/data"
	# PostgreSQL's first schema is what SQLite's second is: it says which changes are whole
	[ -z "${PG_DIR-}" ] || whole=', 0'
	for ((n = 1; n <= $1; n++)); do
		sql "$(cat "$MIGRATIONS"/000$n*.sql)"
		[ $n != 1 ] || sql "
		INSERT INTO mesh VALUES (1, '11111111-2222-4333-8444-555555555555', 5, 'home', $((0xac1e0000)), 16);
		INSERT INTO site VALUES ('b', $((0xac1e0100)), 24, NULL, NULL, 0);
		INSERT INTO host VALUES ($((0xac1e0102)), 'b', 'nas', $((0xc0a8010a)), NULL, 1);
		INSERT INTO change (generation, step, kind, name, body ${whole:+, whole}) VALUES (2, 0, 'mesh', '', '{}' ${whole:+, 1}),
			(3, 0, 'site', 'b', '{}' ${whole:+, 1}), (4, 0, 'host', 'nas.b', '{}' $whole), (5, 0, 'host', 'gone.b', NULL $whole)"
	done
	if [ -n "${PG_DIR-}" ]; then
		sql "CREATE TABLE wm_registry (schema bigint NOT NULL); INSERT INTO wm_registry VALUES ($1)"
	else
		sql "PRAGMA user_version = $1; PRAGMA application_id = $((0x574d5247))"
	fi
	start
}

@test "a log of every earlier schema goes on" {
	for schema in $(seq 1 $(($(ls "$MIGRATIONS"/*.sql | wc -l) - 1))); do
		earlier "$schema"
		goes_on
	done
}

goes_on() {
	INSTANCE=$(instance)
	since 3
	code 200
	is 'select(.host) | .host.name' nas
	is 'select(.gone) | .gone.name' gone
	since 2
	problem 410
	ok POST /v1/hosts '{"name":"new","domain":"b","local_ip":"192.168.1.77"}'
	since 4
	is 'select(.end) | .end.count' 2
	# generation 5 has no mark, 6 has
	since 5 mark=
	code 200
	since 5 mark=0123456789abcdef
	problem 410
	since 6 "mark=$(mark)"
	code 204
	stop
	[ -n "${PG_DIR-}" ] || [ "$(sql 'PRAGMA integrity_check')" = ok ]
	start
}
