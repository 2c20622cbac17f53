#!/usr/bin/env bats
# setup/device.sh: a machine joins, follows, tells how it is, and leaves.
# time limit: 120 s

load ../registry/registry
load machine

setup() {
	machine_up
	stub_systemd
	WITH=(nsenter -t "$MACHINE" -n)
	start
	ok POST /v1/sites "{\"domain\":\"hub\",\"is_hub\":true,\"endpoint\":\"198.51.100.1:51820\",\"public_key\":\"$(key 1)\"}"
	ok POST /v1/sites '{"domain":"b"}'
}

teardown() {
	machine_down
	local pid
	while read -r pid; do
		kill -9 "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true
	done <"$D/pids"
}

# The registry is on the machine's own loopback.
curl() { nsenter -t "$MACHINE" -n curl "$@"; }

enrolment() { # enrolment <name>: of a device that is there
	api POST /v1/enrolments "{\"kind\":\"device\",\"name\":\"$1\"}"
	jq -r .token <<<"$BODY"
}

device() { # device <name> [type]: one that the registry expects, and its token
	ok POST /v1/devices "{\"name\":\"$1\",\"type\":\"${2:-roaming}\"}"
	T=$(enrolment "$1")
}

# as a pipe from the registry: there is no file to read itself from
join() {
	: >"$D/calls"
	nsenter -t "$MACHINE" -n curl -fsSL "$URL/setup" >"$D/script"
	run on sh -s -- "$@" <"$D/script"
	echo "$output"
}

laptop() { join --token "$T" --registry "$URL" --name laptop --net home "$@"; }
conf() { on sed -n "s/^$1 = //p" /etc/wireguard/wg-home.conf; }

@test "it joins by the line that wm add-device prints, and a second time changes nothing" {
	printf '%s\n' "$ADMIN" >"$D/admin"
	on env WM_CONFIG_DIR="$D/wm" "$WM" mesh add "$URL" --token-file "$D/admin"
	command=$(on env WM_CONFIG_DIR="$D/wm" "$WM" -j add-device laptop | jq -r .command)
	[[ $command == "curl -fsSL '$URL/setup' | sudo sh -s -- --token wme_"* ]]
	run on sh -c "$command --net home"
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"laptop has joined $URL"* ]]
	[ "$(conf Address)" = 172.30.1.2/32 ]
	[ "$(conf Endpoint)" = 198.51.100.1:51820 ]
	[ "$(on wg show wg-home peers)" = "$(key 1)" ]
	[ "$(on wg show wg-home allowed-ips | cut -f2)" = 172.30.0.0/16 ]
	ok GET /v1/devices/laptop
	is .public_key "$(on wg show wg-home public-key)"
	grep -qx 'resolvectl domain wg-home ~b ~hub' "$D/calls"
	grep -qx 'resolvectl dns wg-home 172.30.1.1' "$D/calls"
	for file in key env conf; do [ "$(on stat -c '%a %U' "/etc/wireguard/wg-home.$file")" = '600 root' ]; done
	token=$(grep -o 'wme_[A-Za-z0-9_-]*' <<<"$command")
	[ -n "$token" ]
	[ -z "$(on grep -rlF -e "$token" /etc/wireguard /usr/local/bin /etc/systemd)" ]
	on test -x /usr/local/bin/wm-device
	# again, by the token that is spent: it is known, and nothing is another
	before=$(on sh -c 'cd /etc/wireguard && sha256sum *')
	run on sh -c "$command --net home"
	echo "$output"
	[ "$status" = 0 ]
	[ "$(grep -vc 'registry gives out no\|see wg-home-status' <<<"$output")" = 0 ]
	[ "$(on sh -c 'cd /etc/wireguard && sha256sum *')" = "$before" ]
}

