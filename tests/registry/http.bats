#!/usr/bin/env bats
# What the registry does with requests that are wrong, doubtful, too large or too slow.
# time limit: 300 s

load registry

setup() { start; }

@test "an unknown path is 404, a known one with another method 405" {
	api GET /nope
	problem 404
	api GET /v1/sites/
	problem 404
	api GET /v1/sites/a/b
	problem 404
	api GET '/v1/sites/%61'
	problem 404
	api PUT /v1/hosts '{}'
	problem 405
	grep -qi '^allow: GET, POST' "$D/head"
	api POST /health
	problem 405
	grep -qi '^allow: GET' "$D/head"
	api BREW /v1/sites/a
	problem 405
	api GET /v1/enrol
	problem 405
}

@test "a parameter that a request does not have is refused by its name, and nothing is done" {
	mesh
	before=$(generation)
	while read -r method path name; do
		api "$method" "$path"
		problem 400 "$name"
		[[ $BODY == *"'$name'"* ]]
	done <<-'EOF'
		GET /v1/changes?after=1&wiat=60 wiat
		GET /v1/config?Wait=60 Wait
		POST /v1/undo?dry-run=1 dry-run
		DELETE /v1/sites/b?cascade=1&yes yes
		DELETE /v1/hosts/nas.b?cascade=1 cascade
		GET /v1/audit?limit=5&limit2=6 limit2
		GET /config?pretty pretty
		GET /v1/sites?%64=1 %64
	EOF
	[ "$(generation)" = "$before" ]
	ok GET '/v1/audit?limit=1&&before=5'
	TOKEN=$(new_token gateway b) api GET '/v1/audit?x=1' # who may not is told that first
	problem 403
	TOKEN='' ok GET '/health?t=123'
}

@test "HEAD is GET without the body" {
	run raw 'HEAD /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
	[[ $output == 'HTTP/1.1 200 OK'* && $output != *status* ]]
}

@test "malformed JSON is refused, and the connection goes on" {
	before=$(generation)
	for body in '{' '[]' '"x"' 'null' '5' '{"domain":"a"' '{"domain":"a","domain":"b"}' '{"domain":"a"}x' $'{"domain":"a\x01"}' \
		$'{"domain":"\xff"}' '{"domain":{"a":1}}' "$(printf '[%.0s' {1..17})"; do
		api POST /v1/sites "$body"
		code 400
		is .status 400
	done
	api POST /v1/sites
	problem 400
	deep=$(printf '{"a":%.0s' {1..16})1$(printf '}%.0s' {1..16})
	api POST /v1/sites "$deep"
	problem 400 domain
	api POST /v1/sites "{\"x\":$deep}"
	problem 400
	[ "$(generation)" = "$before" ]
}

@test "a body of 64 KiB is read, a larger one is 413" {
	padding=$(printf '%065000d' 0)
	api POST /v1/sites "{\"domain\":\"a\",\"padding\":\"$padding\"}"
	code 201
	printf '{"domain":"b","padding":"%070000d"}' 0 >"$D/large"
	api POST /v1/sites "@$D/large"
	problem 413
	api POST /v1/sites "@$D/large" -H 'Transfer-Encoding: chunked'
	problem 413
	ok GET /v1/sites
	is '.sites | length' 1
}

@test "headers of more than 8 KiB are refused" {
	api GET /v1/sites '' -H "X-Padding: $(printf 'x%.0s' {1..8200})"
	[ "$CODE" = 431 ]
	api GET /v1/sites '' -H "X-Padding: $(printf 'x%.0s' {1..100000})"
	[ "$CODE" = 431 ]
	api GET /v1/sites '' -H "X-Padding: $(printf 'x%.0s' {1..7900})"
	code 200
}

