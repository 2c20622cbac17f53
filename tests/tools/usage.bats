#!/usr/bin/env bats
# wm-bpf on a machine that is no gateway: wrong use first, then what is missing.

setup() {
	WM_BPF="$PWD/${B:-build}/wm-bpf"
	# Nothing is there, so whatever looks at the machine before the words says something else than expected.
	export WM_ETC=$BATS_TEST_TMPDIR/etc WM_STATE=$BATS_TEST_TMPDIR/state WM_RUN=$BATS_TEST_TMPDIR/run WM_BPFFS=$BATS_TEST_TMPDIR/bpf
}

# refuses "<words of the sentence>" <what wm-bpf takes>...: one line, exit 2.
refuses() {
	local sentence=$1
	shift
	run "$WM_BPF" "$@"
	echo "status $status: $output"
	[ "$status" = 2 ]
	[ "${#lines[@]}" = 1 ]
	[[ "$output" == "wm-bpf: "*"$sentence"* ]]
}

@test "what is no command, option or number is wrong use" {
	refuses "there is no command 'stat'" stat
	refuses "stats takes no 'nas.b'" stats nas.b
	refuses "stats takes no --reason" stats --reason isolated
	refuses "flows takes no --host" flows --host nas.b
	refuses "-n 0: not a number" drops -n 0
	refuses "-n x: not a number" drops -n x
	run "$WM_BPF"
	[ "$status" = 2 ]
}

@test "stats: what cannot be shown" {
	refuses '--sort bits: nothing to sort by; there are bytes, packets, to-bytes' stats --sort bits
	refuses '--type host: no type of hosts or devices; there are standard, isolated and roaming' stats --type host
	refuses '--watch 0: not a number of seconds' stats --watch 0
	refuses '--watch 86401: not a number of seconds' stats --watch=86401
	refuses "stats takes no 'x'" stats --watch x
	refuses '--json or --openmetrics, not both' stats -j --openmetrics
	refuses 'who wants rates asks again' stats --openmetrics -w
	refuses 'drops takes no --watch' drops --watch 1
	refuses 'flows takes no --sort' flows --sort bytes
	refuses 'drops takes no --drops' drops --drops
}

@test "drops: a reason that is none" {
	refuses "--reason to_lan: no packet is dropped for that; wm-bpf stats lists" drops --reason to_lan
	refuses "--reason x: no packet" drops -f --reason x
}

@test "trace: what cannot be a packet" {
	refuses 'from whom, to whom? Such as: wm-bpf trace nas.b cam.a tcp 443' trace
	refuses 'from whom, to whom?' trace nas.b
	refuses "what is 'x'? It takes FROM TO" trace nas.b cam.a tcp 443 x
	refuses "'tpc' is no protocol" trace nas.b cam.a tpc
	refuses 'port 70000: not a number up to 65535' trace nas.b cam.a tcp 70000
	refuses '--ttl 256: not a number up to 255' trace nas.b cam.a --ttl 256
	refuses '--flags Z: letters of' trace nas.b cam.a tcp --flags Z
	refuses "--fragment 7: 'first', or an offset" trace nas.b cam.a --fragment 7
	refuses '--size 30: the headers do not fit' trace nas.b cam.a tcp --size 30
	refuses '--in eth0: lan, lan:INTERFACE, wg or self' trace nas.b cam.a --in eth0
	refuses '--mac x: not the MAC' trace nas.b cam.a --mac x
}

@test "right use is told what this machine lacks" {
	local words
	[ "$EUID" = 0 ] || skip 'needs root, and says so'
	for words in stats 'stats -w 5 -n 3' 'stats --openmetrics' drops 'drops --reason isolated' flows maps status; do
		# shellcheck disable=SC2086 # words
		run "$WM_BPF" $words
		echo "$output"
		[ "$status" = 1 ]
		[[ "$output" == "wm-bpf: $WM_ETC/gateway.env: there is no such file"*"wm add-site"* ]]
	done
	run "$WM_BPF" trace nas.b cam.a tcp 443
	[ "$status" = 2 ]
	[[ "$output" == *"gateway.env: there is no such file"* ]]
}
