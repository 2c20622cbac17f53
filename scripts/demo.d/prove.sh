# shellcheck shell=bash
# The demo's proofs: one printed line each, `ok` or `FAILED`.
#
# Nothing is called blocked because it failed once: the same probe, from the
# same machine, passes as soon as the registry says that it may (the control),
# and stops when the registry takes that back. And the packets that were
# blocked are found again, all of them, in the one counter that is theirs.

PORT=9000 # tcp serve listens there on every machine
FAILED=0
PROVED=0

line() { # line <status> <text>
	if [ "$1" = 0 ]; then
		PROVED=$((PROVED + 1))
		printf 'ok      %s\n' "$2"
	else
		FAILED=$((FAILED + 1))
		printf 'FAILED  %s\n' "$2"
	fi
}

holds() { # holds <text> <command>...: a line that holds when the command succeeds
	local text=$1 status=0
	shift
	"$@" >"$WM_DEMO_DIR/log/last" 2>&1 || status=$?
	line "$status" "$text"
	[ "$status" = 0 ] || sed 's/^/        | /' "$WM_DEMO_DIR/log/last"
}

# --- probes ---------------------------------------------------------------------

# echoes <machine> <target> <count> <answers>: so many pings are sent, so many answered
echoes() {
	local said
	said=$(ns "$1" ping -q -n -c "$3" -i 0.2 -W "$((${WM_SLOW:-1} + 1))" "$2" 2>&1 || true)
	[[ "$said" == *"$3 packets transmitted, $4 received"* ]] || { echo "$said"; return 1; }
}

pings() { echoes "$1" "$2" "${3:-3}" "${3:-3}"; } # pings <machine> <target> [count]: all are answered
silent() { echoes "$1" "$2" "$3" 0; }             # silent <machine> <target> <count>: none is answered

sends() { # sends <machine> <target> [kib]: TCP there and back, unchanged
	ns "$1" "$HERE/demo.d/tcp" send "$2" $PORT "${3:-512}"
}

refused() { ! sends "$@" 1; }

resolves() { # resolves <machine> <server> <name> <address>
	local answer
	answer=$(ns "$1" dig +short +time=2 +tries=2 "@$2" "$3" A)
	[ "$answer" = "$4" ] || { echo "$3: '$answer' instead of $4"; return 1; }
}

# As the registry has them: WEB=172.30.2.2 and so on.
addresses() {
	local name address
	while read -r name address; do
		printf -v "${name^^}" %s "$address"
	done < <({ wm -j list-hosts; wm -j list-devices; } |
		jq -r '.meshes[0] | (.hosts // .devices)[] | "\(.name) \(.wg_ip)"')
}

# --- counters -------------------------------------------------------------------

counter() { # counter <gateway> <reason>: packets so far
	stats "$1" -j | jq -er --arg r "$2" '.reasons[] | select(.name == $r).packets'
}

DROPS='invalid spoofed unregistered isolated no_host not_relay untranslated redirect flow_full no_neighbour'

drops() { # every drop counter of every gateway: "a isolated 3"
	local instance
	for instance in $GATEWAYS; do
		stats "$instance" -j | jq -r --arg i "$instance" --arg d "$DROPS" \
			'($d / " ") as $d | .reasons[] | select(.name as $n | $d | index($n)) | "\($i) \(.name) \(.packets)"'
	done
}

# raises <gateway> <reason> <n> <command>...: exactly so, and no other drop counter of any gateway moves.
raises() {
	local want="$1 $2 $3" before got n=$3
	shift 3
	before=$(drops)
	"$@" || return 1
	got=$(paste -d ' ' <(echo "$before") <(drops) | awk '$3 != $6 { print $1, $2, $6 - $3 }')
	[ "$n" = 0 ] && want=
	[ "$got" = "$want" ] || { echo "counters that moved: '${got//$'\n'/, }' instead of '$want'"; return 1; }
}

