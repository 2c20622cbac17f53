# shellcheck shell=bash
# A machine of its own for packages: the root of tests/real under an overlay, in namespaces that nothing survives; its systemd
# does not run.

ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
BIN=$(cd "$ROOT" && realpath -m "${B:-build}")
# `! command` in the middle of a test does not fail it.
not() { ! "$@"; }

packages_begin() { # builds what has changed, makes the root that is not there: call in setup_file
	cd "$ROOT"
	"$ROOT/packaging/deb" "$BIN/deb"
	"$ROOT/tests/real/root" bookworm # it has what the packages depend on: dpkg would not install them otherwise
}

# machine DIRECTORY: runs the script on stdin (sh -eux, with `left`, below) in a fresh one, which sees DIRECTORY as /mnt. It has no network but its loopback.
machine() {
	{ cat "$ROOT/tests/package/machine.sh"; cat; } >"$1/script"
	timeout -k 5 "${LIMIT:-90}" unshare --mount --net --pid --ipc --uts --fork --kill-child --propagation private \
		sh -eu -c '
		root=$1 shared=$2
		mount -t tmpfs -o size=512m wm-package /mnt
		mkdir /mnt/upper /mnt/work /mnt/root
		mount -t overlay -o "lowerdir=$root,upperdir=/mnt/upper,workdir=/mnt/work" wm-package /mnt/root
		cd /mnt/root
		mount -t proc proc proc
		mount -t sysfs sysfs sys
		mkdir -p sys/fs/bpf && mount -t bpf bpf sys/fs/bpf
		mount -t tmpfs tmpfs run
		mount -t tmpfs tmpfs tmp
		mount --rbind /dev dev
		mount --bind "$shared" mnt
		hostname wm-package
		ip link set lo up
		exec chroot . /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive sh -eux /mnt/script
	' sh "$BIN/real/bookworm" "$1" </dev/null 2>&1 3>&-
}

# another VERSION PACKAGE DIRECTORY: the same package as another version, into there
another() {
	local d=$BATS_TEST_TMPDIR/another-$2
	rm -rf "$d"
	dpkg-deb -R "$BIN/deb/$2"_*.deb "$d"
	sed -i "s/^Version: .*/Version: $1/" "$d/DEBIAN/control"
	dpkg-deb --root-owner-group -b "$d" "$3" >/dev/null
	rm -rf "$d"
}
