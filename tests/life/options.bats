#!/usr/bin/env bats
# Each verb of wm-gateway with each option: what it has no use for it refuses, and does nothing. Nobody is root here, so what
# it does take ends before it does anything.

GATEWAY=$(cd "$BATS_TEST_DIRNAME/../.." && realpath -m "${B:-build}")/wm-gateway

# of the options in ALL, besides --instance, --config and --verbose
ALL='--json --check --dry-run --yes --env=x --native --lxc --keep-site --follow --lines=1'
declare -gA TAKES=(
	[sync]='' [run]='' [confirm]='' [down]='' [status]=--json [check]=--json [update]=--check [self-test]=''
	[install]='--dry-run --yes --env=x --native --lxc' [start]='--dry-run --yes --native --lxc' [stop]='--dry-run --yes --native --lxc'
	[logs]='--native --lxc --follow --lines=1' [uninstall]='--dry-run --yes --native --lxc'
	[destroy]='--dry-run --yes --native --lxc --keep-site' [backup]='--dry-run --yes --native --lxc' [restore]='--dry-run --yes --native --lxc'
)

nobody() { unshare -U "$GATEWAY" "$@"; }

@test "the table has every verb that --help has" {
	run "$GATEWAY" --help
	verbs=$(sed -n 's/^  \([a-z][a-z-]*\)  *.*/\1/p' <<<"$output" | sort)
	[ "$verbs" = "$(printf '%s\n' "${!TAKES[@]}" | sort)" ]
}

@test "a verb refuses each option that it has no use for, wherever that stands" {
	for verb in "${!TAKES[@]}"; do
		for option in $ALL; do
			name=${option%=*}
			for line in "$verb $option" "$option $verb"; do
				# shellcheck disable=SC2086 # words
				run nobody $line
				echo "$line: $status, $output"
				if [[ " ${TAKES[$verb]} " == *" $option "* ]]; then
					[[ $status = 1 && $output == *'this needs root'* ]]
				else
					[[ $status = 2 && $output == "wm-gateway: $verb takes no $name; nothing was done; "* ]]
				fi
			done
		done
	done
}

@test "short options and no verb at all are no way round" {
	run nobody --dry-run
	[[ $status = 2 && $output == *'sync takes no --dry-run'* ]]
	run nobody down -y
	[[ $status = 2 && $output == *'down takes no --yes'* ]]
	run nobody stop -n 5 -f
	[[ $status = 2 && $output == *'stop takes no --lines'* ]]
	run nobody -v -i lab status -j
	[[ $status = 1 && $output == *'this needs root'* ]]
}
