#!/usr/bin/env bats
# A gateway with no more rights than its systemd unit gives it, and wm-fetch with less.
# time limit: 120 s

load lib/mesh
load lib/units

setup_file() {
	mesh_begin u
	demo up --bare
	addresses
	export WEB KIOSK NAS CAM LAPTOP SENSOR
	tunnels_up
}

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

in_sync() { gateway a status >/dev/null; }
fetch_of() { # the processes wm-fetch of gateway a
	local pid
	for pid in $(ip netns pids "$WM_DEMO-$(machine_of a)"); do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != wm-fetch ] || echo "$pid"
	done
}

@test "with the capabilities of its unit a gateway makes everything anew, on BPF, and asks for nothing that the unit forbids" {
	stop_gateway a
	gateway a down
	confined a
	wait_for 30 'gateway a is in sync' in_sync
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
	pids=$(fetch_of) # one that waits for news and one that reports
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
