#!/usr/bin/env bats
# A machine becomes a gateway, stays one however often it is told to, and stops being one.
# time limit: 300 s

load rig

setup() { life_setup; }
teardown() { life_teardown; }

@test "install: from nothing to a gateway; once more: nothing to do" {
	run become SITE_SUBNET=172.30.3.0/24
	lines
	[ "$status" = 0 ]
	[[ $output == *"registered site 'a' at $URL"* ]]
	[ "$(changed)" = "$(printf '%s\n' "systemd-sysusers --root=$WM_ROOT $WM_ROOT/etc/sysusers.d/wm.conf" 'systemctl daemon-reload' \
		'systemctl enable wm-gateway' 'systemctl start wm-gateway' 'systemctl enable dnsmasq' 'systemctl restart dnsmasq')" ]
	[ "$(stat -c %a "$WM_ETC/gateway.env")" = 600 ]
	[ "$(stat -c %a "$WM_ETC/private.key")" = 600 ]
	[ "$(stat -c %a "$WM_STATE")" = 700 ]
	grep -qx SITE_DOMAIN=a "$WM_ETC/gateway.env"
	[ "$(readlink "$WM_ROOT/etc/dnsmasq.d/wm.conf")" = "$WM_ETC/dnsmasq.conf" ]
	[ -s "$WM_ROOT/etc/dnsmasq.d/wm.conf" ]
	[ "$(on cat /proc/sys/net/ipv4/ip_forward)" = 1 ]
	grep -qx 'net.ipv4.ip_forward = 1' "$WM_ROOT/etc/sysctl.d/60-wm.conf"
	grep -qx ExecStart=/usr/local/bin/wm-agent "$WM_ROOT/etc/systemd/system/wm-gateway.service"
	[ "$("$WM_ROOT/usr/local/bin/wm-gateway" --version)" = "$("$BUILT/wm-gateway" --version)" ]
	operate -j list-sites | jq -e '.meshes[0].sites[] | select(.domain == "a" and .subnet == "172.30.3.0/24" and .public_key != null)'

	forget
	tree >"$DIR/before"
	run become SITE_SUBNET=172.30.3.0/24
	[ "$status" = 0 ]
	[[ ${lines[-1]} == 'nothing to do' ]]
	run gw install
	[ "$status" = 0 ]
	[[ ${lines[-1]} == 'nothing to do' ]]
	tree | diff "$DIR/before" -
	[ -z "$(changed)" ]
}

@test "the master token is exchanged, and is left nowhere" {
	operate add-site b >/dev/null
	printf '%s\n' '# mine' SITE_DOMAIN=a "WM_REGISTRY_TOKEN=$MASTER # the seed kept it" LXC_IFACES=eth0 "WM_REGISTRY_URL=$URL" >"$DIR/old.env"
	mkdir -p "$WM_ETC" && cp "$DIR/old.env" "$WM_ETC/gateway.env" && chmod 600 "$WM_ETC/gateway.env"
	run gw install
	lines
	[ "$status" = 0 ]
	[ "$(cat "$WM_ETC/gateway.env")" = "$(printf '%s\n' '# mine' SITE_DOMAIN=a LXC_IFACES=eth0 "WM_REGISTRY_URL=$URL")" ]
	[[ $output != *"$MASTER"* ]]
	run grep -rlF "$MASTER" "$WM_ROOT" "$LIFE"
	[ "$status" = 1 ]
	[ "$(told 'a token is in the environment')" = 0 ]
	on curl -sf -H "Authorization: Bearer $(cat "$WM_STATE/token")" "$URL/v1/whoami" | jq -e '.role == "gateway" and .name == "a"'
}

@test "an enrolment is as good, by a file; what is not ours in it is ignored" {
	token=$(operate -j add-site c | jq -er .enrolment.token)
	printf '%s\n' "WM_REGISTRY_TOKEN=$token" SITE_DOMAIN=c "WM_REGISTRY_URL=$URL" CONTAINER_NAME=x 'IMAGE=$(touch /tmp/no)' LXC_IFACES= >"$DIR/service.env"
	run gw install --env "$DIR/service.env" WM_POLL=7
	lines
	[ "$status" = 0 ]
	grep -qx WM_POLL=7 "$WM_ETC/gateway.env"
	run grep -E 'TOKEN|IMAGE|CONTAINER' "$WM_ETC/gateway.env"
	[ "$status" = 1 ]
	# Right from who makes it.
	operate add-site d | on "$BUILT/wm-gateway" install -i d --env - WM_LISTEN_PORT=51821
	grep -qx SITE_DOMAIN=d "$WM_ETC/d/gateway.env"
	# It is spent; the gateway has its own.
	run gw install --env "$DIR/service.env"
	[ "$status" = 0 ]
	[[ ${lines[-1]} == 'nothing to do' ]]
}