@test "it follows the mesh: new names, another hub, another key of it; the tunnel stays" {
	device laptop
	laptop
	[ "$status" = 0 ]
	index=$(on cat /sys/class/net/wg-home/ifindex 2>/dev/null || on ip -o link show wg-home | cut -d: -f1)
	port=$(on wg show wg-home listen-port)
	run on wg-home-update
	[ "$status" = 0 ]
	[ -z "$output" ]
	: >"$D/calls"
	ok POST /v1/sites '{"domain":"c"}'
	run on wg-home-update
	[ "$output" = 'wg-home: names of b c hub are asked of 172.30.1.1' ]
	grep -qx 'resolvectl domain wg-home ~b ~c ~hub' "$D/calls"
	ok PATCH /v1/sites/hub "{\"endpoint\":\"198.51.100.9:4000\",\"public_key\":\"$(key 2)\"}"
	run on wg-home-update
	[ "$status" = 0 ]
	[ "$(on wg show wg-home endpoints)" = "$(key 2)"$'\t198.51.100.9:4000' ]
	[ "$(on ip -o link show wg-home | cut -d: -f1)" = "$index" ]
	[ "$(on wg show wg-home listen-port)" = "$port" ]
	# another address: the tunnel is made anew
	ok PATCH /v1/devices/laptop '{"wg_ip":"172.30.1.77"}'
	run on wg-home-update
	[ "$status" = 0 ]
	on ip -o addr show wg-home | grep -q 172.30.1.77/32
	[ -z "$(on ip -o addr show wg-home | grep 172.30.1.2/)" ]
	# by hand taken down: it comes back
	on wg-quick down wg-home
	run on wg-home-update
	on wg show wg-home >/dev/null
	# an answer that is not valid changes nothing
	before=$(on sh -c 'cd /etc/wireguard && sha256sum *')
	stop KILL
	run on wg-home-update
	[ "$status" = 0 ]
	[[ $output == *'is not reached'*'everything stays'* ]]
	[ "$(on sh -c 'cd /etc/wireguard && sha256sum *')" = "$before" ]
}

