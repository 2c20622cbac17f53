# shellcheck shell=bash
# What the tests of setup/ share: a machine that is a network and a mount namespace of its own, with an /etc, a /run and a
# /usr/local that begin nearly empty, on a LAN with two gateways (192.168.1.250 and .251) and a router (.1).

ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)

# shellcheck source=tests/cli/rig.bash
. "$ROOT/tests/cli/rig.bash" # DIR, PIDS and what waits

setup_rig() {
	rig_setup
	SHELL_OF_TEST=(dash)
}

# machine [STUB...]: the machine is there, PATH finds these stubs first; what is run there: on COMMAND...
machine() {
	local stub
	mkdir -p "$DIR/bin" "$DIR/etc" "$DIR/resolved" "$DIR/systemd"
	for stub; do ln -s "$BATS_TEST_DIRNAME/stubs/$stub" "$DIR/bin/$stub"; done
	cp -a /etc/alternatives /etc/ld.so.cache /etc/passwd /etc/group "$DIR/etc/"
	mkfifo "$DIR/ready" "$DIR/lan"
	unshare -n -m sh -c '
		mount --make-rprivate / && mount --bind "$1/etc" /etc && mount -t tmpfs none /run && mount -t tmpfs none /usr/local
		mkdir -p /run/systemd/system /etc/systemd/system
		echo >"$1/ready"; exec sleep 600' sh "$DIR" 3>&- &
	MACHINE=$!
	PIDS+=("$MACHINE")
	read -r _ <"$DIR/ready"
	unshare -n sh -c 'echo >"$1"; exec sleep 600' sh "$DIR/lan" 3>&- &
	LAN=$!
	PIDS+=("$LAN")
	read -r _ <"$DIR/lan"
	on ip link add eth0 type veth peer name lan netns "$LAN"
	on sh -c 'ip link set lo up; ip addr add 192.168.1.10/24 dev eth0; ip link set eth0 up; ip route add default via 192.168.1.1'
	lan sh -c 'ip link set lo up; for a in 1 250 251; do ip addr add 192.168.1.$a/24 dev lan; done; ip link set lan up'
}
on() {
	RESOLVED="$DIR/resolved" SYSTEMD="$DIR/systemd" PATH="$DIR/bin:${ONLY_PATH-$PATH}" nsenter -t "$MACHINE" -n -m -- "$@"
}
lan() { nsenter -t "$LAN" -n -- "$@"; }

# dns_server ADDRESS OPTION...: on the LAN, until the end of the test; what it knows is in the options
dns_server() {
	nsenter -t "$LAN" -n -- dnsmasq -k -C /dev/null --pid-file= --user=root --no-resolv --no-hosts --bind-interfaces \
		"--listen-address=$1" "${@:2}" 3>&- & # no function: what is killed must be the program itself
	PIDS+=("$!")
	until_true 10 on dig +time=1 +tries=1 "@$1" x.b >/dev/null
}

# front FILE [KEY=VALUE...]: the script as wm prints it, with these variables instead of those of mesh 172-30
front() {
	local file=$1 pair
	shift
	printf '#!/bin/sh\n'
	for pair in WM_MESH_SLUG=172-30 WM_MESH_NAME=home WM_MESH_SUPERNET=172.30.0.0/16 'WM_MESH_DOMAINS=b hub' \
		WM_GATEWAY=192.168.1.250 WM_REGISTRY_URL=https://registry.example.net "$@"; do
		printf "%s='%s'\n" "${pair%%=*}" "${pair#*=}"
	done
	tail -n +2 "$ROOT/setup/$file"
}

# setup_with FILE [KEY=VALUE...] [-- ARGUMENT...]: runs it as its users do; what it says is in $DIR/out and $DIR/err
setup_with() {
	local file=$1 values=()
	shift
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		values+=("$1")
		shift
	done
	[ $# = 0 ] || shift
	front "$file" "${values[@]}" >"$DIR/script"
	on "${SHELL_OF_TEST[@]}" -s -- "$@" <"$DIR/script" >"$DIR/out" 2>"$DIR/err" || { cat "$DIR/out" "$DIR/err"; return 1; }
}

# refused FILE PATTERN [KEY=VALUE...] [-- ARGUMENT...]: it fails, and says why
refused() {
	local file=$1 pattern=$2
	shift 2
	not setup_with "$file" "$@" >/dev/null
	grep -qE -- "$pattern" "$DIR/err" || { cat "$DIR/out" "$DIR/err"; return 1; }
}
said() { grep -qF -- "$1" "$DIR/out" || { cat "$DIR/out"; return 1; }; }
