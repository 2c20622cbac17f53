#!/usr/bin/env bats
# The config: whole, as a stream, as a gateway and a device get it, and waiting for the next.
# time limit: 300 s

load registry

setup() {
	start
	mesh
}

# A request of the config that waits, in the background: its answer in $D/poll, "CODE SECONDS" in $D/poll.code.
poll() { # QUERY
	curl -sS -m "$LIMIT" -H "Authorization: Bearer ${TOKEN-$ADMIN}" -o "$D/poll" -w '%{http_code} %{time_total}\n' \
		"$URL/v1/config?$1" >"$D/poll.code" 3>&- &
	POLL=$!
	echo "$POLL" >>"$D/pids"
}

# Until the server holds a request back: its connection is established, and nothing came.
await_waiting() { # N: of them
	local n
	for ((n = 0; n < LIMIT * 20; n++)); do
		[ "$(ss -Htn state established "( dport = :${URL##*:} )" | wc -l)" -lt "$1" ] || return 0
		sleep 0.05
	done
	return 1
}

@test "health needs no token and says nothing else" {
	TOKEN= api GET /health
	code 200
	[ "$BODY" = '{"status":"ok"}' ]
	TOKEN=nonsense api GET /health
	code 200
}

@test "the whole mesh in one document, sorted, with a tag that changes with it" {
	ok POST /v1/sites '{"domain":"a"}'
	ok GET /config
	is .mesh_name home
	is .supernet 172.30.0.0/16
	is '[.sites[].domain] | join(" ")' 'a b hub'
	is '[.hosts[].name] | join(" ")' 'web nas'
	is '.devices[0].domain' hub
	tag=$(sed -n 's/^etag: *\(.*[^\r]\)\r*$/\1/ip' "$D/head")
	instance=$(jq -r .instance <<<"$BODY")
	ok GET /v1/config
	[ "$tag" = "\"$instance-$(generation)-$(head -n 1 <<<"$BODY" | jq -r .mesh.mark)\"" ]
	api GET /config '' -H "If-None-Match: $tag"
	code 304
	[ -z "$BODY" ]
	api GET /config '' -H "If-None-Match: \"other\", W/$tag"
	code 304
	api GET /config '' -H 'If-None-Match: "other"'
	code 200
	ok DELETE /v1/sites/a
	api GET /config '' -H "If-None-Match: $tag"
	code 200
}

@test "the stream: header, objects in order, end with their number" {
	ok GET /v1/config
	grep -qi '^content-type: application/x-ndjson' "$D/head"
	[ "$(jq -rc 'keys[0]' <<<"$BODY" | xargs)" = 'mesh site site host host device end' ]
	[ "$(head -n 1 <<<"$BODY" | jq -rc '.mesh | [.version, .mesh_name, .supernet, .self, .requires]')" = \
		'[1,"home","172.30.0.0/16",null,[]]' ]
	[ "$(tail -n 1 <<<"$BODY" | jq .end.count)" = 5 ]
	[ "$(tail -n 1 <<<"$BODY" | jq .end.generation)" = "$(generation)" ]
	[ "$(head -n 1 <<<"$BODY" | jq .mesh.generation)" = "$(generation)" ]
	# an object is the same text here and under its own path
	host=$(sed -n 5p <<<"$BODY" | jq -Sc .host)
	ok GET /v1/hosts/nas.b
	[ "$host" = "$(jq -Sc . <<<"$BODY")" ]
}

@test "a gateway sees the LAN addresses of its own site only, and no keys of devices" {
	TOKEN=$(new_token gateway b)
	ok GET /v1/config
	[ "$(head -n 1 <<<"$BODY" | jq -r .mesh.self)" = b ]
	is 'select(.host.name == "nas") | [.host.local_ip, .host.mac] | join(" ")' '192.168.1.10 02:00:00:00:00:10'
	is 'select(.host.name == "web") | [.host.local_ip, .host.mac, .host.wg_ip] | map(. // "null") | join(" ")' \
		'null null 172.30.1.2'
	is 'select(.device) | .device.public_key' null
	is 'select(.end) | .end.count' 5
	[[ $BODY != *10.0.0.5* && $BODY != *$(key 9)* ]]
}

@test "the hub's gateway gets the devices' keys" {
	TOKEN=$(new_token gateway hub)
	ok GET /v1/config
	is 'select(.device) | .device.public_key' "$(key 9)"
	is 'select(.host.name == "nas") | .host.local_ip' null
	is 'select(.host.name == "web") | .host.local_ip' 10.0.0.5
}

@test "a device gets the sites and itself" {
	ok POST /v1/devices '{"name":"phone"}'
	TOKEN=$(new_token device phone)
	ok GET /v1/config
	[ "$(jq -rc 'keys[0]' <<<"$BODY" | xargs)" = 'mesh site site device end' ]
	is 'select(.device) | .device.name' phone
	is 'select(.end) | .end.count' 3
	is 'select(.mesh) | .mesh.self' null
}

@test "nothing newer: 204 at once, or when the wait is over" {
	gen=$(generation)
	api GET "/v1/config?after=$gen"
	code 204
	[ -z "$BODY" ]
	begin=$EPOCHREALTIME
	api GET "/v1/config?after=$gen&wait=1"
	code 204
	perl -e 'exit !($ARGV[0] - $ARGV[1] >= 1)' "$EPOCHREALTIME" "$begin"
	api GET "/v1/config?after=$((gen - 1))&wait=5"
	code 200
}

@test "another instance is answered at once, whatever the generation" {
	api GET '/v1/config?instance=00000000-0000-4000-8000-000000000000&after=999999&wait=60'
	code 200
	instance=$(head -n 1 <<<"$BODY" | jq -r .mesh.instance)
	api GET "/v1/config?instance=$instance&after=999999"
	code 204
}

@test "a change wakes those who wait, with the change in it" {
	poll "after=$(generation)&wait=60"
	await_waiting 1
	# over a connection that stays open: nothing else wakes the server
	body='{"name":"new","domain":"b","local_ip":"192.168.1.77"}'
	raw "POST /v1/hosts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $ADMIN\r\nContent-Length: ${#body}\r\n\r\n$body" \
		>"$D/raw" 3>&- &
	changer=$!
	echo $changer >>"$D/pids"
	wait "$POLL"
	read -r got seconds <"$D/poll.code"
	[ "$got" = 200 ]
	perl -e 'exit !($ARGV[0] < 5)' "$seconds"
	kill -0 $changer
	grep -q '"name":"new"' "$D/poll"
	[ "$(tail -n 1 "$D/poll" | jq .end.generation)" = "$(generation)" ]
}

@test "a change wakes a hundred who wait" {
	gen=$(generation)
	pids=()
	for n in {1..100}; do
		curl -sS -m "$LIMIT" -H "Authorization: Bearer $ADMIN" -o "$D/many.$n" "$URL/v1/config?after=$gen&wait=60" 3>&- &
		pids+=($!)
		echo $! >>"$D/pids"
	done
	await_waiting 100
	ok PATCH /v1/hosts/nas.b '{"type":"isolated"}'
	wait "${pids[@]}"
	[ "$(grep -l "\"generation\":$((gen + 1)),\"count\":5" "$D"/many.* | wc -l)" = 100 ]
}

@test "a report of a gateway wakes nobody" {
	gen=$(generation)
	poll "after=$gen&wait=2"
	await_waiting 1
	ok PUT /v1/sites/b/status '{"generation":1,"dataplane":"bpf"}'
	wait "$POLL"
	read -r got _ <"$D/poll.code"
	[ "$got" = 204 ]
	[ "$(generation)" = "$gen" ]
}

@test "a token that is revoked while it waits gets nothing more" {
	gateway=$(new_token gateway b)
	ok GET /v1/tokens
	id=$(jq '.tokens[] | select(.role == "gateway") | .id' <<<"$BODY")
	TOKEN=$gateway poll "after=$(generation)&wait=60"
	await_waiting 1
	ok DELETE "/v1/tokens/$id"
	ok PATCH /v1/hosts/nas.b '{"type":"isolated"}'
	wait "$POLL"
	read -r got _ <"$D/poll.code"
	[ "$got" = 401 ]
}

@test "clients that go away while they wait leave nothing behind" {
	gen=$(generation)
	before=$(ls /proc/$PID/fd | wc -l)
	for n in {1..20}; do
		curl -sS -H "Authorization: Bearer $ADMIN" -o /dev/null "$URL/v1/config?after=$gen&wait=60" 3>&- &
		echo $! >>"$D/left"
	done
	await_waiting 20
	xargs kill -9 <"$D/left"
	for ((n = 0; n < LIMIT * 20; n++)); do
		[ "$(ls /proc/$PID/fd | wc -l)" -gt "$before" ] || break
		sleep 0.05
	done
	[ "$(ls /proc/$PID/fd | wc -l)" -le "$before" ]
	ok PATCH /v1/hosts/nas.b '{"type":"isolated"}'
	ok GET /v1/config
}

@test "bad numbers in the query are refused by name" {
	api GET '/v1/config?after=x'
	problem 400 after
	api GET '/v1/config?after=-1'
	problem 400 after
	api GET '/v1/config?after=0&wait=61'
	problem 400 wait
	api GET '/v1/config?after=99999999999999999999'
	problem 400 after
}

@test "a stream is one generation, whatever changes while it is read, and takes little memory" {
	stop
	empty
	start --supernet 10.0.0.0/8
	ok POST /v1/sites '{"domain":"big","subnet":"10.16.0.0/12"}'
	stop
	# 100,000 hosts: more than the socket's buffers hold, so that the server is in the middle of it
	sql "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 100001)
		INSERT INTO host (overlay, domain, name, local, access)
		SELECT $((0x0a100000)) + i, 'big', 'h' || i, $((0xc0000000)) + i, 1 FROM n"
	start
	gen=$(generation)
	perl -MIO::Socket::INET -e '
		my ($port, $token, $out, $go, $limit) = @ARGV;
		my $s = IO::Socket::INET->new(Proto => "tcp") or die;
		setsockopt($s, SOL_SOCKET, SO_RCVBUF, pack("i", 4096)) or die;
		connect($s, pack_sockaddr_in($port, inet_aton("127.0.0.1"))) or die;
		print $s "GET /v1/config HTTP/1.0\r\nHost: x\r\nAuthorization: Bearer $token\r\n\r\n";
		$s->flush;
		sysread($s, my $all, 100);
		open(my $f, ">", $go); close($f);
		for (1 .. 20 * $limit) { last if -e "$go.on"; select(undef, undef, undef, 0.05) }
		while (sysread($s, my $part, 65536)) { $all .= $part }
		open($f, ">", $out); print $f $all;
	' "${URL##*:}" "$ADMIN" "$D/slow" "$D/go" "$LIMIT" 3>&- &
	reader=$!
	echo $reader >>"$D/pids"
	for ((n = 0; n < LIMIT * 20; n++)); do
		[ ! -e "$D/go" ] || break
		sleep 0.05
	done
	ok PATCH /v1/hosts/h100001.big '{"type":"isolated"}'
	ok DELETE /v1/hosts/h100000.big
	ok POST /v1/hosts '{"name":"new","domain":"big","local_ip":"192.168.1.1"}'
	touch "$D/go.on"
	wait "$reader"
	[ "$(tail -n 1 "$D/slow" | jq -c .end)" = "{\"generation\":$gen,\"count\":100001}" ]
	[ "$(grep -c '^{"host"' "$D/slow")" = 100000 ]
	grep -q '"h100001".*"standard"' "$D/slow"
	grep -q '"h100000"' "$D/slow"
	for path in /config /v1/export; do
		ok GET $path
		is '.hosts | length' 100000
	done
	[ "$(awk '/^VmHWM/ { print $2 }' "/proc/$PID/status")" -lt 40000 ]
	ok GET /v1/hosts/h100001.big
	is .type isolated
}

@test "whoami says who, which mesh, and where from" {
	ok GET /v1/whoami
	is .role admin
	is .name master
	is .mesh_name home
	is .supernet 172.30.0.0/16
	is .address 127.0.0.1
	is '.instance | length' 36
	TOKEN=$(new_token gateway b)
	api GET /v1/whoami '' -H 'X-Forwarded-For: 203.0.113.9, 198.51.100.77'
	is .role gateway
	is .name b
	is .address 198.51.100.77
	api GET /v1/whoami '' -H 'X-Forwarded-For: <script>' -H 'CF-Connecting-IP: nonsense'
	is .address 127.0.0.1
}

@test "a client's address is the one that a proxy adds, not what a client says of itself" {
	api GET /v1/whoami '' -H 'X-Forwarded-For: 203.0.113.9' -H 'X-Forwarded-For: 203.0.113.10, 198.51.100.77'
	is .address 198.51.100.77
	api GET /v1/whoami '' -H 'X-Forwarded-For: 198.51.100.77' -H 'CF-Connecting-IP: 2001:db8::7'
	is .address 198.51.100.77
	api GET /v1/whoami '' -H 'CF-Connecting-IP: 2001:db8::7'
	is .address 127.0.0.1
	stop
	WITH=('CF_DOMAIN=wm-registry.example.com|0')
	start
	api GET /v1/whoami '' -H 'X-Forwarded-For: 203.0.113.9' -H 'CF-Connecting-IP: 2001:db8::7'
	is .address 2001:db8::7
	api GET /v1/whoami '' -H 'X-Forwarded-For: 203.0.113.9, 198.51.100.77'
	is .address 198.51.100.77
	api GET /v1/whoami '' -H 'X-Forwarded-For: <script>' -H 'CF-Connecting-IP: nonsense'
	is .address 127.0.0.1
}

@test "what gateways report is kept, and forgotten with the site" {
	TOKEN=$(new_token gateway b)
	ok PUT /v1/sites/b/status '{"generation":5,"instance":"i","dataplane":"bpf","problem":"","version":"0.1.0","applied_ms":12}'
	code 204
	unset TOKEN
	ok GET /v1/status
	is '.sites | length' 1
	is '.sites[0] | [.domain, .generation, .dataplane, .version, .applied_ms] | join(" ")' 'b 5 bpf 0.1.0 12'
	is '.sites[0].seen | fromdateiso8601 > 1600000000' true
	api PUT /v1/sites/b/status '{"generation":5,"dataplane":"far too long a name"}'
	problem 400 dataplane
	api PUT /v1/sites/none/status '{"generation":5}'
	problem 404
	ok DELETE '/v1/sites/b?cascade=1'
	ok GET /v1/status
	is '.sites | length' 0
}

@test "a report goes with its site however that is removed, and is not that of another by its name" {
	report='{"generation":5,"dataplane":"bpf","problem":"of the old one"}'
	said() { # DOMAINS
		ok GET /v1/status
		is '[.sites[].domain] | join(" ")' "$1"
		[ -z "${PG_DIR-}" ] || [ "$(sql 'SELECT domain FROM report ORDER BY domain' | xargs)" = "$1" ]
	}
	curl -sS -f -m "$LIMIT" -H "Authorization: Bearer $ADMIN" -o "$D/with" "$URL/v1/export"
	ok POST /v1/sites '{"domain":"c"}'
	ok PUT /v1/sites/b/status "$report"
	ok PUT /v1/sites/c/status "$report"
	said 'b c'
	api POST '/v1/import?dry_run=1' '' --data-binary "@$D/with"
	said 'b c'
	api POST /v1/import '' --data-binary "@$D/with"
	code 200
	said b
	ok POST /v1/sites '{"domain":"c"}'
	said b
	ok PUT /v1/sites/c/status "$report"
	ok POST '/v1/undo?dry_run=1'
	said 'b c'
	ok POST /v1/undo
	said b
	ok POST /v1/undo
	said b
	ok DELETE '/v1/sites/b?cascade=1'
	said ''
	ok POST /v1/undo
	said ''
}

@test "a report tells whom the gateway hears, and what its hosts carry" {
	ok POST /v1/hosts '{"name":"cam","domain":"b","local_ip":"192.168.1.11"}'
	ok PUT /v1/sites/b/status "{\"generation\":$(generation),\"instance\":\"$(curl -sS -H "Authorization: Bearer $ADMIN" "$URL/v1/whoami" | jq -r .instance)\",
		\"listen_port\":51820,\"uptime\":77,
		\"peers\":[{\"kind\":\"site\",\"name\":\"hub\",\"handshake\":\"2026-01-02T03:04:05Z\",\"endpoint\":\"198.51.100.1:51820\",\"rx\":5,\"tx\":6}],
		\"hosts\":[{\"name\":\"nas\",\"rx_packets\":1,\"rx_bytes\":2,\"tx_packets\":3,\"tx_bytes\":4},{\"name\":\"cam\"}]}"
	ok GET /v1/status
	is '.sites[0] | [.applied, .listen_port, .uptime] | map(tostring) | join(" ")' 'true 51820 77'
	is '.sites[0].peers | tojson' '[{"kind":"site","name":"hub","handshake":"2026-01-02T03:04:05Z","endpoint":"198.51.100.1:51820","rx":5,"tx":6}]'
	is '.sites[0].hosts | tojson' '[{"name":"cam","rx_packets":0,"rx_bytes":0,"tx_packets":0,"tx_bytes":0},{"name":"nas","rx_packets":1,"rx_bytes":2,"tx_packets":3,"tx_bytes":4}]'
	ok PATCH /v1/hosts/nas.b '{"type":"isolated"}'
	ok GET /v1/status
	is '.sites[0].applied' false
	# a generation of that number, by its mark and by another (of a registry that was put back)
	ok GET /v1/config
	report=$(head -n 1 <<<"$BODY" | jq -c '.mesh | {generation, instance, mark}')
	ok PUT /v1/sites/b/status "$report"
	ok GET /v1/status
	is '.sites[0].applied' true
	ok PUT /v1/sites/b/status "$(jq -c '.mark = "0123456789abcdef"' <<<"$report")"
	ok GET /v1/status
	is '.sites[0].applied' false
	# The next says all of it anew, and of another instance it is not what the registry has.
	ok PUT /v1/sites/b/status "{\"generation\":$(generation),\"instance\":\"another\"}"
	ok GET /v1/status
	is '.sites[0] | [.applied, (.peers | length), (.hosts | length), .uptime] | map(tostring) | join(" ")' 'false 0 0 0'
}

@test "a report tells of nobody who is not in the mesh" {
	ok PUT /v1/sites/b/status '{"generation":1,
		"peers":[{"kind":"site","name":"none"},{"kind":"site","name":"b"},{"kind":"site","name":"hub"},
			{"kind":"device","name":"laptop"},{"kind":"device","name":"none"}],
		"hosts":[{"name":"web"},{"name":"nas"},{"name":"none"}]}'
	ok PUT /v1/sites/hub/status '{"generation":1,
		"peers":[{"kind":"site","name":"b"},{"kind":"device","name":"laptop"},{"kind":"device","name":"none"}],
		"hosts":[{"name":"web"},{"name":"nas"}]}'
	ok GET /v1/status
	is '[.sites[] | .domain, .peers[].name, .hosts[].name] | join(" ")' 'b hub nas hub laptop b web'
}

@test "a report that is not one is refused by name, and the last one stays" {
	ok PUT /v1/sites/b/status '{"generation":1,"peers":[{"kind":"site","name":"hub","rx":9}]}'
	while IFS='|' read -r field body; do
		api PUT /v1/sites/b/status "$body"
		problem 400 "$field" || fails "for $body"
	done <<-EOT
		|[]
		generation|{"peers":[]}
		generation|{"generation":-1}
		listen_port|{"generation":1,"listen_port":65536}
		uptime|{"generation":1,"uptime":"long"}
		peers|{"generation":1,"peers":{}}
		peers|{"generation":1,"peers":"hub"}
		peers[0]|{"generation":1,"peers":["hub"]}
		peers[0].name|{"generation":1,"peers":[{"kind":"site"}]}
		peers[0].kind|{"generation":1,"peers":[{"name":"hub"}]}
		peers|{"generation":1,"peers":[{"kind":"host","name":"nas"}]}
		peers[1].name|{"generation":1,"peers":[{"kind":"site","name":"hub"},{"kind":"site","name":"../b"}]}
		peers[0].handshake|{"generation":1,"peers":[{"kind":"site","name":"hub","handshake":"yesterday"}]}
		peers[0].handshake|{"generation":1,"peers":[{"kind":"site","name":"hub","handshake":5}]}
		peers[0].endpoint|{"generation":1,"peers":[{"kind":"site","name":"hub","endpoint":"<script>"}]}
		peers[0].rx|{"generation":1,"peers":[{"kind":"site","name":"hub","rx":-1}]}
		peers[0].tx|{"generation":1,"peers":[{"kind":"site","name":"hub","tx":1e99}]}
		peers|{"generation":1,"peers":[{"kind":"site","name":"hub"},{"kind":"site","name":"hub"}]}
		hosts|{"generation":1,"hosts":7}
		hosts[0].name|{"generation":1,"hosts":[{}]}
		hosts[0].rx_bytes|{"generation":1,"hosts":[{"name":"nas","rx_bytes":true}]}
		hosts|{"generation":1,"hosts":[{"name":"nas"},{"name":"nas"}]}
		peers|{"generation":1,"peers":[$(for n in {1..257}; do printf '{"kind":"site","name":"s%d"}%s' "$n" "$([ "$n" = 257 ] || echo ,)"; done)]}
		hosts|{"generation":1,"hosts":[$(for n in {1..129}; do printf '{"name":"h%d"}%s' "$n" "$([ "$n" = 129 ] || echo ,)"; done)]}
	EOT
	ok GET /v1/status
	is '.sites[0].peers[0].rx' 9
}

@test "the status of many sites is one document" {
	for n in {2..40}; do
		ok POST /v1/sites "{\"domain\":\"s$n\"}"
		ok PUT "/v1/sites/s$n/status" '{"generation":1,"peers":[{"kind":"site","name":"hub"},{"kind":"site","name":"b"}]}'
	done
	ok GET /v1/status
	is '.sites | length' 39
	is '[.sites[].domain] == ([.sites[].domain] | sort)' true
}
