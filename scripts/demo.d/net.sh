# shellcheck shell=bash
# The demo's machines and cables: network namespaces, veth pairs, addresses.
#
#                        net: the "internet", 198.51.100.0/24
#        +-----------------+----------+-----------+---------+
#       .1                .2         .3         .101      .102
#       hub              gw-a       gw-b       laptop    sensor
#    (registry)        .1 |          | .1
#                       lan-a      lan-b          both 192.168.1.0/24
#                  .10 .11 .99   .10 .11
#                  web kiosk guest nas cam
#
# Every machine has a default route into "net", which forwards nothing: what
# leaks out of a tunnel ends there. No cable touches the machine's own namespace.

MACHINES='net hub gw-a gw-b lan-a lan-b web kiosk guest nas cam laptop sensor'

# ns <machine> <command>...: on that machine.
ns() {
	local machine=$1
	shift
	ip netns exec "$WM_DEMO-$machine" "$@"
}

# in_ns <machine> <ip arguments>: cheaper than ns for iproute2's own commands.
in_ns() {
	local machine=$1
	shift
	ip -n "$WM_DEMO-$machine" "$@"
}

# cable <machine> <interface> <bridge's machine> <port>
cable() {
	in_ns "$1" link add "$2" type veth peer name "$4" netns "$WM_DEMO-$3"
	in_ns "$3" link set "$4" master br0 up
	in_ns "$1" link set "$2" up
}

net_up() {
	local machine
	for machine in $MACHINES; do
		ip netns add "$WM_DEMO-$machine"
		in_ns "$machine" link set lo up
	done
	for machine in net lan-a lan-b; do
		in_ns "$machine" link add br0 type bridge
		in_ns "$machine" link set br0 up
	done
	in_ns net addr add 198.51.100.254/24 dev br0

	uplink hub 1
	uplink gw-a 2
	uplink gw-b 3
	uplink laptop 101
	uplink sensor 102
	lan_machine gw-a lan0 lan-a 1
	lan_machine gw-b lan0 lan-b 1
	lan_machine web eth0 lan-a 10
	lan_machine kiosk eth0 lan-a 11
	lan_machine guest eth0 lan-a 99
	lan_machine nas eth0 lan-b 10
	lan_machine cam eth0 lan-b 11

	# What a router's DHCP would tell LAN machines: the mesh is behind the gateway, names too.
	for machine in web kiosk guest nas cam; do
		in_ns "$machine" route add default via 192.168.1.1
		resolver "$machine" 192.168.1.1
	done
	resolver laptop 172.30.1.1
	resolver sensor 172.30.1.1
}

uplink() { # uplink <machine> <last byte>
	cable "$1" eth0 net "$1"
	in_ns "$1" addr add "198.51.100.$2/24" dev eth0
	in_ns "$1" route add default via 198.51.100.254
}

lan_machine() { # lan_machine <machine> <interface> <bridge> <last byte>
	cable "$1" "$2" "$3" "$1"
	in_ns "$1" addr add "192.168.1.$4/24" dev "$2"
}

# ip netns exec puts this over /etc/resolv.conf.
resolver() { # resolver <machine> <address>
	mkdir -p "/etc/netns/$WM_DEMO-$1"
	printf 'nameserver %s\noptions timeout:1 attempts:2\n' "$2" >"/etc/netns/$WM_DEMO-$1/resolv.conf"
}

# Whatever of this demo is there, also after a crash of the demo.
net_there() {
	ip netns list 2>/dev/null | awk -v p="$WM_DEMO-" 'index($1, p) == 1 { print $1 }'
}

# All processes in our namespaces are the demo's: nobody else starts any there.
net_pids() {
	local name
	for name in $(net_there); do
		ip netns pids "$name"
	done
}

# A supervisor may start one more while it is being ended, so: again until none is left.
net_kill() {
	local signal=TERM i pids
	for ((i = 0; i < 100; i++)); do
		pids=$(net_pids)
		[ -n "$pids" ] || return 0
		[ "$i" -lt 40 ] || signal=KILL
		# shellcheck disable=SC2086 # a list of numbers
		if ((i % 10 == 0)); then kill -$signal $pids 2>/dev/null || true; fi
		sleep 0.05
	done
	say "these processes do not end: $pids"
	return 1
}

net_down() {
	local name
	net_kill || true
	for name in $(net_there); do
		ip netns del "$name"
	done
	rm -rf "/etc/netns/$WM_DEMO-"*
	rmdir /etc/netns 2>/dev/null || true
}
