#!/usr/bin/env bats
# The whole mesh out and in again.
# time limit: 400 s

load registry

setup() {
	start
	mesh
}

export_to() { # FILE
	curl -sS -f -m "$LIMIT" -H "Authorization: Bearer $ADMIN" -o "$1" "$URL/v1/export"
}

import() { # FILE [QUERY] [CURL OPTION]...
	api POST "/v1/import${2:+?$2}" '' --data-binary "@$1" "${@:3}"
}

# The document of an export, changed by a filter, as FILE.
edit() { # FILTER FILE
	export_to "$D/whole"
	jq -c "$1" "$D/whole" >"$2"
}

plan() { # of the last answer: "add host new.b, change site b"
	jq -r '[.plan | to_entries[] | .key as $what | .value[] | "\($what) \(.kind) \(.name)"] | join(", ")' <<<"$BODY"
}

fresh() { # [OPTION]...
	stop
	empty
	start "$@"
}

@test "export: one object a line, sorted, with what an import takes and nothing else" {
	ok POST /v1/sites '{"domain":"a"}'
	export_to "$D/out"
	[ "$(cat "$D/out")" = '{"version":1,"mesh_name":"home","supernet":"172.30.0.0/16",
"sites":[
{"domain":"a","subnet":"172.30.3.0/24","is_hub":false,"public_key":null,"endpoint":null},
{"domain":"b","subnet":"172.30.2.0/24","is_hub":false,"public_key":null,"endpoint":"198.51.100.2:51820"},
{"domain":"hub","subnet":"172.30.1.0/24","is_hub":true,"public_key":null,"endpoint":"198.51.100.1:51820"}
],
"hosts":[
{"name":"web","domain":"hub","wg_ip":"172.30.1.2","local_ip":"10.0.0.5","type":"standard","mac":"02:00:00:00:00:11"},
{"name":"nas","domain":"b","wg_ip":"172.30.2.2","local_ip":"192.168.1.10","type":"standard","mac":"02:00:00:00:00:10"}
],
"devices":[
{"name":"laptop","wg_ip":"172.30.1.3","type":"roaming","public_key":"'"$(key 9)"'"}
]}' ]
	fresh
	export_to "$D/out"
	[ "$(jq -c '[.sites, .hosts, .devices]' "$D/out")" = '[[],[],[]]' ]
	TOKEN=$(new_token read monitor) ok GET /v1/export
}

@test "what was exported is no change, by its words and with those of /config" {
	gen=$(generation)
	export_to "$D/out"
	import "$D/out"
	code 200
	is .generation "$gen"
	is '.plan | tojson' '{"add":[],"change":[],"remove":[]}'
	ok GET /config
	printf %s "$BODY" >"$D/config"
	import "$D/config"
	code 200
	[ -z "$(plan)" ]
	[ "$(generation)" = "$gen" ]
}

@test "a mesh that was imported is exported byte by byte as it was" {
	ok POST /v1/sites "{\"domain\":\"c\",\"subnet\":\"172.30.64.0/20\",\"public_key\":\"$(key 2)\"}"
	ok POST /v1/hosts '{"name":"cam","domain":"c","local_ip":"192.168.1.10","type":"isolated"}'
	export_to "$D/out"
	fresh --mesh-name other --supernet 10.0.0.0/8
	stop
	start
	import "$D/out" dry_run=1
	code 200
	want=$BODY
	ok GET /v1/sites
	is '.sites | length' 0
	import "$D/out"
	code 200
	[ "$(jq -S .plan <<<"$BODY")" = "$(jq -S .plan <<<"$want")" ]
	is '.plan.change[0] | [.kind, .before.mesh_name, .after.mesh_name, .after.supernet] | join(" ")' 'mesh other home 172.30.0.0/16'
	is .generation "$(generation)"
	export_to "$D/again"
	cmp "$D/out" "$D/again"
	# all of it was one generation, of which the last undo takes back all
	ok POST /v1/undo
	is '.changes | length' 8
	ok GET /config
	is '[.mesh_name, .supernet, (.sites + .hosts + .devices | length)] | join(" ")' 'other 10.0.0.0/8 0'
	ok POST /v1/undo
	export_to "$D/again"
	cmp "$D/out" "$D/again"
}

