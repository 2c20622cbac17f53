#!/usr/bin/env bats
# What becomes of a release that is signed and whole, and does not work, now or
# later; and whether it is blamed for that. The gateways are stubs.
# time limit: 600 s

load rig

@test "bad release: its self-test fails" {
	publish 0.2.0 fails
	refuses '0.2.0 is not '
	[[ "$(state bad)" == '0.2.0 its self-test fails with exit code 1: wm-gateway: the kernel does not take it' ]]
}

@test "bad release: it says that it is another" {
	publish 0.2.0 lies
	refuses '0.2.0 is not '
	[[ "$(state bad)" == *"'wm-gateway 9.9.9' and not 'wm-gateway 0.2.0'" ]]
}

@test "bad release: it runs, but is never in sync" {
	settings WM_UPDATE_PROVE=2
	publish 0.2.0 ok unsynced
	takes_back 'was not in sync in time' 1
	grep -qF 'wm-gateway 0.2.0 was not in sync in time (WM_UPDATE_PROVE); going back to 0.1.0' "$D/agent-log"
	# Which is remembered by whoever comes after.
	kill -9 "$AGENT"
	until_true 'the gateway ends with its agent' silent
	: >"$D/run/runs"
	agent
	more_rounds 2
	is_running "$OWN"
	[ "$(grep -c 'starting wm-gateway 0.2.0' "$D/agent-log")" = 1 ]
	# Not for ever: the next one is another.
	publish 0.2.1
	until_true '0.2.1 is in force' in_force 0.2.1
}

@test "bad release: it does not even answer" {
	settings WM_UPDATE_PROVE=2
	publish 0.2.0 ok deaf
	takes_back 'was not in sync in time' 1
}

@test "bad release: it ends at once" {
	publish 0.2.0 ok dies
	takes_back 'ended with exit code 3' 1
}

@test "a release is not blamed for what was wrong before, but is not tried for ever" {
	settings WM_UPDATE_PROVE=1
	stub "$D/packaged" "$OWN" ok unsynced
	publish 0.2.0 ok unsynced
	takes_back 'it was tried 3 times' 3
}

@test "a trial that was cut off by the end of wm-agent has not failed" {
	settings WM_UPDATE_PROVE=2
	publish 0.2.0 ok stays
	agent
	until_true '0.2.0 is tried' is_running 0.2.0
	POKED=
	runs_pid >>"$D/pids"
	kill "$AGENT"
	# What is left of the trial's time passes while the gateway does not end.
	sleep 2.5
	some_runs
	[ "$(state tried) $(state tries) $(state bad)" = '0.2.0 0 ' ]
	kill -9 "$(runs_pid)"
	wait "$AGENT"
	[ "$(grep -c 'taken back\|going back' "$D/agent-log")" = 0 ]
}

# Looks once, and waits for what comes of it.
one_look() {
	local n
	n=$(state rounds || true)
	kill -USR1 "$AGENT"
	until_true 'a look is over' rounds_over $((${n:-0} + 1))
}

@test "a release is not blamed for a line that went away with it" {
	settings WM_UPDATE_PROVE=2
	stub "$D/packaged" "$OWN" ok asked
	publish 0.2.0 ok away
	agent
	POKED=
	one_look
	complains '0.2.0 was started and taken back: was not in sync in time'
	is_running "$OWN"
	[ "$(state tries) $(state bad)" = '1 ' ]
	rm "$D/run/unsynced"
	publish 0.2.0
	POKED=$AGENT
	until_true '0.2.0 is in force' in_force 0.2.0
}

@test "a release is not blamed for being killed" {
	publish 0.2.0 killed
	agent
	POKED=
	one_look
	complains '0.2.0 is not taken: its self-test was killed'
	[ "$(state tries) $(state bad)" = '1 ' ]
	publish 0.2.0 ok killed
	one_look
	complains '0.2.0 was started and taken back: was ended by signal 9'
	[ "$(state tries) $(state bad)" = '2 ' ]
	publish 0.2.0
	one_look
	until_true '0.2.0 is in force' in_force 0.2.0
	# But it is not tried for ever.
	publish 0.3.0 killed
	POKED=$AGENT
	until_true 'it is given up' complains '0.3.0 is not tried again: it was tried 3 times'
}

