#!/usr/bin/env bats
# wm add-site, enrol, remove-site, add-host, set, remove: what they change, and that bad input changes nothing.

load rig
setup() { rig_setup; }
teardown() { rig_teardown; }

# refused CODE PATTERN COMMAND...: as fails, and the registry is as it was
refused() {
	local before
	before=$(generation)
	fails "$@"
	[ "$(generation)" = "$before" ]
}

@test "add-site prints a gateway.env that is one, with a one-time enrolment" {
	connected
	"$WM" add-site b --subnet 172.30.3.0/24 >"$DIR/gateway.env"
	(
		set -u
		. "$DIR/gateway.env"
		[ "$SITE_DOMAIN" = b ]
		[ "$SITE_SUBNET" = 172.30.3.0/24 ]
		[ "$IS_HUB" = false ]
		[ "$WM_REGISTRY_URL" = "$URL" ]
		[[ $WM_REGISTRY_TOKEN == wme_* ]]
		[ -z "${PUBLIC_IP-}" ]
	)
	not grep -q "$MASTER" "$DIR/gateway.env"
	grep -q "^# this address is this machine's own" "$DIR/gateway.env"
	token=$(sed -n 's/^WM_REGISTRY_TOKEN=//p' "$DIR/gateway.env")
	spend() {
		curl -sS -o "$DIR/answer" -w '%{http_code}' -H "Authorization: Bearer $token" \
			-d "{\"public_key\":\"$(wg genkey | wg pubkey)\"}" "$URL/v1/enrol"
	}
	[ "$(spend)" = 201 ]
	[ "$(jq -r .name "$DIR/answer")" = b ]
	[ "$(spend)" = 401 ]
}

@test "add-site --hub --endpoint: the gateway is told what it reports" {
	connected
	"$WM" add-site hub --hub --endpoint 198.51.100.7:51820 >"$DIR/gateway.env"
	grep -qx 'IS_HUB=true' "$DIR/gateway.env"
	grep -qx 'PUBLIC_IP=198.51.100.7:51820' "$DIR/gateway.env"
	not grep -q WM_LISTEN_PORT "$DIR/gateway.env"
	json '.site.endpoint == "[2001:db8::7]:4000" and .gateway_env.WM_LISTEN_PORT == "4000" and
		.gateway_env.PUBLIC_IP == "[2001:db8::7]:4000"' "$WM" add-site c --endpoint '[2001:db8::7]:4000' -j
}

@test "add-site --endpoint takes a name, which is the gateway's to look up" {
	connected
	json '.site.endpoint == null and .gateway_env.PUBLIC_IP == "home.example.net:4000" and
		.gateway_env.WM_LISTEN_PORT == "4000"' "$WM" add-site b --endpoint home.example.net:4000 -j
	"$WM" add-site c --endpoint home.example.net >"$DIR/gateway.env"
	grep -qx 'PUBLIC_IP=home.example.net:51820' "$DIR/gateway.env"
	for bad in home home.example.net:0 home.example.net:66000 -x.example 198.51.100.7 'a b.example:1' "a.example:1 x"; do
		refused 2 '--endpoint' "$WM" add-site d "--endpoint=$bad"
	done
}

@test "add-site -j has the documented shape" {
	connected
	json '(keys == ["enrolment","gateway_env","mesh","site"]) and .mesh == "172-30" and .site.domain == "b" and
		(.site|keys) == ["domain","endpoint","gateway","is_hub","public_key","subnet"] and
		(.enrolment.token|startswith("wme_")) and (.enrolment.expires|test("^20.*Z$")) and
		.gateway_env.WM_REGISTRY_TOKEN == .enrolment.token and .gateway_env.SITE_SUBNET == .site.subnet' "$WM" add-site b -j
}

