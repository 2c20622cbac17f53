#!/usr/bin/env bats
# setup/device.sh under systemd and systemd-resolved of Debian 12: it joins by the operator's line, follows by its timer, is there
# after a reboot, and leaves nothing. On 13, that it joins and leaves.
# time limit: 600 s

load machine

lan_up() { # lan_up SUITE: with a machine of it
	world_up "$1"
	registry_up
	hub_up
	wm add-site b >"$DIR/out"
	machine laptop "$1" 192.168.1.10
	switch_on laptop
	it() { on laptop "$@"; }
}
teardown() { rig_teardown; }

join() {
	it sh -c 'find /etc /usr/local | sort' >"$DIR/before"
	wm -j add-device laptop | jq -r .command | sed 's#sudo ##; s#CA-FILE#/etc/ssl/ca.crt#g' >"$DIR/command"
	it sh -c "$(cat "$DIR/command")" >"$DIR/out" 2>&1 || { cat "$DIR/out"; return 1; }
	hub_takes laptop
}
leaves() {
	it wg-home-uninstall >"$DIR/out" 2>&1 || { cat "$DIR/out"; return 1; }
	it sh -c 'find /etc /usr/local | sort' >"$DIR/after"
	diff "$DIR/before" "$DIR/after"
	[ -z "$(it systemctl list-units --all --no-legend 'wm-*' 'wg-quick@*')" ]
	[ -z "$(it systemctl list-unit-files --no-legend 'wm-*')" ]
	[ -z "$(it ip -o link show type tun)" ]
}
answers() { it resolvectl query --legend=no "$1" >"$DIR/out" 2>&1 && grep -q "^$1: $2 " "$DIR/out"; }
is_well() { it wg-home-status >"$DIR/status" 2>&1; }

@test "it joins, its names are the mesh's, and its timer follows what changes" {
	lan_up bookworm
	join
	nothing_failed laptop
	until_true "$LIMIT" is_well || { cat "$DIR/status"; return 1; }
	grep -q 'started by systemd, names by resolved' "$DIR/status"
	# names of the mesh from the hub, by the tunnel; others as before
	answers nas.b 172.30.2.9
	answers ordinary.example 9.9.9.9
	answers printer.lan 192.168.1.40
	it getent hosts nas.b | grep -q '^172.30.2.9 '
	# the timer is there and has a next time; what it starts takes in what changed
	it systemctl list-timers --no-legend | grep 'wm-device@wg-home.timer' | grep -qv '^n/a\|^- '
	wm add-site c >"$DIR/out"
	it systemctl start wm-device@wg-home.service
	it journalctl -q -o cat -t wg-home-update | grep -qx 'wg-home: names of b c hub are asked of 172.30.1.1'
	it resolvectl domain wg-home | grep -q '~c'
	# a tunnel that somebody took down
	it systemctl stop wg-quick@wg-home
	it systemctl start wm-device@wg-home.service
	until_true "$LIMIT" is_well || { cat "$DIR/status"; return 1; }
	answers nas.b 172.30.2.9
	nothing_failed laptop
}

@test "the timer fires by itself, and a registry that is away fails nothing" {
	lan_up bookworm
	# as it is, but for how long it takes
	it mkdir -p /etc/systemd/system/wm-device@.timer.d
	it sh -c 'printf "[Timer]\nOnBootSec=\nOnUnitActiveSec=\nOnActiveSec=1\nOnUnitActiveSec=1\nRandomizedDelaySec=0\nAccuracySec=100ms\n" \
		>/etc/systemd/system/wm-device@.timer.d/soon.conf'
	join
	wm add-site c >"$DIR/out"
	until_true "$LIMIT" it sh -c 'resolvectl domain wg-home | grep -q "~c"'
	registry_off
	until_true "$LIMIT" it sh -c 'journalctl -q -o cat -t wg-home-update | grep -q "is not reached.*everything stays as it is"'
	answers nas.b 172.30.2.9
	nothing_failed laptop
}

@test "after a reboot it is there by itself, also while the registry is away" {
	lan_up bookworm
	join
	registry_off
	reboot_machine laptop
	nothing_failed laptop
	until_true "$LIMIT" it ping -c 1 -W 1 172.30.1.1 >"$DIR/out"
	until_true "$LIMIT" answers nas.b 172.30.2.9 || { cat "$DIR/out"; return 1; }
	answers ordinary.example 9.9.9.9
	it systemctl is-active wg-quick@wg-home wm-device@wg-home.timer
	registry_on
	it wg-home-update
	until_true "$LIMIT" is_well || { cat "$DIR/status"; return 1; }
}

@test "it leaves, and nothing of it stays" {
	lan_up bookworm
	join
	leaves
	not answers nas.b 172.30.2.9
	answers ordinary.example 9.9.9.9
	[ "$(in_world curl -s --cacert "$DIR/ca.crt" -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $MASTER" "$URL/v1/devices/laptop")" = 404 ]
	reboot_machine laptop
	nothing_failed laptop
	not it ip link show wg-home
}

@test "Debian 13: it joins and leaves" {
	lan_up trixie
	join
	until_true "$LIMIT" is_well || { cat "$DIR/status"; return 1; }
	answers nas.b 172.30.2.9
	answers ordinary.example 9.9.9.9
	leaves
	nothing_failed laptop
}
