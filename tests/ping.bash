# shellcheck shell=bash
# What `ping -n` says, for tests that ask whether a packet was lost.

# none_missing FILE: every ping was answered, in turn; all but the last one, which may have been under way when ping was told to end
none_missing() {
	awk '/ bytes from / { split($5, seq, "="); if (seq[2] != ++n) exit bad = 1 } / packets transmitted/ { sent = $1 }
		END { exit bad || !n || !sent || sent - n > 1 }' "$1"
}