@test "--dry-run says the same and changes nothing" {
	tree >"$DIR/before"
	sites=$(operate -j list-sites)
	run become --dry-run
	[ "$status" = 0 ]
	lines
	[[ $output == *"would create $WM_ETC/gateway.env"*"would start service wm-gateway"* ]]
	would=$(grep -c ^would <<<"$output")
	tree | diff "$DIR/before" -
	[ "$(operate -j list-sites)" = "$sites" ]
	[ -z "$(changed)" ]
	[ "$(on cat /proc/sys/net/ipv4/ip_forward)" = 0 ]
	run become
	[ "$(grep -cvE '^(note|in sync)' <<<"$output")" = "$would" ]
	tree >"$DIR/before"
	forget
	for verb in 'install WM_POLL=9' stop uninstall destroy "backup $DIR/b"; do
		# shellcheck disable=SC2086 # words
		run gw $verb --dry-run
		lines
		[ "$status" = 0 ]
		[[ $output == *would* ]]
	done
	tree | diff "$DIR/before" -
	[ ! -e "$DIR/b" ]
	[ -z "$(changed)" ]
}

@test "what cannot be is refused before anything is changed" {
	tree >"$DIR/before"
	local row
	while IFS='|' read -r row want; do
		# shellcheck disable=SC2086 # words
		WM_REGISTRY_TOKEN=$MASTER run gw install $row
		echo "$row: $output"
		[ "$status" = 1 ]
		[[ ${lines[-1]} == *"$want"* ]]
	done <<-END
		LXC_IFACES=eth0|SITE_DOMAIN is missing
		SITE_DOMAIN=a|WM_REGISTRY_URL is missing
		SITE_DOMAIN=a.b WM_REGISTRY_URL=$URL|SITE_DOMAIN is 'a.b'
		SITE_DOMAIN=a WM_REGISTRY_URL=ftp://x|must start with https://
		SITE_DOMAIN=a WM_REGISTRY_URL=$URL LXC_IFACES=192.168.9.9|no interface of this machine has the address 192.168.9.9
		SITE_DOMAIN=a WM_REGISTRY_URL=$URL LXC_IFACES=eth0:192.168.1.250/99|LXC_IFACES
		SITE_DOMAIN=a WM_REGISTRY_URL=$URL SITE_SUBNET=300.1.1.0/24|SITE_SUBNET
		SITE_DOMAIN=a WM_REGISTRY_URL=$URL WM_NONSENSE=1|there is no setting 'WM_NONSENSE'
		SITE_DOMAIN=a WM_REGISTRY_URL=$URL nonsense|takes KEY=VALUE
		SITE_DOMAIN=a WM_REGISTRY_URL=$URL --env $DIR/none|none: cannot read it
	END
	run gw install SITE_DOMAIN=a "WM_REGISTRY_URL=$URL"
	[ "$status" = 1 ]
	[[ ${lines[-1]} == *'WM_REGISTRY_TOKEN is missing'* ]]
	run become $'PUBLIC_IP=none\nIS_HUB=true'
	[ "$status" = 1 ]
	tree | diff "$DIR/before" -
	[ -z "$(changed)" ]
}

@test "a registry that refuses: it says so, and the next install goes on" {
	WM_REGISTRY_TOKEN=wrong-wrong-wrong-wrong run gw install "${SETTINGS[@]}" "WM_REGISTRY_URL=$URL"
	[ "$status" = 1 ]
	[[ ${lines[-1]} == *'takes neither'* ]]
	[ ! -e "$WM_ETC/gateway.env" ]
	[ -z "$(changed)" ]
	key=$(cat "$WM_ETC/private.key")
	run become
	[ "$status" = 0 ]
	[ "$(cat "$WM_ETC/private.key")" = "$key" ]
}

