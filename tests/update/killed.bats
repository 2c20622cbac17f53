#!/usr/bin/env bats
# Whoever is killed at whatever step of an update, wm-agent or the process that
# looks for releases: what is on the disk can be started, is a whole release,
# and the next wm-agent gets to the new one.
# time limit: 240 s

load rig

# What changes the disk in such a way that it matters when it is cut off there.
STEPS=mkdirat,rename,renameat,renameat2,unlinkat,symlinkat,fsync,fchmod

killed() { ! kill -0 "$TRACED" 2>/dev/null || grep -q 'was ended by signal 9' "$D/agent-log"; }
over() { killed || { in_force 0.2.0 && rounds_over 1; }; }

# As `agent`, but whichever process of it does the nth of these steps is killed on entering it.
killed_agent() {
	POKED=
	: >"$D/run/runs"
	: >"$D/agent-log"
	strace -f -qq -o "$D/trace" -e signal=none -e trace=$STEPS -e inject=$STEPS:signal=KILL:when="$1" "$BIN/wm-agent" \
		>>"$D/agent-log" 2>&1 3>&- &
	STRACE=$!
	echo $STRACE >>"$D/pids"
	until_true 'a gateway runs' some_runs
	TRACED=$(pgrep -P $STRACE)
	echo "$TRACED" >>"$D/pids"
	POKED=$TRACED
	until_true 'somebody is killed, or nobody' over
	SOMEBODY=$(! killed || echo yes)
	POKED=
	kill -9 "$TRACED" 2>/dev/null || true
	wait $STRACE || true
	until_true 'the gateway ends with its agent' silent
}

# is_whole DIRECTORY: of a release
is_whole() { cmp -s "$1/wm-gateway" "$D/built/wm-gateway" && cmp -s "$1/wm-fetch" "$D/built/wm-fetch"; }

some_release() { is_running "$OWN" || is_running 0.2.0; }

@test "killed at any step, the next wm-agent starts a whole release, and gets to the new one" {
	local n dir
	publish 0.2.0
	for ((n = 1; n < 40; n++)); do
		rm -rf "$D/state" "$D/trace"
		killed_agent $n
		for dir in "$RELEASES"/*/; do
			[[ ! -d $dir || $dir == *.new/ ]] || is_whole "$dir"
		done
		[ ! -L "$RELEASES/current" ] || [ -e "$RELEASES/current/wm-gateway" ]
		[ -n "$SOMEBODY" ] || break
		# strace writes it when it ends.
		echo "step $n: $(grep -m 1 ' = ?$' "$D/trace")"
		# Nothing is offered: what there is must do.
		mv "$WWW/wm-release" "$D/away"
		: >"$D/run/runs"
		agent
		some_release
		mv "$D/away" "$WWW/wm-release"
		until_true '0.2.0 is in force' in_force 0.2.0
		is_whole "$RELEASES/current"
		more_rounds 1
		[ "$(cd "$RELEASES" && echo *)" = '0.2.0 current state' ]
		kill -9 "$AGENT"
		wait "$AGENT" || true
		until_true 'the gateway ends with its agent' silent
	done
	echo "$n steps"
	# As many as there are at least: download, state, link.
	[ "$n" -gt 10 ]
}