@test "the registry's public address is what a gateway is told" {
	connected
	CF_DOMAIN='wm-registry.example.com|8099' start_registry proxied 172.31.0.0/16
	"$WM" mesh add "$URL" "$MASTER"
	"$WM" --mesh proxied add-site b >"$DIR/b.env"
	grep -qx 'WM_REGISTRY_URL=https://wm-registry.example.com' "$DIR/b.env"
	not grep -q "this machine's own" "$DIR/b.env"
	"$WM" --mesh home add-site b | grep -q "this machine's own"
}

@test "add-site refuses what is no site" {
	connected
	"$WM" add-site b --subnet 172.30.3.0/24 >/dev/null
	for name in B b.c -b com localhost gw 42 "b b" $'b\nc' "$(printf 'x%.0s' {1..64})" ''; do
		refused 2 "cannot be a site's domain" "$WM" add-site -- "$name"
	done
	refused 2 "--subnet '172.30.4.1/24' must look like" "$WM" add-site c --subnet 172.30.4.1/24
	refused 2 "--subnet '172.30.4.0' must look like" "$WM" add-site c --subnet 172.30.4.0
	refused 2 "--endpoint 'example:1' must look like" "$WM" add-site c --endpoint example:1
	refused 1 '^wm: b: ' "$WM" add-site b
	refused 1 '^wm: c: ' "$WM" add-site c --subnet 172.30.3.128/25
	refused 1 '^wm: c: ' "$WM" add-site c --subnet 192.168.1.0/24
}

@test "enrol --end ends an enrolment that nobody has used, and token list shows those that there are" {
	connected
	old=$("$WM" add-site b -j | jq -r .enrolment.token)
	"$WM" add-site hub --hub >/dev/null
	"$WM" add-device laptop >/dev/null
	json '.meshes[0].enrolments | map(.kind + " " + .name) == ["gateway b", "gateway hub", "device laptop"]' "$WM" token list -j
	"$WM" token list | grep -qE '^gateway +b +20'
	"$WM" enrol b --end --dry-run | grep -qx 'enrolment site b would be removed'
	json '.meshes[0].enrolments | length == 3' "$WM" token list -j
	run -0 "$WM" enrol b --end
	[ "$output" = 'enrolment site b removed' ]
	fails 1 'site b has no enrolment that nobody has used' "$WM" enrol b --end
	fails 1 "there is no device 'laptp'; did you mean 'laptop'" "$WM" enrol --device laptp --end
	"$WM" enrol --device laptop --end
	json '.meshes[0].enrolments | map(.name) == ["hub"]' "$WM" token list -j
	[ "$(curl -sS -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $old" -d '{}' "$URL/v1/enrol")" = 401 ]
	json '.meshes[0].audit[0] | [.what, .kind, .name] == ["remove", "enrolment", "laptop"]' "$WM" audit -j
}

@test "enrol gives a site a fresh enrolment and ends the older one" {
	connected
	old=$("$WM" add-site b -j | jq -r .enrolment.token)
	"$WM" enrol b >"$DIR/gateway.env"
	new=$(sed -n 's/^WM_REGISTRY_TOKEN=//p' "$DIR/gateway.env")
	grep -qx 'SITE_DOMAIN=b' "$DIR/gateway.env"
	[ "$old" != "$new" ]
	spend() {
		curl -sS -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $1" \
			-d "{\"public_key\":\"$(wg genkey | wg pubkey)\"}" "$URL/v1/enrol"
	}
	[ "$(spend "$old")" = 401 ]
	[ "$(spend "$new")" = 201 ]
	json '.site.domain == "b" and (.gateway_env|has("SITE_DOMAIN"))' "$WM" enrol b -j
	refused 1 "there is no site 'bb'; 'wm list-sites' shows" "$WM" enrol bb # of two letters one is half
	"$WM" add-site cellar >/dev/null
	refused 1 "there is no site 'celar'; did you mean 'cellar'" "$WM" enrol celar
	refused 2 'not the name of a site' "$WM" enrol 'b/../c'
}

@test "add-host registers, with the next free address or the one asked for" {
	connected
	"$WM" add-site b --subnet 172.30.3.0/24 >/dev/null
	[ "$("$WM" add-host nas.b --local-ip 192.168.1.10)" = \
		"host nas.b added: overlay 172.30.3.2, LAN address 192.168.1.10, standard" ]
	json '.host == {name:"cam", domain:"b", wg_ip:"172.30.3.77", local_ip:"192.168.1.11", type:"isolated",
		mac:"02:00:00:00:00:11"} and .mesh == "172-30"' \
		"$WM" add-host cam.b --local-ip 192.168.1.11 --wg-ip 172.30.3.77 --type isolated --mac 02:00:00:00:00:11 -j
	api GET /v1/hosts/cam.b | jq -e '.type == "isolated" and .wg_ip == "172.30.3.77"'
}