@test "a registry that is away: what was registered stays, what was not is not" {
	run become
	[ "$status" = 0 ]
	kill "$REGISTRY_PID"
	wait "$REGISTRY_PID" || true
	run gw install WM_POLL=8
	lines
	[ "$status" = 0 ]
	[[ $output == *'registered before'*"changed $WM_ETC/gateway.env"* ]]
	run gw destroy --yes
	[ "$status" = 1 ]
	[[ $output == *--keep-site* ]]
	[ -s "$WM_ETC/private.key" ]
	rm -rf "$WM_ETC" "$WM_STATE"
	run become
	[ "$status" = 1 ]
	[ ! -e "$WM_ETC/gateway.env" ]
}

@test "a gateway that runs is restarted for other settings, units or programs, and for nothing else" {
	become
	forget
	gw install PUBLIC_IP=none
	[ "$(changed)" = 'systemctl restart wm-gateway' ]
	forget
	echo '# changed' >>"$WM_ROOT/etc/systemd/system/wm-gateway.service"
	gw install
	[ "$(changed)" = "$(printf '%s\n' 'systemctl daemon-reload' 'systemctl restart wm-gateway')" ]
	forget
	echo older >"$WM_ROOT/usr/local/bin/wm-agent"
	gw install
	[ "$(changed)" = 'systemctl restart wm-gateway' ]
	cmp "$WM_ROOT/usr/local/bin/wm-agent" "$BUILT/wm-agent"
	forget
	rm "$WM_ROOT/etc/sysctl.d/60-wm.conf" "$WM_ROOT/etc/dnsmasq.d/wm.conf"
	gw install
	[ "$(changed)" = 'systemctl restart dnsmasq' ]
	# Never through a link that somebody has put there.
	echo precious >"$DIR/precious"
	ln -sf "$DIR/precious" "$WM_ROOT/etc/sysctl.d/60-wm.conf"
	gw install
	[ "$(cat "$DIR/precious")" = precious ]
	[ ! -L "$WM_ROOT/etc/sysctl.d/60-wm.conf" ]
}

@test "a package's units and programs are left to it" {
	mkdir -p "$WM_ROOT/usr/lib/systemd/system"
	cp packaging/systemd/wm-gateway.service "$WM_ROOT/usr/lib/systemd/system"
	run become
	[ "$status" = 0 ]
	[ ! -e "$WM_ROOT/etc/systemd/system/wm-gateway.service" ]
	[ ! -e "$WM_ROOT/usr/local/bin" ]
	gw uninstall
	[ -e "$WM_ROOT/usr/lib/systemd/system/wm-gateway.service" ]
}

@test "a service manager that fails: its own words, and install goes on where it stopped" {
	touch "$LIFE/fails-start"
	run become
	lines
	[ "$status" = 1 ]
	[[ ${lines[-1]} == *'systemctl start'*'no such luck'* ]]
	rm "$LIFE/fails-start"
	run gw install
	[ "$status" = 0 ]
	[ "${lines[0]}" = 'started service wm-gateway' ] || [ "${lines[1]}" = 'started service wm-gateway' ]
}

# A run that ended between a change and what has to follow it: the next one, which has nothing to change, makes up for it.
@test "what has to follow a change is done by the next run where one did not get to it" {
	become
	forget
	# New settings are written, and the manager does not take the unit.
	touch "$LIFE/fails-daemon-reload"
	echo '# changed' >>"$WM_ROOT/etc/systemd/system/wm-gateway.service"
	run gw install PUBLIC_IP=none
	lines
	[ "$status" = 1 ]
	[[ ${lines[-1]} == *'no such luck'* ]]
	rm "$LIFE/fails-daemon-reload"
	forget
	run gw install --dry-run
	lines
	[[ $output == *'would have systemd read its units again'*'would restart service wm-gateway'* ]]
	[ -z "$(changed)" ]
	run gw install
	lines
	[ "$status" = 0 ]
	[ "$(changed)" = "$(printf '%s\n' 'systemctl daemon-reload' 'systemctl restart wm-gateway')" ]
	run gw install
	[ "${lines[-1]}" = 'nothing to do' ]

	# The restart itself; and what comes behind it.
	for what in restart:PUBLIC_IP=auto start:PUBLIC_IP=none; do
		touch "$LIFE/fails-restart"
		run gw install "${what#*:}"
		[ "$status" = 1 ]
		rm "$LIFE/fails-restart"
		forget
		run gw "$([ "${what%:*}" = start ] && echo start || echo install)"
		lines
		[ "$(changed)" = 'systemctl restart wm-gateway' ]
		run gw install
		[ "${lines[-1]}" = 'nothing to do' ]
	done
	rm "$WM_ROOT/etc/dnsmasq.d/wm.conf"
	touch "$LIFE/fails-restart"
	run gw install
	[ "$status" = 1 ]
	rm "$LIFE/fails-restart"
	forget
	run gw install
	[ "$(changed)" = 'systemctl restart dnsmasq' ]
	run find "$WM_ROOT" -name 'owed.*'
	[ -z "$output" ]
}

