# shellcheck shell=bash
# Traffic that is on no list, against a mesh that is up: the bodies of
# wild.bats (BPF) and wild_nft.bats.

wild_begin() { # wild_begin <short name> <data plane>
	mesh_begin "$1"
	WM_DEMO_DATAPLANE=$2 demo up --bare
	addresses
	servers_up 3>&-
	export WEB KIOSK NAS CAM LAPTOP SENSOR
	tunnels_up
	wait_for 20 'the tunnel of the sensor carries' pings nas "$SENSOR" 1
	# Several traceroutes a second: no limit on the errors of the stack.
	for machine in hub gw-a gw-b nas web kiosk cam; do ns "$machine" sysctl -qw net.ipv4.icmp_ratelimit=0; done
}

# --- ears ------------------------------------------------------------------------

# listen <machine> <interface> <file> <filter>: until hush. IP only: "src host" alone also is true of ARP.
listen() {
	ip netns exec "$WM_DEMO-$1" tcpdump -n -l -p -i "$2" -w "$3" -U "ip and ($4)" >"$3.log" 2>&1 3>&- &
	echo $! >>"$BATS_TEST_TMPDIR/ears"
	wait_for 10 "$1 listens" grep -q 'listening on' "$3.log"
}

# What is on its way has arrived: known-good packets were sent behind it.
hush() {
	local pid
	while read -r pid; do kill "$pid" 2>/dev/null || true; done <"$BATS_TEST_TMPDIR/ears"
	while read -r pid; do wait "$pid" || true; done <"$BATS_TEST_TMPDIR/ears"
	rm "$BATS_TEST_TMPDIR/ears"
}

heard() { tcpdump -n -r "$1" 2>/dev/null; }

nothing_heard() { # nothing_heard <file>...
	local file
	for file; do
		[ -s "$file" ] || { echo "$file: not even a header"; return 1; }
		if [ -n "$(heard "$file")" ]; then
			echo "$file:"
			heard "$file" | head -20
			return 1
		fi
	done
}

# --- isolated and unregistered machines with every tool at hand --------------------

# Whoever else could hear a machine. Overlay and LAN address both.
ears_for() { # ears_for <machine> <overlay> <LAN address>
	local self=$1 machine dir=$BATS_TEST_TMPDIR
	shift
	for machine in nas cam; do listen "$machine" eth0 "$dir/$machine.ear" "src host $1 or (src host $2 and not src net 192.168.1.0/24)"; done
	for machine in laptop sensor; do
		[ "$machine" != "$self" ] || continue
		listen "$machine" "$(interface_of "$machine")" "$dir/$machine.ear" "src host $1 or src net 192.168.0.0/16"
	done
	# On its own LAN it may speak by LAN addresses; what comes from the overlay address came through the gateway.
	listen web eth0 "$dir/web.ear" "src host $1"
	listen net br0 "$dir/net.ear" 'src net 172.30.0.0/16 or src net 192.168.0.0/16 or dst net 172.30.0.0/16'
}

no_escape() { # no_escape <machine> <overlay> <LAN address>
	local sent other dir=$BATS_TEST_TMPDIR
	ears_for "$@"
	sent=$(ns "$1" "$ROOT/tests/e2e/lib/escape" "$3" "$NAS" "$CAM" "$WEB" "$LAPTOP" "$SENSOR" 172.30.3.1 172.30.1.1 172.30.2.255 172.30.255.255)
	echo "$1 sent $sent packets"
	[ "$sent" -gt 1000 ]
	for other in "$NAS" "$CAM" "$LAPTOP" "$SENSOR"; do
		[ "$other" = "$2" ] || pings web "$other" 1
	done
	hush
	nothing_heard "$dir/"*.ear
}

# To the gateway itself: names and an echo, nothing else, on any port.
isolated_to_gateway() {
	ns gw-a nft -f - <<-END
		table inet ear {
			counter heard {}
			chain in {
				type filter hook input priority 10
				ip saddr != { $KIOSK, 192.168.1.11 } accept
				ip daddr != 172.30.2.1 accept
				meta l4proto { tcp, udp } th dport 53 accept
				icmp type echo-request accept
				counter name heard
			}
		}
	END
	NO_ECHO=1 ns kiosk "$ROOT/tests/e2e/lib/escape" 192.168.1.11 172.30.2.1
	pings kiosk 172.30.2.1 1
	ns gw-a nft list counter inet ear heard
	ns gw-a nft list counter inet ear heard | grep -q 'packets 0 '
	ns gw-a nft delete table inet ear
}