@test "the plan: what comes, changes and goes; dry_run does nothing, keep removes nothing" {
	gen=$(generation)
	edit '.hosts = [(.hosts[] | select(.name == "web") | .local_ip = "10.0.0.9"), {"name":"new","domain":"b","local_ip":"192.168.1.77"}]
		| .devices = []' "$D/in"
	import "$D/in" dry_run=1
	code 200
	[ "$(plan)" = 'add host new.b, change host web.hub, remove host nas.b, remove device laptop' ]
	is '.plan.add[0] | [.after.wg_ip, .before] | map(. // "-") | join(" ")' '172.30.2.2 -'
	is '.plan.change[0] | [.before.local_ip, .after.local_ip] | join(" ")' '10.0.0.5 10.0.0.9'
	is '.plan.remove[0] | [.before.local_ip, .after] | map(. // "-") | join(" ")' '192.168.1.10 -'
	is .generation "$gen"
	[ "$(generation)" = "$gen" ]
	import "$D/in" 'dry_run=1&keep=1'
	[ "$(plan)" = 'add host new.b, change host web.hub' ]
	import "$D/in" keep=1
	[ "$(plan)" = 'add host new.b, change host web.hub' ]
	is .generation $((gen + 1))
	ok GET /v1/hosts/new.b
	is .wg_ip 172.30.2.3
	import "$D/in"
	[ "$(plan)" = 'remove host nas.b, remove device laptop' ]
	[ "$(generation)" = $((gen + 2)) ]
	ok GET '/v1/audit?limit=3'
	is '[.audit[] | .what + " " + .kind] | join(", ")' 'import mesh, remove device, remove host'
}

@test "yes or no in the query is 1 or 0: anything else is refused, and nothing is done" {
	edit '.hosts = []' "$D/in"
	before=$(generation)
	for value in '=true' '=yes' '=' '' '=01' '=1%20' '=2'; do
		for key in dry_run keep; do
			import "$D/in" "$key$value"
			problem 400 $key
		done
		api POST "/v1/undo?dry_run$value"
		problem 400 dry_run
		api DELETE "/v1/sites/b?cascade$value"
		problem 400 cascade
	done
	api POST '/v1/undo?dry_run=true' '{"generation":'
	problem 400 dry_run
	[ "$(generation)" = "$before" ]
	api DELETE '/v1/sites/b?cascade=0'
	problem 409
	import "$D/in" 'keep=0&dry_run=1'
	[ "$(plan)" = 'remove host web.hub, remove host nas.b' ]
	import "$D/in" 'keep=1&dry_run=0'
	[ "$(plan)" = '' ]
	ok POST '/v1/undo?dry_run=0'
	is .generation $((before + 1))
}

