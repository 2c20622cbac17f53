#!/usr/bin/env bats
# Which way two gateways find to each other: directly or through the hub; behind NAT, with IPv6 alone, after a change of key.
# time limit: 240 s
#
#   hub 198.51.100.1, 11.0.0.1, fd11::1 --- net --- a 11.0.0.2, fd11::2
#   (registry)                             |  |
#                          11.0.0.3 natb --+  +-- natc 11.0.0.4
#                                    |               |
#                             b 10.1.0.2        c 10.2.0.2
#
# 11.0.0.0/8 is public, as gateways see it; it is nowhere but in these namespaces.

load lib/paths

setup_file() { paths_up; }
teardown_file() { paths_down; }
setup() { paths_use; }

seen_at() { gateway "$1" status -j | jq -e --arg at "$2" '.endpoint.seen == $at'; }

@test "a gateway with a public address of its own says so; behind NAT it says nothing" {
	wait_for 30 'a has said where it is' endpoint_is a 11.0.0.2:51820
	wait_for 30 'b and c have been there' reported b c
	endpoint_is b null
	endpoint_is c null
	gateway a status -j | jq -e '.endpoint | .told == "11.0.0.2:51820" and .seen == .told and .by == "registry" and .own and .found > 0'
	gateway hub status -j | jq -e '.endpoint | .told == "198.51.100.1:51820" and .by == "PUBLIC_IP"'
	wait_for 30 'b knows where it is seen' seen_at b 11.0.0.3:51820
	gateway b status -j | jq -e '.endpoint | .told == null and .by == "registry" and (.own | not)'
	gateway b status | grep -F 'behind NAT'
}

@test "a spoke behind NAT reaches one with an address directly, and both the hub" {
	wait_for 30 'b reaches a' reaches b a
	wait_for 30 'b reaches the hub' reaches b hub
	peer_has b a "$(subnet a)"
	peer_has a b "$(subnet b)"
	reaches a b
}

@test "two spokes that nobody can reach meet at the hub" {
	peer_has b hub "$(subnet c)"
	peer_has c hub "$(subnet b)"
	not is_peer b c
	not is_peer c b
	wait_for 30 'b reaches c' reaches b c
	wait_for 30 'c reaches b' reaches c b
}

@test "each pair of peers has a preshared key, the same at both ends, and nothing else has it" {
	for pair in 'a b' 'a c' 'a hub' 'b hub' 'c hub'; do
		set -- $pair
		wait_for 20 "$1 and $2 share a key" share "$1" "$2"
	done
	[ "$(for s in a b c; do preshared "$s" hub; done; preshared a b)" ] # not empty
	[ "$(for s in a b c; do preshared "$s" hub; done | sort -u | wc -l)" = 3 ]
	# Who else may read the files of a gateway?
	[ "$(stat -c %a "$DIR/state/b/config")" = 600 ]
	not grep -rqF "$(preshared a b)" "$DIR/registry" "$DIR/log"
}

@test "a way through the hub becomes a direct one when one of them can be reached, and goes back" {
	# c's router forwards the port, which is what PUBLIC_IP=auto says
	n natc nft add chain ip nat pre '{ type nat hook prerouting priority dstnat; }'
	n natc nft add rule ip nat pre iifname out udp dport 51820 dnat to 10.2.0.2
	gateway_stop c
	sed -i 's/^PUBLIC_IP=.*/PUBLIC_IP=auto/' "$DIR/etc/c/gateway.env"
	gateway_start c
	wait_for 30 'c has said where it is' endpoint_is c 11.0.0.4:51820
	wait_for 30 'b has c as a peer' is_peer b c
	wait_for 30 'c has b as a peer' is_peer c b
	wait_for 30 'b reaches c directly' reaches b c
	share b c
	# and no more
	api PATCH /v1/sites/c '{"endpoint":null}'
	gateway_stop c
	sed -i 's/^PUBLIC_IP=.*/PUBLIC_IP=none/' "$DIR/etc/c/gateway.env"
	api PATCH /v1/sites/c '{"endpoint":null}'
	gateway_start c
	wait_for 30 'b has no peer c' not is_peer b c
	wait_for 30 'c has no peer b' not is_peer c b
	wait_for 30 'b reaches c by way of the hub' reaches b c
}

