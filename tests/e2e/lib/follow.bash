# shellcheck shell=bash
# One gateway, and a registry that says what a file says (fake_registry).
#
#   gw: lan0 192.168.1.1/24 -- lan eth0;  the registry on its own 127.0.0.1:8100
#
# The mesh: site a, the gateway's, with hosts h1 to h6 at 192.168.1.11 to .16,
# and site b, which nobody reaches.

load lib/mesh

WHO=11111111-1111-4111-8111-111111111111
PEER=$(printf 'b%031d' 0 | base64)
SELF=\"$(printf 'a%031d' 0 | base64)\" # what the registry has of the gateway

follow_begin() { # follow_begin <short name>: in setup_file
	gateway_begin "$1"
	mkdir -p "$WM_DEMO_DIR/said" "$WM_DEMO_DIR/run/a"
	for machine in gw lan; do
		ns "$machine" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 # settles late
	done
	make_lan
	ip netns exec "$WM_DEMO-gw" "$BATS_TEST_DIRNAME/lib/fake_registry" 8100 "$WM_DEMO_DIR/said/answer" </dev/null >/dev/null 2>&1 3>&- &
	say_whole 10
	wait_for 5 'the fake registry answers' ns gw curl -sf http://127.0.0.1:8100/
}

# gateway_env [KEY=VALUE]...: keys that come twice hold as they came last.
gateway_env() {
	printf '%s\n' SITE_DOMAIN=a WM_REGISTRY_URL=http://127.0.0.1:8100 WM_REGISTRY_TOKEN="wmg_$(printf '%043d' 0 | tr 0 A)" \
		LXC_IFACES=lan0 WM_POLL=60 WM_INTERFACE="$(interface_of a)" WM_DNSMASQ_PID="$WM_DEMO_DIR/dnsmasq/pid" "$@" \
		>"$WM_DEMO_DIR/etc/a/gateway.env"
}

# on_gw <command>...: there, with the paths of this test.
on_gw() {
	ns gw env WM_ETC="$WM_DEMO_DIR/etc" WM_STATE="$WM_DEMO_DIR/state" WM_RUN="$WM_DEMO_DIR/run" \
		WM_BPFFS="$WM_DEMO_DIR/bpf" "$@"
}
gw() { on_gw "$BIN/wm-gateway" "$@" --instance a; }
status() { gw status -j; }
says() { status | jq -e "$1"; } # says <filter>: of the status

start() { # a gateway that stays
	on_gw "$BIN/wm-gateway" -v run --instance a </dev/null >>"$WM_DEMO_DIR/log/gateway" 2>&1 3>&- &
	wait_for 10 'the gateway answers' says .running
}
stop() {
	local pid
	for pid in $(ip netns pids "$WM_DEMO-gw"); do
		case $(cat "/proc/$pid/comm" 2>/dev/null) in wm-gateway | wm-fetch) kill "$pid" 2>/dev/null || true ;; esac
	done
	wait_for 10 'nobody holds the lock' on_gw flock -n "$WM_DEMO_DIR/run/a/lock" true
}
fresh() { # as if wm had never been there
	stop
	gw down >/dev/null
	rm -rf "$WM_DEMO_DIR/state" "$WM_DEMO_DIR/log/gateway"
}

site() { printf '{"site":{"domain":"%s","subnet":"172.30.%d.0/24","gateway":"172.30.%d.1","is_hub":false,"public_key":%s,"endpoint":%s}}\n' "$1" "$2" "$2" "$3" "$4"; }
host() { printf '{"host":{"name":"h%d","domain":"a","wg_ip":"172.30.2.%d","local_ip":"%s","type":"standard","mac":null}}\n' "$1" $((10 + $1)) "${2:-192.168.1.$((10 + $1))}"; }
gone() { printf '{"gone":{"kind":"host","name":"h%d","domain":"a"}}\n' "$1"; }
mesh() { printf '{"mesh":{"version":1,"instance":"%s","generation":%d,"mesh_name":"home","supernet":"172.30.0.0/16","self":"a","requires":[]}}\n' "$WHO" "$1"; }

say_lines() { # say_lines <file> <generation>: stdin, and how it ends
	local lines
	lines=$(cat)
	{ echo "$lines"; printf '{"end":{"generation":%d,"count":%d}}\n' "$2" $(($(wc -l <<<"$lines") - 1)); } >"$WM_DEMO_DIR/said/new"
	mv "$WM_DEMO_DIR/said/new" "$WM_DEMO_DIR/said/$1"
}

# say_whole <generation> [<number of a host that there is>]...: from now on the registry says that, and nothing of changes
say_whole() {
	local n generation=$1 hosts=("${@:2}")
	[ $# -gt 1 ] || hosts=(1 2 3 4 5 6)
	rm -f "$WM_DEMO_DIR/said/answer".*
	{
		mesh "$generation"
		site a 2 "$SELF" null
		site b 3 "\"$PEER\"" '"198.51.100.3:51820"'
		for n in "${hosts[@]}"; do host "$n"; done
	} | say_lines answer "$generation"
}

say_changes() { # say_changes <after> <generation> <line>...
	{
		printf '{"changes":{"version":1,"instance":"%s","after":%d,"generation":%d,"mesh_name":"home","supernet":"172.30.0.0/16","self":"a","requires":[]}}\n' \
			"$WHO" "$1" "$2"
		printf '%s\n' "${@:3}"
	} | say_lines answer "$2"
}

# A name server at port 53 of this machine's 127.0.0.1, with its pid file and log.
name_server() {
	mkdir -p "$WM_DEMO_DIR/dnsmasq"
	ip netns exec "$WM_DEMO-gw" dnsmasq --keep-in-foreground --conf-file="$WM_DEMO_DIR/etc/a/dnsmasq.conf" --no-hosts --no-resolv --listen-address=127.0.0.1 --bind-interfaces \
		--user=root \
		--pid-file="$WM_DEMO_DIR/dnsmasq/pid" --log-facility="$WM_DEMO_DIR/log/dnsmasq" </dev/null >/dev/null 2>&1 3>&- &
	wait_for 5 'the name server answers' answers gw.a 172.30.2.1
}
answers() { ns gw dig +short +time=1 +tries=1 @127.0.0.1 "$1" | grep -qxF "$2"; }
no_name_server() {
	kill "$(cat "$WM_DEMO_DIR/dnsmasq/pid")"
	wait_for 5 'it has ended' test ! -e "$WM_DEMO_DIR/dnsmasq/pid"
}
