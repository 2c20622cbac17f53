#!/usr/bin/env bats
# What was installed runs: the programs that were copied, by the unit that was written, against the kernel. And questions
# that are asked on a terminal.

load rig

setup() {
	life_setup
	unset WM_START_WAIT
	IFNAME=wl$((BASHPID % 1000000))
	mkdir -p "$WM_BPFFS" # not mounted: nftables is in force
}
teardown() { life_teardown; }
index_of() { on ip -j link show dev "$IFNAME" | jq -e ".[0].ifindex"; }

@test "install starts it, it is in sync; once more drops nothing; uninstall takes all of it off the kernel" {
	touch "$LIFE/really"
	KEEP_LOG=1
	run become WM_INTERFACE="$IFNAME" PUBLIC_IP=none
	lines
	[ "$status" = 0 ]
	[[ $output == *'in sync: generation '* ]]
	on ip -o addr show dev "$IFNAME" | grep -q '172\.30\.[0-9]*\.1/24'
	on nft list tables | grep -q 'ip wm$'
	grep -q 'gw\.a$' "$WM_ETC/hosts"
	run gw status -j
	[ "$status" = 0 ]
	pid=$(cat "$LIFE/up/wm-gateway")
	index=$(index_of)
	run become
	[[ ${lines[-1]} == 'nothing to do' ]]
	kill -0 "$pid"
	run gw install WM_POLL=3
	[ "$status" = 0 ]
	[ "$(index_of)" = "$index" ]
	run gw uninstall
	lines
	[ "$status" = 0 ]
	[[ $output == *"took $IFNAME, its routes and its data plane off"* ]]
	[ ! -e "$LIFE/up/wm-gateway" ]
	run on ip link show "$IFNAME"
	[ "$status" != 0 ]
	run on nft list tables
	[[ $output != *'ip wm'* ]]
	[ -s "$WM_ETC/private.key" ]
	run gw install
	[[ $output == *'in sync: generation '* ]]
	run gw destroy --yes
	lines
	[ "$status" = 0 ]
	operate -j list-sites | jq -e '.meshes[0].sites == []'
}

@test "questions are asked of who sits at a terminal, and the token is not shown" {
	export WM_START_WAIT=0
	on_terminal "nsenter -t $MACHINE -n env PATH='$BATS_TEST_DIRNAME/stubs:$PATH' '$BUILT/wm-gateway' install"
	shows "This site's domain"
	printf '\n' >&7
	shows "This site's domain.*This site's domain|^This site's.*: .?$"
	echo a >&7
	shows "The registry's address"
	echo "$URL" >&7
	shows 'not shown'
	echo "$MASTER" >&7
	shows 'which is eth0 with 192.168.1.250 now'
	shows "This machine's LANs"
	echo >&7
	shows 'Where others reach it'
	echo none >&7
	shows '^exit='
	exec 7>&-
	output=$(cat "$DIR/screen")
	lines
	[[ $output == *exit=0* ]]
	[[ $output == *"registered site 'a'"* ]]
	[[ $output != *"$MASTER"* ]]
	grep -qx PUBLIC_IP=none "$WM_ETC/gateway.env"
	# What it runs cannot type there.
	grep -q 'systemctl start' "$LIFE/told"
	[ "$(told 'a terminal is within reach')" = 0 ]
	run grep -c TOKEN "$WM_ETC/gateway.env"
	[ "$output" = 0 ]
}