# A second request hides in what one reader takes for the body of the first: it must not be carried out.
smuggle() { # HEADERS BODY: answered with nothing but a refusal, and closed
	local hidden="POST /v1/sites HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $ADMIN\r\nContent-Length: 19\r\n\r\n{\"domain\":\"hidden\"}"
	run raw "POST /v1/sites HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $ADMIN\r\n$1\r\n\r\n$2$hidden" 5
	[[ $output == HTTP/1.?\ [45]* && $output != *'STILL OPEN'* ]] || fails "$1: $output" || return 1
	! grep -aq '^HTTP/1.. [123]' <<<"$output" || fails "$1: $output" || return 1
	ok GET /v1/sites && is '.sites | length' 0
}

@test "requests that could be read in two ways are refused, and what hides behind them is not carried out" {
	smuggle 'Content-Length: 4\r\nContent-Length: 0' 'abcd'
	smuggle 'Content-Length: 0\r\nContent-Length: 0' ''
	smuggle 'Content-Length: 5\r\nTransfer-Encoding: chunked' '0\r\n\r\n'
	smuggle 'Transfer-Encoding: chunked\r\nContent-Length: 5' '0\r\n\r\n'
	smuggle 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity' '0\r\n\r\n'
	smuggle 'Transfer-Encoding: xchunked' '0\r\n\r\n'
	smuggle 'Content-Length: +0' ''
	smuggle 'Content-Length: 0, 0' ''
	smuggle 'Content-Length : 4' ''
	smuggle 'Host: y\r\nContent-Length: 0' ''
	smuggle 'Authorization: Bearer other\r\nContent-Length: 0' ''
	# a folded line, a line without a name, LF alone, NUL: where readers do not agree where a header ends
	smuggle 'Content-Length:\r\n 4' 'abcd'
	smuggle 'Content-Length: 4\r\n 0' 'abcd'
	smuggle 'X-Folded: a\r\n\tb\r\nContent-Length: 0' ''
	smuggle 'X-Folded: a\r\n b\r\n c' ''
	smuggle 'Transfer-Encoding:\r\n chunked\r\nContent-Length: 4' '0\r\n\r\n'
	smuggle ': x' ''
	smuggle ':' ''
	smuggle ':\r\nContent-Length: 4' 'abcd'
	smuggle ' Content-Length: 4' 'abcd'
	smuggle 'X: y\nContent-Length: 4' 'abcd'
	smuggle 'X: y\rContent-Length: 4' 'abcd'
	smuggle 'X: y\0\r\nContent-Length: 0' ''
	smuggle 'X\0: y\r\nContent-Length: 0' ''
	smuggle 'Content-Length: 0\0' ''
	smuggle 'Content-Length\0: 4' 'abcd'
	smuggle 'Content-Length: \v4' 'abcd'
	smuggle 'no colon' ''
	smuggle 'Transfer-Encoding: chunked ' '0\r\n\r\n'
	smuggle 'Transfer-Encoding: chunked\r\n\tx' '0\r\n\r\n'
	smuggle 'Transfer-Encoding: chunked' '0x0\r\n\r\n'
	smuggle 'Transfer-Encoding: chunked' '+0\r\n\r\n'
	smuggle 'Transfer-Encoding: chunked' ' 0\r\n\r\n'
	smuggle 'Transfer-Encoding: chunked' '-1\r\n\r\n'
	smuggle 'Transfer-Encoding: chunked' '2\r\nabc\r\n0\r\n\r\n'
	smuggle 'Transfer-Encoding: chunked' 'fffffffffffffffff0\r\n\r\n'
}

@test "header blocks of every common shape are read" {
	local letters=abcdefgh n=0 shape
	for shape in 'Content-Length: 14' 'Content-Length:14' 'content-length:\t 14' 'Content-Length: 14\r\nX-Empty:\r\nX-Blank:   ' \
		"Content-Length: 14\r\nX-Long: $(printf 'y%.0s' {1..7000})" 'X: a:b: c\r\nContent-Length: 14' \
		'Cookie: a=b; c=d\r\nContent-Length: 14' 'Content-Length: 014'; do
		run raw "POST /v1/sites HTTP/1.1\r\nHost: [::1]:8099\r\nAuthorization: Bearer $ADMIN\r\n$shape\r\n\r\n{\"domain\":\"${letters:n++:1}\"}GET /health?x=y&z&&+a=+%%20%&=&b= HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n"
		[ "$(grep -ao 'HTTP/1.1 [0-9]*' <<<"$output" | xargs)" = 'HTTP/1.1 201 HTTP/1.1 200' ] || fails "$shape: $output"
	done
	# chunks end the connection
	run raw "POST /v1/sites HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $ADMIN\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=1\r\n{\"dom\r\nA\r\nain\":\"ch\"}\r\n0\r\nX-Trailer: y\r\n\r\nGET /health HTTP/1.0\r\n\r\n"
	[ "$(grep -ao 'HTTP/1.[01] [0-9]*' <<<"$output" | xargs)" = 'HTTP/1.1 201' ] || fails "$output"
}

