#!/usr/bin/env bats
# setup/host.sh under systemd, systemd-networkd and systemd-resolved: a machine of the LAN gets route and names, keeps them over a
# reboot and a new lease of networkd, and gives them back. On Debian 12; that it comes and goes, on 11 and 13 too.
# time limit: 600 s

load machine

GATEWAY=192.168.1.250 # in the world: a name server, and 172.30.1.1 behind it

lan_up() { # lan_up SUITE: with a machine of it, and a mesh whose gateway is on the LAN
	world_up "$1"
	registry_up
	wm add-site hub --hub --endpoint 198.51.100.1:51820 >"$DIR/out"
	wm add-site b >"$DIR/out"
	in_world ip addr add "$GATEWAY/24" dev lan0
	in_world ip addr add 172.30.1.1/32 dev lo
	names_at "$GATEWAY" --server=192.168.1.1 --local=/b/ --local=/hub/ --host-record=nas.b,172.30.2.9
	machine pc "$1" 192.168.1.10
	switch_on pc
	it() { on pc "$@"; }
}
teardown() { rig_teardown; }

# setup [ARGUMENT...]: as an operator pipes it; it is wm's, and wm is elsewhere
setup_host() {
	wm host-setup "$GATEWAY" >"$DIR/script"
	it sh -s -- "$@" <"$DIR/script" >"$DIR/out" 2>&1 || { cat "$DIR/out"; return 1; }
}
answers() { it resolvectl query --legend=no "$1" >"$DIR/out" 2>&1 && grep -q "^$1: $2 " "$DIR/out"; }
mesh_is_there() {
	until_true "$LIMIT" it ping -c 1 -W 1 172.30.1.1 >"$DIR/out" || { cat "$DIR/out"; it ip route; return 1; }
	until_true "$LIMIT" answers nas.b 172.30.2.9 || { cat "$DIR/out"; it resolvectl status; return 1; }
	until_true "$LIMIT" answers ordinary.example 9.9.9.9 || { cat "$DIR/out"; it resolvectl status; return 1; }
	until_true "$LIMIT" answers printer.lan 192.168.1.40 || { cat "$DIR/out"; it resolvectl status; return 1; }
	until_true "$LIMIT" it sh -c 'resolvectl domain eth0 | grep -qx "Link [0-9]* (eth0): lan ~b ~hub"'
	until_true "$LIMIT" it sh -c "ip -4 route show 172.30.0.0/16 | grep -q '^172.30.0.0/16 via $GATEWAY dev eth0 proto 88'"
}
mesh_is_gone() {
	it resolvectl flush-caches
	[ -z "$(it ip -4 route show 172.30.0.0/16)" ]
	not answers nas.b 172.30.2.9
	answers ordinary.example 9.9.9.9
	answers printer.lan 192.168.1.40
	it resolvectl dns eth0 | grep -qx 'Link [0-9]* (eth0): 192.168.1.1'
	it resolvectl domain eth0 | grep -qx 'Link [0-9]* (eth0): lan'
}
comes_and_goes() {
	it sh -c 'find /etc /usr/local | sort' >"$DIR/before"
	setup_host
	mesh_is_there
	it getent hosts nas.b | grep -q '^172.30.2.9 '
	setup_host
	not grep -qv 'goes to' "$DIR/out"
	it systemctl is-enabled wm-host.service wm-host.timer wm-host.path
	it systemctl list-timers --no-legend | grep -q '^[A-Z].* wm-host.timer'
	it systemctl start wm-host.service
	nothing_failed pc
	setup_host --remove
	mesh_is_gone
	it sh -c 'find /etc /usr/local | sort' >"$DIR/after"
	diff "$DIR/before" "$DIR/after"
	[ -z "$(it systemctl list-units --all --no-legend 'wm-*')" ]
	nothing_failed pc
}

@test "Debian 12: it comes and goes" {
	lan_up bookworm
	comes_and_goes
}

@test "Debian 12: a reboot, a restart of networkd or resolved, and a changed mesh are taken in" {
	lan_up bookworm
	setup_host
	mesh_is_there
	reboot_machine pc
	nothing_failed pc
	mesh_is_there
	# that forgets what was set on its links, and the mesh is there again before the timer's time
	for n in 1 2 3; do
		it systemctl restart systemd-networkd
		it sh -c 'sleep 0.$0' $n
		mesh_is_there
	done
	# at the very instant there is no way to the gateway, which it says; it is asked again when the link has come up
	it networkctl reconfigure eth0
	mesh_is_there
	it systemctl restart systemd-resolved
	mesh_is_there
	it ip route del 172.30.0.0/16
	it systemctl start wm-host.service
	mesh_is_there
	it journalctl -q -o cat -u wm-host.service | grep -q "route 172.30.0.0/16 via $GATEWAY dev eth0"
	# by the timer
	it mkdir -p /etc/systemd/system/wm-host.timer.d
	it sh -c 'printf "[Timer]\nOnActiveSec=1\nOnUnitInactiveSec=1\nAccuracySec=100ms\n" >/etc/systemd/system/wm-host.timer.d/soon.conf'
	it systemctl daemon-reload
	it systemctl restart wm-host.timer
	it ip route del 172.30.0.0/16
	mesh_is_there
	setup_host --remove
	mesh_is_gone
}

@test "Debian 11: it comes and goes" {
	lan_up bullseye
	comes_and_goes
}

@test "Debian 13: it comes and goes" {
	lan_up trixie
	comes_and_goes
}
