# What the .bats files here share: a registry or two on loopback, and a `wm`
# whose configuration is a directory of the test's own. What is not loopback
# is only ever tried inside `unshare -n`, where nothing can leave the machine.

: "${B:=build}"
WM="$PWD/$B/wm"
REGISTRY="$PWD/$B/wm-registry"
MASTER="kYw3Zt9bQx7Lr2Vn5Hd8Gf6c"

rig_setup() {
	bats_require_minimum_version 1.5.0
	DIR=$(mktemp -d "${TMPDIR:-/tmp}/wm-cli.XXXXXX")
	export DIR WM_CONFIG_DIR="$DIR/config" HOME="$DIR" TERM=xterm
	unset NO_COLOR WM_REGISTRY_TOKEN WM_REGISTRY_CA XDG_CONFIG_HOME http_proxy https_proxy ALL_PROXY
	PIDS=()
	IN=()
}

rig_teardown() {
	local pid
	for pid in "${PIDS[@]}"; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	rm -rf "$DIR"
}

# "! command" never fails a test unless it is the last line; this does.
not() { ! "$@"; }

# until_true SECONDS COMMAND...: polls
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

# away: from here on everything happens in a network of its own (and with an /etc/hosts of its own), where this machine
# is `pc` with 10.9.0.2 behind the router 10.9.0.1, who has `far` behind it; what is run there: in_pc, in_far.
# WM and the registry live on pc.
away() {
	local ready="$DIR/ready"
	mkfifo "$ready.pc" "$ready.far"
	unshare -n -m sh -c 'echo >"$1"; exec sleep 600' sh "$ready.pc" 3>&- &
	PC=$!
	PIDS+=("$PC")
	read -r _ <"$ready.pc"
	nsenter -t "$PC" -n unshare -n sh -c 'echo >"$1"; exec sleep 600' sh "$ready.far" 3>&- &
	FAR=$!
	PIDS+=("$FAR")
	read -r _ <"$ready.far"
	nsenter -t "$PC" -n ip link add lan type veth peer name eth0 netns "$FAR"
	in_pc sh -c 'ip link set lo up; ip addr add 10.9.0.2/24 dev lan; ip link set lan up'
	in_far sh -c 'ip link set lo up; ip addr add 10.9.0.1/24 dev eth0; ip link set eth0 up'
	in_pc ip route add 172.30.0.0/16 via 10.9.0.1
	echo '127.0.0.1 localhost' >"$DIR/hosts"
	in_pc mount --bind "$DIR/hosts" /etc/hosts
	printf '#!/bin/sh\nexec nsenter -t %s -n -m --wd="$PWD" -- "%s" "$@"\n' "$PC" "$WM" >"$DIR/wm"
	chmod +x "$DIR/wm"
	WM="$DIR/wm"
	IN=(nsenter -t "$PC" -n -m --wd="$PWD" --) # no function: what is killed must be the program itself
}
in_pc() { nsenter -t "$PC" -n -m --wd="$PWD" -- "$@"; }
in_far() { nsenter -t "$FAR" -n -- "$@"; }

# start_registry NAME [SUPERNET] [TOKEN]: sets URL and REGISTRY_PID
start_registry() {
	local log="$DIR/$1.log"
	WM_REGISTRY_TOKEN=${3:-$MASTER} WM_MESH_NAME=$1 WM_MESH_SUPERNET=${2:-172.30.0.0/16} \
		"${IN[@]}" "$REGISTRY" serve --env-file /dev/null --listen 127.0.0.1:0 --data "$DIR/$1.data" >"$log" 2>&1 3>&- &
	REGISTRY_PID=$!
	PIDS+=("$REGISTRY_PID")
	until_true 10 grep -q '^listening on ' "$log" || { cat "$log" >&2; return 1; }
	URL=$(sed -n 's/^listening on //p' "$log")
}