@test "nothing is read behind a request in chunks, wherever they end" {
	for end in '0\r\n\r\n' '0\n\n' '0\r\n:\r\n' '0\r\n: x\r\n\r\n' '0\r\nX: y\r\n z\r\n\r\n' '0;x\r\n\r\n' '00000\r\n\r\n'; do
		run raw "POST /v1/sites HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $ADMIN\r\nTransfer-Encoding: chunked\r\n\r\n${end}DELETE /v1/sites/keep HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $ADMIN\r\n\r\n" 5
		[ "$(grep -ao 'HTTP/1.1 [0-9]*' <<<"$output" | xargs)" = 'HTTP/1.1 400' ] || fails "$end: $output"
		[[ $output != *'STILL OPEN'* ]] || fails "$end: $output"
	done
}

@test "a token in a trailer is no token" {
	run raw "POST /v1/sites HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\ne\r\n{\"domain\":\"a\"}\r\n0\r\nAuthorization: Bearer $ADMIN\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	[ "$(grep -ao 'HTTP/1.1 [0-9]*' <<<"$output" | xargs)" = 'HTTP/1.1 401' ] || fails "$output"
}

@test "a request without Host, and one of another version, are refused" {
	run raw 'GET /health HTTP/1.1\r\n\r\n' 5
	[[ $output == 'HTTP/1.1 400'* ]]
	run raw 'GET /health HTTP/3.7\r\nHost: x\r\n\r\n' 5
	[[ $output == HTTP/1.?\ [45]* ]]
	for line in 'GET  /health HTTP/1.1' 'GET /health HTTP/1.1 ' 'GET /health  HTTP/1.1' 'GET\t/health\tHTTP/1.1' 'GET /health' 'PRI * HTTP/2.0' \
		'GET /health\0 HTTP/1.1' 'GET /health\0/x HTTP/1.1' 'GET /health?a\0b HTTP/1.1' 'GET /health?\0 HTTP/1.1' 'GET /health?\x10 HTTP/1.1' 'GET /health?\xff=1 HTTP/1.1' 'G\0T /health HTTP/1.1' \
		'G:T /health HTTP/1.1'; do
		run raw "$line\r\nHost: x\r\n\r\n" 5
		[[ $output != *' 200 '* && $output != *'STILL OPEN'* ]] || fails "$line: $output"
	done
	for host in 'a b' 'a/b' 'a@b' 'a,b' 'a\tb' 'a"b'; do
		run raw "GET /health HTTP/1.1\r\nHost: $host\r\n\r\n" 5
		[[ $output == 'HTTP/1.1 400'* ]] || fails "$host: $output"
	done
	run raw 'garbage\r\n\r\n' 5
	[[ $output != *' 200 '* && $output != *'STILL OPEN'* ]]
}

@test "requests on one connection are answered in order" {
	run raw 'GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /nope HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
	[ "$(grep -ao 'HTTP/1.1 [0-9]*' <<<"$output" | xargs)" = 'HTTP/1.1 200 HTTP/1.1 404 HTTP/1.1 200' ]
}