@test "add-host refuses what cannot be" {
	connected
	"$WM" add-site b --subnet 172.30.3.0/24 >/dev/null
	"$WM" add-host nas.b --local-ip 192.168.1.10
	refused 2 "must be NAME.DOMAIN" "$WM" add-host nas --local-ip 192.168.1.12
	refused 2 "must be NAME.DOMAIN" "$WM" add-host a.b.c --local-ip 192.168.1.12
	refused 2 "must be NAME.DOMAIN" "$WM" add-host gw.b --local-ip 192.168.1.12
	refused 2 "must be NAME.DOMAIN" "$WM" add-host 'x;y.b' --local-ip 192.168.1.12
	refused 2 "--local-ip is missing" "$WM" add-host x.b
	refused 2 "--local-ip '192.168.1' must be an address" "$WM" add-host x.b --local-ip 192.168.1
	refused 2 "--local-ip '192.168.01.2' must be" "$WM" add-host x.b --local-ip 192.168.01.2
	refused 2 "--wg-ip '::1' must be" "$WM" add-host x.b --local-ip 192.168.1.12 --wg-ip ::1
	refused 2 "--type 'roaming' must be standard or isolated" "$WM" add-host x.b --local-ip 192.168.1.12 --type roaming
	refused 2 "--mac '01:00:5e:00:00:01' must be" "$WM" add-host x.b --local-ip 192.168.1.12 --mac 01:00:5e:00:00:01
	refused 1 '^wm: nas.b: ' "$WM" add-host nas.b --local-ip 192.168.1.13
	refused 1 '^wm: x.b: .*192.168.1.10' "$WM" add-host x.b --local-ip 192.168.1.10
	refused 1 '^wm: x.b: ' "$WM" add-host x.b --local-ip 127.0.0.1
	refused 1 '^wm: x.b: ' "$WM" add-host x.b --local-ip 192.168.1.12 --wg-ip 172.30.3.1
	refused 1 '^wm: x.nosuch: ' "$WM" add-host x.nosuch --local-ip 192.168.1.12
}

@test "set changes what is named and nothing else" {
	connected
	hub_enrolled
	"$WM" add-site b --subnet 172.30.3.0/24 >/dev/null
	"$WM" add-host cam.b --local-ip 192.168.1.11 --type isolated --mac 02:00:00:00:00:11
	"$WM" add-device laptop >/dev/null
	[ "$("$WM" set cam.b --type standard)" = "host cam.b changed: overlay 172.30.3.2, LAN address 192.168.1.11, standard" ]
	json '.host.local_ip == "192.168.1.99" and .host.mac == "02:00:00:00:00:11" and .host.type == "standard"' \
		"$WM" set cam.b --local-ip 192.168.1.99 -j
	json '.host.mac == null' "$WM" set cam.b --mac none -j
	json '.host.mac == "02:00:00:00:00:22" and .host.wg_ip == "172.30.3.9"' "$WM" set cam.b --mac 02:00:00:00:00:22 --wg-ip 172.30.3.9 -j
	[[ $("$WM" set laptop --type isolated) == "device laptop changed: overlay 172.30.1."*", isolated" ]]
	json '.device.type == "roaming" and .device.domain == "hub"' "$WM" set laptop.hub --type roaming -j
}