# The answers of kiosk that are none: it heard nas ask from port 40000, and answers everything but that.
wrong_answers() {
	ns nas "$HERE/demo.d/tcp" ask "$KIOSK" $PORT 3 | grep -qx 3
	no_escape kiosk "$KIOSK" 192.168.1.11
}

still_answers() {
	pings nas "$KIOSK" 3
	sends nas "$KIOSK" 64
	sends web "$KIOSK" 64
	pings nas "$SENSOR" 3
	sends web "$SENSOR" 64
}

# flow <gateway> <end> <peer> <protocol>: its state
flow() {
	on "$1" "$BIN/wm-bpf" flows --instance "$1" -j |
		jq -er --arg e "$2" --arg p "$3" --arg t "$4" '[.flows[] | select(.name == $e and .peer_name == $p and .protocol == $t)][-1].state'
}

# Who asked whom, by name, and in which state that is.
flows_are_named() {
	pings nas "$KIOSK" 1
	flow a kiosk.a nas.b icmp | grep -Eqx 'asked|answered'
	ns nas "$HERE/demo.d/tcp" ask "$KIOSK" $PORT 1
	[ "$(flow a kiosk.a nas.b udp)" = answered ]
	sends nas "$KIOSK" 16
	flow a kiosk.a nas.b tcp | grep -Eqx 'closing|closed'
	run on a "$BIN/wm-bpf" flows --instance a
	echo "$output"
	[[ "${lines[0]}" == ISOLATED* && "$output" == *"kiosk.a"*"$KIOSK"*"udp"*"$PORT"*"nas.b"*"answered"* ]]
	# Site b has none through kiosk, and says so in as many words where there is none at all.
	not flow b kiosk.a nas.b udp
	not on a "$BIN/wm-bpf" flows --instance nobody
}

# --- why is my packet dropped? -----------------------------------------------------

bpf_at() { # bpf_at <gateway> <what wm-bpf takes>...
	local site=$1
	shift
	on "$site" "$BIN/wm-bpf" --instance "$site" "$@"
}

# knock <machine> <address>: pings that nobody answers
knock() { ! ns "$1" ping -n -q -c 2 -i 0.2 -W 1 "$2"; }

drops_are_named() {
	knock guest "$NAS"
	knock kiosk "$NAS"
	knock nas 172.30.2.200
	bpf_at a drops -j >"$BATS_TEST_TMPDIR/drops"
	cat "$BATS_TEST_TMPDIR/drops"
	jq -e '.drops[] | select(.reason == "unregistered" and .from == "192.168.1.99" and .to_name == "nas.b" and
		.protocol == "icmp" and .packets >= 2 and .where == "lan" and .last > 0)' "$BATS_TEST_TMPDIR/drops"
	jq -e '.drops[] | select(.reason == "isolated" and .from_name == "kiosk.a" and .to_name == "nas.b" and .packets >= 2)' "$BATS_TEST_TMPDIR/drops"
	jq -e '.drops[] | select(.reason == "no_host" and .from_name == "nas.b" and .to == "172.30.2.200" and .where == "wg")' "$BATS_TEST_TMPDIR/drops"
	jq -e '.reasons[] | select(.name == "unregistered" and (.help | test("wm add-host")) and .packets >= 2)' "$BATS_TEST_TMPDIR/drops"
	run bpf_at a drops --host kiosk.a --reason isolated
	echo "$output"
	[[ "${lines[0]}" == *WHEN*REASON*FROM*TO*PROTOCOL*PACKETS*WHERE* && "$output" == *isolated*kiosk.a*icmp* ]]
	[[ "$output" != *192.168.1.99* && "$output" != *nas.b*172.30.2.200* ]]
	[ "$(bpf_at a drops -n 1 -j | jq '.drops | length')" = 1 ]
	run bpf_at a drops --reason wrong
	[ "$status" = 2 ]
	run bpf_at a flows --host kiosk.a
	[ "$status" = 2 ]
}

