#!/usr/bin/env bats
# wm-gateway.service and wm-gateway@.service as make install leaves them, on Debian 12: under their hardening, over stops, kills
# and reboots. The gateway is the hub; in the world is a device that reaches the LAN's host only by way of it.
#
#   world: device pc 172.30.1.2 == wg ==> gw 192.168.1.250, gateway of hub --- web 192.168.1.10, web.hub
#
# time limit: 600 s

load machine

setup() {
	world_up bookworm
	registry_up
	machine gw bookworm 192.168.1.250 "$REAL/installed"
	wm add-site hub --hub --endpoint 192.168.1.250:51820 >"$DIR/out"
	wm add-host web.hub --local-ip 192.168.1.10 >"$DIR/out"
	gateway_env "$DIR/gw/up/etc/wm" hub
	lan_host web 192.168.1.10 192.168.1.250
	WEB=$(api GET /v1/hosts | jq -r '.hosts[] | select(.name == "web") | .wg_ip')
	switch_on gw
	it() { on gw "$@"; }
}
teardown() { rig_teardown; }

gateway_env() { # gateway_env DIRECTORY SITE [LINE...]: with a new enrolment
	mkdir -p "$1"
	printf '%s\n' "SITE_DOMAIN=$2" "WM_REGISTRY_URL=$URL" LXC_IFACES=eth0 "WM_REGISTRY_TOKEN=$(wm -j enrol "$2" | jq -er .enrolment.token)" \
		"${@:3}" >"$1/gateway.env"
	chmod 600 "$1/gateway.env"
}

says() {
	it wm-gateway status -j "${@:2}" >"$DIR/status" 2>"$DIR/out" || true
	jq -e "$1" "$DIR/status" >"$DIR/says" 2>&1 || { cat "$DIR/status" "$DIR/out" >"$DIR/says"; return 1; }
}
in_sync() {
	until_true "$LIMIT" says '.running and .config.in_force and .config.problem == null and .registry.problem == null' "$@" ||
		{ cat "$DIR/says"; it journalctl --no-pager -n 40; return 1; }
}
flows() { in_world ping -q -c 1 -W 1 "$WEB" >"$DIR/out" 2>&1; }
traffic_flows() { until_true "$LIMIT" flows || { cat "$DIR/out"; it wm-gateway status; it wm-bpf stats; return 1; }; }
under_traffic() { pinging "$WEB" "$@"; } # under_traffic COMMAND...: every packet that goes through the mesh meanwhile comes back
rules_are_back() { it ip rule | diff "$DIR/rules" - >"$DIR/out"; }
main_pid() { it systemctl show -P MainPID "$1"; }
# pids_of PROGRAM: in the machine
pids_of() { it sh -c 'for p in /proc/[0-9]*; do [ "$(cat $p/comm 2>/dev/null)" != "$0" ] || echo ${p#/proc/}; done' "$1"; }
of_process() { it sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; } # of_process PID KEY

@test "it enrols, comes into force under its hardening, and answers for names" {
	it systemctl enable --now wm-gateway 2>"$DIR/out"
	in_sync
	device_up
	traffic_flows
	says '.dataplane.name == "bpf" and .interface.up'
	[ "$(api GET /v1/sites/hub | jq -r .public_key)" = "$(it wg show wg0 public-key)" ]
	# as the unit has it: the capabilities, no new ones, a filter
	local gateway fetch
	gateway=$(pids_of wm-gateway | head -n 1)
	[ "$(of_process "$gateway" CapBnd)" = "$(of_process "$gateway" CapEff)" ]
	[ "$(of_process "$gateway" CapEff)" = 000000c0002010e0 ]
	[ "$(of_process "$gateway" NoNewPrivs)" = 1 ]
	[ "$(of_process "$gateway" Seccomp)" = 2 ]
	fetch=$(pids_of wm-fetch | head -n 1)
	[ "$(it stat -c %U "/proc/$fetch")" = wm-fetch ]
	[ "$(of_process "$fetch" CapPrm)" = 0000000000000000 ]
	not it nsenter -t "$gateway" -m touch /usr/there /root/there 2>"$DIR/out"
	[ "$(it stat -c '%a %U' /var/lib/wm /run/wm /etc/wm | tr '\n' ' ')" = '700 root 755 root 755 root ' ]
	# dnsmasq is told of a name that comes
	it systemd-run -q --unit=names --property=RuntimeDirectory=dnsmasq dnsmasq -k --conf-file=/etc/wm/dnsmasq.conf --no-resolv --bind-interfaces \
		--listen-address=192.168.1.250 --pid-file=/run/dnsmasq/dnsmasq.pid
	until_true "$LIMIT" in_world sh -c "dig +short +time=1 +tries=1 @192.168.1.250 web.hub | grep -qx 192.168.1.10"
	wm add-host nas.hub --local-ip 192.168.1.11 >"$DIR/out"
	until_true "$LIMIT" in_world sh -c "dig +short +time=1 +tries=1 @192.168.1.250 nas.hub | grep -qx 192.168.1.11"
	not it sh -c 'journalctl -q -o cat -u wm-gateway | grep -i "not permitted\|denied\|read-only"'
	nothing_failed gw
}

