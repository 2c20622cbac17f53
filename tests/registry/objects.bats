#!/usr/bin/env bats
# Sites, hosts and devices: what can be done with them, and what is refused.
# time limit: 300 s

load registry

setup() { start; }

@test "a site gets the lowest free /24 but the first, and its gateway" {
	ok POST /v1/sites '{"domain":"a"}'
	code 201
	is .subnet 172.30.1.0/24
	is .gateway 172.30.1.1
	is .is_hub false
	is .public_key null
	is .endpoint null
	ok POST /v1/sites '{"domain":"b","subnet":"172.30.3.0/24"}'
	ok POST /v1/sites '{"domain":"c"}'
	is .subnet 172.30.2.0/24
	ok POST /v1/sites '{"domain":"d"}'
	is .subnet 172.30.4.0/24
	ok DELETE /v1/sites/a
	code 204
	ok POST /v1/sites '{"domain":"e"}'
	is .subnet 172.30.1.0/24
}

@test "the lowest free address, also after addresses became free and requests failed" {
	mesh
	host() { ok POST /v1/hosts "{\"name\":\"$1\",\"domain\":\"b\",\"local_ip\":\"192.168.1.$2\"}" && is .wg_ip "172.30.2.$3"; }
	host h1 21 3
	host h2 22 4
	host h3 23 5
	ok DELETE /v1/hosts/h1.b
	api POST /v1/hosts '{"name":"h3","domain":"b","local_ip":"192.168.1.99"}'
	problem 409 name
	host h4 24 3
	host h5 25 6
	# moving one frees what it had
	ok PATCH /v1/hosts/h2.b '{"wg_ip":"172.30.2.50"}'
	host h6 26 4
	host h7 27 7
	# a site that goes frees all of it
	ok DELETE '/v1/sites/b?cascade=1'
	ok POST /v1/sites '{"domain":"b"}'
	is .subnet 172.30.2.0/24
	host h8 28 2
	host h9 29 3
	# nor does a restart forget or invent anything
	ok DELETE /v1/hosts/h8.b
	stop
	start
	host h10 30 2
	host h11 31 4
}

@test "a host gets the lowest free address, never one that a device has" {
	mesh
	ok GET /v1/hosts/nas.b
	is .wg_ip 172.30.2.2
	is .type standard
	ok POST /v1/hosts '{"name":"c","domain":"b","local_ip":"192.168.1.12","wg_ip":"172.30.2.4"}'
	ok POST /v1/hosts '{"name":"d","domain":"b","local_ip":"192.168.1.13"}'
	is .wg_ip 172.30.2.3
	ok POST /v1/hosts '{"name":"e","domain":"b","local_ip":"192.168.1.14"}'
	is .wg_ip 172.30.2.5
	# web.hub has .2, laptop .3
	ok POST /v1/hosts '{"name":"f","domain":"hub","local_ip":"10.0.0.6"}'
	is .wg_ip 172.30.1.4
	ok POST /v1/devices '{"name":"phone","type":"isolated"}'
	is .wg_ip 172.30.1.5
	is .domain hub
	is .type isolated
}

@test "a full subnet is said, and nothing is written" {
	ok POST /v1/sites '{"domain":"a","subnet":"172.30.1.0/30"}'
	ok POST /v1/hosts '{"name":"x","domain":"a","local_ip":"192.168.1.2"}'
	is .wg_ip 172.30.1.2
	before=$(generation)
	api POST /v1/hosts '{"name":"y","domain":"a","local_ip":"192.168.1.3"}'
	problem 409 wg_ip
	[ "$(generation)" = "$before" ]
}

@test "a full supernet is said" {
	stop
	empty
	start --supernet 10.9.0.0/23
	ok POST /v1/sites '{"domain":"a"}'
	is .subnet 10.9.1.0/24
	ok POST /v1/sites '{"domain":"b"}'
	is .subnet 10.9.0.0/24
	api POST /v1/sites '{"domain":"c"}'
	problem 409 subnet
}

