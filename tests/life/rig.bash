# shellcheck shell=bash
# A machine that is to become a gateway: a network namespace (eth0 with 192.168.1.250/24 and the default route), the
# registry on its loopback, the rest of the machine's files below $WM_ROOT.

# shellcheck source=tests/cli/rig.bash
. "$BATS_TEST_DIRNAME/../cli/rig.bash" # DIR, PIDS, WM, REGISTRY, MASTER, until_true, not
BUILT=$(cd "$BATS_TEST_DIRNAME/../.." && realpath -m "${B:-build}")

life_setup() { # [MANAGER]: systemd, openrc or none
	local sign
	rig_setup
	unset SITE_DOMAIN SITE_SUBNET IS_HUB PUBLIC_IP LXC_IFACES WM_REGISTRY_URL WM_INSTANCE
	export LIFE=$DIR/life WM_ROOT=$DIR/root
	export WM_START_WAIT=0 # a stand-in has started nothing
	WM_ETC=$WM_ROOT/etc/wm WM_STATE=$WM_ROOT/var/lib/wm # where WM_ROOT has them; said only to the tests
	unset WM_RUN
	export -n WM_ETC WM_STATE
	export WM_BPFFS=$DIR/bpf
	mkdir -p "$LIFE/up" "$LIFE/boot" "$WM_ROOT/etc/dnsmasq.d" "$WM_ROOT/run"
	: >"$LIFE/told"
	case ${1:-systemd} in systemd) sign=systemd/system ;; openrc) sign=openrc ;; none) sign=nothing ;; esac
	mkdir -p "$WM_ROOT/run/$sign"
	mkfifo "$DIR/ready"
	unshare -n sh -c 'echo >"$1"; exec sleep 600' sh "$DIR/ready" 3>&- &
	MACHINE=$!
	PIDS+=("$MACHINE")
	read -r _ <"$DIR/ready"
	on sh -c 'ip link set lo up; ip link add eth0 type veth peer name lan; ip link set lan up; ip link set eth0 up
		ip addr add 192.168.1.250/24 dev eth0; ip route add default via 192.168.1.1'
	IN=(nsenter -t "$MACHINE" -n --)
	start_registry home
	WM_REGISTRY_TOKEN=$MASTER operate mesh add "$URL"
}

# What the stand-in has started ends with the test, and so does what that has started (wireguard-go outlives it): all that is
# in the namespace of the test, but for who holds it.
life_teardown() {
	local pid home
	home=$(readlink "/proc/$MACHINE/ns/net")
	for pid in /proc/[0-9]*; do
		[ "$(readlink "$pid/ns/net" 2>/dev/null)" != "$home" ] || [ "${pid#/proc/}" = "$MACHINE" ] || PIDS=("${pid#/proc/}" "${PIDS[@]}")
	done
	[ -z "${KEEP_LOG-}" ] || cat "$LIFE/log" "$LIFE/told" || true
	rig_teardown
}

on() { PATH="$BATS_TEST_DIRNAME/stubs:$PATH" nsenter -t "$MACHINE" -n -- "$@"; }
operate() { on "$BUILT/wm" "$@"; }
gw() { on "$BUILT/wm-gateway" "$@" </dev/null; }

SETTINGS=(SITE_DOMAIN=a LXC_IFACES=192.168.1.250)
become() { # [ARGUMENT]...: with the master token in the environment
	WM_REGISTRY_TOKEN=$MASTER gw install "${SETTINGS[@]}" "WM_REGISTRY_URL=$URL" "$@"
}

# What there is on the machine, with modes, owners and contents.
tree() { (cd "$WM_ROOT" && find . -printf '%p %m %U %l\n' | sort && find . -type f -exec sha256sum {} + | sort -k 2); }
told() { grep -cx "$1" "$LIFE/told"; }
forget() { : >"$LIFE/told"; }
changed() { grep -vE ' (is-enabled|is-active|show|cat|status|--exists)( |$)|status$' "$LIFE/told"; }
lines() { printf '%s\n' "$output"; }
