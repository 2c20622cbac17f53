# shellcheck shell=bash
# One gateway and one host of its site, with a registry on the gateway's own
# machine; the paths of the gateway are those of scripts/demo.
#
#   gw: lan0 192.168.1.1/24 -- eth0 192.168.1.10 lan (web.a);  http://127.0.0.1:8099 on gw

MASTER=master-of-the-test
REGISTRY=http://127.0.0.1:8099

single_begin() { # <short name> [OPTION of wm-registry]...
	gateway_begin "$1"
	mkdir "$WM_DEMO_DIR/www"
	make_lan
	in_ns lan addr add 192.168.1.10/24 dev eth0
	in_ns lan route add default via 192.168.1.1
	WM_REGISTRY_TOKEN=$MASTER ip netns exec "$WM_DEMO-gw" "$BIN/wm-registry" serve --env-file /dev/null \
		--data "$WM_DEMO_DIR/registry" --listen "${REGISTRY#http://}" "${@:2}" </dev/null >"$WM_DEMO_DIR/log/registry" 2>&1 3>&- &
	wait_for 10 'the registry answers' ns gw curl -sf $REGISTRY/health
	WM_REGISTRY_TOKEN=$MASTER operate mesh add $REGISTRY
	operate add-site a >/dev/null
	operate add-host web.a --local-ip 192.168.1.10
	printf '%s\n' SITE_DOMAIN=a WM_REGISTRY_URL=$REGISTRY LXC_IFACES=192.168.1.1 WM_INTERFACE="$(interface_of a)" \
		WM_REGISTRY_TOKEN="$(operate -j enrol a | jq -er .enrolment.token)" >"$WM_DEMO_DIR/etc/a/gateway.env"
}

operate() { ns gw env WM_CONFIG_DIR="$WM_DEMO_DIR/operator" "$BIN/wm" "$@"; }

# What a program of the gateway needs to find its paths.
single_paths() {
	echo WM_ETC="$WM_DEMO_DIR/etc" WM_STATE="$WM_DEMO_DIR/state" WM_RUN="$WM_DEMO_DIR/run" WM_BPFFS="$WM_DEMO_DIR/bpf"
}
# shellcheck disable=SC2046 # a list of words
on_gw() { ns gw env $(single_paths) "$@"; }
status() { on_gw "$BIN/wm-gateway" status -j --instance a; }

. "${BASH_SOURCE[0]%/*}/../../ping.bash"
# under_traffic <command>...: while web pings its gateway by overlay address, and every ping comes back
under_traffic() {
	local n ping log=$BATS_TEST_TMPDIR/ping
	ip netns exec "$WM_DEMO-lan" ping -n -i 0.02 172.30.1.1 >"$log" 2>&1 3>&- &
	ping=$!
	run "$@"
	for ((n = 0; n < 200; n++)); do # it may not be listening for the signal yet
		kill -INT "$ping" 2>/dev/null || break
		sleep 0.05
	done
	wait "$ping" || true
	echo "$output"
	none_missing "$log" || { cat "$log"; return 1; }
}