@test "what is written is read back, in lists by order" {
	mesh
	ok POST /v1/sites '{"domain":"a"}'
	ok GET /v1/sites
	is '[.sites[].domain] | join(" ")' 'a b hub'
	ok GET /v1/hosts
	is '[.hosts[].wg_ip] | join(" ")' '172.30.1.2 172.30.2.2'
	is '.hosts[1].mac' 02:00:00:00:00:10
	ok GET /v1/devices
	is '.devices | length' 1
	ok GET /v1/devices/laptop
	is .public_key "$(key 9)"
	ok GET /v1/sites/hub
	is .is_hub true
	is .endpoint 198.51.100.1:51820
}

@test "a patch changes what it names, null takes away, an unknown member is ignored" {
	mesh
	ok PATCH /v1/hosts/nas.b '{"type":"isolated","future":[1,{"a":2}]}'
	is .type isolated
	is .local_ip 192.168.1.10
	is .mac 02:00:00:00:00:10
	ok PATCH /v1/hosts/nas.b '{"mac":null,"local_ip":"192.168.1.99","wg_ip":"172.30.2.77"}'
	is .mac null
	is .wg_ip 172.30.2.77
	ok PATCH /v1/hosts/nas.b '{"wg_ip":null}'
	is .wg_ip 172.30.2.2
	ok PATCH /v1/sites/b "{\"public_key\":\"$(key 1)\",\"endpoint\":\"[2001:db8::1]:51820\"}"
	is .public_key "$(key 1)"
	is .endpoint '[2001:db8::1]:51820'
	ok PATCH /v1/sites/b '{"endpoint":null}'
	is .endpoint null
	is .public_key "$(key 1)"
	ok PATCH /v1/devices/laptop '{"public_key":null}'
	is .public_key null
	ok GET /v1/hosts/nas.b
	is .local_ip 192.168.1.99
}

@test "a patch that changes nothing is no change" {
	mesh
	before=$(generation)
	ok PATCH /v1/hosts/nas.b '{"type":"standard","local_ip":"192.168.1.10"}'
	ok PATCH /v1/sites/b '{}'
	[ "$(generation)" = "$before" ]
}

@test "every change is one generation, also one of many objects" {
	mesh
	before=$(generation)
	ok POST /v1/hosts '{"name":"x","domain":"b","local_ip":"192.168.1.20"}'
	[ "$(generation)" = $((before + 1)) ]
	ok PATCH /v1/hosts/x.b '{"type":"isolated"}'
	[ "$(generation)" = $((before + 2)) ]
	ok DELETE '/v1/sites/b?cascade=1'
	[ "$(generation)" = $((before + 3)) ]
}

@test "a site with hosts is removed only with them, the hub only with its devices" {
	mesh
	api DELETE /v1/sites/b
	problem 409
	[[ $BODY == *nas.b* ]]
	ok DELETE /v1/hosts/web.hub
	api DELETE /v1/sites/hub
	problem 409
	[[ $BODY == *laptop* ]]
	ok DELETE '/v1/sites/hub?cascade=1'
	api GET /v1/devices/laptop
	problem 404
	ok DELETE '/v1/sites/b?cascade=1'
	api GET /v1/hosts/nas.b
	problem 404
	ok GET /config
	is '(.sites + .hosts + .devices) | length' 0
}

@test "what is not there is 404, for every method" {
	for path in /v1/sites/none /v1/hosts/none.b /v1/devices/none; do
		api GET $path
		problem 404
		api PATCH $path '{}'
		problem 404
		api DELETE $path
		problem 404
	done
	api GET /v1/hosts/noname
	problem 404
	api GET /v1/hosts/a.b.c
	problem 404
	api GET /v1/sites/UPPER
	problem 404
}

# Every line: kind, expected code, field at fault, body. Nothing of it may change anything.
refused() {
	local kind want field body before
	before=$(generation)
	while IFS='|' read -r kind want field body; do
		[ -n "$kind" ] || continue
		api POST "/v1/$kind" "$body"
		problem "$want" "$field" || fails "for $kind $body"
	done
	[ "$(generation)" = "$before" ]
}

