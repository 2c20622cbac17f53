# shellcheck shell=bash
# A machine for a script: a network and a mount namespace, where /etc, /usr/local and /run are its own. It ends with the test,
# whose files are in $D.

WM=$PWD/${B:-build}/wm

machine_up() { # machine_up [network namespace that there is]
	mkdir -p "$D"/{stubs,home,mnt}
	if [ -n "${1:-}" ]; then
		ip netns exec "$1" unshare --mount --propagation private sleep 600 3>&- >/dev/null 2>&1 &
	else
		unshare --net --mount --propagation private sleep 600 3>&- >/dev/null 2>&1 &
	fi
	MACHINE=$!
	echo "$MACHINE" >>"$D/pids"
	local n
	for ((n = 0; n < 100; n++)); do
		[ "$(cat "/proc/$MACHINE/comm")" != sleep ] || break
		sleep 0.05
	done
	on ip link set lo up
	# All of /etc, /usr/local and /run may be written here, and none of it is the real machine's.
	on sh -c 'mount -t tmpfs none "$1" && for d in etc usr/local run; do
		mkdir -p "$1/$d/up" "$1/$d/work"
		mount -t overlay none -o "lowerdir=/$d,upperdir=$1/$d/up,workdir=$1/$d/work" "/$d" || exit 1
	done
	mount -t tmpfs none /run && mkdir -p /run/wireguard
	rm -rf /etc/wireguard /usr/local/bin/wm*' - "$D/mnt"
	stub sudo 'exec "$@"'
}

# on COMMAND...: as root of the machine
on() { nsenter -t "$MACHINE" -n -m env PATH="$D/stubs:/usr/local/bin:$PATH" HOME="$D/home" "$@"; }

stub() { # stub <name> <shell commands>: what is called so, written down
	printf '#!/bin/sh\necho "%s $*" >>"%s/calls"\n%s\n' "$1" "$D" "$2" >"$D/stubs/$1"
	chmod 755 "$D/stubs/$1"
}

# systemd as far as the scripts need it: it starts tunnels, and its resolver is told.
stub_systemd() {
	on mkdir -p /run/systemd/system
	stub resolvectl ''
	stub systemctl '
		verb=$1
		for arg; do
			case $arg in wg-quick@*) interface=${arg#wg-quick@} ;; esac
		done
		[ -n "${interface:-}" ] || exit 0
		# As oneshot units with RemainAfterExit are: active from their start to their stop, whatever becomes of the device.
		active=/run/systemd/active.$interface
		case "$verb $*" in
		restart*) ! wg show "$interface" >/dev/null 2>&1 || wg-quick down "$interface" >/dev/null 2>&1
			wg-quick up "$interface" >/dev/null 2>&1 && touch "$active" ;;
		enable*--now* | start*) [ -e "$active" ] || { wg-quick up "$interface" >/dev/null 2>&1 && touch "$active"; } ;;
		disable*--now* | stop*) [ ! -e "$active" ] || { rm "$active"; wg-quick down "$interface" >/dev/null 2>&1; } || : ;;
		esac'
}

machine_down() {
	local dev
	# wireguard-go ends with its device
	for dev in $(nsenter -t "$MACHINE" -n ip -o link show 2>/dev/null | grep -o 'wg-[a-z0-9-]*' | sort -u); do
		nsenter -t "$MACHINE" -n ip link del "$dev" || true
	done
}