@test "bad release: it crashes once it is in force" {
	publish 0.2.0
	agent
	until_true '0.2.0 is in force' in_force 0.2.0
	publish 0.3.0 ok crashes
	until_true '0.3.0 has crashed' complains '0.3.0 is not tried again: it kept ending (it was ended by signal 6), and again'
	# Back to the one before, and it stays so.
	until_true '0.2.0 is in force again' in_force 0.2.0
	more_rounds 2
	in_force 0.2.0
	# Once more, as it may have been damaged on the disk.
	[ "$(grep -c 'starting wm-gateway 0.3.0' "$D/agent-log")" = 2 ]
	[ "$(cd "$RELEASES" && echo *)" = '0.2.0 current state' ]
}

@test "bad release: it crashes once it is in force, and is the first" {
	publish 0.2.0 ok crashes
	takes_back 'it kept ending (it was ended by signal 6), and again' 2
}

@test "bad release: it ends once it is in force, by an exit code" {
	publish 0.2.0
	agent
	until_true '0.2.0 is in force' in_force 0.2.0
	publish 0.3.0 ok ends
	until_true '0.3.0 is given up' complains '0.3.0 is not tried again: it kept ending (it ended with exit code 3), and again'
	until_true '0.2.0 is in force again' in_force 0.2.0
	more_rounds 2
	in_force 0.2.0
	grep -q '/0.2.0/wm-gateway stays, and is in force again instead of 0.3.0' "$D/agent-log"
	# For three years if need be; and the next one is another.
	publish 0.3.1
	until_true '0.3.1 is in force' in_force 0.3.1
}

# both [RUN [RUN]]: 0.2.0 was in force, now 0.3.0 is
both() {
	publish 0.2.0 ok "${1-syncs}"
	agent
	until_true '0.2.0 is in force' in_force 0.2.0
	publish 0.3.0 ok "${2-syncs}"
	until_true '0.3.0 is in force' in_force 0.3.0
	POKED=
}

says() { [ "$(grep -c "$1" "$D/agent-log")" -ge "${2-1}" ]; }

@test "a release is not blamed for what ends the one before as well" {
	both
	touch "$D/run/broken"
	until_true 'the one before is tried' says '/0.2.0/wm-gateway, to see whether that stays'
	until_true 'it ends, too' says '/0.2.0/wm-gateway ended with exit code 3: the release is not blamed for it'
	# From now on it is only started again.
	until_true 'it is started again and again' says 'wm-agent: wm-gateway ended with exit code 3' 6
	[ "$(grep -c 'to see whether that stays' "$D/agent-log")" = 1 ]
	[ "$(state bad)$(state ended)" = '' ]
	rm "$D/run/broken"
	until_true '0.3.0 stays' in_force 0.3.0
}

@test "a release is not blamed for settings that nobody can run with" {
	both syncs ails
	echo SITE_SUBNET=nowhere >>"$WM_ETC/gateway.env"
	touch "$D/run/ails"
	until_true 'it cannot be judged' says 'cannot be judged'
	rm "$D/run/ails"
	until_true '0.3.0 is started again' in_force 0.3.0
	[ "$(state bad)$(state ended)" = '' ]
}

@test "a release is not blamed for somebody else who runs" {
	local other
	both syncs ails
	# Takes the lock as soon as 0.3.0 has let go of it.
	flock "$D/run/lock" -c "touch '$D/run/held'; while [ -e '$D/run/held' ]; do sleep 0.05; done" 3>&- &
	other=$!
	echo $other >>"$D/pids"
	touch "$D/run/ails"
	until_true 'the lock is held' test -e "$D/run/held"
	until_true '0.3.0 cannot run' says 'wm-gateway ended with exit code' 5
	rm "$D/run/ails" "$D/run/held"
	until_true '0.3.0 runs again' in_force 0.3.0
	[ "$(grep -c 'to see whether that stays' "$D/agent-log")" = 0 ]
}

