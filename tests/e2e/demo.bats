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
