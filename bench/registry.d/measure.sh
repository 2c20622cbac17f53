# shellcheck shell=bash
# shellcheck disable=SC2153,SC2154 # set by bench/registry
# The measurements. A row: hosts, what, and then numbers by name, tab-separated.

row() { # row <what> <name>=<number>...
	local what=$1
	shift
	(IFS=$'\t'; printf '%s\t%s\t%s\n' "$N" "$what" "$*") >>"$ROWS"
}

# What a write that is on the disk when it returns costs here, whoever does it.
disk() {
	N=0
	perl -MTime::HiRes=time -MFcntl -MIO::Handle -e '
		sysopen(my $f, $ARGV[0], O_WRONLY | O_CREAT) or die;
		my $begin = time;
		for (1 .. 200) { syswrite($f, "x" x 4096); $f->sync or die }
		printf "%.0f\n", (time - $begin) / 200 * 1e6;
	' "$DIR/disk" >"$DIR/fsync"
	rm "$DIR/disk"
	row 'fsync of 4 KiB' "us=$(cat "$DIR/fsync")"
}

hammered() { # hammered <what> <connections> <method> <path> [body]
	local requests refused seconds median p99
	IFS=$'\t' read -r requests refused seconds median p99 < <("$BIN/wm-bench-hammer" "$PORT" "$2" "$SECONDS_EACH" "${@:3}")
	[ "${refused:-1}" = 0 ] || { echo "registry: $1: ${refused:-all} of ${requests:-none} were refused" >&2; return 1; }
	row "$1" "per_s=$(awk "BEGIN { printf \"%.0f\", $requests / $seconds }")" "median_us=$median" "p99_us=$p99"
}

reads() {
	hammered 'read one host' "$CONNECTIONS" GET "/v1/hosts/h$((N / 2)).holder"
	hammered 'ask for changes, none' "$CONNECTIONS" GET "/v1/changes?instance=$(whoami instance)&after=$(whoami generation)&wait=0"
}

writes() {
	hammered 'add hosts, one client' 1 POST /v1/hosts '{"name":"one{n}","domain":"holder","local_ip":"{ip}"}'
	hammered "add hosts, $CONNECTIONS clients" "$CONNECTIONS" POST /v1/hosts '{"name":"more{n}","domain":"load","local_ip":"{ip}"}'
}

# Seconds, bytes.
fetched() { ask -o /dev/null -w '%{time_total}\t%{size_download}\n' "$(url "$1")"; }

one_change() {
	local before seconds bytes n
	for n in 1 2 3 4 5; do
		before=$(whoami generation)
		ask -X PATCH -d "{\"local_ip\":\"192.168.7.$n\"}" "$(url "/v1/hosts/h$((N / 2)).holder")" -o /dev/null
		fetched "/v1/changes?instance=$(whoami instance)&after=$before"
	done | sort -n >"$DIR/fetched"
	IFS=$'\t' read -r seconds bytes < <(sed -n 3p "$DIR/fetched")
	row 'fetch one change' "us=$(awk "BEGIN { printf \"%.0f\", $seconds * 1e6 }")" "bytes=$bytes"
}

whole() {
	local seconds bytes
	IFS=$'\t' read -r seconds bytes < <(fetched /v1/config)
	row 'fetch all of it' "us=$(awk "BEGIN { printf \"%.0f\", $seconds * 1e6 }")" "bytes=$bytes"
	row 'memory, the most so far' "kib=$(memory VmHWM)"
}

