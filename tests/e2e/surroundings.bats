#!/usr/bin/env bats
# A gateway where it lives: with no more rights than its systemd unit gives it, with a wrong clock, on a full disk.
# time limit: 180 s

load lib/mesh
load lib/units

setup_file() { mesh_carrying u; }

teardown_file() { demo down; }
setup() { use_demo; }

UNIT=packaging/systemd/wm-gateway.service

@test "systemd finds nothing wrong with the units, and an exposure of 3.5 at most" {
	units_into "$BATS_TEST_TMPDIR/units" "$BIN"
	run systemd-analyze verify --man=no "$BATS_TEST_TMPDIR"/units/wm-gateway.service "$BATS_TEST_TMPDIR"/units/wm-gateway@x.service
	echo "$output"
	[ "$status" = 0 ]
	[ -z "$output" ]
	exposed_at_most 35 "$BATS_TEST_TMPDIR/units/wm-gateway.service"
	exposed_at_most 35 "$BATS_TEST_TMPDIR/units/wm-gateway@.service"
	sed -i '/^SystemCallFilter/d' "$BATS_TEST_TMPDIR/units/wm-gateway.service"
	run exposed_at_most 35 "$BATS_TEST_TMPDIR/units/wm-gateway.service"
	[ "$status" != 0 ]
}

@test "the unit of a further mesh differs in its name and its files only" {
	settings() { sed -n '/^\[Unit\]/,$p' "packaging/systemd/$1" | grep -v '^#'; }
	run diff <(settings wm-gateway.service) <(settings wm-gateway@.service | sed 's/ (%i)$//; s#/%i/#/#; /^Environment=WM_INSTANCE=%i$/d')
	echo "$output"
	[ "$status" = 0 ]
}

# capabilities of the unit, as setpriv wants them: without all others
bounds() {
	sed -n 's/^CapabilityBoundingSet=//p' "$UNIT" | tr 'A-Z' 'a-z' | sed 's/cap_/+/g; s/ /,/g; s/^/-all,/'
}

confined() { # confined <instance>: the agent with the rights of its unit, its system calls in a trace
	on "$1" strace -f -qq -e signal=none -o "$BATS_TEST_TMPDIR/trace" setpriv --no-new-privs --bounding-set "$(bounds)" \
		"$BIN/wm-agent" --instance "$1" </dev/null >>"$WM_DEMO_DIR/log/gateway-$1" 2>&1 3>&- &
	AGENT=$!
}

a_is_in_sync() { gateway a status >/dev/null; }
@test "with the capabilities of its unit a gateway makes everything anew, on BPF, and asks for nothing that the unit forbids" {
	stop_gateway a
	gateway a down
	confined a
	wait_for 30 'gateway a is in sync' a_is_in_sync
	run gateway a -j status
	echo "$output"
	[ "$(jq -r .dataplane.name <<<"$output")" = bpf ]
	pings laptop "$WEB" 3
	in_ns "$(machine_of a)" route del 172.30.0.0/16 dev "$(interface_of a)"
	gateway a sync
	in_ns "$(machine_of a)" route show | grep '^172.30.0.0/16 dev'
	calls_of "$UNIT" >"$BATS_TEST_TMPDIR/may"
	grep -qx bpf "$BATS_TEST_TMPDIR/may"
	[ -z "$(grep -x 'mount\|init_module\|ptrace\|chown\|setrlimit' "$BATS_TEST_TMPDIR/may")" ]
	calls_in "$BATS_TEST_TMPDIR/trace" >"$BATS_TEST_TMPDIR/does"
	sed -i '/^capset$/d' "$BATS_TEST_TMPDIR/does" # setpriv did that
	grep -qx bpf "$BATS_TEST_TMPDIR/does"
	run comm -23 "$BATS_TEST_TMPDIR/does" "$BATS_TEST_TMPDIR/may"
	echo "not allowed: $output"
	[ -z "$output" ]
}