@test "a name is looked up, and its address said when it changes" {
	gateway_stop c
	sed -i 's/^PUBLIC_IP=.*/PUBLIC_IP=c.home.example:4000/' "$DIR/etc/c/gateway.env"
	echo '11.0.0.4 c.home.example' >"/etc/netns/$T-c/hosts"
	gateway_start c
	wait_for 30 'c has said what its name says' endpoint_is c 11.0.0.4:4000
	gateway_stop c
	sed -i 's/^PUBLIC_IP=.*/PUBLIC_IP=none/' "$DIR/etc/c/gateway.env"
	api PATCH /v1/sites/c '{"endpoint":null}'
	gateway_start c
}

@test "of services that say where a gateway is, two have to agree" {
	# The registry sees the hub at an address that is not public. A second one, by https, gives out files that say addresses.
	mkdir "$DIR/say"
	chmod 755 "$DIR/say"
	for i in 1 2 3; do echo "11.0.0.7$i" >"$DIR/say/$i"; done
	echo 192.168.1.1 >"$DIR/say/private"
	services_up "$DIR/say"
	say=https://198.51.100.1:8444/downloads
	hub_asks() { # SERVICE...
		gateway_stop hub
		sed -i '/^PUBLIC_IP=/d; /^WM_ENDPOINT_SERVICES=/d; /^WM_REGISTRY_CA=/d' "$DIR/etc/hub/gateway.env"
		printf '%s\n' PUBLIC_IP=auto "WM_REGISTRY_CA=$DIR/say.ca" "WM_ENDPOINT_SERVICES=$(printf "$say/%s\n" "$@" | paste -sd,)" \
			>>"$DIR/etc/hub/gateway.env"
		: >"$DIR/log/hub"
		gateway_start hub
	}
	hub_asks 1 2 3 private private none
	wait_for 20 'it has asked' grep -q 'no two of WM_ENDPOINT_SERVICES agree' "$DIR/log/hub"
	endpoint_is hub 198.51.100.1:51820
	echo 11.0.0.71 >"$DIR/say/3"
	hub_asks 1 2 3
	wait_for 20 'it has said what two services say' endpoint_is hub 11.0.0.71:51820
	gateway_stop hub
	sed -i 's/^PUBLIC_IP=.*/PUBLIC_IP=198.51.100.1/; /^WM_ENDPOINT_SERVICES=/d' "$DIR/etc/hub/gateway.env"
	gateway_start hub
	wait_for 20 'it has said what it is given' endpoint_is hub 198.51.100.1:51820
}

@test "a gateway that gets another key loses no flow" {
	wait_for 30 'b reaches a' reaches b a
	before=$(preshared a b)
	n b ping -q -i 0.2 -c 100 -W 20 "$(gw a)" >"$DIR/ping" 3>&- &
	ping=$!
	gateway_stop b
	rm "$DIR/etc/b/private.key"
	gateway_start b
	wait_for 20 'there is another preshared key' other_key a b "$before"
	wait_for 20 'a and b share it' share a b
	wait_for 20 'b reaches a again' reaches b a
	reaches a b
	wait "$ping"
	cat "$DIR/ping"
	# One handshake, not a timeout of WireGuard's, which would be a hundred and more.
	[ "$(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$DIR/ping")" -ge 60 ]
}

@test "a removed site is no peer any more" {
	api DELETE /v1/sites/c
	wait_for 20 'a has no peer c' not is_peer a c
	wait_for 20 'the hub has no peer c' not is_peer hub c
	! n hub wg show "$(ifname hub)" allowed-ips | grep -qF "$(subnet c)"
}

@test "with IPv6 alone between them gateways meet, too" {
	for m in hub a; do
		gateway_stop "$m"
		n "$m" ip -4 addr flush dev net
	done
	sed -i 's/^PUBLIC_IP=.*/PUBLIC_IP=fd11::1/; s/198.51.100.1/[fd11::1]/' "$DIR/etc/hub/gateway.env"
	sed -i 's/^PUBLIC_IP=.*/PUBLIC_IP=fd11::2/; s/198.51.100.1/[fd11::1]/' "$DIR/etc/a/gateway.env"
	gateway_start hub
	gateway_start a
	wait_for 30 'the hub has said where it is' endpoint_is hub '[fd11::1]:51820'
	wait_for 30 'a reaches the hub' reaches a hub
	wait_for 30 'the hub reaches a' reaches hub a
	n a wg show "$(ifname a)" endpoints | grep -F '[fd11::1]:51820'
}
