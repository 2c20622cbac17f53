# shellcheck shell=bash
# What the end-to-end tests share: a mesh of scripts/demo of their own (its
# parts are used here too), bounded waiting, dumps of a namespace.

ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
BIN=$(cd "$ROOT" && realpath -m "${B:-build}")
export B=$BIN

# A mesh under a name of its own, so that files run side by side: call in setup_file.
mesh_begin() { # mesh_begin <short name>
	export WM_DEMO=wmt$$-$1 WM_DEMO_PORT=
	export WM_DEMO_DIR=/run/$WM_DEMO
	use_demo
}

# The functions of scripts/demo: ns, in_ns, wm, gateway, stats, pings, raises, ...
use_demo() {
	HERE=$ROOT/scripts
	. "$HERE/demo.d/settings.sh"
	. "$HERE/demo.d/net.sh"
	. "$HERE/demo.d/mesh.sh"
	. "$HERE/demo.d/prove.sh"
}

# A whole mesh whose tunnels carry, and the addresses of its ends: call in setup_file.
mesh_carrying() { # mesh_carrying <short name>
	mesh_begin "$1"
	demo up --bare
	addresses
	export WEB KIOSK NAS CAM LAPTOP SENSOR
	tunnels_up
}

# One machine for a gateway, gw, and one on its LAN, lan; nothing runs yet. make_lan is the cable between them.
gateway_begin() { # gateway_begin <short name>
	local machine
	mesh_begin "$1"
	mkdir -p "$WM_DEMO_DIR/log" "$WM_DEMO_DIR/bpf" "$WM_DEMO_DIR/etc/a"
	mount -t bpf bpf "$WM_DEMO_DIR/bpf"
	for machine in gw lan; do
		ip netns add "$WM_DEMO-$machine"
		in_ns "$machine" link set lo up
	done
}
make_lan() { # make_lan [address/length of gw]
	in_ns gw link add lan0 type veth peer name eth0 netns "$WM_DEMO-lan"
	in_ns lan link set eth0 up
	in_ns gw link set lan0 up
	in_ns gw addr add "${1:-192.168.1.1/24}" dev lan0
}

# bats waits for whoever holds its file descriptor 3.
demo() { "$ROOT/scripts/demo" "$@" 3>&-; }

pid_of() { # pid_of <machine> <program>
	ip netns pids "$WM_DEMO-$1" | while read -r pid; do
		[ "$(cat "/proc/$pid/comm")" != "$2" ] || echo "$pid"
	done
}

# `! command` in the middle of a test does not fail it.
not() { ! "$@"; }

# With kill -9: its data plane stays in force.
stop_gateway() { # stop_gateway <instance>
	local pid
	ip netns pids "$WM_DEMO-$(machine_of "$1")" | while read -r pid; do
		# Whose parent is dead may have ended by itself meanwhile.
		case $(cat "/proc/$pid/comm" 2>/dev/null) in wm-agent | wm-gateway | wm-fetch) kill -9 "$pid" 2>/dev/null || true ;; esac
	done
	wait_for 10 'the gateway is dead' silent_lock "$1"
}
silent_lock() { ! gateway "$1" status >/dev/null 2>&1 && on "$1" flock -n "$WM_DEMO_DIR/run/$1/lock" true; }

# another_back_end <instance> bpf|nft: of a gateway that was stopped
another_back_end() {
	sed -i "s/^WM_DATAPLANE=.*/WM_DATAPLANE=$2/" "$WM_DEMO_DIR/etc/$1/gateway.env"
	gateway "$1" sync
}

# Machines of site a whose default route is the gateway, which has the site's router (lan-a, 192.168.1.254) on the same LAN:
# what they send to the world passes the gateway, whoever they are; to the mesh only what is registered does.
proves_default_gateway() { # proves_default_gateway <a host of the mesh elsewhere>
	local machine before after
	in_ns lan-a addr add 192.168.1.254/24 dev br0
	in_ns lan-a addr add 203.0.113.1/32 dev lo # the world
	in_ns gw-a route add 203.0.113.0/24 via 192.168.1.254
	for machine in web kiosk guest; do
		ns "$machine" sysctl -qw net.ipv4.conf.all.accept_redirects=0 net.ipv4.conf.eth0.accept_redirects=0
		before=$(forwarded gw-a)
		pings "$machine" 203.0.113.1 3
		after=$(forwarded gw-a)
		[ $((after - before)) -ge 3 ]
	done
	pings web "$1" 1
	silent guest "$1" 1
	silent kiosk "$1" 1
	in_ns gw-a route del 203.0.113.0/24
	in_ns lan-a addr del 203.0.113.1/32 dev lo
	in_ns lan-a addr del 192.168.1.254/24 dev br0
}
forwarded() { ns "$1" sh -c 'sed -n "s/^Ip: [0-9]* [0-9]* [0-9]* [0-9]* [0-9]* \([0-9]*\) .*/\1/p" /proc/net/snmp'; } # by its stack

# Everything about a namespace that a gateway may change, without what changes by itself.
kernel_of() { # kernel_of <machine>
	local dev
	in_ns "$1" -o link show | sed 's/ qlen [0-9]*//'
	in_ns "$1" -o addr show | sed 's/\(valid\|preferred\)_lft [a-z0-9]*//g'
	in_ns "$1" route show table all
	in_ns "$1" rule show
	for dev in $(in_ns "$1" -o link show | sed 's/^[0-9]*: \([^:@]*\).*/\1/'); do
		ns "$1" tc qdisc show dev "$dev"
		ns "$1" tc filter show dev "$dev" ingress 2>/dev/null
		ns "$1" tc filter show dev "$dev" egress 2>/dev/null
		ns "$1" "$BATS_TEST_DIRNAME/lib/tcx" "$dev" ingress
		ns "$1" "$BATS_TEST_DIRNAME/lib/tcx" "$dev" egress
	done
	# Userspace tunnels of the whole machine have one place, so each of ours is asked by name.
	for dev in $(in_ns "$1" -o link show | grep -o 'wg-[^:@]*'); do
		echo "$dev" && ns "$1" wg showconf "$dev"
	done
	ns "$1" nft list ruleset
	ns "$1" sysctl -a -r 'ip_forward$|rp_filter|redirects|arp_ignore|arp_announce|fwmark_reflect' 2>/dev/null
	find "$WM_DEMO_DIR/bpf" 2>/dev/null | sort
	ip netns pids "$WM_DEMO-$1" | while read -r pid; do cat "/proc/$pid/comm"; done | sort
}
