#!/usr/bin/env bats
# The demo, as its user runs it: it proves itself, and leaves nothing.
# time limit: 240 s

load lib/mesh

setup_file() { mesh_begin d; }
teardown_file() { demo down; }
setup() { use_demo; }

@test "the demo holds every line of its proof and exits 0" {
	run demo up
	echo "$output"
	[ "$status" = 0 ]
	[[ "$output" != *FAILED* ]]
	# No line got lost: everything that it wants to prove is printed.
	[ "$(grep -c '^ok ' <<<"$output")" = "$(grep -c '^	*holds ' "$ROOT/scripts/demo.d/prove.sh")" ]
}

@test "afterwards nothing of it is left" {
	[ -z "$(net_there)" ]
	[ ! -e "$WM_DEMO_DIR" ]
	run grep -F "$WM_DEMO" /proc/self/mounts
	[ "$status" = 1 ]
	[ -z "$(ls -d "/etc/netns/$WM_DEMO"* 2>/dev/null)" ]
}

@test "what is missing is named, and nothing is made" {
	run env B=/nonexistent "$ROOT/scripts/demo" up
	[ "$status" = 1 ]
	[ "$output" = "demo: /nonexistent/wm is not there: run make" ]
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$ROOT/scripts/demo" up
	[ "$status" = 1 ]
	[ "$output" = "demo: not root: network namespaces need it" ]
	[ -z "$(net_there)" ]
	mkdir -p "$WM_DEMO_DIR"
	run "$ROOT/scripts/demo" prove everything
	[ "$status" = 1 ]
	[ "$output" = "demo: unknown proof 'everything'; known are: all standard" ]
	run "$ROOT/scripts/demo" up
	[ "$status" = 1 ]
	[[ "$output" = *"WM_DEMO=$WM_DEMO "*"make demo-down takes it away" ]]
	rmdir "$WM_DEMO_DIR"
}

@test "a demo that was cut off is taken down whole" {
	demo up --bare &
	local pid=$!
	# Cut off in the middle: processes run, tunnels are being made.
	wait_for 60 'the gateways run' pgrep_gateway
	kill -9 "$pid"
	wait "$pid" || true
	[ -n "$(net_there)" ]
	demo down
	[ -z "$(net_there)" ]
	[ ! -e "$WM_DEMO_DIR" ]
}

pgrep_gateway() { net_pids | while read -r p; do cat "/proc/$p/comm"; done | grep -q wm-gateway; }
