#!/usr/bin/env bats
# What an operator sees of a mesh with real gateways, and what their words do to it: wm check, deepcheck, wait, undo, import.
# time limit: 240 s

load lib/mesh

setup_file() { mesh_carrying o; }

teardown_file() { demo down; }
setup() { use_demo; }

# of <machine> <arguments>: wm on that machine, as the operator
of() {
	local machine=$1
	shift
	ns "$machine" env WM_CONFIG_DIR="$WM_DEMO_DIR/operator" "$BIN/wm" "$@"
}

found() { # found <jq condition on the list of findings>: in $output
	jq -e ".meshes[0].checks | $1" <<<"$output" >/dev/null || { echo "$output"; return 1; }
}

@test "wait and check: every gateway is in sync, and nothing is wrong" {
	run wm wait --synced
	echo "$output"
	[ "$status" = 0 ]
	run wm -j check
	echo "$output"
	[ "$status" = 0 ]
	found 'map(select(.check == "gateway" and .state == "ok")) | length == 3'
}

heard() { wm -j list-devices | jq -e '[.meshes[0].devices[] | select(.handshake != null and .rx > 0)] | length == 2'; }

@test "list shows whom the hub hears, and what hosts carry" {
	pings web "$NAS" 3
	wait_for 90 'the hub has reported both devices' heard # reports come once a minute
	carried() { wm -j list-hosts | jq -e '.meshes[0].hosts[] | select(.name == "nas") | .rx > 0 and .tx > 0'; }
	wait_for 90 'what nas carries is reported' carried
}

@test "deepcheck from a laptop: names, everybody answers, 1420 bytes pass" {
	run of laptop -j deepcheck
	echo "$output"
	[ "$status" = 0 ]
	found 'any(.check == "here" and .object == "laptop.hub")'
	found 'any(.check == "names" and (.what | test("^9 of 9 "))) and any(.object == "nas.b" and .what == "'"$NAS"' answers, path MTU 1420")'
}

@test "deepcheck: a machine that does not answer is the LAN's fault, a gateway that is down its own" {
	ns nas sysctl -qw net.ipv4.icmp_echo_ignore_all=1
	run of laptop -j deepcheck nas.b
	ns nas sysctl -qw net.ipv4.icmp_echo_ignore_all=0
	[ "$status" = 1 ]
	found 'any(.state == "wrong" and .object == "nas.b" and (.what | test("its gateway does: it breaks on the LAN of b")))'

	stop_gateway b
	gateway b down
	run of laptop -j deepcheck b
	[ "$status" = 1 ]
	found 'any(.state == "wrong" and .object == "gw.b" and (.what | test("the hub does: it breaks between the two")))'
	agent_up b 3>&-
	wait_for 60 'b is back' pings laptop "$NAS" 1
}

@test "undo: a host that was removed by mistake carries again" {
	ip_of() { wm -j list-hosts | jq -r '.meshes[0].hosts[] | select(.name == "nas") | .wg_ip'; }
	wm remove nas.b
	wm wait --synced
	silent web "$NAS" 2
	wm undo --yes
	[ "$(ip_of)" = "$NAS" ]
	wait_for 20 'nas is reached again' pings web "$NAS" 1
}

@test "import: two hosts change places in one go, and back" {
	wm export "$WM_DEMO_DIR/was.json"
	jq '(.hosts[] | select(.name == "nas") | .wg_ip) = "'"$CAM"'" | (.hosts[] | select(.name == "cam" and .domain == "b") | .wg_ip) = "'"$NAS"'"' \
		"$WM_DEMO_DIR/was.json" >"$WM_DEMO_DIR/wish.json"
	run wm import "$WM_DEMO_DIR/wish.json" --yes
	echo "$output"
	[ "$status" = 0 ]
	[[ "$output" == *"0 to add, 2 to change, 0 to remove"* ]]
	wm wait --synced
	grep -qE "^$CAM[[:space:]].*nas\.b" "$WM_DEMO_DIR/etc/hub/hosts"
	wait_for 20 'cam is where nas was' pings web "$NAS" 1
	wm import "$WM_DEMO_DIR/was.json" --yes
	wm wait --synced
	[ "$(wm export)" = "$(cat "$WM_DEMO_DIR/was.json")" ]
	pings web "$NAS" 1
}

