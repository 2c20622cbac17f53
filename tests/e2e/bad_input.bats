#!/usr/bin/env bats
# What bad input gets: one clear sentence, an exit status that is not 0, and a
# kernel exactly as before. Each case is tried on a machine that wm has never
# touched, the same sync with nothing wrong is the control at the end; then
# once more on the machine with a mesh in force.
#
#   gw: lan0 192.168.1.1/24 -- lan;  a registry on its own 127.0.0.1:8099
#
# time limit: 240 s

load lib/mesh

setup_file() {
	gateway_begin b
	make_lan
	wait_for 5 'IPv6 has settled' settled

	WM_REGISTRY_TOKEN=master-of-the-test ns gw "$BIN/wm-registry" serve --env-file /dev/null --data "$WM_DEMO_DIR/registry" \
		--listen 127.0.0.1:8099 </dev/null >"$WM_DEMO_DIR/log/registry" 2>&1 3>&- &
	wait_for 10 'the registry answers' ns gw curl -sf http://127.0.0.1:8099/health
	WM_REGISTRY_TOKEN=master-of-the-test operate mesh add http://127.0.0.1:8099
	operate add-site a >/dev/null
	operate add-host web.a --local-ip 192.168.1.10
}

settled() { ! in_ns gw addr show | grep -q tentative; }

teardown_file() { demo down; }

setup() {
	use_demo
	[ -e "$WM_DEMO_DIR/in_force" ] || rm -rf "$WM_DEMO_DIR/state" "$WM_DEMO_DIR/etc/a"
	mkdir -p "$WM_DEMO_DIR/etc/a"
	ENROLMENT=$(operate -j enrol a | jq -er .enrolment.token)
	gateway_env
}

operate() { ns gw env WM_CONFIG_DIR="$WM_DEMO_DIR/operator" "$BIN/wm" "$@"; }

# gateway_env [KEY=VALUE]...: a good gateway.env, but for these (an empty value: without that key).
gateway_env() {
	local line
	{
		printf '%s\n' SITE_DOMAIN=a WM_REGISTRY_URL=http://127.0.0.1:8099 LXC_IFACES=192.168.1.1 \
			WM_REGISTRY_TOKEN="$ENROLMENT" WM_INTERFACE="$(interface_of a)" "$@"
	} >"$WM_DEMO_DIR/etc/a/gateway.env"
	for line; do
		[ -n "${line#*=}" ] || sed -i "/^${line%%=*}=/d" "$WM_DEMO_DIR/etc/a/gateway.env"
	done
}

# on_gw <command>...: there, with the paths of this test.
on_gw() {
	ns gw env WM_ETC="$WM_DEMO_DIR/etc" WM_STATE="$WM_DEMO_DIR/state" WM_RUN="$WM_DEMO_DIR/run" \
		WM_BPFFS="$WM_DEMO_DIR/bpf" "$@"
}

# complains <words of the sentence>... : sync says one line with all of them, fails, and changes nothing.
complains() {
	local before word
	before=$(kernel_of gw)
	run on_gw "${AS[@]}" timeout 60 "$BIN/wm-gateway" sync --instance a
	echo "status $status: $output"
	[ "$status" = 1 ]
	[ "${#lines[@]}" = 1 ]
	for word; do [[ "$output" == *"$word"* ]]; done
	diff <(echo "$before") <(kernel_of gw)
}

answer() { cat >"$BATS_TEST_TMPDIR/answer"; } # what the fake registry says from now on: stdin

# A registry on port 8100 that says nothing but that.
fake() {
	ip netns exec "$WM_DEMO-gw" "$BATS_TEST_DIRNAME/lib/fake_registry" 8100 "$BATS_TEST_TMPDIR/answer" </dev/null >/dev/null 2>&1 3>&- &
	FAKE=$!
	wait_for 5 'the fake registry answers' ns gw curl -sf http://127.0.0.1:8100/
	gateway_env WM_REGISTRY_URL=http://127.0.0.1:8100 WM_REGISTRY_TOKEN="wmg_$(printf '%043d' 0 | tr 0 A)"
}

