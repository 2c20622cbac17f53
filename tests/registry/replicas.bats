#!/usr/bin/env bats
# Two registries on one PostgreSQL: whichever one speaks to, it is one mesh.
# time limit: 300 s

load own_postgres
load registry

# Both begin at once, on an empty database: one of them makes the mesh.
setup() {
	local name
	for name in A B; do
		WM_REGISTRY_TOKEN=$ADMIN "$REGISTRY" serve --listen 127.0.0.1:0 2>"$D/log-$name" 3>&- &
		echo $! >>"$D/pids"
		eval "PID_$name=\$!"
	done
	for name in A B; do
		listening() { grep -q '^listening on ' "$D/log-$name"; }
		await listening
		eval "$name=\$(sed -n 's/^listening on //p' \"\$D/log-$name\")"
	done
	URL=$A
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

on() { # URL COMMAND...
	local URL=$1
	shift
	"$@"
}

host() { # NAME N: a request for one
	printf '{"name":"%s","domain":"a","local_ip":"10.1.%d.%d"}' "$1" $(($2 / 200)) $(($2 % 200 + 1))
}

# wait_at URL FILE PATH: in the background; WAITER
wait_at() {
	curl -sS -m "$LIMIT" -H "Authorization: Bearer $ADMIN" -o "$2" "$1$3" 3>&- &
	WAITER=$!
	there() { [ "$(ss -Htn state established "( dport = :${1##*:} )" | wc -l)" -ge 1 ]; }
	await there "$1"
}

@test "they are one mesh, made once" {
	on "$A" ok GET /v1/whoami
	first=$BODY
	on "$B" ok GET /v1/whoami
	[ "$(jq -S 'del(.address)' <<<"$BODY")" = "$(jq -S 'del(.address)' <<<"$first")" ]
	[ "$(sql 'SELECT count(*) FROM mesh')" = 1 ]
	[ "$(sql 'SELECT schema FROM wm_registry')" = "$(ls "$MIGRATIONS"/*.sql | wc -l)" ]
}

@test "a change at one wakes who waits at the other" {
	for round in 1 2 3; do
		for there in "$A $B" "$B $A"; do
			# shellcheck disable=SC2086
			set -- $there
			gen=$(on "$1" generation)
			wait_at "$1" "$D/poll" "/v1/config?after=$gen&wait=60"
			on "$2" ok POST /v1/sites "{\"domain\":\"s$gen\"}"
			wait "$WAITER"
			grep -q "\"domain\":\"s$gen\"" "$D/poll"
			[ "$(head -n 1 "$D/poll" | jq .mesh.generation)" = $((gen + 1)) ]
		done
	done
	# also one to a new instance, which is of the same generation
	on "$A" ok GET /v1/whoami
	wait_at "$A" "$D/poll" "/v1/config?instance=$(jq -r .instance <<<"$BODY")&after=$(generation)&wait=60"
	"$REGISTRY" renew
	wait "$WAITER"
	[ "$(head -n 1 "$D/poll" | jq -r .mesh.instance)" = "$(sql 'SELECT instance FROM mesh')" ]
	# and who follows by changes
	on "$A" ok GET /v1/whoami
	instance=$(jq -r .instance <<<"$BODY")
	gen=$(generation)
	wait_at "$A" "$D/poll" "/v1/changes?instance=$instance&after=$gen&wait=60"
	on "$B" ok POST /v1/hosts "{\"name\":\"x\",\"domain\":\"s$((gen - 1))\",\"local_ip\":\"10.0.0.1\"}"
	wait "$WAITER"
	[ "$(sed -n 2p "$D/poll" | jq -r .host.name)" = x ]
}

@test "who waits at one while the other changes things is always answered" {
	ok POST /v1/sites '{"domain":"a"}'
	# a connection for each request: one that is closed without an answer leaves nothing
	perl -MIO::Socket::INET -e '
		my ($port, $token, $enough, $limit) = @ARGV;
		for (1 .. 8) {
			next if fork;
			alarm $limit;
			my ($after, $n, $cut) = (0, 0, 0);
			until (-e $enough) {
				my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port) or die;
				print $s "GET /v1/config?after=$after&wait=3 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\n" .
					"Connection: close\r\n\r\n";
				my $all = do { local $/; <$s> } // "";
				$n++;
				$cut++ unless $all =~ m{^HTTP/1.1 20[04] };
				$after = $1 if $all =~ /"generation":(\d+)/;
			}
			syswrite STDOUT, "$n $cut\n";
			exit;
		}
		1 while wait > 0;
	' "${B##*:}" "$ADMIN" "$D/enough" $((LIMIT * 3)) >"$D/answers" 3>&- &
	pollers=$!
	echo $pollers >>"$D/pids"
	gen=$(generation)
	for n in {1..10}; do
		args=()
		for m in {1..100}; do
			args+=(--next -sS -f -m "$LIMIT" -H "Authorization: Bearer $ADMIN" -o /dev/null -X PATCH
				-d "{\"endpoint\":\"198.51.100.1:$((n * 100 + m))\"}" "$A/v1/sites/a")
		done
		curl "${args[@]:1}"
	done
	touch "$D/enough"
	wait "$pollers"
	[ "$(generation)" = $((gen + 1000)) ]
	cat "$D/answers" >&2
	[ "$(wc -l <"$D/answers")" = 8 ]
	[ "$(awk '{ n += $1; cut += $2 } END { print (n > 100), cut }' "$D/answers")" = '1 0' ]
}

@test "what one has acknowledged, the other shows at once" {
	ok POST /v1/sites '{"domain":"a","subnet":"172.30.16.0/20"}'
	gen=$(generation)
	for n in {1..60}; do
		if [ $((n % 2)) = 0 ]; then set -- "$A" "$B"; else set -- "$B" "$A"; fi
		on "$1" ok POST /v1/hosts "$(host "h$n" "$n")"
		on "$2" ok GET /v1/hosts
		is '.hosts | length' "$n"
		[ "$(on "$2" generation)" = $((gen + n)) ]
		on "$2" ok GET "/v1/hosts/h$n.a"
	done
	on "$A" ok DELETE /v1/hosts/h7.a
	on "$B" api GET /v1/hosts/h7.a
	problem 404
}

@test "a token that one has revoked is refused by the other at once; one that was made is good" {
	ok POST /v1/sites '{"domain":"a"}'
	for n in {1..30}; do
		if [ $((n % 2)) = 0 ]; then set -- "$A" "$B"; else set -- "$B" "$A"; fi
		token=$(on "$1" new_token read "t$n")
		TOKEN=$token on "$2" ok GET /v1/sites
		on "$2" ok GET /v1/tokens
		id=$(jq '.tokens[-1].id' <<<"$BODY")
		is '.tokens | length' 1
		on "$1" ok DELETE "/v1/tokens/$id"
		TOKEN=$token on "$2" api GET /v1/sites
		problem 401
		on "$2" ok GET /v1/tokens
		is '.tokens | length' 0
	done
	# one that waits with it is refused when it is woken
	token=$(on "$A" new_token read waiter)
	gen=$(generation)
	on "$B" ok GET /v1/tokens
	id=$(jq '.tokens[0].id' <<<"$BODY")
	curl -sS -m "$LIMIT" -H "Authorization: Bearer $token" -o /dev/null -w '%{http_code}' "$B/v1/config?after=$gen&wait=60" \
		>"$D/code" 3>&- &
	WAITER=$!
	there() { [ "$(ss -Htn state established "( dport = :${B##*:} )" | wc -l)" -ge 1 ]; }
	await there
	on "$A" ok DELETE "/v1/tokens/$id"
	on "$A" ok POST /v1/sites '{"domain":"b"}'
	wait "$WAITER"
	[ "$(cat "$D/code")" = 401 ]
}

@test "64 use one enrolment at once, at both: one succeeds" {
	for round in 1 2; do
		ok POST /v1/sites "{\"domain\":\"g$round\"}"
		ok POST /v1/enrolments "{\"kind\":\"gateway\",\"name\":\"g$round\"}"
		token=$(jq -r .token <<<"$BODY")
		args=()
		for n in {1..64}; do
			if [ $((n % 2)) = 0 ]; then url=$A; else url=$B; fi
			args+=(--next -sS -m "$LIMIT" -H "Authorization: Bearer $token" -o /dev/null -w '%{http_code}\n'
				-d "{\"public_key\":\"$(key $((round * 100 + n)))\"}" "$url/v1/enrol")
		done
		curl --parallel --parallel-immediate --parallel-max 64 "${args[@]:1}" >"$D/codes" 2>"$D/err"
		[ "$(grep -c 201 "$D/codes")" = 1 ]
		[ "$(grep -c 401 "$D/codes")" = 63 ]
		[ "$(sql "SELECT count(*) FROM token WHERE site = 'g$round'")" = 1 ]
	done
}

@test "writers at both, at once: no address twice, each generation once, nothing lost" {
	ok POST /v1/sites '{"domain":"a","subnet":"172.30.16.0/20"}'
	gen=$(generation)
	args=()
	for n in {1..200}; do
		if [ $((n % 2)) = 0 ]; then url=$A; else url=$B; fi
		args+=(--next -sS -m "$LIMIT" -H "Authorization: Bearer $ADMIN" -o /dev/null -w '%{http_code}\n' -d "$(host "h$n" "$n")"
			"$url/v1/hosts")
	done
	curl --parallel --parallel-immediate --parallel-max 50 "${args[@]:1}" >"$D/codes" 2>"$D/err"
	[ "$(sort "$D/codes" | uniq -c | xargs)" = '200 201' ]
	ok GET /v1/hosts
	# lowest first, without a gap: all that were given are taken, in whatever order they came
	[ "$(jq -r '.hosts[].wg_ip' <<<"$BODY" | sort -u | wc -l)" = 200 ]
	is '.hosts[0].wg_ip' 172.30.16.2
	is '.hosts[199].wg_ip' 172.30.16.201
	[ "$(on "$A" generation)" = $((gen + 200)) ]
	[ "$(on "$B" generation)" = $((gen + 200)) ]
	[ "$(sql 'SELECT count(*), count(DISTINCT generation) FROM change')" = "$((gen + 199))|$((gen + 199))" ]
	# what one frees is the next that the other gives, also when that one thinks all below is taken
	for n in 5 150 77; do
		on "$A" ok GET "/v1/hosts/h$n.a"
		free=$(jq -r .wg_ip <<<"$BODY")
		on "$A" ok DELETE "/v1/hosts/h$n.a"
		on "$B" ok POST /v1/hosts "$(host "h$n" "$n")"
		is .wg_ip "$free"
	done
	# and one name, one LAN address, one site at both at once: one of them
	for n in {1..10}; do
		curl --parallel --parallel-immediate -sS -m "$LIMIT" -H "Authorization: Bearer $ADMIN" -o /dev/null -w '%{http_code}\n' \
			-d "{\"domain\":\"r$n\"}" "$A/v1/sites" --next -sS -m "$LIMIT" -H "Authorization: Bearer $ADMIN" -o /dev/null \
			-w '%{http_code}\n' -d "{\"domain\":\"r$n\"}" "$B/v1/sites" >"$D/codes" 2>"$D/err"
		[ "$(sort "$D/codes" | xargs)" = '201 409' ]
	done
}

@test "what a gateway reports to one, the other tells" {
	ok POST /v1/sites '{"domain":"a"}'
	ok POST /v1/sites '{"domain":"b"}'
	on "$A" ok PUT /v1/sites/a/status '{"generation":3,"dataplane":"bpf","problem":"at A"}'
	on "$B" ok PUT /v1/sites/b/status '{"generation":2,"dataplane":"nft"}'
	for url in "$A" "$B"; do
		on "$url" ok GET /v1/status
		is '.sites | length' 2
		is '.sites[0].domain' a
		is '.sites[0].problem' 'at A'
		is '.sites[1].dataplane' nft
		is '.sites[1].seen | length' 20
	done
	on "$B" ok PUT /v1/sites/a/status '{"generation":3,"dataplane":"bpf","problem":null}'
	on "$A" ok GET /v1/status
	is '.sites[0].problem' ''
	on "$A" ok DELETE /v1/sites/a
	on "$B" ok POST /v1/sites '{"domain":"a"}'
	on "$B" ok GET /v1/status
	is '.sites | length' 1
	# a report changes nothing of the mesh, and does not have to be what this version knows
	sql "INSERT INTO report VALUES ('a', 1, '{\"of\":\"another version\"}')"
	on "$A" ok GET /v1/status
	is '.sites | length' 1
	# one that came in while its site was being removed is nobody's
	sql "INSERT INTO report VALUES ('late', 1, '{\"generation\":3}')"
	on "$A" ok POST /v1/sites '{"domain":"late"}'
	on "$B" ok GET /v1/status
	is '.sites | length' 1
	on "$A" api PUT /v1/sites/none/status '{"generation":3}'
	problem 404
}

@test "one dies in the middle of its work, the other goes on" {
	ok POST /v1/sites '{"domain":"a","subnet":"172.30.16.0/20"}'
	(
		n=0
		while [ ! -e "$D/enough" ]; do
			n=$((n + 1))
			[ "$(curl -s -o /dev/null -m "$LIMIT" -w '%{http_code}' -H "Authorization: Bearer $ADMIN" -d "$(host "a$n" "$n")" \
				"$A/v1/hosts")" = 201 ] || exit 0
			echo "a$n" >>"$D/acked"
		done
	) 3>&- &
	writer=$!
	echo $writer >>"$D/pids"
	some() { [ -s "$D/acked" ] && [ "$(wc -l <"$D/acked")" -ge 5 ]; }
	await some
	kill -9 "$PID_A"
	wait "$writer"
	for n in {301..310}; do
		on "$B" ok POST /v1/hosts "$(host "b$n" "$n")"
	done
	on "$B" ok GET /v1/hosts
	jq -r '.hosts[].name' <<<"$BODY" | sort >"$D/there"
	[ -z "$(sort "$D/acked" | comm -23 - "$D/there")" ]
	[ "$(sql 'SELECT count(*) FROM change')" = $(($(on "$B" generation) - 1)) ]
}

@test "one that hangs with the others' turn in its hand loses it" {
	ok POST /v1/sites '{"domain":"a","subnet":"172.30.16.0/20"}'
	# stopped again and again, until it is with the lock in its hand
	held() { [ "$(sql "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = 1464685127")" = 1 ]; }
	(
		n=0
		while [ ! -e "$D/enough" ]; do
			n=$((n + 1))
			curl -s -o /dev/null -m "$LIMIT" -H "Authorization: Bearer $ADMIN" -d "$(host "a$n" "$n")" "$A/v1/hosts"
		done
	) 3>&- &
	writer=$!
	echo $writer >>"$D/pids"
	caught() {
		kill -STOP "$PID_A"
		! held || return 0
		kill -CONT "$PID_A"
		return 1
	}
	await caught
	on "$B" api POST /v1/hosts "$(host b1 301)"
	problem 503
	goes() { on "$B" api POST /v1/hosts "$(host b2 302)" && [ "$CODE" = 201 ]; }
	await goes
	touch "$D/enough"
	kill -CONT "$PID_A"
	wait "$writer"
	# the one that hung has lost its change, and no more than that
	on "$A" ok POST /v1/hosts "$(host a9999 303)"
	[ "$(sql 'SELECT count(*), count(DISTINCT generation) FROM change')" = \
		"$(($(on "$B" generation) - 1))|$(($(on "$A" generation) - 1))" ]
}
