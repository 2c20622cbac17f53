#!/usr/bin/env bats
# Whatever others do to what is a running gateway's, it is back soon: within the
# time of a notice where the kernel sends one (polling would be once a minute
# here), within one poll where not. Then: nothing to do means nothing done.
# time limit: 240 s

load lib/follow

setup_file() { follow_begin re; }
teardown_file() { demo down; }
setup() {
	use_demo
	gateway_env WM_DATAPLANE=bpf
	fresh
}

# Without the numbers that another device or another attachment gets, in whatever order.
kernel() { kernel_of gw | sed 's/^[0-9]*: //; s/ id [0-9]*//g; s/ tag [0-9a-f]*//; s/@if[0-9]*//; s/mac\|link\/ether [0-9a-f:]*//; s/ jited//; s/0x[0-9a-f]* \[invalid type\]//; s/:\[[0-9*a-z]*\] direct/ direct/; s/comment "wm [0-9a-f]*"//' | grep -v '^\(sleep\|jq\)$' | sort; }
as_before() { diff >&2 "$BATS_TEST_TMPDIR/kernel" <(kernel); }
remember() { kernel >"$BATS_TEST_TMPDIR/kernel"; }

# If not, the difference is shown.
comes_back() { (wait_for 5 "it is as before: $1" as_before) || as_before; }

# mends <what> <command>...: what the command has done is undone, by a notice
mends() {
	"${@:2}"
	comes_back "$1"
}

up_with() { # up_with [KEY=VALUE]...
	gateway_env "$@"
	start
	wait_for 10 'it is in force' says '.config.in_force'
	WG=$(interface_of a)
	remember
}

damage_links() {
	mends 'the route' in_ns gw route del 172.30.0.0/16 dev "$WG"
	mends 'the unreachable route' in_ns gw route del unreachable 172.30.0.0/16 metric 4278198272
	mends 'the address' in_ns gw addr flush dev "$WG"
	mends 'one more address' in_ns gw addr add 10.66.0.1/32 dev "$WG"
	mends 'the rules' rules_gone
	mends 'the device down' in_ns gw link set "$WG" down
	mends 'its MTU' in_ns gw link set "$WG" mtu 1280
	mends 'forwarding' ns gw sysctl -qw net.ipv4.ip_forward=0
}
rules_gone() {
	local priority
	for priority in $(in_ns gw rule show | sed -n 's/^\(22[0-9]*\|2[3-9][0-9]*\|3[01][0-9]*\):.*/\1/p'); do
		in_ns gw rule del priority "$priority"
	done
}

hosts_are() { cmp "$BATS_TEST_TMPDIR/hosts" "$WM_DEMO_DIR/etc/a/hosts" && grep -q '^server=/b/$' "$WM_DEMO_DIR/etc/a/dnsmasq-servers"; }
damage_files() {
	local etc=$WM_DEMO_DIR/etc/a
	cp "$etc/hosts" "$BATS_TEST_TMPDIR/hosts"
	echo '10.0.0.1 evil.a' >>"$etc/hosts"
	wait_for 5 'the hosts file is as before' hosts_are
	rm "$etc/dnsmasq-servers"
	wait_for 5 'the other file is there again' hosts_are
	echo >"$etc/dnsmasq.conf"
	wait_for 5 'the configuration is ours again' grep -q "^addn-hosts=$etc/hosts" "$etc/dnsmasq.conf"
	chmod 600 "$etc/hosts"
	wait_for 5 'dnsmasq may read it' readable "$etc/hosts"
}
readable() { [ "$(stat -c %a "$1")" = 644 ]; }

devices_come_back() {
	mends 'the device' in_ns gw link del "$WG"
	in_ns gw link del lan0
	wait_for 5 'the LAN is missed' says '.config.problem | contains("lan0")'
	make_lan
	wait_for 5 'the LAN is in force' says '.config.problem == null and (.unplaced | length == 0)'
	comes_back 'all'
	in_ns gw addr flush dev lan0
	in_ns gw addr add 10.9.9.1/24 dev lan0
	wait_for 5 'the LAN has other addresses' says '.config.in_force and (.unplaced | length == 6)'
	in_ns gw addr flush dev lan0
	in_ns gw addr add 192.168.1.1/24 dev lan0
	wait_for 5 'the LAN has its addresses' says '.config.in_force and (.unplaced | length == 0)'
	comes_back 'all'
}

flapping() {
	local i
	for i in $(seq 40); do
		in_ns gw link set "$WG" down
		in_ns gw link set lan0 down
		in_ns gw link set lan0 up
	done
	comes_back 'all'
	says '.config.in_force'
}

