#!/usr/bin/env bats
# Alpine's and OpenWrt's packages, of which neither is here: their scripts are read by shells and shellcheck, their steps are
# run with stand-ins for what those build systems bring along.
# time limit: 300 s

setup() {
	ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	BIN=$(cd "$ROOT" && realpath -m "${B:-build}")
	D=$BATS_TEST_TMPDIR
	VERSION=$("$BIN/wm" --version | cut -d ' ' -f 2)
	cd "$ROOT"
}

@test "every script is one for the shells that will read it" {
	for script in packaging/alpine/* packaging/openrc/* packaging/openwrt/files/* packaging/debian/*.{postinst,prerm,postrm}; do
		for shell in dash 'busybox ash'; do
			$shell -n "$script"
		done
		# Variables that others read, functions that others call.
		shellcheck -s dash -e SC2034,SC2154 "$script"
	done
	for script in packaging/deb packaging/release packaging/sources tests/real/root tests/package/compiles scripts/release; do
		shellcheck -S warning -s bash "$script"
	done
}

@test "all say the version that the programs say" {
	[ "$(sed -n 's/^pkgver=//p' packaging/alpine/APKBUILD)" = "$VERSION" ]
	[ "$(sed -n 's/^PKG_VERSION:=//p' packaging/openwrt/Makefile)" = "$VERSION" ]
	[ "$(sed -n '1s/^wm (\(.*\)) .*/\1/p' packaging/debian/changelog)" = "$VERSION" ]
}

@test "Alpine: the steps of the APKBUILD put every file into one package" {
	cat >"$D/abuild" <<'EOT'
set -eu
startdir=$1/packaging/alpine srcdir=$2/src pkgdir=$2/wm-doc-and-rest
mkdir -p "$srcdir" "$pkgdir"
. "$startdir/APKBUILD"
for file in $source; do [ "$file" = "wm-$pkgver.tar.gz" ] || cp "$startdir/$file" "$srcdir"; done
for script in $install; do test -x "$startdir/$script"; done
amove() { # paths, into the subpackage
	for path in "$@"; do
		mkdir -p "$subpkgdir/${path%/*}"
		mv "$pkgdir/$path" "$subpkgdir/$path"
	done
}
cd "$1"
make() { command make -s B="$BIN" "$@" >/dev/null; }
package
for sub in $subpackages; do
	case $sub in
	*-doc | *-completion) continue ;; # abuild's own
	*:*) name=${sub%%:*} function=${sub#*:} function=${function%%:*} ;;
	*) name=$sub function=${sub##*-} ;;
	esac
	subpkgdir=$2/$name
	mkdir -p "$subpkgdir"
	$function
done
EOT
	BIN=$BIN busybox ash "$D/abuild" "$ROOT" "$D/apk"
	cd "$D/apk"
	[ -x wm-gateway/usr/bin/wm-agent ]
	[ -L wm-gateway/usr/bin/wm-bpf ]
	[ -x wm-gateway/usr/libexec/wm/wm-fetch ]
	[ -x wm-registry/usr/bin/wm-registry ]
	[ -x wm-gateway-openrc/etc/init.d/wm-gateway ]
	[ -x wm-registry-openrc/etc/init.d/wm-registry ]
	run find wm-doc-and-rest ! -type d ! -path '*/share/*' -printf '%P\n'
	[ "$output" = usr/bin/wm ]
	[ -z "$(find wm-doc-and-rest -path '*share*' ! -type d ! -path '*/man/*' ! -path '*complet*' ! -path '*site-functions*')" ]
}

@test "OpenWrt: the steps of the Makefile install what each package says" {
	mkdir -p "$D/sdk/include" "$D/build/wm-$VERSION"
	ln -s "$BIN" "$D/build/wm-$VERSION/build"
	cat >"$D/sdk/rules.mk" <<'EOT'
INSTALL_DIR := install -d -m0755
INSTALL_BIN := install -m0755
LN := ln -sf
INCLUDE_DIR := $(TOPDIR)/include
EOT
	# What BuildPackage makes of a package, as far as it is ours.
	cat >"$D/sdk/include/package.mk" <<'EOT'
define BuildPackage
ifeq ($(strip $(Package/$(1))),)
$$(error $(1) is not defined)
endif
all: $(1)
$(1):
	$(call Package/$(1)/install,$(OUT)/$(1))
compile:
	$(Build/Compile)
describe:
	$$(info $(Package/$(1)))
.PHONY: all $(1) compile describe
endef
EOT
	run make --no-print-directory -s -C packaging/openwrt TOPDIR="$D/sdk" BUILD_DIR="$D/build" OUT="$D/out" all
	echo "$output"
	[ "$status" = 0 ]
	[ "$(cd "$D/out" && find . ! -type d | sort | xargs)" = './wm-gateway/etc/init.d/wm-gateway ./wm-gateway/usr/bin/wm-agent ./wm-gateway/usr/bin/wm-bpf ./wm-gateway/usr/bin/wm-gateway ./wm-gateway/usr/libexec/wm/wm-fetch ./wm/usr/bin/wm' ]
	run make --no-print-directory -s -C packaging/openwrt MAKE=echo TOPDIR="$D/sdk" BUILD_DIR="$D/build" TARGET_CC=aarch64-openwrt-linux-musl-gcc CLANG=clang-15 compile
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"-C $D/build/wm-$VERSION "*'CC=aarch64-openwrt-linux-musl-gcc '*'CLANG=clang-15 '*' build/wm-gateway '* ]]
}
