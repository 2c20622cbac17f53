#!/usr/bin/env bats
# wm list, list-*, health, show-config: over one mesh and several, in text and JSON, and when a registry fails.

load rig
setup() { rig_setup; }
teardown() { rig_teardown; }

filled() {
	connected
	hub_enrolled
	"$WM" add-site b --subnet 172.30.3.0/24 >"$DIR/b.env"
	"$WM" add-host nas.b --local-ip 192.168.1.10
	"$WM" add-host cam.b --local-ip 192.168.1.11 --type isolated --mac 02:00:00:00:00:11
	"$WM" add-host box.hub --local-ip 192.168.7.2
	"$WM" add-device laptop >"$DIR/laptop"
}

@test "list shows sites with their own hosts and devices under them" {
	filled
	run -0 "$WM" list
	[ "${lines[0]}" = "=== home (172-30) ===" ]
	[[ ${lines[1]} =~ ^NAME\ +TYPE\ +OVERLAY\ +LAN,\ ENDPOINT\ +STATE ]]
	[[ ${lines[2]} =~ ^b\ +site\ +172.30.3.0/24\ +-\ +not\ enrolled\ yet ]]
	[[ ${lines[3]} =~ ^\ \ nas.b\ +standard\ +172.30.3.2\ +192.168.1.10 ]]
	[[ ${lines[4]} =~ ^\ \ cam.b\ +isolated\ +172.30.3.3\ +192.168.1.11\ +mac\ 02:00:00:00:00:11 ]]
	[[ ${lines[5]} =~ ^hub\ +hub\ +172.30.1.0/24\ +198.51.100.7:51820\ +no\ report\ yet ]]
	[[ ${lines[6]} =~ ^\ \ box.hub\ +standard\ +172.30.1.[23]\ +192.168.7.2 ]]
	[[ ${lines[7]} =~ ^\ \ laptop.hub\ +roaming\ +172.30.1.[23]\ +not\ enrolled\ yet ]]
	[ "${#lines[@]}" = 8 ]
}

@test "list -j has the documented shape" {
	filled
	json '.meshes | length == 1' "$WM" list -j
	jq -e '.meshes[0] | (keys - ["slug","name","url","problem","supernet","instance","generation","sites","hosts","devices"] == [])
		and .slug == "172-30" and .problem == null and .supernet == "172.30.0.0/16" and .generation > 0' "$DIR/json"
	jq -e '.meshes[0].sites[0] == {domain:"b", subnet:"172.30.3.0/24", gateway:"172.30.3.1", is_hub:false, public_key:null,
		endpoint:null, seen:null, generation:null, dataplane:null, dataplane_note:null, problem:null, version:null, applied_ms:null, delay_ms:null,
		handshake:null, rx:null, tx:null}' "$DIR/json"
	jq -e '.meshes[0].hosts | map(select(.name == "cam")) == [{name:"cam", domain:"b", wg_ip:"172.30.3.3",
		local_ip:"192.168.1.11", type:"isolated", mac:"02:00:00:00:00:11", rx:null, tx:null}]' "$DIR/json"
	jq -e '.meshes[0].devices[0] | .name == "laptop" and .domain == "hub" and .type == "roaming" and .public_key == null
		and .handshake == null and .rx == null' "$DIR/json"
}

@test "list-sites, list-hosts, list-devices show their kind, in both spellings" {
	filled
	"$WM" list-sites | grep -qE '^hub +172.30.1.0/24 +172.30.1.1 +yes +198.51.100.7:51820 '
	"$WM" list-hosts | grep -qE '^nas +b +172.30.3.2 +192.168.1.10 +standard +-$'
	"$WM" list-devices | grep -qE '^laptop +hub +172.30.1.[23] +roaming +not enrolled yet$'
	json '.meshes[0] | (.sites|length) == 2 and (has("hosts") or has("devices") | not)' "$WM" list-sites -j
	json '.meshes[0] | (.hosts|length) == 3 and (has("sites") or has("devices") | not)' "$WM" list-hosts -j
	json '.meshes[0] | (.devices|length) == 1 and (has("sites") or has("hosts") | not)' "$WM" list-devices -j
}

