#!/usr/bin/env bats
# What systemd does with wm-registry: sockets that are handed over, readiness, the watchdog, the units.

load registry
load ../e2e/lib/units

# Hears at $D/notify what the service says, each message a line with "|" between its parts.
listen_for_notices() {
	perl -MSocket -MIO::Socket::UNIX -e '
		my ($path, $out, $limit) = @ARGV;
		my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $path) or die;
		alarm $limit;
		open(my $f, ">>", $out) or die;
		$f->autoflush;
		while (defined $s->recv(my $m, 1000)) { print $f $m =~ tr/\n/|/r, "\n"; last if $m =~ /STOPPING/ }
	' "$D/notify" "$D/told" "$LIMIT" 3>&- &
	LISTENER=$!
	echo $LISTENER >>"$D/pids"
	local n
	for ((n = 0; n < LIMIT * 20; n++)); do
		[ ! -S "$D/notify" ] || return 0
		sleep 0.05
	done
	return 1
}

# activate COMMAND...: becomes it, with two listening sockets passed as systemd does
activate() {
	exec perl -MIO::Socket::INET -MPOSIX=dup2 -e '
		$^F = 10;
		my @s = map { IO::Socket::INET->new(Listen => 64, LocalAddr => "127.0.0.1", LocalPort => 0) or die } 1, 2;
		my ($a, $b) = map { POSIX::dup(fileno $_) } @s;
		dup2($a, 13); dup2($b, 14); dup2(13, 3); dup2(14, 4);
		@ENV{qw(LISTEN_PID LISTEN_FDS)} = ($$, 2);
		exec @ARGV or die;
	' -- "$@"
}

