bats_require_minimum_version 1.5.0
# time limit: 600 s
# A gateway in a container of LXC: made, run again, moved, stopped, taken away, by `wm-gateway ... --lxc` on a real LXC, with
# Debian and its systemd in it. One container lives through the tests of this file, in this order.

load rig

setup_file() {
	command -v lxc-start >/dev/null || skip "there is no LXC here"
	tests/real/root container 3>&-
	host_up
	registry_up
	api "$URL/v1/sites" -d '{"domain":"hub","is_hub":true}' >/dev/null
	settings a 192.168.55.250 >"$D/a.env"
}
teardown_file() { host_down; }

pids() { inside sh -c 'echo $(cat /proc/1/stat | cut -d" " -f22) $(pidof wm-agent wm-gateway)'; }

@test "a dry run says what it would do, and does none of it" {
	run -0 gw install --lxc --dry-run --yes --env "$D/a.env"
	[[ $output == *"would make container wm-gateway"* ]]
	[[ $output == *"would start container wm-gateway"* ]]
	[ ! -e "$D/state" ]
	[ -z "$(ls "$BOXES")" ]
	[ "$(api "$URL/v1/sites" | jq '.sites | length')" = 1 ]
}

@test "what cannot be is refused before anything is made, and says what to set" {
	run -1 gw install --lxc --yes --env "$D/a.env" LXC_IFACES=10.9.9.9
	[[ $output == *"LXC_IFACES=vmbr0:10.9.9.9/24"* ]]
	run -1 gw install --lxc --yes --env "$D/a.env" LXC_IFACES=192.168.55.1
	[[ $output == *"own address"* ]]
	run -1 gw install --lxc --yes --env "$D/a.env" LXC_IFACES=198.51.100.9
	[[ $output == *"no bridge"* ]]
	run -1 gw install --lxc --yes --env "$D/a.env" 'LXC_CONTAINER=x; reboot'
	[[ $output == *LXC_CONTAINER* ]]
	run -1 gw install --lxc --yes --env "$D/a.env" LXC_KIND=docker
	[[ $output == *"must be lxc"* ]]
	run -1 gw status
	[ ! -e "$D/state" ]
	[ -z "$(ls "$BOXES")" ]
}

@test "a container of that name that is somebody else's is left alone" {
	mkdir -p "$BOXES/wm-gateway"
	echo 'lxc.uts.name = theirs' >"$BOXES/wm-gateway/config"
	for again in 1 2; do
		run -1 gw install --lxc --yes --env "$D/a.env"
		[[ $output == *"not of wm-gateway's making"* ]]
	done
	[ "$(cat "$BOXES/wm-gateway/config")" = 'lxc.uts.name = theirs' ]
	rm -r "$BOXES/wm-gateway"
}

@test "a container that could not be made is made as the settings say next time" {
	printf '#!/bin/sh\necho there is no such distribution >&2\nexit 1\n' >"$D/broken"
	chmod 755 "$D/broken"
	run -1 gw install --lxc --yes --env "$D/a.env" LXC_TEMPLATE="$D/broken" LXC_CONTAINER=other
	[[ $output == *"making the container: lxc-create failed"*"there is no such distribution"* ]]
	for verb in status start check; do
		run -1 gw $verb
		[[ $output == *"container other is not there; 'wm-gateway install' makes it"* ]]
	done
	run -0 gw install --dry-run --lxc --yes --env "$D/a.env" LXC_CONTAINER=
	[[ $output == *"would make container wm-gateway"* ]]
	run -0 gw destroy --yes
	[ -z "$(ls "$D/state")" ]
}

@test "a making that was broken off is gone on with where it can be, and else said" {
	printf '#!/bin/sh\nPATH=${PATH#*:}\nlxc-create "$@" && [ ! -e "%s" ] && kill -9 $PPID\n' "$D/whole" >"$D/killing"
	mkdir "$D/kill"
	mv "$D/killing" "$D/kill/lxc-create"
	chmod 755 "$D/kill/lxc-create"
	STUBS=$D/kill run -137 gw install --lxc --yes --env "$D/a.env"
	run -1 gw install
	[[ $output == *"was broken off"*"destroy --keep-site"* ]]
	run -0 gw destroy --keep-site --yes
	[ -z "$(ls "$BOXES")" ]
	# made, and no more: its networks cannot be written
	printf '#!/bin/sh\nPATH=${PATH#*:}\nlxc-create "$@" && touch "%s/wm-gateway/rootfs/etc/systemd/resolved.conf.d"\n' "$BOXES" >"$D/kill/lxc-create"
	STUBS=$D/kill run -1 gw install --lxc --yes --env "$D/a.env"
	[[ $output == *"resolved.conf.d"* ]]
	run -1 gw start
	[[ $output == *"was broken off"* ]]
	rm "$BOXES/wm-gateway/rootfs/etc/systemd/resolved.conf.d"
	run -0 gw destroy --dry-run
	[[ $output != *"would start"* ]]
}

