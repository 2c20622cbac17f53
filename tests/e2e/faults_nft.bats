#!/usr/bin/env bats
# Every system call of a sync fails, or is its last, with nftables in force: lib/faults.bash.
# time limit: 300 s

load lib/mesh
load lib/single
load lib/faults

setup_file() { faults_begin y nft; }
teardown_file() { demo down; }
setup() { use_demo; }

@test "a system call of a sync fails" {
	under_traffic at_each error=EIO
	[ "$status" = 0 ]
}

@test "a sync is killed at a system call" {
	under_traffic at_each signal=KILL
	[ "$status" = 0 ]
}