@test "wm-fetch has another user, no capability, no privileges to gain, and its system calls filtered" {
	local pids pid
	pids=$(pid_of "$(machine_of a)" wm-fetch) # one that waits for news and one that reports
	[ -n "$pids" ]
	for pid in $pids; do
		run cat "/proc/$pid/status"
		echo "$output"
		grep -qE '^CapEff:[[:space:]]*0+$' <<<"$output"
		grep -qE '^CapPrm:[[:space:]]*0+$' <<<"$output"
		grep -qE '^NoNewPrivs:[[:space:]]*1$' <<<"$output"
		grep -qE '^Seccomp:[[:space:]]*2$' <<<"$output"
		[ -z "$(grep -E '^[UG]id:[[:space:]]*([0-9]+[[:space:]]+)*0([[:space:]]|$)' <<<"$output")" ]
		grep -qE '^Groups:[[:space:]]*$' <<<"$output"
	done
}

has_name() { grep -q "[[:space:]]$1\$" "$WM_DEMO_DIR/etc/a/hosts"; }

@test "its clock jumps ten years, ahead and back: traffic flows, changes are followed, status is sober" {
	stop_gateway a
	echo 0 >"$BATS_TEST_TMPDIR/clock"
	on a env LD_PRELOAD="$BIN/tests/e2e/clock.so" WM_CLOCK="$BATS_TEST_TMPDIR/clock" "$BIN/wm-agent" --instance a </dev/null \
		>>"$WM_DEMO_DIR/log/gateway-a" 2>&1 3>&- &
	wait_for 30 'gateway a is in sync' a_is_in_sync
	pings laptop "$WEB" 1
	n=0
	for seconds in 315360000 -315360000 0; do
		echo "$seconds" >"$BATS_TEST_TMPDIR/clock"
		n=$((n + 1))
		pings laptop "$WEB" 2
		wm add-host "later$n.b" --local-ip "192.168.1.$((100 + n))" >/dev/null
		wait_for 15 "gateway a knows later$n.b" has_name "later$n.b"
		gateway a sync
		wait_for 15 'gateway a is in sync' a_is_in_sync
		run gateway a -j status
		echo "$output"
		jq -e '.config.in_force and .config.problem == null and .registry.problem == null' <<<"$output"
		pings laptop "$WEB" 2
	done
}

# In a mount namespace where its directories are a small disk: inside <command>...
inside() { nsenter -t "$(cat "$BATS_TEST_TMPDIR/pid")" -m "$@"; }

@test "its disk is full: what is in force stays, files stay whole, and it follows again when there is room" {
	local etc=$WM_DEMO_DIR/etc/a state=$WM_DEMO_DIR/state/a dir
	stop_gateway a
	on a unshare --mount --propagation slave sh -c '
		for dir; do
			mkdir /tmp/wm-full.$$ && cp -a "$dir/." /tmp/wm-full.$$ && mount -t tmpfs -o size=256k none "$dir" &&
				cp -a /tmp/wm-full.$$/. "$dir" && rm -r /tmp/wm-full.$$ || exit 1
		done
		echo $$ >"$0"
		exec "$B/wm-agent" --instance a' "$BATS_TEST_TMPDIR/pid" "$etc" "$state" </dev/null >>"$WM_DEMO_DIR/log/gateway-a" 2>&1 3>&- &
	wait_for 30 'gateway a is in sync' a_is_in_sync
	for dir in "$etc" "$state"; do
		inside dd if=/dev/zero "of=$dir/fills-it" bs=4k status=none 2>/dev/null || true
		inside sh -c 'echo x >>"$1/fills-it"' - "$dir" 2>/dev/null && return 1
	done
	before=$(inside cat "$etc/hosts")
	wm add-host full.b --local-ip 192.168.1.120 >/dev/null
	says_so() { gateway a -j status | jq -e '.config.problem // "" | test("No space left on device")'; }
	wait_for 15 'status says that the disk is full' says_so
	[ "$(inside cat "$etc/hosts")" = "$before" ]
	pings laptop "$WEB" 2
	pings web "$NAS" 2
	# killed and started again on the full disk, it serves what it had
	kill -9 "$(pid_of gw-a wm-gateway)"
	sleep 1
	pings laptop "$WEB" 2
	inside rm "$etc/fills-it" "$state/fills-it"
	known() { inside grep -q '[[:space:]]full\.b$' "$etc/hosts"; }
	wait_for 30 'gateway a knows full.b' known
	wait_for 15 'gateway a is in sync' a_is_in_sync
	[ -z "$(inside find "$etc" "$state" -name '*.new-*')" ]
}
