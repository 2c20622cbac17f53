#!/usr/bin/env bats
# A machine that has a firewall, NAT, traffic control, policy routing and live
# connections of its own becomes a gateway, is reconfigured, changes its back
# end and stops being one: what is not ours is the same before, during and after.
# time limit: 240 s

load lib/mesh

setup_file() {
	mesh_begin f
	demo up --bare
	addresses
	export WEB KIOSK NAS CAM LAPTOP SENSOR
	wait_for 20 'the mesh carries' pings web "$NAS" 1
	export SNAP=$BATS_FILE_TMPDIR
}

teardown_file() {
	[ ! -e "$BATS_FILE_TMPDIR/peer" ] || kill "$(cat "$BATS_FILE_TMPDIR/peer")" || true
	demo down
}
setup() { use_demo; }

# Tables, filters, routes and rules that others made on gw-a; none of them is in the way of the mesh.
make_foreign() {
	ns gw-a nft -f - <<-'END'
		table inet firewall {
			set friends { type ipv4_addr; flags interval; elements = { 198.51.100.0/24, 203.0.113.7 } }
			map ports { type inet_service : verdict; elements = { 22 : accept, 23 : drop } }
			chain forward {
				type filter hook forward priority filter; policy accept;
				ct state established,related accept
				ct state invalid drop
				tcp dport vmap @ports
				ip saddr @friends counter accept
			}
		}
		table ip nat {
			chain post {
				type nat hook postrouting priority srcnat
				oifname "eth0" masquerade
			}
		}
		table ip wm_other {
			chain c {
				type filter hook input priority -5
				meta mark 0x57100101 counter accept
			}
		}
		table netdev shaping {
			chain in {
				type filter hook ingress device "eth0" priority 0
				ip protocol 253 drop
			}
		}
	END
	in_ns gw-a route add 203.0.113.0/24 via 198.51.100.254 proto static
	in_ns gw-a route add blackhole 192.0.2.0/24 proto 87
	in_ns gw-a route add unreachable 10.97.0.0/16 metric 4278198272 proto 87
	in_ns gw-a route add default via 198.51.100.254 table 77
	in_ns gw-a route add 10.9.0.0/16 dev eth0 table 0x57100101 proto 87
	in_ns gw-a rule add prio 5000 to 203.0.113.128/25 lookup 77
	in_ns gw-a rule add prio 19000 fwmark 0x57100101 lookup 0x57100101 proto 87
	in_ns gw-a rule add prio 22001 from 203.0.113.9 lookup 77
	ns gw-a tc qdisc add dev lan0 clsact
	ns gw-a tc filter add dev lan0 ingress prio 3 protocol ip u32 match ip dport 4242 0xffff classid 1:3
	ns gw-a tc filter add dev lan0 ingress prio 40000 protocol all u32 match u32 0 0 classid 1:4
	ns gw-a tc filter add dev lan0 egress prio 3 protocol ip u32 match ip dport 4242 0xffff classid 1:5
	ns gw-a tc qdisc replace dev lan0 root tbf rate 900mbit burst 100k latency 50ms
	ns gw-a tc qdisc add dev eth0 root handle 8: htb default 1
	ns gw-a tc class add dev eth0 parent 8: classid 8:1 htb rate 900mbit
}

# Of others on gw-a, without what counts or runs down by itself.
foreign() {
	local table
	for table in 'inet firewall' 'ip nat' 'ip wm_other' 'netdev shaping'; do
		# shellcheck disable=SC2086 # family and name
		ns gw-a nft -s -a list table $table
	done
	in_ns gw-a route show table all | grep -v " dev wg-\|^unreachable 172\.30\."
	in_ns gw-a rule show | grep -v ' iif wg-\| to 172\.30\.0\.0/16 .*iif lan0 '
	ns gw-a tc qdisc show dev lan0
	ns gw-a tc qdisc show dev eth0
	ns gw-a tc class show dev eth0
	local prio
	for prio in 3 40000; do ns gw-a tc filter show dev lan0 ingress prio $prio; done
	ns gw-a tc filter show dev lan0 egress
	conntrack
}

# Protocol, addresses, ports and state of the connections of others.
conntrack() {
	ns gw-a cat /proc/net/nf_conntrack | sed 's/ use=[0-9]*$//; s/^\(ipv4 *2 *[a-z]* *[0-9]* \)[0-9]* /\1/' | grep 'dport=7007 ' | sort
}

same() { # same <file>: what is of others now, and in <file>
	foreign >"$SNAP/now"
	diff "$1" "$SNAP/now"
}

