#!/usr/bin/env bats
# That a root file system which cannot be made is no reason to skip, but where no archive can be reached; with stand-ins for what
# makes it.

load machine

setup() {
	DIR=$BATS_TEST_TMPDIR
	mkdir "$DIR/bin"
	PATH=$DIR/bin:$PATH
	export B=$DIR/b
	stand_in mmdebstrap 'echo "E: some error" >&2; exit 1'
	stand_in apt-config :
	archive file:/nowhere
}
stand_in() { printf '#!/bin/sh\n%s\n' "$2" >"$DIR/bin/$1" && chmod 755 "$DIR/bin/$1"; }
archive() { stand_in apt-get "echo '$1 bookworm'"; }
# need: what need_root does with it, as its last words
need() {
	skip() { echo "skipped: $1"; exit 0; }
	run need_root bookworm
	echo "$output"
}

# skipped_unless_needed PATTERN: of what it says then
skipped_unless_needed() {
	unset WM_ROOTS_NEEDED
	need
	[ "$status" = 0 ] || return 1
	# shellcheck disable=SC2053 # a pattern
	[[ $output == *'skipped: '$1* ]] || return 1
	export WM_ROOTS_NEEDED=1
	need
	[ "$status" = 1 ]
}

@test "what fails with an archive at hand is a failure" {
	need
	[ "$status" = 1 ]
	[[ $output == *'E: some error'*'could not make a root file system of bookworm'* ]]
}

@test "where no archive can be reached it is skipped, but not when it must be there" {
	archive http://127.0.0.1:9/debian
	skipped_unless_needed 'no root file system of bookworm: *cannot be reached'
}

@test "where this machine has no source of Debian it is the same" {
	stand_in apt-get :
	skipped_unless_needed '*has no source for Debian bookworm'
}
