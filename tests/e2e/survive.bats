#!/usr/bin/env bats
# Two sites between which packets flow all the time, by the real programs, while these are killed, their registry goes away,
# and they are replaced by newer releases: of the packets none may be lost. A little of it here; a thousand kills, a hundred
# outages and a hundred upgrades, each under 100,000 packets at least: `make soak-kills soak-outages soak-upgrades`.
# time limit: 300 s

load lib/mesh
load lib/releases

KILLS=${WM_KILLS:-8} OUTAGES=${WM_OUTAGES:-2} UPGRADES=${WM_UPGRADES:-2}
PACKETS=${WM_PACKETS:-1000} # at least, each of which is answered

setup_file() { mesh_carrying s; }
teardown_file() { demo down; }
setup() { use_demo; }

# What web has sent to nas so far, a burst of 500 a line, "SENT RECEIVED".
counts() { awk '{ sent += $1; got += $2 } END { print sent + 0, got + 0 }' "$BATS_TEST_TMPDIR/load"; }
enough() { [ "$(counts | cut -d ' ' -f 1)" -ge "$PACKETS" ]; }
load() {
	while [ ! -e "$BATS_TEST_TMPDIR/stop" ]; do
		ns web ping -n -q -c 500 -i 0.002 -W 10 "$NAS" | sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\1 \2/p'
	done >"$BATS_TEST_TMPDIR/load"
}

# under_load COMMAND...: and longer, until enough was sent
under_load() {
	local loader code=0
	load 3>&- &
	loader=$!
	"$@" || code=$?
	[ "$code" != 0 ] || wait_for 3600 'enough was sent' enough
	touch "$BATS_TEST_TMPDIR/stop"
	wait "$loader"
	echo "# sent and received: $(counts)" | tee -a /dev/fd/3
	[ "$code" = 0 ] && [ "$(counts | cut -d ' ' -f 1)" = "$(counts | cut -d ' ' -f 2)" ]
}

shoot() { # PROGRAM...: on gw-a, with kill -9, those that are there
	local program pids
	for program; do
		pids=$(pid_of gw-a "$program" 2>/dev/null)
		# shellcheck disable=SC2086 # a list of numbers
		[ -z "$pids" ] || kill -9 $pids 2>/dev/null || true
	done
}

change() { # a host comes or goes
	if [ -e "$WM_DEMO_DIR/there" ]; then
		wm remove guest.a >/dev/null && rm "$WM_DEMO_DIR/there"
	else
		wm add-host guest.a --local-ip 192.168.1.99 >/dev/null && touch "$WM_DEMO_DIR/there"
	fi
}

kills() { # N
	local i
	for ((i = 0; i < $1; i++)); do
		((i % 5)) || change || return 1
		sleep "0.$((RANDOM % 6))$((RANDOM % 10))"
		case $((i % 4)) in
		0) shoot wm-gateway && continue ;; # its wm-agent starts it again
		1) shoot wm-agent ;;
		2) shoot wm-agent wm-gateway ;;
		3) shoot wm-fetch wm-gateway wm-agent ;;
		esac
		agent_up a 3>&-
	done
	wait_for 90 'all is in sync again' in_sync
}

@test "whoever is killed, however often, no packet is lost" {
	under_load kills "$KILLS"
	change
	wait_for 60 'a change is followed' in_sync
}

cut_off() { gateway a status -j | jq -e '.config.in_force and (.registry.problem | length > 0)'; }
in_touch() { gateway a status -j | jq -e '.config.in_force and .registry.problem == null'; }

outages() { # N
	local i
	for ((i = 0; i < $1; i++)); do
		kill -9 "$(pid_of hub wm-registry)" || return 1
		wait_for 60 'the gateway has noticed' cut_off || return 1
		# Every other time it is started without a registry.
		((i % 2)) || { shoot wm-agent wm-gateway; agent_up a 3>&-; wait_for 60 'it runs without' cut_off || return 1; }
		registry_up 3>&-
		change || return 1
		wait_for 120 'the gateway is in touch again' in_touch || return 1
	done
	wait_for 120 'all is in sync again' in_sync
}

@test "whenever the registry goes away and comes back, no packet is lost" {
	under_load outages "$OUTAGES"
}

downloads_up() {
	mkdir -p "$WM_DEMO_DIR/www"
	WM_REGISTRY_TOKEN=unused-0123456789abcdef ip netns exec "$WM_DEMO-gw-a" "$BIN/wm-registry" serve --env-file /dev/null \
		--data "$WM_DEMO_DIR/downloads" --listen 127.0.0.1:8098 --downloads "$WM_DEMO_DIR/www" </dev/null \
		>"$WM_DEMO_DIR/log/downloads" 2>&1 3>&- &
	wait_for 10 'there are downloads' ns gw-a curl -sf http://127.0.0.1:8098/health
}

runs_version() { [ "$(gateway a status -j | jq -r 'select(.config.in_force and .registry.problem == null).version')" = "$1" ]; }

# The n-th version after our own, in as many characters.
later() { local n=$((10#${OWN//./} + $1)); printf '%d.%d.%d' $((n / 100)) $((n / 10 % 10)) $((n % 10)); }

upgrades() { # N
	local i version
	for ((i = 1; i <= $1; i++)); do
		version=$(later "$i")
		rm -rf "$BATS_TEST_TMPDIR/built"
		publish "$version" >/dev/null || return 1
		((i % 3)) || change || return 1
		gateway a update || return 1
		runs_version "$version" || { echo "$version does not run"; return 1; }
	done
}

@test "whenever wm-agent puts a newer release in force, no packet is lost" {
	publisher
	echo WM_UPDATE_URL=http://127.0.0.1:8098/downloads >>"$WM_DEMO_DIR/etc/a/gateway.env"
	downloads_up
	shoot wm-agent wm-gateway
	agent_up a 3>&-
	wait_for 60 'the gateway runs again' in_touch
	under_load upgrades "$UPGRADES"
	[ "$(readlink "$WM_DEMO_DIR/state/a/releases/current")" = "$(later "$UPGRADES")" ]
}
