#!/usr/bin/env bats
# wm-agent takes good releases and no others. The gateways are stubs; a real
# one is updated in tests/e2e/update.bats.
# time limit: 240 s

load rig

@test "a good release is taken, runs, and is what runs after a restart" {
	publish 0.2.0
	agent
	until_true '0.2.0 is in force' in_force 0.2.0
	[ "$(readlink "/proc/$(runs_pid)/exe")" = "$RELEASES/0.2.0/wm-gateway" ]
	# Nobody has a hand in it but root, and no token went there.
	[ "$(stat -c %a "$RELEASES/0.2.0/wm-gateway")" = 755 ]
	grep -q 'GET /wm-release ' "$WWW/.log"
	[ "$(grep -c TOKEN "$WWW/.log")" = 0 ]
	kill -9 "$AGENT"
	until_true 'the gateway ends with its agent' silent
	agent
	until_true '0.2.0 runs again' is_running 0.2.0
	# The next one; of the others the last one stays.
	publish 0.3.0
	until_true '0.3.0 is in force' in_force 0.3.0
	publish 0.10.0
	until_true '0.10.0 is in force' in_force 0.10.0
	more_rounds 1
	[ "$(cd "$RELEASES" && echo *)" = '0.10.0 0.3.0 current state' ]
	[ -z "$(state why)" ]
	# Also where one is refused.
	publish 0.11.0 fails
	until_true 'it is refused' complains '0.11.0 is not'
	more_rounds 1
	[ "$(cd "$RELEASES" && echo *)" = '0.10.0 0.3.0 current state' ]
	kill "$AGENT"
	wait "$AGENT"
	silent
}

@test "signatures of the old kind, and by any of several keys" {
	publish 0.2.0
	minisign -G -W -f -p "$D/other.pub" -s "$D/other" >/dev/null
	cat "$D/other.pub" "$D/key.pub" >"$WM_ETC/release.pub"
	sign "$D/key" -l
	agent
	until_true '0.2.0 is in force' in_force 0.2.0
	publish 0.3.0
	sign "$D/other"
	until_true '0.3.0 is in force' in_force 0.3.0
}

@test "without a key, and with off, nobody is asked" {
	publish 0.2.0
	rm "$WM_ETC/release.pub"
	agent
	run timeout $LIMIT "$BIN/wm-gateway" update
	[[ "$status" = 1 && "$output" == *"release.pub"*"docs/updates.md"* ]]
	cp "$D/key.pub" "$WM_ETC/release.pub"
	settings WM_UPDATE_URL=off
	run timeout $LIMIT "$BIN/wm-gateway" update
	[[ "$status" = 1 && "$output" == *"WM_UPDATE_URL is 'off'"* ]]
	[ ! -e "$WWW/.log" ]
	is_running "$OWN"
	settings
	until_true '0.2.0 is in force' in_force 0.2.0
}

@test "wm-gateway update has it done now, --check only looks" {
	publish 0.2.0
	run timeout $LIMIT "$BIN/wm-gateway" update
	[[ "$status" = 1 && "$output" == *"no wm-agent runs"* ]]
	agent
	POKED= # it looks when it is told to, and only then
	run timeout $LIMIT "$BIN/wm-gateway" update --check
	echo "$output"
	[[ "$status" = 0 && "$output" == "0.2.0 is available"*"$OWN is installed" ]]
	[ ! -e "$RELEASES/state" ]
	run timeout $LIMIT "$BIN/wm-gateway" update
	echo "$output"
	[[ "$status" = 0 && "$output" == "0.2.0 is in force"* ]]
	in_force 0.2.0
	# Which is also what is typed from now on.
	[ "$("$BIN/wm-gateway" --version)" = 'wm-gateway 0.2.0' ]
	# But who makes a release here makes it of what was built.
	B=$BIN "$ROOT/scripts/release" --key "$D/key" --out "$D/own"
	grep -qx "version $OWN" "$D/own/wm-release"
	publish 0.3.0 fails
	run env WM_NO_HANDOVER=1 timeout $LIMIT "$BIN/wm-gateway" update
	echo "$output"
	[[ "$status" = 1 && "$output" == *"0.3.0 is not taken: its self-test fails"*"the kernel does not take it"* ]]
	run env WM_NO_HANDOVER=1 "$BIN/wm-gateway" update --check
	[[ "$status" = 1 && "$output" == *"0.3.0 is not tried again: its self-test fails"* ]]
}

# --- bad servers --------------------------------------------------------------------

manifest() { sed -i "$1" "$WWW/wm-release"; } # changes it, and signs it again
resign() { manifest "$1" && sign; }
instead() { echo "$2" >"$WWW/$1.do"; }

@test "bad server: an older release" {
	publish 0.0.9
	refuses "0.0.9 is offered, but $OWN runs"
}

@test "a release that is older than the package which was put under a wm-agent that stayed" {
	stub "$D/packaged" 0.4.0
	publish 0.3.0
	agent
	until_true 'it is refused' complains '0.3.0 is offered, but 0.4.0 runs'
	is_running 0.4.0
	[ ! -e "$RELEASES/0.3.0" ]
	publish 0.5.0
	until_true '0.5.0 is in force' in_force 0.5.0
}

@test "bad server: a release that is older than one that was offered before" {
	publish 0.3.0 fails
	refuses '0.3.0 is not '
	publish 0.2.0
	until_true 'the older one is refused' complains '0.2.0 is offered, but 0.3.0 was offered before'
	[ ! -e "$RELEASES/0.2.0" ]
}

