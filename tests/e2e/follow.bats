#!/usr/bin/env bats
# What a gateway makes of what its registry says: mass removals, hostile and
# broken answers, restarts, LANs that come and go.
# time limit: 240 s

load lib/follow

setup_file() { follow_begin fo; }
teardown_file() { demo down; }
setup() {
	use_demo
	gateway_env
	fresh
	say_whole 10
}

in_force() { says ".config.in_force and .config.generation == $1 and .config.hosts == ${2:-6}"; }
waits_for() { says ".config.waiting_generation == $1 and (.config.waits | contains(\"wm-gateway confirm $1 --instance a\"))"; }
logged() { grep -c -- "$1" "$WM_DEMO_DIR/log/gateway"; } # logged <words>: in how many lines

# The exit code with which a run answers SYNC, which is what wm-agent asks of a new release before it keeps it.
as_the_agent() {
	perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Peer => shift) or exit 1; $s->autoflush; print $s pack("L3", 1, 1, 0);
		read($s, $head, 8) == 8 or exit 1; print((unpack("Ll", $head))[1])' "$WM_DEMO_DIR/run/a/ctl"
}

@test "a mass removal waits, beside a run and across its restart, and confirm lets that generation through and no other" {
	start
	wait_for 10 'generation 10 is in force' in_force 10
	say_whole 11 6
	run gw sync
	echo "$output"
	[ "$status" = 1 ]
	[[ "$output" == *'removes 5 of the 8'*'wm-gateway confirm 11 --instance a'* ]]
	in_force 10
	waits_for 11
	run gw status
	[ "$status" = 1 ]
	[[ "$output" == *'confirm 11'* ]]
	[ "$(logged 'generation 11 waits')" = 1 ]
	# No release is to blame for that, but for what follows.
	[ "$(as_the_agent)" = 0 ]
	echo '{}' >"$WM_DEMO_DIR/said/answer"
	[ "$(as_the_agent)" = 1 ]
	say_whole 11 6
	run gw sync
	waits_for 11
	run gw confirm 10
	[ "$status" = 1 ]
	[[ "$output" == *'generation 11 waits'*'not 10'* ]]
	in_force 10
	stop
	run gw status
	[[ "$output" == *'confirm 11'* ]]
	start
	waits_for 11
	in_force 10
	# Another one of that number is not what was confirmed.
	gw confirm 11
	in_force 11 1
	says '.config.waits == null and .config.waiting_generation == 0'
	run gw confirm 11
	[ "$status" = 1 ]
	[[ "$output" == *'nothing waits'* ]]
}

@test "a mass removal by changes waits too; a newer generation that takes it back goes straight on" {
	start
	wait_for 10 'generation 10 is in force' in_force 10
	cp "$WM_DEMO_DIR/said/answer" "$WM_DEMO_DIR/said/answer.whole"
	say_changes 10 12 "$(gone 1)" "$(gone 2)" "$(gone 3)" "$(gone 4)" "$(gone 5)"
	run gw sync
	echo "$output"
	[ "$status" = 1 ]
	[[ "$output" == *'generation 12 waits'* ]]
	in_force 10
	say_changes 10 13 "$(gone 1)" "$(gone 2)" "$(gone 3)"
	gw sync
	in_force 13 3
	says '.config.waits == null'
	# Three of five are more than half, but not more than three.
	{ mesh 14; site a 2 "$SELF" null; site b 3 "\"$PEER\"" '"198.51.100.3:51820"'; } | say_lines answer 14
	rm "$WM_DEMO_DIR/said/answer.whole" "$WM_DEMO_DIR/state/a/removals"
	stop
	start # it knows of no other removals
	gw sync
	in_force 14 0
}

@test "a mass removal in steps waits like one at once, across a restart; what is confirmed begins anew" {
	start
	wait_for 10 'generation 10 is in force' in_force 10
	say_whole 11 1 2 3 4
	gw sync
	say_whole 12 1 2 3
	gw sync
	in_force 12 3
	stop
	start
	wait_for 10 'generation 12 is in force' in_force 12 3
	say_whole 13 1
	run gw sync
	echo "$output"
	[ "$status" = 1 ]
	[[ "$output" == *'generation 13 waits: it removes 5 of the 8'* ]]
	in_force 12 3
	gw confirm 13
	in_force 13 1
	say_changes 13 14 "$(gone 1)"
	gw sync
	in_force 14 0
}

@test "confirmed without a run and without a registry: it holds when they come" {
	gw sync
	say_whole 11 6
	run gw sync
	[ "$status" = 1 ]
	[[ "$output" == *'confirm 11'* ]]
	run gw confirm 9
	[ "$status" = 1 ]
	echo '{}' >"$WM_DEMO_DIR/said/answer"
	run gw confirm 11
	echo "$output"
	[ "$status" = 1 ] # the registry talks nonsense now
	say_whole 11 6
	start
	wait_for 10 'generation 11 is in force' in_force 11 1
	[ ! -e "$WM_DEMO_DIR/state/a/removal" ]
}

