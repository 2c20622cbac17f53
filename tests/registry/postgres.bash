# A PostgreSQL server of the tests' own: a directory, a Unix socket in it, a process. Of the machine's own PostgreSQL
# only the programs are used.

PG_BIN=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
PG_AS=(env -C / setpriv --reuid=nobody --regid=nogroup --clear-groups) # it may not be root

# pg_start: sets PG_DIR (for WM_REGISTRY_STORE: "postgresql://wm@/DATABASE?host=$PG_DIR") and PG_PID. End it with pg_stop.
pg_start() {
	PG_DIR=$(mktemp -d /tmp/wmpg.XXXXXX)
	chown nobody "$PG_DIR"
	if ! "${PG_AS[@]}" "$PG_BIN/initdb" -D "$PG_DIR/data" -U wm -A trust -E UTF8 --locale=C.UTF-8 --no-sync \
		>"$PG_DIR/log" 2>&1; then
		cat "$PG_DIR/log" >&2
		rm -rf "$PG_DIR"
		return 1
	fi
	export PG_DIR
	pg_run
}

# Starts the server on its directory (again), and waits until it takes connections.
pg_run() {
	local n
	rm -f "$PG_DIR/data/postmaster.pid" "$PG_DIR"/.s.PGSQL.*
	"${PG_AS[@]}" "$PG_BIN/postgres" -D "$PG_DIR/data" -k "$PG_DIR" -c listen_addresses= -c max_connections=200 -c fsync=off \
		-c shared_buffers=32MB "$@" >>"$PG_DIR/log" 2>&1 3>&- &
	PG_PID=$!
	echo "$PG_PID" >"$PG_DIR/pid"
	for ((n = 0; n < 20 * 60 * ${WM_SLOW:-1}; n++)); do
		! psql -h "$PG_DIR" -U wm -d postgres -Atc 'SELECT 1' >/dev/null 2>&1 || return 0
		kill -0 "$PG_PID" 2>/dev/null || break
		sleep 0.05
	done
	cat "$PG_DIR/log" >&2
	return 1
}

# As a machine that fails: the server and all that it started, at once.
pg_crash() {
	local pid pids
	pid=$(cat "$PG_DIR/pid")
	pids="$pid $(pgrep -d ' ' -P "$pid")"
	# shellcheck disable=SC2086
	kill -9 $pids 2>/dev/null || true
	pg_gone "$pids"
}

pg_gone() { # PIDS: waits for the end of processes, which need not be children of this shell
	local pid
	for pid in $1; do
		while [ -e "/proc/$pid" ] && ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null; do
			wait "$pid" 2>/dev/null || true
			sleep 0.02
		done
	done
}

pg_stop() {
	local pid
	[ -n "${PG_DIR-}" ] && [ -d "$PG_DIR" ] || return 0
	pid=$(cat "$PG_DIR/pid" 2>/dev/null)
	[ -z "$pid" ] || { kill -INT "$pid" 2>/dev/null && pg_gone "$pid"; }
	rm -rf "$PG_DIR"
}
