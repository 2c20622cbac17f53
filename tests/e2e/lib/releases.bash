# shellcheck shell=bash
# Releases of the programs that were built here, with another version in them of the same length. (LIBBPF_0.1.0 is none of ours.)

OWN=$("$BIN/wm-agent" --version | cut -d ' ' -f 2)

# Whom instance a of this mesh trusts.
publisher() { minisign -G -W -p "$WM_DEMO_DIR/etc/a/release.pub" -s "$WM_DEMO_DIR/key" >/dev/null; }

publish() { # publish VERSION: of what is in $BATS_TEST_TMPDIR/built, put there unless it is there
	local built=$BATS_TEST_TMPDIR/built program
	mkdir -p "$built"
	for program in wm-gateway wm-fetch; do
		[ -e "$built/$program" ] || LC_ALL=C sed "s/\\([^_0-9A-Za-z.]\\)${OWN//./\\.}/\\1$1/g" "$BIN/$program" >"$built/$program"
		chmod 755 "$built/$program"
	done
	B=$built "$ROOT/scripts/release" --key "$WM_DEMO_DIR/key" --out "$WM_DEMO_DIR/www"
}
