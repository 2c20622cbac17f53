#!/usr/bin/env bats
# setup/host.sh beside the real systemd-resolved (of Debian 12, and its resolvectl), which asks real dnsmasq: the router's at
# 192.168.1.1 and the gateway's at 192.168.1.250.

load rig

setup() {
	setup_rig
	resolved=$(realpath -m "${B:-build}")/resolved
	mkdir -p "${resolved%/*}"
	flock "${resolved%/*}" "$BATS_TEST_DIRNAME/fetch_resolved" "$resolved" >"$DIR/fetched" 2>&1 ||
		skip "systemd-resolved cannot be fetched: $(tail -n 1 "$DIR/fetched")"
	ln -s "$resolved/usr/bin/resolvectl" "$resolved/lib/systemd/systemd-resolved" "$DIR/"
	machine systemctl
	ln -s "$DIR/resolvectl" "$DIR/bin/resolvectl"
	start_resolved
	dns_server 192.168.1.1 --host-record=ordinary.example,9.9.9.9 --local=/lan/ --host-record=printer.lan,192.168.1.40
	dns_server 192.168.1.250 --server=192.168.1.1 --local=/b/ --host-record=nas.b,172.30.3.2
	GATEWAY_DNS=${PIDS[-1]}
}
teardown() { rig_teardown; }

# With users of its own, a bus that lets everybody do everything, and nothing that it would ask by itself.
start_resolved() {
	echo 'systemd-resolve:x:64990:64990::/:/usr/sbin/nologin' >>"$DIR/etc/passwd"
	echo 'systemd-resolve:x:64990:' >>"$DIR/etc/group"
	mkdir -p "$DIR/etc/systemd"
	printf '[Resolve]\nFallbackDNS=\nDNSSEC=no\nLLMNR=no\nMulticastDNS=no\n' >"$DIR/etc/systemd/resolved.conf"
	cat >"$DIR/bus.conf" <<-END
		<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
		<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow eavesdrop="false"/></policy>
		</busconfig>
	END
	on sh -c 'mkdir -p /run/dbus /run/systemd/resolve; chown 64990:64990 /run/systemd/resolve'
	nsenter -t "$MACHINE" -n -m -- dbus-daemon "--config-file=$DIR/bus.conf" --nofork --nopidfile >"$DIR/bus.log" 2>&1 3>&- &
	PIDS+=("$!")
	until_true 10 on test -S /run/dbus/system_bus_socket
	nsenter -t "$MACHINE" -n -m -- "$DIR/systemd-resolved" >"$DIR/resolved.log" 2>&1 3>&- &
	PIDS+=("$!")
	until_true 10 on resolvectl dns >"$DIR/out" 2>&1 || { cat "$DIR/bus.log" "$DIR/resolved.log"; return 1; }
}

host() { setup_with host.sh WM_MESH_DOMAINS=b "$@"; }
answer_is() { # answer_is NAME ADDRESS
	on resolvectl query --legend=no "$1" >"$DIR/out" 2>&1 || true
	grep -q "^$1: $2 " "$DIR/out" || { cat "$DIR/out"; return 1; }
}
unknown() { not on resolvectl query --legend=no "$1" >"$DIR/out" 2>&1; }

@test "mesh names are found, and those of the LAN and of the world as before, also while the gateway is away" {
	on resolvectl dns eth0 192.168.1.1
	on resolvectl domain eth0 lan
	answer_is ordinary.example 9.9.9.9
	answer_is printer.lan 192.168.1.40
	unknown nas.b

	host
	answer_is nas.b 172.30.3.2
	answer_is ordinary.example 9.9.9.9
	answer_is printer.lan 192.168.1.40

	kill "$GATEWAY_DNS"
	on resolvectl flush-caches
	answer_is ordinary.example 9.9.9.9
	dns_server 192.168.1.250 --server=192.168.1.1 --local=/b/ --host-record=nas.b,172.30.3.2
	on resolvectl flush-caches
	on /usr/local/sbin/wm-host-apply
	answer_is nas.b 172.30.3.2

	host -- --remove
	[ "$(on resolvectl dns eth0)" = 'Link 2 (eth0): 192.168.1.1' ]
	[ "$(on resolvectl domain eth0)" = 'Link 2 (eth0): lan' ]
	on resolvectl flush-caches
	unknown nas.b
	answer_is ordinary.example 9.9.9.9
}

@test "a machine with DNS of its own asks the gateway about the mesh and nothing else" {
	dns_server 192.168.1.251 --host-record=ordinary.example,1.1.1.1
	mkdir "$DIR/etc/systemd/resolved.conf.d"
	printf '[Resolve]\nDNS=192.168.1.251\n' >"$DIR/etc/systemd/resolved.conf.d/own.conf"
	kill "${PIDS[3]}"
	nsenter -t "$MACHINE" -n -m -- "$DIR/systemd-resolved" >"$DIR/resolved.log" 2>&1 3>&- &
	PIDS+=("$!")
	until_true 10 answer_is ordinary.example 1.1.1.1
	host
	answer_is nas.b 172.30.3.2
	on resolvectl flush-caches
	answer_is ordinary.example 1.1.1.1
}
