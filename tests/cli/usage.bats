#!/usr/bin/env bats
# The command line itself: help, mistyped words, options, exit codes. No registry is needed.

load rig
setup() { rig_setup; }
teardown() { rig_teardown; }

@test "--help lists every command, and each command has its own" {
	"$WM" --help >"$DIR/help"
	for name in "mesh add" "mesh list" "mesh remove" list list-sites list-hosts list-devices health show-config \
		add-site enrol remove-site add-host add-device set remove; do
		grep -q "^  $name " "$DIR/help"
		# shellcheck disable=SC2086 # two words
		"$WM" $name --help >"$DIR/one"
		head -n 1 "$DIR/one" | grep -q "^wm $name"
		# shellcheck disable=SC2086
		"$WM" help $name | cmp - "$DIR/one"
	done
	grep -q -- '--cascade' <("$WM" remove-site -h)
	not grep -q -- '--cascade' <("$WM" add-host -h)
}

@test "--version is the version of the checkout" {
	version=$(sed -n 's/^VERSION *:= *//p' Makefile)
	[ -n "$version" ]
	[ "$("$WM" --version)" = "wm $version" ]
	[ "$("$WM" -V)" = "wm $version" ]
}

@test "no command at all is wrong use" {
	fails 2 "'wm --help' lists the commands" "$WM"
}

@test "a mistyped command gets the nearest one" {
	fails 2 "no command 'add-hots'; did you mean 'wm add-host'" "$WM" add-hots
	fails 2 "did you mean 'wm list'" "$WM" lst
	fails 2 "did you mean 'wm mesh add'" "$WM" mesh ad https://x
	fails 2 "did you mean 'wm list-devices'" "$WM" list-device
	fails 2 "add, list or remove" "$WM" mesh
}

@test "a word that is part of commands or options gets those" {
	fails 2 "no command 'add'; did you mean wm mesh add, wm add-site, wm add-host or wm add-device" "$WM" add
	fails 2 "no command 'hosts'; did you mean wm list-hosts" "$WM" hosts
	fails 2 "no option --ip; did you mean --local-ip or --wg-ip" "$WM" add-host nas.b --ip 192.168.1.4
	fails 2 "'wm mesh' goes on with add, list or remove" "$WM" mesh
	fails 2 "no command 'mesh xyz'; 'wm mesh' goes on with add, list or remove" "$WM" mesh xyz
}

@test "a word that is like no command gets none" {
	fails 2 "no command 'frobnicate'; 'wm --help'" "$WM" frobnicate
	not grep -q 'did you mean' "$DIR/stderr"
	fails 2 "no command 'x'; 'wm --help'" "$WM" x
}

@test "a mistyped option gets the nearest one" {
	fails 2 "no option --local-pi; did you mean --local-ip" "$WM" add-host nas.b --local-pi 192.168.1.4
	fails 2 "no option --subnt; did you mean --subnet" "$WM" add-site b --subnt=172.30.9.0/24
	fails 2 "no option --zzzzzz; 'wm --help'" "$WM" list --zzzzzz
	fails 2 "no option -x" "$WM" list -x
}

@test "an option of another command is refused, by both names" {
	fails 2 "--hub is not for 'wm add-host'" "$WM" add-host nas.b --local-ip 192.168.1.4 --hub
}

@test "a word too many, and the use is shown" {
	fails 2 'too many arguments; use: wm list$' "$WM" list extra
	fails 2 'too many arguments; use: wm remove-site DOMAIN' "$WM" remove-site a b
}

@test "options with and without values, given twice, given nothing" {
	fails 2 '--mesh needs a value' "$WM" list --mesh
	fails 2 '--mesh needs a value' "$WM" list --mesh=
	fails 2 '--json takes no value' "$WM" list --json=yes
	fails 2 '--mesh is given twice' "$WM" list --mesh a --mesh b
}

@test "too few and too many arguments show the use" {
	fails 2 'argument is missing; use: wm add-host \[NAME.DOMAIN' "$WM" add-host --local-ip 192.168.1.4
	fails 2 'too many arguments; use: wm add-device NAME' "$WM" add-device a b
	fails 2 'too many arguments' "$WM" remove a b c d e f g h
}

@test "without a configured mesh every command says how to connect" {
	fails 1 'no mesh is configured; connect to one: wm mesh add' "$WM" list
	fails 1 'no mesh is configured' "$WM" health -j
	fails 1 'no mesh is configured' "$WM" show-config
	fails 1 'no mesh is configured' "$WM" add-site b
	fails 1 'no mesh is configured' "$WM" --mesh home list
	"$WM" mesh list | grep -q 'no mesh is configured'
	json '.meshes == []' "$WM" mesh list -j
}

@test "a terminal gets colour, NO_COLOR and a pipe do not" {
	escape=$(printf '\033')
	on_terminal "'$WM' frobnicate"
	shows 'exit=2'
	grep -q "$escape" "$DIR/screen"
	on_terminal "NO_COLOR=1 '$WM' frobnicate"
	shows 'exit=2'
	not grep -q "$escape" "$DIR/screen"
	on_terminal "TERM=dumb '$WM' frobnicate"
	shows 'exit=2'
	not grep -q "$escape" "$DIR/screen"
	on_terminal "NO_COLOR= '$WM' frobnicate" # empty counts as unset
	shows 'exit=2'
	grep -q "$escape" "$DIR/screen"
	fails 2 '^wm: ' "$WM" frobnicate
}

@test "output that cannot be written is an error" {
	local got=0
	"$WM" mesh list -j >/dev/full 2>"$DIR/stderr" || got=$?
	[ "$got" = 1 ]
	grep -q 'cannot write the output: No space' "$DIR/stderr"
}

@test "what a terminal would obey is not sent to it" {
	local got=0
	"$WM" "$(printf 'x\033]0;owned\007y\302\233z\377')" 2>"$DIR/stderr" || got=$?
	[ "$got" = 2 ]
	[ "$(cat "$DIR/stderr")" = "wm: there is no command 'x?]0;owned?y?z?'; 'wm --help' lists what there is" ]
}
