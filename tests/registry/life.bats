#!/usr/bin/env bats
# Starting, stopping, crashing, and what survives.
# time limit: 300 s

load registry

# serve [OPTION]...: a start that is to fail; RC and the message in OUT
refuses() {
	RC=0
	OUT=$(env "${CLEAN[@]}" "WM_REGISTRY_TOKEN=${TOKEN-$ADMIN}" timeout "$LIMIT" \
		"$REGISTRY" "$@" 2>&1 >/dev/null) || RC=$?
}

said() { # RC PATTERN: how the last start failed: one line
	[ "$RC" = "$1" ] && [[ $OUT == *$2* ]] && [ "$(wc -l <<<"$OUT")" = 1 ] && return 0
	printf 'expected %s and %s\nexit code %s: %s\n' "$1" "$2" "$RC" "$OUT" >&2
	return 1
}

@test "help and version" {
	run "$REGISTRY" --help
	[ "$status" = 0 ]
	[[ $output == Usage:*WM_REGISTRY_TOKEN* ]]
	run "$REGISTRY" --version
	[ "$status" = 0 ]
	[[ $output =~ ^wm-registry\ [0-9]+\.[0-9]+ ]]
}

@test "wrong usage and settings: a sentence, exit code 2, and nothing is created" {
	for args in '' 'run' 'serve extra' 'serve --tls-cert x' 'serve --listen nowhere' 'serve --listen 127.0.0.1:99999' \
		'serve --supernet 172.30.0.1/16' 'serve --supernet x'; do
		# shellcheck disable=SC2086
		refuses $args --data "$D/none"
		[ "$RC" = 2 ] || [[ $args == *--listen* && $RC == 1 ]] || fails "$args: $RC $OUT"
		[ -n "$OUT" ]
	done
	refuses serve --data "$D/none2" --nonsense
	[ "$RC" = 2 ]
	[ ! -e "$D/none2" ]
}

@test "a weak or missing master token is refused" {
	for TOKEN in '' short 0123456789abcde generate-a-strong-random-token changeme-changeme-changeme your-master-token \
		aaaaaaaaaaaaaaaaaaaaaaaa 'with white space in it'; do
		refuses serve --data "$D/none"
		said 2 WM_REGISTRY_TOKEN
	done
	[ ! -e "$D/none" ]
}

@test "the token may come from a file" {
	printf 'from-a-file-0123456789\n' >"$D/token"
	start --token-file "$D/token"
	api GET /v1/whoami
	code 401
	TOKEN=from-a-file-0123456789 api GET /v1/whoami
	code 200
	refuses serve --data "$D/other" --token-file "$D/missing"
	said 1 "$D/missing"
}

@test "the token cannot be seen in the process's environment" {
	start
	tr '\0' '\n' <"/proc/$PID/environ" >"$D/environ"
	grep -q '^WM_REGISTRY_TOKEN=' "$D/environ"
	run grep -F "$ADMIN" "$D/environ"
	[ "$status" = 1 ]
	TOKEN=$ADMIN api GET /v1/whoami
	code 200
}

# bats test_tags=sqlite
@test "a second server on the same data is refused, the first goes on" {
	start
	refuses serve --data "$D/data" --listen 127.0.0.1:0
	said 1 "another wm-registry serves the data directory $D/data"
	ok GET /v1/sites
}

# bats test_tags=sqlite
@test "a taken port, an unusable directory, a foreign database: a sentence each" {
	start
	refuses serve --data "$D/two" --listen "${URL#http://}"
	said 1 "${URL#http://}"
	touch "$D/file"
	refuses serve --data "$D/file"
	said 1 "$D/file"
	mkdir "$D/foreign"
	sqlite3 "$D/foreign/registry.db" 'CREATE TABLE x (y)'
	refuses serve --data "$D/foreign" --listen 127.0.0.1:0
	said 1 "not of wm-registry"
	mkdir "$D/garbage"
	head -c 100000 /dev/urandom >"$D/garbage/registry.db"
	refuses serve --data "$D/garbage" --listen 127.0.0.1:0
	said 1 "$D/garbage/registry.db"
	cp -r "$D/foreign" "$D/newer"
	sqlite3 "$D/newer/registry.db" 'PRAGMA application_id=1464685127; PRAGMA user_version=9999'
	refuses serve --data "$D/newer" --listen 127.0.0.1:0
	said 1 newer
}

@test "everything is there after a restart, and the instance and generation go on" {
	start
	mesh
	reader=$(new_token read monitor)
	ok GET /config
	before=$(jq -S . <<<"$BODY")
	stop
	[ "$RC" = 0 ]
	start
	TOKEN=$reader ok GET /config
	[ "$(jq -S . <<<"$BODY")" = "$before" ]
}