@test "set refuses what does not fit" {
	connected
	hub_enrolled
	"$WM" add-site b --subnet 172.30.3.0/24 >/dev/null
	"$WM" add-host cam.b --local-ip 192.168.1.11
	"$WM" add-host nas.b --local-ip 192.168.1.12
	"$WM" add-device laptop >/dev/null
	refused 2 'what should change' "$WM" set cam.b
	refused 2 "must be roaming or isolated \(of a device\)" "$WM" set laptop --type standard
	refused 2 "must be standard or isolated \(of a host\)" "$WM" set cam.b --type roaming
	refused 2 'is a device: it has no LAN' "$WM" set laptop --local-ip 192.168.1.20
	refused 2 "is not a name: hosts are called NAME.DOMAIN" "$WM" set 'cam.b.c' --type isolated
	refused 1 "no host or device 'nosuch.b'" "$WM" set nosuch.b --type isolated
	refused 1 "no host or device 'laptop.b'" "$WM" set laptop.b --type isolated
	refused 1 "no device 'zzz'.*a host is called NAME.DOMAIN" "$WM" set zzz --type isolated
	refused 1 '^wm: cam.b: .*192.168.1.12' "$WM" set cam.b --local-ip 192.168.1.12
}

@test "remove takes hosts by NAME.DOMAIN and devices by either name" {
	connected
	hub_enrolled
	"$WM" add-site b >/dev/null
	"$WM" add-host nas.b --local-ip 192.168.1.10
	"$WM" add-device laptop >/dev/null
	"$WM" add-device phone >/dev/null
	[ "$("$WM" remove nas.b)" = "host nas.b removed" ]
	json '. == {mesh:"172-30", removed:{kind:"device", name:"laptop"}}' "$WM" remove laptop -j
	[ "$("$WM" remove phone.hub)" = "device phone.hub removed" ]
	json '.meshes[0] | .hosts == [] and .devices == []' "$WM" list -j
	refused 1 "no host or device 'nas.b'; 'wm list' shows" "$WM" remove nas.b
	refused 2 'is not a name' "$WM" remove '../sites/b'
	refused 2 'is not a name' "$WM" remove 'nas?x.b'
}

@test "remove-site wants --yes or a yes, and --cascade for what hangs on it" {
	connected
	"$WM" add-site b >/dev/null
	"$WM" add-host nas.b --local-ip 192.168.1.10
	refused 2 'add --yes' "$WM" remove-site b --cascade
	refused 1 'site b still has 1 host.*--cascade' "$WM" remove-site b --yes
	refused 1 "no site 'nosuch'" "$WM" remove-site nosuch --yes --cascade
	refused 1 "no site 'nosuch'" "$WM" remove-site nosuch --yes
	on_terminal "'$WM' remove-site b --cascade"
	shows 'Remove site b of mesh home and its 1 host\(s\) and device\(s\)\? \[y/N\]'
	echo n >&7
	shows 'nothing was changed'
	shows 'exit=1'
	"$WM" list | grep -q 'nas.b'
	on_terminal "'$WM' remove-site b --cascade"
	shows 'Remove site b'
	echo y >&7
	shows 'site b removed'
	shows 'exit=0'
	json '.meshes[0].sites == []' "$WM" list -j
	"$WM" add-site c >/dev/null
	json '.removed == {kind:"site", name:"c"}' "$WM" remove-site c --yes -j
}