@test "an empty mesh says what to do first" {
	connected
	"$WM" list | grep -q 'no sites; create one: wm add-site DOMAIN'
	"$WM" list-hosts | grep -q 'no hosts; register one: wm add-host'
	"$WM" list-devices | grep -q 'no devices; register one: wm add-device'
	json '.meshes[0] | .sites == [] and .hosts == [] and .devices == []' "$WM" list -j
}

@test "what gateways report is shown: in sync, behind, a problem" {
	filled
	report b '{"generation":1,"instance":"x","dataplane":"bpf","problem":"","version":"0.1.0","applied_ms":7}'
	"$WM" list | grep -qE '^b +site .*behind: 1 of [0-9]+, [0-9]+ s ago'
	report b "{\"generation\":$(generation),\"instance\":\"$(api GET /v1/whoami | jq -r .instance)\",\"dataplane\":\"nft\",
		\"problem\":\"\",\"version\":\"0.1.0\",\"applied_ms\":7}"
	"$WM" list | grep -qE '^b +site .*in sync \(nft\), [0-9]+ s ago'
	json '.meshes[0].sites[0] | .dataplane == "nft" and .applied_ms == 7 and .version == "0.1.0" and .problem == null and
		(.seen | test("^20[0-9][0-9]-.*Z$"))' "$WM" list-sites -j
	report b '{"generation":1,"instance":"x","dataplane":"bpf","problem":"eth9: no such interface","version":"0.1.0","applied_ms":0}'
	"$WM" list | grep -qE '^b +site .*problem, [0-9]+ s ago: eth9: no such interface'
}

@test "a table fits the terminal, and is whole in a pipe" {
	filled
	long=$(printf 'the interface that is named in LXC_IFACES is not there: %.0s' 1 2 3)
	report b "{\"generation\":1,\"instance\":\"x\",\"dataplane\":\"bpf\",\"problem\":\"$long\",\"version\":\"0.1.0\",\"applied_ms\":0}"
	"$WM" list | grep -qF "$(echo "$long" | sed 's/ *$//')"
	on_terminal "'$WM' list"
	shows 'exit=0'
	grep -q 'problem, ' "$DIR/screen"
	tr -d '\r' <"$DIR/screen" | sed '/^Script /d' | awk 'length > 80 { print; bad = 1 } END { exit bad }'
}

@test "a long name is cut on a narrow terminal, so that the state is seen; wide cuts nothing" {
	filled
	"$WM" add-host a-machine-with-quite-a-long-name.b --local-ip 192.168.1.12
	on_terminal "'$WM' list"
	shows 'exit=0'
	grep -qE '^  a-machine-wit[a-z-]*~\.b  ' "$DIR/screen"
	grep -qE 'hub  .*not enrolled' "$DIR/screen"
	on_terminal "'$WM' list -o wide"
	shows 'exit=0'
	grep -q '^  a-machine-with-quite-a-long-name\.b  ' "$DIR/screen"
	grep -qE '^NAME .*MAC +GENERATION +VERSION +HANDSHAKE +RECEIVED +SENT +STATE' "$DIR/screen"
	grep -qE '^  cam.b .* 02:00:00:00:00:11 ' "$DIR/screen"
	run -0 "$WM" list # a pipe: whole
	[[ $output == *"  a-machine-with-quite-a-long-name.b "* ]]
}

@test "--output says the same as -j, and knows three words" {
	connected
	"$WM" list -o json | cmp - <("$WM" list -j)
	"$WM" list -ojson | cmp - <("$WM" list --json)
	"$WM" list --output text | cmp - <("$WM" list)
	fails 2 "--output 'xml' must be text, wide or json" "$WM" list -o xml
	fails 2 '--json and --output wide cannot both be' "$WM" list -j -o wide
	fails 2 '--output is not for' "$WM" health -o wide
	fails 2 '--output needs a value' "$WM" list -o
}

