# shellcheck shell=bash
# Machines with their own systemd (root, boot) on one LAN with the world, which is a network namespace:
#
#   world      192.168.1.1 (router, DNS of the LAN), and whatever a test starts there, as the registry
#     |
#   lan0, a bridge --- eth0 of each machine, by its own systemd-networkd
#
# All of it ends with the test, whose files are in $DIR.

# shellcheck disable=SC2016,SC2154
# shellcheck source=tests/cli/rig.bash
. "$BATS_TEST_DIRNAME/../cli/rig.bash" # DIR, PIDS, until_true, not
. "$BATS_TEST_DIRNAME/../ping.bash"
REAL=$(realpath -m "${B:-build}")/real
LIMIT=$((60 * ${WM_SLOW:-1})) # seconds that anything may take

# need_root SUITE: its root file system, made when it is not there. Skips only where no archive can be reached, and nobody said
# that there must be one (make test does, by WM_ROOTS_NEEDED).
need_root() {
	local code=0
	"$BATS_TEST_DIRNAME/root" "$1" >"$DIR/root.log" 2>&1 || code=$?
	[ "$code" != 0 ] || return 0
	cat "$DIR/root.log"
	if [ "$code" = 75 ] && [ -z "${WM_ROOTS_NEEDED:-}" ]; then skip "no root file system of $1: $(tail -n 1 "$DIR/root.log")"; fi
	return 1
}

# world_up SUITE...
world_up() {
	local suite
	rig_setup
	[ "$(id -u)" = 0 ] || skip "needs root"
	for suite; do need_root "$suite"; done
	holder world --net --mount
	in_world mount -t tmpfs none /run
	in_world sh -c 'ip link set lo up; ip link add lan0 type bridge; ip addr add 192.168.1.1/24 dev lan0; ip link set lan0 up'
}

# holder NAME FLAG...: a process that keeps namespaces; its pid is in HOLD_NAME
holder() {
	local name=$1
	shift
	rm -f "$DIR/hold"
	mkfifo "$DIR/hold"
	unshare "$@" sh -c 'echo >"$1"; exec sleep 900' sh "$DIR/hold" 3>&- &
	PIDS+=("$!")
	printf -v "HOLD_$name" %s "$!"
	read -r _ <"$DIR/hold"
}
in_world() { nsenter -t "$HOLD_world" -n -m --wd="$PWD" -- "$@"; }
# world_runs COMMAND...: a program, until the end of the test
world_runs() {
	nsenter -t "$HOLD_world" -n -m --wd="$PWD" -- "$@" 3>&- & # no function: what is killed must be the program itself
	PIDS+=("$!")
}

# pinging ADDRESS COMMAND...: the command, while the world pings that address, and every ping comes back
pinging() {
	nsenter -t "$HOLD_world" -n -- ping -n -i 0.05 "$1" >"$DIR/ping" 2>&1 3>&- &
	PING=$!
	PIDS+=("$PING")
	until_true "$LIMIT" grep -q '^PING' "$DIR/ping"
	"${@:2}"
	until_true "$LIMIT" ping_ends # it may not be listening for the signal yet
	none_missing "$DIR/ping" || { cat "$DIR/ping"; return 1; }
}
ping_ends() { ! kill -INT "$PING" 2>/dev/null; }

