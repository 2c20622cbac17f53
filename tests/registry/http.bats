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
}

@test "a request without Host, and one of another version, are refused" {
	run raw 'GET /health HTTP/1.1\r\n\r\n' 5
	[[ $output == 'HTTP/1.1 400'* ]]
	run raw 'GET /health HTTP/3.7\r\nHost: x\r\n\r\n' 5
	[[ $output == HTTP/1.?\ [45]* ]]
	run raw 'garbage\r\n\r\n' 5
	[[ $output != *' 200 '* && $output != *'STILL OPEN'* ]]
}

@test "requests on one connection are answered in order" {
	run raw 'GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /nope HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
	[ "$(grep -ao 'HTTP/1.1 [0-9]*' <<<"$output" | xargs)" = 'HTTP/1.1 200 HTTP/1.1 401 HTTP/1.1 200' ]
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

@test "a thousand connections that say nothing leave the server answering" {
	perl -MIO::Socket::INET -e '
		my ($port, $go) = @ARGV;
		my @s = map { IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port) or die } 1 .. 900;
		open(my $f, ">", $go); close($f);
		<STDIN>;
	' "${URL##*:}" "$D/go" 3>&- < <(sleep "$LIMIT" & echo $! >"$D/sleeper"; wait) &
	holder=$!
	echo $holder >>"$D/pids"
	for ((n = 0; n < LIMIT * 20; n++)); do
		[ ! -e "$D/go" ] || break
		sleep 0.05
	done
	[ -e "$D/go" ]
	ok POST /v1/sites '{"domain":"a"}'
	ok GET /config
	is '.sites | length' 1
	kill "$holder" "$(cat "$D/sleeper")"
}
