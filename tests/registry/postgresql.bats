#!/usr/bin/env bats
# What only PostgreSQL has: a connection that can be lost, secrets, others who use the same database.
# time limit: 300 s

load own_postgres
load registry

# run_as VERB...: wm-registry does something and ends; RC and OUT
run_as() {
	RC=0
	OUT=$(WM_REGISTRY_TOKEN=$ADMIN timeout "$LIMIT" "$REGISTRY" "$@" 2>&1) || RC=$?
}

said() { # RC PATTERN
	[ "$RC" = "$1" ] && [[ $OUT == *$2* ]] && return 0
	printf 'expected %s and %s\nexit code %s: %s\n' "$1" "$2" "$RC" "$OUT" >&2
	return 1
}

await() { # COMMAND...: until it succeeds
	local n
	for ((n = 0; n < LIMIT * 20; n++)); do
		! "$@" || return 0
		sleep 0.05
	done
	echo "never: $*" >&2
	return 1
}

waiting() { # is there a connection to the server?
	[ "$(ss -Htn state established "( dport = :${URL##*:} )" | wc -l)" -ge 1 ]
}

healthy() { TOKEN='' api GET /health && [ "$CODE" = 200 ]; }

host() { # N: a request for one
	printf '{"name":"h%d","domain":"a","local_ip":"10.1.%d.%d"}' "$1" $(($1 / 200)) $(($1 % 200 + 1))
}

# Puts pg_between between the registry and the server.
between() {
	mkdir "$PG_DIR/$DB"
	tests/registry/pg_between "$PG_DIR/$DB" "$PG_DIR" 2>"$D/between" 3>&- &
	echo $! >>"$D/pids"
	await test -S "$PG_DIR/$DB/.s.PGSQL.5432"
	export WM_REGISTRY_STORE="postgresql://wm@/$DB?host=$PG_DIR/$DB"
}

# every generation is there once, in the log and in the audit, and the mesh is as it must be
whole() {
	[ "$(sql 'SELECT count(DISTINCT generation) FROM change')" = $(($(sql 'SELECT generation FROM mesh') - 1)) ]
	[ "$(sql 'SELECT count(*) FROM change')" = "$(sql 'SELECT count(*) FROM audit')" ]
	run_as check
	said 0 'all is well'
}

@test "a password on the command line is refused, and never said" {
	for url in "postgresql://wm:Geheim1@/$DB?host=$PG_DIR" "postgresql://wm@/$DB?host=$PG_DIR&password=Geheim1" \
		"postgresql:///$DB?host=$PG_DIR&user=wm&sslpassword=Geheim1"; do
		run_as serve --listen 127.0.0.1:0 --store "$url"
		said 2 WM_REGISTRY_STORE
		[[ $OUT != *Geheim* ]]
	done
	# what libpq says of an URL that it does not understand repeats it
	export WM_REGISTRY_STORE="postgresql://wm:Geheim1@[broken/$DB"
	run_as serve --listen 127.0.0.1:0
	said 1 "is not valid"
	[[ $OUT != *Geheim* ]]
	export WM_REGISTRY_STORE="mysql://wm:Geheim1@db/wm"
	run_as serve --listen 127.0.0.1:0
	said 2 WM_REGISTRY_STORE
	[[ $OUT != *Geheim* ]]
	export WM_REGISTRY_STORE="postgresql://wm:Geheim1@/none?host=$PG_DIR"
	run_as serve --listen 127.0.0.1:0
	said 1 'database "none" does not exist'
	[[ $OUT != *Geheim* ]]
}

@test "a password in the settings is used, and is not where others can read it" {
	postgres "CREATE ROLE \"$DB\" LOGIN PASSWORD 'Geheim1'" "ALTER DATABASE $DB OWNER TO \"$DB\""
	printf 'local %s %s scram-sha-256\nlocal all all trust\n' "$DB" "$DB" >"$PG_DIR/data/pg_hba.conf"
	postgres 'SELECT pg_reload_conf()' >/dev/null
	mkdir "$D/other"
	(umask 077; echo "WM_REGISTRY_STORE=postgresql://$DB:Geheim2@/$DB?host=$PG_DIR" >"$D/other/registry.env")
	export WM_REGISTRY_STORE="postgresql://$DB:Geheim1@/$DB?host=$PG_DIR"
	run_as serve --listen 127.0.0.1:0 --env-file "$D/other/registry.env"
	said 1 'password authentication failed'
	[[ $OUT != *Geheim* ]]
	start
	ok GET /v1/sites
	run grep -aF Geheim1 "/proc/$PID/environ" "/proc/$PID/cmdline" "$D/log"
	[ "$status" = 1 ]
	grep -qa WM_REGISTRY_STORE "/proc/$PID/environ"
	stop
	# without one in the URL: from a file
	echo "*:*:*:$DB:Geheim1" >"$D/pgpass"
	chmod 600 "$D/pgpass"
	WITH=("PGPASSFILE=$D/pgpass")
	unset WM_REGISTRY_STORE
	start --store "postgresql://$DB@/$DB?host=$PG_DIR"
	ok GET /v1/sites
}

@test "a database that is not ours, is newer, or is not UTF8: a sentence each" {
	sql 'CREATE TABLE x (y int)'
	run_as serve --listen 127.0.0.1:0
	said 1 'holds something else'
	empty
	sql 'CREATE TABLE wm_registry (schema bigint); INSERT INTO wm_registry VALUES (99)'
	run_as serve --listen 127.0.0.1:0
	said 1 'made by a newer wm-registry (schema 99'
	postgres "DROP DATABASE $DB" "CREATE DATABASE $DB ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
	run_as serve --listen 127.0.0.1:0
	said 1 'encoding LATIN1'
	export WM_REGISTRY_STORE="postgresql://wm@/$DB?host=$D"
	run_as serve --listen 127.0.0.1:0
	said 1 'cannot reach the database'
}

@test "check, migrate and renew work there" {
	start
	mesh
	run_as check
	said 0 'has mesh'
	run_as migrate
	said 0 "has schema $(ls "$MIGRATIONS"/*.sql | wc -l)"
	before=$(sql 'SELECT instance FROM mesh')
	run_as renew
	said 0 'new instance'
	[ "$(sql 'SELECT instance FROM mesh')" != "$before" ]
	ok GET /v1/whoami
	is .instance "$(sql 'SELECT instance FROM mesh')"
	sql "UPDATE host SET overlay = $((0xac1e6301)) WHERE name = 'nas'"
	run_as check
	said 1 problem:
}

everything() { # of the mesh, and who may speak for it
	local path
	for path in '/v1/export' '/v1/tokens' '/v1/audit?limit=1000'; do
		curl -sS -m "$LIMIT" -H "Authorization: Bearer $ADMIN" "$URL$path" |
			jq -cS 'del(.instance) | if .audit then .audit |= map(select(.what != "restore")) else . end | if .tokens then .tokens |= map(del(.last_used)) else . end'
	done
}

tables() { # FILE: all that is in a backup but what is of its own: instance, log of changes, that it was restored
	sqlite3 "$1" '.mode quote' "SELECT *, 0 AS here FROM mesh" | sed "s/'$(sqlite3 "$1" 'SELECT instance FROM mesh')'/instance/"
	for table in $(sqlite3 "$1" "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT IN ('mesh', 'change', 'audit')
		ORDER BY 1"); do
		sqlite3 "$1" '.mode quote' "SELECT '$table', * FROM $table ORDER BY 2"
	done
	sqlite3 "$1" '.mode quote' "SELECT * FROM audit WHERE what <> 'restore' ORDER BY id"
}

@test "a mesh moves from SQLite to PostgreSQL and back with all its tokens, and nobody has to be given a new one" {
	store=$WM_REGISTRY_STORE
	unset WM_REGISTRY_STORE
	start --mesh-name 'ours "x"'
	stop
	start
	mesh
	sqlite3 "$D/data/registry.db" "UPDATE site SET preshared = 1 WHERE domain = 'b'"
	reader=$(new_token read monitor)
	gateway=$(new_token gateway b)
	device=$(new_token device laptop)
	ok POST /v1/enrolments '{"kind":"gateway","name":"hub"}'
	join=$(jq -r .token <<<"$BODY")
	ok POST /v1/enrolments '{"kind":"gateway","name":"b"}'
	spent=$(jq -r .token <<<"$BODY")
	TOKEN=$spent ok POST /v1/enrol "{\"public_key\":\"$(key 1)\",\"token\":\"$(own_token wmg_ 1)\"}"
	ok POST /v1/tokens '{"role":"admin","name":"gone"}'
	ended=$(jq .id <<<"$BODY")
	ok DELETE "/v1/tokens/$ended"
	ok PATCH /v1/hosts/nas.b '{"type":"isolated"}'
	run_as backup "$D/backup" --data "$D/data"
	said 0 saved
	before=$(everything)
	gen=$(generation)
	instance=$(sqlite3 "$D/data/registry.db" 'SELECT instance FROM mesh')
	stop

	export WM_REGISTRY_STORE=$store
	run_as restore "$D/backup"
	said 0 'restored mesh'
	run_as check
	said 0 'all is well'
	run_as backup "$D/copy"
	said 0 saved
	[ "$(tables "$D/backup" | wc -l)" -gt 20 ]
	diff <(tables "$D/backup") <(tables "$D/copy")
	start
	[ "$(everything)" = "$before" ]
	[ "$(generation)" = "$gen" ]
	for token in "$reader" "$device" "$(own_token wmg_ 1)"; do TOKEN=$token ok GET /v1/whoami; done
	for token in "$gateway" "$spent"; do
		TOKEN=$token api GET /v1/whoami # they had ended
		problem 401
	done
	# followers take all of it
	[ "$(sql 'SELECT instance FROM mesh')" != "$instance" ]
	api GET "/v1/changes?instance=$(sql 'SELECT instance FROM mesh')&after=$((gen - 1))"
	problem 410
	# numbers go on, also behind that of a token that has ended
	ok POST /v1/tokens '{"role":"read","name":"new"}'
	is .id $((ended + 1))
	ok DELETE "/v1/tokens/$((ended + 1))"
	# into what is empty only
	run_as restore "$D/backup"
	said 1 'holds a mesh already'
	[ "$(generation)" = "$gen" ]

	# and back, while it is served
	run_as backup "$D/back"
	said 0 saved
	[ "$(ls "$D"/back*)" = "$D/back
$D/backup" ]
	before=$(everything)
	stop
	unset WM_REGISTRY_STORE
	run_as restore "$D/back" --data "$D/other"
	said 0 'restored mesh'
	start --data "$D/other"
	[ "$(everything)" = "$before" ]
	TOKEN=$reader ok GET /v1/whoami
	TOKEN=$join ok POST /v1/enrol "{\"public_key\":\"$(key 2)\"}"
	ok POST /v1/undo
	ok POST /v1/tokens '{"role":"read","name":"newer"}'
	[ "$(jq .id <<<"$BODY")" -gt $((ended + 1)) ]
	export WM_REGISTRY_STORE=$store # its database goes
}

@test "a mesh that cannot move leaves the database empty, and nothing behind" {
	store=$WM_REGISTRY_STORE
	unset WM_REGISTRY_STORE
	start
	mesh
	run_as backup "$D/backup" --data "$D/data"
	stop
	export WM_REGISTRY_STORE=$store
	mkdir "$D/tmp"
	export TMPDIR=$D/tmp
	cp "$D/backup" "$D/bad"
	sqlite3 "$D/bad" "UPDATE mesh SET generation = generation + 1"
	run_as restore "$D/bad"
	said 1 'its log of changes at'
	# half of it is there when it fails
	run_as migrate
	said 0 'has schema'
	sql "ALTER TABLE host ADD CHECK (name <> 'web'); TRUNCATE mesh, change, audit"
	run_as restore "$D/backup"
	said 1 'cannot copy the mesh'
	[ "$(sql 'SELECT (SELECT count(*) FROM site) + (SELECT count(*) FROM mesh)')" = 0 ]
	[ -z "$(ls "$D/tmp")" ]
	run_as backup "$D/nothing"
	[ "$RC" = 1 ] && [ -z "$(ls "$D"/nothing* 2>/dev/null)" ]
}

@test "every statement is one that PostgreSQL understands, and those that walk can be read ahead" {
	start
	printf '%s\n' '#include "registry/sql.h"' '#define X(name, text) @name text;' 'SQL_LIST(X)' '#undef X' '#define X(name) @name walks;' \
		'SQL_WALKS(X)' >"$D/sql.c"
	# adjacent literals are one; ?1 is $1 there
	gcc -E -P -I. "$D/sql.c" | perl -0ne 'while (/@(\w+)\s+([^@]*?);(?=\s*(?:@|$))/g) { my ($n, $t) = ($1, $2); $t =~ s/"\s*"//g; $t =~ s/^"|"$//g;
		$t =~ tr/?/$/; print "$n\t$t\n" }' >"$D/statements"
	[ "$(grep -c 'SELECT\|INSERT\|UPDATE\|DELETE' "$D/statements")" -gt 40 ]
	walk='^SELECT ([a-z_.]+),.* ([a-z_.]+) > \$1 ORDER BY ([a-z_.]+) LIMIT 1$'
	while IFS=$'\t' read -r name text; do
		if [ "$text" = walks ]; then
			# the rows behind its only parameter, by the first column, one at a time: what store_pg_query.c takes for granted
			text=$(sed -n "s/^$name\tS/S/p" "$D/statements")
			[[ $text =~ $walk ]]
			[[ ${BASH_REMATCH[2]} = "${BASH_REMATCH[1]}" && ${BASH_REMATCH[3]} = "${BASH_REMATCH[1]}" && $text != *'$2'* ]]
		else
			sql "PREPARE s AS $text" || fails "$name: $text"
		fi
	done <"$D/statements"
	grep -q $'\twalks$' "$D/statements"
}

@test "a program that knows another schema does not go on in it" {
	start
	ok POST /v1/sites '{"domain":"a"}'
	sql 'UPDATE wm_registry SET schema = 99'
	sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'wm-registry'" >/dev/null
	api GET /v1/sites
	problem 503
	[[ $BODY == *"its schema is not the one"* ]]
}

@test "connections that end while nobody uses them are not noticed by anybody" {
	start
	ok POST /v1/sites '{"domain":"a"}'
	for n in {1..10}; do
		sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'wm-registry'" >/dev/null
		[ $((n % 2)) = 0 ] || ok POST /v1/hosts "$(host "$n")"
		ok GET /v1/hosts
	done
	is '.hosts | length' 5
}

@test "the server dies and comes back: 503 until then, and who waits is woken by the next change" {
	start
	ok POST /v1/sites '{"domain":"a"}'
	gen=$(generation)
	curl -sS -m "$LIMIT" -H "Authorization: Bearer $ADMIN" -o "$D/poll" "$URL/v1/config?after=$gen&wait=60" 3>&- &
	poll=$!
	await waiting
	pg_crash
	api GET /v1/sites
	problem 503
	[[ $BODY == *"cannot be reached"* && $BODY == *"$DB"* ]]
	api POST /v1/hosts "$(host 1)"
	problem 503
	TOKEN='' api GET /health
	problem 503
	pg_run
	await healthy
	[ ! -s "$D/poll" ]
	ok POST /v1/hosts "$(host 2)"
	wait "$poll"
	grep -q '"name":"h2"' "$D/poll"
	[ "$(generation)" = $((gen + 1)) ]
	whole
}

@test "the server dies under writers, again and again: what was acknowledged is there, nothing is half there" {
	start
	ok POST /v1/sites '{"domain":"a","subnet":"172.30.16.0/20"}'
	: >"$D/acked"
	for ((w = 0; w < 8; w++)); do
		(
			n=$w
			while [ ! -e "$D/enough" ]; do
				n=$((n + 8))
				[ "$(curl -s -o /dev/null -m 30 -w '%{http_code}' -H "Authorization: Bearer $ADMIN" -d "$(host $n)" \
					"$URL/v1/hosts")" != 201 ] || echo "h$n" >>"$D/acked"
			done
		) 3>&- &
		echo $! >>"$D/pids"
		writers[w]=$!
	done
	for round in 1 2 3 4 5; do
		lines=$(wc -l <"$D/acked")
		more() { [ "$(wc -l <"$D/acked")" -gt $((lines + 20)) ]; }
		await more
		pg_crash
		pg_run
	done
	touch "$D/enough"
	wait "${writers[@]}"
	await healthy
	ok GET /v1/hosts
	jq -r '.hosts[].name' <<<"$BODY" | sort >"$D/there"
	[ -z "$(sort "$D/acked" | comm -23 - "$D/there")" ]
	whole
}

@test "a server that hangs is given up by the first who asks it, and taken again when it goes on" {
	start
	ok POST /v1/sites '{"domain":"a"}'
	server=("$(cat "$PG_DIR/pid")")
	server+=($(pgrep -P "${server[0]}"))
	kill -STOP "${server[@]}"
	# less than what a statement in the middle of a change may take
	api GET /v1/sites '' -m "$((LIMIT / 2))"
	first=$CODE why=$BODY
	TOKEN='' api GET /health '' -m "$((LIMIT / 2))"
	second=$CODE
	kill -CONT "${server[@]}"
	[ "$first" = 503 ] || fails "$first $why"
	[[ $why == *"does not answer"* ]]
	[ "$second" = 503 ]
	await healthy
	ok POST /v1/hosts "$(host 1)"
	whole
}

@test "a commit whose answer is lost: it is found out whether it was made" {
	between
	start
	ok POST /v1/sites '{"domain":"a"}'
	gen=$(generation)
	echo after >"$PG_DIR/$DB/fail"
	api POST /v1/hosts "$(host 1)"
	code 201
	[ ! -e "$PG_DIR/$DB/fail" ]
	[ "$(generation)" = $((gen + 1)) ]
	echo before >"$PG_DIR/$DB/fail"
	api POST /v1/hosts "$(host 2)"
	problem 503
	[[ $BODY == *"nothing was changed"* ]]
	[ "$(generation)" = $((gen + 1)) ]
	# nobody to ask: that is what is said
	echo gone >"$PG_DIR/$DB/fail"
	api POST /v1/hosts "$(host 3)"
	problem 503
	[[ $BODY == *"is not known"* ]]
	rm "$PG_DIR/$DB/gone"
	there() { api GET /v1/hosts/h3.a && [ "$CODE" = 200 ]; }
	await there
	[ "$(generation)" = $((gen + 2)) ]
	whole
}

@test "somebody who holds up writers is not waited for long, and readers not at all" {
	start
	ok POST /v1/sites '{"domain":"a"}'
	psql -qAt -h "$PG_DIR" -U wm -d "$DB" -c "SELECT pg_advisory_lock(1464685127, hashtext('public')); SELECT pg_sleep(600)" \
		>"$D/psql.out" 2>&1 3>&- &
	echo $! >>"$D/pids"
	held() { [ "$(sql "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = 1464685127")" = 1 ]; }
	await held
	api POST /v1/hosts "$(host 1)"
	problem 503
	[[ $BODY == *"nothing was changed"* ]]
	grep -qi '^retry-after: 1.$' "$D/head"
	ok GET /v1/sites
	# nor do many writers add up, for themselves and for who reads
	args=()
	for n in {1..40}; do
		args+=(--next -sS -m "$LIMIT" -H "Authorization: Bearer $ADMIN" -o /dev/null -w '%{http_code}\n' -d "$(host "$n")"
			"$URL/v1/hosts")
	done
	curl --parallel --parallel-immediate --parallel-max 40 "${args[@]:1}" >"$D/codes" 2>"$D/err" 3>&- &
	writers=$!
	some() { [ -s "$D/codes" ]; }
	await some
	TOKEN='' api GET /health
	code 200
	ok GET /v1/sites
	wait "$writers"
	[ "$(sort "$D/codes" | uniq -c | xargs)" = '40 503' ]
	sql "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = 1464685127" >/dev/null
	goes() { api POST /v1/hosts "$(host 1)" && [ "$CODE" = 201 ]; }
	await goes
}

@test "who has no token, or none that is good, does not keep the database busy" {
	between
	start
	ok POST /v1/sites '{"domain":"a"}'
	TOKEN=$(own_token wmg_ 1) api GET /v1/sites
	code 401
	TOKEN=$(own_token wme_ 1) api GET /v1/sites
	code 401
	: >"$PG_DIR/$DB/asked"
	for TOKEN in '' nonsense "${ADMIN}x" wmg_ "$(own_token wmg_ 1)x"; do
		for path in /v1/sites /v1/sites/a /v1/config '/v1/changes?wait=9' /v1/import; do
			api GET "$path"
			[[ $CODE == 40[15] ]] || fails "$path"
		done
		api POST /v1/import '{}'
		code 401
		api GET /nowhere
		code 404
		api PUT /v1/sites
		code 405
	done
	[ ! -s "$PG_DIR/$DB/asked" ]
	# once for each that could be one
	for n in {1..10}; do
		TOKEN=$(own_token wmg_ "$n") api GET /v1/sites
		code 401
		TOKEN=$(own_token wme_ "$n") api GET /v1/config
		code 401
	done
	[ "$(wc -c <"$PG_DIR/$DB/asked")" = 20 ]
	unset TOKEN
	ok GET /v1/sites
	[ "$(wc -c <"$PG_DIR/$DB/asked")" -gt 20 ]
}

@test "of what gateways report only what is new is read again" {
	between
	start
	sql "INSERT INTO site (domain, subnet, len, is_hub) SELECT 's' || n, 2887647232 + 256 * n, 24, 0 FROM generate_series(100, 139) n"
	sql "INSERT INTO report SELECT 's' || n, 1, '{\"generation\":1,\"dataplane\":\"bpf\",\"peers\":[' ||
		(SELECT string_agg('{\"kind\":\"site\",\"name\":\"p' || p || '\",\"handshake\":null,\"rx\":1,\"tx\":2}', ',')
		FROM generate_series(1, 200) p) || ']}' FROM generate_series(100, 139) n"
	answered() { # PATH: how many KiB it takes from the database
		: >"$PG_DIR/$DB/answered"
		ok GET "$1"
		KIB=$(wc -c <"$PG_DIR/$DB/answered")
	}
	answered /v1/status
	is '.sites | length' 40
	is '[.sites[].peers | length] | unique | map(tostring) | join(" ")' 200
	first=$BODY
	[ "$KIB" -gt 300 ]
	for path in /v1/status /metrics /v1/status; do
		answered "$path"
		[ "$KIB" -lt 40 ]
	done
	[ "$BODY" = "$first" ]
	# in the same second, by this one or another
	ok PUT /v1/sites/s120/status '{"generation":7,"dataplane":"nft"}'
	sql "UPDATE report SET body = replace(body, 'p17\"', 'q17\"') WHERE domain = 's110'"
	sql "DELETE FROM report WHERE domain IN ('s100', 's130', 's139')"
	answered /metrics
	[ "$(grep -c '^wm_peer_bytes_total.*peer="q17"' <<<"$BODY")" = 2 ]
	[ "$(grep -c '^wm_site_seen_timestamp_seconds{' <<<"$BODY")" = 37 ]
	grep -q '^wm_site_generation{site="s120"} 7$' <<<"$BODY"
	answered /v1/status
	[ "$KIB" -lt 40 ]
	is '.sites | length' 37
	is '[.sites[] | select(.domain == "s120").generation] | join(" ")' 7
	is '[.sites[] | select(.domain == "s110").peers[].name | select(. == "q17")] | length' 1
	is '[.sites[] | select(any(.peers[]?; .name == "p17"))] | length' 35
}

@test "other machines are spoken to by TLS unless somebody says otherwise" {
	perl -MIO::Socket::INET -e '
		my $s = IO::Socket::INET->new(Listen => 8, LocalAddr => "127.0.0.1", LocalPort => 0) or die;
		open(my $f, ">", "$ARGV[0].new"); print $f $s->sockport; close $f;
		rename("$ARGV[0].new", $ARGV[0]);
		alarm $ARGV[1];
		# to each that asks for TLS: no
		while (my $c = $s->accept) { sysread($c, my $in, 1000); print $c $in =~ /^\0\0\0\x08/ ? "N" : "E"; $c->flush; sysread($c, $in, 1000) }
	' "$D/port" "$LIMIT" 3>&- &
	echo $! >>"$D/pids"
	await test -s "$D/port"
	export WM_REGISTRY_STORE="postgresql://wm@127.0.0.1:$(cat "$D/port")/wm"
	run_as serve --listen 127.0.0.1:0
	said 1 'server does not support SSL, but SSL was required'
}

# A certificate for 127.0.0.1 by an authority of its own: $D/NAME.crt, NAME.key, NAME-ca.crt
certificate() { # NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$D/$1-ca.key" -out "$D/$1-ca.crt" -days 2 \
		-subj "/CN=$1 authority" 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$D/$1.key" -subj /CN=db -out "$D/$1.csr" 2>/dev/null
	openssl x509 -req -in "$D/$1.csr" -CA "$D/$1-ca.crt" -CAkey "$D/$1-ca.key" -CAcreateserial -days 2 -out "$D/$1.crt" \
		-extfile <(echo subjectAltName=IP:127.0.0.1) 2>/dev/null
}

encrypted() { # how many connections of the registry are, and are not
	sql "SELECT count(*) FILTER (WHERE ssl), count(*) FILTER (WHERE NOT ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
		WHERE application_name = 'wm-registry'"
}

# The last one: the server has another port from here on.
@test "TLS: without saying so, and with verify-full only to the server that is meant" {
	certificate right
	certificate wrong
	install -o nobody -m 600 "$D/right.key" "$PG_DIR/data/server.key"
	install -o nobody -m 600 "$D/right.crt" "$PG_DIR/data/server.crt"
	printf 'local all all trust\nhost all all 127.0.0.1/32 trust\n' >"$PG_DIR/data/pg_hba.conf"
	PGPORT=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
	export PGPORT
	pg_crash
	pg_run -c ssl=on -c listen_addresses=127.0.0.1 -c port="$PGPORT"
	for options in '' "?sslmode=verify-full&sslrootcert=$D/right-ca.crt"; do
		export WM_REGISTRY_STORE="postgresql://wm@127.0.0.1/$DB$options"
		start
		ok GET /v1/sites
		[ "$(encrypted)" = '2|0' ]
		stop
	done
	export WM_REGISTRY_STORE="postgresql://wm@127.0.0.1/$DB?sslmode=verify-full&sslrootcert=$D/wrong-ca.crt"
	run_as serve --listen 127.0.0.1:0
	said 1 'certificate verify failed'
	export WM_REGISTRY_STORE="postgresql://wm@localhost/$DB?sslmode=verify-full&sslrootcert=$D/right-ca.crt"
	run_as serve --listen 127.0.0.1:0
	said 1 'does not match host name "localhost"'
	export WM_REGISTRY_STORE="postgresql://wm@127.0.0.1/$DB?sslmode=disable"
	start
	ok GET /v1/sites
	[ "$(encrypted)" = '0|2' ]
}
