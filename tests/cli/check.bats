#!/usr/bin/env bats
# wm check, info and deepcheck: a mesh of two sites whose far ends are addresses in another network namespace.

load rig
setup() { rig_setup; }
teardown() { rig_teardown; }

# pc.a is this machine; a's gateway, b's and nas.b are `far`
mesh() {
	away
	in_far sh -c 'for a in 172.30.1.1 172.30.2.1 172.30.3.1 172.30.3.2; do ip addr add $a/32 dev lo; done'
	in_far ip addr add 198.51.100.7/32 dev lo
	in_pc ip route add 198.51.100.7 via 10.9.0.1
	nsenter -t "$FAR" -n -- perl -MIO::Socket -e '$s = IO::Socket::INET->new(Proto => "udp", LocalAddr => "198.51.100.7:51820") or die;
		while (1) { $s->recv($x, 100) }' 3>&- & # silent, as WireGuard is
	PIDS+=("$!")
	until_true 10 sh -c "nsenter -t $FAR -n -- ss -Hlnu | grep -q 51820"
	connected
	"$WM" add-site hub --hub --endpoint 198.51.100.7:51820 >"$DIR/hub.env"
	"$WM" add-site a --subnet 172.30.2.0/24 >"$DIR/a.env"
	"$WM" add-site b --subnet 172.30.3.0/24 >"$DIR/b.env"
	"$WM" add-host pc.a --local-ip 10.9.0.2
	"$WM" add-host nas.b --local-ip 192.168.1.10
	cat >>"$DIR/hosts" <<-END
		172.30.1.1 gw.hub
		172.30.2.1 gw.a
		172.30.3.1 gw.b
		172.30.3.2 nas.b
		10.9.0.2 pc.a
	END
}

# checks FILTER COMMAND...: of the list of findings, whatever the exit code
checks() {
	local filter=$1
	shift
	"$@" -j >"$DIR/json" || true
	jq -e ".meshes[0].checks | $filter" "$DIR/json" >/dev/null || { cat "$DIR/json" >&2; return 1; }
}

@test "check: all is well, a line each, exit 0" {
	mesh
	enrolled hub a b
	in_sync hub; in_sync a; in_sync b
	run -0 "$WM" check
	[ "${lines[0]}" = "=== home (172-30) ===" ]
	[ "${lines[1]}" = "ok     registry $URL: up; our token is admin" ]
	[[ $output == *"ok     config: generation "*", without duplicates or overlaps"* ]]
	for site in hub a b; do
		grep -qE "^ok     gateway $site: generation [0-9]+ in force \(bpf\), [0-9]+ s ago$" <<<"$output"
	done
	grep -qx 'ok     name gw.b: resolves here, to 172.30.3.1' <<<"$output"
	[ "${lines[-1]}" = "nothing is wrong" ]
	json '.meshes[0] | .wrong == 0 and .slug == "172-30" and (.checks | all(.state == "ok" and .todo == null) and
		any(.check == "gateway" and .object == "b"))' "$WM" check -j
}

@test "check: what is wrong has a line that says what to do, and exit 1" {
	mesh
	enrolled hub a
	in_sync hub
	report a '{"generation":1,"instance":"x","dataplane":"bpf","problem":"","version":"0.1.0","applied_ms":7}'
	run -1 "$WM" check
	grep -qE '^wrong  gateway a: has generation 1 of [0-9]+ in force\. If .wm wait --synced. does not end' <<<"$output"
	grep -qE "^wrong  gateway b: has not enrolled yet\. Set it up with what 'wm enrol b' prints$" <<<"$output"
	[ "${lines[-1]}" = "2 things are wrong" ]
	report a '{"generation":1,"instance":"x","dataplane":"bpf","problem":"eth9 is not there","version":"0.1.0","applied_ms":7}'
	checks 'any(.state == "wrong" and .object == "a" and .what == "has a problem: eth9 is not there" and (.todo | test("wm-gateway status")))' \
		"$WM" check
	report a '{"generation":1,"instance":"x","dataplane":"nft","dataplane_note":"BPF: no bpffs","clock":"2016-01-02T03:04:05Z"}'
	checks 'any(.state == "wrong" and .check == "clock" and .object == "a" and (.what | test("^the gateway.s is .* behind the registry.s$")) and
		(.todo | test("NTP")))' "$WM" check
	report a "{\"generation\":1000,\"instance\":\"x\",\"dataplane\":\"nft\",\"clock\":\"$(date -u +%FT%TZ)\"}"
	checks 'all(.check != "clock")' "$WM" check
}