@test "a key that was restored is what runs, also where the restart failed at first" {
	become
	gw backup "$DIR/b"
	echo 'PUBLIC_IP=none' >>"$WM_ETC/gateway.env"
	touch "$LIFE/fails-restart"
	run gw restore "$DIR/b"
	[ "$status" = 1 ]
	rm "$LIFE/fails-restart"
	forget
	run gw restore "$DIR/b"
	lines
	[ "$status" = 0 ]
	[ "$(changed)" = 'systemctl restart wm-gateway' ]
	run gw restore "$DIR/b"
	[ "$output" = 'nothing to do' ]
}

@test "uninstall and the user of wm-fetch: nothing that follows is forgotten" {
	mkdir "$DIR/no"
	printf '#!/bin/sh\necho no such luck; exit 1\n' >"$DIR/no/systemd-sysusers"
	chmod 755 "$DIR/no/systemd-sysusers"
	WM_REGISTRY_TOKEN=$MASTER run on env PATH="$DIR/no:$BATS_TEST_DIRNAME/stubs:$PATH" "$BUILT/wm-gateway" install "${SETTINGS[@]}" "WM_REGISTRY_URL=$URL" --yes
	lines
	[ "$status" = 1 ]
	[[ ${lines[-1]} == *'no such luck'* ]]
	become
	grep -q ^systemd-sysusers "$LIFE/told"
	forget
	touch "$LIFE/fails-daemon-reload"
	run gw uninstall
	[ "$status" = 1 ]
	rm "$LIFE/fails-daemon-reload"
	forget
	gw uninstall
	[ "$(changed)" = 'systemctl daemon-reload' ]
	run gw uninstall
	[[ ${lines[-1]} == 'nothing to do' ]]
}

@test "what ends install ends what it runs too" {
	local sig pids
	for sig in TERM INT HUP; do
		touch "$LIFE/hangs-start"
		rm -f "$LIFE/hanging"
		# bash has what is in the background ignore SIGINT, and who is run by nohup ignores SIGHUP.
		WM_REGISTRY_TOKEN=$MASTER "${IN[@]}" env --default-signal=INT,HUP PATH="$BATS_TEST_DIRNAME/stubs:$PATH" "$BUILT/wm-gateway" install "${SETTINGS[@]}" \
			"WM_REGISTRY_URL=$URL" </dev/null >"$DIR/out" 2>&1 3>&- &
		pid=$!
		until_true 20 test -s "$LIFE/hanging"
		read -ra pids <"$LIFE/hanging"
		kill -0 "${pids[@]}"
		kill -s "$sig" "$pid"
		run wait "$pid"
		for hanging in "${pids[@]}"; do
			until_true 20 not kill -0 "$hanging" 2>/dev/null
		done
		not kill -0 "$pid" 2>/dev/null
	done
	rm "$LIFE/hangs-start"
	run become
	[ "$status" = 0 ]
}

@test "another server on port 53: who it is, and what to do" {
	# Where systemd-resolved has its stub.
	cp "$(command -v dnsmasq)" "$DIR/resolver"
	on "$DIR/resolver" -k -C /dev/null -R --listen-address=127.0.0.53 --bind-interfaces --pid-file= --user=root 3>&- &
	PIDS+=("$!")
	listens() { on grep -q ' 3500007F:0035 ' /proc/net/udp; }
	until_true 10 listens
	touch "$LIFE/fails-restart"
	run become
	lines
	[ "$status" = 1 ]
	[[ ${lines[-1]} == *"resolver at 127.0.0.53 has port 53; a file in $WM_ROOT/etc/dnsmasq.d with the line 'bind-dynamic'"*'no such luck'* ]]
	[ -e "$LIFE/up/wm-gateway" ]
	# That line does it.
	run on timeout 2 dnsmasq -k -C /dev/null -R --pid-file= --user=root
	[ "$status" = 2 ]
	echo bind-dynamic >"$DIR/dynamic.conf"
	run on timeout 2 dnsmasq -k -C "$DIR/dynamic.conf" -R --pid-file= --user=root
	[ "$status" = 124 ]
	rm "$LIFE/fails-restart"
	forget
	run gw install
	[ "$status" = 0 ]
	[ "$(changed)" = 'systemctl restart dnsmasq' ]
}