# registry_up: https://wm-registry.home.example, of a certificate that the machines trust, and wm is its operator's. DNS of the LAN,
# which knows it, is there too.
registry_up() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test -keyout "$DIR/ca.key" -out "$DIR/ca.crt" \
		-addext subjectAltName=DNS:wm-registry.home.example 2>"$DIR/openssl"
	URL=https://wm-registry.home.example
	echo 'nameserver 192.168.1.1' >"$DIR/resolv.conf"
	in_world mount --bind "$DIR/resolv.conf" /etc/resolv.conf
	names_at 192.168.1.1 --host-record=wm-registry.home.example,192.168.1.1 --host-record=ordinary.example,9.9.9.9 --local=/lan/ \
		--host-record=printer.lan,192.168.1.40
	registry_on
	export WM_REGISTRY_CA="$DIR/ca.crt"
	wm mesh add "$URL" "$MASTER" >"$DIR/out"
}
# It may be stopped (registry_off) and started again.
registry_on() {
	: >"$DIR/registry.log"
	world_runs env WM_REGISTRY_TOKEN="$MASTER" "$REGISTRY" serve --env-file /dev/null --listen 192.168.1.1:443 --data "$DIR/data" \
		--tls-cert "$DIR/ca.crt" --tls-key "$DIR/ca.key" >"$DIR/registry.log" 2>&1
	REGISTRY_PID=${PIDS[-1]}
	until_true "$LIMIT" grep -q '^listening on ' "$DIR/registry.log" || { cat "$DIR/registry.log"; return 1; }
}
registry_off() { kill "$REGISTRY_PID" && wait "$REGISTRY_PID" || true; }
wm() { in_world "$WM" "$@"; }
api() { # api METHOD PATH [BODY]
	in_world curl -sS --cacert "$DIR/ca.crt" --fail-with-body -X "$1" -H "Authorization: Bearer $MASTER" ${3:+-d "$3"} "$URL$2"
}

# names_at ADDRESS OPTION...: a name server of the world, which knows what the options say
names_at() {
	world_runs dnsmasq -k -C /dev/null --pid-file= --user=root --no-resolv --no-hosts --bind-interfaces "--listen-address=$1" "${@:2}"
	until_true "$LIMIT" in_world dig +time=1 +tries=1 "@$1" x.invalid >"$DIR/out"
}

# hub_up: site hub, whose gateway is in the world and does no more than WireGuard and names; hub_takes NAME lets a device in
hub_up() {
	wm add-site hub --hub --endpoint 192.168.1.1:51820 >"$DIR/out"
	(umask 077 && wg genkey >"$DIR/hub.key")
	api PATCH /v1/sites/hub "{\"public_key\":\"$(wg pubkey <"$DIR/hub.key")\"}" >"$DIR/out"
	in_world mkdir -p /run/wireguard
	world_runs wireguard-go -f wg-hub >"$DIR/hub.log" 2>&1
	until_true "$LIMIT" in_world wg set wg-hub listen-port 51820 private-key "$DIR/hub.key" 2>"$DIR/out"
	in_world sh -c 'ip addr add 172.30.1.1/16 dev wg-hub; ip link set wg-hub up'
	names_at 172.30.1.1 --host-record=nas.b,172.30.2.9 --host-record=gw.hub,172.30.1.1
}
hub_takes() {
	local key address
	read -r key address <<<"$(api GET "/v1/devices/$1" | jq -r '"\(.public_key) \(.wg_ip)"')"
	in_world wg set wg-hub peer "$key" allowed-ips "$address/32"
}

# machine NAME SUITE ADDRESS [LAYER]: one that was never booted, with that address on eth0 and the world as its router and resolver;
# LAYER is something unpacked on top of the suite
machine() {
	local up=$DIR/$1/up
	mkdir -p "$up/etc/systemd/network" "$up/etc/systemd/resolved.conf.d"
	echo "${4:+$4 }$REAL/$2" >"$DIR/$1/layers"
	echo "$1" >"$up/etc/hostname"
	tr -d - </proc/sys/kernel/random/uuid >"$up/etc/machine-id"
	printf '[Match]\nName=eth0\n[Network]\nAddress=%s/24\nGateway=192.168.1.1\nDNS=192.168.1.1\nDomains=lan\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n' \
		"$3" >"$up/etc/systemd/network/eth0.network"
	printf '[Resolve]\nFallbackDNS=\nDNSSEC=no\nLLMNR=no\nMulticastDNS=no\n' >"$up/etc/systemd/resolved.conf.d/test.conf"
	if [ -e "$DIR/ca.crt" ]; then trust "$1" "$2"; fi
}
# The certificate of the test's registry among those of the machine, and in a file of its own.
trust() {
	mkdir -p "$DIR/$1/up/etc/ssl/certs"
	cp "$DIR/ca.crt" "$DIR/$1/up/etc/ssl/ca.crt"
	cat "$REAL/$2/etc/ssl/certs/ca-certificates.crt" "$DIR/ca.crt" >"$DIR/$1/up/etc/ssl/certs/ca-certificates.crt"
}