@test "who takes more than 10 s for a request is cut off, and holds up nobody" {
	perl -MIO::Socket::INET -MIO::Select -MTime::HiRes=time,sleep -e '
		my ($port, $out, $limit) = @ARGV;
		$SIG{PIPE} = "IGNORE";
		my $open = IO::Select->new(map { IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port) or die } 1 .. 200);
		my $begin = time;
		my $trickle = "GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: " . "y" x 1000;
		# a byte now and then, until the server ends it or far too late
		for (my $i = 0; $open->count && time - $begin < 10 + $limit; $i++) {
			for my $s ($open->can_read(0)) {
				$open->remove($s) unless sysread($s, my $got, 100);
			}
			syswrite($_, substr($trickle, $i, 1)) for $open->handles;
			sleep 0.25;
		}
		open(my $f, ">", $out);
		printf $f "%d %.1f\n", $open->count, time - $begin;
	' "${URL##*:}" "$D/slow" "$LIMIT" 3>&- &
	slow=$!
	echo $slow >>"$D/pids"
	for n in {1..20}; do
		api GET /health '' -m 2
		code 200
	done
	wait "$slow"
	read -r open seconds <"$D/slow"
	[ "$open" = 0 ]
	perl -e 'exit !($ARGV[0] >= 9 && $ARGV[0] < 20)' "$seconds"
	ok GET /v1/sites
}

@test "who takes nothing of a long answer is cut off, and keeps no more of it in memory than a block" {
	ok POST /v1/sites '{"domain":"a","subnet":"172.30.0.0/17"}'
	ok POST /v1/sites '{"domain":"b","subnet":"172.30.128.0/17"}'
	stop
	sqlite3 "$D/data/registry.db" "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
		INSERT INTO host (overlay, domain, name, local, access) SELECT $((0xac1e0000)) + i, 'a', 'h' || i, $((0x0a000000)) + i, 1 FROM n"
	start
	# twenty of them, with next to no room on their side
	perl -MIO::Socket::INET -MIO::Select -MSocket=SOL_SOCKET,SO_RCVBUF -e '
		my ($port, $token, $out, $limit) = @ARGV;
		my @s = map {
			my $s = IO::Socket::INET->new(Proto => "tcp") or die;
			setsockopt($s, SOL_SOCKET, SO_RCVBUF, 2048);
			connect($s, Socket::pack_sockaddr_in($port, Socket::inet_aton("127.0.0.1"))) or die;
			syswrite($s, "GET /config HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\n\r\n");
			$s;
		} 1 .. 20;
		alarm $limit;
		# readable without end or error only when the server has ended it; what is there is not taken
		my $poll = sub { my $p = ""; open(my $f, "<", "/proc/net/tcp"); my $n = 0; my $port = sprintf "%04X", $port;
			while (<$f>) { $n++ if /^ *\d+: \S+:$port \S+ 01 / } $n };
		sleep 1 while $poll->();
		open(my $f, ">", $out); print $f "ended\n";
	' "${URL##*:}" "$ADMIN" "$D/stalled" $((LIMIT * 4)) 3>&- &
	stalled=$!
	echo $stalled >>"$D/pids"
	sleep 2
	for n in {1..5}; do
		ok POST /v1/hosts "{\"name\":\"n$n\",\"domain\":\"b\",\"local_ip\":\"10.1.0.$n\"}"
		api GET /v1/hosts '' -o /dev/null
	done
	wait "$stalled"
	[ "$(cat "$D/stalled")" = ended ]
	[ "$(memory)" -lt $((64 * 1024)) ]
}

CROWD=$PWD/${B:-build}/tests/registry/crowd

# crowd N drip|whole REQUEST [FROM TO]: what it says in $D/crowd; CROWD_PID
crowd() {
	: >"$D/crowd"
	# a pipe and no shell between: the pid is the crowd's
	"${IN[@]}" "$CROWD" "${URL##*:}" "$1" "$2" $((LIMIT * 3)) "${@:4}" < <(printf '%b' "$3") >"$D/crowd" 2>&1 3>&- &
	CROWD_PID=$!
	echo $CROWD_PID >>"$D/pids"
	local n
	for ((n = 0; n < LIMIT * 20; n++)); do
		! grep -q '^open' "$D/crowd" || return 0
		kill -0 "$CROWD_PID" 2>/dev/null || break
		sleep 0.05
	done
	cat "$D/crowd" >&2
	return 1
}