@test "check: endpoints that are dead, twice there, or local" {
	mesh
	enrolled hub a b
	in_sync hub; in_sync a; in_sync b
	checks 'any(.check == "endpoint") | not' "$WM" check
	api PATCH /v1/sites/a '{"endpoint":"198.51.100.7:51821"}'
	checks 'map(select(.check == "endpoint")) | length == 1 and .[0].state == "wrong" and .[0].object == "a" and
		.[0].what == "nothing listens at 198.51.100.7:51821"' "$WM" check
	api PATCH /v1/sites/a '{"endpoint":"198.51.100.7:51820"}'
	checks 'any(.state == "wrong" and .check == "endpoint" and .what == "198.51.100.7:51820 is also that of hub")' "$WM" check
	api PATCH /v1/sites/a '{"endpoint":"10.9.0.1:51820"}'
	nsenter -t "$FAR" -n -- perl -MIO::Socket -e '$s = IO::Socket::INET->new(Proto => "udp", LocalAddr => "10.9.0.1:51820") or die;
		while (1) { $s->recv($x, 100) }' 3>&- &
	PIDS+=("$!")
	until_true 10 sh -c "nsenter -t $FAR -n -- ss -Hlnu | grep -qF 10.9.0.1:51820"
	checks 'map(select(.check == "endpoint")) | length == 1 and .[0].state == "note" and (.[0].what | test("local network"))' \
		"$WM" check
	api PATCH /v1/sites/hub '{"endpoint":null}'
	checks 'any(.state == "wrong" and .check == "endpoint" and .object == "hub" and (.what | test("nobody can reach it")))' "$WM" check
}

@test "check: names that this machine does not know, or knows wrongly" {
	mesh
	enrolled hub a b
	in_sync hub; in_sync a; in_sync b
	grep -v gw "$DIR/hosts" >"$DIR/fewer"
	cat "$DIR/fewer" >"$DIR/hosts" # the same file: it is mounted
	checks 'map(select(.check == "name")) | length == 1 and .[0].state == "wrong" and (.[0].what | test("does not resolve here"))
		and (.[0].todo | test("wm host-setup"))' "$WM" check
	echo '10.1.2.3 gw.a gw.b gw.hub' >>"$DIR/hosts"
	checks 'any(.object == "gw.b" and .what == "resolves here to something else than 172.30.3.1")' "$WM" check
	"$WM" remove pc.a # a machine outside of the mesh need not know them
	checks 'any(.check == "name") | not' "$WM" check
}

@test "check: a gateway that has what a registry said before it was restored" {
	mesh
	enrolled hub a b
	in_sync hub; in_sync a
	report b '{"generation":1000000,"instance":"x","dataplane":"bpf","problem":"","version":"0.1.0","applied_ms":7}'
	checks 'any(.state == "wrong" and .object == "b" and (.what | test("another registry said")))' "$WM" check
	"$WM" list | grep -qE '^b +site .*behind: what another registry said, [0-9]+ s ago'
}

ago() { date -u -d "-$1 seconds" +%Y-%m-%dT%H:%M:%SZ; }

