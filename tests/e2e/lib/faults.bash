# shellcheck shell=bash
# Every system call of one sync fails once, and the sync is killed once at each:
# traffic flows, what is on the disk is whole, the next sync converges. The sync
# has something to do: another host comes or goes each time. Some calls,
# spread over the sync; all of them by
# `make soak-faults`.

SOME=${WM_FAULTS:-14} # calls of each kind

faults_begin() { # <short name> <back end>
	single_begin "$1"
	echo "WM_DATAPLANE=$2" >>"$WM_DEMO_DIR/etc/a/gateway.env"
	on_gw "$BIN/wm-gateway" sync --instance a
	[ "$(status | jq -r .dataplane.name)" = "$2" ]
}

api() { # METHOD PATH [BODY]
	ns gw curl -sS -f -o /dev/null -X "$1" -H "Authorization: Bearer $MASTER" ${3:+-d "$3"} "$REGISTRY$2"
}

there() { [ -e "$WM_DEMO_DIR/nas-is-there" ]; }

# So that the next sync has a host to add, or to take away.
something_to_do() {
	if there; then
		api DELETE /v1/hosts/nas.a && rm "$WM_DEMO_DIR/nas-is-there"
	else
		api POST /v1/hosts '{"name":"nas","domain":"a","local_ip":"192.168.1.11"}' && touch "$WM_DEMO_DIR/nas-is-there"
	fi
}

traced() { # STRACE OPTION...: a sync
	# shellcheck disable=SC2046 # a list of words
	ip netns exec "$WM_DEMO-gw" env $(single_paths) timeout 60 strace -qq -e signal=none -o "$BATS_TEST_TMPDIR/trace" "$@" \
		"$BIN/wm-gateway" sync --instance a >"$BATS_TEST_TMPDIR/said" 2>&1
}

# The calls of a sync that has something to do, as "<call> <which of its kind>"; not those of the loader, nor those that
# cannot fail, nor what only waits.
calls_of_a_sync() {
	something_to_do || return 1
	traced -f -e trace='!exit,exit_group,rt_sigreturn,poll,clock_gettime,getpid,getrandom' || return 1
	awk 'NR == 1 { own = $1 } $1 == own { call = $2; sub(/\(.*/, "", call) }
		$1 == own && call ~ /^[a-z0-9_]+$/ { n[call]++; if (past) print call, n[call] }
		/prlimit64|set_robust_list/ { past = 1 }' "$BATS_TEST_TMPDIR/trace"
}

in_sync_again() {
	local n
	there && n=true || n=false
	on_gw timeout 60 "$BIN/wm-gateway" sync --instance a >"$BATS_TEST_TMPDIR/said" 2>&1 || { cat "$BATS_TEST_TMPDIR/said"; return 1; }
	on_gw "$BIN/wm-bpf" stats --instance a -j | jq -e --argjson n $n '([.hosts[].name] | index("nas.a") != null) == $n' >/dev/null ||
		{ echo "that nas.a is there is not $n"; return 1; }
	[ -z "$(find "$WM_DEMO_DIR/state" "$WM_DEMO_DIR/etc" -name '*.new-*')" ] || { find "$WM_DEMO_DIR/state"; return 1; }
}

# at_each WHAT: what strace does to each of the calls
at_each() {
	local calls total step i call which tried=0 met=0
	mapfile -t calls < <(calls_of_a_sync)
	in_sync_again || return 1
	total=${#calls[@]}
	[ "$total" -gt 100 ] || return 1
	step=$((total / SOME + (total < SOME)))
	for ((i = 0; i < total; i += step)); do
		read -r call which <<<"${calls[i]}"
		something_to_do || return 1
		traced -e trace="$call" -e inject="$call:$1:when=$which" || true
		grep -Eq 'INJECTED| = \?$' "$BATS_TEST_TMPDIR/trace" && met=$((met + 1))
		in_sync_again || { echo "after $call $which of $total: $(tail -n 1 "$BATS_TEST_TMPDIR/trace")"; return 1; }
		tried=$((tried + 1))
	done
	echo "$tried of $total calls, $met met"
	# Another sync may have less to do than the first.
	[ $((2 * met)) -gt $tried ]
}

# What stands on one answer of wireguard-go: that it cannot be asked does not mean that it is gone.
no_socket() {
	local n
	for n in $(seq 12); do
		something_to_do || return 1
		traced -e trace=connect -e inject=connect:error=EAGAIN:when=$n || true
		in_sync_again || return 1
	done
}
