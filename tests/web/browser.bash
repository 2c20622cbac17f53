# A browser for tests: Debian's chromium, driven by its chromedriver. One for all tests of a file (browser_up in setup_file,
# browser_down in teardown_file), a tab for each (tab_up in setup, tab_down in teardown).
#
# It lives in a network of its own, that has lo and a way out on which nobody answers: what it sends there is counted
# (went_out). It has process ids of its own too, so that all that it has started ends with the one process that is known here.
# What is on loopback in there is reached by `inside COMMAND...`; curl always goes there.

LIMIT=$((20 * ${WM_SLOW:-1})) # seconds that anything may take
DRIVER_PORT=9515              # nobody else is in that network
export LC_ALL=C.UTF-8         # text goes to the page as it is written here

browser_up() {
	local n
	export WEB=$BATS_FILE_TMPDIR/web
	mkdir -p "$WEB/home" "$WEB/tmp"
	# shellcheck disable=SC2016 # of the inner shell
	env -i PATH="$PATH" HOME="$WEB/home" TMPDIR="$WEB/tmp" LANG=C.UTF-8 ${WM_TEST_RUN:+WM_TEST_RUN="$WM_TEST_RUN"} \
		unshare --net --mount --pid --fork --kill-child --mount-proc sh -euc '
		echo "nameserver 192.0.2.53" >"$1/resolv.conf"
		mount --bind "$1/resolv.conf" /etc/resolv.conf
		echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
		echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
		ip link set lo up
		ip link add out type veth peer name nobody
		ip addr add 198.51.100.200/24 dev out
		ip link set nobody up
		ip link set out arp off up
		ip route add default dev out
		exec chromedriver --port="$2"
		' sh "$WEB" "$DRIVER_PORT" >"$WEB/log" 2>&1 </dev/null 3>&- &
	export BROWSER=$!
	for ((n = 0; n < LIMIT * 20; n++)); do
		! curl -s -m "$LIMIT" "http://127.0.0.1:$DRIVER_PORT/status" 2>/dev/null | grep -q '"ready":true' || break
		kill -0 "$BROWSER" 2>/dev/null || { cat "$WEB/log" >&2; return 1; }
		sleep 0.05
	done
	driver_up
	new_session || return 1
	driver_down
	export SESSION=$VALUE
}

# --no-sandbox: as root there is none. The pages are our own, and what they show must not run in the first place.
# Whatever it is told, it asks for its makers' and Debian's hosts when it starts: no name leads anywhere.
new_session() {
	web session '{"capabilities": {"alwaysMatch": {
		"browserName": "chrome",
		"goog:loggingPrefs": {"browser": "ALL"},
		"goog:chromeOptions": {"binary": "/usr/bin/chromium", "args": [
			"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,900",
			"--user-data-dir='"$WEB"'/profile", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions",
			"--disable-domain-reliability", "--no-pings", "--metrics-recording-only", "--disable-breakpad",
			"--password-store=basic", "--disable-features=Translate,OptimizationHints,MediaRouter",
			"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]}}}}'
}

browser_down() {
	[ -n "${BROWSER-}" ] || return 0
	pkill -9 -P "$BROWSER" || true # the first process in there: its parent sees it end when all the others have
	wait "$BROWSER" 2>/dev/null || true
}

# No function where a program is started in the background: what is killed must be the program itself.
inside() { nsenter -t "$BROWSER" -n -- "$@"; }
curl() { nsenter -t "$BROWSER" -n -- curl "$@"; }

went_out() { # packets that left for elsewhere than loopback
	inside ip -j -s link show out | jq '.[0].stats64.tx.packets'
}

# --- the driver --------------------------------------------------------------------------

driver_up() {
	coproc TALK { exec nsenter -t "$BROWSER" -n -- tests/web/driver "$DRIVER_PORT" ${SESSION+"$SESSION"} 3>&-; }
	TALKER=$TALK_PID
	exec 8<&"${TALK[0]}" 9>&"${TALK[1]}" # subshells have these too
}
driver_down() {
	[ -n "${TALKER-}" ] || return 0
	exec 8<&- 9>&-
	kill -9 "$TALKER" 2>/dev/null || true
	wait "$TALKER" 2>/dev/null || true
	TALKER=
}
tab_up() { driver_up && web tab; }
tab_down() { driver_down; }

# web WORD [ARGUMENT]...: VALUE is what comes of it
web() {
	local good
	printf '%s\0' "$LIMIT" "$#" "$@" >&9
	IFS= read -r -d '' good <&8 && IFS= read -r -d '' VALUE <&8
	[ "$good" = ok ] || { printf '%s\n' "$VALUE" >&2; return 1; }
}

# --- what a test says: each waits, LIMIT seconds at most, but now ---------------------------

visit() { web visit "$1"; }          # URL
reload() { web wd POST /refresh; }
go_back() { web wd POST /back; }
sees() { web sees "$@"; }            # CSS [TEXT]...: one is there to be seen, with all of these in its text
misses() { web misses "$@"; }        # CSS [TEXT]...: none is
page() { web page "$@"; }            # EXPRESSION [TEXT]...: until it is true; the texts are its arguments, driver says what it may use
now() { web now "$@"; }              # EXPRESSION [TEXT]...: it is true at once
js() { web js "$@"; }                # SCRIPT [TEXT]...: VALUE is what it returns, a string or else JSON
click() { web click "$1"; }          # CSS
choose() { web choose "$1" "$2"; }   # CSS VALUE: of a select's options
append() { web append "$1" "$2"; }   # CSS TEXT: as typed behind what is there
enter() { web clear "$1" && web append "$1" "$2"; } # CSS TEXT: in place of what is there
press() { web press "$@"; }          # KEY...: on whatever has the focus; Tab, Enter, Escape, Space, Down, Backspace or text
shot() { web shot "$1"; }            # FILE: a PNG of what the window shows
width() { web cdp Emulation.setDeviceMetricsOverride "{\"width\":$1,\"height\":${2:-900},\"deviceScaleFactor\":1,\"mobile\":false}"; }
scheme() { web cdp Emulation.setEmulatedMedia "{\"features\":[{\"name\":\"prefers-color-scheme\",\"value\":\"$1\"}]}"; } # light or dark

# quiet [PATTERN]: since this was last asked the page has logged nothing, nor the browser about it, but lines of which each
# fits the pattern (the browser logs every answer of 4xx).
quiet() {
	local log
	web console
	log=$(grep -vE '^$'"${1:+|^$1}" <<<"$VALUE") || return 0
	echo "the console says: $log" >&2
	return 1
}