@test "bad sites are refused, and the field is named" {
	mesh
	refused <<-EOT
		sites|400|domain|{}
		sites|400|domain|{"domain":""}
		sites|400|domain|{"domain":"UPPER"}
		sites|400|domain|{"domain":"a.b"}
		sites|400|domain|{"domain":"-a"}
		sites|400|domain|{"domain":"a;reboot"}
		sites|400|domain|{"domain":"a\\nb"}
		sites|400||{"domain":"a\\u0000b"}
		sites|400|domain|{"domain":"a/../b"}
		sites|400|domain|{"domain":"$(printf 'a%.0s' {1..64})"}
		sites|400|domain|{"domain":5}
		sites|400|domain|{"domain":"com"}
		sites|400|domain|{"domain":"localhost"}
		sites|400|domain|{"domain":"local"}
		sites|400|domain|{"domain":"123"}
		sites|400|subnet|{"domain":"x","subnet":"172.30.9.1/24"}
		sites|400|subnet|{"domain":"x","subnet":"172.30.9.0"}
		sites|400|subnet|{"domain":"x","subnet":"172.31.0.0/24"}
		sites|400|subnet|{"domain":"x","subnet":"172.30.0.0/15"}
		sites|400|subnet|{"domain":"x","subnet":"172.30.9.0/31"}
		sites|400|subnet|{"domain":"x","subnet":"0.0.0.0/0"}
		sites|400|subnet|{"domain":"x","subnet":"172.30.009.0/24"}
		sites|409|subnet|{"domain":"x","subnet":"172.30.2.0/24"}
		sites|409|subnet|{"domain":"x","subnet":"172.30.2.128/25"}
		sites|409|subnet|{"domain":"x","subnet":"172.30.0.0/22"}
		sites|409|domain|{"domain":"b","subnet":"172.30.9.0/24"}
		sites|409|is_hub|{"domain":"x","is_hub":true}
		sites|400|is_hub|{"domain":"x","is_hub":"yes"}
		sites|400|is_hub|{"domain":"x","is_hub":1}
		sites|400|endpoint|{"domain":"x","endpoint":"example.com:51820"}
		sites|400|endpoint|{"domain":"x","endpoint":"198.51.100.9"}
		sites|400|endpoint|{"domain":"x","endpoint":"198.51.100.9:0"}
		sites|400|endpoint|{"domain":"x","endpoint":"198.51.100.9:65536"}
		sites|400|endpoint|{"domain":"x","endpoint":"127.0.0.1:51820"}
		sites|400|endpoint|{"domain":"x","endpoint":"224.0.0.1:51820"}
		sites|400|endpoint|{"domain":"x","endpoint":"172.30.1.1:51820"}
		sites|400|public_key|{"domain":"x","public_key":"short"}
		sites|400|public_key|{"domain":"x","public_key":"$(key 1 | tr -d =)"}
		sites|409|public_key|{"domain":"x","public_key":"$(key 9)"}
	EOT
}

