#!/usr/bin/env bats
# `wm-gateway install` on Debian 12, where the programs were only copied, and where make install has put them: from nothing to the
# hub's gateway under the real systemd, brought up to date under traffic, rebooted, taken away.
#
#   world: device pc == wg ==> gw 192.168.1.250, gateway of hub
#
# time limit: 600 s

load machine

setup() {
	world_up bookworm
	registry_up
}
teardown() { rig_teardown; }

# gateway_to_be [LAYER]
gateway_to_be() {
	machine gw bookworm 192.168.1.250 "$@"
	mkdir -p "$DIR/gw/up/root/wm" "$DIR/gw/up/etc/dnsmasq.d" "$DIR/gw/up/etc/systemd/system"
	cp "$PWD/${B:-build}"/wm-{gateway,agent,fetch} "$DIR/gw/up/root/wm"
	# Debian's own is in the package dnsmasq, which is not in this root.
	printf '[Service]\nType=forking\nRuntimeDirectory=dnsmasq\nPIDFile=/run/dnsmasq/dnsmasq.pid\nExecStart=dnsmasq --conf-dir=/etc/dnsmasq.d --pid-file=/run/dnsmasq/dnsmasq.pid --bind-interfaces --except-interface=lo --no-resolv\n[Install]\nWantedBy=multi-user.target\n' \
		>"$DIR/gw/up/etc/systemd/system/dnsmasq.service"
	switch_on gw
}
it() { on gw "$@"; }

SETTINGS=(SITE_DOMAIN=hub IS_HUB=true LXC_IFACES=192.168.1.250 PUBLIC_IP=192.168.1.250)
become() { # [ARGUMENT]...
	it env WM_REGISTRY_TOKEN="$MASTER" "${PROGRAM:-/root/wm/wm-gateway}" install --yes "${SETTINGS[@]}" "WM_REGISTRY_URL=$URL" "$@" >"$DIR/said" 2>&1 ||
		{ cat "$DIR/said"; it journalctl --no-pager -n 40; return 1; }
	cat "$DIR/said"
}
says() { it /usr/local/bin/wm-gateway status -j >"$DIR/status" 2>&1 && jq -e "$1" "$DIR/status" >"$DIR/says" 2>&1; }
in_sync() { until_true "$LIMIT" says '.running and .config.in_force' || { cat "$DIR/status"; it journalctl --no-pager -n 40; return 1; }; }
pc_up() {
	device_up
	until_true "$LIMIT" answers || { it /usr/local/bin/wm-gateway status; return 1; }
}
answers() { in_world ping -q -c 1 -W 1 172.30.1.1 >"$DIR/out" 2>&1; }
under_traffic() { pinging 172.30.1.1 "$@"; } # under_traffic COMMAND...: every packet that goes through the tunnel meanwhile comes back

@test "install, again under traffic, a reboot, uninstall, install, destroy" {
	gateway_to_be
	become
	grep -q '^in sync: generation .* data plane bpf' "$DIR/said"
	it systemctl is-enabled wm-gateway dnsmasq | grep -c enabled | grep -qx 2
	nothing_failed gw
	fetches() { it sh -c 'for p in /proc/[0-9]*; do [ "$(cat $p/comm 2>/dev/null)" != wm-fetch ] || stat -c %U $p; done' | sort -u; }
	[ "$(fetches)" = wm-fetch ]
	pc_up
	in_world dig +short +time=2 +tries=2 gw.hub @192.168.1.250 | grep -qx 172.30.1.1
	it test ! -e /root/wm/private.key

	pid=$(it systemctl show -P MainPID wm-gateway)
	under_traffic become
	tail -n 1 "$DIR/said" | grep -qx 'nothing to do'
	[ "$(it systemctl show -P MainPID wm-gateway)" = "$pid" ]
	under_traffic become WM_POLL=3
	grep -qx 'restarted service wm-gateway' "$DIR/said"
	in_sync

	reboot_machine gw
	in_sync
	until_true "$LIMIT" answers
	nothing_failed gw

	it /usr/local/bin/wm-gateway uninstall
	not it systemctl is-active -q wm-gateway
	not it ip link show wg0 2>"$DIR/out"
	not it test -e /etc/systemd/system/wm-gateway.service
	become
	until_true "$LIMIT" answers
	it /usr/local/bin/wm-gateway logs -n 5 | grep -q wm-gateway
	wm remove pc.hub --yes >"$DIR/out"
	it /usr/local/bin/wm-gateway destroy --yes
	not it test -e /etc/wm
	not it test -e /var/lib/wm
	wm -j list-sites | jq -e '.meshes[0].sites == []'
	nothing_failed gw
}

@test "what make install has put there is used as it is, and left there" {
	gateway_to_be "$REAL/installed"
	PROGRAM=wm-gateway become
	grep -q '^in sync: generation .* data plane bpf' "$DIR/said"
	not it test -e /usr/local/bin/wm-gateway
	not it test -e /etc/systemd/system/wm-gateway.service
	it systemctl is-enabled wm-gateway
	PROGRAM=wm-gateway become
	tail -n 1 "$DIR/said" | grep -qx 'nothing to do'
	it wm-gateway destroy --yes
	not it systemctl is-enabled -q wm-gateway
	it test -x /usr/bin/wm-gateway
	nothing_failed gw
}