@test "the one before, killed by somebody while it is compared, starts again, and is judged by that" {
	both asked ails
	touch "$D/run/unsynced" "$D/run/ails"
	until_true 'the one before is tried' says '/0.2.0/wm-gateway, to see whether that stays'
	until_true 'it runs' is_running 0.2.0
	pid=$(runs_pid)
	kill -9 "$pid"
	until_true 'it runs again' another_than "$pid"
	is_running 0.2.0
	rm "$D/run/unsynced"
	until_true 'it stays' says '/0.2.0/wm-gateway stays, and is in force again instead of 0.3.0'
	in_force 0.2.0
	[ "$(grep -c 'not blamed' "$D/agent-log")" = 0 ]
}

@test "where the one before cannot be put in force the package's is, and the other one is blamed all the same" {
	both syncs ails
	mkdir "$RELEASES/current.new" # in the way of the link
	touch "$D/run/ails"
	until_true 'it is told' says "/0.2.0/wm-gateway stays, but $D/packaged/wm-gateway is in force instead of 0.3.0, which kept ending"
	until_true 'the package runs' is_running "$OWN"
	[ ! -e "$RELEASES/current" ]
	[ "$(state ended)" = 0.3.0 ]
	says "current: cannot name the release"
}

ends_once() { # and runs again; how often it did so before
	touch "$D/run/once"
	until_true 'it ends' says 'wm-gateway ended with exit code 3' $(($1 + 1))
	until_true 'it runs again' some_runs
}

@test "a release is not blamed for how the one before it ended" {
	publish 0.2.0
	agent
	until_true '0.2.0 is in force' in_force 0.2.0
	ends_once 0
	ends_once 1
	publish 0.3.0
	until_true '0.3.0 is in force' in_force 0.3.0
	ends_once 2
	until_true '0.3.0 runs' in_force 0.3.0
	more_rounds 2
	in_force 0.3.0
	[ "$(grep -c 'to see whether that stays' "$D/agent-log")" = 0 ]
}

@test "a gateway that hangs is killed, and starts again" {
	settings WM_UPDATE_PROVE=1
	stub "$D/packaged" "$OWN" ok hangs
	rm "$WM_ETC/release.pub" # also where nothing is updated
	agent
	pid=$(runs_pid)
	sleep 2
	is_running "$OWN" # as long as it answers
	[ "$(runs_pid)" = "$pid" ]
	touch "$D/run/hangs"
	until_true 'it is killed' says 'has not answered for minutes; killing it'
	rm "$D/run/hangs"
	until_true 'another one runs' another_than "$pid"
	says 'was ended by signal 9'
}

@test "bad release: it hangs once it is in force" {
	settings WM_UPDATE_PROVE=1
	both syncs hangs
	touch "$D/run/hangs"
	POKED=$AGENT
	until_true 'it is killed' says 'killing it' 1
	until_true 'it is killed again' says 'killing it' 2
	until_true 'the one before is tried' says '0.3.0/wm-gateway keeps ending (it was killed, as it did not answer); starting .*/0.2.0/wm-gateway'
	until_true 'that one stays' says '/0.2.0/wm-gateway stays, and is in force again instead of 0.3.0'
	until_true '0.3.0 is not in sync when it is tried anew' knows_bad 0.3.0
	until_true '0.2.0 is in force' in_force 0.2.0
	[ "$(grep -c 'killing it' "$D/agent-log")" = 3 ]
}
knows_bad() { [[ "$(state bad)" == "$1 "* ]]; }

@test "a release is not blamed for what has the one before hang as well" {
	settings WM_UPDATE_PROVE=1
	both hangs hangs
	touch "$D/run/hangs"
	POKED=$AGENT
	until_true 'it is killed' says 'killing it' 1
	until_true 'it is killed again' says 'killing it' 2
	until_true 'the one before is tried' says '/0.2.0/wm-gateway, to see whether that stays'
	until_true 'it hangs, too' says '/0.2.0/wm-gateway stays, but does not answer: the release is not blamed for it'
	rm "$D/run/hangs"
	until_true '0.3.0 runs' in_force 0.3.0
	[ "$(state bad)$(state ended)" = '' ]
}
another_than() { some_runs && [ "$(runs_pid)" != "$1" ]; }

