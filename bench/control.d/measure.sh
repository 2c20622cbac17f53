# shellcheck shell=bash
# shellcheck disable=SC2154 # set by bench/control
# Processor time, system calls and memory of the three processes, and the table of it.

# The gateway's children, one a line: who follows the registry, and who reports.
fetch_pids() { [ ! -e "/proc/$GATEWAY" ] || tr ' ' '\n' <"/proc/$GATEWAY/task/$GATEWAY/children" | grep . || true; }

spent() { # spent <pid>: nanoseconds that it has run
	awk '{ printf "%.0f", $1 }' "/proc/$1/schedstat" 2>/dev/null || echo 0
}

# All that the children have run; of those that were ended and waited for it is known in hundredths of a second.
spent_by_fetch() {
	local pid t
	t=$(awk '{ sub(/.*\) /, ""); printf "%.0f", ($14 + $15) * 10000000 }' "/proc/$GATEWAY/stat" 2>/dev/null || echo 0)
	for pid in $(fetch_pids); do t=$((t + $(spent "$pid"))); done
	echo "${t:-0}"
}

before() {
	local pid
	T_GATEWAY=0 T_FETCH=0
	T_REGISTRY=$(spent "$REGISTRY")
	[ "$GATEWAY" = 0 ] || T_GATEWAY=$(spent "$GATEWAY") T_FETCH=$(spent_by_fetch)
	for pid in "$REGISTRY" "$GATEWAY" $(fetch_pids); do
		[ "$pid" = 0 ] || echo 5 >"/proc/$pid/clear_refs" || true
	done
	T_WALL=$(date +%s%N)
}

peak() { # peak <pid>...: KiB of the largest
	local pid
	for pid in "$@"; do awk '/^VmHWM/ { print $2 }' "/proc/$pid/status"; done 2>/dev/null | sort -n | tail -n 1
}

row() { # row <phase> <process> <nanoseconds> <peak KiB> <wall nanoseconds>
	printf '%s\t%s\t%s\t%s\tcpu\t%s\t%s\t%s\n' "$N" "$KIND" "$1" "$2" "$3" "$4" "$5" >>"$ROWS"
}

after() { # after <phase>
	local wall=$(($(date +%s%N) - T_WALL)) share=1
	[ "$1" != 'nothing to do, 10 s' ] || share=3
	row "$1" wm-registry $((($(spent "$REGISTRY") - T_REGISTRY) / share)) "$(peak "$REGISTRY")" "$wall"
	row "$1" wm-gateway $((($(spent "$GATEWAY") - T_GATEWAY) / share)) "$(peak "$GATEWAY")" "$wall"
	row "$1" wm-fetch $((($(spent_by_fetch) - T_FETCH) / share)) "$(peak $(fetch_pids))" "$wall"
}

strace_one() { # strace_one <process> <pid>
	strace -f -c -S calls -o "$DIR/strace.$1.$2" -p "$2" 2>/dev/null &
	STRACES+=($!)
	await 50 'strace looks on' grep -q 'TracerPid:.*[1-9]' "/proc/$2/status"
}

strace_on() {
	local pid
	STRACES=()
	rm -f "$DIR"/strace.*
	strace_one wm-registry "$REGISTRY"
	strace_one wm-gateway "$GATEWAY"
	for pid in $(fetch_pids); do strace_one wm-fetch "$pid"; done
}

strace_off() { # strace_off <phase>
	local process share=1
	[ "$1" != 'nothing to do, 10 s' ] || share=3
	kill -INT "${STRACES[@]}" 2>/dev/null || true
	wait "${STRACES[@]}" 2>/dev/null || true
	for process in wm-registry wm-gateway wm-fetch; do
		# The line of the total has the calls in its fourth column; what a replaced child did is not in it.
		printf '%s\t%s\t%s\t%s\tcalls\t%s\n' "$N" "$KIND" "$1" "$process" \
			"$(cat "$DIR/strace.$process."* | awk -v s=$share '$NF == "total" { n += $4 } END { printf "%d", n / s }')" >>"$ROWS"
	done
}

# The median of the rounds of each phase and process.
medians() {
	awk -F'\t' '
	function median(text,   v, n, i, j, t) {
		n = split(text, v, " ")
		for (i = 2; i <= n; i++)
			for (j = i; j > 1 && v[j - 1] + 0 > v[j] + 0; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
		return v[int((n + 1) / 2)]
	}
	{
		key = $1 "\t" $2 "\t" $3 "\t" $4
		if (!(key in seen)) { seen[key] = ++n; order[n] = key }
		if ($5 == "calls") { calls[key] = $6; next }
		cpu[key] = cpu[key] " " $6; wall[key] = wall[key] " " $8
		if ($7 > peak[key]) peak[key] = $7
	}
	END {
		for (i = 1; i <= n; i++) {
			key = order[i]
			printf "%s\t%.3f\t%.1f\t%.1f\t%s\n", key, median(cpu[key]) / 1e6, median(wall[key]) / 1e6, peak[key] / 1024,
				key in calls ? calls[key] : "-"
		}
	}' "$ROWS"
}

report() {
	local table
	table=$(
		echo "machine: $(sed -n 's/^model name.*: //p;T;q' /proc/cpuinfo), $(nproc) processors, kernel $(uname -r), data plane $PLANE"
		medians | awk -F'\t' '
		BEGIN { printf "%9s  %-9s  %-20s  %-11s  %10s  %10s  %9s  %9s\n", "HOSTS", "WHERE", "WHAT", "PROCESS", "CPU MS", "WALL MS", "PEAK MIB", "CALLS" }
		{ printf "%9s  %-9s  %-20s  %-11s  %10.2f  %10.0f  %9.1f  %9s\n", $1, $2, $3, $4, $5, $6, $7, $8 }'
	)
	echo "$table"
	[ -n "$OUT" ] || return 0
	mkdir -p "$OUT"
	echo "$table" >"$OUT/control.txt"
	medians | jq -R -s --arg plane "$PLANE" '[split("\n")[] | select(length > 0) | split("\t") |
		{hosts: (.[0] | tonumber), where: .[1], what: .[2], process: .[3], plane: $plane, cpu_ms: (.[4] | tonumber),
		 wall_ms: (.[5] | tonumber), peak_mib: (.[6] | tonumber), calls: (if .[7] == "-" then null else .[7] | tonumber end)}]' \
		>"$OUT/control.json"
}
