#!/usr/bin/env bats
# The guard itself: in a copy of the code something is made slower on purpose, and it must say what.
# time limit: 240 s

B=${B:-build}

setup_file() {
	local part copy=$BATS_FILE_TMPDIR/copy
	mkdir -p "$copy/build/obj/tests"
	cp -a Makefile bpf userspace registry cli bench tests packaging setup docs "$copy/"
	cp -a "$B"/{see,bpf,gen,guard} "$B"/lib{core,kernel,tools}.a "$copy/build/"
	for part in core kernel tools registry tests/guard; do
		cp -a "$B/obj/$part" "$copy/build/obj/$part"
	done
}

setup() {
	cd "$BATS_FILE_TMPDIR/copy"
	cp -a tests/guard/figures "$BATS_TEST_TMPDIR/figures"
}

teardown() {
	cp -a "$BATS_TEST_TMPDIR/figures" tests/guard/figures
}

change() { # change <file> <sed expression>
	cp "$1" "$BATS_TEST_TMPDIR/before"
	sed -i "$2" "$1"
	! cmp -s "$1" "$BATS_TEST_TMPDIR/before"
}

build() { # build <target>...
	env -u MAKEFLAGS -u MAKELEVEL make -s B=build "${@/#/build/}" >"$BATS_TEST_TMPDIR/make.log" 2>&1
}

guard() { # guard <kind> <word>: what it says of these rows, in $output
	B=build run tests/guard/guard "$@"
}

failed() { # failed <row> <what is said of it>
	[ "$status" = 1 ]
	grep -A1 "^not ok [0-9]* - $1\$" <<<"$output" | grep -E "^# $2"
}

@test "what has become cheaper, is new or is gone has to be written down" {
	sed -i 's/^ *[0-9]*\( .* registered: passed by the shield\)$/  1000\1/' tests/guard/figures
	sed -i '/ unregistered: dropped by the shield$/d' tests/guard/figures
	sed -i 's/^packets:.*/&\n   12   3  a packet that nobody sends/' tests/guard/figures
	guard packets
	failed 'packets: registered: passed by the shield' 'instructions: [0-9]+ instead of 1000: [0-9]+ less, [0-9.]+ %$'
	[[ $output == *'# it costs less now: make guard-update'* ]]
	failed 'packets: unregistered: dropped by the shield' 'tests/guard/figures does not have it'
	failed 'packets: a packet that nobody sends' '.* nothing measures it'
}

@test "other compilers: nothing is compared, and that is said" {
	sed -i 's/^\(# made with: .*gcc\) [0-9]*/\1 1/' tests/guard/figures
	guard objects
	[ "$status" = 0 ]
	[[ $output == '1..0 # skip tests/guard/figures was made with '*'gcc 1, '* ]]
}

@test "a list that is sorted twice" {
	change userspace/core/plan.c 's/^\tqsort(p->plan->names.*/&\n&/'
	build guard/hot
	guard userspace '10,000 hosts'
	failed 'userspace: plan of 10,000 hosts, half of them ours' 'instructions: [0-9]+ instead of [0-9]+: [0-9]+ more, [0-9.]+ %$'
	[[ $output == *'# most of it: '*'name_order '* ]]
	[[ $output == *'# find out what made it grow'* ]]
	grep '^ok .* - userspace: lines of 10,000 hosts read$' <<<"$output"
	[ "$(grep -c '^not ok' <<<"$output")" = 1 ]
}

@test "a host that is looked up twice" {
	change bpf/site.h '/find_overlay/,/^}/s/^\th = \(bpf_map_lookup_elem(&hosts, index)\);/&\n\tif (h)\n\t\th = \1;/'
	build guard/packets
	guard packets 'wg -> LAN'
	failed 'packets: wg -> LAN, UDP' 'calls of helpers: [0-9]+ instead of [0-9]+: 1 more'
	[[ $output == *'calls of native_map_lookup_elem '* ]]
	guard packets 'left alone'
	[ "$status" = 0 ]
}

@test "a function of the programs that is put where it is called" {
	change bpf/verdict.h 's/^__attribute__((noinline)) int drop_packet/inline_ int drop_packet/'
	build bpf/wm_tc.bpf.o
	guard objects
	failed 'objects: wm_tc: drop_packet' '.* nothing measures it'
	failed 'objects: wm_tc: wm_wg_in' 'instructions of BPF: [0-9]+ instead of [0-9]+: [0-9]+ more'
	grep '^ok .* - objects: wm_xdp: wm_shield$' <<<"$output"
}

@test "a program that does not do its work ends it" {
	change tests/guard/packets.c 's/MEETS(WG_IN, LOCAL)/MEETS(WG_IN, RELAY)/'
	build guard/packets
	guard packets 'to the gateway'
	[ "$status" = 1 ]
	[[ $output == *'# to the gateway, from wg: program 0 said local'* ]]
	[[ $output == *'Bail out!'* ]]
}