# A connection of web with the outside through gw-a's NAT, alive all the time: a byte comes back for each that goes.
connection_up() {
	mkfifo "$SNAP/to"
	ns net perl -MIO::Socket::INET -e '
		my $l = IO::Socket::INET->new(LocalAddr => "198.51.100.254", LocalPort => 7007, Listen => 1, ReuseAddr => 1) or die;
		my $c = $l->accept; while (sysread($c, my $b, 1)) { syswrite($c, $b) }' 3>&- &
	wait_for 10 'the echo listens' sh -c "ip netns exec $WM_DEMO-net ss -ltn | grep -q :7007"
	ns web perl -MIO::Socket::INET -e '
		my $c = IO::Socket::INET->new(PeerAddr => "198.51.100.254", PeerPort => 7007) or die;
		open(my $to, "+<", shift) or die; open(my $back, ">>", shift) or die;
		while (sysread($to, my $b, 1)) { syswrite($c, $b); sysread($c, $b, 1) or last; syswrite($back, $b) }' \
		"$SNAP/to" "$SNAP/back" 3>&- &
	echo $! >"$SNAP/peer"
	wait_for 10 'the connection stands' still_alive 1
}
still_alive() { # still_alive <letter>
	printf %s "$1" >"$SNAP/to"
	local i
	for i in 1 2 3 4 5 6 7 8 9 10; do
		[[ "$(cat "$SNAP/back" 2>/dev/null)" != *"$1"* ]] || return 0
		sleep 0.1
	done
	return 1
}

@test "down takes the whole gateway off the machine, and says what a live one needs" {
	run gateway a down
	echo "$output"
	[ "$status" = 1 ]
	[[ "$output" == *"another wm-gateway is at work"* ]]
	pings web "$NAS" 1

	stop_gateway a
	run gateway a down
	echo "$output"
	[ "$status" = 0 ]
	[ -z "$(in_ns gw-a -o link show | grep 'wg-')" ]
	[ -z "$(in_ns gw-a route show table all proto 87)" ]
	[ -z "$(in_ns gw-a rule show | grep 'proto 87')" ]
	[ -z "$(ns gw-a nft list ruleset)" ]
	[ -z "$(ns gw-a tc filter show dev lan0 ingress; ns gw-a "$BATS_TEST_DIRNAME/lib/tcx" lan0 ingress)" ]
	[[ "$(ns gw-a tc qdisc show dev lan0)" != *clsact* ]]
	[ -z "$(find "$WM_DEMO_DIR/bpf/a" -type f 2>/dev/null)" ]
	[ ! -e "$WM_DEMO_DIR/etc/a/hosts" ]
	silent web "$NAS" 1
	gateway a down
}

@test "install: what others have made is as it was, to the last rule and connection" {
	make_foreign
	connection_up
	kernel_of gw-a >"$SNAP/whole"
	foreign >"$SNAP/before"
	grep -q 'ESTABLISHED' "$SNAP/before"
	run gateway a sync
	echo "$output"
	[ "$status" = 0 ]
	same "$SNAP/before"
	wait_for 10 'the mesh carries' pings web "$NAS" 1
	still_alive 2
}

@test "status tells whose filter gets packets before ours" {
	echo WM_TCX=off >>"$WM_DEMO_DIR/etc/a/gateway.env"
	run gateway a sync
	echo "$output"
	[ "$status" = 0 ]
	[[ "$output" == *"in front of ours at ingress of lan0: tc filter, priority 3, u32; what it does not let go on"* ]]
	run gateway a status -j
	[ "$(jq -c '.dataplane.in_front' <<<"$output")" = '[{"interface":"lan0","side":"ingress","what":"tc filter, priority 3, u32"}]' ]
	gateway a status | grep -A1 'IN FRONT'
	sed -i '/^WM_TCX=off/d' "$WM_DEMO_DIR/etc/a/gateway.env"
	gateway a sync
	same "$SNAP/before"
}

@test "run and reconfigure: still" {
	agent_up a 3>&-
	wait_for 15 'the gateway runs' in_sync
	local n
	for n in 1 2 3; do
		wm add-host "guest$n.a" --local-ip "192.168.1.9$n" >/dev/null
	done
	wm add-host guest.a --local-ip 192.168.1.99 --type isolated >/dev/null
	wait_for 10 'the changes are in force' in_sync
	for n in 1 2 3; do wm remove "guest$n.a" >/dev/null; done
	wm remove guest.a >/dev/null
	wait_for 10 'the changes are in force' in_sync
	pings web "$NAS" 1
	same "$SNAP/before"
	still_alive 3
}

@test "another back end, and back: still" {
	local back_end
	stop_gateway a
	for back_end in nft bpf; do
		run another_back_end a "$back_end"
		echo "$output"
		[ "$status" = 0 ]
		[[ "$output" == *"data plane $back_end"* ]]
		same "$SNAP/before"
		pings web "$NAS" 1
		still_alive "$back_end"
	done
}

# As in a container whose privileges somebody has cut down.
without_bpf() { on a setpriv --bounding-set=-sys_admin,-bpf,-perfmon "$BIN/wm-gateway" "$@" --instance a; }