@test "a registry restored from an old backup is another one, and its mass removal waits all the same" {
	gw sync
	WHO=22222222-2222-4222-8222-222222222222 say_whole 3 1
	run gw sync
	[ "$status" = 1 ]
	[[ "$output" == *'confirm 3 --instance a'* ]]
	[ "$(gw status -j | jq .config.generation)" = 10 ]
	# What was confirmed is what that registry says, not what any of them calls by that number.
	WHO=33333333-3333-4333-8333-333333333333 say_whole 3 2
	run gw confirm 3
	[ "$status" = 1 ]
	[[ "$output" == *'confirm 3 --instance a'* ]]
	gw confirm 3
	[ "$(gw status -j | jq .config.generation)" = 3 ]
}

@test "a registry that has something else each time it is asked: sync ends, and says when there are two" {
	touch "$WM_DEMO_DIR/said/answer.counts"
	run on_gw timeout 30 "$BIN/wm-gateway" sync --instance a
	echo "$output"
	[ "$status" = 0 ]
	mv "$WM_DEMO_DIR/said/answer.counts" "$WM_DEMO_DIR/said/answer.turns"
	run on_gw timeout 30 "$BIN/wm-gateway" sync --instance a
	rm "$WM_DEMO_DIR/said/answer.turns"
	echo "$output"
	[ "$status" = 1 ]
	[[ "$output" == *'as if there were two'* ]]
}

@test "hostile and broken answers: refused whole, logged once, shown in status, and the old stays in force" {
	local what before
	start
	wait_for 10 'generation 10 is in force' in_force 10
	before=$(kernel_of gw)
	refused() { # refused <words of the reason>: by the run, twice
		local i
		for i in 1 2; do
			run gw sync
			[ "$status" = 1 ]
			[[ "$output" == *"$1"* ]]
		done
		says "(.registry.problem | contains(\"$1\")) and .config.in_force and .config.generation == 10"
		[ "$(logged "$1")" = 1 ]
	}
	whole() { { mesh 11; site a 2 "$SELF" null; site b 3 "\"$PEER\"" '"198.51.100.3:51820"'; for n in 1 2 3 4 5; do host $n; done; cat; } | say_lines answer 11; }
	host 6 127.0.0.1 | whole; refused 127.0.0.1
	host 6 169.254.169.254 | whole; refused 169.254.169.254
	host 6 224.0.0.1 | whole; refused 224.0.0.1
	host 6 172.30.9.9 | whole; refused 172.30.9.9
	host 6 192.168.1.11 | whole; refused 192.168.1.11
	host 5 | sed 's/"h5"/"h9"/; s/192.168.1.15/192.168.1.19/' | whole; refused 172.30.2.15
	for what in 'a\\nb' 'a\\"b' 'a;b' 'a b' "$(printf '%0300d' 0)"; do
		host 6 | sed "s/\"h6\"/\"$what\"/" | whole
		run gw sync
		[ "$status" = 1 ]
		echo "$output"
		[[ "$output" == *name* ]]
		[ "${#lines[@]}" = 1 ]
	done
	for what in com localhost; do
		site "$what" 4 null null | whole
		run gw sync
		[ "$status" = 1 ]
		echo "$output"
		[[ "$output" == *"site '$what'"* ]]
	done
	site c 3 null null | whole; refused 172.30.3.0
	site c 0 null null | sed 's/172.30.0.0.24/0.0.0.0\/0/' | whole; refused 0.0.0.0/0
	host 6 | sed 's/"type"/"name":"h7","type"/' | whole; refused JSON
	say_whole 9; refused older
	mesh 11 | sed 's/"self":"a"/"self":"b"/' | say_lines answer 11
	run gw sync
	[ "$status" = 1 ]
	for what in '' '{}' '<html>500</html>' 'nothing' 'STATUS 500\n{}' 'STATUS 502\n<html>Bad Gateway</html>'; do
		printf "$what" >"$WM_DEMO_DIR/said/answer"
		run gw sync
		[ "$status" = 1 ]
	done
	diff <(echo "$before") <(kernel_of gw)
	say_whole 11
	gw sync
	says '.registry.problem == null'
}

@test "WM_LAN_PREFIXES: a host elsewhere is refused whole, by changes too, and nobody is aimed at" {
	gateway_env WM_LAN_PREFIXES=192.168.1.8/29,192.168.1.16/32
	start
	wait_for 10 'generation 10 is in force' in_force 10
	cp "$WM_DEMO_DIR/said/answer" "$WM_DEMO_DIR/said/answer.whole"
	say_changes 10 11 "$(host 1 192.168.1.200)"
	run gw sync
	echo "$output"
	[ "$status" = 1 ]
	[[ "$output" == *h1.a*192.168.1.200*WM_LAN_PREFIXES* ]]
	in_force 10
	says '.registry.problem | contains("WM_LAN_PREFIXES")'
}

@test "check plans with WM_LAN_PREFIXES, as a run does" {
	gw sync
	gateway_env WM_LAN_PREFIXES=192.168.1.8/29
	finds 'h6.a' WM_LAN_PREFIXES
}

