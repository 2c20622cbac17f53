#!/usr/bin/env bats
# Every system call of a sync fails, or is its last, with BPF in force: lib/faults.bash.
# time limit: 300 s

load lib/mesh
load lib/single
load lib/faults

setup_file() { faults_begin f bpf; }
teardown_file() { demo down; }
setup() { use_demo; }

@test "a system call of a sync fails" {
	under_traffic at_each error=EIO
	[ "$status" = 0 ]
}

@test "wireguard-go that cannot be asked is not taken for one that is gone" {
	[ "$(in_ns gw -j -d link show dev "$(interface_of a)" | jq -r '.[].linkinfo.info_kind')" = tun ] || skip 'the kernel has WireGuard'
	under_traffic no_socket
	[ "$status" = 0 ]
}

@test "a sync is killed at a system call" {
	under_traffic at_each signal=KILL
	[ "$status" = 0 ]
}