# hub_names_by <line of dnsmasq's configuration>...: the hub's dnsmasq is started again, with these and nothing else.
hub_names_by() {
	local pid=$WM_DEMO_DIR/dnsmasq-hub.pid
	[ ! -e "$pid" ] || { kill "$(cat "$pid")"; wait_for 5 'the name server of the hub has ended' [ ! -e "$pid" ]; }
	printf '%s\n' no-resolv no-hosts "pid-file=$pid" user=root "$@" >"$WM_DEMO_DIR/dnsmasq-hub.conf"
	ns hub dnsmasq --keep-in-foreground --conf-file="$WM_DEMO_DIR/dnsmasq-hub.conf" </dev/null >"$WM_DEMO_DIR/log/dnsmasq-hub" 2>&1 3>&- &
	wait_for 5 'it answers the laptop' resolves laptop 172.30.1.1 gw.hub 172.30.1.1
}
checks_names() { # checks_names <jq condition on the findings of the hub's own check about names>
	gateway hub check -j >"$BATS_TEST_TMPDIR/names" || true
	jq -e "[.findings[] | select(.check == \"names\")] | $1" "$BATS_TEST_TMPDIR/names" >/dev/null
}

# The hub's LAN is the net here, and net a machine on it.
@test "a host of the hub's own LAN: a device is told the address that it can reach, the LAN its own" {
	in_ns net route add 172.30.0.0/16 via 198.51.100.1
	wm add-host box.hub --local-ip 198.51.100.254
	wm wait --synced
	box=$(wm -j list-hosts | jq -r '.meshes[0].hosts[] | select(.name == "box").wg_ip')
	[[ $box == 172.30.1.* ]]
	wait_for 5 'the laptop is told the overlay address' resolves laptop 172.30.1.1 box.hub "$box"
	resolves net 198.51.100.1 box.hub 198.51.100.254
	pings laptop box.hub 3
	pings nas box.hub 1
	checks_names '. == []'
	# as Debian's package starts it
	hub_names_by local-service "conf-file=$WM_DEMO_DIR/etc/hub/dnsmasq.conf"
	wait_for 5 'the laptop is told the overlay address' resolves laptop 172.30.1.1 box.hub "$box"
	resolves net 198.51.100.1 box.hub 198.51.100.254
	checks_names '. == []'
	# one whose configuration is not ours has both for everybody, and only there does check find something
	hub_names_by "addn-hosts=$WM_DEMO_DIR/etc/hub/hosts"
	checks_names 'length == 1 and (.[0] | (.problem | test("box.hub")) and (.fix | test("localise-queries")))'
	# one of before an upgrade of ours: all is as it was then, until it is started again
	sed -i /localise-queries/d "$WM_DEMO_DIR/etc/hub/dnsmasq.conf"
	wait_for 5 'the configuration is as it shall be' grep -qx localise-queries "$WM_DEMO_DIR/etc/hub/dnsmasq.conf"
	wait_for 5 'everybody is told the LAN address' resolves laptop 172.30.1.1 box.hub 198.51.100.254
	checks_names 'length == 1'
	hub_names_by bind-dynamic "conf-file=$WM_DEMO_DIR/etc/hub/dnsmasq.conf"
	wait_for 5 'the laptop is told the overlay address' resolves laptop 172.30.1.1 box.hub "$box"
	checks_names '. == []'
	wm remove box.hub
	wm wait --synced
	in_ns net route del 172.30.0.0/16
}

# By the line that wm add-device prints, with everything real but systemd.
@test "a new machine joins by one line, reaches the mesh through the hub, and leaves" {
	D=$BATS_TEST_TMPDIR
	load ../setup/machine
	ip netns add "$WM_DEMO-pc"
	uplink pc 150
	machine_up "$WM_DEMO-pc"
	stub_systemd
	cp "$WM_DEMO_DIR/tls/ca.pem" "$D/ca.pem"
	cp "$BIN/wm" "$D/stubs/wm"
	command=$(wm -j add-device pc | jq -r .command)
	[[ $command == *" --cacert CA-FILE "*" --ca CA-FILE" ]]
	run on sh -c "${command//CA-FILE/$D/ca.pem} --net demo"
	echo "$output"
	[ "$status" = 0 ]
	on ping -c 1 -W 5 "$NAS"
	on ping -c 1 -W 5 "$WEB"
	on dig +short +tries=2 nas.b @172.30.1.1 | grep -qx "$NAS"
	# its wm looks at the mesh by the device's own token, and finds what an operator's would; it changes nothing
	run on wm -j check
	echo "$output"
	found 'map(select(.check == "gateway" and .state == "ok")) | length == 3'
	found 'map(select(.state == "wrong" and .check != "name")) | length == 0' # its resolver is a stand-in
	on wm list | grep -qE "^  nas\.b +standard +$NAS +"
	on wm info | grep -q pc.hub
	run on wm -j deepcheck nas.b
	echo "$output"
	found 'any(.object == "nas.b" and (.what | test("answers")))'
	run on wm remove nas.b
	[ "$status" = 4 ]
	[[ $output == *'may not'* ]]
	run on wg-demo-status
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *'tunnel        the hub answers'* ]]
	run on wg-demo-uninstall
	echo "$output"
	[ "$status" = 0 ]
	wm -j list-devices | jq -e '[.meshes[0].devices[].name] | index("pc") == null'
	machine_down
	kill "$MACHINE"
}