@test "the gateway's own address, or one in no LAN, is no host's: it is said of whom, and the rest is in force" {
	host 6 192.168.1.1 >"$BATS_TEST_TMPDIR/lines"
	host 5 10.1.1.1 >>"$BATS_TEST_TMPDIR/lines"
	{ mesh 10; site a 2 "$SELF" null; host 1; cat "$BATS_TEST_TMPDIR/lines"; } | say_lines answer 10
	start
	wait_for 10 'it is in force' says '.config.in_force'
	says '[.unplaced[].problem] | length == 2 and any(contains("h6")) and any(contains("h5"))'
}

@test "started before its LAN is there and without a registry: what it knows is in force, and the LAN's hosts when that comes" {
	gw sync
	stop
	gw down
	in_ns gw link del lan0
	echo '{}' >"$WM_DEMO_DIR/said/answer"
	start
	wait_for 10 'the mesh is in force without the LAN' says '.config.in_force and .interface.up and (.config.problem | contains("lan0"))'
	in_ns gw route get 172.30.3.9 | grep -q "dev $(interface_of a)"
	run gw status
	[ "$status" = 1 ]
	make_lan
	wait_for 5 'its hosts are placed' says '.config.in_force and .config.problem == null and (.unplaced | length == 0)'
	on_gw "$BIN/wm-bpf" stats --instance a -j | jq -e '[.. | .name? // empty] | index("h1.a")'
}

@test "sync with the LAN missing changes nothing, and says so" {
	gateway_env LXC_IFACES=nosuch0
	run gw sync
	[ "$status" = 1 ]
	[[ "$output" == *nosuch0* ]]
	! in_ns gw link show "$(interface_of a)"
}

# finds <words of the problem> <words of what to do>: check says both, and exits 1
finds() {
	run gw check
	echo "$output"
	[ "$status" = 1 ]
	[[ "$output" == *"$1"* ]]
	[[ "$output" == *"$2"* ]]
}
tries_the_mesh() {
	in_ns lan addr replace 192.168.1.99/24 dev eth0
	in_ns lan route replace 172.30.0.0/16 via 192.168.1.1
	ns lan ping -q -n -c 3 -i 0.2 -W 1 172.30.2.11 >/dev/null
}

@test "check finds the usual causes and says what to do, and finds nothing where nothing is wrong" {
	[ -e "$WM_DEMO_DIR/etc/a/private.key" ] || wg genkey >"$WM_DEMO_DIR/etc/a/private.key"
	{ mesh 10; site a 2 "\"$(ns gw wg pubkey <"$WM_DEMO_DIR/etc/a/private.key")\"" null; host 1; host 2; } | say_lines answer 10
	finds 'no config on disk' 'wm-gateway sync'
	finds 'no wm-gateway runs' 'start wm-agent'
	start
	wait_for 10 'it is in force' says '.config.in_force'
	finds 'no dnsmasq runs' WM_DNSMASQ_PID
	name_server
	run gw check
	echo "$output"
	[ "$status" = 0 ]
	[[ "$output" == *'nothing wrong'* ]]
	gw check -j | jq -e '.ok and .findings == []'
	not tries_the_mesh
	finds '192.168.1.99 on lan0' 'wm add-host NAME.a --local-ip 192.168.1.99'
	gw check -j | jq -e '(.ok | not) and ([.findings[] | select(.check == "strangers")] | length == 1)'
	in_ns gw link set lan0 down
	in_ns gw addr flush dev lan0
	wait_for 5 'the LAN is missed' says '.config.problem | contains("lan0")'
	finds 'interface lan0' sentence
	in_ns gw link set lan0 up
	in_ns gw addr add 192.168.1.1/24 dev lan0
	wait_for 5 'the LAN is back' says '.config.problem == null'
	{ mesh 11; site a 2 "$SELF" null; site b 3 "\"$PEER\"" '"198.51.100.3:51820"'; host 1; host 2 10.1.1.1; } | say_lines answer 11
	gw sync
	finds "no handshake with site 'b' so far" '198.51.100.3:51820'
	finds 'host h2 (10.1.1.1): its LAN address is in no LAN' LXC_IFACES
	echo '{}' >"$WM_DEMO_DIR/said/answer"
	run gw sync
	finds 'registry: ' WM_REGISTRY_URL
	kill -STOP "$(cat "$WM_DEMO_DIR/dnsmasq/pid")"
	finds 'does not answer' addn-hosts
	kill -CONT "$(cat "$WM_DEMO_DIR/dnsmasq/pid")"
	no_name_server
	stop
	gw down
	finds 'there is no interface' 'wm-gateway sync'
	finds 'no data plane' 'wm-gateway sync'
}

@test "status fits a screen however large the site is, and -j shows all" {
	{ mesh 10; site a 2 "$SELF" null; for n in $(seq 1 60); do host "$n" 10.1.1.$((100 + n)); done; } | say_lines answer 10
	start
	wait_for 10 'it is in force' says '.config.in_force'
	run gw status
	echo "$output"
	[ "${#lines[@]}" -le 50 ]
	[[ "$output" == *'and 52 more: -j shows all'* ]]
	says '.unplaced | length == 60'
}