@test "several meshes: a section each, --mesh chooses, by slug and by name" {
	filled
	start_registry work 172.31.0.0/16
	"$WM" mesh add "$URL" "$MASTER"
	"$WM" --mesh work add-site lab >"$DIR/lab.env"
	run -0 "$WM" list
	[[ $output == *"=== home (172-30) ==="*"nas.b"*"=== work (172-31) ==="*"lab"* ]]
	for which in work 172-31; do
		run -0 "$WM" list --mesh "$which"
		[[ $output == "=== work (172-31) ==="* && $output != *home* ]]
	done
	json '[.meshes[].slug] == ["172-30","172-31"]' "$WM" list -j
	[ "$(jq -r '.meshes[1].sites[0].domain' "$DIR/json")" = lab ]
	fails 1 "no mesh 'wrk' is configured" "$WM" list --mesh wrk
}

@test "one registry down: the other mesh is shown, the exit code says it" {
	filled
	start_registry work 172.31.0.0/16
	"$WM" mesh add "$URL" "$MASTER"
	kill "$REGISTRY_PID"
	wait "$REGISTRY_PID" || true
	fails 3 "registry $URL: nothing accepts the connection" "$WM" list
	grep -q 'nas.b' "$DIR/stdout"
	fails 3 'nothing accepts' "$WM" list -j
	jq -e '.meshes | (.[0].problem == null) and (.[0].sites|length == 2) and (.[1].problem|test("nothing accepts"))
		and (.[1]|has("sites")|not)' "$DIR/stdout"
	fails 3 'nothing accepts' "$WM" health -j
	jq -e '[.meshes[].status] == ["ok", null]' "$DIR/stdout"
	fails 3 'nothing accepts' "$WM" show-config -j
	jq -e '.mesh_name == "home"' "$DIR/stdout"
	# The first failure counts, not the last mesh.
	start_registry attic 172.29.0.0/16
	"$WM" mesh add "$URL" "$MASTER"
	"$WM" mesh remove work
	kill "$REGISTRY_PID"
	wait "$REGISTRY_PID" || true
	fails 3 'nothing accepts' "$WM" list
	[ "$(grep '^===' "$DIR/stdout" | tail -n 1)" = "=== home (172-30) ===" ]
}

@test "a token that was revoked is refused everywhere, and health says so" {
	connected
	created=$(api POST /v1/tokens '{"role":"admin","name":"me"}')
	"$WM" mesh add "$URL" "$(jq -r .token <<<"$created")"
	"$WM" health
	api DELETE "/v1/tokens/$(api GET /v1/tokens | jq -r '.tokens[] | select(.name == "me") | .id')"
	fails 4 'registry: ' "$WM" health
	fails 4 'config: ' "$WM" list
	fails 4 'config: ' "$WM" show-config
	fails 4 'b: ' "$WM" add-site b
}

@test "show-config is the registry's own document" {
	filled
	"$WM" show-config -j | jq -S . >"$DIR/ours"
	api GET /config | jq -S . | cmp - "$DIR/ours"
	[ "$("$WM" show-config | head -n 1)" = "=== home (172-30) ===" ]
	"$WM" show-config | tail -n +2 | jq -S . | cmp - "$DIR/ours"
}

@test "names in other scripts keep the table straight" {
	start_registry Häuschen
	"$WM" mesh add "$URL" "$MASTER"
	LC_ALL=C.UTF-8 "$WM" mesh list | grep -qE '^172-30 +Häuschen +http'
	"$WM" add-site b --mesh Häuschen >/dev/null
	"$WM" list | grep -q '^=== Häuschen (172-30) ===$'
}

# impostor BODY: answers /v1/config with it, whatever the token
impostor() {
	printf '%b' "$1" >"$DIR/body"
	perl -MIO::Socket -e '$s = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1:0") or die; $| = 1;
		print $s->sockport, "\n"; open F, $ARGV[0]; local $/; $b = <F>; while ($c = $s->accept) { $c->recv($x, 4096);
		print $c "HTTP/1.1 200 OK\r\nContent-Length: ", length $b, "\r\nConnection: close\r\n\r\n$b" }' \
		"$DIR/body" >"$DIR/port" 3>&- &
	PIDS+=("$!")
	until_true 10 test -s "$DIR/port"
	mkdir -p "$WM_CONFIG_DIR"
	printf 'REGISTRY_URL=http://127.0.0.1:%s\nREGISTRY_TOKEN=x\n' "$(cat "$DIR/port")" >"$WM_CONFIG_DIR/x.env"
	chmod 600 "$WM_CONFIG_DIR/x.env"
	rm -f "$DIR/port"
}