# connected: one registry, and wm connected to it as admin
connected() {
	start_registry home
	"$WM" mesh add "$URL" "$MASTER" >"$DIR/out"
}

# api METHOD PATH [BODY]: what wm has no command for
api() {
	"${IN[@]}" curl -sS --fail-with-body -X "$1" -H "Authorization: Bearer $MASTER" ${3:+-d "$3"} "$URL$2"
}

# hub_enrolled: a hub with a key and an endpoint, as after its gateway's first run
hub_enrolled() {
	"$WM" add-site hub --hub --endpoint 198.51.100.7:51820 >"$DIR/hub.env"
	api PATCH /v1/sites/hub "{\"public_key\":\"$(wg genkey | wg pubkey)\"}" >"$DIR/out"
}

# fails CODE PATTERN COMMAND...: exit code, one sentence on stderr that matches, nothing on stdout but JSON or headers
fails() {
	local want=$1 pattern=$2 got=0
	shift 2
	"$@" >"$DIR/stdout" 2>"$DIR/stderr" </dev/null || got=$?
	if [ "$got" != "$want" ]; then
		echo "exit $got instead of $want: $*" >&2
		cat "$DIR/stdout" "$DIR/stderr" >&2
		return 1
	fi
	if ! grep -qE -- "$pattern" "$DIR/stderr"; then
		echo "'$pattern' is not in: $(cat "$DIR/stderr")" >&2
		return 1
	fi
	[ "$(grep -c '^wm: ' "$DIR/stderr")" = 1 ]
}

# on_terminal COMMAND: starts it (one shell word) on a terminal of its own, 80 columns wide; what it shows
# is in $DIR/screen, what is typed goes to fd 7
on_terminal() {
	rm -f "$DIR/keys" "$DIR/screen"
	mkfifo "$DIR/keys"
	script -qfec "stty cols 80; $1; echo \"exit=\$?\"" "$DIR/screen" <"$DIR/keys" >/dev/null 2>&1 3>&- &
	PIDS+=("$!")
	exec 7>"$DIR/keys"
}
shows() { # within ten seconds
	until_true 10 grep -qE -- "$1" "$DIR/screen" || { cat "$DIR/screen" >&2; return 1; }
}

# json FILTER COMMAND...: runs it and holds the answer against a jq condition
json() {
	local filter=$1
	shift
	"$@" >"$DIR/json" || return
	jq -e "$filter" "$DIR/json" >/dev/null || {
		echo "not so: $filter" >&2
		cat "$DIR/json" >&2
		return 1
	}
}

# enrolled DOMAIN...: as after the first run of these sites' gateways; their tokens are in $DIR/DOMAIN.token
enrolled() {
	local site token
	for site; do
		[ ! -s "$DIR/$site.token" ] || continue
		token=$("$WM" enrol "$site" -j | jq -r .enrolment.token)
		"${IN[@]}" curl -sS --fail-with-body -H "Authorization: Bearer $token" \
			-d "{\"public_key\":\"$(wg genkey | wg pubkey)\"}" "$URL/v1/enrol" | jq -r .token >"$DIR/$site.token"
	done
}

# report DOMAIN JSON: as the site's gateway would; it enrols first
report() {
	enrolled "$1"
	"${IN[@]}" curl -sS --fail-with-body -X PUT -H "Authorization: Bearer $(cat "$DIR/$1.token")" -d "$2" \
		"$URL/v1/sites/$1/status"
}

# in_sync DOMAIN [MEMBERS]: it reports that all is well, now, and what else there is in MEMBERS
in_sync() {
	enrolled "$1"
	report "$1" "{\"generation\":$(generation),\"instance\":\"$(api GET /v1/whoami | jq -r .instance)\",\"dataplane\":\"bpf\",
		\"problem\":\"\",\"version\":\"0.1.0\",\"applied_ms\":7${2:+,$2}}"
}

generation() {
	api GET /v1/whoami | jq .generation
}
