#!/usr/bin/env bats
# The demo where something is wrong: what is missing, and a demo that was cut off.
# time limit: 240 s

load lib/mesh

setup_file() { mesh_begin c; }
teardown_file() { demo down; }
setup() { use_demo; }

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