@test "check: handshakes that are missing or old, where they should not be" {
	mesh
	enrolled hub a b
	api PATCH /v1/sites/a '{"endpoint":"198.51.100.7:51820"}' # it could be reached, as the hub
	"$WM" add-device laptop --conf "$DIR/laptop.conf" >/dev/null
	peer() { echo "{\"kind\":\"$1\",\"name\":\"$2\",\"handshake\":${3:-null},\"rx\":2048,\"tx\":5}"; }
	in_sync a "\"peers\":[$(peer site hub "\"$(ago 4000)\"")]" # both have an endpoint: it may be idle
	in_sync b "\"peers\":[$(peer site hub "\"$(ago 60)\""),$(peer site a)]"
	in_sync hub "\"peers\":[$(peer site a "\"$(ago 4000)\""),$(peer site b "\"$(ago 60)\""),$(peer device laptop)]"
	checks 'map(select(.check == "handshake")) | length == 1 and .[0].state == "wrong" and .[0].object == "b - a" and
		.[0].what == "there was none yet" and (.[0].todo | test("Does UDP get to a"))' "$WM" check
	checks 'any(.state == "note" and .check == "device" and .object == "laptop")' "$WM" check
	in_sync b "\"peers\":[$(peer site hub "\"$(ago 400)\""),$(peer site a "\"$(ago 10)\"")]"
	checks 'map(select(.check == "handshake")) | length == 1 and .[0].object == "b - hub" and (.[0].what | test("the last was 6 min ago"))' \
		"$WM" check
	# And list shows them.
	"$WM" list -o wide | grep -qE '^b +site .* [0-9]+ s +4.0 KiB +10 B +in sync'
	"$WM" list | grep -qE '^  laptop.hub +roaming .* never seen by the hub'
	json '.meshes[0].sites[] | select(.domain == "b") | .rx == 4096 and .tx == 10 and (.handshake | test("Z$"))' "$WM" list -j
}

@test "check: an empty mesh, a reader's token, a registry that is gone" {
	connected
	checks 'any(.state == "note" and .what == "there are no sites")' "$WM" check
	api POST /v1/tokens '{"role":"read","name":"eyes"}' | jq -r .token >"$DIR/token"
	checks 'any(.state == "note" and .what == "up; our token is read")' "$WM" check --token-file "$DIR/token"
	kill "$REGISTRY_PID"
	wait "$REGISTRY_PID" || true
	fails 3 'nothing accepts the connection' "$WM" check
}

@test "check: two meshes whose addresses are the same" {
	start_registry one
	"$WM" mesh add "$URL" "$MASTER" --name one
	start_registry two 172.30.128.0/17
	"$WM" mesh add "$URL" "$MASTER" --name two
	"$WM" check | grep -qE '^note   supernet 172.30.128.0/17: overlaps that of mesh one\. No machine can be in both'
}

@test "info: the mesh, and what this machine is in it" {
	mesh
	run -0 "$WM" info
	[[ $output == *"supernet: 172.30.0.0/16"*"hub: hub"*"sites: 3"*"hosts: 2"* ]]
	grep -qx 'this machine: host pc.a (172.30.2.2 in the mesh), by its address 10.9.0.2 on lan' <<<"$output"
	grep -qx 'packets to the mesh leave by lan via 10.9.0.1' <<<"$output"
	json '.meshes[0] | .here == [{kind:"host", name:"pc.a", wg_ip:"172.30.2.2", isolated:false, address:"10.9.0.2", interface:"lan"}]
		and .route == {interface:"lan", via:"10.9.0.1", default:false} and .hosts == 2 and .role == "admin"' "$WM" info -j
	"$WM" set pc.a --type isolated
	"$WM" info | grep -q 'this machine: host pc.a (172.30.2.2, isolated in the mesh)'
	"$WM" remove pc.a
	in_pc ip route del 172.30.0.0/16
	run -0 "$WM" info
	[[ $output == *"has no address of the mesh, and none of a registered host"*"there is no route to the mesh here"* ]]
}