# moves <gateway> <reason> <n> <command>...: the counter of something that passes.
moves() {
	local gateway=$1 reason=$2 n=$3 before after
	shift 3
	before=$(counter "$gateway" "$reason")
	"$@" || return 1
	after=$(counter "$gateway" "$reason")
	[ $((after - before)) = "$n" ] || { echo "$reason at $gateway: $((after - before)) instead of $n"; return 1; }
}

# operator <wm arguments>: a change at the registry, then until it is in force everywhere.
operator() {
	wm "$@" >"$WM_DEMO_DIR/log/last" 2>&1 || { cat "$WM_DEMO_DIR/log/last"; line 1 "wm $*"; }
	wait_for 10 "the gateways follow 'wm $1'" in_sync
}

# --- the proofs -----------------------------------------------------------------

servers_up() {
	local machine
	for machine in web kiosk guest nas cam laptop sensor; do
		ns "$machine" "$HERE/demo.d/tcp" serve $PORT </dev/null >"$WM_DEMO_DIR/log/serve-$machine" 2>&1 &
		disown
		wait_for 5 "$machine serves" serves "$machine"
	done
}

serves() { ns "$1" ss -Hltn "sport = :$PORT" | grep -q .; }

tunnels_up() { # the first packet makes the handshake; a lost one is sent again after 5 s
	wait_for 20 'the tunnel between a and b carries' pings web "$NAS" 1
	wait_for 20 'the tunnel of the laptop carries' pings laptop "$NAS" 1
}

prove_sites() {
	echo "# web and nas both have 192.168.1.10, each on a LAN of its own; overlay: web.a $WEB, nas.b $NAS"
	holds 'web -> nas.b: ping by overlay address' pings web "$NAS"
	holds 'nas -> web.a: ping by overlay address' pings nas "$WEB"
	holds 'web: the name server of site a says nas.b has its overlay address' resolves web 192.168.1.1 nas.b "$NAS"
	holds 'web -> nas.b: ping by name' pings web nas.b
	holds 'web -> nas.b: TCP by name, 1 MiB there and back unchanged' sends web nas.b 1024
	holds 'nas -> web.a: TCP by overlay address, 1 MiB there and back unchanged' sends nas "$WEB" 1024
	holds 'web: the name server of site a says kiosk.a has its LAN address' resolves web 192.168.1.1 kiosk.a 192.168.1.11
	holds 'nas: the name server of site b says cam.b has its LAN address' resolves nas 192.168.1.1 cam.b 192.168.1.11
	holds 'web -> its gateway by overlay address' pings web 172.30.2.1
	holds 'gateway b -> nas.b by overlay address' pings gw-b "$NAS"
}

prove_devices() {
	holds 'laptop -> nas.b: ping, through the hub' pings laptop "$NAS"
	holds 'nas -> laptop: ping, through the hub' pings nas "$LAPTOP"
	holds 'laptop -> web.a: TCP by name of the hub, 512 KiB there and back unchanged' sends laptop web.a 512
	holds 'nas -> laptop.hub: TCP by name, 512 KiB there and back unchanged' sends nas laptop.hub 512
}

prove_counters() {
	holds '10 pings web -> nas.b: to_mesh at a is raised by 10' moves a to_mesh 10 pings web "$NAS" 10
	holds '10 pings web -> nas.b: to_lan at b is raised by 10' moves b to_lan 10 pings web "$NAS" 10
	holds '10 pings web -> nas.b: nothing is dropped anywhere' raises a none 0 pings web "$NAS" 10
	holds '10 pings laptop -> nas.b: relay at the hub is raised by 20' moves hub relay 20 pings laptop "$NAS" 10
}