@test "a piece of dnsmasq's configuration that somebody wrote is not lost" {
	echo '# by hand' >"$WM_ROOT/etc/dnsmasq.d/wm.conf"
	tree >"$DIR/before"
	run become
	lines
	[ "$status" = 1 ]
	[[ $output == *"$WM_ROOT/etc/dnsmasq.d/wm.conf: is there already"*'move it away'* ]]
	tree | diff "$DIR/before" -
	rm "$WM_ROOT/etc/dnsmasq.d/wm.conf"
	# A link that leads elsewhere is one of before.
	ln -s /nowhere "$WM_ROOT/etc/dnsmasq.d/wm.conf"
	run become
	[ "$status" = 0 ]
	[[ $output == *"changed $WM_ROOT/etc/dnsmasq.d/wm.conf -> $WM_ETC/dnsmasq.conf"* ]]
	rm "$WM_ROOT/etc/dnsmasq.d/wm.conf"
	echo '# by hand' >"$WM_ROOT/etc/dnsmasq.d/wm.conf"
	run gw uninstall
	lines
	[ "$status" = 0 ]
	[[ $output == *"kept: $WM_ROOT/etc/dnsmasq.d/wm.conf"* ]]
	[ "$(cat "$WM_ROOT/etc/dnsmasq.d/wm.conf")" = '# by hand' ]
}

@test "killed at any point, install is given again and the machine is as if nothing had been" {
	local n
	# The registry is asked in the middle of it: there it can be held.
	for ((n = 0; n < 12; n++)); do
		WM_REGISTRY_TOKEN=$MASTER "${IN[@]}" env PATH="$BATS_TEST_DIRNAME/stubs:$PATH" "$BUILT/wm-gateway" install "${SETTINGS[@]}" \
			"WM_REGISTRY_URL=$URL" </dev/null >"$DIR/out" 2>&1 3>&- &
		lines_are() { [ "$(wc -l <"$DIR/out")" -ge "$n" ] || ! kill -0 $! 2>/dev/null; }
		until_true 20 lines_are
		kill -9 $! 2>/dev/null || true
		wait $! || true
	done
	run become
	lines
	[ "$status" = 0 ]
	run gw install
	[ "${lines[-1]}" = 'nothing to do' ]
	run find "$WM_ROOT" -name '*.new*' ! -path "$WM_ETC/private.key*" ! -path "$WM_STATE/token*"
	echo "$output"
	[ -z "$output" ]
	operate -j list-sites | jq -e '.meshes[0].sites | length == 1'
}

@test "root's umask does not keep others from what is for them" {
	(umask 077 && become)
	[ "$(stat -c %a "$WM_ETC" "$WM_ROOT/etc/sysctl.d" "$WM_ROOT/usr/local/libexec/wm" | sort -u)" = 755 ]
	[ "$(stat -c %a "$WM_ETC/dnsmasq.conf" "$WM_ETC/hosts" | sort -u)" = 644 ]
	[ "$(stat -c %a "$WM_ETC/gateway.env" "$WM_ETC/private.key" | sort -u)" = 600 ]
	[ "$(stat -c %a "$WM_STATE")" = 700 ]
}

@test "start and stop" {
	run gw start
	[ "$status" = 1 ]
	[[ $output == *'no gateway is installed here'* ]]
	become
	run gw stop
	[ "$output" = 'stopped service wm-gateway' ]
	run gw stop
	[ "$output" = 'nothing to do' ]
	run gw start
	[ "$output" = 'started service wm-gateway' ]
	run gw stop now
	[ "$status" = 2 ]
}

@test "a service that waits to be started again is stopped too" {
	become
	for verb in stop uninstall 'destroy --yes --keep-site'; do
		# As one that has just failed: is-active says no.
		rm -f "$LIFE/up/wm-gateway"
		touch "$LIFE/waits-wm-gateway"
		forget
		# shellcheck disable=SC2086 # words
		run gw $verb
		lines
		[ "$status" = 0 ]
		[ "$(told 'systemctl stop wm-gateway')" = 1 ]
		[ ! -e "$LIFE/waits-wm-gateway" ]
	done
}