@test "bad hosts are refused, and the field is named" {
	mesh
	refused <<-EOT
		hosts|400|name|{}
		hosts|400|domain|{"name":"x"}
		hosts|400|local_ip|{"name":"x","domain":"b"}
		hosts|409|domain|{"name":"x","domain":"none","local_ip":"192.168.1.20"}
		hosts|400|name|{"name":"gw","domain":"b","local_ip":"192.168.1.20"}
		hosts|400|name|{"name":"localhost","domain":"b","local_ip":"192.168.1.20"}
		hosts|400|name|{"name":"x.b","domain":"b","local_ip":"192.168.1.20"}
		hosts|400|name|{"name":"\$(id)","domain":"b","local_ip":"192.168.1.20"}
		hosts|409|name|{"name":"nas","domain":"b","local_ip":"192.168.1.20"}
		hosts|409|name|{"name":"laptop","domain":"hub","local_ip":"10.0.0.20"}
		hosts|400|local_ip|{"name":"x","domain":"b","local_ip":"localhost"}
		hosts|400|local_ip|{"name":"x","domain":"b","local_ip":null}
		hosts|400|local_ip|{"name":"x","domain":"b","local_ip":"192.168.1.256"}
		hosts|400|local_ip|{"name":"x","domain":"b","local_ip":"192.168.01.2"}
		hosts|400|local_ip|{"name":"x","domain":"b","local_ip":"0.0.0.0"}
		hosts|400|local_ip|{"name":"x","domain":"b","local_ip":"127.0.0.1"}
		hosts|400|local_ip|{"name":"x","domain":"b","local_ip":"169.254.169.254"}
		hosts|400|local_ip|{"name":"x","domain":"b","local_ip":"224.0.0.5"}
		hosts|400|local_ip|{"name":"x","domain":"b","local_ip":"255.255.255.255"}
		hosts|400|local_ip|{"name":"x","domain":"b","local_ip":"172.30.7.7"}
		hosts|409|local_ip|{"name":"x","domain":"b","local_ip":"192.168.1.10"}
		hosts|400|wg_ip|{"name":"x","domain":"b","local_ip":"192.168.1.20","wg_ip":"172.30.2.0"}
		hosts|400|wg_ip|{"name":"x","domain":"b","local_ip":"192.168.1.20","wg_ip":"172.30.2.1"}
		hosts|400|wg_ip|{"name":"x","domain":"b","local_ip":"192.168.1.20","wg_ip":"172.30.2.255"}
		hosts|400|wg_ip|{"name":"x","domain":"b","local_ip":"192.168.1.20","wg_ip":"172.30.1.9"}
		hosts|409|wg_ip|{"name":"x","domain":"b","local_ip":"192.168.1.20","wg_ip":"172.30.2.2"}
		hosts|409|wg_ip|{"name":"x","domain":"hub","local_ip":"10.0.0.20","wg_ip":"172.30.1.3"}
		hosts|400|wg_ip|{"name":"x","domain":"b","local_ip":"192.168.1.20","wg_ip":"0.0.0.0"}
		hosts|400|type|{"name":"x","domain":"b","local_ip":"192.168.1.20","type":"roaming"}
		hosts|400|type|{"name":"x","domain":"b","local_ip":"192.168.1.20","type":null}
		hosts|400|mac|{"name":"x","domain":"b","local_ip":"192.168.1.20","mac":"ff:ff:ff:ff:ff:ff"}
		hosts|400|mac|{"name":"x","domain":"b","local_ip":"192.168.1.20","mac":"01:00:5e:00:00:01"}
		hosts|400|mac|{"name":"x","domain":"b","local_ip":"192.168.1.20","mac":"02:00:00:00:00"}
	EOT
}

@test "bad devices are refused, and the field is named" {
	api POST /v1/devices '{"name":"early"}'
	problem 409 name
	mesh
	refused <<-EOT
		devices|400|name|{}
		devices|400|name|{"name":"gw"}
		devices|409|name|{"name":"laptop"}
		devices|409|name|{"name":"web"}
		devices|400|type|{"name":"x","type":"standard"}
		devices|400|wg_ip|{"name":"x","wg_ip":"172.30.2.9"}
		devices|409|wg_ip|{"name":"x","wg_ip":"172.30.1.2"}
		devices|409|wg_ip|{"name":"x","wg_ip":"172.30.1.3"}
		devices|409|public_key|{"name":"x","public_key":"$(key 9)"}
		devices|400|public_key|{"name":"x","public_key":7}
	EOT
}

@test "the same names and LAN addresses at two sites are two machines" {
	mesh
	ok POST /v1/hosts '{"name":"nas","domain":"hub","local_ip":"192.168.1.10"}'
	ok GET /v1/hosts/nas.hub
	is .wg_ip 172.30.1.4
	ok GET /v1/hosts/nas.b
	is .wg_ip 172.30.2.2
}

