# shellcheck shell=bash
# shellcheck disable=SC2153,SC2154 # set by bench/registry
# A registry of N hosts, all of site "holder": 10.16.0.0/12 with LAN addresses in 172.16.0.0/12.

leave() {
	trap - EXIT INT TERM
	set +e
	[ "$1" = 0 ] || tail -n 5 "$DIR"/log >&2
	[ "$CROWD" = 0 ] || kill "$CROWD" 2>/dev/null
	[ "$REGISTRY" = 0 ] || kill -9 "$REGISTRY" 2>/dev/null
	rm -rf "$DIR"
	exit "$1"
}

registry_start() {
	: >"$DIR/said"
	WM_REGISTRY_TOKEN=$TOKEN "$BIN/wm-registry" serve --env-file /dev/null --data "$DIR/data" --listen 127.0.0.1:0 \
		--mesh-name bench --supernet 10.0.0.0/8 </dev/null >>"$DIR/log" 2>"$DIR/said" &
	REGISTRY=$!
	disown
	await 100 'the registry listens' grep -q '^listening on ' "$DIR/said"
	PORT=$(sed -n 's/^listening on .*://p' "$DIR/said")
}

registry_stop() {
	kill "$REGISTRY"
	await 200 'the registry has stopped' is_gone
	REGISTRY=0
}
is_gone() { ! kill -0 "$REGISTRY" 2>/dev/null; }

ask() { curl -sSf -m 120 -H @<(echo "Authorization: Bearer $TOKEN") "$@"; }
url() { echo "http://127.0.0.1:$PORT$1"; }
whoami() { ask "$(url /v1/whoami)" | jq -r ".$1"; }

# The registry makes its database; the hosts are put into it while it is down.
registry_fill() {
	rm -rf "$DIR/data"
	mkdir "$DIR/data"
	registry_start
	ask -d '{"domain":"holder","subnet":"10.16.0.0/12","is_hub":true,"endpoint":"198.51.100.1:51820"}' "$(url /v1/sites)" >/dev/null
	ask -d '{"domain":"load","subnet":"10.64.0.0/12"}' "$(url /v1/sites)" >/dev/null
	registry_stop
	put_hosts "$DIR/data/registry.db" "$N" holder 16
}

memory() { # <VmRSS|VmHWM>: KiB
	sed -n "s/^$1:[^0-9]*\([0-9]*\) kB/\1/p" "/proc/$REGISTRY/status"
}