@test "a config that is cut, shuffled or nonsense is an error, never an empty list" {
	head='{"mesh":{"version":1,"instance":"i","generation":1,"mesh_name":"m","supernet":"172.30.0.0/16","requires":[]}}\n'
	site='{"site":{"domain":"b","subnet":"172.30.3.0/24"}}\n'
	end='{"end":{"generation":1,"count":1}}\n'
	impostor "$head$site$end"
	"$WM" list | grep -q '^b ' # the control: this one is whole
	impostor "$head$site"
	fails 3 'broke off before its end' "$WM" list
	impostor "$head$end"
	fails 3 'cut: 0 of 1 lines' "$WM" list
	impostor "$site$head$end"
	fails 3 'out of order' "$WM" list
	impostor "$head$site$end$site"
	fails 3 'out of order' "$WM" list
	impostor "$head"'{"site":{"domain":"b;rm","subnet":"172.30.3.0/24"}}\n'"$end"
	fails 3 "not understood.*domain" "$WM" list
	impostor '<html>hello</html>\n'
	fails 3 'not understood' "$WM" list
	impostor ''
	fails 3 'broke off' "$WM" list
	fails 3 'no JSON' "$WM" show-config
	fails 3 'not a registry in good health' "$WM" health
}

@test "lines of a kind that we do not know are counted and skipped" {
	impostor '{"mesh":{"version":1,"instance":"i","generation":1,"mesh_name":"m","supernet":"172.30.0.0/16"}}
{"gadget":{"x":1}}\n{"site":{"domain":"b","subnet":"172.30.3.0/24"}}\n{"end":{"generation":1,"count":2}}\n'
	"$WM" list | grep -q '^b '
}

@test "a terminal gets no escape sequences from a registry" {
	impostor '{"mesh":{"version":1,"instance":"i","generation":1,"mesh_name":"m\\u001b[2J","supernet":"172.30.0.0/16"}}\n{"end":{"generation":1,"count":0}}\n'
	local got=0
	"$WM" list >"$DIR/stdout" 2>&1 || got=$?
	not grep -q "$(printf '\033')" "$DIR/stdout"
	[ "$got" = 3 ]
}

# obeyed FILE: it has in it what a terminal obeys
obeyed() { perl -0777 -ne 'utf8::decode($_) or exit 0; exit !/[\x00-\x09\x0b-\x1f\x7f-\x9f]/' "$1"; }

@test "nor in a document, a parser's complaint, the name of a feature or of a mesh" {
	printf 'a\302\233' >"$DIR/control"
	obeyed "$DIR/control"
	impostor '{"mesh_name":"m\\u001b[2J\\u009b2J\\u007f","x":"B\0303\0274ro"}'
	printf 'MESH_NAME="x\302\2332J"\n' >>"$WM_CONFIG_DIR/x.env"
	"$WM" show-config >"$DIR/stdout"
	not obeyed "$DIR/stdout"
	grep -qxF '=== x?2J (x) ===' "$DIR/stdout"
	grep -qF '"x": "Büro"' "$DIR/stdout"
	json '.mesh_name == "m\u001b[2J\u009b2J\u007f"' "$WM" show-config -j
	not obeyed "$DIR/json"
	impostor '{"a":"\0302\02332J\0033"}\n'
	"$WM" export >"$DIR/stdout"
	[ "$(cat "$DIR/stdout")" = '{"a":"\u009b2J\u001b"}' ]
	impostor '{"tokens":[ \0033]0;x\0007'
	fails 3 'not understood' "$WM" token list
	not obeyed "$DIR/stderr"
	json '.meshes[0].problem | test("[\u0000-\u001f]") | not' sh -c '"$1" list -j || [ $? = 3 ]' sh "$WM"
	impostor '{"mesh":{"version":1,"instance":"i","generation":1,"mesh_name":"m","supernet":"172.30.0.0/16","requires":["\\u001b[2J\\u009b\\nwm: all is well"]}}\n'
	fails 3 "feature '.\[2J..wm: all is well'" "$WM" list
	not obeyed "$DIR/stderr"
}
