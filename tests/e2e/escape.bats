#!/usr/bin/env bats
# Isolated and unregistered machines that try everything, against one mesh with
# either back end in all its gateways.
# time limit: 240 s

load lib/mesh
load lib/wild

setup_file() { wild_begin e bpf; }
teardown_file() { demo down; }
setup() { use_demo; }

@test "BPF: an isolated host gets nothing out, whatever it sends" { no_escape kiosk "$KIOSK" 192.168.1.11; }
@test "BPF: an isolated host is heard by its gateway for names and an echo only" { isolated_to_gateway; }
@test "BPF: an isolated host that was asked gets out only the answer" { wrong_answers; }
@test "BPF: an isolated device gets nothing out, whatever it sends" { no_escape sensor "$SENSOR" "$SENSOR"; }
@test "BPF: an unregistered machine gets nothing out, whatever it sends" { no_escape guest 192.168.1.99 192.168.1.99; }
@test "BPF: isolated ends answer as before" { still_answers; }

@test "nft: takes over in every gateway" {
	local gw
	for gw in hub a b; do
		stop_gateway "$gw"
		run another_back_end "$gw" nft
		echo "$output"
		[[ "$output" == *"data plane nft"* ]]
	done
	[ -z "$(ns gw-a tc filter show dev lan0 ingress; ns gw-a "$BATS_TEST_DIRNAME/lib/tcx" lan0 ingress)" ]
}
@test "nft: an isolated host gets nothing out, whatever it sends" { no_escape kiosk "$KIOSK" 192.168.1.11; }
@test "nft: an isolated host is heard by its gateway for names and an echo only" { isolated_to_gateway; }
@test "nft: an isolated host that was asked gets out only the answer" { wrong_answers; }
@test "nft: an isolated device gets nothing out, whatever it sends" { no_escape sensor "$SENSOR" "$SENSOR"; }
@test "nft: an unregistered machine gets nothing out, whatever it sends" { no_escape guest 192.168.1.99 192.168.1.99; }
@test "nft: isolated ends answer as before" { still_answers; }