@test "install makes it all: container, networks, programs, a gateway in sync, and the host a host of the mesh" {
	run -0 gw install --lxc --yes --env "$D/a.env"
	echo "$output"
	[[ $output == *"in the container: in sync"* ]]
	grep -qx 'lxc.net.0.link = br0' "$BOXES/wm-gateway/config"
	grep -qx 'lxc.net.0.ipv4.gateway = 192.168.55.254' "$BOXES/wm-gateway/config"
	grep -qx 'lxc.start.auto = 1' "$BOXES/wm-gateway/config"
	grep -qx "# wm-gateway $D/state/container.state" "$BOXES/wm-gateway/config"
	grep -qx 'lxc.uts.name = wm-gateway' "$BOXES/wm-gateway/config"
	grep -qx DNSStubListener=no "$BOXES/wm-gateway/rootfs/etc/systemd/resolved.conf.d/wm.conf"
	run -0 inside systemctl is-active wm-gateway dnsmasq wm-upgrade.timer
	[ "$(hosts_of a)" = 192.168.55.1 ]
	# the token that was given is nowhere
	run -1 inside grep -r "$ADMIN" /etc/wm /var/lib/wm
	run -1 grep -r "$ADMIN" "$D/state"
	[ "$(stat -c %a "$D/state/container.env")" = 600 ]
}

@test "status, check, sync and logs are the gateway's in it" {
	run -0 gw status
	[[ $output == *"site: a"* ]]
	run -0 gw status -j
	[ "$(jq -r .site <<<"$output")" = a ]
	run -0 gw check
	run -0 gw sync
	[[ $output == *"in sync"* ]]
	run -0 gw logs -n 5
	[[ $output == *"in force"* ]]
	[ "$(host dig +short +time=5 +tries=2 @192.168.55.250 gw.a)" = 172.30.2.1 ]
}

