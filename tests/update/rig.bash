# shellcheck shell=bash
# The real wm-agent and wm-fetch, with gateways that are stubs (stub.c), and a
# server of releases (server) that can be told to be a bad one.

ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
BIN=$(cd "$ROOT" && realpath -m "${B:-build}")
ARCH=$(uname -m)
GATEWAY=wm-gateway-0.2.0-$ARCH # as it is published
D=$BATS_TEST_TMPDIR
WWW=$D/www
RELEASES=$D/state/releases
LIMIT=$((30 * ${WM_SLOW:-1})) # seconds that anything may take
OWN=$("$BIN/wm-agent" --version | cut -d ' ' -f 2)

setup() { rig_setup; }

rig_setup() {
	export WM_ETC=$D/etc WM_STATE=$D/state WM_RUN=$D/run WM_LIBEXEC=$BIN WM_GATEWAY=$D/packaged/wm-gateway
	export -n WM_INSTANCE WM_UPDATE_URL WM_UPDATE_INTERVAL WM_UPDATE_PROVE
	mkdir -p "$WWW" "$WM_ETC" "$D/packaged" "$D/run"
	minisign -G -W -f -p "$D/key.pub" -s "$D/key" >/dev/null
	cp "$D/key.pub" "$WM_ETC/release.pub"
	stub "$D/packaged" "$OWN"
	"$ROOT/tests/update/server" "$WWW" 2>"$D/server-log" 3>&- &
	echo $! >>"$D/pids"
	until_true 'the server listens' test -s "$WWW/.port"
	settings
}

teardown() {
	local pid
	while read -r pid; do
		kill -9 "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done <"$D/pids"
	[ ! -s "$D/run/runs" ] || until_true 'the gateway ends with its agent' silent
	cat "$D/agent-log" 2>/dev/null || true
}

silent() { ! kill -0 "$(runs_pid)" 2>/dev/null; }

settings() { # [KEY=VALUE]...: gateway.env
	printf '%s\n' SITE_DOMAIN=a WM_REGISTRY_URL=https://registry.invalid "WM_REGISTRY_TOKEN=wme_$(printf '%043d' 0)" \
		"WM_UPDATE_URL=http://127.0.0.1:$(cat "$WWW/.port")" WM_UPDATE_INTERVAL=600 WM_UPDATE_PROVE=20 "$@" >"$WM_ETC/gateway.env"
}

# Whoever waits for the agent has it look at once.
until_true() { # <what> <command>...
	local what=$1 n
	shift
	for ((n = 0; n < LIMIT * 20; n++)); do
		! "$@" || return 0
		[ -z "${POKED-}" ] || kill -USR1 "$POKED" 2>/dev/null || true
		sleep 0.05
	done
	echo "not within $LIMIT s: $what" >&2
	return 1
}

# stub DIR VERSION [SELF-TEST [RUN]]: programs of a version that behave so
stub() {
	mkdir -p "$1"
	{
		cat "$BIN/tests/update/stub"
		printf '\nSTUB %s %s %s\n' "$2" "${3:-ok}" "${4:-syncs}"
	} >"$1/wm-gateway"
	cp "$BIN/wm-fetch" "$1/wm-fetch"
	chmod 755 "$1"/*
}

# publish VERSION [SELF-TEST [RUN]]: a release by the publisher
publish() {
	rm -rf "$D/built"
	stub "$D/built" "$@"
	B=$D/built "$ROOT/scripts/release" --key "$D/key" --out "$WWW" >/dev/null
}

sign() { minisign -S -s "${1:-$D/key}" -m "$WWW/wm-release" -x "$WWW/wm-release.minisig" "${@:2}" </dev/null >/dev/null; }

agent() { # wm-agent, started anew
	"$BIN/wm-agent" >>"$D/agent-log" 2>&1 3>&- &
	AGENT=$!
	POKED=
	echo "$AGENT" >>"$D/pids"
	until_true 'a gateway runs' some_runs
	POKED=$AGENT
}

runs() { cut -d ' ' -f 1 "$D/run/runs" 2>/dev/null; }
runs_pid() { cut -d ' ' -f 2 "$D/run/runs" 2>/dev/null; }
some_runs() { [ -s "$D/run/runs" ] && kill -0 "$(runs_pid)" 2>/dev/null; }
is_running() { [ "$(runs)" = "$1" ] && some_runs; }
in_force() { is_running "$1" && [ "$(readlink "$RELEASES/current")" = "$1" ]; }
state() { sed -n "s/^$1 //p" "$RELEASES/state" 2>/dev/null; }
complains() { [[ "$(state why)" == *"$1"* ]]; }
rounds_over() { [ "$(state rounds || echo 0)" -ge "$1" ]; }
more_rounds() { until_true "$1 more rounds" rounds_over $(($(state rounds) + $1)); }

# refuses WORDS: says so, and the old one never stopped
refuses() {
	local before
	agent
	before=$(runs_pid)
	until_true "refused with '$1': $(state why)" complains "$1" || { cat "$RELEASES/state"; return 1; }
	more_rounds 2
	is_running "$OWN"
	[ "$(runs_pid)" = "$before" ]
	[ ! -e "$RELEASES/current" ]
	[ -z "$(find "$RELEASES" -name 'wm-gateway')" ]
	# Said once, however often it is seen.
	[ "$(grep -c 'wm-agent: update: ' "$D/agent-log")" = 1 ]
}

# takes_back WORDS: it was started once, the old one runs again, and it stays so
takes_back() {
	agent
	until_true "taken back with '$1'" complains "$1" || { cat "$RELEASES/state"; return 1; }
	until_true 'the old one runs again' is_running "$OWN"
	more_rounds 2
	is_running "$OWN"
	[ ! -e "$RELEASES/current" ]
	[[ "$(state bad)" == "0.2.0 "* ]]
	[ "$(grep -c 'starting wm-gateway 0.2.0' "$D/agent-log")" = "$2" ]
	complains 'is not tried again'
}