drops_are_followed() {
	local out=$BATS_TEST_TMPDIR/followed pid
	on a "$BIN/wm-bpf" --instance a drops -f -j --host kiosk.a >"$out" 3>&- &
	pid=$!
	# It may take a moment until it follows.
	for _ in $(seq 20); do
		knock kiosk "$NAS"
		! [ -s "$out" ] || break
	done
	cat "$out"
	head -n 1 "$out" | jq -e '.reason == "isolated" and .from_name == "kiosk.a" and .to_name == "nas.b" and .time > 0'
	kill -INT "$(pgrep -P "$pid" wm-bpf || echo "$pid")"
	wait "$pid"
}

# Who sends and who is dropped, in three spellings of one walk.
stats_are_ranked() {
	local all=$BATS_TEST_TMPDIR/all metrics=$BATS_TEST_TMPDIR/metrics from
	pings web "$NAS" 5
	knock kiosk "$NAS"
	bpf_at a stats -j >"$all"
	cat "$all"
	jq -e '[.hosts[] | .to_bytes + .from_bytes] | . == (sort | reverse)' "$all"
	jq -e '.time as $now | .hosts[] | select(.name == "web.a" and .type == "standard" and .from_packets >= 5 and .to_packets >= 5 and
		.from_bytes >= 5 * 84 and (.last_seen == null or .last_seen > $now - 60))' "$all"
	bpf_at a stats -j -n 1 --sort from-packets >"$BATS_TEST_TMPDIR/one"
	jq -e --slurpfile all "$all" '(.hosts | length == 1) and .not_shown == ($all[0].hosts | length) - 1 and
		.hosts[0].name == ($all[0].hosts | max_by(.from_packets).name)' "$BATS_TEST_TMPDIR/one"
	# The clock is BPF's: nftables says that it has none, and nobody is told "never".
	if [ "$(jq -r .dataplane "$all")" = nft ]; then
		jq -e 'all(.hosts[]; .last_seen == null)' "$all"
		run bpf_at a stats --sort seen
		[[ "$status" = 2 && "$output" == *'nftables is in force, which does not record it'* ]]
	else
		bpf_at a stats -j --sort seen -r | jq -e '[.hosts[].last_seen] | . == sort'
	fi
	bpf_at a stats -j --drops | jq -e '[.hosts[].name] == ["kiosk.a"] and .hosts[0].drops >= 2'
	bpf_at a stats -j --type standard | jq -e '[.hosts[].type] | unique == ["standard"]'
	bpf_at a stats -j --host "$WEB" | jq -e '[.hosts[].name] == ["web.a"]'
	run bpf_at a stats -n 1
	echo "$output"
	[[ "${lines[0]}" == REASON* && "${lines[-3]}" == HOST*OVERLAY*DROPS* && "${lines[-1]}" == "... "*" more" ]]
	# The same numbers, and nothing that a scraper would not read.
	bpf_at a stats --openmetrics >"$metrics"
	[ "$(tail -n 1 "$metrics")" = '# EOF' ]
	run ! grep -vE '^# (TYPE|UNIT|HELP) wm_[a-z_]+ .+|^# EOF$|^wm_[a-z_]+\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\} [0-9]+$' "$metrics"
	[ "$(sort "$metrics" | uniq -d)" = '' ]
	from=$(jq '.hosts[] | select(.name == "web.a").from_packets' "$all")
	[ "$(sed -n 's/^wm_host_packets_total{wm_instance="a",host="web.a",wg_ip="[0-9.]*",direction="from"} //p' "$metrics")" -ge "$from" ]
}

stats_are_watched() {
	local out=$BATS_TEST_TMPDIR/watched pid
	on a "$BIN/wm-bpf" --instance a stats --watch 1 -j --host web.a >"$out" 3>&- &
	pid=$!
	# A ping at least in one of the seconds that it looks at.
	for _ in $(seq 20); do
		pings web "$NAS" 3
		! jq -e 'select(.hosts[0].from_packets_per_second > 0)' "$out" || break
	done
	cat "$out"
	head -n 1 "$out" | jq -e '.seconds == null and .hosts[0].to_bytes_per_second == null'
	jq -e -s 'any(.[]; .seconds > 0 and .hosts[0].name == "web.a" and .hosts[0].from_packets_per_second > 0 and
		any(.reasons[]; .name == "to_mesh" and .packets_per_second > 0))' "$out"
	kill -INT "$(pgrep -P "$pid" wm-bpf || echo "$pid")"
	wait "$pid"
	# Who reads no further ends it, too.
	bpf_at a stats -w 1 -n 1 | head -n 1 | grep -q 'every 1 s'
}

