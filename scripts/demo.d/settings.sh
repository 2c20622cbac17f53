# shellcheck shell=bash
# shellcheck disable=SC2034 # used by the other parts
# What the parts of the demo share: where things are, how it speaks, how it waits.

BIN=$(cd "$HERE/.." && realpath -m "${B:-build}")
WM_DEMO=${WM_DEMO:-wm-demo}
WM_DEMO_DIR=${WM_DEMO_DIR:-/run/$WM_DEMO}
WM_DEMO_PORT=${WM_DEMO_PORT-8099}
WM_DEMO_DATAPLANE=${WM_DEMO_DATAPLANE:-auto}
KEEP=
BARE=
SUFFIX=
[ "$WM_DEMO" = wm-demo ] || SUFFIX=-$(printf %s "$WM_DEMO" | sha256sum | cut -c1-4)

say() { printf 'demo: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

# wait_for <seconds> <what> <command>...: until the command succeeds, at most so
# long; on a machine that is WM_SLOW times slower, that much longer.
wait_for() {
	local end=$((SECONDS + $1 * ${WM_SLOW:-1})) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || die "waited in vain until $what; logs are in $WM_DEMO_DIR/log"
		# Where asking is dear, what is waited for would have to wait for the asking.
		sleep "$((100 * ${WM_SLOW:-1}))e-3"
	done
}