@test "BPF: routes, addresses, rules, sysctls, filters, files, devices" {
	up_with WM_DATAPLANE=bpf WM_TCX=off
	damage_links
	mends 'the LAN filter' ns gw tc filter del dev lan0 ingress
	mends 'the qdisc' ns gw tc qdisc del dev "$WG" clsact
	mends 'another program in place of ours' another_program
	damage_files
	devices_come_back
	flapping
}
another_program() {
	local pinned
	pinned=$(find "$WM_DEMO_DIR/bpf" -name '*wg_out*' | head -n 1)
	[ -n "$pinned" ]
	ns gw tc filter show dev lan0 ingress | grep -q 'pref 2[0-9]* bpf.* handle 0x1'
	ns gw tc filter replace dev lan0 ingress protocol all \
		prio "$(ns gw tc filter show dev lan0 ingress | sed -n 's/.* pref \(2[0-9]*\) bpf.*/\1/p' | head -n 1)" handle 1 bpf da object-pinned "$pinned"
}

@test "nftables: the ruleset, a chain, an element; routes, files, devices" {
	up_with WM_DATAPLANE=nft
	TABLE=$(ns gw nft list tables | sed -n 's/^table \(ip wm.*\)$/\1/p' | head -n 1)
	mends 'the ruleset' ns gw nft flush ruleset
	mends 'the rules of the table' ns gw nft flush table $TABLE
	mends 'the table' ns gw nft delete table $TABLE
	mends 'one more chain' ns gw nft add chain $TABLE mine
	mends 'the route' in_ns gw route del 172.30.0.0/16 dev "$WG"
	damage_files
	devices_come_back
	flapping
}