# lan_host NAME ADDRESS GATEWAY: one that has no systemd and does nothing but answer
lan_host() {
	local pid
	holder "$1" --net
	pid=HOLD_$1
	in_world ip link add "to-$1" type veth peer name eth0 netns "${!pid}"
	in_world ip link set "to-$1" master lan0 up
	nsenter -t "${!pid}" -n -- sh -c 'ip link set lo up; ip addr add "$1/24" dev eth0; ip link set eth0 up; ip route add 172.30.0.0/16 via "$2"' sh "$2" "$3"
}

# switch_on NAME: on a network that is as new as after a power cut, and until systemd is done with it
switch_on() {
	local name=$1 layers pid
	read -ra layers <"$DIR/$name/layers"
	holder "$name" --net
	pid=HOLD_$name
	in_world ip link add "to-$name" type veth peer name eth0 netns "${!pid}"
	in_world ip link set "to-$name" master lan0 up
	nsenter -t "${!pid}" -n -- "$BATS_TEST_DIRNAME/boot" "$DIR/$name" "${layers[@]}" >>"$DIR/$name/console" 2>&1 3>&- &
	PIDS+=("$!")
	printf -v "BOOT_$name" %s "$!"
	until_true "$LIMIT" booted "$name" || { cat "$DIR/$name/console"; return 1; }
}
# The pid of its systemd: boot, unshare, its fork that became nspawn, nspawn's child.
find_init() {
	local pid=BOOT_$1 n
	pid=${!pid}
	for ((n = 0; n < 6; n++)); do
		pid=$(pgrep -n -P "$pid") || return 1
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != systemd ] || { printf -v "INIT_$1" %s "$pid"; return 0; }
	done
	return 1
}
booted() {
	local state
	find_init "$1" || return 1
	state=$(on "$1" systemctl is-system-running 2>&1)
	case $state in running | degraded) ;; *) return 1 ;; esac
}

# on NAME COMMAND...: as root of the machine
on() {
	local pid=INIT_$1
	shift
	nsenter -t "${!pid}" -m -u -i -n -p -C -- env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C "$@"
}

# switch_off NAME: as an operator does; nothing is left of its network
switch_off() {
	local boot=BOOT_$1 hold=HOLD_$1
	on "$1" systemctl poweroff 2>"$DIR/out" || true # it may be gone before it has answered
	wait "${!boot}" || true
	kill "${!hold}"
	wait "${!hold}" 2>/dev/null || true
	in_world ip link del "to-$1" 2>/dev/null || true # gone with its peer, or in a moment
}
reboot_machine() {
	switch_off "$1"
	switch_on "$1"
}

# nothing_failed NAME: no unit of ours did, nor one that we have to do with
nothing_failed() {
	local failed
	failed=$(on "$1" systemctl list-units --failed --no-legend --plain 'wm-*' 'wg-quick@*' 'systemd-networkd*' 'systemd-resolved*' 'dbus*')
	[ -z "$failed" ] || { echo "$failed"; on "$1" journalctl --no-pager -n 60; return 1; }
}

# device_up: pc in the world, with the hub as its peer
device_up() {
	wm add-device pc --conf "$DIR/pc.conf" >"$DIR/out"
	in_world mkdir -p /run/wireguard
	world_runs wireguard-go -f wg-pc >"$DIR/pc.log" 2>&1
	sed '/^Address\|^DNS\|^MTU/d' "$DIR/pc.conf" >"$DIR/pc.wg"
	until_true "$LIMIT" in_world wg setconf wg-pc "$DIR/pc.wg" 2>"$DIR/out" || { cat "$DIR/out"; return 1; }
	in_world ip addr add "$(sed -n 's/^Address *= *//p' "$DIR/pc.conf")" dev wg-pc
	in_world ip link set wg-pc up
	in_world ip route add 172.30.0.0/16 dev wg-pc
}
