#!/usr/bin/env bats
# The scripts that machines run are POSIX sh, by the word of shellcheck and of three shells.

@test "shellcheck, dash, busybox and bash find nothing wrong" {
	for script in setup/*.sh; do
		[ "$(head -n 1 "$script")" = '#!/bin/sh' ]
		shellcheck -s sh "$script"
		dash -n "$script"
		busybox sh -n "$script"
		bash --posix -n "$script"
		[ -z "$(LC_ALL=C grep -n '[^ -~	]' "$script")" ]
	done
	# shellcheck would say so
	run shellcheck -s sh - <<<'#!/bin/sh
[[ $1 == x* ]] && local y=(1)'
	[ "$status" != 0 ]
}

# Each script arrives as one piece, so what they share stands in each of them: but once in words.
@test "what addresses and names are, all of them hold by the same words" {
	shared='is_label is_quad is_address number is_prefix is_in'
	words() { # words FUNCTION SCRIPT
		awk -v name="$1" 'index($0, name "() {") == 1 { on = 1 } on { print } on && /(^|; )}( #.*)?$/ { exit }' "$2"
	}
	for name in $shared; do
		n=0
		for script in setup/*.sh; do
			[ "$(grep -c "^$name() {" "$script")" -le 1 ]
			grep -q "^$name() {" "$script" || continue
			[ -n "$(words "$name" "$script")" ]
			[ "$(words "$name" "$script")" = "$(words "$name" setup/device.sh)" ] || { echo "$name of $script is another" >&2; false; }
			n=$((n + 1))
		done
		[ "$n" -ge 2 ]
	done
	# whoever writes one of them under another name is found by what it does
	[ "$(cat setup/*.sh | grep -c -- '<< 24')" = 3 ]
	[ "$(words is_quad setup/device.sh | wc -l)" -gt 8 ]
}