@test "objects take each other's addresses, keys, LAN addresses, subnets and place as the hub" {
	ok POST /v1/hosts '{"name":"cam","domain":"b","local_ip":"192.168.1.11","mac":"02:00:00:00:00:12"}'
	ok POST /v1/devices "{\"name\":\"phone\",\"public_key\":\"$(key 8)\"}"
	laptop=$(new_token device laptop)
	gateway=$(new_token gateway b)
	ok PATCH /v1/sites/b "{\"public_key\":\"$(key 1)\"}"
	ok PATCH /v1/sites/hub "{\"public_key\":\"$(key 2)\"}"
	export_to "$D/out"
	edit 'def swap(f; $a; $b): (.[$a] | f) as $x | (.[$b] | f) as $y | .[$a] |= (f = $y) | .[$b] |= (f = $x);
		.hosts |= (swap(.wg_ip; 1; 2) | swap(.local_ip; 1; 2)) | .devices |= (swap(.wg_ip; 0; 1) | swap(.public_key; 0; 1))
		| .sites |= swap(.public_key; 0; 1)' "$D/in"
	import "$D/in"
	code 200
	[ "$(plan)" = 'change site b, change site hub, change host nas.b, change host cam.b, change device laptop, change device phone' ]
	ok GET /v1/hosts/cam.b
	is '[.wg_ip, .local_ip] | join(" ")' '172.30.2.2 192.168.1.10'
	ok GET /v1/devices/phone
	is '[.wg_ip, .public_key] | join(" ")' "172.30.1.3 $(key 9)"
	# the hub becomes another one, and subnets change hands with all that is in them
	edit '.sites |= (.[0].is_hub = true | .[1].is_hub = false) | .devices |= map(.wg_ip = "172.30.2.9" + .wg_ip[-1:])' "$D/in"
	import "$D/in"
	code 200
	edit '.sites |= ([.[].subnet] as [$a, $b] | .[0].subnet = $b | .[1].subnet = $a)
		| (.hosts, .devices) |= map(.wg_ip |= (if test("30\\.1\\.") then sub("30\\.1"; "30.2") else sub("30\\.2"; "30.1") end))' "$D/in"
	import "$D/in"
	code 200
	export_to "$D/again"
	diff <(jq -S '.hosts |= sort_by(.name, .domain) | .devices |= sort_by(.name)' "$D/in") \
		<(jq -S '.hosts |= sort_by(.name, .domain) | .devices |= sort_by(.name)' "$D/again")
	# who speaks for them still does
	TOKEN=$laptop ok GET /v1/whoami
	TOKEN=$gateway ok GET /v1/whoami
	for n in 1 2 3; do
		ok POST /v1/undo "{\"generation\":$(generation)}"
		ok POST /v1/undo # it again
		import "$D/again" dry_run=1
		[ -z "$(plan)" ]
	done
	import "$D/out"
	code 200
	export_to "$D/again"
	cmp "$D/out" "$D/again"
	stop
	[ -n "${PG_DIR-}" ] || [ "$(sql 'PRAGMA integrity_check; PRAGMA foreign_key_check')" = ok ]
	start
}

