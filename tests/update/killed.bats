#!/usr/bin/env bats
# Whoever is killed at whatever step of an update, wm-agent or the process that
# looks for releases: what is on the disk can be started, is a whole release,
# and the next wm-agent gets to the new one.
#
# A step is a system call by which the disk changes in such a way that it
# matters when it is cut off there. Some of them here; all of them by
# `make soak-update`.
# time limit: 300 s

load rig

setup() { rig_setup; publish 0.2.0; }

killed() { ! kill -0 "$TRACED" 2>/dev/null || grep -q 'was ended by signal 9' "$D/agent-log"; }
over() { killed || { in_force 0.2.0 && rounds_over 1; }; }

# killed_agent OPTION CALL N: as `agent`, but it, or with -f any process of it, is killed when it enters its Nth such call;
# SOMEBODY is empty when there was no such call. THEN: a command, when its gateway runs
killed_agent() {
	POKED=
	: >"$D/run/runs"
	: >"$D/agent-log"
	# shellcheck disable=SC2086 # none or one
	strace $1 -qq -o "$D/trace" -e signal=none -e "trace=$2" -e "inject=$2:signal=KILL:when=$3" "$BIN/wm-agent" \
		>>"$D/agent-log" 2>&1 3>&- &
	STRACE=$!
	echo $STRACE >>"$D/pids"
	until_true 'a gateway runs' some_runs
	${THEN-}
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

# What was left can be started, and whoever does gets to the new release.
goes_on() {
	local dir
	for dir in "$RELEASES"/*/; do
		[[ ! -d $dir || $dir == *.new/ ]] || is_whole "$dir" || { echo "$dir is not whole"; return 1; }
	done
	# Nothing is offered: what there is must do.
	mv "$WWW/wm-release" "$D/away"
	: >"$D/run/runs"
	agent
	is_running "$OWN" || is_running 0.2.0 || return 1
	mv "$D/away" "$WWW/wm-release"
	until_true '0.2.0 is in force' in_force 0.2.0 || return 1
	is_whole "$RELEASES/current" || return 1
	more_rounds 1 || return 1
	[ "$(cd "$RELEASES" && echo *)" = '0.2.0 current state' ] || { ls "$RELEASES"; return 1; }
	kill -9 "$AGENT"
	wait "$AGENT" || true
	until_true 'the gateway ends with its agent' silent
}

# at_step OPTION CALL N
at_step() {
	rm -rf "$D/state" "$D/trace"
	killed_agent "$@"
	[ -z "$SOMEBODY" ] || goes_on || { echo "killed at '$*': $(grep -m 1 ' = ?$' "$D/trace")"; return 1; }
}

at_steps() { # OPTION <CALL N>...: each is there
	local option=$1
	shift
	while [ $# -gt 0 ]; do
		at_step "$option" "$1" "$2"
		[ -n "$SOMEBODY" ] || { echo "$1 $2 is never reached"; return 1; }
		shift 2
	done
}

at_every_step() { # OPTION CALL...
	local option=$1 call n
	for call in "${@:2}"; do
		for ((n = 1; n < 20; n++)); do
			at_step "$option" "$call" $n
			[ -n "$SOMEBODY" ] || break
		done
		echo "$call: $((n - 1))"
	done
}

# Some of these steps, or with WM_SOAK=1 all steps of these calls.
steps() { # OPTION "CALL..." <CALL N>...
	if [ -n "${WM_SOAK-}" ]; then
		# shellcheck disable=SC2086 # a list of words
		at_every_step "$1" $2
	else
		at_steps "$1" "${@:3}"
	fi
}

@test "killed while it downloads and tests" {
	steps -f 'mkdirat fchmod fsync renameat renameat2 rename unlinkat' mkdirat 1 fchmod 2 fsync 3 renameat 1 rename 1
}

@test "killed while it tries, and while it takes over" {
	steps '' 'fchmod fsync rename renameat symlinkat unlinkat kill wait4' rename 1 rename 2 symlinkat 1 renameat 1 fsync 3
}

# From a release that was in force and keeps ending; whoever comes after gets there, too.
goes_back() {
	: >"$D/run/runs"
	agent
	until_true 'the one before is in force' in_force 0.2.0
	until_true 'the other one is known to be bad' knows_bad 0.3.0
	in_force 0.2.0
	kill -9 "$AGENT"
	wait "$AGENT" || true
	until_true 'the gateway ends with its agent' silent
}
knows_bad() { [[ "$(state bad)" == "$1 "* ]]; }

@test "killed while it goes back to the one before" {
	local call
	agent
	until_true '0.2.0 is in force' in_force 0.2.0
	publish 0.3.0 ok ails
	until_true '0.3.0 is in force' in_force 0.3.0
	kill -9 "$AGENT"
	until_true 'the gateway ends with its agent' silent
	cp -a "$D/state" "$D/both"
	THEN="touch $D/run/ails"
	for call in symlinkat renameat rename; do
		rm -rf "$D/state" "$D/trace" "$D/run/ails"
		cp -a "$D/both" "$D/state"
		killed_agent '' $call 1
		[ -n "$SOMEBODY" ] || { echo "$call is never reached"; return 1; }
		goes_back || { echo "killed at $call"; return 1; }
	done
}
