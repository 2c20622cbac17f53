#!/usr/bin/env bats
# setup/host.sh on a machine of a LAN: real routes, files and shells; resolvectl and systemctl are stubs, which stubs/ describes
# (resolved.bats has the real one).
# time limit: 240 s

load rig
setup() { setup_rig; }
teardown() { rig_teardown; }

host() { setup_with host.sh "$@"; }
apply() { on "${SHELL_OF_TEST[@]}" /usr/local/sbin/wm-host-apply "$@" >"$DIR/out" 2>"$DIR/err"; }

# Routes, settings of resolved, files of ours and what is enabled: all that may change.
state() {
	on ip route
	on find /etc/wm /etc/systemd/system /usr/local /etc/cron.d /etc/local.d /etc/periodic -type f -exec sha256sum {} + 2>/dev/null || true
	on ls /run/systemd/dns-delegate.d /run/wm-host 2>/dev/null || true
	(cd "$DIR/resolved" && tail -n +1 ./*.dns ./*.domain ./*.default-route 2>/dev/null) || true
	ls "$DIR/systemd"
}
links_are() { # links_are DNS DOMAINS DEFAULT-ROUTE
	[ "$(on resolvectl dns eth0)" = "Link 2 (eth0):${1:+ $1}" ]
	[ "$(on resolvectl domain eth0)" = "Link 2 (eth0):${2:+ $2}" ]
	[ "$(on resolvectl default-route eth0)" = "Link 2 (eth0): $3" ]
}
route_is() { [ "$(on ip route show 172.30.0.0/16 | sed 's/ *$//')" = "$1" ]; }
both_shells() { # both_shells COMMAND: with dash, and with busybox's
	"$1"
	rig_teardown
	setup_rig
	SHELL_OF_TEST=(busybox sh)
	"$1"
}

life() {
	machine resolvectl systemctl
	on resolvectl dns eth0 192.168.1.1
	on resolvectl domain eth0 lan
	rm "$DIR/resolved/calls"
	state >"$DIR/before"

	host -- --dry-run # says everything and does nothing
	said 'would: route 172.30.0.0/16 via 192.168.1.250 dev eth0'
	said 'would: eth0: dns 192.168.1.250 192.168.1.1'
	said 'would: systemctl -q enable --now wm-host.timer'
	diff "$DIR/before" <(state)

	host
	route_is '172.30.0.0/16 via 192.168.1.250 dev eth0 proto 88'
	links_are '192.168.1.250 192.168.1.1' 'lan ~b ~hub' yes # and what it had stays
	[ -e "$DIR/systemd/enabled.wm-host.service" ]
	[ -e "$DIR/systemd/active.wm-host.timer" ]
	on grep -qx WM_GATEWAY=192.168.1.250 /etc/wm/meshes.d/172-30.env
	systemd-analyze verify "$DIR/etc/systemd/system/wm-host".{service,timer,path} 2>&1 |
		not grep -v 'wm-host-apply is not executable\|Command .*man wm'

	# again changes nothing
	state >"$DIR/installed"
	: >"$DIR/systemd/calls"
	host
	[ "$(wc -l <"$DIR/out")" -le 2 ]
	diff "$DIR/installed" <(state)
	[ ! -s "$DIR/systemd/calls" ]
	apply
	[ ! -s "$DIR/out" ]

	# what others took away comes back, what they set since stays
	on ip route del 172.30.0.0/16
	on resolvectl revert eth0
	on resolvectl dns eth0 9.9.9.9
	apply
	route_is '172.30.0.0/16 via 192.168.1.250 dev eth0 proto 88'
	links_are '192.168.1.250 9.9.9.9' '~b ~hub' yes
	on resolvectl dns eth0 192.168.1.1
	on resolvectl domain eth0 lan '~b' '~hub'
	apply
	diff "$DIR/installed" <(state)
	# and so it is after systemd-networkd has forgotten ours
	on resolvectl dns eth0 192.168.1.1
	on resolvectl domain eth0 lan
	apply
	diff "$DIR/installed" <(state)

	# a new domain and another gateway, by running it again
	host 'WM_MESH_DOMAINS=b c hub' WM_GATEWAY=192.168.1.251
	route_is '172.30.0.0/16 via 192.168.1.251 dev eth0 proto 88'
	links_are '192.168.1.251 192.168.1.1' 'lan ~b ~c ~hub' yes

	state >"$DIR/installed"
	host -- --remove --dry-run
	said 'would: rm -f /usr/local/sbin/wm-host-apply'
	diff "$DIR/installed" <(state)
	host -- --remove
	rm -f "$DIR/resolved/eth0.default-route" "$DIR/systemd/calls" # an explicit yes, where it was yes before
	diff "$DIR/before" <(state)
}
@test "put there, repaired, changed and taken off again" { both_shells life; }

# No systemd, no systemd-resolved, and every tool busybox's, `ip` too: as on Alpine.
@test "on a machine with OpenRC and busybox alone" {
	machine
	SHELL_OF_TEST=(sh)
	busybox --install -s "$DIR/bin"
	ONLY_PATH=''
	rm -rf "$DIR/resolved"
	printf '#!/bin/sh\necho "$*" >>"$DIR/rc"\n' >"$DIR/bin/rc-update"
	chmod +x "$DIR/bin/rc-update"
	on sh -c 'rmdir /run/systemd/system; mkdir -p /etc/local.d /etc/periodic/15min'
	state >"$DIR/before"
	host
	route_is '172.30.0.0/16 via 192.168.1.250 dev eth0'
	[ "$(cat "$DIR/rc")" = 'add local default' ]
	on ip route del 172.30.0.0/16
	on env -i PATH=/nonexistent /etc/local.d/wm-host.start # cron has little in its PATH
	route_is '172.30.0.0/16 via 192.168.1.250 dev eth0'
	on /etc/periodic/15min/wm-host
	said "this machine has no systemd-resolved, so nothing asks 192.168.1.250 for b hub"
	host WM_GATEWAY=192.168.1.251
	route_is '172.30.0.0/16 via 192.168.1.251 dev eth0'
	host -- --remove
	diff "$DIR/before" <(state)

	on mkdir /etc/cron.d
	host
	on grep -qx '@reboot root /usr/local/sbin/wm-host-apply' /etc/cron.d/wm-host
	host -- --remove --all
	on sh -c 'rmdir /etc/cron.d /etc/local.d /etc/periodic/15min'
	diff "$DIR/before" <(state)
	host
	said 'let it run /usr/local/sbin/wm-host-apply at boot'
}

@test "a link that systemd-networkd never gets done with has its names all the same, and it is said" {
	machine resolvectl systemctl
	on resolvectl dns eth0 192.168.1.1
	on mkdir -p /run/systemd/netif/links
	echo 'ADMIN_STATE=configuring' | on sh -c 'cat >"/run/systemd/netif/links/$(cat /sys/class/net/eth0/ifindex)"'
	printf '#!/bin/sh\necho "$1" >>%s/slept\n' "$DIR" >"$DIR/bin/sleep"
	chmod 755 "$DIR/bin/sleep"
	host
	grep -q 'systemd-networkd does not get done with eth0' "$DIR"/{out,err}
	links_are '192.168.1.250 192.168.1.1' '~b ~hub' yes
	[ "$(wc -l <"$DIR/slept")" = 10 ]
	# what it says once it is done is kept behind the gateway
	on resolvectl dns eth0 9.9.9.9
	echo 'ADMIN_STATE=configured' | on sh -c 'cat >"/run/systemd/netif/links/$(cat /sys/class/net/eth0/ifindex)"'
	apply
	links_are '192.168.1.250 9.9.9.9' '~b ~hub' yes
	not grep -q 'does not get done' "$DIR/err"
}

@test "several meshes: each keeps its own, the last one takes the programs along" {
	machine resolvectl systemctl
	second=(WM_MESH_SLUG=10-64 WM_MESH_SUPERNET=10.64.0.0/12 WM_MESH_NAME=work 'WM_MESH_DOMAINS=office')
	on resolvectl dns eth0 192.168.1.1
	host
	host "${second[@]}" # the same machine is its gateway
	[ "$(on ip route show proto 88 | sort | cut -d ' ' -f 1-5)" = '10.64.0.0/12 via 192.168.1.250 dev eth0
172.30.0.0/16 via 192.168.1.250 dev eth0' ]
	links_are '192.168.1.250 192.168.1.1' '~office ~b ~hub' yes
	host -- --remove
	[ "$(on ip route show proto 88 | cut -d ' ' -f 1)" = 10.64.0.0/12 ]
	links_are '192.168.1.250 192.168.1.1' '~office' yes
	on test -x /usr/local/sbin/wm-host-apply

	# another gateway behind the same link: its names cannot be had from this resolved, which is said
	refused host.sh 'eth0: its meshes have different gateways \(192.168.1.250 192.168.1.251\).*asks only one' WM_GATEWAY=192.168.1.251
	[ "$(on ip route show proto 88 | wc -l)" = 2 ]
	# from 258 on they can
	echo 258 >"$DIR/resolved/version"
	host WM_GATEWAY=192.168.1.251
	links_are '192.168.1.1' '' yes
	[ "$(on cat /run/systemd/dns-delegate.d/wm-172-30.dns-delegate)" = '[Delegate]
DNS=192.168.1.251
Domains=~b ~hub' ]
	on grep -qx 'Domains=~office' /run/systemd/dns-delegate.d/wm-10-64.dns-delegate
	grep -qx 'reload-or-restart systemd-resolved' "$DIR/systemd/calls"
	: >"$DIR/systemd/calls"
	apply
	[ ! -s "$DIR/out" ]
	[ ! -s "$DIR/systemd/calls" ]
	host -- --remove
	[ "$(on ls /run/systemd/dns-delegate.d)" = wm-10-64.dns-delegate ]

	# without a mesh's variables, as from the registry itself
	on "${SHELL_OF_TEST[@]}" -s -- --remove 10-64 <"$ROOT/setup/host.sh"
	[ -z "$(on ls /run/systemd/dns-delegate.d)" ]
	[ ! -e "$DIR/etc/wm" ]
	[ -z "$(on ip route show proto 88)" ]
	[ "$(tail -n 1 "$DIR/systemd/calls")" = daemon-reload ]
}

@test "what belongs to others is left alone" {
	machine resolvectl systemctl
	on ip route add 172.30.0.0/16 via 192.168.1.1 # another route to the mesh
	refused host.sh "there is another route already, '172.30.0.0/16 via 192.168.1.1 dev eth0 ?'"
	route_is '172.30.0.0/16 via 192.168.1.1 dev eth0'
	host -- --remove
	route_is '172.30.0.0/16 via 192.168.1.1 dev eth0'
	on ip route replace 172.30.0.0/16 via 192.168.1.250 # by hand, but right
	host
	host -- --remove
	route_is '172.30.0.0/16 via 192.168.1.250 dev eth0'
	on ip route del 172.30.0.0/16

	# a link without servers of its own, and one that was no default route, stay none
	host
	links_are 192.168.1.250 '~b ~hub' no
	host -- --remove
	on resolvectl dns eth0 192.168.1.1
	on resolvectl default-route eth0 no
	host
	links_are '192.168.1.250 192.168.1.1' '~b ~hub' no
	host -- --remove
	links_are 192.168.1.1 '' no
	on resolvectl revert eth0

	# one of which systemd-networkd knows servers by then: revert brings them, and they stay
	host
	: >"$DIR/resolved/networkd"
	host -- --remove
	links_are 192.168.1.2 '' yes
}

@test "while the gateway cannot be reached, what there is stays; then its answers come first again" {
	machine resolvectl systemctl
	on resolvectl dns eth0 192.168.1.1
	host
	state >"$DIR/installed"
	on ip addr del 192.168.1.10/24 dev eth0
	on ip addr add 10.9.0.2/24 dev eth0
	not apply
	grep -q '172-30: there is no way to gateway 192.168.1.250 now' "$DIR/err"
	[ ! -s "$DIR/out" ]
	on ip addr del 10.9.0.2/24 dev eth0
	on ip addr add 192.168.1.10/24 dev eth0
	on ip route add default via 192.168.1.1
	apply
	diff "$DIR/installed" <(state)

	lan ip addr del 192.168.1.250/24 dev lan
	echo 192.168.1.1 >"$DIR/resolved/eth0.current" # as resolved does by itself
	apply
	[ ! -s "$DIR/out" ]
	lan ip addr add 192.168.1.250/24 dev lan
	apply
	[ "$(cat "$DIR/resolved/eth0.current")" = 192.168.1.250 ]
	diff "$DIR/installed" <(state)

	# it moved behind a router, or is this machine
	refused host.sh 'gateway 10.1.1.1 is behind a router' WM_GATEWAY=10.1.1.1
	refused host.sh '192.168.1.10 is this machine itself' WM_GATEWAY=192.168.1.10
}

@test "bad input changes nothing" {
	machine resolvectl systemctl
	state >"$DIR/before"
	bad() {
		refused host.sh "$@"
		diff "$DIR/before" <(state)
	}
	nl=$'\n'
	bad "WM_MESH_SLUG '../x' is no name" WM_MESH_SLUG=../x
	bad "WM_MESH_SLUG '.x' is no name" WM_MESH_SLUG=.x
	bad 'nothing is known of the mesh' WM_MESH_SLUG=
	for net in 172.30.0.0 172.30.0.0/33 172.30.0.1/16 0.0.0.0/0 '172.30.0.0/16 dev lo' '$(id)' 300.1.0.0/16 0172.30.0.0/16; do
		bad "WM_MESH_SUPERNET '.*' is no network" "WM_MESH_SUPERNET=$net"
	done
	for gateway in 192.168.1 192.168.1.256 127.0.0.1 224.0.0.1 192.168.01.1 '192.168.1.250 dev lo' '' -1; do
		bad "WM_GATEWAY '.*' is no address" "WM_GATEWAY=$gateway"
	done
	bad "WM_GATEWAY '172.30.3.1' is inside the mesh" WM_GATEWAY=172.30.3.1
	for domain in '*' a.b -a 'b ;id' B "$(printf 'a%.0s' {1..64})"; do
		bad "WM_MESH_DOMAINS '.*' (is no domain|are no domains)" "WM_MESH_DOMAINS=$domain"
	done
	bad 'has control characters' "WM_MESH_DOMAINS=b${nl}WM_GATEWAY=10.0.0.1"
	bad "unknown argument '--force'" -- --force
	host 'WM_MESH_NAME=$(touch /etc/pwned)'
	on grep -qx WM_MESH_NAME=172-30 /etc/wm/meshes.d/172-30.env
	not grep -q pwned "$DIR/out"
	refused host.sh 'overlaps with 172.30.0.0/16' WM_MESH_SLUG=172-16 WM_MESH_SUPERNET=172.16.0.0/12
	[ ! -e "$DIR/etc/wm/meshes.d/172-16.env" ]

	# a file that was spoilt since: said, and nothing is taken away
	state >"$DIR/installed"
	sed -i 's/^WM_GATEWAY=.*/WM_GATEWAY=x; id/' "$DIR/etc/wm/meshes.d/172-30.env"
	not apply
	grep -q "172-30.env: WM_GATEWAY 'x; id' is no address" "$DIR/err"
	route_is '172.30.0.0/16 via 192.168.1.250 dev eth0 proto 88'
	links_are 192.168.1.250 '~b ~hub' no
	host 'WM_MESH_NAME=$(touch /etc/pwned)'
	diff "$DIR/installed" <(state)
}

@test "a script of which a part is missing does nothing" {
	machine resolvectl systemctl
	state >"$DIR/before"
	front host.sh >"$DIR/whole"
	for lines in 30 200 400 $(($(wc -l <"$DIR/whole") - 1)); do
		head -n "$lines" "$DIR/whole" >"$DIR/part"
		on dash -s <"$DIR/part" >"$DIR/out" 2>&1 || true
		diff "$DIR/before" <(state)
	done
}

@test "the program in it, too, is what shellcheck lets pass" {
	awk "/^APPLY\$/ { on = 0 } on; /<<'APPLY'\$/ { on = 1 }" "$ROOT/setup/host.sh" >"$DIR/apply"
	[ -s "$DIR/apply" ]
	shellcheck -s sh "$DIR/apply"
}
