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

# The names of what git knows, where there is git; else what is released from there.
tracked() {
	[ -e "$ROOT/.git" ] || { "$ROOT/packaging/sources" "$BIN"; return; }
	git -C "$ROOT" -c safe.directory="$ROOT" ls-files -z | (cd "$ROOT" && xargs -0 ls -d --zero --)
}
# without_git: the sources in a directory of their own, as who unpacks them has them: $D
without_git() {
	D=$BATS_TEST_TMPDIR/checkout
	mkdir "$D"
	tracked | tar -C "$ROOT" --null --files-from=- -cf - | tar -xf - -C "$D"
}

version() { "$BIN/wm" --version | cut -d ' ' -f 2; }

@test "the hashes are signed, and are those of every file but what is signed itself" {
	minisign -V -q -m "$OUT/SHA256SUMS" -p "$K/release.pub"
	cd "$OUT"
	sha256sum --strict -c SHA256SUMS
	[ "$(cut -c 67- SHA256SUMS | sort)" = "$(find . -type f ! -name 'SHA256SUMS*' ! -name 'wm-release*' -printf '%P\n' | sort)" ]
	[ -z "$(find . ! -type f ! -name .)" ]
	v=$(version) a=$(uname -m) d=$(dpkg --print-architecture)
	for file in "wm-$v.tar.gz" "wm-$v-$a.tar.gz" "wm-registry-$v-$a.tar" "wm_${v}_$d.deb" "wm-gateway_${v}_$d.deb" "wm-registry_${v}_$d.deb" \
		"wm-gateway-$v-$a" "wm-fetch-$v-$a" "wm-linux-$a"; do
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
	find . ! -type d -printf '%P\n' | LC_ALL=C sort >"$BATS_TEST_TMPDIR/packed"
	tracked | tr '\0' '\n' | LC_ALL=C sort | diff - "$BATS_TEST_TMPDIR/packed"
	while read -r file; do
		if [ -h "$file" ]; then [ "$(readlink "$file")" = "$(readlink "$ROOT/$file")" ]; else cmp "$file" "$ROOT/$file"; fi
	done <"$BATS_TEST_TMPDIR/packed"
	make -n B=build binaries >/dev/null
	tar -xzf "$OUT/wm-$(version)-$(uname -m).tar.gz" -C "$BATS_TEST_TMPDIR/programs"
	[ "$("$BATS_TEST_TMPDIR/programs/usr/bin/wm" --version)" = "wm $(version)" ]
	# as a device gets it
	install -m 755 "$OUT/wm-linux-$(uname -m)" "$BATS_TEST_TMPDIR/wm"
	[ "$("$BATS_TEST_TMPDIR/wm" --version)" = "wm $(version)" ]
	[ -x "$BATS_TEST_TMPDIR/programs/usr/libexec/wm/wm-fetch" ]
	[ -z "$(find "$BATS_TEST_TMPDIR/programs" -perm /6022 ! -type l)" ]
}

@test "sources without git are released without what lies beside them, was built or was released" {
	without_git
	mkdir "$D/build" "$D/docs/out" "$D/tests/elsewhere"
	touch "$D/release.key" "$D/notes" "$D/build/x" "$D/docs/out/.release-x" "$D/tests/elsewhere/y" "$D/cli/z.o" "$D/a.pcap"
	cd /
	"$D/packaging/sources" "$D/tests/elsewhere" "$D/docs/out" /nowhere | LC_ALL=C sort -z >"$BATS_TEST_TMPDIR/told"
	tracked | LC_ALL=C sort -z | cmp - "$BATS_TEST_TMPDIR/told"
	[ "$(tr -cd '\0' <"$BATS_TEST_TMPDIR/told" | wc -c)" -gt 100 ]
}

@test "what git does not know is not released, and what was deleted is not looked for" {
	without_git
	cd "$D"
	git init -q .
	git add -f Makefile README.md
	touch cli/notes.c
	rm README.md
	[ "$("$D/packaging/sources" | tr '\0' ' ')" = 'Makefile ' ]
}

@test "the secret key is never among the sources" {
	without_git
	release() { run env B="$BIN" "$D/packaging/release" --uncommitted --out "$BATS_TEST_TMPDIR/none" "$@"; }
	cp "$K/release.key" "$D/docs/key"
	release --key "$D/docs/key"
	echo "$output"
	[ "$status" = 1 ]
	[[ $output == *'docs/key is inside the sources'* ]]
	[ ! -e "$BATS_TEST_TMPDIR/none" ]
	# a copy, of another name
	release --key "$K/release.key"
	echo "$output"
	[ "$status" = 1 ]
	[[ $output == *'the secret key is in one of the sources'* ]]
	[ -z "$(ls -A "$BATS_TEST_TMPDIR/none")" ]
	touch "$BATS_TEST_TMPDIR/empty"
	release --key "$BATS_TEST_TMPDIR/empty"
	[ "$status" = 1 ]
	[[ $output == *'is no secret key of minisign'* ]]
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
