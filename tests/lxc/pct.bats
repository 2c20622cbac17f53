# A gateway in a container of Proxmox: what pct is told. There is a stand-in for it here; Proxmox itself was not tried.

bats_require_minimum_version 1.5.0
load rig

setup() {
	D=$BATS_TEST_TMPDIR
	BOXES=$D/boxes
	STUBS=$D/stubs
	mkdir -p "$STUBS" "$D/pct"
	PCT=$D/pct
	cp tests/lxc/pct "$STUBS/pct"
	cp tests/lxc/pct "$STUBS/pvesh"
	host_up
	settings a 192.168.55.250 | sed "s#^LXC_TEMPLATE=.*#LXC_TEMPLATE=local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst#; /^LXC_PATH/d" >"$D/a.env"
}
teardown() { host_down; }

calls() { grep -- "$1" "$PCT/calls"; }

@test "a container is made by pct, unprivileged, with the LAN's router, and started at boot" {
	run -0 gw install --lxc --yes --env "$D/a.env"
	calls '^pct create 105 local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst --hostname wm-gw-a --unprivileged 1 --features nesting=1 --onboot 1'
	calls ' --rootfs local-lvm:4 '
	calls ' --net0 name=eth0,bridge=br0,hwaddr=02:57:c0:a8:37:fa,ip=192.168.55.250/24,gw=192.168.55.254,type=veth'
	calls " --description wm-gateway $D/state/container.state "
	calls '^pct start 105'
	calls '^pct exec 105 -- env WM_NO_HANDOVER=1 /usr/local/lib/wm/wm-gateway install --native --yes --env /dev/stdin'
	grep -qx LXC_IFACES=192.168.55.250 "$PCT/settings"
	grep -qx "WM_REGISTRY_TOKEN=$ADMIN" "$PCT/settings"
	grep -q '^WM_CARRIER=.*:192.168.55.1$' "$PCT/settings"
	not grep -q 'LXC_TEMPLATE=.' "$PCT/settings"
	# the token is in no argument
	not grep -q "$ADMIN" "$PCT/calls"
}

@test "again, it changes nothing; another network is given to the container that runs" {
	gw install --lxc --yes --env "$D/a.env"
	: >"$PCT/calls"
	run -0 gw install
	[ "${lines[-1]}" = "nothing to do" ]
	not grep -qE '^pct (create|set|start|shutdown|destroy) ' "$PCT/calls"
	run -0 gw install LXC_IFACES=192.168.55.251
	calls '^pct set 105 --net0 name=eth0,bridge=br0,hwaddr=02:57:c0:a8:37:fb,ip=192.168.55.251/24,gw=192.168.55.254,type=veth'
	not grep -qE '^pct (start|shutdown) ' "$PCT/calls"
	run -0 gw install LXC_IFACES=192.168.55.251,10.0.3.9
	calls '^pct set 105 --net1 name=eth1,bridge=lxcbr0,'
	run -0 gw install LXC_IFACES=192.168.55.251
	calls '^pct set 105 --delete net1'
}

@test "five networks are five" {
	lans=
	for n in 1 2 3 4 5; do
		host ip link add lan$n type bridge
		host ip address add 10.5.$n.1/24 dev lan$n
		host ip link set lan$n up
		lans+=,10.5.$n.9
	done
	run -0 gw install --lxc --yes --env "$D/a.env" LXC_IFACES="${lans#,}" LXC_GATEWAY=10.5.1.254
	calls ' --net0 name=eth0,bridge=lan1,.* --net4 name=eth4,bridge=lan5,'
}

@test "uninstall stops it and has it not started at boot; destroy asks the gateway first" {
	gw install --lxc --yes --env "$D/a.env"
	run -0 gw uninstall
	calls '^pct set 105 --onboot 0'
	calls '^pct shutdown 105 --forceStop 1 --timeout 30'
	run -0 gw install
	calls '^pct set 105 --onboot 1'
	run -0 gw uninstall
	run -0 gw start
	[ "$(calls '^pct set 105 --onboot' | tail -n 1)" = 'pct set 105 --onboot 1' ]
	run -0 gw destroy --yes
	calls '^pct exec 105 -- /usr/local/lib/wm/wm-gateway destroy --yes'
	[ "$(tail -n 1 "$PCT/calls")" = 'pct destroy 105 --purge 1' ]
	[ -z "$(ls "$D/state")" ]
}

@test "what has the kernel's module loaded at boot goes with the last container" {
	file=$D/host/etc/modules-load.d/wm-gateway.conf
	mkdir -p "${file%/*}"
	gw install --lxc --yes --env "$D/a.env"
	PCT_NEXT=106 gw --instance b install --lxc --yes --env "$D/a.env" LXC_IFACES=192.168.55.251
	printf '# Written by wm-gateway install --lxc: a container cannot load it.\nwireguard\n' >"$file"
	run -0 gw destroy --yes
	[ -e "$file" ]
	echo 'of the operator' >>"$file"
	run -0 gw --instance b destroy --yes --dry-run
	[[ $output != *modules-load* ]]
	sed -i '/operator/d' "$file"
	run -0 gw --instance b destroy --yes
	[ ! -e "$file" ]
}