teardown() {
	[ -z "${FAKE:-}" ] || kill "$FAKE" 2>/dev/null || true
}

@test "no gateway.env" {
	rm "$WM_DEMO_DIR/etc/a/gateway.env"
	complains "$WM_DEMO_DIR/etc/a/gateway.env"
}

@test "a line of gateway.env that is none" {
	echo 'this is no setting' >>"$WM_DEMO_DIR/etc/a/gateway.env"
	complains gateway.env
}

@test "SITE_DOMAIN is missing, or not a domain" {
	gateway_env SITE_DOMAIN=
	complains SITE_DOMAIN gateway.env
	gateway_env 'SITE_DOMAIN=a.b;c'
	complains SITE_DOMAIN gateway.env
}

@test "WM_REGISTRY_URL is missing" {
	gateway_env WM_REGISTRY_URL=
	complains WM_REGISTRY_URL gateway.env
}

@test "numbers and choices out of range" {
	gateway_env WM_LISTEN_PORT=99999
	complains WM_LISTEN_PORT
	gateway_env WM_DATAPLANE=magic
	complains WM_DATAPLANE magic
	gateway_env PUBLIC_IP=example
	complains PUBLIC_IP example
}

@test "no token at all" {
	gateway_env WM_REGISTRY_TOKEN=
	complains WM_REGISTRY_TOKEN
}

@test "a token that the registry does not accept" {
	gateway_env WM_REGISTRY_TOKEN="wme_$(printf '%043d' 0 | tr 0 A)"
	complains token 'wm enrol a'
}

@test "nobody listens at the registry's address" {
	gateway_env WM_REGISTRY_URL=http://127.0.0.1:1
	complains 127.0.0.1:1
}

@test "plain http to another machine is refused before the token leaves" {
	gateway_env WM_REGISTRY_URL=http://192.168.1.77:8099
	complains https
}

@test "a LAN address that no interface has" {
	gateway_env LXC_IFACES=192.168.7.1
	complains 192.168.7.1
}

@test "an interface that is not there" {
	gateway_env LXC_IFACES=nosuch0
	complains nosuch0
}

@test "a site that the registry does not have" {
	gateway_env SITE_DOMAIN=elsewhere
	complains ''
}

@test "not JSON; an error page; an empty answer; an empty object" {
	answer <<<'}}} not json'
	fake
	complains JSON
	answer <<<'<html>502 Bad Gateway</html>'
	complains JSON
	answer </dev/null
	complains ''
	answer <<<'{}'
	complains ''
}

@test "a connection that the registry resets" {
	answer <<<'{}'
	fake
	answer <<<RESET
	complains '127.0.0.1:8100' 'the connection broke while the answer was read'
}

MESH='{"mesh":{"version":1,"instance":"11111111-1111-4111-8111-111111111111","generation":999,"mesh_name":"x","supernet":"172.30.0.0/16","self":"a","requires":[]}}'
SITE='{"site":{"domain":"a","subnet":"172.30.2.0/24","gateway":"172.30.2.1","is_hub":false,"public_key":null,"endpoint":null}}'

@test "a config that is cut off" {
	printf '%s\n' "$MESH" "$SITE" | answer
	fake
	complains ''
	printf '%s\n' "$MESH" "$SITE" '{"end":{"generation":999,"count":2}}' | answer
	complains ''
}

@test "a config that goes on behind its end" {
	printf '%s\n' "$MESH" "$SITE" '{"end":{"generation":999,"count":1}}' '{"end":{"generation":999,"count":1}}' | answer
	fake
	complains 'behind its end'
}