@test "If-Match: a change of a mesh that is another by now is refused, whatever it is" {
	mesh
	tag() { sed -n 's/^etag: \(.*\)\r$/\1/Ip' "$D/head"; }
	ok GET /v1/hosts/nas.b
	old=$(tag)
	[ -n "$old" ]
	for path in /v1/hosts /v1/sites /v1/sites/b /v1/devices/laptop /config /v1/export; do
		ok GET $path
		[ "$(tag)" = "$old" ]
	done
	ok PATCH /v1/hosts/nas.b '{"type":"isolated"}' -H "If-Match: $old"
	before=$(generation)
	while read -r method path body; do
		api "$method" "$path" "$body" -H "If-Match: $old"
		problem 412
	done <<-'EOF'
		PATCH /v1/hosts/nas.b {"type":"standard"}
		PATCH /v1/sites/b {"endpoint":null}
		POST /v1/sites {"domain":"new"}
		POST /v1/devices {"name":"new"}
		DELETE /v1/hosts/nas.b
		DELETE /v1/sites/b?cascade=1
		POST /v1/undo {}
		POST /v1/tokens {"role":"read","name":"x"}
		POST /v1/enrolments {"kind":"gateway","name":"b"}
		POST /v1/import {"sites":[],"hosts":[],"devices":[]}
	EOF
	[ "$(generation)" = "$before" ]
	ok GET /v1/hosts/nas.b
	api PATCH /v1/hosts/nas.b '{"type":"standard"}' -H "If-Match: \"x-1\", $(tag)"
	code 200
	ok PATCH /v1/hosts/nas.b '{"type":"isolated"}' -H 'If-Match: *'
	ok PATCH /v1/hosts/nas.b '{"type":"standard"}' # and without, as ever
}

@test "bad patches are refused and change nothing" {
	mesh
	before=$(generation)
	while IFS='|' read -r path want field body; do
		api PATCH "$path" "$body"
		problem "$want" "$field" || fails "for $path $body"
	done <<-EOT
		/v1/sites/b|400|subnet|{"subnet":"172.30.9.0/24"}
		/v1/sites/b|400|domain|{"domain":"c"}
		/v1/sites/b|409|is_hub|{"is_hub":true}
		/v1/sites/hub|409|is_hub|{"is_hub":false}
		/v1/sites/b|409|public_key|{"public_key":"$(key 9)"}
		/v1/sites/b|400|endpoint|{"endpoint":"nowhere"}
		/v1/hosts/nas.b|400|name|{"name":"nis"}
		/v1/hosts/nas.b|400|domain|{"domain":"hub"}
		/v1/hosts/nas.b|400|wg_ip|{"wg_ip":"172.30.1.9"}
		/v1/hosts/nas.b|400|local_ip|{"local_ip":null}
		/v1/hosts/nas.b|400|type|{"type":"admin"}
		/v1/devices/laptop|400|name|{"name":"desktop"}
		/v1/devices/laptop|409|wg_ip|{"wg_ip":"172.30.1.2"}
	EOT
	[ "$(generation)" = "$before" ]
}

@test "the lowest free address behind thousands that are taken, and before them" {
	ok POST /v1/sites '{"domain":"big","subnet":"172.30.32.0/20"}'
	stop
	sql "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 2501)
		INSERT INTO host (overlay, domain, name, local, access)
		SELECT $((0xac1e2000)) + i, 'big', 'h' || i, $((0xc0a80000)) + i, 1 FROM n"
	start
	ok POST /v1/hosts '{"name":"next","domain":"big","local_ip":"10.0.0.1"}'
	is .wg_ip 172.30.41.198
	ok DELETE /v1/hosts/h1900.big
	stop
	start # and forgets what it knew to be taken
	ok POST /v1/hosts '{"name":"between","domain":"big","local_ip":"10.0.0.2"}'
	is .wg_ip 172.30.39.108
	ok POST /v1/hosts '{"name":"last","domain":"big","local_ip":"10.0.0.3"}'
	is .wg_ip 172.30.41.199
}
