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