@test "what was acknowledged survives kill -9" {
	start
	ok POST /v1/sites '{"domain":"a"}'
	for round in 1 2 3 4 5; do
		: >"$D/acked"
		(
			n=0
			while [ $((n += 1)) -le 200 ]; do
				name=r${round}h$n
				[ "$(curl -s -o /dev/null -m 5 -w '%{http_code}' -H "Authorization: Bearer $ADMIN" -d \
					"{\"name\":\"$name\",\"domain\":\"a\",\"local_ip\":\"10.$round.0.$n\"}" "$URL/v1/hosts")" = 201 ] || exit 0
				echo "$name" >>"$D/acked"
			done
		) 3>&- &
		writer=$!
		echo $writer >>"$D/pids"
		for ((i = 0; i < LIMIT * 100; i++)); do
			[ "$(wc -l <"$D/acked")" -lt $((round * 3)) ] || break
			sleep 0.01
		done
		stop KILL
		wait "$writer"
		[ "$(wc -l <"$D/acked")" -ge $((round * 3)) ]
		start
		ok GET /v1/hosts
		jq -r '.hosts[].name' <<<"$BODY" | sort >"$D/there"
		[ -z "$(sort "$D/acked" | comm -23 - "$D/there")" ]
		# one generation for each change there is: nothing half-written
		[ -n "${PG_DIR-}" ] || [ "$(sql 'PRAGMA integrity_check')" = ok ]
		[ "$(sql 'SELECT count(*) FROM change')" = "$(($(generation) - 1))" ]
		[ "$(sql "SELECT count(*) FROM audit WHERE kind = 'host'")" = "$(wc -l <"$D/there")" ]
	done
}

# bats test_tags=sqlite
@test "a full disk is 507, nothing is half-written, and it goes on when there is room" {
	mkdir "$D/small"
	# a mount of its own in a namespace of its own, which ends with the server
	WITH=(unshare -m --propagation private sh -c "mount -t tmpfs -o size=1200k wm-test '$D/small' && exec \"\$@\"" sh)
	start --data "$D/small/data"
	ok POST /v1/sites '{"domain":"a","subnet":"172.30.128.0/17"}'
	head -c 300000 /dev/zero | nsenter -t "$PID" -m dd of="$D/small/ballast" bs=1k status=none
	full=
	for n in {1..2000}; do
		api POST /v1/hosts "{\"name\":\"h$n\",\"domain\":\"a\",\"local_ip\":\"10.0.$((n / 200)).$((n % 200 + 1))\"}"
		[ "$CODE" = 201 ] || { full=$n; break; }
	done
	[ -n "$full" ]
	problem 507
	[[ $BODY == *"$D/small/data"* ]]
	ok GET /v1/hosts
	is '.hosts | length' $((full - 1))
	gen=$(generation)
	api POST /v1/hosts '{"name":"again","domain":"a","local_ip":"10.9.0.1"}'
	problem 507
	[ "$(generation)" = "$gen" ]
	# also one that fails in the midst of many: no host is to blame
	jq -nc '{hosts: [range(20000) | {name: "i\(.)", domain: "a", local_ip: "10.8.\(. / 200 | floor).\(. % 200 + 1)"}]}' >"$D/in"
	for query in keep=1 'keep=1&dry_run=1'; do
		api POST "/v1/import?$query" '' --data-binary "@$D/in"
		BODY=${BODY:0:1000}
		problem 507
		[[ $BODY == *"the disk that holds $D/small/data"*"is full; nothing was changed; make room"* ]]
		is '.detail | test("hosts")' false
	done
	[ "$(generation)" = "$gen" ]
	nsenter -t "$PID" -m rm "$D/small/ballast"
	ok POST /v1/hosts '{"name":"again","domain":"a","local_ip":"10.9.0.1"}'
	[ "$(generation)" = $((gen + 1)) ]
}

@test "SIGTERM ends it cleanly, with requests waiting" {
	start
	mesh
	now=$(generation)
	curl -sS -m "$LIMIT" -H "Authorization: Bearer $ADMIN" -o /dev/null -w '%{http_code}' \
		"$URL/v1/config?after=$now&wait=60" >"$D/code" 3>&- &
	waiting=$!
	for ((n = 0; n < LIMIT * 20; n++)); do
		[ "$(ss -Htn state established "( dport = :${URL##*:} )" | wc -l)" -lt 1 ] || break
		sleep 0.05
	done
	begin=$EPOCHREALTIME
	stop
	[ "$RC" = 0 ]
	perl -e 'exit !($ARGV[0] - $ARGV[1] < 5)' "$EPOCHREALTIME" "$begin"
	wait "$waiting"
	[ "$(cat "$D/code")" = 204 ]
	start
	stop INT
	[ "$RC" = 0 ]
}

@test "who has come before SIGTERM is answered, also when the request comes after it" {
	start
	exec 6<>"/dev/tcp/127.0.0.1/${URL##*:}"
	printf 'GET /health HTTP/1.1\r\n' >&6
	# the server has read that
	for ((n = 0; n < LIMIT * 20; n++)); do
		[ -z "$(ss -Htn state established "( sport = :${URL##*:} )" | awk '$1 == 0')" ] || break
		sleep 0.05
	done
	sleep 0.1
	kill -TERM "$PID"
	sleep 0.1
	printf 'Host: x\r\n\r\n' >&6
	head -n 1 <&6 | grep -q '^HTTP/1.1 200 '
	exec 6>&-
	RC=0
	wait "$PID" || RC=$?
	[ "$RC" = 0 ]
}

@test "a new mesh name is a change; the supernet may change while all fits" {
	start
	gen=$(generation)
	ok POST /v1/sites '{"domain":"a"}'
	stop
	start --mesh-name Zuhause
	[ "$(generation)" = $((gen + 2)) ]
	ok GET /v1/whoami
	is .mesh_name Zuhause
	stop
	start # not said again: as it was
	[ "$(generation)" = $((gen + 2)) ]
	ok GET /v1/whoami
	is .mesh_name Zuhause
	stop
	start --supernet 172.30.0.0/15
	[ "$(generation)" = $((gen + 3)) ]
	ok GET /v1/whoami
	is .supernet 172.30.0.0/15
	stop
	refuses serve --data "$D/data" --listen 127.0.0.1:0 --supernet 10.0.0.0/8
	said 1 "site 'a'"
	refuses serve --data "$D/data" --listen 127.0.0.1:0 --mesh-name ''
	said 1 WM_MESH_NAME
	start
	ok GET /v1/whoami
	is .supernet 172.30.0.0/15
	[ "$(generation)" = $((gen + 3)) ]
}

@test "a supernet that would swallow a host's LAN is refused" {
	start --supernet 10.30.0.0/16
	ok POST /v1/sites '{"domain":"a"}'
	ok POST /v1/hosts '{"name":"x","domain":"a","local_ip":"10.200.0.5"}'
	stop
	refuses serve --data "$D/data" --listen 127.0.0.1:0 --supernet 10.0.0.0/8
	said 1 "host 'x.a'"
}

@test "a supernet that would swallow a site's endpoint is refused" {
	start
	ok POST /v1/sites '{"domain":"a","endpoint":"172.20.1.1:51820"}'
	stop
	refuses serve --data "$D/data" --listen 127.0.0.1:0 --supernet 172.16.0.0/12
	said 1 "site 'a'"
	start
	ok GET /v1/whoami
	is .supernet 172.30.0.0/16
	ok PATCH /v1/sites/a "{\"public_key\":\"$(key 1)\"}"
	stop
	# with one that an earlier registry took, it starts, so that the endpoint can be corrected
	sql "UPDATE mesh SET supernet = $((172 << 24 | 16 << 16)), supernet_len = 12"
	start --supernet 172.16.0.0/12
	api PATCH /v1/sites/a "{\"public_key\":\"$(key 2)\"}"
	problem 400 endpoint
	ok PATCH /v1/sites/a '{"endpoint":"198.51.100.1:51820"}'
}

@test "every change is in the audit: who, what, before, after" {
	start
	mesh
	TOKEN=$(new_token gateway b)
	ok PATCH /v1/sites/b '{"endpoint":"198.51.100.200:51820"}'
	unset TOKEN
	ok DELETE /v1/hosts/nas.b
	stop
	[ "$(sql "SELECT who, what, kind, name FROM audit WHERE what = 'change'")" = 'gateway b|change|site|b' ]
	[ "$(sql "SELECT before FROM audit WHERE what = 'change'" | jq -r .endpoint)" = 198.51.100.2:51820 ]
	[ "$(sql "SELECT after FROM audit WHERE what = 'change'" | jq -r .endpoint)" = 198.51.100.200:51820 ]
	[ "$(sql "SELECT who, kind, name, after IS NULL FROM audit WHERE what = 'remove'")" = \
		"admin master|host|nas.b|$(sql 'SELECT 1 = 1')" ]
	[ "$(sql "SELECT before FROM audit WHERE what = 'remove'" | jq -r .local_ip)" = 192.168.1.10 ]
	[ "$(sql "SELECT kind, name, body IS NULL FROM change ORDER BY generation DESC LIMIT 1")" = \
		"host|nas.b|$(sql 'SELECT 1 = 1')" ]
}

@test "https with a certificate of its own" {
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$D/key.pem" -out "$D/cert.pem" -days 2 -subj /CN=localhost \
		-addext subjectAltName=IP:127.0.0.1 2>/dev/null
	start --tls-cert "$D/cert.pem" --tls-key "$D/key.pem"
	[[ $URL == https://127.0.0.1:* ]]
	api GET /v1/whoami '' --cacert "$D/cert.pem"
	code 200
	api GET "/v1/config?after=99&wait=1" '' --cacert "$D/cert.pem"
	code 204
	stop
	refuses serve --data "$D/data" --listen 127.0.0.1:0 --tls-cert "$D/cert.pem" --tls-key "$D/cert.pem"
	said 1 TLS
}

# bats test_tags=sqlite
@test "a second upgrade of the same data changes nothing" {
	start
	mesh
	stop
	sqlite3 "$D/data/registry.db" .dump | grep -v last_used >"$D/before"
	start
	stop
	sqlite3 "$D/data/registry.db" .dump | grep -v last_used >"$D/after"
	cmp "$D/before" "$D/after"
}
