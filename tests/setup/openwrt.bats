#!/usr/bin/env bats
# setup/openwrt.sh on a router whose uci is stubs/uci (of which that file says how far it is the real one), and whose dnsmasq is
# the real one, with what it makes of the configuration.
# time limit: 240 s

load rig
setup() {
	setup_rig
	machine uci
	mkdir "$DIR/etc/init.d" "$DIR/etc/config"
	cp "$BATS_TEST_DIRNAME"/openwrt/* "$DIR/etc/config/"
	for service in network firewall dnsmasq; do cp "$BATS_TEST_DIRNAME/stubs/init.d" "$DIR/etc/init.d/$service"; done
	export UCI_SAVEDIR="$DIR/uci" CALLS="$DIR/calls"
	: >"$CALLS"
	cp -r "$DIR/etc/config" "$DIR/before"
}
teardown() {
	[ -z "${MACHINE:-}" ] || on sh -c 'kill $(cat /run/dnsmasq.pid)' 2>/dev/null || true
	rig_teardown
}

router() { setup_with openwrt.sh "$@"; }
u() { on uci -q "$@"; }
is() { [ "$(u get "$1")" = "$2" ] || { echo "$1 is '$(u get "$1")', not '$2'"; return 1; }; } # is KEY VALUE
same_as() { # same_as DIRECTORY: configurations; nothing is left uncommitted, no file of the script's in the way
	diff -r "$1" "$DIR/etc/config"
	[ -z "$(find "$UCI_SAVEDIR" -type f 2>/dev/null)" ]
}
calls_were() { # calls_were CALL...: since last time
	[ "$(paste -sd ' ' "$CALLS")" = "$*" ] || { cat "$CALLS"; return 1; }
	: >"$CALLS"
}
bad() { # bad PATTERN ...: refused, and nothing is changed or restarted
	rm -rf "$DIR/kept"
	cp -r "$DIR/etc/config" "$DIR/kept"
	refused openwrt.sh "$@"
	same_as "$DIR/kept"
	calls_were
}

@test "put there, brought up to date and taken off again" {
	router 'WM_MESH_DOMAINS=b home' -- --dry-run
	said "would: network.wm_172_30.gateway='192.168.1.250'"
	said "would: dhcp.cfg014e17.server+='/b/192.168.1.250'"
	same_as "$DIR/before"
	calls_were

	router 'WM_MESH_DOMAINS=b home'
	calls_were network reload firewall reload dnsmasq restart
	is network.wm_172_30 route
	is network.wm_172_30.interface lan
	is network.wm_172_30.target 172.30.0.0/16
	is network.wm_172_30.gateway 192.168.1.250
	is firewall.wm_172_30 redirect
	is firewall.wm_172_30.src wan
	is firewall.wm_172_30.dest lan
	is firewall.wm_172_30.proto udp
	is firewall.wm_172_30.src_dport 51820
	is firewall.wm_172_30.dest_ip 192.168.1.250
	is firewall.wm_172_30.dest_port 51820
	is 'dhcp.@dnsmasq[0].server' '192.168.1.1 /b/192.168.1.250 /home/192.168.1.250'
	is 'dhcp.@dnsmasq[0].rebind_domain' 'own.example b home'
	is 'dhcp.@dnsmasq[0].local' /lan/
	is 'dhcp.@dnsmasq[0].nonegcache' 1
	is 'network.@route[0].target' 10.99.0.0 # somebody else's, as it was

	rm -rf "$DIR/kept"
	cp -r "$DIR/etc/config" "$DIR/kept"
	router 'WM_MESH_DOMAINS=b home'
	said 'nothing to change'
	same_as "$DIR/kept"
	calls_were

	router 'WM_MESH_DOMAINS=b c' # home belongs to the router again
	calls_were dnsmasq restart
	is 'dhcp.@dnsmasq[0].server' '192.168.1.1 /b/192.168.1.250 /c/192.168.1.250'
	is 'dhcp.@dnsmasq[0].local' /lan/home/
	router 'WM_MESH_DOMAINS=b c' WM_GATEWAY=192.168.1.251
	is network.wm_172_30.gateway 192.168.1.251
	is firewall.wm_172_30.dest_ip 192.168.1.251
	is 'dhcp.@dnsmasq[0].server' '192.168.1.1 /b/192.168.1.251 /c/192.168.1.251'

	: >"$CALLS"
	rm -rf "$DIR/kept"
	cp -r "$DIR/etc/config" "$DIR/kept"
	router -- --remove --dry-run
	same_as "$DIR/kept"
	router -- --remove
	calls_were network reload firewall reload dnsmasq restart
	# options that were set again are the last of their section: that is all that differs
	diff <(sort "$DIR/before/dhcp") <(sort "$DIR/etc/config/dhcp")
	cp "$DIR/before/dhcp" "$DIR/etc/config/dhcp"
	same_as "$DIR/before"
	router -- --remove
	said 'there is no mesh 172-30 on this router'
	same_as "$DIR/before"
}

@test "the same with busybox's shell and tools" {
	SHELL_OF_TEST=(sh)
	busybox --install -s "$DIR/bin" 2>/dev/null || true
	ONLY_PATH=/nonexistent
	rm -f "$DIR/bin/ip"
	sed -i '1a PATH=/usr/sbin:/usr/bin:/sbin:/bin:'"$DIR/bin" "$DIR"/etc/init.d/*
	router 'WM_MESH_DOMAINS=b home' -- --dry-run
	same_as "$DIR/before"
	router 'WM_MESH_DOMAINS=b home'
	calls_were network reload firewall reload dnsmasq restart
	is network.wm_172_30.target 172.30.0.0/16
	is firewall.wm_172_30.dest_ip 192.168.1.250
	is 'dhcp.@dnsmasq[0].server' '192.168.1.1 /b/192.168.1.250 /home/192.168.1.250'
	is 'dhcp.@dnsmasq[0].local' /lan/
	router WM_MESH_DOMAINS=b
	calls_were dnsmasq restart
	router -- --remove
	diff <(sort "$DIR/before/dhcp") <(sort "$DIR/etc/config/dhcp")
}

@test "dnsmasq then answers for the mesh, although it was told that home is its own and private addresses are an attack" {
	dns_server 192.168.1.1 --host-record=ordinary.example,9.9.9.9 --host-record=evil.example,192.168.1.9
	dns_server 192.168.1.250 --local=/b/ --local=/home/ --host-record=nas.b,172.30.3.2 --host-record=nas.home,192.168.1.20
	answer() { on dig +short +time=2 +tries=5 @127.0.0.1 "$1" A; }
	on /etc/init.d/dnsmasq start
	[ "$(answer ordinary.example)" = 9.9.9.9 ]
	[ -z "$(answer nas.b)$(answer nas.home)$(answer evil.example)" ]
	router 'WM_MESH_DOMAINS=b home'
	[ "$(answer nas.b)" = 172.30.3.2 ]
	[ "$(answer nas.home)" = 192.168.1.20 ]
	[ "$(answer ordinary.example)" = 9.9.9.9 ]
	[ -z "$(answer evil.example)" ]
	on grep -qx no-negcache /run/dnsmasq.conf
	router -- --remove
	[ -z "$(answer nas.b)$(answer nas.home)" ]
	[ "$(answer ordinary.example)" = 9.9.9.9 ]
}

@test "two meshes, in either order" {
	second=(WM_MESH_SLUG=10-64 WM_MESH_SUPERNET=10.64.0.0/12 'WM_MESH_DOMAINS=lan office' WM_GATEWAY=192.168.1.251)
	router 'WM_MESH_DOMAINS=b home'
	: >"$CALLS"
	bad 'UDP port 51820 is forwarded already, to 192.168.1.250 \(firewall.wm_172_30\)' "${second[@]}"
	router "${second[@]}" -- --port 51821
	is firewall.wm_10_64.dest_port 51821
	is network.wm_10_64.gateway 192.168.1.251
	is 'dhcp.@dnsmasq[0].server' '192.168.1.1 /b/192.168.1.250 /home/192.168.1.250 /lan/192.168.1.251 /office/192.168.1.251'
	not u get 'dhcp.@dnsmasq[0].local' # both of them were in it
	router -- --remove
	not u get network.wm_172_30
	is network.wm_10_64 route
	is 'dhcp.@dnsmasq[0].server' '192.168.1.1 /lan/192.168.1.251 /office/192.168.1.251'
	is 'dhcp.@dnsmasq[0].local' /home/
	is 'dhcp.@dnsmasq[0].nonegcache' 1
	on "${SHELL_OF_TEST[@]}" -s -- --remove 10-64 <"$ROOT/setup/openwrt.sh" # as from the registry itself
	is 'dhcp.@dnsmasq[0].local' /home/lan/
	diff <(sort "$DIR/before/dhcp" | grep -v 'option local') <(sort "$DIR/etc/config/dhcp" | grep -v 'option local')
	cp "$DIR/before/dhcp" "$DIR/etc/config/dhcp"
	same_as "$DIR/before"
}

@test "what somebody made by hand is used when it is right, left alone, and never taken off" {
	u set network.mine=route
	u set network.mine.interface=lan
	u set network.mine.target=172.30.0.0
	u set network.mine.netmask=255.255.0.0
	u set network.mine.gateway=192.168.1.250
	u add firewall redirect >/dev/null
	u set 'firewall.@redirect[-1].src=wan'
	u set 'firewall.@redirect[-1].src_dport=51820'
	u set 'firewall.@redirect[-1].dest_ip=192.168.1.250'
	u add_list 'dhcp.@dnsmasq[0].server=/b/192.168.1.250'
	u add_list 'dhcp.@dnsmasq[0].server=/*.b/192.168.1.250'
	u set 'dhcp.@dnsmasq[0].nonegcache=1'
	bad 'network has changes that nobody committed \(uci changes network\)' || true # of a person at work
	for config in network firewall dhcp; do u commit "$config"; done
	rm -rf "$DIR/before"
	cp -r "$DIR/etc/config" "$DIR/before"
	router WM_MESH_DOMAINS=b
	not u get network.wm_172_30
	not u get firewall.wm_172_30
	calls_were dnsmasq restart # for rebind_domain
	router -- --remove
	same_as "$DIR/before"

	# and what is not right is said, before anything is touched
	: >"$CALLS"
	bad 'another route to 172.30.0.0/16 \(network.mine\)' WM_GATEWAY=192.168.1.251
	u set network.mine.gateway=192.168.1.251
	u commit network
	bad 'UDP port 51820 is forwarded already, to 192.168.1.250' WM_GATEWAY=192.168.1.251
	bad "dnsmasq has another answer for the mesh's domain b: '/b/192.168.1.250'" WM_GATEWAY=192.168.1.251 -- --no-forward
	router WM_GATEWAY=192.168.1.251 WM_MESH_DOMAINS=hub -- --no-forward
	not u get firewall.wm_172_30
}

@test "the network and zone of the gateway; what the firewall has in the way" {
	router WM_GATEWAY=192.168.77.9
	is network.wm_172_30.interface guest
	is firewall.wm_172_30.dest guests
	said "note: zone guests does not forward within itself (forward is 'REJECT')"
	router -- --remove
	: >"$CALLS"
	bad 'no network of this router has 192.168.5.5 in it' WM_GATEWAY=192.168.5.5
	bad "this router has no network 'attic'" WM_GATEWAY=192.168.5.5 -- --interface attic
	bad '192.168.1.1 is this router itself' WM_GATEWAY=192.168.1.1
	bad "the network lan \(192.168.1.1\) is inside the mesh's 192.168.0.0/23" WM_MESH_SUPERNET=192.168.0.0/23 WM_GATEWAY=192.168.77.9
	u set 'firewall.@defaults[0].drop_invalid=1'
	u delete 'firewall.@zone[2]'
	u commit firewall
	router WM_GATEWAY=192.168.5.5 -- --interface wan
	said 'no port is forwarded'
	said 'drops invalid packets'
	is network.wm_172_30.interface wan
}

@test "bad input changes nothing" {
	bad 'nothing is known of the mesh' WM_MESH_SLUG=
	bad "'../x' is no mesh's slug" WM_MESH_SLUG=../x
	for net in 172.30.0.0 172.30.0.1/16 0.0.0.0/0 '$(id)' 300.1.0.0/16; do
		bad "WM_MESH_SUPERNET '.*' is no network" "WM_MESH_SUPERNET=$net"
	done
	for gateway in 192.168.1 192.168.1.256 192.168.01.1 '' "x';id"; do
		bad "WM_GATEWAY '.*' is no address" "WM_GATEWAY=$gateway"
	done
	bad 'is inside the mesh' WM_GATEWAY=172.30.3.1
	for domain in '*' a.b -a 'b;id' B /b/; do bad 'WM_MESH_DOMAINS.* (is no domain|are no domains)' "WM_MESH_DOMAINS=$domain"; done
	for port in 0 65536 x '' 051820; do bad '--port needs a number' -- --port "$port"; done
	bad '--interface needs the name' -- --interface 'lan.x=y'
	bad "unknown argument '--force'" -- --force
	# something fails in the middle: nothing is left half done
	printf '#!/bin/sh\ncase "$*" in *add_list*) exit 1;; esac\nexec "%s" "$@"\n' "$BATS_TEST_DIRNAME/stubs/uci" >"$DIR/uci.new"
	chmod +x "$DIR/uci.new"
	mv "$DIR/uci.new" "$DIR/bin/uci"
	refused openwrt.sh 'what was changed is taken back'
	same_as "$DIR/before"
	front openwrt.sh >"$DIR/whole"
	for lines in 50 200 $(($(wc -l <"$DIR/whole") - 1)); do
		on dash -s < <(head -n "$lines" "$DIR/whole") >"$DIR/out" 2>&1 || true
		same_as "$DIR/before"
	done
	rm "$DIR/bin/uci"
	refused openwrt.sh 'this is no OpenWrt'
}