@test "uninstall keeps key and settings; install makes it the same gateway again" {
	become
	key=$(cat "$WM_ETC/private.key")
	forget
	run gw uninstall
	lines
	[ "$status" = 0 ]
	[[ $output == *"kept: $WM_ETC/gateway.env"* ]]
	[ "$(changed)" = "$(printf '%s\n' 'systemctl stop wm-gateway' 'systemctl disable wm-gateway' 'systemctl restart dnsmasq' 'systemctl daemon-reload')" ] ||
		[ "$(changed | grep -vc dnsmasq)" = 3 ]
	[ ! -e "$WM_ROOT/etc/systemd/system/wm-gateway.service" ]
	[ ! -e "$WM_ROOT/etc/dnsmasq.d/wm.conf" ]
	[ ! -e "$WM_ROOT/etc/sysctl.d/60-wm.conf" ]
	run gw uninstall
	[[ ${lines[-1]} == 'nothing to do' ]]
	run gw install
	[ "$status" = 0 ]
	[[ $output != *registered* ]]
	[ "$(cat "$WM_ETC/private.key")" = "$key" ]
	[ -e "$LIFE/up/wm-gateway" ]
}

@test "destroy asks, deregisters the site with its hosts, and takes everything away" {
	become
	operate add-host nas.a --local-ip 192.168.1.10
	echo 'WM_MESH_NAME=home' >"$WM_ETC/registry.env"
	tree >"$DIR/before"
	run gw destroy
	[ "$status" = 1 ]
	[[ $output == *'Nobody can be asked here'* ]]
	tree | diff "$DIR/before" -
	run gw destroy --yes
	lines
	[ "$status" = 0 ]
	operate -j list-sites | jq -e '.meshes[0].sites == []'
	operate -j list-hosts | jq -e '.meshes[0].hosts == []'
	# Somebody else's is left.
	[ "$(ls "$WM_ETC")" = registry.env ]
	[ ! -e "$WM_STATE" ]
	run find "$WM_ROOT" -name '*wm*' ! -path '*/usr/local/*' ! -path '*/run/*'
	[ "$output" = "$(printf '%s\n' "$WM_ETC")" ] || [ "$output" = "$WM_ETC" ]
	run gw destroy --yes
	[ "$output" = 'nothing to do' ]
}

@test "a container that is this instance's gateway: install on the machine itself is refused, destroy leaves what is its" {
	mkdir -p "$WM_STATE"
	printf 'KIND=lxc\nNAME=gate\n' >"$WM_STATE/container.state"
	tree >"$DIR/before"
	run become --native
	lines
	[ "$status" = 1 ]
	[[ $output == *"a container of this machine is this gateway ($WM_STATE/container.state)"* ]]
	tree | diff "$DIR/before" -
	# One from before that was refused.
	mv "$WM_STATE/container.state" "$DIR"
	become
	touch "$WM_STATE/preshared" "$WM_STATE/container.env"
	mv "$DIR/container.state" "$WM_STATE"
	run gw destroy --native --yes
	lines
	[ "$status" = 0 ]
	[ "$(ls "$WM_STATE")" = "$(printf '%s\n' container.env container.state)" ]
	[ ! -e "$WM_ETC/private.key" ]
	# Another instance has the machine to itself.
	WM_REGISTRY_TOKEN=$MASTER gw install --native -i lab SITE_DOMAIN=lab "WM_REGISTRY_URL=$URL"
}

@test "destroy: a registry that takes it for nobody is no proof that the site is gone" {
	become
	# Its token has ended, by an enrolment elsewhere: the site is there.
	operate enrol a | on "$BUILT/wm-gateway" install -i elsewhere --env - WM_LISTEN_PORT=51821
	tree >"$DIR/before"
	run gw destroy --yes
	lines
	[ "$status" = 1 ]
	[[ $output != *deregistered* ]]
	[[ $output == *"site 'a' may still be there"*'wm remove-site a'*--keep-site* ]]
	tree | diff "$DIR/before" -
	[ -e "$LIFE/up/wm-gateway" ]
	# Nor is an address that leads elsewhere.
	cp "$WM_STATE/elsewhere/token" "$WM_STATE/token"
	sed -i "s|^WM_REGISTRY_URL=.*|WM_REGISTRY_URL=$URL/elsewhere|" "$WM_ETC/gateway.env"
	run gw destroy --yes
	lines
	[ "$status" = 1 ]
	[[ $output != *deregistered* ]]
	[[ $output == *"site 'a' may still be there"* ]]
	[ -s "$WM_ETC/private.key" ]
	operate -j list-sites | jq -e '.meshes[0].sites | length == 1'
}

