#!/usr/bin/env bats
# Everything of a release, made and signed with a key of this test's.
# time limit: 900 s

setup_file() {
	ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	BIN=$(cd "$ROOT" && realpath -m "${B:-build}")
	K=$BATS_FILE_TMPDIR
	OUT=$K/out
	export ROOT BIN K OUT
	minisign -G -W -p "$K/release.pub" -s "$K/release.key" >/dev/null
	B=$BIN "$ROOT/packaging/release" --key "$K/release.key" --out "$OUT" --uncommitted
}

# `! command` in the middle of a test does not fail it.
not() { ! "$@"; }

version() { "$BIN/wm" --version | cut -d ' ' -f 2; }

@test "the hashes are signed, and are those of every file but what is signed itself" {
	minisign -V -q -m "$OUT/SHA256SUMS" -p "$K/release.pub"
	cd "$OUT"
	sha256sum --strict -c SHA256SUMS
	[ "$(cut -c 67- SHA256SUMS | sort)" = "$(find . -type f ! -name 'SHA256SUMS*' ! -name 'wm-release*' -printf '%P\n' | sort)" ]
	[ -z "$(find . ! -type f ! -name .)" ]
	v=$(version) a=$(uname -m) d=$(dpkg --print-architecture)
	for file in "wm-$v.tar.gz" "wm-$v-$a.tar.gz" "wm-registry-$v-$a.tar" "wm_${v}_$d.deb" "wm-gateway_${v}_$d.deb" "wm-registry_${v}_$d.deb" \
		"wm-gateway-$v-$a" "wm-fetch-$v-$a"; do
		grep -q "  $file\$" SHA256SUMS
	done
	cp SHA256SUMS "$BATS_TEST_TMPDIR/sums"
	sed -i '1s/./0/' "$BATS_TEST_TMPDIR/sums"
	not minisign -V -q -m "$BATS_TEST_TMPDIR/sums" -x SHA256SUMS.minisig -p "$K/release.pub"
}

@test "the manifest that wm-agent reads is signed, and names the programs that are there" {
	cd "$OUT"
	minisign -V -q -m wm-release -p "$K/release.pub"
	[ "$(sed -n 's/^version //p' wm-release)" = "$(version)" ]
	sed -n 's/^file [^ ]* [^ ]* [0-9]* \([0-9a-f]*\) \(.*\)/\1  \2/p' wm-release >"$BATS_TEST_TMPDIR/sums"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/sums")" = 2 ]
	sha256sum --strict -c "$BATS_TEST_TMPDIR/sums"
}

@test "the sources are those of the checkout, the programs run" {
	mkdir "$BATS_TEST_TMPDIR/sources" "$BATS_TEST_TMPDIR/programs"
	tar -xzf "$OUT/wm-$(version).tar.gz" -C "$BATS_TEST_TMPDIR/sources"
	cd "$BATS_TEST_TMPDIR/sources/wm-$(version)"
	diff -r --no-dereference -x build -x .git -x '*.o' "$ROOT" .
	make -n B=build binaries >/dev/null
	tar -xzf "$OUT/wm-$(version)-$(uname -m).tar.gz" -C "$BATS_TEST_TMPDIR/programs"
	[ "$("$BATS_TEST_TMPDIR/programs/usr/bin/wm" --version)" = "wm $(version)" ]
	[ -x "$BATS_TEST_TMPDIR/programs/usr/libexec/wm/wm-fetch" ]
	[ -z "$(find "$BATS_TEST_TMPDIR/programs" -perm /6022 ! -type l)" ]
}

@test "what cannot be is said, and makes nothing" {
	cd "$ROOT"
	run env B="$BIN" packaging/release --out "$BATS_TEST_TMPDIR/none"
	[ "$status" = 2 ]
	run env B="$BIN" packaging/release --key /nowhere/key --out "$BATS_TEST_TMPDIR/none"
	[ "$status" = 1 ]
	[[ $output == *'/nowhere/key: the secret key cannot be read'* ]]
	run env B="$BATS_TEST_TMPDIR" packaging/release --key "$K/release.key" --out "$BATS_TEST_TMPDIR/none" --uncommitted
	[ "$status" = 1 ]
	[[ $output == *'run make first'* ]]
	[ ! -e "$BATS_TEST_TMPDIR/none" ]
}