@test "bad server: a manifest that has expired" {
	publish 0.2.0
	resign 's/^expires .*/expires 2026-01-02T03:04:05Z/'
	refuses 'expired on 2026-01-02T03:04:05Z'
}

@test "bad server: it offers nothing any more" {
	rm -f "$WWW/wm-release"
	agent
	more_rounds 1
	[ -z "$(state why)" ]
	publish "$OWN"
	more_rounds 2 # the first one may have begun before
	[ "$(state highest)" = "$OWN" ]
	rm "$WWW/wm-release"
	until_true 'it is told' complains "/wm-release: there is none any more, but $OWN was offered before"
	is_running "$OWN"
}

@test "bad server: a file that is longer than the manifest says" {
	publish 0.2.0
	instead "$GATEWAY" 'longer 1'
	refuses "$GATEWAY: downloads of http://127.0.0.1:$(cat "$WWW/.port"): the answer is larger"
}

@test "bad server: a file without end, and a manifest without end" {
	publish 0.2.0
	instead "$GATEWAY" endless
	refuses 'the answer is larger'
	instead wm-release endless
	until_true 'the manifest is refused' complains 'larger than the 16384 bytes'
	is_running "$OWN"
}

@test "bad server: a size that nobody would take" {
	publish 0.2.0
	resign "s/\(wm-gateway\) [0-9]* /\1 99999999999 /"
	refuses 'line 4 of the manifest is malformed'
}

@test "bad server: files that are cut short" {
	publish 0.2.0
	instead "$GATEWAY" 'cut 1000'
	refuses 'it is cut short: 1000 bytes of'
	instead "$GATEWAY" 'broken 1000'
	until_true 'an answer that breaks off is refused' complains 'broke off in the middle'
	instead wm-release 'cut 60'
	until_true 'a manifest that is cut is refused' complains 'the signature does not hold'
	is_running "$OWN"
}

@test "bad server: nothing for this architecture" {
	publish 0.2.0
	resign "s/^file $ARCH /file pdp11 /"
	refuses "has no wm-gateway for this architecture ($ARCH)"
}

@test "bad server: a program for another architecture" {
	stub "$D/built" 0.2.0
	printf '\377\377' | dd of="$D/built/wm-fetch" bs=1 seek=18 conv=notrunc status=none
	B=$D/built "$ROOT/scripts/release" --key "$D/key" --out "$WWW"
	refuses 'it is no program for this architecture'
}

@test "bad server: a signature by somebody else" {
	publish 0.2.0
	minisign -G -W -f -p "$D/other.pub" -s "$D/other" >/dev/null
	sign "$D/other"
	refuses 'by none of the keys that are trusted'
	# With the id of the key that is trusted here.
	base64 -d <<<"$(sed -n 2p "$WWW/wm-release.minisig")" >"$D/blob"
	base64 -d <<<"$(sed -n 2p "$D/key.pub")" | dd of="$D/blob" bs=1 skip=2 seek=2 count=8 conv=notrunc status=none
	sed -i "2c$(base64 -w 0 "$D/blob")" "$WWW/wm-release.minisig"
	until_true 'it is refused' complains 'the signature does not hold'
}

@test "bad server: a manifest that was changed, a comment that was, no signature at all" {
	publish 0.2.0
	cp "$WWW/wm-release" "$D/signed"
	manifest 's/^version .*/version 0.4.0/'
	refuses 'the signature does not hold'
	cp "$D/signed" "$WWW/wm-release"
	sed -i 's/^trusted comment: .*/trusted comment: wm 0.4.0/' "$WWW/wm-release.minisig"
	sleep 0.1 # a round that is under way has the old one
	more_rounds 2
	complains 'the signature does not hold'
	instead wm-release.minisig 'status 404'
	until_true 'it is refused' complains 'has no signature beside it'
	instead wm-release.minisig 'status 500'
	until_true 'it is refused' complains 'answered with 500'
	instead wm-release.minisig endless
	until_true 'it is refused' complains 'larger than the 4096 bytes'
	is_running "$OWN"
}

@test "bad server: another file than the manifest names" {
	publish 0.2.0
	stub "$D/built" 0.2.0 ok dies_
	cp "$D/built/wm-gateway" "$WWW/$GATEWAY"
	truncate -s "$(sed -n 's/.* wm-gateway \([0-9]*\) .*/\1/p' "$WWW/wm-release")" "$WWW/$GATEWAY"
	refuses 'it is another file than the manifest names'
}

@test "bad server: it points elsewhere" {
	publish 0.2.0
	mkdir "$D/elsewhere"
	instead "$GATEWAY" "redirect http://127.0.0.1:$(cat "$WWW/.port")/$GATEWAY"
	refuses 'answered with 302, which points elsewhere'
	instead wm-release "redirect http://127.0.0.1:$(cat "$WWW/.port")/wm-release"
	until_true 'the manifest neither' complains '/wm-release: answered with 302'
}

@test "bad server: manifest and signature are of two releases" {
	publish 0.2.0
	cp "$WWW/wm-release" "$WWW/first"
	publish 0.3.0
	instead wm-release 'before first'
	agent
	until_true 'it is refused' complains 'the signature does not hold'
	# The next time they belong together.
	until_true '0.3.0 is in force' in_force 0.3.0
	[ ! -e "$RELEASES/0.2.0" ]
}

@test "bad server: what it gives out is no manifest" {
	publish 0.2.0
	echo '<html>' >"$WWW/wm-release"
	sign
	refuses "does not begin with 'wm-release 1'"
	printf 'wm-release 1\nversion 0.2.0\0\n' >"$WWW/wm-release"
	sign
	until_true 'nor is this' complains 'is no text'
	is_running "$OWN"
}