# What is traced is what happens, and nothing of it shows.
trace_tells() {
	local before after
	pings web "$NAS" 1
	before=$(bpf_at a stats -j | jq -c .reasons)
	run bpf_at a trace kiosk.a nas.b
	echo "$output"
	[[ "$status" = 1 && "$output" == *kiosk.a*isolated*"what to do"* ]]
	run bpf_at a trace 192.168.1.99 to nas.b tcp 443
	echo "$output"
	[[ "$status" = 1 && "$output" == *192.168.1.99*"nobody that is registered"*unregistered*"wm add-host"* ]]
	run bpf_at a trace web.a nas.b udp 5000
	echo "$output"
	[[ "$status" = 0 && "$output" == *"into the tunnel (to_mesh)"* ]]
	run bpf_at a trace nas.b kiosk.a tcp 22 -j
	echo "$output"
	[ "$status" = 0 ]
	jq -e '.passes and .hops[0].program == "wm_wg_in" and .hops[0].reason == "to_lan" and .hops[0].flow_after == "asked"' <<<"$output"
	run bpf_at a trace gw.a kiosk.a
	[ "$status" = 0 ]
	run bpf_at a trace web.a nobody.b
	[ "$status" = 2 ]
	after=$(bpf_at a stats -j | jq -c .reasons)
	[ "$before" = "$after" ]
}

trace_is_refused() {
	run bpf_at a trace web.a nas.b
	echo "$output"
	[[ "$status" = 2 && "$output" == *nftables*"nft monitor trace"* ]]
}

maps_are_listed() { # maps_are_listed <one of them>
	run bpf_at a maps
	echo "$output"
	[[ "${lines[0]}" == MAP*USED*OF*BYTES* && "$output" == *"$1"* && "$output" == *"what was dropped"* ]]
	bpf_at a maps -j | jq -e --arg m "$1" '.maps[] | select(.name == $m) | .used > 0 and .help != ""'
}

# --- the tools of whoever looks at paths -------------------------------------------

# hops <machine> <-I, -U or -T and what else traceroute takes>... <target>: the addresses it names, one a line.
#
# -I and -T send all probes through one socket, of which traceroute asks either for errors or for answers. The kernel
# (6.18 too) queues an error before it sets the socket's state to it: whoever has read the one by then is told of an error
# from then on that is nowhere, and traceroute never asks for the answers that are there. Hence a process for each hop.
hops() {
	local from=$1 together=1 ttl got
	shift
	[ "$1" != -U ] || together=8
	for ((ttl = 1; ttl <= 8; ttl += together)); do
		ns "$from" traceroute -n -q 1 -w $((2 * ${WM_SLOW:-1})) -f $ttl -m $((ttl + together - 1)) "$@" \
			>"$BATS_TEST_TMPDIR/trace" 2>&1
		cat "$BATS_TEST_TMPDIR/trace" >&2
		got=$(sed -n 's/^ *[0-9][0-9]* *\([0-9.*][0-9.*]*\).*/\1/p' "$BATS_TEST_TMPDIR/trace")
		echo "$got"
		[ "$got" != "${!#}" ] || return 0
	done
}

path_is() { # path_is "<addresses>" <machine> <traceroute arguments>...
	local want=$1 got
	shift
	got=$(hops "$@" | xargs)
	[ "$got" = "$want" ] || { echo "$got instead of $want"; where_it_was_lost; return 1; }
}

# Of every gateway: what it has dropped last, and whom it knows on its LAN.
where_it_was_lost() {
	local gateway
	for gateway in $GATEWAYS; do
		on "$gateway" "$BIN/wm-bpf" --instance "$gateway" drops -n 20 || true
		in_ns "$(machine_of "$gateway")" neigh show
	done
}

traceroutes() {
	local how
	for how in -I -U '-T -p 9000'; do
		# shellcheck disable=SC2086 # a list of words
		path_is "192.168.1.1 172.30.3.1 $NAS" web $how "$NAS"
		# shellcheck disable=SC2086
		path_is "172.30.1.1 172.30.3.1 $NAS" laptop $how "$NAS"
		# shellcheck disable=SC2086
		path_is "192.168.1.1 172.30.1.1 $LAPTOP" web $how "$LAPTOP"
		# shellcheck disable=SC2086
		path_is "192.168.1.1 $KIOSK" web $how "$KIOSK"
		# shellcheck disable=SC2086
		path_is "192.168.1.1 172.30.3.1 $CAM" web $how "$CAM"
	done
}