@test "deepcheck: everybody answers, by name and address, with the MTU of the path" {
	mesh
	"$WM" remove pc.a && "$WM" add-host pc.a --local-ip 10.9.0.2 # its overlay address is not there to answer
	in_far ip addr add 172.30.2.2/32 dev lo
	run -0 "$WM" deepcheck
	grep -qx 'ok     here pc.a: this machine is the host' <<<"$output"
	grep -qx 'ok     route 172.30.0.0/16: lan via 10.9.0.1' <<<"$output"
	grep -qx 'ok     names: 5 of 5 resolve as they should' <<<"$output"
	grep -qx 'ok     host nas.b: 172.30.3.2 answers, path MTU 1500' <<<"$output"
	grep -qx 'ok     gateway gw.b: 172.30.3.1 answers, path MTU 1500' <<<"$output"
	[ "${lines[-1]}" = "nothing is wrong" ]
}

@test "deepcheck: where it breaks" {
	mesh
	in_far ip addr del 172.30.3.2/32 dev lo
	checks 'any(.object == "nas.b" and .state == "wrong" and (.what | test("its gateway does: it breaks on the LAN of b")))' \
		"$WM" deepcheck nas.b
	in_far ip addr del 172.30.3.1/32 dev lo
	checks 'any(.object == "gw.b" and .state == "wrong" and (.what | test("the hub does: it breaks between the two"))) and
		any(.object == "nas.b" and (.what | test("its gateway neither")))' "$WM" deepcheck b
	checks 'map(select(.object | test("^gw"; "")? // false)) | length == 1' "$WM" deepcheck b # of the others nothing is said
	in_far ip link set eth0 down
	checks 'any(.object == "gw.b" and (.what | test("nobody else does|cannot even be sent to")))' "$WM" deepcheck b
	in_pc ip route del 172.30.0.0/16
	checks 'any(.check == "route" and .state == "wrong") and any(.object == "gw.b" and (.what | test("cannot even be sent to: Network is unreachable")))' \
		"$WM" deepcheck b
	run -1 "$WM" deepcheck b
	fails 1 "no site, host or enrolled device is called 'nosuch'" "$WM" deepcheck nosuch
	fails 1 "no site, host or enrolled device is called 'nass.b'" "$WM" deepcheck b nass.b
}

@test "deepcheck: a smaller MTU that the network tells of, and one that it keeps to itself" {
	mesh
	in_far ip link set eth0 mtu 1400
	in_pc ip route change 172.30.0.0/16 via 10.9.0.1 mtu 1400
	checks 'any(.object == "gw.b" and .state == "ok" and .what == "172.30.3.1 answers, path MTU 1400")' "$WM" deepcheck gw.b
	in_pc ip route change 172.30.0.0/16 via 10.9.0.1
	in_far ip link set eth0 mtu 1500
	in_far nft -f - <<-END
		table ip t {
			chain c {
				type filter hook prerouting priority 0
				ip length > 1234 drop
			}
		}
	END
	checks 'any(.object == "gw.b" and .state == "wrong" and .what == "172.30.3.1 answers, but packets over 1234 bytes vanish without a word")' \
		"$WM" deepcheck gw.b
}

@test "deepcheck: an isolated machine is told so, and a user who may not ping asks otherwise" {
	mesh
	"$WM" set pc.a --type isolated
	checks 'any(.check == "here" and .state == "wrong" and (.what | test("it may answer, not ask")))' "$WM" deepcheck
	"$WM" set pc.a --type standard
	chmod 755 "$DIR"; chmod -R a+rX "$WM_CONFIG_DIR"
	printf '#!/bin/sh\nexec nsenter -t %s -n -m --wd="$PWD" -- setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all "%s" "$@" 2>/dev/null\n' \
		"$PC" "$PWD/$B/wm" >"$DIR/wm"
	checks 'any(.check == "here" and .state == "note" and (.what | test("may not send ping"))) and
		any(.object == "gw.b" and .state == "ok" and .what == "172.30.3.1 answers")' "$DIR/wm" deepcheck gw.b
}
