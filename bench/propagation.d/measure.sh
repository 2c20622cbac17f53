# shellcheck shell=bash
# shellcheck disable=SC2154 # set by bench/propagation
# The rounds, what is believed of them, and the table.

measure() {
	local path bodies
	if [ "$GATEWAYS" = 1 ]; then
		path=/v1/hosts/h$((HOSTS / 2)).real0
		bodies=('{"local_ip":"172.31.255.1"}' '{"local_ip":"172.31.255.2"}')
	else
		path=/v1/sites/moves
		bodies=('{"endpoint":"198.18.200.1:51820"}' '{"endpoint":"198.18.200.2:51820"}')
	fi
	ns registry "$BIN/wm-bench-spread" 198.18.0.1 8099 "$ROUNDS" "$(whoami instance)" "$(whoami generation)" "$path" "${bodies[@]}" \
		"$DIR"/fifo/* <"$DIR/tokens" >"$DIR/times"
	believed "${bodies[(ROUNDS - 1) % 2]}"
	sed "s/^/$GATEWAYS\t$REAL\t/" "$DIR/times" >>"$DIR/rows"
}

# What gateways say is in force is there: the last change, in the kernel's WireGuard or data plane of each real one.
believed() { # believed <last body>
	local i want
	want=$(jq -r '.[]' <<<"$1")
	for ((i = 0; i < REAL; i++)); do
		if [ "$GATEWAYS" = 1 ]; then
			in_data_plane "$i" "$want"
		else
			ns "$i" wg show "$SHORT$i" endpoints | grep -F "$want" >/dev/null
		fi || { echo "propagation: gateway $i says that $want is in force, and it is not" >&2; return 1; }
	done
}

# Where a packet to the host would go to, by what is in the kernel.
in_data_plane() { # in_data_plane <gateway> <LAN address>
	local n=$((HOSTS / 2 + 2))
	if [ "$PLANE" = nft ]; then
		ns "$1" nft list ruleset | grep -wF "$2" >/dev/null
	else
		ns "$1" env WM_ETC="$DIR/etc" WM_STATE="$DIR/state" WM_RUN="$DIR/run" WM_BPFFS="$DIR/bpf" \
			"$BIN/wm-bpf" -i "$SHORT$1" trace 10.200.0.9 "10.32.$((n / 256)).$((n % 256))" --in wg | grep -wF "$2" >/dev/null
	fi
}

machine() {
	echo "machine: $(sed -n 's/^model name.*: //p;T;q' /proc/cpuinfo), $(nproc) processors, kernel $(uname -r), data plane $PLANE, $HOSTS hosts, $ROUNDS changes each; load before: $LOAD"
}

# Of the gateways that there are, each change: p50, p99 and the longest, real ones and simulated.
figures() {
	sort -t"$(printf '\t')" -k1,1n -k3,3 -k4,4n "$DIR/rows" | awk -F'\t' '
	function out() {
		if (n) printf "%s\t%s\t%s\t%.1f\t%.1f\t%.1f\n", gateways, kind, kind == "real" ? real : gateways - real,
			v[int((n + 1) / 2)] / 1000, v[int(n * 0.99 + 0.999)] / 1000, v[n] / 1000
		n = 0
	}
	$1 != gateways || $3 != kind { out(); gateways = $1; real = $2; kind = $3 }
	{ v[++n] = $4 }
	END { out() }'
}

report() {
	local table
	table=$(
		machine
		figures | awk -F'\t' '
		BEGIN { printf "%9s  %-10s  %7s  %9s  %9s  %9s\n", "GATEWAYS", "WHICH", "OF THEM", "P50 MS", "P99 MS", "MOST MS" }
		{ printf "%9s  %-10s  %7s  %9s  %9s  %9s\n", $1, $2, $3, $4, $5, $6 }'
	)
	echo "$table"
	[ -n "$OUT" ] || return 0
	mkdir -p "$OUT"
	echo "$table" >"$OUT/propagation.txt"
	figures | jq -R -s --arg machine "$(machine)" '{machine: $machine, rows: [split("\n")[] | select(length > 0) | split("\t") |
		{gateways: (.[0] | tonumber), which: .[1], of_them: (.[2] | tonumber), p50_ms: (.[3] | tonumber), p99_ms: (.[4] | tonumber),
		 most_ms: (.[5] | tonumber)}]}' >"$OUT/propagation.json"
}