@test "BPF programs that may no longer be asked about are told of, and go when they may be" {
	local left="BPF programs of this mesh may still judge all packets at $(interface_of a) and on the LANs"
	another_back_end a bpf
	sed -i 's/^WM_DATAPLANE=.*/WM_DATAPLANE=auto/' "$WM_DEMO_DIR/etc/a/gateway.env"
	local in_list
	in_list=$(ns gw-a "$BATS_TEST_DIRNAME/lib/tcx" lan0 ingress)
	run without_bpf sync
	echo "$output"
	if [ -n "$in_list" ]; then
		[ "$status" = 1 ]
		[[ "$output" == *"taking down bpf: $left"* ]]
		run without_bpf status -j
		echo "$output"
		[[ "$(jq -r .dataplane.problem <<<"$output")" == "$left"* ]]
	else
		# tc filters may be taken away all the same.
		[ "$status" = 0 ]
	fi
	pings web "$NAS" 1
	another_back_end a nft
	run without_bpf sync
	echo "$output"
	[ "$status" = 0 ]
	[ -z "$(ns gw-a tc filter show dev lan0 ingress | grep wm_; ns gw-a "$BATS_TEST_DIRNAME/lib/tcx" lan0 ingress)" ]
	pings web "$NAS" 1
	another_back_end a bpf
	same "$SNAP/before"
}

# --- what is ours is flushed, and nobody mends it -------------------------------------------

# Off one device, at one hook, and nobody else's.
take_off() { # take_off <device> ingress|egress
	local prio
	ns gw-a "$BATS_TEST_DIRNAME/lib/tcx" "$1" "$2" take | grep -q . && return
	prio=$(ns gw-a tc filter show dev "$1" "$2" | sed -n 's/.* pref \([0-9]*\) bpf .*wm_.*/\1/p')
	[ -n "$prio" ]
	ns gw-a tc filter del dev "$1" "$2" pref "$prio"
}
flush_nft() {
	local family name
	while read -r _ family name; do ns gw-a nft delete table "$family" "$name"; done < <(ns gw-a nft list tables | grep ' wm_a')
}
flush_bpf() {
	take_off lan0 ingress
	take_off "$(interface_of a)" ingress
	take_off "$(interface_of a)" egress
}

# An ear at the tunnel's mouth, behind whatever is left.
ear_up() {
	ns gw-a nft -f - <<-'END'
		table ip ear {
			counter mesh {}
			chain out {
				type filter hook postrouting priority 500
				oifname "wg-*" ip daddr 172.30.0.0/16 ip saddr != 172.30.2.1 counter name mesh
				oifname "lan0" ip saddr 172.30.0.0/16 counter name mesh
			}
		}
	END
}
heard_nothing() {
	ns gw-a nft list counter ip ear mesh
	ns gw-a nft list counter ip ear mesh | grep -q 'packets 0 '
}

@test "flushed rulesets and filters let nothing through, also without rp_filter" {
	local back_end key leaf
	for leaf in all lan0 "$(interface_of a)"; do
		key=net.ipv4.conf.$leaf.rp_filter
		ns gw-a sysctl "$key" >>"$SNAP/rp_filter"
		ns gw-a sysctl -qw "$key=0"
	done
	for back_end in nft bpf; do
		another_back_end a "$back_end"
		pings web "$NAS" 1
		ear_up
		"flush_$back_end"
		# A registered host, an isolated one, a stranger, and a host of another site.
		silent web "$NAS" 1
		silent kiosk "$NAS" 1
		silent guest "$NAS" 1
		silent nas "$WEB" 1
		heard_nothing
		still_alive "f$back_end"
		ns gw-a nft delete table ip ear
		run gateway a sync
		echo "$output"
		[ "$status" = 0 ]
		pings web "$NAS" 1
	done
	ns gw-a sysctl -q -p - <"$SNAP/rp_filter"
	same "$SNAP/before"
}

sent() { in_ns gw-a -s -j link show "$(interface_of a)" | grep -o '"tx":{"bytes":[0-9]*,"packets":[0-9]*' | grep -o '[0-9]*$'; }

# Marked by LAN ingress, and the stack's to forward, because it has IP options.
record_route() { # record_route <answers>
	ns web ping -R -n -q -c 3 -i 0.2 -W "$((${WM_SLOW:-1} + 1))" "$NAS" | grep "3 packets transmitted, $1 received"
}

# What the fast path takes is translated at LAN ingress. What goes through the stack leaves untranslated then: that it comes
# to nothing is WireGuard's doing, which takes a source only from the peer that it belongs to. (The far gateway's filter
# would count it as spoofed.)
@test "without the filter at the tunnel's mouth, no tunnel takes what nobody translated" {
	local before
	take_off "$(interface_of a)" egress
	pings web "$NAS" 3
	before=$(sent)
	raises a none 0 record_route 0
	[ "$(sent)" -ge $((before + 3)) ]
	gateway a sync
	record_route 3
	pings web "$NAS" 1
}

@test "uninstall: the whole machine is as it was before" {
	gateway a down
	kernel_of gw-a >"$SNAP/now"
	diff "$SNAP/whole" "$SNAP/now"
	same "$SNAP/before"
	still_alive 4
}