# One change, and when all that waited for it have heard of it.
waiting() {
	local before after asked first last
	before=$(memory VmRSS)
	printf 'GET /v1/changes?instance=%s&after=%s&wait=60 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n' \
		"$(whoami instance)" "$(whoami generation)" "$TOKEN" >"$DIR/ask"
	: >"$DIR/crowd"
	"$BIN/tests/registry/crowd" "$PORT" "$WAITERS" whole 55 <"$DIR/ask" >"$DIR/crowd" &
	CROWD=$!
	await 300 'all wait' grep -q '^open' "$DIR/crowd"
	sleep 2 # until the registry has read them all
	after=$(memory VmRSS)
	asked=$(perl -MIO::Socket::INET -MTime::HiRes=clock_gettime,CLOCK_MONOTONIC -e '
		my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $ARGV[0]) or die;
		my $body = q({"domain":"news"});
		printf "%.0f\n", clock_gettime(CLOCK_MONOTONIC) * 1000;
		print $s "POST /v1/sites HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $ENV{HAMMER_TOKEN}\r\nContent-Length: ",
			length $body, "\r\n\r\n$body";
		$s->flush;
		sysread($s, my $answer, 100);
		die $answer unless $answer =~ /^HTTP\/1.1 201/;
	' "$PORT")
	await 600 'all have heard of it' grep -q '^answered' "$DIR/crowd"
	read -r _ _ first last < <(grep '^answered' "$DIR/crowd")
	row "$WAITERS clients wait" "kib=$((after - before))" "bytes_each=$(((after - before) * 1024 / WAITERS))"
	row 'one change, all have it' "first_ms=$((first - asked))" "last_ms=$((last - asked))"
	kill "$CROWD" 2>/dev/null || true
	CROWD=0
}

# The same as gateways do it: the connection stays, and the next question comes on it. Of nine changes the median.
kept() {
	local i first last
	for ((i = 0; i < WAITERS; i++)); do echo "$TOKEN"; done |
		SPREAD_ADMIN=$TOKEN "$BIN/wm-bench-spread" 127.0.0.1 "$PORT" 9 "$(whoami instance)" "$(whoami generation)" \
			/v1/hosts/h0.holder '{"local_ip":"192.168.9.1"}' '{"local_ip":"192.168.9.2"}' >"$DIR/kept"
	read -r first last < <(awk -v each="$WAITERS" '
		NR % each == 1 || each == 1 { first = $2; last = 0 }
		{ if ($2 < first) first = $2; if ($2 > last) last = $2 }
		NR % each == 0 { print first, last }' "$DIR/kept" | sort -k2n | awk 'NR == 5 { printf "%.0f %.0f\n", $1 / 1000, $2 / 1000 }')
	row 'the same, connections kept' "first_ms=$first" "last_ms=$last"
}

machine() {
	echo "machine: $(sed -n 's/^model name.*: //p;T;q' /proc/cpuinfo), $(nproc) processors, kernel $(uname -r); $CONNECTIONS connections, $SECONDS_EACH s each; load before: $LOAD"
}

report() {
	local table
	table=$(
		machine
		awk -F'\t' '
		function told(name, n) {
			if (name == "per_s") return n " a second"
			if (name == "us") return n " us"
			if (name == "median_us") return n " us median"
			if (name == "p99_us") return n " us at 99 %"
			if (name == "first_ms") return "first after " n " ms"
			if (name == "last_ms") return "last after " n " ms"
			if (name == "kib") return n " KiB"
			if (name == "bytes_each") return n " bytes each"
			return n " " name
		}
		BEGIN { printf "%9s  %-26s  %s\n", "HOSTS", "WHAT", "FOUND" }
		{
			line = ""
			for (i = 3; i <= NF; i++) { split($i, v, "="); line = line (i > 3 ? ", " : "") told(v[1], v[2]) }
			printf "%9s  %-26s  %s\n", $1 == 0 ? "-" : $1, $2, line
		}' "$ROWS"
	)
	echo "$table"
	[ -n "$OUT" ] || return 0
	mkdir -p "$OUT"
	echo "$table" >"$OUT/registry.txt"
	jq -R -s --arg machine "$(machine)" '{machine: $machine, rows: [split("\n")[] | select(length > 0) | split("\t") |
		{hosts: (.[0] | tonumber), what: .[1]} + (.[2:] | map(split("=") | {(.[0]): (.[1] | tonumber)}) | add)]}' "$ROWS" \
		>"$OUT/registry.json"
}