@test "who stops to listen leaves nobody behind who speaks" {
	host timeout -s INT 3 "$BIN/wm-gateway" logs -f >"$D/heard" 3>&- || :
	grep -q 'in force' "$D/heard"
	for ((n = 0; n < LIMIT * 10; n++)); do
		left=$(inside sh -c 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\0" " "' | grep -c 'wm-gateway logs\|journalctl' || :)
		[ "$left" != 0 ] || break
		sleep 0.1
	done
	[ "$left" = 0 ]
}

@test "again, it has nothing to do, starts nothing anew, and traffic loses nothing" {
	before=$(pids)
	host ip route replace 172.30.0.0/16 via 192.168.55.250
	host ping -i 0.02 -w 4 172.30.2.1 >"$D/ping" 2>&1 3>&- &
	ping=$!
	run -0 gw install --lxc --yes --env "$D/a.env"
	[ "${lines[-1]}" = "nothing to do" ]
	run -0 gw install
	[ "${lines[-1]}" = "nothing to do" ]
	wait $ping
	grep -q ' 0% packet loss' "$D/ping"
	[ "$(pids)" = "$before" ]
}

@test "another setting reaches it; its container runs on" {
	before=$(inside sh -c 'cut -d" " -f22 /proc/1/stat')
	run -0 gw install WM_POLL=7
	[[ $output == *"in the container: changed /etc/wm/gateway.env"* ]]
	inside grep -qx WM_POLL=7 /etc/wm/gateway.env
	[ "$(inside sh -c 'cut -d" " -f22 /proc/1/stat')" = "$before" ]
	# one that is taken away goes there, too
	run -0 gw install WM_POLL=
	[[ $output == *"in the container: changed /etc/wm/gateway.env"* ]]
	not inside grep -q WM_POLL /etc/wm/gateway.env
	inside grep -qx LXC_IFACES=192.168.55.250 /etc/wm/gateway.env
	run -1 gw install WM_POLL=x
	[[ $output == *WM_POLL* ]]
	run -0 gw install
	[ "${lines[-1]}" = "nothing to do" ]
}

@test "what a run that was broken off has not come to, the next does" {
	inside systemctl disable -q --now wm-upgrade.timer
	run -0 gw install
	[[ $output == *"enabled wm-upgrade.timer in container wm-gateway"* ]]
	run -0 inside systemctl is-active wm-upgrade.timer
	run -0 inside systemctl is-enabled wm-upgrade.timer
	run -0 gw install
	[ "${lines[-1]}" = "nothing to do" ]
}

@test "one that has no mark any more is left alone" {
	before=$(pids)
	sed -i.ours '/^# wm-gateway [/]/d' "$BOXES/wm-gateway/config"
	for verb in install uninstall destroy start stop; do
		run -1 gw $verb --yes
		[[ $output == *"container wm-gateway has no mark"*"# wm-gateway $D/state/container.state"* ]]
	done
	mv "$BOXES/wm-gateway/config.ours" "$BOXES/wm-gateway/config"
	[ "$(pids)" = "$before" ]
}

@test "damaged or lost facts are made anew from what the container says" {
	echo nonsense >"$D/state/container.state"
	run -1 gw install
	[[ $output == *"remove it"*LXC_CONTAINER* ]]
	rm "$D/state/container.state"
	run -0 gw install --lxc
	[[ $output != *"made container"* ]]
	run -0 gw install
	[ "${lines[-1]}" = "nothing to do" ]
}

@test "an LXC that does not answer is not one without the container" {
	mkdir "$D/stubs"
	printf '#!/bin/sh\necho lxc-info: permission denied >&2\nexit 1\n' >"$D/stubs/lxc-info"
	chmod 755 "$D/stubs/lxc-info"
	for verb in destroy install start; do
		STUBS=$D/stubs run -1 gw $verb --yes
		[[ $output == *"lxc-info does not say whether there is one"*"permission denied"* ]]
	done
	printf '#!/bin/sh\necho "wm-gateway doesn'"'"'t exist" >&2\nexit 1\n' >"$D/stubs/lxc-info"
	STUBS=$D/stubs run -1 gw destroy --yes
	[[ $output == *"there is its $BOXES/wm-gateway/config"* ]]
	run -0 gw status
}

@test "another network reaches a container that is there" {
	run -0 gw install --dry-run LXC_IFACES=192.168.55.251
	[[ $output == *"would stop container wm-gateway"* ]]
	host ping -c 1 -W 5 192.168.55.250
	run -0 gw install LXC_IFACES=192.168.55.251
	host ping -c 1 -W 5 192.168.55.251
	not host ping -c 1 -W 1 192.168.55.250
	run -0 gw status
	[ "$(host dig +short +time=5 +tries=2 @192.168.55.251 gw.a)" = 172.30.2.1 ]
	run -0 gw install
	[ "${lines[-1]}" = "nothing to do" ]
}

@test "a backup is one file, and comes back" {
	run -0 gw backup "$D/backup"
	[ "$(stat -c %a "$D/backup")" = 600 ]
	grep -qx 'wm-gateway backup 1' "$D/backup"
	gw backup | cmp - "$D/backup"
	run -1 gw backup "$D/a.env"
	[[ $output == *"no backup"* ]]
	inside rm /etc/wm/private.key
	run -0 gw restore "$D/backup" --yes
	[[ $output == *"created /etc/wm/private.key"* ]]
	gw backup | cmp - "$D/backup"
	run -1 gw restore "$D/a.env" --yes
}

gw2() { WM_STATE=$D/state2 host env WM_STATE="$D/state2" "$BIN/wm-gateway" "$@" 3>&-; } # another machine
part() { awk -v name="$1" 'on { print; exit } $1 == name { on = 1 }' "$2"; }

@test "a backup becomes a container on another machine, with the same key and the same token" {
	run -0 gw backup "$D/whole"
	grep -q '^container.env ' "$D/whole"
	run -0 gw stop
	run -1 gw2 restore --lxc "$D/a.env" --yes
	[[ $output == *"is no whole backup"* ]]
	[ ! -e "$D/state2" ]
	run -0 gw2 restore --lxc "$D/whole" --yes
	[[ $output == *"'wm-gateway install --lxc'"* ]]
	[ "$(stat -c %a "$D/state2/container.backup")" = 600 ]
	run -0 gw2 install --lxc --dry-run LXC_PATH="$BOXES-2"
	run -0 gw2 install --lxc --yes LXC_PATH="$BOXES-2"
	echo "$output"
	[[ $output == *"in sync"* ]]
	[ ! -e "$D/state2/container.backup" ]
	run -0 gw2 backup "$D/second"
	for part in private.key token; do [ "$(part $part "$D/whole")" = "$(part $part "$D/second")" ]; done
	run -0 gw2 install
	[ "${lines[-1]}" = "nothing to do" ]
	run -0 gw2 destroy --keep-site --yes
	[ -z "$(ls "$D/state2")" ]
	run -0 gw start
	run -0 gw sync
}

@test "stopped and started, it is in sync again" {
	run -0 gw stop
	run -0 gw stop
	[ "$output" = "nothing to do" ]
	run -1 gw status
	[[ $output == *"wm-gateway start"* ]]
	# a place that is not there, as of a disk that is not mounted, does not prove that the container is gone
	mv "$BOXES" "$BOXES.away"
	run gw destroy --yes
	mv "$BOXES.away" "$BOXES"
	[ "$status" = 1 ]
	[[ $output == *"$BOXES, where container wm-gateway was made"*"mount it"* ]]
	run -0 gw start
	run -0 gw sync
}

@test "uninstalled, it is kept and not started at boot; install brings it back" {
	run -0 gw uninstall
	[[ $output == *"kept: container wm-gateway"* ]]
	grep -qx 'lxc.start.auto = 0' "$BOXES/wm-gateway/config"
	run -0 gw install
	grep -qx 'lxc.start.auto = 1' "$BOXES/wm-gateway/config"
	run -0 gw sync
	gw uninstall
	run -0 gw start # as it says
	grep -qx 'lxc.start.auto = 1' "$BOXES/wm-gateway/config"
}

@test "destroy asks, deregisters the site, and leaves nothing" {
	run -1 gw destroy </dev/null
	[[ $output == *--yes* ]]
	run -0 gw destroy --dry-run
	run -0 gw status
	run -0 gw destroy --yes
	[ -z "$(ls "$BOXES")" ]
	[ -z "$(ls "$D/state")" ]
	[ "$(api "$URL/v1/sites" | jq -r '[.sites[].domain] | join(" ")')" = hub ]
	run -1 gw destroy --lxc --yes
	[[ $output == *"carries no gateway"* ]]
}

@test "a hub without a LAN of its own hangs behind the host, whose UDP port leads in" {
	settings hub '' >"$D/hub.env"
	# its port is the host's, and somebody has that
	run -1 host python3 -c 'import socket, subprocess, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 51820))
sys.exit(subprocess.call(sys.argv[1:]))' "$BIN/wm-gateway" install --lxc --yes --env "$D/hub.env" 3>&-
	[[ $output == *"port 51820"*"in use"*WM_LISTEN_PORT* ]]
	[ -z "$(ls "$BOXES")" ]
	run -0 gw install --lxc --yes --env "$D/hub.env"
	echo "$output"
	grep -qx 'lxc.net.0.link = lxcbr0' "$BOXES/wm-gateway/config"
	run -0 gw status
	[ "$(hosts_of hub)" = 10.0.3.1 ]
	run -1 gw --instance second install --lxc --yes --env "$D/hub.env"
	[[ $output == *"port 51820"*"container wm-gateway already"*WM_LISTEN_PORT* ]]
	run -0 gw --instance second install --lxc --dry-run --yes --env "$D/hub.env" WM_LISTEN_PORT=51821
	# the program that LXC runs has gone with its package, or fails
	for text in '' 'exit 127'; do
		run -0 gw stop
		mv "$D/state/container.hook" "$D/hook"
		[ -z "$text" ] || { printf '#!/bin/sh\n%s\n' "$text" >"$D/state/container.hook" && chmod 755 "$D/state/container.hook"; }
		run -0 host lxc-start -P "$BOXES" -n wm-gateway 3>&-
		[ "$(host lxc-info -P "$BOXES" -n wm-gateway -sH 3>&-)" = RUNNING ]
		mv "$D/hook" "$D/state/container.hook"
	done
	run -0 gw start
	run -0 gw sync # its socket is there
	# WireGuard answers nobody who does not know its key: what comes is seen where it arrives
	if [ ! -e /sys/module/wireguard ]; then
		run -0 host nft list table ip wm-gateway
		before=$(inside cat /proc/net/snmp | awk '/^Udp: [0-9]/ { print $2 }')
		ip netns exec "$HOST-out" bash -c 'for i in 1 2 3; do echo x >/dev/udp/198.51.100.1/51820; done'
		for ((n = 0; n < LIMIT * 10; n++)); do
			after=$(inside cat /proc/net/snmp | awk '/^Udp: [0-9]/ { print $2 }')
			[ "$after" -lt "$((before + 3))" ] || break
			sleep 0.1
		done
		[ "$after" -ge "$((before + 3))" ]
		# somebody has flushed all rules: start mends it, and so does the container's own
		host nft flush ruleset
		run -0 gw start
		run -0 host nft list table ip wm-gateway
		host nft flush ruleset
		run -0 gw stop
		run -0 gw start
		run -0 host nft list table ip wm-gateway
	fi
	run -0 gw install
	[ "${lines[-1]}" = "nothing to do" ]
	# another's firewall, which our table cannot overrule
	host nft add table ip theirs
	host nft 'add chain ip theirs FORWARD { type filter hook forward priority 0; policy drop; }'
	run gw check
	[[ $output == *"table ip theirs, chain FORWARD drops"*lxcbr0* ]]
	host nft delete table ip theirs
	run -0 gw destroy --yes
	not host nft list table ip wm-gateway
}