prove_unregistered() {
	holds 'guest (unregistered) -> nas.b: 5 pings blocked, 5 counted as unregistered at a' \
		raises a unregistered 5 silent guest "$NAS" 5
	holds 'guest (unregistered) -> nas.b: TCP blocked' refused guest "$NAS"
	holds 'guest (unregistered) -> its gateway on the LAN: not ours, passes' pings guest 192.168.1.1
	holds 'guest (unregistered): may ask the name server of its gateway' resolves guest 192.168.1.1 nas.b "$NAS"
	operator add-host guest.a --local-ip 192.168.1.99
	holds 'control: guest, registered -> nas.b: ping' pings guest "$NAS"
	holds 'guest, registered -> web.a, same site, by overlay address: 3 pings and answers, 6 counted as hairpin at a' \
		moves a hairpin 6 pings guest "$WEB" 3
	holds 'control: guest, registered -> nas.b: TCP, 128 KiB there and back unchanged' sends guest "$NAS" 128
	operator remove guest.a
	holds 'guest, removed again -> nas.b: 3 pings blocked and counted' raises a unregistered 3 silent guest "$NAS" 3
	holds 'web -> an overlay address of b that nobody has: 4 pings blocked, 4 counted as no_host at b' \
		raises b no_host 4 silent web 172.30.3.200 4
}

prove_isolated_host() {
	holds 'nas -> kiosk.a (isolated): it answers ping' pings nas "$KIOSK"
	holds 'nas -> kiosk.a (isolated): it answers TCP, 128 KiB there and back unchanged' sends nas "$KIOSK" 128
	holds 'laptop -> kiosk.a (isolated): it answers TCP, 128 KiB there and back unchanged' sends laptop "$KIOSK" 128
	holds 'web -> kiosk.a (isolated), same site, by overlay address: 3 pings and answers, 6 counted as hairpin at a' \
		moves a hairpin 6 pings web "$KIOSK" 3
	holds 'gateway b -> cam.b (isolated): it answers ping' pings gw-b "$CAM"
	holds 'kiosk (isolated) -> nas.b: 5 pings blocked, 5 counted as isolated at a' \
		raises a isolated 5 silent kiosk "$NAS" 5
	holds 'kiosk (isolated) -> nas.b: TCP blocked' refused kiosk "$NAS"
	holds 'kiosk (isolated) -> web.a, same site, by overlay address: 3 pings blocked and counted' \
		raises a isolated 3 silent kiosk "$WEB" 3
	operator set kiosk.a --type standard
	holds 'control: kiosk, standard -> nas.b: ping' pings kiosk "$NAS"
	holds 'control: kiosk, standard -> nas.b: TCP, 128 KiB there and back unchanged' sends kiosk "$NAS" 128
	operator set kiosk.a --type isolated
	holds 'kiosk, isolated again -> nas.b: 3 pings blocked and counted' raises a isolated 3 silent kiosk "$NAS" 3
}

prove_isolated_device() {
	wait_for 20 'the tunnel of the sensor carries' pings nas "$SENSOR" 1
	holds 'nas -> sensor (isolated): it answers ping' pings nas "$SENSOR"
	holds 'nas -> sensor (isolated): it answers TCP, 128 KiB there and back unchanged' sends nas "$SENSOR" 128
	holds 'sensor (isolated) -> nas.b: 5 pings blocked, 5 counted as isolated at the hub' \
		raises hub isolated 5 silent sensor "$NAS" 5
	holds 'sensor (isolated) -> nas.b: TCP blocked' refused sensor "$NAS"
	holds 'sensor (isolated) may ask the hub for names' resolves sensor 172.30.1.1 nas.b "$NAS"
	operator set sensor --type roaming
	holds 'control: sensor, roaming -> nas.b: ping' pings sensor "$NAS"
	holds 'control: sensor, roaming -> nas.b: TCP, 128 KiB there and back unchanged' sends sensor "$NAS" 128
	operator set sensor --type isolated
	holds 'sensor, isolated again -> nas.b: 3 pings blocked and counted' raises hub isolated 3 silent sensor "$NAS" 3
}

# prove <all|standard>: standard leaves out what needs isolation.
prove() {
	local instance
	addresses
	servers_up
	tunnels_up
	prove_sites
	prove_devices
	prove_counters
	prove_unregistered
	if [ "$1" = all ]; then
		prove_isolated_host
		prove_isolated_device
	fi
	echo
	wm list
	for instance in $GATEWAYS; do
		echo
		echo "# wm-bpf stats --instance $instance"
		stats "$instance"
	done
	echo
	echo "$PROVED held, $FAILED failed"
	[ "$FAILED" = 0 ]
}