@test "a config with a host whose LAN address is loopback; with a name that is none; with two of one address" {
	host() { printf '{"host":{"name":"%s","domain":"a","wg_ip":"%s","local_ip":"%s","type":"standard","mac":null}}\n' "$@"; }
	{ printf '%s\n' "$MESH" "$SITE"; host x 172.30.2.2 127.0.0.1; echo '{"end":{"generation":999,"count":2}}'; } | answer
	fake
	complains 127.0.0.1
	{ printf '%s\n' "$MESH" "$SITE"; host 'x;reboot' 172.30.2.2 192.168.1.10; echo '{"end":{"generation":999,"count":2}}'; } | answer
	complains name
	{ printf '%s\n' "$MESH" "$SITE"; host x 172.30.2.2 192.168.1.10; host y 172.30.2.2 192.168.1.11
		echo '{"end":{"generation":999,"count":3}}'; } | answer
	complains 172.30.2.2
}

@test "a config that needs a feature nobody knows" {
	{ echo "${MESH/'[]'/'["teleport"]'}"; echo "$SITE"; echo '{"end":{"generation":999,"count":1}}'; } | answer
	fake
	complains teleport
}

@test "not root" {
	chmod -R a+rX "$WM_DEMO_DIR/etc"
	AS=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	complains 'needs root'
}

@test "BPF is wanted and cannot be had: no bpffs; no right to load programs" {
	gateway_env WM_DATAPLANE=bpf
	AS=(env WM_BPFFS="$WM_DEMO_DIR/log")
	complains "$WM_DEMO_DIR/log"
	AS=(setpriv --bounding-set -bpf,-sys_admin,-perfmon --inh-caps -bpf,-sys_admin,-perfmon)
	complains BPF
}

@test "control: the same machine and the same sync with nothing wrong" {
	run on_gw "$BIN/wm-gateway" sync --instance a
	echo "$output"
	[ "$status" = 0 ]
	in_ns gw link show "$(interface_of a)" | grep -q 'UP'
	in_ns gw route show | grep -q "^172.30.0.0/16 dev $(interface_of a)"
	touch "$WM_DEMO_DIR/in_force"
}

@test "with a mesh in force: what is wrong changes nothing of it" {
	[ -e "$WM_DEMO_DIR/in_force" ]
	gateway_env SITE_DOMAIN=
	complains SITE_DOMAIN
	gateway_env WM_REGISTRY_URL=http://127.0.0.1:1
	complains 127.0.0.1:1
	gateway_env LXC_IFACES=192.168.7.1
	complains 192.168.7.1
	answer <<<'{}'
	fake
	complains ''
}

@test "with a mesh in force: an older generation and an empty mesh are refused" {
	[ -e "$WM_DEMO_DIR/in_force" ]
	local instance
	instance=$(operate -j list-sites | jq -r '.meshes[0].instance')
	{ sed "s/11111111-1111-4111-8111-111111111111/$instance/; s/999/1/" <<<"$MESH"; echo "$SITE"
		echo '{"end":{"generation":1,"count":1}}'; } | answer
	fake
	complains older
	{ sed "s/11111111-1111-4111-8111-111111111111/$instance/" <<<"$MESH"; echo '{"end":{"generation":999,"count":0}}'; } | answer
	complains "'a'"
}

# changes <header's other members> <line>...: what the fake registry says has changed.
changes() {
	local generation=$1 more=$2 lines=("${@:3}")
	printf '{"changes":{"version":1,"instance":"%s","after":%d,"generation":%d,"mesh_name":"home","supernet":"172.30.0.0/16","self":"a","requires":[]%s}}\n' \
		"$INSTANCE" "$generation" $((generation + 1)) "$more"
	printf '%s\n' "${lines[@]}"
	printf '{"end":{"generation":%d,"count":%d}}\n' $((generation + 1)) "${#lines[@]}"
}

