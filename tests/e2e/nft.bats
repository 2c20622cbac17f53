#!/usr/bin/env bats
# The same mesh and the same proofs with the nftables back end in every
# gateway: translation, the registered filter, isolation.
# time limit: 240 s

load lib/mesh

setup_file() {
	mesh_begin n
	WM_DEMO_DATAPLANE=nft demo up --bare
}
teardown_file() { demo down; }
setup() { use_demo; }

@test "every gateway says that nftables is in force" {
	local gw
	for gw in hub a b; do
		run gateway "$gw" status -j
		echo "$output"
		[ "$(jq -r .dataplane.name <<<"$output")" = nft ]
	done
}

@test "every gateway sends plain packets around the stack" {
	local gw
	for gw in hub a b; do
		run gateway "$gw" status -j
		echo "$output"
		[[ "$(jq -r .dataplane.fastpath <<<"$output")" == "on wg-$gw-"*', '* ]]
	done
}

@test "no BPF program is loaded for it" {
	local gw
	for gw in hub a b; do [ ! -e "$WM_DEMO_DIR/bpf/$gw" ]; done
	[ -z "$(ns gw-a tc filter show dev lan0 ingress; ns gw-a "$BATS_TEST_DIRNAME/lib/tcx" lan0 ingress)" ]
}

@test "as default gateway it carries everybody into the world, and only registered hosts into the mesh" {
	proves_default_gateway "$(wm list-hosts -j | jq -r '.meshes[0].hosts[] | select(.name == "nas") | .wg_ip')"
}

@test "every line of the proof holds" {
	run demo prove all
	echo "$output"
	[ "$status" = 0 ]
	[[ "$output" != *FAILED* ]]
}

# told FILTER: of what the operator sees of the mesh
told() { wm list -j | jq -e ".meshes[0] | $1" >/dev/null; }

@test "what hosts carry is reported from nftables' counters, too" {
	pings web "$(wm list-hosts -j | jq -r '.meshes[0].hosts[] | select(.name == "nas") | .wg_ip')" 3
	wait_for 25 'the traffic of web and nas' \
		told '[.hosts[] | select(.name == "web" or .name == "nas")] | length == 2 and all(.rx >= 252 and .tx >= 252)'
}