@test "a document as the seed has it: what it does not say stays as it is, or is chosen" {
	cat >"$D/in" <<-END
	{"devices":[{"name":"laptop","domain":"hub","wg_ip":"172.30.1.3","type":"isolated"}],
	 "mesh_name":"home","supernet":"172.30.0.0/16","updated":{"at":[1,{"x":"}]\\""}]},
	 "hosts":[{"name":"nas","domain":"b","wg_ip":"172.30.2.2","local_ip":"192.168.1.10","type":"standard"},
	          {"name":"one","domain":"b","local_ip":"192.168.1.11"},{"name":"two","domain":"b","wg_ip":"172.30.2.3","local_ip":"192.168.1.12"}],
	 "sites":[{"domain":"hub","is_hub":true,"subnet":"172.30.1.0/24","endpoint":"198.51.100.1:51820"},{"domain":"b"},{"domain":"c"}]}
	END
	import "$D/in"
	code 200
	[ "$(plan)" = 'add site c, add host one.b, add host two.b, change device laptop, remove host web.hub' ]
	ok GET /v1/hosts/nas.b
	is .mac 02:00:00:00:00:10
	ok GET /v1/devices/laptop
	is '[.type, .public_key] | join(" ")' "isolated $(key 9)"
	ok GET /v1/hosts/one.b
	is .wg_ip 172.30.2.4
	ok GET /v1/sites/c
	is .subnet 172.30.3.0/24
	# a list that is not there says nothing of its kind
	echo '{"devices":[]}' >"$D/in"
	import "$D/in"
	[ "$(plan)" = 'remove device laptop' ]
}

@test "a gateway and a device of a mesh that was imported join with the keys they have, and nobody hears of a change" {
	cat >"$D/in" <<-END
	{"mesh_name":"old","supernet":"172.31.0.0/16","updated_at":"2024-01-02 03:04:05",
	 "sites":[{"id":1,"domain":"hub","subnet":"172.31.1.0/24","is_hub":true,"public_key":"$(key 21)","endpoint":"198.51.100.1:51820","last_seen":null},
	          {"id":2,"domain":"sheen","subnet":"172.31.3.0/24","is_hub":false,"public_key":"$(key 22)","endpoint":null}],
	 "hosts":[{"id":9,"name":"kiosk","domain":"sheen","wg_ip":"172.31.3.10","local_ip":"192.168.1.50","type":"isolated","site_id":2}],
	 "devices":[{"name":"sensor","wg_ip":"172.31.1.9","type":"isolated","public_key":"$(key 23)","token":"abc"}]}
	END
	fresh
	import "$D/in"
	code 200
	ok GET /v1/hosts/kiosk.sheen
	is '[.wg_ip, .local_ip, .type] | join(" ")' '172.31.3.10 192.168.1.50 isolated'
	ok GET /v1/devices/sensor
	is '[.wg_ip, .type, .public_key] | join(" ")' "172.31.1.9 isolated $(key 23)"
	gen=$(generation)
	for who in gateway:sheen:22 device:sensor:23; do
		IFS=: read -r kind name number <<<"$who"
		ok POST /v1/enrolments "{\"kind\":\"$kind\",\"name\":\"$name\"}"
		TOKEN=$(jq -r .token <<<"$BODY") api POST /v1/enrol "{\"public_key\":\"$(key "$number")\"}"
		code 201
	done
	[ "$(generation)" = "$gen" ]
	ok GET /v1/sites/sheen
	is '[.subnet, .public_key] | join(" ")' "172.31.3.0/24 $(key 22)"
}

@test "If-Match: what was looked at, or 412 and nothing happens" {
	edit '.hosts = []' "$D/in"
	import "$D/in" dry_run=1
	tag=$(sed -n 's/^etag: *\(.*[^\r]\)\r*$/\1/ip' "$D/head")
	[ -n "$tag" ]
	ok GET /v1/export
	[ "$(sed -n 's/^etag: *\(.*[^\r]\)\r*$/\1/ip' "$D/head")" = "$tag" ]
	ok PATCH /v1/hosts/nas.b '{"type":"isolated"}'
	gen=$(generation)
	import "$D/in" '' -H "If-Match: $tag"
	problem 412
	[ "$(generation)" = "$gen" ]
	import "$D/in" dry_run=1
	tag=$(sed -n 's/^etag: *\(.*[^\r]\)\r*$/\1/ip' "$D/head")
	import "$D/in" dry_run=1 -H "If-Match: ${tag%-*}\"" # any of that number
	code 200
	import "$D/in" '' -H "If-Match: $tag"
	code 200
	[ "$(generation)" = $((gen + 1)) ]
}

refused() { # CODE FIELD FILTER [QUERY]: nothing has changed
	local gen
	gen=$(generation)
	edit "$3" "$D/in"
	import "$D/in" "${4-}"
	problem "$1" "$2" && [ "$(generation)" = "$gen" ] || fails "$3"
	export_to "$D/again"
	cmp "$D/whole" "$D/again"
}

@test "400 says where the document is wrong, and nothing has happened" {
	refused 400 'hosts[1].local_ip' '.hosts[1].local_ip = "x"'
	refused 400 'hosts[0].local_ip' 'del(.hosts[0].local_ip)'
	refused 400 'hosts[1].local_ip' '.hosts[1].local_ip = null'
	refused 400 'hosts[0].type' '.hosts[0].type = "admin"'
	refused 400 'devices[0].public_key' '.devices[0].public_key = "x"'
	refused 400 'hosts[1].wg_ip' '.hosts[1].wg_ip = "172.30.1.9"'
	refused 400 'hosts[1].wg_ip' '.hosts[1].wg_ip = "172.30.2.1"'
	refused 400 'hosts[2].wg_ip' '.hosts[2] = (.hosts[1] | .name = "x" | .local_ip = "192.168.1.99")'
	refused 400 'hosts[2].local_ip' '.hosts[2] = (.hosts[1] | .name = "x" | .wg_ip = "172.30.2.99")'
	refused 400 'hosts[2]' '.hosts[2] = .hosts[1]'
	refused 400 'hosts[0].domain' '.hosts[0].domain = "nowhere"'
	refused 400 'hosts[0].name' '.hosts[0].name = "laptop"'
	refused 400 'devices[0].name' '.devices[0].name = "web"'
	refused 400 'devices[0].wg_ip' '.devices[0].wg_ip = "172.30.1.2"'
	refused 400 'devices[1].public_key' '.devices[1] = (.devices[0] | .name = "x" | .wg_ip = "172.30.1.9")'
	refused 400 'sites[0].subnet' '.sites[0].subnet = "172.30.1.128/25"'
	refused 400 'sites[0].subnet' '.sites[0].subnet = "10.1.0.0/24"'
	refused 400 'sites[0].subnet' '.sites[0].subnet = "172.30.9.0/24"'
	refused 400 'sites[0].is_hub' '.sites[0].is_hub = true'
	refused 400 'sites[1].is_hub' '.sites[1].is_hub = false'
	refused 400 'sites[0].endpoint' '.sites[0].endpoint = "172.30.1.1:51820"'
	refused 409 '' '.sites = [.sites[1]] | del(.hosts)'
	refused 409 'hosts[0].wg_ip' '.hosts = [.hosts[1] | .name = "x" | .local_ip = "192.168.1.99"]' keep=1
	refused 400 version '.version = 2'
	refused 400 mesh_name '.mesh_name = ""'
	refused 400 supernet '.supernet = "x"'
	refused 400 '' '{"mesh_name": .mesh_name}'
	refused 400 hosts '.hosts = {}'
}

@test "a supernet that would swallow the endpoint of a site that stays as it is: 400, and nothing has happened" {
	ok PATCH /v1/sites/b '{"endpoint":"172.20.1.1:51820"}'
	gen=$(generation)
	for how in . 'del(.sites)'; do
		edit ".supernet = \"172.16.0.0/12\" | $how" "$D/in"
		import "$D/in" keep=1
		problem 400 supernet
		is '.detail | contains("site '"'b'"'") and contains("172.20.1.1:51820")' true
	done
	[ "$(generation)" = "$gen" ]
	# it may move in the same document
	edit '.supernet = "172.16.0.0/12" | .sites[0].endpoint = "198.51.100.2:51820"' "$D/in"
	import "$D/in"
	code 200
	[ "$(plan)" = 'change mesh , change site b' ]
}

@test "what is no document: 400, and nothing has happened" {
	gen=$(generation)
	for text in '' '[]' '{' '{}' '{"hosts":[}' '{"hosts":[],}' '{"hosts":[]} x' '{"hosts":[]' '{"hosts" []}' '{"hosts":[1]}' \
		'{"hosts":[{}]}' '{"hosts":[[]]}' '{"hosts":[{"name":"x"]}' '{"hosts":[],"hosts":[]}' '{"ho\u0073ts":[]}' '{"x":"' '{"x":,"hosts":[]}' \
		'{"hosts":[{"name":"a","domain":"b","local_ip":"192.168.9.9"} {"name":"c","domain":"b","local_ip":"192.168.9.8"}]}' \
		'{"hosts":[{"name":"a","domain":"b","local_ip":"192.168.9.9","name":"d"}]}' '{"hosts":"}' '{"hosts":null}'; do
		printf %s "$text" >"$D/in"
		import "$D/in"
		[ "$CODE" = 400 ] || fails "$text"
	done
	perl -e 'print "{\"hosts\":[", "[" x 500000, "]" x 500000, "]}"' >"$D/in"
	import "$D/in"
	problem 400 'hosts[0]'
	[ "$(generation)" = "$gen" ]
}

@test "a mesh name or supernet of the settings holds" {
	export_to "$D/out"
	stop
	start --mesh-name mine --supernet 172.30.0.0/16
	import "$D/out"
	code 200
	[ -z "$(plan)" ]
	ok GET /config
	is .mesh_name mine
	jq '.supernet = "172.16.0.0/12"' "$D/out" >"$D/in"
	import "$D/in"
	problem 409 supernet
	stop
	start
	import "$D/in"
	code 200
	[ "$(plan)" = 'change mesh ' ]
}

@test "larger than other requests may be, from an admin only, one at a time" {
	head -c 100000 /dev/zero | tr '\0' ' ' >"$D/space"
	{ cat "$D/space"; curl -sS -H "Authorization: Bearer $ADMIN" "$URL/v1/export"; } >"$D/in"
	import "$D/in"
	code 200
	TOKEN=$(new_token read monitor) import "$D/in"
	problem 413
	TOKEN='' import "$D/in"
	problem 413
	api POST /v1/undo '' --data-binary "@$D/space"
	problem 413
	head -c $((33 * 1024 * 1024)) /dev/zero >"$D/large"
	import "$D/large"
	problem 413
	import "$D/large" '' -H 'Transfer-Encoding: chunked'
	problem 413
	# while the body of one comes, another is told to wait, and everything else is served
	perl -MIO::Socket::INET -e '
		my ($port, $token, $ready, $limit) = @ARGV;
		my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port) or die;
		print $s "POST /v1/import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nContent-Length: 100000\r\n" .
			"Expect: 100-continue\r\n\r\n";
		$s->flush;
		<$s> =~ / 100 / or die;
		open(my $f, ">", $ready); close($f);
		sleep $limit;
	' "${URL##*:}" "$ADMIN" "$D/ready" $((LIMIT * 5)) 3>&- &
	other=$!
	echo $other >>"$D/pids"
	for ((n = 0; n < LIMIT * 20; n++)); do
		[ ! -e "$D/ready" ] || break
		sleep 0.05
	done
	[ -e "$D/ready" ]
	import "$D/in"
	problem 503
	ok POST /v1/hosts '{"name":"new","domain":"b","local_ip":"192.168.1.77"}'
	kill -9 $other
	for ((n = 0; n < LIMIT * 20; n++)); do
		import "$D/in"
		[ "$CODE" != 200 ] || break
		sleep 0.05
	done
	code 200
	[ "$(plan)" = 'remove host new.b' ]
}

# bats test_tags=sqlite
@test "100,000 hosts: in, out, changed and back, in memory that is a few times the document's size" {
	fresh --supernet 10.0.0.0/8
	perl -e '
		print q({"version":1,"mesh_name":"home","supernet":"10.0.0.0/8",), "\n", q("sites":[), "\n",
			q({"domain":"big","subnet":"10.16.0.0/12","is_hub":false,"public_key":null,"endpoint":null}), "\n],\n", q("hosts":[);
		for my $i (1 .. 100000) {
			printf(qq(%s\n{"name":"h%d","domain":"big","wg_ip":"10.%d.%d.%d","local_ip":"192.%d.%d.%d","type":"standard","mac":null}),
				$i > 1 ? "," : "", $i, 16 + (($i + 1) >> 16), ($i + 1) >> 8 & 255, ($i + 1) & 255, 168 + ($i >> 16), $i >> 8 & 255, $i & 255);
		}
		print "\n],\n", q("devices":[), "\n]}\n";' >"$D/in"
	LIMIT=$((LIMIT * 6))
	import "$D/in"
	code 200
	is '.plan.add | length' 100001
	[ "$(generation)" = 2 ] || [ "$(generation)" = 3 ]
	export_to "$D/out"
	cmp "$D/in" "$D/out"
	ok GET /config
	is '.hosts | length' 100000
	import "$D/in"
	code 200
	[ -z "$(plan)" ]
	# every address moves to another host
	perl -ne 's/"h(\d+)"/sprintf("\"h%d\"", 100001 - $1)/e; print' "$D/in" >"$D/turned"
	import "$D/turned"
	code 200
	is '.plan.change | length' 100000
	export_to "$D/out"
	cmp "$D/turned" "$D/out"
	ok POST /v1/undo
	export_to "$D/out"
	cmp "$D/in" "$D/out"
	[ "$(awk '/^VmHWM/ { print $2 }' "/proc/$PID/status")" -lt 200000 ]
}