@test "add-host without arguments asks, and holds each answer against the mesh" {
	connected
	"$WM" add-site cellar --subnet 172.30.3.0/24 >/dev/null
	"$WM" add-site attic --subnet 172.30.4.0/24 >/dev/null
	"$WM" add-host nas.cellar --local-ip 192.168.1.10
	refused 2 'without arguments it asks, on a terminal' "$WM" add-host
	on_terminal "'$WM' add-host"
	shows 'Its site\?'
	grep -q '  attic' "$DIR/screen"
	echo celar >&7
	shows "no such site; did you mean 'cellar'\?"
	echo cellar >&7
	shows 'Its name\?'
	echo nas >&7
	shows 'that site has a host of this name already'
	echo cam.cellar >&7
	shows 'Its address on the LAN\?'
	echo 192.168.1.10 >&7
	shows 'it is that of nas.cellar'
	echo 192.168.1.11 >&7
	shows 'isolated \(may answer, not ask\) \[standard\]\?'
	echo isolated >&7
	shows 'Its overlay address \[the next free one\]\?'
	echo 172.30.4.7 >&7
	shows 'site.s subnet|outside|not in'
	echo >&7
	shows 'host cam.cellar added: overlay 172.30.3.3, LAN address 192.168.1.11, isolated'
	shows 'exit=0'
	on_terminal "'$WM' add-host"
	shows 'Its site\?'
	printf '\004' >&7
	shows 'nothing was added'
	shows 'exit=2'
}

@test "--dry-run says what would be, changes nothing, and is refused what the registry would refuse" {
	connected
	hub_enrolled
	"$WM" add-site b --subnet 172.30.3.0/24 >/dev/null
	"$WM" add-host nas.b --local-ip 192.168.1.10
	"$WM" add-device laptop >/dev/null
	before=$(generation)
	would() { # PATTERN COMMAND...
		local pattern=$1
		shift
		"$@" --dry-run >"$DIR/out"
		grep -qE "$pattern" "$DIR/out"
		[ "$(generation)" = "$before" ]
	}
	would '^host cam.b would be added: overlay 172.30.3.3, LAN address 192.168.1.11, standard$' "$WM" add-host cam.b --local-ip 192.168.1.11
	would '^device phone would be added: overlay 172.30.1.3, roaming$' "$WM" add-device phone
	would '^device phone would be added' "$WM" add-device phone --conf "$DIR/phone.conf"
	[ ! -e "$DIR/phone.conf" ]
	would '^site c would be added: subnet 172.30.2.0/24$' "$WM" add-site c
	would '^host nas.b would be changed: overlay 172.30.3.2, LAN address 192.168.1.99, standard$' "$WM" set nas.b --local-ip 192.168.1.99
	would '^device laptop would be changed: overlay 172.30.1.2, isolated$' "$WM" set laptop.hub --type isolated
	would '^host nas.b would be removed$' "$WM" remove nas.b
	would '^site b would be removed$' "$WM" remove-site b --cascade
	would '^an enrolment of site b would be made; an older unused one would end$' "$WM" enrol b
	would '^an enrolment of device laptop would be made' "$WM" enrol --device laptop
	would '^device laptop would be set up: overlay 172.30.1.2, roaming$' "$WM" device-setup laptop --conf "$DIR/laptop.conf"
	[ ! -e "$DIR/laptop.conf" ]
	would '^a token of ci \(read\) would be made$' "$WM" token create ci --role read
	[ "$(api GET /v1/tokens | jq '.tokens | length')" = 0 ]
	json '.dry_run and .host.wg_ip == "172.30.3.3" and .mesh == "172-30"' "$WM" add-host cam.b --local-ip 192.168.1.11 --dry-run -j
	refused 1 '192.168.1.10' "$WM" add-host x.b --local-ip 192.168.1.10 --dry-run
	refused 1 "there is no site 'zz'" "$WM" add-host x.zz --local-ip 192.168.1.12 --dry-run
	refused 1 "is there twice" "$WM" add-host nas.b --local-ip 192.168.1.12 --dry-run
	refused 1 "overlaps" "$WM" add-site c --subnet 172.30.3.128/25 --dry-run
	refused 1 "can be one" "$WM" add-site c --hub --dry-run
	refused 1 "still has 1 host" "$WM" remove-site b --dry-run
	refused 1 "no host or device 'nass.b'; did you mean 'nas.b'" "$WM" remove nass.b --dry-run
	# What it said is what happens.
	"$WM" add-host cam.b --local-ip 192.168.1.11 | grep -q 'overlay 172.30.3.3'
	"$WM" add-site c | grep -qx 'SITE_SUBNET=172.30.2.0/24'
	"$WM" add-device phone | grep -q 'overlay 172.30.1.3'
}