@test "destroy: one that did not get further than the registry goes on" {
	become
	touch "$LIFE/fails-stop"
	run gw destroy --yes
	lines
	[ "$status" = 1 ]
	[[ $output == *"deregistered site 'a'"*'no such luck'* ]]
	rm "$LIFE/fails-stop"
	run gw destroy --yes
	lines
	[ "$status" = 0 ]
	[[ $output != *deregistered* ]]
	[ ! -e "$WM_STATE" ]
	# One that came back meanwhile leaves again.
	become
	touch "$LIFE/fails-stop"
	run gw destroy --yes
	[ "$status" = 1 ]
	rm "$LIFE/fails-stop"
	become
	run gw destroy --yes
	lines
	[[ $output == *"deregistered site 'a'"* ]]
	operate -j list-sites | jq -e '.meshes[0].sites == []'
}

@test "destroy: another instance's state stays, and nothing else does" {
	become
	WM_REGISTRY_TOKEN=$MASTER gw install -i lab SITE_DOMAIN=lab "WM_REGISTRY_URL=$URL" WM_LISTEN_PORT=51821
	touch "$WM_STATE/preshared"
	gw destroy --yes
	[ "$(ls "$WM_STATE")" = lab ]
	[ -s "$WM_STATE/lab/token" ]
}

@test "destroy: a hub with devices stays, with --keep-site without the registry" {
	become IS_HUB=true
	operate add-device laptop >/dev/null
	run gw destroy --yes
	lines
	[ "$status" = 1 ]
	[[ $output == *"device 'laptop'"* ]]
	[ -s "$WM_ETC/private.key" ]
	[ -e "$LIFE/up/wm-gateway" ]
	run gw destroy --yes --keep-site
	[ "$status" = 0 ]
	[ ! -e "$WM_ETC" ]
	operate -j list-sites | jq -e '.meshes[0].sites | length == 1'
}

@test "two instances: the unit goes with the last of them" {
	WM_REGISTRY_TOKEN=$MASTER gw install -i lab SITE_DOMAIN=lab "WM_REGISTRY_URL=$URL"
	WM_REGISTRY_TOKEN=$MASTER gw install -i den SITE_DOMAIN=den "WM_REGISTRY_URL=$URL" WM_LISTEN_PORT=51821
	[ "$(readlink "$WM_ROOT/etc/dnsmasq.d/wm-lab.conf")" = "$WM_ETC/lab/dnsmasq.conf" ]
	gw -i lab destroy --yes
	[ -e "$WM_ROOT/etc/systemd/system/wm-gateway@.service" ]
	[ ! -e "$WM_ETC/lab" ]
	[ -s "$WM_ETC/den/private.key" ]
	[ -e "$LIFE/up/wm-gateway@den" ]
	gw -i den destroy --yes
	[ ! -e "$WM_ROOT/etc/systemd/system/wm-gateway@.service" ]
}

@test "a token among arguments works, is warned of, and is gone from what ps shows" {
	# Held up at the registry long enough to be looked at.
	kill -STOP "$REGISTRY_PID"
	gw install "${SETTINGS[@]}" "WM_REGISTRY_URL=$URL" "WM_REGISTRY_TOKEN=$MASTER" >"$DIR/out" 2>&1 3>&- &
	until_true 20 grep -q 'token among arguments' "$DIR/out"
	shown() { pgrep -f "install SITE_DOMAIN=a.*WM_REGISTRY_URL=$URL" >/dev/null; }
	shown
	until_true 20 not pgrep -f "WM_REGISTRY_TOKEN=$MASTER"
	kill -CONT "$REGISTRY_PID"
	wait $!
	[ -s "$WM_ETC/gateway.env" ]
}

@test "logs: by the journal" {
	run gw logs -n 7 -f
	[ "$output" = 'journalctl was here' ]
	[ "$(told 'journalctl --no-pager -u wm-gateway -n 7 -f')" = 1 ]
	gw -i lab logs
	[ "$(told 'journalctl --no-pager -u wm-gateway@lab -n 50')" = 1 ]
	run gw logs -n 0
	[ "$status" = 2 ]
}
