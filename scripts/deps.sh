#!/bin/sh
# Installs what wm needs from Debian's packages, and nothing else.
#
#   scripts/deps.sh [build] [demo] [test] [package] [vm]      no argument: all of these
#   scripts/deps.sh build bench              what wm is measured beside
#   scripts/deps.sh --list test              only names them
#
# Debian 12 (bookworm). Idempotent: when everything is there it calls no
# package manager at all, so an offline machine that has the packages builds.
# What each package is for: docs/dependencies.md. The kernel and virtme-ng of
# the VM tests are fetched by vmtests/fetch, unpacked and never installed.
set -eu

BUILD="gcc make pkg-config libc6-dev linux-libc-dev clang llvm bpftool
	libbpf-dev libmnl-dev libnftnl-dev libcurl4-gnutls-dev libjansson-dev
	libmicrohttpd-dev libsqlite3-dev libsodium-dev libsmartcols-dev
	libqrencode-dev libseccomp-dev libpq-dev scdoc"

# No service among them: make demo leaves nothing behind that runs.
DEMO="perl iproute2 iputils-ping nftables wireguard-go wireguard-tools
	dnsmasq-base bind9-dnsutils curl jq openssl"

TEST="$DEMO libcmocka-dev bats tcpdump procps
	iputils-tracepath traceroute python3 python3-yaml python3-jsonschema strace valgrind libclang-rt-14-dev sqlite3
	minisign systemd qrencode postgresql-15 mandoc zsh fish shellcheck dash busybox-static dbus-daemon systemd-container
	mmdebstrap lxc chromium chromium-driver"

PACKAGE="build-essential debhelper lintian mmdebstrap musl-tools minisign python3 ca-certificates"

VM="qemu-system-x86 busybox-static kmod python3 python3-requests
	python3-argcomplete"

BENCH="nftables iptables"

say() { printf 'deps: %s\n' "$*" >&2; }

missing() {
	for package in "$@"; do
		state=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true)
		case $state in
		ii*) ;;
		*) printf '%s ' "$package" ;;
		esac
	done
}

wanted=
list=
[ "${1:-}" != --list ] || { list=yes; shift; }
[ $# -gt 0 ] || set -- build demo test package vm
for group in "$@"; do
	case $group in
	build) wanted="$wanted $BUILD" ;;
	demo) wanted="$wanted $DEMO" ;;
	test) wanted="$wanted $TEST" ;;
	package) wanted="$wanted $PACKAGE" ;;
	vm) wanted="$wanted $VM" ;;
	bench) wanted="$wanted $BENCH" ;;
	*) say "unknown group '$group'; known are: build demo test package vm bench"; exit 2 ;;
	esac
done

# shellcheck disable=SC2086 # a list of words on purpose
[ -z "$list" ] || { printf '%s\n' $wanted; exit 0; }

# shellcheck disable=SC2086
todo=$(missing $wanted)
[ -n "$todo" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	say "this is not Debian: install the equivalents of: $todo"
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	say "not root; run: apt-get install --no-install-recommends $todo"
	exit 1
fi

say "installing: $todo"
# The tests start a PostgreSQL of their own: its package is not to make and start one for this machine, unless there is
# one already. What says so goes again with this script.
no_cluster=/etc/postgresql-common/createcluster.d/wm-no-cluster.conf
case " $todo " in
*" postgresql-15 "*)
	mkdir -p "${no_cluster%/*}"
	echo "create_main_cluster = false" >"$no_cluster"
	;;
esac
# Its package starts lxc-net: a bridge, a name server, rules, forwarding, now and at every boot. The tests make their own.
policy=
case " $todo " in
*" lxc "*)
	if [ ! -e /usr/sbin/policy-rc.d ]; then
		policy=/usr/sbin/policy-rc.d
		# shellcheck disable=SC2016 # its own $1
		printf '#!/bin/sh\ncase $1 in lxc | lxc-*) exit 101 ;; esac\n' >$policy
		chmod 755 $policy
	fi
	;;
esac
# --no-install-recommends: wireguard-tools recommends a kernel.
install_all() {
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
		--no-install-recommends $todo </dev/null
}
log=$(mktemp)
trap 'rm -f "$log" "$no_cluster" $policy' EXIT
# A list of packages that was never fetched, or is old, fails; fetch it then.
if ! install_all >"$log" 2>&1; then
	apt-get update -q >"$log" 2>&1 && install_all >"$log" 2>&1 || {
		cat "$log" >&2
		say "the package manager failed (above); fix it and run make again"
		exit 1
	}
fi
# --now: where this machine's own policy-rc.d has let it start.
case " $todo " in
*" lxc "*)
	[ ! -d /run/systemd/system ] || systemctl --quiet disable --now lxc-net lxc ||
		say "lxc-net, which came with the package lxc, could not be switched off: systemctl disable --now lxc-net lxc"
	;;
esac