@test "names that are nearly right get the right one" {
	connected
	hub_enrolled
	"$WM" add-site cellar --subnet 172.30.3.0/24 >/dev/null
	"$WM" add-host nas.cellar --local-ip 192.168.1.10
	"$WM" add-device laptop >/dev/null
	refused 1 "no host or device 'nsa.cellar'; did you mean 'nas.cellar'" "$WM" remove nsa.cellar
	refused 1 "no device 'nas'; did you mean 'nas.cellar'" "$WM" remove nas
	refused 1 "no device 'lapotp'; did you mean 'laptop'" "$WM" set lapotp --type isolated
	refused 1 "no site 'cellr'; did you mean 'cellar'" "$WM" remove-site cellr --yes
	refused 1 "x.celar: there is no site 'celar'; did you mean 'cellar'" "$WM" add-host x.celar --local-ip 192.168.1.11
	refused 1 "no mesh 'hoem' is configured; did you mean 'home'" "$WM" --mesh hoem remove nas.cellar
}

@test "with two meshes a change needs --mesh, or asks on a terminal" {
	connected
	first=$URL
	start_registry work 172.31.0.0/16
	"$WM" mesh add "$URL" "$MASTER"
	refused 2 '2 meshes are configured; say which one with --mesh: home or work$' "$WM" add-site lab
	json '.mesh == "172-31" and (.site.subnet|startswith("172.31."))' "$WM" add-site lab --mesh work -j
	on_terminal "'$WM' add-site attic"
	shows '172-30 \(home\)'
	shows 'Which mesh\?'
	echo home >&7
	shows 'SITE_DOMAIN=attic'
	shows 'exit=0'
	URL=$first api GET /v1/sites/attic
	on_terminal "'$WM' add-site garden"
	shows '  2  172-31 \(work\)'
	echo wrk >&7
	shows "no mesh 'wrk' is configured; did you mean 'work'"
	echo 2 >&7
	shows 'SITE_DOMAIN=garden'
	api GET /v1/sites/garden
	on_terminal "'$WM' add-site cellar"
	shows 'Which mesh\?'
	printf '\004' >&7
	shows 'no mesh was chosen'
	shows 'exit=2'
}

@test "no registry: every change says so and exits 3" {
	connected
	kill "$REGISTRY_PID"
	wait "$REGISTRY_PID" || true
	fails 3 'nothing accepts the connection' "$WM" add-site b
	fails 3 'nothing accepts the connection' "$WM" enrol b
	fails 3 'nothing accepts the connection' "$WM" remove-site b --yes
	fails 3 'nothing accepts the connection' "$WM" add-host nas.b --local-ip 192.168.1.10
	fails 3 'nothing accepts the connection' "$WM" add-device laptop
	fails 3 'nothing accepts the connection' "$WM" set nas.b --type isolated
	fails 3 'nothing accepts the connection' "$WM" remove nas.b
}

@test "an answer that never came: it says that the outcome is not known" {
	perl -MIO::Socket -e '$s = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1:0") or die; $| = 1;
		print $s->sockport, "\n"; while ($c = $s->accept) { $c->recv($x, 4096); close $c }' >"$DIR/port" 3>&- &
	PIDS+=("$!")
	until_true 10 test -s "$DIR/port"
	mkdir -p "$WM_CONFIG_DIR"
	printf 'REGISTRY_URL=http://127.0.0.1:%s\nREGISTRY_TOKEN=x\n' "$(cat "$DIR/port")" >"$WM_CONFIG_DIR/x.env"
	chmod 600 "$WM_CONFIG_DIR/x.env"
	fails 3 "Whether the change was made is not known: look with 'wm list'" "$WM" add-site b
	fails 3 'closed without an answer' "$WM" list
	not grep -q 'not known' "$DIR/stderr"
}