@test "stop, start, reload, a kill and an upgrade lose nothing; down ends it" {
	it systemctl enable --now wm-gateway 2>"$DIR/out"
	in_sync
	device_up
	traffic_flows
	under_traffic it systemctl restart wm-gateway
	in_sync
	under_traffic it systemctl stop wm-gateway
	traffic_flows
	says '.running | not'
	[ -z "$(pids_of wm-gateway)$(pids_of wm-agent)$(pids_of wm-fetch)" ]
	it systemctl start wm-gateway
	in_sync
	# reload: what somebody took away is there again
	it ip link set wg0 mtu 1300
	it systemctl reload wm-gateway
	until_true "$LIMIT" it sh -c 'ip link show wg0 | grep -q "mtu 1420"'
	# networkd, when it is started, takes away routes and rules that are not its own
	it ip rule >"$DIR/rules"
	under_traffic it systemctl restart systemd-networkd
	until_true "$LIMIT" rules_are_back
	in_sync
	local was
	was=$(main_pid wm-gateway)
	under_traffic it sh -c 'kill -9 "$@"' sh "$was" $(pids_of wm-gateway)
	until_true "$LIMIT" it sh -c '[ "$(systemctl show -P MainPID wm-gateway)" -gt "$0" ]' "$was"
	in_sync
	# of the agent alone: its gateway does not stay behind and keep out the next one's
	was=$(main_pid wm-gateway)
	under_traffic it sh -c 'kill -9 "$0"' "$was"
	until_true "$LIMIT" it sh -c '[ "$(systemctl show -P MainPID wm-gateway)" -gt "$0" ]' "$was"
	in_sync
	[ "$(pids_of wm-gateway | wc -l)" = 1 ]
	# an upgrade by a package: other files under the same names
	under_traffic it sh -c 'for f in wm-agent wm-gateway; do cp -p /usr/bin/$f /usr/bin/$f.new && mv /usr/bin/$f.new /usr/bin/$f; done
		systemctl daemon-reload; systemctl restart wm-gateway'
	in_sync
	nothing_failed gw
	it systemctl stop wm-gateway
	it wm-gateway down
	not flows
	not it ip link show wg0
}

@test "after a reboot without a registry the last good config is in force, and follows when there is one" {
	it systemctl enable --now wm-gateway 2>"$DIR/out"
	in_sync
	device_up
	traffic_flows
	registry_off
	reboot_machine gw
	nothing_failed gw
	traffic_flows
	says '.running and .config.in_force and .registry.problem != null'
	# before the network: networkd began when the agent had been started
	it systemctl show -P After systemd-networkd.service | grep -q network-pre.target
	local order
	order=$(it systemctl show -P ActiveEnterTimestampMonotonic wm-gateway.service network-pre.target | xargs)
	[ "${order%% *}" -le "${order##* }" ]
	registry_on
	wm add-host late.hub --local-ip 192.168.1.12 >"$DIR/out"
	in_sync
	until_true "$LIMIT" says '.config.hosts == 2'
}

@test "a second mesh on the same machine, by wm-gateway@.service" {
	it systemctl enable --now wm-gateway 2>"$DIR/out"
	second_registry
	it mkdir -p /etc/wm/two
	gateway_env "$DIR/two" far WM_LISTEN_PORT=51821
	it sh -c 'umask 077; cat >/etc/wm/two/gateway.env' <"$DIR/two/gateway.env"
	it systemctl enable --now wm-gateway@two 2>"$DIR/out"
	in_sync
	in_sync -i two
	it ip link show wg-two >"$DIR/out"
	it systemctl stop wm-gateway
	in_sync -i two
	reboot_machine gw
	in_sync
	in_sync -i two
	nothing_failed gw
}
second_registry() { # from here on wm, api and URL are of this one
	world_runs env WM_REGISTRY_TOKEN="$MASTER" "$REGISTRY" serve --env-file /dev/null --listen 192.168.1.1:444 --data "$DIR/data2" \
		--supernet 10.99.0.0/16 --tls-cert "$DIR/ca.crt" --tls-key "$DIR/ca.key" >"$DIR/registry2.log" 2>&1
	until_true "$LIMIT" grep -q '^listening on ' "$DIR/registry2.log"
	URL=$URL:444
	export WM_CONFIG_DIR=$DIR/config2
	wm mesh add "$URL" "$MASTER" >"$DIR/out"
	wm add-site far --hub --endpoint 192.168.1.250:51821 >"$DIR/out"
}