memory() { # of the server, KiB: the most that it had
	sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$PID/status"
}

@test "ten thousand connections that drip leave the server answering, and are cut off" {
	[ "$(ulimit -Hn)" -gt 10200 ] || skip 'not enough files allowed here: ulimit -Hn'
	ulimit -n "$(ulimit -Hn)"
	stop
	start
	crowd 10000 drip 'GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy'
	answered=0
	for ((n = 0; n < 1000; n++)); do
		! grep -q '^closed' "$D/crowd" || break
		ok POST /v1/sites "{\"domain\":\"s$n\",\"subnet\":\"172.30.$((n % 250 + 1)).0/24\"}" || { [ "$CODE" = 409 ] && [ $n -ge 250 ]; }
		ok GET /v1/sites
		answered=$((answered + 1))
	done
	[ "$answered" -ge 5 ]
	wait "$CROWD_PID"
	grep -qx 'closed 10000 0' "$D/crowd"
	ok GET /health
	[ "$(memory)" -lt $((256 * 1024)) ]
}

@test "where there are few files, those go that take longest, and who sends a whole request is answered" {
	stop
	WITH=(prlimit --nofile=400:400)
	start
	crowd 1000 drip 'GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy'
	for n in {1..30}; do
		ok POST /v1/sites "{\"domain\":\"s$n\"}"
		ok GET /v1/sites
	done
	kill "$CROWD_PID"
	# who waits has sent a whole request, and stays
	[ "$(ss -Htn state established "( sport = :${URL##*:} )" | wc -l)" -lt 400 ]
	crowd 100 whole "GET /v1/config?after=$(generation)&wait=60 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $ADMIN\r\nConnection: close\r\n\r\n"
	waiting=$CROWD_PID
	mv "$D/crowd" "$D/waiting"
	"${IN[@]}" "$CROWD" "${URL##*:}" 1000 drip 3 < <(printf 'GET /') >"$D/crowd" 2>&1 3>&- || true
	not grep -q '^closed' "$D/waiting"
	kill -0 "$waiting"
	ok POST /v1/sites '{"domain":"news"}'
	wait "$waiting"
	grep -qx 'closed 100 100' "$D/waiting"
}

@test "one address has a thousand connections at most, and others their own" {
	[ "$(ulimit -Hn)" -gt 4000 ] || skip 'not enough files allowed here: ulimit -Hn'
	stop
	WITH=(unshare -n sh -c 'ip link set lo up && for i in 1 2 3; do ip addr add 203.0.113.$i/32 dev lo; done && exec "$@"' sh)
	start --listen 203.0.113.1:0
	URL=$(sed -n 's/^listening on \(.*203.*\)/\1/p' "$D/log")
	IN=(nsenter -t "$PID" -n)
	ask="GET /v1/config?after=99&wait=60 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $ADMIN\r\nConnection: close\r\n\r\n"
	crowd 1500 whole "$ask" 203.0.113.2 203.0.113.1
	open() { "${IN[@]}" ss -Htn state established "( sport = :${URL##*:} )" "dst 203.0.113.$1" | wc -l; }
	for ((n = 0; n < LIMIT * 20; n++)); do
		[ "$(open 2)" != 1000 ] || break
		sleep 0.05
	done
	[ "$(open 2)" = 1000 ]
	[ "$("${IN[@]}" curl -sS -m "$LIMIT" --interface 203.0.113.3 "$URL/health")" = '{"status":"ok"}' ]
	run "${IN[@]}" curl -sS -m "$LIMIT" --interface 203.0.113.2 "$URL/health"
	[ "$status" != 0 ]
	kill "$CROWD_PID"
	for ((n = 0; n < LIMIT * 20; n++)); do
		[ "$("${IN[@]}" curl -sS -m "$LIMIT" --interface 203.0.113.2 "$URL/health" 2>&1)" != '{"status":"ok"}' ] || break
		sleep 0.05
	done
	[ "$("${IN[@]}" curl -sS -m "$LIMIT" --interface 203.0.113.2 "$URL/health")" = '{"status":"ok"}' ]
}
