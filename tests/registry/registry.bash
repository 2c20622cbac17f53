# Starts the real wm-registry for one test, and speaks to it. On SQLite; or where PG_DIR says that a PostgreSQL server
# runs (postgres.bash), on a database of the test's own there. Tests of what only SQLite has are tagged sqlite.

ADMIN=test-token-0123456789abcdef
MIGRATIONS=registry/migrations
REGISTRY=$PWD/${B:-build}/wm-registry
D=$BATS_TEST_TMPDIR
unset WM_REGISTRY_STORE
LIMIT=$((20 * ${WM_SLOW:-1})) # seconds that anything may take
export WM_ETC=$D/etc           # no settings but a test's own
CLEAN=(-u WM_MESH_NAME -u WM_MESH_SUPERNET -u MESH_SUPERNET -u WM_REGISTRY_PORT -u WM_REGISTRY_DATA -u CF_DOMAIN)

# start [OPTION]...: sets URL and PID
start() {
	[ ! -f "$D/log" ] || mv "$D/log" "$D/log.$(ls "$D" | grep -c '^log')"
	env "${CLEAN[@]}" WM_REGISTRY_TOKEN=$ADMIN "${WITH[@]}" \
		"$REGISTRY" serve --data "$D/data" --listen 127.0.0.1:0 "$@" 2>"$D/log" 3>&- &
	PID=$!
	echo "$PID" >>"$D/pids"
	await_log 'listening on '
	URL=$(sed -n 's/^listening on //p' "$D/log" | tail -n 1)
}

# sql QUERY: looks into the test's database, or changes it; a line a row, columns separated by |
sql() {
	if [ -n "${PG_DIR-}" ]; then
		psql -qAt -v ON_ERROR_STOP=1 -h "$PG_DIR" -U wm -d "$DB" -c "$1"
	else
		sqlite3 "$D/data/registry.db" <<<"$1" # no argument: a comment would be an option
	fi
}

postgres() { # QUERY...: of the server, not of one database
	local query
	for query; do
		psql -qAt -h "$PG_DIR" -U wm -d postgres -c "$query" 2>>"$D/psql" || return 1
	done
}

empty() { # the test's database, which no server may use
	rm -rf "$D/data"
	[ -z "${PG_DIR-}" ] || { postgres "DROP DATABASE $DB" && postgres "CREATE DATABASE $DB"; }
}

await_log() { # until the server of this test has said it
	local n
	for ((n = 0; n < LIMIT * 20; n++)); do
		! grep -q -- "$1" "$D/log" || return 0
		kill -0 "$PID" 2>/dev/null || { cat "$D/log" >&2; return 1; }
		sleep 0.05
	done
	echo "no '$1' within $LIMIT s" >&2
	return 1
}

stop() { # [SIGNAL]: RC is its exit code
	kill "-${1:-TERM}" "$PID"
	RC=0
	wait "$PID" || RC=$?
}

# `! command` in the middle of a test does not fail it.
not() { ! "$@"; }

# What a test starts ends with it.
teardown() {
	local pid
	[ ! -f "$D/pids" ] || while read -r pid; do
		kill -9 "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done <"$D/pids"
	[ -z "${PG_DIR-}" ] || postgres "DROP DATABASE IF EXISTS $DB WITH (FORCE)" "DROP DATABASE IF EXISTS ${DB}_copy"
}

# api METHOD PATH [BODY] [CURL OPTION]...: CODE, BODY and the headers in $D/head.
# As admin, unless TOKEN says otherwise (empty: without one).
api() {
	local method=$1 path=$2 body=${3-} auth=()
	shift 2
	[ $# -eq 0 ] || shift
	[ -z "${TOKEN-$ADMIN}" ] || auth=(-H "Authorization: Bearer ${TOKEN-$ADMIN}")
	CODE=$(curl -sS -m "$LIMIT" -X "$method" "${auth[@]}" ${body:+--data-binary "$body"} -o "$D/body" -D "$D/head" \
		-w '%{http_code}' "$@" "$URL$path") || CODE="curl $?, $CODE"
	BODY=$(cat "$D/body" 2>/dev/null) || BODY=
	rm -f "$D/body"
}

fails() {
	printf '%s\n' "$@" "answer: $CODE $BODY" >&2
	return 1
}

code() { # the last answer's
	[ "$CODE" = "$1" ] || fails "expected $1"
}

is() { # FILTER VALUE: of the last answer
	local got
	got=$(jq -r "$1" <<<"$BODY" 2>&1)
	[ "$got" = "$2" ] || fails "$1 is '$got', expected '$2'"
}

problem() { # CODE [FIELD]: the last answer is a problem document
	code "$1" && is .status "$1" && is '.title | length > 0' true && is '.detail | length > 10' true &&
		is '.field // ""' "${2-}" || return 1
	grep -qi '^content-type: application/problem+json' "$D/head" || fails "not a problem document"
}

ok() { # METHOD PATH [BODY]: any 2xx
	api "$@"
	[[ $CODE == 2?? ]] || fails "$*"
}

generation() {
	curl -sS -m "$LIMIT" -H "Authorization: Bearer $ADMIN" "$URL/v1/whoami" | jq .generation
}

key() { # N: a public key of its own for each N
	printf '%031d%c' "$1" x | base64
}

own_token() { # KIND N: as a client makes it, wmg_ or wmd_
	printf '%s%s' "$1" "$(printf '%031d%c' "$2" x | base64 | tr '+/' '-_' | tr -d '=')"
}

# Sites hub and b, host nas.b, device laptop: what most tests begin with.
mesh() {
	ok POST /v1/sites '{"domain":"hub","is_hub":true,"endpoint":"198.51.100.1:51820"}'
	ok POST /v1/sites '{"domain":"b","endpoint":"198.51.100.2:51820"}'
	ok POST /v1/hosts '{"name":"nas","domain":"b","local_ip":"192.168.1.10","mac":"02:00:00:00:00:10"}'
	ok POST /v1/hosts '{"name":"web","domain":"hub","local_ip":"10.0.0.5","mac":"02:00:00:00:00:11"}'
	ok POST /v1/devices "{\"name\":\"laptop\",\"public_key\":\"$(key 9)\"}"
}

new_token() { # ROLE NAME: prints it
	curl -sS -m "$LIMIT" -H "Authorization: Bearer $ADMIN" -d "{\"role\":\"$1\",\"name\":\"$2\"}" "$URL/v1/tokens" | jq -r .token
}

# raw TEXT: sends it as it is, prints what comes back until the server closes (at most LIMIT seconds).
raw() {
	printf '%b' "$1" | perl -MIO::Socket::INET -e '
		my ($port, $limit) = @ARGV;
		$SIG{ALRM} = sub { print "\nSTILL OPEN\n"; exit 0 };
		alarm $limit;
		my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port) or die;
		local $/;
		print $s scalar <STDIN>;
		$s->flush;
		while (sysread($s, my $part, 65536)) { syswrite(STDOUT, $part) }
	' "${URL##*:}" "${2:-$LIMIT}"
}

# The file is also read when there is no test, to count them.
if [ -n "${PG_DIR-}" ] && [ -n "$D" ]; then
	DB=t_$(md5sum <<<"$D" | cut -c 1-16)
	postgres "CREATE DATABASE $DB"
	MIGRATIONS=registry/migrations/postgresql
	export WM_REGISTRY_STORE="postgresql://wm@/$DB?host=$PG_DIR"
fi
