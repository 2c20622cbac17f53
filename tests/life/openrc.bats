#!/usr/bin/env bats
# The same under OpenRC, and where nobody manages services.

load rig

teardown() { life_teardown; }

@test "OpenRC: installed once, started, stopped, taken away" {
	life_setup openrc
	run become
	lines
	[ "$status" = 0 ]
	[ "$(changed)" = "$(printf '%s\n' 'rc-update add wm-gateway boot' 'rc-service wm-gateway start')" ]
	[ "$(stat -c %a "$WM_ROOT/etc/init.d/wm-gateway")" = 755 ]
	[ "$(head -n 1 "$WM_ROOT/etc/init.d/wm-gateway")" = '#!/sbin/openrc-run' ]
	grep -qx 'command=/usr/local/bin/wm-agent' "$WM_ROOT/etc/init.d/wm-gateway"
	sh -n "$WM_ROOT/etc/init.d/wm-gateway"
	run become
	[[ ${lines[-1]} == 'nothing to do' ]]
	[ -L "$WM_ROOT/etc/runlevels/boot/wm-gateway" ]
	gw stop
	[ ! -e "$LIFE/up/wm-gateway" ]
	# One that has crashed is in nobody's way afterwards.
	touch "$LIFE/crashed-wm-gateway"
	gw stop
	[ ! -e "$LIFE/crashed-wm-gateway" ]
	gw start
	gw uninstall
	[ ! -e "$WM_ROOT/etc/init.d/wm-gateway" ]
	[ ! -L "$WM_ROOT/etc/runlevels/boot/wm-gateway" ]
	run gw uninstall
	[[ ${lines[-1]} == 'nothing to do' ]]
}

@test "OpenRC: dnsmasq, which Alpine leaves off, serves the names, now and at each boot" {
	life_setup openrc
	mkdir -p "$WM_ROOT/etc/init.d"
	touch "$WM_ROOT/etc/init.d/dnsmasq"
	become
	[ "$(changed | tail -n 2)" = "$(printf '%s\n' 'rc-update add dnsmasq default' 'rc-service dnsmasq restart')" ]
	gw uninstall
	[ -L "$WM_ROOT/etc/runlevels/default/dnsmasq" ]
	[ "$(told 'rc-service dnsmasq restart')" = 2 ]
}

@test "OpenRC: an instance is a link; a package's script is left to it" {
	life_setup openrc
	mkdir -p "$WM_ROOT/etc/init.d"
	cp packaging/openrc/wm-gateway "$WM_ROOT/etc/init.d"
	WM_REGISTRY_TOKEN=$MASTER gw install -i lab SITE_DOMAIN=lab "WM_REGISTRY_URL=$URL"
	cmp packaging/openrc/wm-gateway "$WM_ROOT/etc/init.d/wm-gateway"
	[ "$(readlink "$WM_ROOT/etc/init.d/wm-gateway.lab")" = wm-gateway ]
	[ -e "$LIFE/up/wm-gateway.lab" ]
	gw -i lab destroy --yes
	[ ! -L "$WM_ROOT/etc/init.d/wm-gateway.lab" ]
	cmp packaging/openrc/wm-gateway "$WM_ROOT/etc/init.d/wm-gateway"
}

@test "OpenRC: logs are what syslog has of us" {
	life_setup openrc
	mkdir -p "$WM_ROOT/var/log"
	for n in 1 2 3 4; do printf 'Jan 1 gw daemon.info wm-gateway: line %s\nJan 1 gw sshd: else\n' "$n"; done >"$WM_ROOT/var/log/messages"
	run gw logs -n 2
	[ "$output" = "$(printf 'Jan 1 gw daemon.info wm-gateway: line %s\n' 3 4)" ]
	on timeout 20 "$BUILT/wm-gateway" logs -f >"$DIR/out" 3>&- &
	until_true 10 grep -q 'line 4' "$DIR/out"
	echo 'Jan 1 gw daemon.info wm-gateway: line 5' >>"$WM_ROOT/var/log/messages"
	until_true 10 grep -q 'line 5' "$DIR/out"
	kill $!
	[ "$(grep -c line "$DIR/out")" = 5 ]
}

@test "no manager: all but the service, and what to do by hand" {
	life_setup none
	run become
	lines
	[ "$status" = 0 ]
	[[ $output == *"have 'wm-agent' started at each boot"* ]]
	[ -s "$WM_ETC/gateway.env" ]
	[ -z "$(changed)" ]
	run become
	[[ ${lines[-1]} == 'nothing to do' ]]
	run gw start
	[ "$status" = 1 ]
	[[ $output == *'neither systemd nor OpenRC runs here'* ]]
	gw destroy --yes
	[ ! -e "$WM_ETC" ]
}