@test "what Proxmox needs and has not is said" {
	run -1 gw install --lxc --yes --env "$D/a.env" LXC_IFACES=
	[[ $output == *"on Proxmox"*LXC_IFACES* || $output == *LXC_IFACES*"on Proxmox"* ]]
	sed -i '/^LXC_TEMPLATE/d' "$D/a.env"
	run -1 gw install --lxc --yes --env "$D/a.env"
	[[ $output == *"pveam"* ]]
	[ ! -e "$D/state" ]
}

guest() { # somebody else's
	echo 'description: a guest%0Aof theirs' >"$PCT/105"
	echo running >"$PCT/105.state"
	: >"$PCT/calls"
}

@test "a guest that got the number of one that could not be made is left alone, and another is made" {
	touch "$PCT/full"
	run -1 gw install --lxc --yes --env "$D/a.env"
	[[ $output == *"no space"* ]]
	rm "$PCT/full"
	guest
	run -1 gw status
	[[ $output == *"container 105 is not there"* ]]
	run -1 gw install LXC_VMID=105
	[[ $output == *"not of wm-gateway's making"* ]]
	PCT_NEXT=106 run -0 gw install LXC_VMID=
	calls '^pct create 106 '
	not grep -qE '^pct (create|set|start|shutdown|destroy|exec) 105' "$PCT/calls"
}

@test "nor does destroy take it" {
	touch "$PCT/full"
	run -1 gw install --lxc --yes --env "$D/a.env"
	guest
	run -0 gw destroy --yes
	[ -z "$(ls "$D/state")" ]
	not grep -qE '^pct (create|set|start|shutdown|destroy|exec) 105' "$PCT/calls"
}

@test "one that was made and has our mark no more is nobody's to touch, until somebody says whose it is" {
	gw install --lxc --yes --env "$D/a.env"
	cp "$PCT/105" "$D/ours"
	guest
	for verb in install uninstall destroy start stop; do
		run -1 gw $verb --yes
		[[ $output == *"container 105 has no mark"*"wm-gateway $D/state/container.state"* ]]
	done
	run -1 gw status
	[[ $output == *"container 105 has no mark"* ]]
	not grep -qE '^pct (create|set|start|shutdown|destroy|exec) ' "$PCT/calls"
	cp "$D/ours" "$PCT/105"
	run -0 gw status
	# one with a mark is ours without its facts, too
	echo nonsense >"$D/state/container.state"
	run -1 gw install
	[[ $output == *"remove it"*LXC_VMID* ]]
	rm "$D/state/container.state"
	run -0 gw install --lxc LXC_VMID=105
	not grep -qE '^pct (create|destroy) ' "$PCT/calls"
	run -0 gw destroy --yes
	[ ! -e "$PCT/105" ]
}

@test "a Proxmox that does not answer is not one without the container" {
	gw install --lxc --yes --env "$D/a.env"
	touch "$PCT/down"
	: >"$PCT/calls"
	for verb in destroy uninstall start stop; do
		run -1 gw $verb --yes
		[[ $output == *"container 105: pct does not say whether there is one"*"Connection refused"* ]]
	done
	run -1 gw status
	[[ $output == *"pct does not say whether there is one"* ]]
	run -1 gw install
	[ -e "$D/state/container.state" ]
	not grep -qE '^pct (create|set|start|shutdown|destroy) ' "$PCT/calls"
	rm "$PCT/down"
	run -0 gw destroy --yes
	calls '^pct exec 105 -- /usr/local/lib/wm/wm-gateway destroy --yes'
}

@test "nothing of root's environment goes into the container" {
	export SOME_SECRET=0123456789
	gw install --lxc --yes --env "$D/a.env"
	gw status
	grep -q '^PATH=' "$PCT/environment"
	not grep -qE 'SOME_SECRET|WM_STATE|WM_REGISTRY' "$PCT/environment"
}

@test "what the container says does not control the terminal that shows it" {
	gw install --lxc --yes --env "$D/a.env"
	printf 'plain \303\251 \342\202\254\n\033]0;title\007 \302\233 \233 \r\n' >"$PCT/says"
	run -3 --separate-stderr gw status
	[ "$output" = "$(cat "$PCT/says")" ] # a file gets it as it is
	run -3 script -qec "ip netns exec $HOST env WM_STATE=$D/state WM_ETC=$D/etc WM_RUN=$D/run WM_ROOT=$D/host PATH=$STUBS:$PATH $BIN/wm-gateway status" /dev/null 3>&-
	[ "$(grep -cF $'plain \303\251 \342\202\254' <<<"$output")" = 2 ]
	[ "$(grep -c '?]0;title? ' <<<"$output")" = 2 ]
	not grep -q $'\033' <<<"$output"
	LC_ALL=C not grep -qP '\xc2\x9b|[ ]\x9b' <<<"$output"
}