@test "what a hostile registry says goes into no file" {
	device laptop
	laptop
	stop KILL
	before=$(on sh -c 'cd /etc/wireguard && sha256sum *')
	port=${URL##*:}
	good='{"mesh":{"mesh_name":"m","supernet":"172.30.0.0/16"}}
{"site":{"domain":"hub","subnet":"172.30.1.0/24","gateway":"172.30.1.1","is_hub":true,"public_key":"'$(key 1)'","endpoint":"198.51.100.1:51820"}}
{"device":{"name":"laptop","type":"roaming","wg_ip":"172.30.1.2"}}
{"end":{"generation":99,"count":2}}'
	for change in 's|"supernet":"[^"]*"|"supernet":"0.0.0.0/0 x"|' 's|198.51.100.1:51820|$(touch /etc/pwned):1|' 's|"domain":"hub"|"domain":"a;b"|' \
		's|172.30.1.2|172.30.1.2 PostUp|' 's|"gateway":"172.30.1.1"|"gateway":"`id`"|' 's|172.30.0.0/16|0.0.0.0/0|' 's|172.30.0.0/16|172.30.0.0/12|' 's|172.30.0.0/16|10.0.0.0/8|' \
		's|172.30.1.2"|999.1.1.1"|' 's|"domain":"hub"|"domain":"com"|' 's|"domain":"hub"|"domain":"*"|' 's|"count":2|"count":3|' '/"end"/d' 's|"public_key":"|&=|'; do
		sed "$change" <<<"$good" >"$D/hostile"
		nsenter -t "$MACHINE" -n perl -MIO::Socket::INET -e '
			my $s = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1", LocalPort => $ARGV[0], ReuseAddr => 1) or die;
			alarm 20; local $/; open F, "<", $ARGV[1]; my $b = <F>;
			my $c = $s->accept; sysread $c, my $x, 4096;
			print $c "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " . length($b) . "\r\n\r\n$b"; close $c' "$port" "$D/hostile" 3>&- &
		serving=$!
		for ((n = 0; n < 100; n++)); do
			[ -z "$(nsenter -t "$MACHINE" -n ss -Hltn "sport = :$port")" ] || break
			sleep 0.05
		done
		run on wg-home-update
		wait "$serving" || true
		echo "$change: $status $output"
		[ "$status" != 0 ]
		[ "$(on sh -c 'cd /etc/wireguard && sha256sum *')" = "$before" ]
	done
	on test ! -e /etc/pwned
}

@test "two meshes on one machine, without systemd; and status says what is wrong" {
	on rmdir /run/systemd/system
	rm "$D/stubs/resolvectl" "$D/stubs/systemctl"
	device laptop
	laptop
	[ "$status" = 0 ]
	first=$URL
	[[ $output == *"nothing here can ask one server for some domains"* ]]
	device pc isolated
	join --token "$T" --registry "$URL" --name pc --net second
	[ "$status" != 0 ]
	[[ $output == *'172.30.0.0/16 is the mesh of /etc/wireguard/wg-home.conf already'* ]]
	on sh -c 'rm /etc/wireguard/wg-second.*'
	start --data "$D/other" --supernet 10.99.0.0/16
	ok POST /v1/sites "{\"domain\":\"hub\",\"is_hub\":true,\"endpoint\":\"198.51.100.1:51820\",\"public_key\":\"$(key 3)\"}"
	device pc isolated
	join --token "$T" --registry "$URL" --name pc --net a-long-name-of-a-mesh --type roaming
	[ "$status" = 0 ]
	[[ $output == *"the registry has pc as isolated, and that counts"* ]]
	other=$(on sh -c 'ls /etc/wireguard/*.conf' | grep -v wg-home)
	other=${other##*/} other=${other%.conf}
	[ "${#other}" = 15 ]
	on wg show "$other" >/dev/null
	on wg show wg-home >/dev/null
	run on wg-home-status
	echo "$output"
	[ "$status" = 1 ]
	[[ $output == *'handshake     never'* && $output == *"registry      $first, generation "* && $output == *'tunnel        no answer'* ]]
	run on "$other-uninstall"
	echo "$output"
	[ "$status" = 0 ]
	on test -x /usr/local/bin/wm-device
	on wg show wg-home >/dev/null
	api GET /v1/devices/pc
	code 404
}

@test "it leaves, and nothing of it stays" {
	before=$(on sh -c 'find /etc/wireguard /usr/local/bin /etc/systemd/system 2>/dev/null | sort')
	device laptop
	laptop
	[ "$status" = 0 ]
	run on wg-home-uninstall
	echo "$output"
	[ "$status" = 0 ]
	api GET /v1/devices/laptop
	code 404
	[ -z "$(on ip -o link show | grep wg-home)" ]
	[ "$(on sh -c 'find /etc/wireguard /usr/local/bin /etc/systemd/system 2>/dev/null | sort')" = "$(printf '%s\n' $before /etc/wireguard | sort -u)" ]
}

@test "wrong use: a sentence, and nothing was done" {
	device laptop
	refused() { # refused <text> <arguments>...
		local text=$1
		shift
		join "$@"
		[ "$status" != 0 ] && [[ $output == *"$text"* ]] || { echo "expected: $text"; return 1; }
		[ -z "$(on sh -c 'ls /etc/wireguard/*.conf' 2>/dev/null)" ]
	}
	refused '--registry and --name are needed'
	refused "needs a value" --registry
	refused 'would carry the token in the open' --token "$T" --registry http://192.0.2.1 --name laptop
	refused 'would carry the token in the open' --token "$T" --registry http://localhost.example.com --name laptop
	refused 'is no address' --token "$T" --registry http://127.0.0.1.example.com --name laptop
	refused 'is no URL' --token "$T" --registry 'https://x;id' --name laptop
	refused "is no device's name" --token "$T" --registry "$URL" --name 'a b'
	refused 'must be roaming or isolated' --token "$T" --registry "$URL" --name laptop --type root
	refused 'not what a token looks like' --token 'x"y' --registry "$URL" --name laptop
	refused '--token is needed: wm add-device laptop' --registry "$URL" --name laptop
	refused 'the token is not accepted' --token "wme_$(printf '%043d' 0)" --registry "$URL" --name laptop
	refused 'is not reached' --token "$T" --registry http://127.0.0.1:1 --name laptop
	join --token "$T" --registry "$URL" --name laptop --dry-run
	[ "$status" = 0 ]
	[[ $output == 'would: join'* ]]
	# cut off on its way, it does nothing
	head -c 9000 "$D/script" >"$D/cut"
	before=$(on sh -c 'ls /etc/wireguard')
	run on sh -s -- --token "$T" --registry "$URL" --name laptop <"$D/cut"
	[ "$(on sh -c 'ls /etc/wireguard')" = "$before" ]
	laptop # the token is as good as it was
	[ "$status" = 0 ]
}

@test "a device that was removed says so, and joins anew with a new token" {
	device laptop
	laptop
	ok DELETE /v1/devices/laptop
	run on wg-home-update
	[ "$status" = 1 ]
	[[ $output == *'does not know this device any more'*'wm device-setup laptop'* ]]
	device laptop
	laptop
	[ "$status" = 0 ]
	[[ $output == *'laptop has joined'* ]]
	run on wg-home-update
	[ "$status" = 0 ]
}

@test "a roaming device gets wm as the registry gives it out, and no other" {
	stop
	mkdir "$D/downloads"
	cp "$WM" "$D/downloads/wm-linux-$(uname -m)"
	start --downloads "$D/downloads"
	device laptop
	laptop
	[ "$status" = 0 ]
	on cmp /usr/local/bin/wm "$WM"
	[[ $output == *'wm looks at the mesh for user root'* ]]
	on wm list | grep -q '^  laptop.hub  *roaming'
	run on wm remove laptop --yes
	[ "$status" = 4 ]
	# the token is nobody else's, and was in no command line (wm is started by its path)
	[ "$(on stat -c '%a %U' "$D/home/.config/wm/172-30.env")" = '600 root' ]
	laptop
	[ "$status" = 0 ]
	[[ $output != *'wm looks'* ]]
	on wg-home-uninstall
	[ ! -e "$D/home/.config/wm/172-30.env" ]
	on rm /usr/local/bin/wm
	device cam isolated
	join --token "$T" --registry "$URL" --name cam --net other
	[ "$status" = 0 ]
	on test ! -e /usr/local/bin/wm
	[ ! -e "$D/home/.config/wm/172-30.env" ]
}

@test "a wm that does not run on this system is not installed, and it is said what it needs" {
	mkdir "$D/downloads"
	printf '#!/bin/sh\necho "error while loading shared libraries: libjansson.so.4" >&2\nexit 127\n' >"$D/downloads/wm-linux-$(uname -m)"
	stop
	start --downloads "$D/downloads"
	device laptop
	laptop
	[ "$status" = 0 ]
	[[ $output == *'does not run on this system, so wm is not installed: error while loading shared libraries: libjansson.so.4'* ]]
	[[ $output == *'wm needs: libcurl-gnutls, '* ]]
	on test ! -e /usr/local/bin/wm
	on test ! -e /usr/local/bin/wm.new
	# what it says it needs is what it is linked with
	for library in $(readelf -d "$WM" | sed -n 's/.*(NEEDED).*\[\(lib[a-z-]*\)\.so.*/\1/p'); do
		case $library in libc | libpthread | libz) continue ;; esac
		grep -q "^CLI_LIBRARIES=.*$library" setup/device.sh
	done
}

@test "wm is for who called sudo, and an operator's token there stays" {
	mkdir "$D/downloads"
	cp "$WM" "$D/downloads/wm-linux-$(uname -m)"
	stop
	start --downloads "$D/downloads"
	on mount -t tmpfs none /root # where a name that is no user's leads
	on install -d -o nobody /run/person
	# As sudo does: another user, in their home, with nothing of ours in the environment.
	stub sudo 'case "$*" in "-n -H -u nobody "*) shift 4 && exec env -i PATH="$PATH" HOME=/run/person setpriv --reuid=nobody --clear-groups "$@" ;; esac; exec "$@"'
	device laptop
	: >"$D/calls"
	nsenter -t "$MACHINE" -n curl -fsSL "$URL/setup" >"$D/script"
	run on env SUDO_USER=nobody sh -s -- --token "$T" --registry "$URL" --name laptop --net home <"$D/script"
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *'wm looks at the mesh for user nobody'* ]]
	[ "$(on stat -c '%a %U' /run/person/.config/wm/172-30.env)" = '600 nobody' ]
	token=$(on sed -n 's/^TOKEN=//p' /etc/wireguard/wg-home.env)
	[ -n "$token" ]
	not grep -qF "$token" "$D/calls"
	[ ! -e "$D/home/.config/wm" ]
	# who has a token that may more keeps it
	printf "REGISTRY_URL='%s'\nREGISTRY_TOKEN='%s'\n" "$URL" "$ADMIN" | on tee /run/person/.config/wm/172-30.env >/dev/null
	run on env SUDO_USER=nobody sh -s -- --registry "$URL" --name laptop --net home <"$D/script"
	[ "$status" = 0 ]
	[[ $output == *"wm of user nobody is as it was: mesh '172-30' is configured already"* ]]
	on wg-home-uninstall
	on grep -qF "$ADMIN" /run/person/.config/wm/172-30.env
	# a name that is no user's is not looked for
	device laptop
	run on env SUDO_USER='a b;touch /run/pwned' sh -s -- --token "$T" --registry "$URL" --name laptop --net home <"$D/script"
	echo "$output"
	[ "$status" = 0 ]
	on test ! -e /run/pwned
	[ "$(on stat -c '%a %U' /root/.config/wm/172-30.env)" = '600 root' ]
	on env SUDO_USER='a b;touch /run/pwned' wg-home-uninstall
	on test ! -e /root/.config/wm/172-30.env
}