@test "sockets inherited from systemd are served, with no others unless asked for" {
	: >"$D/log"
	WM_REGISTRY_TOKEN=$ADMIN activate "$REGISTRY" serve --data "$D/data" 2>"$D/log" &
	PID=$!
	echo $PID >>"$D/pids"
	for ((n = 0; n < LIMIT * 20; n++)); do
		[ "$(grep -c '^listening on ' "$D/log")" -lt 2 ] || break
		sleep 0.05
	done
	[ "$(grep -c '^listening on ' "$D/log")" = 2 ]
	for URL in $(sed -n 's/^listening on //p' "$D/log"); do
		ok GET /v1/whoami
	done
	# one change wakes those who wait on the other socket
	now=$(generation)
	curl -sS -m "$LIMIT" -H "Authorization: Bearer $ADMIN" -o "$D/poll" "$URL/v1/config?after=$now&wait=60" 3>&- &
	poll=$!
	for ((n = 0; n < LIMIT * 20; n++)); do
		[ "$(ss -Htn state established "( dport = :${URL##*:} )" | wc -l)" -lt 1 ] || break
		sleep 0.05
	done
	URL=$(sed -n 's/^listening on //p' "$D/log" | head -n 1)
	ok POST /v1/sites '{"domain":"a"}'
	wait "$poll"
	grep -q '"domain":"a"' "$D/poll"
	stop
	[ "$RC" = 0 ]

	WM_REGISTRY_TOKEN=$ADMIN activate "$REGISTRY" serve --data "$D/data" --listen 127.0.0.1:0 2>"$D/log" &
	PID=$!
	echo $PID >>"$D/pids"
	for ((n = 0; n < LIMIT * 20; n++)); do
		[ "$(grep -c '^listening on ' "$D/log")" -lt 3 ] || break
		sleep 0.05
	done
	for URL in $(sed -n 's/^listening on //p' "$D/log"); do
		ok GET /v1/sites/a
	done
	[ "$(grep -c '^listening on ' "$D/log")" = 3 ]
}

@test "an inherited descriptor that is no listening socket is refused" {
	WITH=(LISTEN_PID=1 LISTEN_FDS=1) # meant for another process: not taken
	start
	[ "$(grep -c '^listening on ' "$D/log")" = 1 ]
	stop
	RC=0
	OUT=$(WM_REGISTRY_TOKEN=$ADMIN LISTEN_FDS=1 sh -c 'LISTEN_PID=$$; export LISTEN_PID; exec "$@" 3</dev/null' sh \
		"$REGISTRY" serve --data "$D/data" --listen 127.0.0.1:0 2>&1) || RC=$?
	[ "$RC" = 1 ]
	[[ $OUT == *'descriptor 3'* ]]
}

@test "systemd is told when it is ready, and when it begins to stop" {
	listen_for_notices
	WITH=("NOTIFY_SOCKET=$D/notify")
	start
	now=$(generation)
	curl -sS -m "$LIMIT" -H "Authorization: Bearer $ADMIN" -o /dev/null -w '%{http_code}' \
		"$URL/v1/config?after=$now&wait=60" >"$D/code" 3>&- &
	waiting=$!
	for ((n = 0; n < LIMIT * 20; n++)); do
		[ "$(ss -Htn state established "( dport = :${URL##*:} )" | wc -l)" -lt 1 ] || break
		sleep 0.05
	done
	stop
	wait "$LISTENER"
	[ "$(cat "$D/told")" = $'READY=1|STATUS=Serves mesh \'home\'\nSTOPPING=1|STATUS=Ends what is under way' ]
	wait "$waiting"
	[ "$(cat "$D/code")" = 204 ]
}

@test "the watchdog hears of it as long as the loop lives" {
	listen_for_notices
	WITH=("NOTIFY_SOCKET=$D/notify" WATCHDOG_USEC=300000)
	start
	heard() { [ "$(grep -c '^WATCHDOG=1$' "$D/told")" -ge "$1" ]; }
	for ((n = 0; n < LIMIT * 20; n++)); do
		! heard 4 || break
		sleep 0.05
	done
	heard 4
	kill -STOP "$PID"
	sleep 0.3
	before=$(wc -l <"$D/told")
	sleep 1
	[ "$(wc -l <"$D/told")" = "$before" ]
	kill -CONT "$PID"
	for ((n = 0; n < LIMIT * 20; n++)); do
		! heard $((before + 1)) || break
		sleep 0.05
	done
	heard $((before + 1))
	stop
	wait "$LISTENER"
}

@test "the watchdog hears of it during a change of many objects" {
	listen_for_notices
	WITH=("NOTIFY_SOCKET=$D/notify" WATCHDOG_USEC=3000000000)
	start
	# {"hosts":[...]} of 5000
	jq -nc '{sites: [{domain: "a", subnet: "172.30.32.0/19"}], hosts: [range(5000) | {name: "h\(.)", domain: "a",
		local_ip: "10.0.\(. / 250 | floor).\(. % 250 + 1)"}]}' >"$D/in"
	before=$(grep -c '^WATCHDOG=1$' "$D/told")
	# beside the loop, which need not say so
	api POST /v1/import '' --data-binary "@$D/in"
	code 200
	[ "$(grep -c '^WATCHDOG=1$' "$D/told")" = "$before" ]
	ok DELETE '/v1/sites/a?cascade=1'
	stop
	wait "$LISTENER"
	[ "$before" = 1 ]
	[ "$(grep -c '^WATCHDOG=1$' "$D/told")" = 6 ]
}

@test "a watchdog meant for another process is left alone" {
	listen_for_notices
	WITH=("NOTIFY_SOCKET=$D/notify" WATCHDOG_USEC=30000 WATCHDOG_PID=1)
	start
	sleep 0.5
	stop
	wait "$LISTENER"
	[ "$(wc -l <"$D/told")" = 2 ]
}

# A user of its own, who owns $D/data and can run the program.
as_service() {
	rm -rf "$D/data"
	mkdir -m 700 "$D/data"
	chown 12345:12345 "$D/data"
	chmod 711 "$D" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test"
	cp "$PWD/${B:-build}/wm-registry" "$D/wm-registry"
	chmod 755 "$D/wm-registry"
	REGISTRY=$D/wm-registry
	AS=(setpriv --reuid 12345 --regid 12345 --clear-groups)
}

@test "systemd finds nothing wrong with the units, and an exposure of 1.5 at most" {
	units_into "$D/units" "${REGISTRY%/*}"
	run systemd-analyze verify --man=no "$D"/units/wm-registry.*
	[ "$status" = 0 ]
	[ -z "$output" ]
	exposed_at_most 15 "$D/units/wm-registry.service"
	# it would say so
	sed -i '/^PrivateUsers\|^ProtectSystem\|^CapabilityBoundingSet\|^SystemCallFilter/d' "$D/units/wm-registry.service"
	run exposed_at_most 15 "$D/units/wm-registry.service"
	[ "$status" != 0 ]
}

@test "what its unit lets it ask the kernel for is all that it does" {
	calls_of packaging/systemd/wm-registry.service >"$D/may"
	grep -qx epoll_wait "$D/may"
	[ -z "$(grep -x 'ptrace\|mount\|setuid\|sched_setscheduler' "$D/may")" ]
	as_service
	touch "$D/trace"
	chown 12345 "$D/trace"
	WITH=("${AS[@]}" strace -f -qq -e signal=none -o "$D/trace")
	start
	mesh
	ok GET /config
	ok GET "/v1/changes?instance=$(jq -r .instance <<<"$BODY")&after=3"
	api GET "/v1/config?after=$(generation)&wait=1"
	code 204
	# strace passes the signal on
	kill -TERM "$(pgrep -P "$PID" wm-registry)"
	wait "$PID"
	calls_in "$D/trace" >"$D/does"
	grep -qx epoll_wait "$D/does"
	grep -qx fdatasync "$D/does"
	left=$(comm -23 "$D/does" "$D/may")
	[ -z "$left" ] || fails "not allowed: $left"
}

@test "root works for the owner of the directory" {
	as_service
	start
	mesh
	run "$REGISTRY" backup "$D/backup" --data "$D/data"
	[ "$status" = 0 ]
	stop
	as_service
	run "$REGISTRY" restore "$D/backup" --data "$D/data"
	[ "$status" = 0 ]
	[ "$(find "$D/data" ! -user 12345)" = '' ]
	WITH=("${AS[@]}")
	start
	ok POST /v1/sites '{"domain":"c"}'
}