@test "with a mesh in force: changes that do not fit are refused, good ones beside bad ones too" {
	[ -e "$WM_DEMO_DIR/in_force" ]
	local have host before
	have=$(on_gw "$BIN/wm-gateway" status --instance a -j || true)
	INSTANCE=$(jq -r .config.instance <<<"$have")
	have=$(jq -r .config.generation <<<"$have")
	before=$(cat "$WM_DEMO_DIR/state/a/config"* | cksum)
	host='{"host":{"name":"new","domain":"a","wg_ip":"172.30.1.99","local_ip":"192.168.1.99","type":"standard","mac":null}}'
	answer <<<'{}'
	fake
	changes $((have - 1)) '' "$host" | answer
	complains 'not what follows'
	changes $((have + 1)) '' "$host" | answer
	complains 'not what follows'
	changes "$have" '' "$host" | sed s/172.30.0.0/172.31.0.0/ | answer
	complains 'another mesh'
	changes "$have" '' "$host" | sed 's/"self":"a"/"self":"b"/' | answer
	complains 'another mesh or site'
	changes "$have" '' "$host" | sed 's/"requires":\[\]/"requires":["tomorrow"]/' | answer
	complains tomorrow
	changes "$have" '' "$host" | sed 's/"count":1/"count":2/' | answer
	complains 'not complete'
	changes "$have" '' "$host" | sed '$d' | answer
	complains 'cut off'
	changes "$have" '' "$host" '{"host":{"name":"twin","domain":"a","wg_ip":"172.30.1.98","local_ip":"192.168.1.99"}}' | answer
	complains 192.168.1.99
	changes "$have" '' "$host" '{"host":{"name":"gw2","domain":"a","wg_ip":"172.30.1.1","local_ip":"192.168.1.98"}}' | answer
	complains gw2
	changes "$have" '' "$host" '{"host":{"name":"lost","domain":"nowhere","wg_ip":"172.30.1.98","local_ip":null}}' | answer
	complains nowhere
	changes "$have" '' "$host" '{"gone":{"kind":"site","name":"a","domain":null}}' | answer
	complains "'a'"
	changes "$have" '' "$host" '{"gone":{"kind":"host","name":"web","domain":"a"}}' '{"gone":{"kind":"site","name":"a","domain":null}}' | answer
	complains "'a'"
	[ "$before" = "$(cat "$WM_DEMO_DIR/state/a/config"* | cksum)" ]
}

@test "syncing again with nothing to do changes nothing" {
	[ -e "$WM_DEMO_DIR/in_force" ]
	local before
	before=$(kernel_of gw)
	run on_gw "$BIN/wm-gateway" sync --instance a
	[ "$status" = 0 ]
	diff <(echo "$before") <(kernel_of gw)
}

# The last: what is in force then is the fake registry's.
@test "with a mesh in force: where changes do not fit, all of it is asked for at once" {
	[ -e "$WM_DEMO_DIR/in_force" ]
	local have host site
	have=$(on_gw "$BIN/wm-gateway" status --instance a -j || true)
	INSTANCE=$(jq -r .config.instance <<<"$have")
	have=$(jq -r .config.generation <<<"$have")
	host='{"host":{"name":"new","domain":"a","wg_ip":"172.30.1.99","local_ip":"192.168.1.99","type":"standard","mac":null}}'
	site='{"site":{"domain":"a","subnet":"172.30.1.0/24","gateway":"172.30.1.1","is_hub":false,"public_key":null,"endpoint":null}}'
	changes $((have - 1)) '' "$host" | answer
	{ sed "s/11111111-1111-4111-8111-111111111111/$INSTANCE/; s/999/$((have + 1))/; s/\"x\"/\"home\"/" <<<"$MESH"
		printf '%s\n' "$site" "$host" "{\"end\":{\"generation\":$((have + 1)),\"count\":2}}"; } >"$BATS_TEST_TMPDIR/answer.whole"
	fake
	run on_gw timeout 60 "$BIN/wm-gateway" sync --instance a
	echo "$output"
	[ "$(on_gw "$BIN/wm-gateway" status --instance a -j | jq -r .config.generation)" = $((have + 1)) ]
	on_gw "$BIN/wm-bpf" stats --instance a -j | jq -e '[.. | .name? // empty] | index("new.a")'
}