peers() { [ "$(ns gw wg show "$WG" allowed-ips | wc -l)" = 1 ] && ns gw wg show "$WG" allowed-ips | grep -q 172.30.3.0/24; }
@test "what the kernel gives no notice of is back within a poll: a peer, a tcx program, an entry of a map" {
	local map key
	up_with WM_DATAPLANE=bpf WM_POLL=1
	ns gw wg set "$WG" peer "$(ns gw wg show "$WG" peers)" remove
	wait_for 5 'the peer is back' peers
	ns gw wg set "$WG" peer "$(ns gw wg show "$WG" peers)" allowed-ips 10.0.0.0/8
	wait_for 5 'its addresses are back' peers
	if [ -n "$(ns gw "$BATS_TEST_DIRNAME/lib/tcx" lan0 ingress)" ]; then
		ns gw "$BATS_TEST_DIRNAME/lib/tcx" lan0 ingress take
		wait_for 5 'the program is back' as_before
	fi
	map=$(find "$WM_DEMO_DIR/bpf/a" -name hosts)
	dump() { bpftool -j map dump pinned "$map" | jq -c '[.[] | select(any(.value[]; . != "0x00")) | .key]'; }
	dump >"$BATS_TEST_TMPDIR/map"
	key=$(jq -r '.[0] | join(" ")' "$BATS_TEST_TMPDIR/map")
	# shellcheck disable=SC2086,SC2046 # lists of bytes
	bpftool map update pinned "$map" key hex ${key//0x/} value hex $(bpftool -j map show pinned "$map" | jq -r '[range(.bytes_value)] | map("00") | join(" ")')
	not diff "$BATS_TEST_TMPDIR/map" <(dump)
	wait_for 5 'the entry is back' diff_of_map
}
diff_of_map() { diff "$BATS_TEST_TMPDIR/map" <(dump); }

hups() { grep -c "read $WM_DEMO_DIR/etc/a/hosts" "$WM_DEMO_DIR/log/dnsmasq"; }
hups_more_than() { [ "$(hups)" -gt "$1" ]; }
@test "a name server that is started again under another pid is told the names, and follows" {
	mkdir -p "$WM_DEMO_DIR/dnsmasq"
	up_with
	name_server
	wait_for 5 'it was told' hups_more_than 1
	no_name_server
	: >"$WM_DEMO_DIR/log/dnsmasq"
	name_server
	wait_for 5 'the other one was told' hups_more_than 1
	{ mesh 11; site a 2 "$SELF" null; host 1 192.168.1.77; } | say_lines answer 11
	gw sync >/dev/null || gw confirm 11
	wait_for 5 'it follows' answers h1.a 192.168.1.77
	no_name_server
	say_whole 12
}

comparisons() { grep -c 'compared with the kernel' "$WM_DEMO_DIR/log/gateway"; }
calm() { local n; n=$(comparisons); sleep 1; [ "$n" = "$(comparisons)" ]; }
@test "a router next door that learns routes all the time makes nobody compare anything" {
	local before i
	up_with
	for i in $(seq 1 1000); do
		printf 'route replace 10.%d.%d.0/24 via 192.168.1.9\n' $((i / 250)) $((i % 250))
	done >"$BATS_TEST_TMPDIR/routes"
	wait_for 10 'nothing happens' calm
	before=$(comparisons)
	for i in $(seq 20); do
		in_ns gw -batch "$BATS_TEST_TMPDIR/routes"
		sleep 0.15
	done
	[ "$(comparisons)" -le $((before + 1)) ] # the poll of the minute
	# It goes on seeing what does concern it.
	remember
	mends 'the rules' rules_gone
}

# No request that changes anything, by any way to the kernel, and no file.
writes() { # writes <trace>: those there are
	grep -E 'RTM_(NEW|DEL|SET)|NFT_MSG_(NEW|DEL)|NFNL_MSG_BATCH|WG_CMD_SET|BPF_(MAP_UPDATE|MAP_DELETE|PROG_ATTACH|PROG_DETACH|LINK_CREATE|LINK_UPDATE|OBJ_PIN)|^[0-9]+ +(rename|unlink|symlink|link|mkdir|rmdir|f?truncate|f?chmod|f[a-z]*sync|utime)[a-z0-9]*\(' "$1" |
		grep -vE '= -1 E|mkdir[a-z]*\(.*EEXIST|nlmsg_type=RTM_NEW[A-Z]*, nlmsg_flags=NLM_F_MULTI|recv(from|msg)\(' || true
	grep -E 'open(at)?\(.*O_(WRONLY|RDWR)' "$1" | grep -vE '/dev/null|/run/a/lock|/proc/sys/.*O_RDONLY' || true
	grep -E '(send[a-z]*|write[v]?)\(.*set=1' "$1" || true
}
@test "a sync with nothing to do writes nothing: no netlink change, no map, no file" {
	local plane sign
	for plane in bpf nft; do
		gateway_env WM_DATAPLANE=$plane WM_TCX=off
		gw sync
		gw sync
		on_gw strace -f -v -s 200 -o "$BATS_TEST_TMPDIR/trace-$plane" "$BIN/wm-gateway" sync --instance a
		writes "$BATS_TEST_TMPDIR/trace-$plane"
		[ -z "$(writes "$BATS_TEST_TMPDIR/trace-$plane")" ]
		# The trace shows what there is to show: one that has everything to do.
		in_ns gw route del 172.30.0.0/16 dev "$(interface_of a)"
		ns gw wg set "$(interface_of a)" peer "$PEER" remove
		ns gw nft flush ruleset
		ns gw tc filter del dev lan0 ingress 2>/dev/null || true
		echo x >>"$WM_DEMO_DIR/etc/a/hosts"
		on_gw strace -f -v -s 200 -o "$BATS_TEST_TMPDIR/trace-$plane" "$BIN/wm-gateway" sync --instance a
		writes "$BATS_TEST_TMPDIR/trace-$plane" >"$BATS_TEST_TMPDIR/writes"
		for sign in RTM_NEWROUTE rename 'set=1|WG_CMD_SET' "$([ $plane = bpf ] && echo RTM_NEWTFILTER || echo NFT_MSG_NEW)"; do
			echo "$sign"
			grep -qE "$sign" "$BATS_TEST_TMPDIR/writes"
		done
	done
}

site_of_two_lans() { # h1 and h2, on lan0 and lan1
	in_ns gw link add lan1 type veth peer name eth1 netns "$WM_DEMO-lan"
	in_ns lan link set eth1 up
	in_ns gw link set lan1 up
	in_ns gw addr add 192.168.2.1/24 dev lan1
	in_ns lan addr add 192.168.2.12/24 dev eth1
	in_ns lan route add 172.30.0.0/16 via 192.168.2.1
	{ mesh 20; site a 2 "$SELF" null; host 1; host 2 192.168.2.12; } | say_lines answer 20
}
@test "a LAN that goes and comes again takes nothing from the other one" {
	local plane ping
	site_of_two_lans
	for plane in bpf nft; do
		stop
		gateway_env WM_DATAPLANE=$plane LXC_IFACES=lan0,lan1
		start
		wait_for 10 'both are in force' says '.config.in_force and .config.generation == 20 and (.unplaced | length == 0)'
		ns lan ping -q -n -i 0.01 -c 500 172.30.2.1 >"$BATS_TEST_TMPDIR/ping" &
		ping=$!
		in_ns gw link del lan0
		wait_for 5 'the LAN is missed' says '.config.problem | contains("lan0")'
		make_lan
		wait_for 5 'it is in force again' says '.config.problem == null and (.unplaced | length == 0)'
		wait "$ping" || true
		cat "$BATS_TEST_TMPDIR/ping"
		grep -q '500 packets transmitted, 500 received' "$BATS_TEST_TMPDIR/ping"
	done
}
