# shellcheck shell=bash
# For control, registry and propagation.

await() { # await <tenths of a second> <what> <command>...
	local i
	for ((i = 0; i < $1; i++)); do
		if "${@:3}" >/dev/null 2>&1; then return 0; fi
		sleep 0.1
	done
	echo "${0##*/}: waited in vain until $2" >&2
	return 1
}