tracepaths() {
	ns web tracepath -n -m 8 "$NAS" >"$BATS_TEST_TMPDIR/path"
	cat "$BATS_TEST_TMPDIR/path"
	grep -q 'Resume: pmtu 1420 hops 3' "$BATS_TEST_TMPDIR/path"
	ns laptop tracepath -n -m 8 "$WEB" >"$BATS_TEST_TMPDIR/path"
	cat "$BATS_TEST_TMPDIR/path"
	grep -q 'Resume: pmtu 1420 hops 3' "$BATS_TEST_TMPDIR/path"
}

# --- big packets --------------------------------------------------------------------

sized() { # sized <bytes> <machine> <target>
	ns "$2" ping -q -n -M dont -c 2 -i 0.2 -s "$1" -W $((2 * ${WM_SLOW:-1})) "$3" | tee /dev/stderr | grep ' 2 received' >/dev/null
}

fragments_pass() { # whole datagrams of many sizes, there and back, to standard and isolated ends
	local size way
	for size in 1392 1393 1472 1473 2800 8000 20000; do
		for way in "web $NAS" "web $CAM" "laptop $KIOSK" "nas $SENSOR" "web $KIOSK"; do
			# shellcheck disable=SC2086 # two words
			sized $size $way || { echo "$size bytes, $way"; where_it_was_lost; return 1; }
		done
	done
	sends web "$NAS" 1024
}

# The host's own MTU is smaller than its LAN's and the tunnel's; its MSS says so.
black_hole() {
	in_ns nas link set eth0 mtu 1200
	sends web "$NAS" 256
	sends nas "$WEB" 256
	in_ns nas link set eth0 mtu 1500
}

# Who says so is believed: a path MTU learned from the mesh is used, with no packet lost in silence.
too_big_is_said() {
	run ns web ping -n -c 2 -i 0.2 -M do -s 1400 "$NAS"
	echo "$output"
	[[ "$output" == *'mtu = 1420'* || "$output" == *'mtu=1420'* ]]
	ns web ping -q -n -c 2 -i 0.2 -M do -s 1392 "$NAS" | grep -q ' 2 received'
}

# --- bad lines ----------------------------------------------------------------------

# One in 25 datagrams between the gateways is lost.
bad_line() {
	ns net nft -f - <<-'END'
		table bridge line {
			chain forward {
				type filter hook forward priority 0
				ip protocol udp numgen random mod 25 == 0 drop
			}
		}
	END
	sends web "$NAS" 512
	sends nas "$KIOSK" 256
	sends laptop "$CAM" 128
	ns net nft list chain bridge line forward
	ns net nft delete table bridge line
}

# In the cable of gateway b, between it and the "internet".
unruly_line() {
	local line log=$BATS_TEST_TMPDIR/line held
	in_ns net link add line0 type veth peer name line1
	in_ns net link set gw-b nomaster
	in_ns net link set line1 master br0 up
	in_ns net link set line0 up
	# Not through ns, which would stand between us and its pid.
	ip netns exec "$WM_DEMO-net" "$ROOT/tests/e2e/lib/unruly_line" gw-b line0 >"$log" 3>&- &
	line=$!
	wait_for 10 'the line is ready' grep -q ready "$log"
	# Whatever comes of it, the cable is as before.
	over_unruly_line && held=0 || held=1
	kill "$line"
	wait "$line" || true
	in_ns net link del line0
	in_ns net link set gw-b master br0
	cat "$log"
	[ "$held" = 0 ]
	# It did: hundreds of packets were late.
	held=$(sed -n 's/^held back \([0-9]*\), doubled .*/\1/p' "$log")
	[ "$held" -ge 100 ]
}

over_unruly_line() {
	sends web "$NAS" 512 && sends nas "$WEB" 512 && sends web "$CAM" 256 && sends nas "$KIOSK" 256 &&
		pings laptop "$NAS" 5
}

differences_are_told() {
	local n
	run on a "$BIN/wm-bpf" status --instance a
	echo "$output"
	[[ "$output" == *'NOT AS WITH BPF'*'new ones are refused'*'wm-bpf trace cannot be had'* ]]
	n=$(on a "$BIN/wm-bpf" status --instance a -j | jq '.differences | length')
	[ "$n" -gt 10 ]
	[ "$(on a "$BIN/wm-gateway" status --instance a -j | jq .dataplane.differences)" = "$n" ]
}