@test "a gateway that hangs, or crashes, gets the next release" {
	settings WM_UPDATE_PROVE=600 # what only waits for it is not over in time
	stub "$D/packaged" "$OWN" ok hangs
	touch "$D/run/hangs"
	publish 0.2.0
	agent
	until_true '0.2.0 is tried' is_running 0.2.0
	until_true '0.2.0 is in force' in_force 0.2.0
	kill -9 "$AGENT"
	until_true 'the gateway ends with its agent' silent
	rm -r "$D/state" "$D/run/runs"
	stub "$D/packaged" "$OWN" ok dies
	"$BIN/wm-agent" >>"$D/agent-log" 2>&1 3>&- &
	POKED=$!
	echo "$POKED" >>"$D/pids"
	until_true 'the one that crashes gives way' in_force 0.2.0
}

@test "whoever asks for a look while one is under way has another" {
	publish 0.2.0 fails
	settings WM_UPDATE_PROVE=5
	stub "$D/packaged" "$OWN" ok hangs
	touch "$D/run/hangs"
	agent
	kill -USR1 "$AGENT"
	POKED=
	until_true 'it has looked' complains '0.2.0 is not'
	# Now it waits for the one that hangs.
	publish 0.3.0
	kill -USR1 "$AGENT"
	until_true '0.3.0 is in force' in_force 0.3.0
}

# 0.2.0 was in force; it was damaged on the disk and cannot be run, so that the package's runs and it has to be had anew, and is not in sync from now on
damaged_and_refused() {
	settings WM_UPDATE_PROVE=2
	publish 0.2.0 ok asked
	agent
	until_true '0.2.0 is in force' in_force 0.2.0
	POKED=
	kill -9 "$AGENT"
	until_true 'the gateway ends with its agent' silent
	head -c 10 "$WWW/$GATEWAY" >"$RELEASES/0.2.0/wm-gateway"
	touch "$D/run/unsynced"
	agent
}

@test "a registry that refuses what was in sync once has it put off, and not blamed" {
	damaged_and_refused
	until_true 'it is put off' complains '0.2.0 was in force once, but was not in sync now that it was started again, and what runs is: it is tried again after'
	is_running "$OWN"
	more_rounds 3
	is_running "$OWN"
	[ "$(grep -c 'starting wm-gateway 0.2.0' "$D/agent-log")" = 2 ]
	[ "$(state bad)" = '' ]
	[ "$(state tries) $(state proved)" = '0 0.2.0' ]
	# An hour later, and in sync.
	rm "$D/run/unsynced"
	POKED=
	kill -9 "$AGENT"
	until_true 'the gateway ends with its agent' silent
	sed -i 's/^later_since .*/later_since 1700000000/' "$RELEASES/state"
	agent
	until_true '0.2.0 is in force again' in_force 0.2.0
	[ "$(state later)" = '' ]
}

@test "a registry that refuses all does not have what was in sync once taken back" {
	stub "$D/packaged" "$OWN" ok asked
	damaged_and_refused
	until_true '0.2.0 is in force again' in_force 0.2.0
	[ "$(state bad)" = '' ]
	# Of one that never was in sync nobody knows.
	publish 0.3.0 ok asked
	until_true '0.3.0 is tried' says 'starting wm-gateway 0.3.0'
	until_true '0.2.0 runs on' in_force 0.2.0
}

typed_is() { [ "$("$BIN/wm-gateway" --version 2>/dev/null)" = "wm-gateway $1" ]; }

@test "a release that cannot be run any more gives way to the package's" {
	publish 0.2.0
	agent
	until_true '0.2.0 is in force' in_force 0.2.0
	kill -9 "$AGENT"
	until_true 'the gateway ends with its agent' silent
	head -c 1000 "$WWW/$GATEWAY" >"$RELEASES/0.2.0/wm-gateway"
	mv "$WWW/wm-release" "$D/away"
	agent
	until_true 'the package runs' is_running "$OWN"
	# Nor does it answer for what is typed; and where it is still offered, it is had anew.
	until_true 'what is typed is the package, too' typed_is "$OWN"
	mv "$D/away" "$WWW/wm-release"
	until_true '0.2.0 is in force again' in_force 0.2.0
	cmp "$RELEASES/0.2.0/wm-gateway" "$WWW/$GATEWAY"
}
