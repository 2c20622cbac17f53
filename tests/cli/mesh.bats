#!/usr/bin/env bats
# wm mesh add, list, remove; the files in ~/.config/wm; where tokens go and do not go.

load rig
setup() { rig_setup; }
teardown() { rig_teardown; }

@test "mesh add verifies the token, then writes a file that only its user reads" {
	start_registry home
	run -0 "$WM" mesh add "$URL/" "$MASTER"
	[ "$output" = "connected to home (172-30) as admin" ]
	[ "$(stat -c %a "$WM_CONFIG_DIR")" = 700 ]
	[ "$(stat -c %a "$WM_CONFIG_DIR/172-30.env")" = 600 ]
	[ "$(ls -A "$WM_CONFIG_DIR")" = 172-30.env ]
	# A shell reads it as the seed's own files.
	(. "$WM_CONFIG_DIR/172-30.env" && [ "$REGISTRY_URL" = "$URL" ] && [ "$REGISTRY_TOKEN" = "$MASTER" ])
	run -0 "$WM" health
	[[ $output == *"=== home (172-30) ==="*"registry: ok"*"our token: admin"* ]]
}

@test "mesh add and remove --dry-run look at all, and leave the files as they are" {
	start_registry home
	run -0 "$WM" mesh add "$URL" "$MASTER" --dry-run
	[ "$output" = "would connect to home (172-30) as admin, and write $WM_CONFIG_DIR/172-30.env" ]
	[ ! -e "$WM_CONFIG_DIR" ]
	json '.dry_run and .mesh.slug == "172-30"' "$WM" mesh add "$URL" "$MASTER" --dry-run -j
	fails 4 'mesh add' "$WM" mesh add "$URL" wrong-token-0123456789 --dry-run
	"$WM" mesh add "$URL" "$MASTER"
	before=$(cat "$WM_CONFIG_DIR/172-30.env")
	run -0 "$WM" mesh add "$URL" "$MASTER" --dry-run
	[[ $output == *'and replace '* ]]
	run -0 "$WM" mesh remove home --dry-run
	[ "$output" = "mesh 172-30 would be forgotten; the mesh itself is as it was" ]
	json '.dry_run and .removed == "172-30"' "$WM" mesh remove home --dry-run -j
	fails 1 "did you mean 'home'" "$WM" mesh remove hoem --dry-run
	[ "$(cat "$WM_CONFIG_DIR/172-30.env")" = "$before" ]
	start_registry work 172.30.0.0/16
	fails 1 'is configured already' "$WM" mesh add "$URL" "$MASTER" --dry-run
	[ "$(ls -A "$WM_CONFIG_DIR")" = 172-30.env ]
}

@test "mesh add -j has the documented shape" {
	start_registry home
	export URL
	json '.mesh == {slug: "172-30", name: "home", url: env.URL, role: "admin", file: (env.WM_CONFIG_DIR + "/172-30.env")}' \
		"$WM" -j mesh add "$URL" "$MASTER"
}

@test "the token comes from a file, the environment or the argument, in this order of need" {
	start_registry home
	echo "$MASTER" >"$DIR/token"
	"$WM" mesh add "$URL" --token-file "$DIR/token"
	"$WM" mesh remove home
	WM_REGISTRY_TOKEN=$MASTER "$WM" mesh add "$URL"
	"$WM" mesh remove 172-30
	WM_REGISTRY_TOKEN=wrong-token-of-the-environment "$WM" mesh add "$URL" --token-file "$DIR/token"
	"$WM" health
}

@test "without a token and without a terminal it asks for neither" {
	start_registry home
	fails 2 'no token; give it with --token-file FILE or in WM_REGISTRY_TOKEN' "$WM" mesh add "$URL"
	fails 2 'the token is empty' "$WM" mesh add "$URL" ''
	fails 2 '/nonexistent: cannot read it' "$WM" mesh add "$URL" --token-file /nonexistent
	: >"$DIR/empty"
	fails 2 'should hold one token' "$WM" mesh add "$URL" --token-file "$DIR/empty"
	[ ! -e "$WM_CONFIG_DIR" ]
}

@test "on a terminal it asks, and does not echo" {
	start_registry home
	on_terminal "'$WM' mesh add $URL"
	shows 'Token:'
	printf 'x\177%s\n' "$MASTER" >&7 # the x is taken back
	shows 'connected to home'
	shows 'exit=0'
	not grep -q "$MASTER" "$DIR/screen"
	grep -q "$MASTER" "$WM_CONFIG_DIR/172-30.env"
}

@test "an interrupt at the question ends it and leaves the terminal as it was" {
	start_registry home
	on_terminal "'$WM' mesh add $URL; stty -a"
	shows 'Token:'
	printf '\003' >&7
	shows 'no token was given'
	shows ' echo echoe '
	[ ! -e "$WM_CONFIG_DIR/172-30.env" ]
}

@test "no token is ever in a command line" {
	# Takes connections and never answers, so that wm is there to be looked at.
	perl -MIO::Socket -e '$s = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1:0") or die;
		$| = 1; print $s->sockport, "\n"; push @c, $_ while $_ = $s->accept' >"$DIR/port" 3>&- &
	PIDS+=("$!")
	until_true 10 test -s "$DIR/port"
	url="http://127.0.0.1:$(cat "$DIR/port")"
	token=$(openssl rand -hex 16) # of this test alone: others run beside it
	echo "$token" >"$DIR/token"

	"$WM" mesh add "$url" "$token" >/dev/null 2>&1 3>&- &
	argument=$!
	"$WM" mesh add "$url" --token-file "$DIR/token" >/dev/null 2>&1 3>&- &
	file=$!
	PIDS+=("$argument" "$file")
	waits() { grep -qz "$url" "/proc/$1/cmdline" && not grep -q -f "$DIR/token" "/proc/$1/cmdline"; }
	until_true 10 waits "$argument"
	until_true 10 waits "$file"
	# Nothing was started that would have it instead.
	not grep -qs -f "$DIR/token" /proc/[0-9]*/cmdline
}

@test "a wrong token is refused and nothing is written" {
	start_registry home
	fails 4 'registry: .*wm mesh add' "$WM" mesh add "$URL" wrong-token-0123456789
	[ ! -e "$WM_CONFIG_DIR" ]
}

@test "a roaming device's token looks and does not write; an isolated one's does not even look" {
	connected
	"$WM" add-site hub --hub --endpoint 198.51.100.1:51820 >/dev/null
	"$WM" add-host nas.hub --local-ip 192.168.1.10 >/dev/null
	"$WM" add-device laptop >/dev/null
	"$WM" add-device cam --type isolated >/dev/null
	laptop=$("$WM" token create laptop --role device -j | jq -r .token.token)
	cam=$("$WM" token create cam --role device -j | jq -r .token.token)
	fails 4 'token of device cam, which may not look at the mesh' "$WM" mesh add "$URL" "$cam" --name other
	[ ! -e "$WM_CONFIG_DIR/other.env" ]
	# nor does it take the place of the admin's
	cp "$WM_CONFIG_DIR/172-30.env" "$DIR/was"
	fails 1 "mesh '172-30' is configured already, with a token that is no device's, may more than this device's, and stays" \
		"$WM" mesh add "$URL" "$laptop"
	cmp "$DIR/was" "$WM_CONFIG_DIR/172-30.env"
	export WM_CONFIG_DIR="$DIR/laptop"
	"$WM" mesh add "$URL" "$laptop" | grep -qx 'connected to home (172-30) as device'
	"$WM" mesh add "$URL" "$laptop" >/dev/null
	run -0 "$WM" list
	echo "$output"
	grep -qE '^  nas.hub +standard +172.30.' <<<"$output"
	grep -qE '^  laptop.hub +roaming' <<<"$output"
	not grep -qF 192.168. <<<"$output"
	for command in list-sites list-hosts list-devices info health show-config; do "$WM" $command >/dev/null; done
	run "$WM" check
	grep -qE 'registry .*our token is device' <<<"$output"
	not grep -qE '^(wrong|WRONG) +config' <<<"$output"
	before=$(api GET /config | jq -c .)
	for command in 'add-host x.hub --local-ip 192.168.1.11' 'add-site c' 'remove nas.hub' 'remove laptop' 'add-device phone' 'enrol hub' \
		'remove-site hub --cascade --yes' 'set nas.hub --type isolated' 'undo --yes' 'token list' 'token create me --role admin' \
		'audit' 'export' 'device-setup cam'; do
		fails 4 'may not' "$WM" $command
	done
	[ "$(api GET /config | jq -c .)" = "$before" ]
}

@test "a gateway's token is not for the CLI" {
	connected
	token=$("$WM" add-site b -j | jq -r .enrolment.token)
	key=$(wg genkey | wg pubkey)
	gateway=$(curl -sS -H "Authorization: Bearer $token" -d "{\"public_key\":\"$key\"}" "$URL/v1/enrol" | jq -r .token)
	fails 4 "token of a gateway \(b\)" "$WM" mesh add "$URL" "$gateway" --name other
	[ ! -e "$WM_CONFIG_DIR/other.env" ]
}

@test "a reader's token reads and does not write" {
	connected
	"$WM" add-site b >/dev/null
	reader=$(api POST /v1/tokens '{"role":"read","name":"eyes"}' | jq -r .token)
	"$WM" mesh add "$URL" "$reader" --name eyes | grep -q 'as read'
	"$WM" list --mesh eyes | grep -q '^b '
	before=$(generation)
	fails 4 'site c|c: ' "$WM" --mesh eyes add-site c
	[ "$(generation)" = "$before" ]
}

@test "http to another machine is refused before anything is sent" {
	fails 2 'not sent over plain http to another machine; use https' unshare -n "$WM" mesh add http://192.0.2.1:8099 "$MASTER"
	fails 2 'not sent over plain http' unshare -n "$WM" mesh add http://127.0.0.1.example.com "$MASTER"
	# With the override it tries, and in this namespace nothing is reachable.
	fails 3 'registry http://192.0.2.1:8099: ' unshare -n "$WM" mesh add http://192.0.2.1:8099 "$MASTER" --allow-http
	# A file says it too.
	mkdir -p "$WM_CONFIG_DIR"
	printf 'REGISTRY_URL=http://192.0.2.1:8099\nREGISTRY_TOKEN=%s\n' "$MASTER" >"$WM_CONFIG_DIR/x.env"
	chmod 600 "$WM_CONFIG_DIR/x.env"
	fails 2 'not sent over plain http' unshare -n "$WM" list
	echo REGISTRY_ALLOW_HTTP=true >>"$WM_CONFIG_DIR/x.env"
	fails 3 'registry http://192.0.2.1:8099: ' unshare -n "$WM" list
}

@test "localhost is this machine, whatever a hosts file says" {
	echo 192.0.2.1 localhost >"$DIR/hosts"
	unshare -mn bash -euc '
		. tests/cli/rig.bash
		ip link set lo up
		mount --bind "$DIR/hosts" /etc/hosts
		[ "$(getent hosts localhost)" = "192.0.2.1       localhost" ]
		PIDS=()
		start_registry home
		trap "kill $REGISTRY_PID" EXIT
		"$WM" mesh add "${URL/127.0.0.1/localhost}" "$MASTER"' 3>&-
}

@test "--allow-http is kept in the file" {
	start_registry home
	"$WM" mesh add "$URL" "$MASTER" --allow-http
	grep -q "^REGISTRY_ALLOW_HTTP='true'$" "$WM_CONFIG_DIR/172-30.env"
	"$WM" add-site b | grep -q '^WM_REGISTRY_ALLOW_HTTP=true$'
}

@test "addresses that are none" {
	fails 2 "'ftp://x' is not the address of a registry: it must look like https://" "$WM" mesh add ftp://x "$MASTER"
	fails 2 'is not the address' "$WM" mesh add registry.example.com "$MASTER"
	fails 2 'is not the address' "$WM" mesh add 'https://me:pw@registry.example.com' "$MASTER"
}

@test "nobody there, and somebody else there" {
	start_registry home
	kill "$REGISTRY_PID"
	wait "$REGISTRY_PID" || true
	fails 3 "registry $URL: nothing accepts the connection" "$WM" mesh add "$URL" "$MASTER"
	perl -MIO::Socket -e '$s = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1:0") or die; $| = 1;
		print $s->sockport, "\n"; while ($c = $s->accept) { $c->recv($x, 4096);
		print $c "HTTP/1.1 200 OK\r\nContent-Length: 15\r\nConnection: close\r\n\r\n<html>no</html>" }' >"$DIR/port" 3>&- &
	PIDS+=("$!")
	until_true 10 test -s "$DIR/port"
	fails 3 "the registry's answer is not understood" "$WM" mesh add "http://127.0.0.1:$(cat "$DIR/port")" "$MASTER"
	[ ! -e "$WM_CONFIG_DIR" ]
}

@test "a private CA has to be named, and is kept" {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$DIR/key.pem" -out "$DIR/ca.pem" \
		-days 2 -subj /CN=wm-test -addext subjectAltName=IP:127.0.0.1 2>"$DIR/openssl"
	WM_REGISTRY_TOKEN=$MASTER "$REGISTRY" serve --env-file /dev/null --listen 127.0.0.1:0 --data "$DIR/tls" --tls-cert "$DIR/ca.pem" \
		--tls-key "$DIR/key.pem" 2>"$DIR/tls.log" 3>&- &
	PIDS+=("$!")
	until_true 10 grep -q '^listening on https' "$DIR/tls.log"
	url=$(sed -n 's/^listening on //p' "$DIR/tls.log")
	fails 3 'certificate is not trusted.*WM_REGISTRY_CA' "$WM" mesh add "$url" "$MASTER"
	fails 2 'CA file /nonexistent' "$WM" mesh add "$url" "$MASTER" --ca /nonexistent
	(cd "$DIR" && "$WM" mesh add "$url" "$MASTER" --ca ca.pem)
	grep -q "^REGISTRY_CA='$DIR/ca.pem'$" "$WM_CONFIG_DIR/172-30.env"
	"$WM" health
	"$WM" add-site b | grep -q "^WM_REGISTRY_CA=$DIR/ca.pem$"
	# Another name than the certificate's is not taken.
	fails 3 'certificate is not trusted' "$WM" mesh add "${url/127.0.0.1/localhost}" "$MASTER" --ca "$DIR/ca.pem" --name two
}

@test "the same registry again replaces the token; another one with the same slug or name wants --name" {
	connected
	first=$URL
	admin=$(api POST /v1/tokens '{"role":"admin","name":"me"}' | jq -r .token)
	"$WM" mesh add "$first" "$admin"
	grep -q "^REGISTRY_TOKEN='$admin'$" "$WM_CONFIG_DIR/172-30.env"

	start_registry elsewhere
	fails 1 "mesh '172-30' is configured already.*--name" "$WM" mesh add "$URL" "$MASTER"
	grep -q "$first" "$WM_CONFIG_DIR/172-30.env"
	"$WM" mesh add "$URL" "$MASTER" --name work | grep -q 'connected to work (work)'
	fails 2 "--name 'No Good'" "$WM" mesh add "$URL" "$MASTER" --name 'No Good'

	start_registry home2 10.9.0.0/16
	"$WM" mesh add "$URL" "$MASTER" | grep -q '(10-9)'
	rm "$WM_CONFIG_DIR/10-9.env"
	mkdir "$DIR/clash"
	WM_CONFIG_DIR=$DIR/clash
	printf 'REGISTRY_URL=https://r.example\nREGISTRY_TOKEN=x\nMESH_NAME=home2\n' >"$DIR/clash/a.env"
	chmod 600 "$DIR/clash/a.env"
	fails 1 "mesh 'a' is called 'home2' too.*--name" "$WM" mesh add "$URL" "$MASTER"
}

@test "slugs: octets that the supernet covers, its length where it ends inside one" {
	for pair in 10.0.0.0/8=10 172.16.0.0/12=172-16-p12 172.30.0.0/16=172-30 10.1.16.0/20=10-1-16-p20 10.1.2.0/24=10-1-2; do
		start_registry "r${pair##*=}" "${pair%=*}"
		json ".mesh.slug == \"${pair##*=}\"" "$WM" -j mesh add "$URL" "$MASTER"
	done
}

@test "files written by hand work, under any name" {
	start_registry home
	mkdir -p "$WM_CONFIG_DIR"
	printf '# my mesh\nexport REGISTRY_URL=%s\nREGISTRY_TOKEN="%s" # secret\n' "$URL" "$MASTER" >"$WM_CONFIG_DIR/mymesh.env"
	echo nonsense >"$WM_CONFIG_DIR/notes.txt"
	chmod 600 "$WM_CONFIG_DIR/mymesh.env"
	run -0 "$WM" list
	[[ $output == "=== home (mymesh) ==="* ]]
	# By the name that only the registry knows, too.
	"$WM" add-site b --mesh home >/dev/null
	"$WM" list --mesh mymesh | grep -q '^b '
}

@test "a file that others may read is pointed out, and used" {
	connected
	chmod 644 "$WM_CONFIG_DIR/172-30.env"
	"$WM" health 2>"$DIR/stderr"
	grep -q "others on this machine may read it; run: chmod 600" "$DIR/stderr"
}

@test "a broken file is named by line, and does not hide the others" {
	connected
	printf 'REGISTRY_URL https://x\n' >"$WM_CONFIG_DIR/broken.env"
	printf 'REGISTRY_TOKEN=x\n' >"$WM_CONFIG_DIR/half.env"
	chmod 600 "$WM_CONFIG_DIR"/*.env
	local got=0
	"$WM" list >"$DIR/stdout" 2>"$DIR/stderr" || got=$?
	[ "$got" = 2 ]
	grep -q 'broken.env: line 1 is not KEY=VALUE' "$DIR/stderr"
	grep -q 'half.env: REGISTRY_URL is missing' "$DIR/stderr"
	grep -q '=== home (172-30) ===' "$DIR/stdout"
	json '[.meshes[].health] == ["ok","broken","broken"]' "$WM" mesh list -j
	fails 2 'broken.env: line 1' "$WM" add-site b --mesh broken
}

@test "the environment lends no mesh another's address or token" {
	connected
	mkdir -p "$WM_CONFIG_DIR"
	printf 'REGISTRY_URL=%s\n' "$URL" >"$WM_CONFIG_DIR/172-30.env"
	REGISTRY_TOKEN=$MASTER fails 2 'has no REGISTRY_TOKEN' "$WM" list
	WM_REGISTRY_TOKEN=$MASTER "$WM" list
	# With two meshes nobody can know whose token it is.
	printf 'REGISTRY_URL=%s\n' "$URL" >"$WM_CONFIG_DIR/other.env"
	WM_REGISTRY_TOKEN=$MASTER not "$WM" list >/dev/null 2>"$DIR/stderr"
	[ "$(grep -c 'has no REGISTRY_TOKEN' "$DIR/stderr")" = 2 ]
	WM_REGISTRY_TOKEN=$MASTER "$WM" list --mesh other
	echo "$MASTER" >"$DIR/token"
	fails 2 'a token belongs to one mesh; say which one with --mesh' "$WM" list --token-file "$DIR/token"
	"$WM" list --token-file "$DIR/token" --mesh other
}

@test "mesh list shows the health of each, and is fine when one is down" {
	connected
	printf 'REGISTRY_URL=http://127.0.0.1:1\nREGISTRY_TOKEN=x\n' >"$WM_CONFIG_DIR/down.env"
	chmod 600 "$WM_CONFIG_DIR/down.env"
	json '[.meshes[]|[.slug,.health]] == [["172-30","ok"],["down","unreachable"]] and (.meshes[1].problem|length > 0)
		and .meshes[0].problem == null' "$WM" mesh list -j
	"$WM" mesh list 2>/dev/null | grep -qE '^172-30 +home +http://127.0.0.1:[0-9]+ +ok$'
}

@test "mesh remove forgets by slug or name, and only that" {
	connected
	fails 1 "no mesh '172-3' is configured; did you mean '172-30'" "$WM" mesh remove 172-3
	fails 1 "no mesh 'frobnicate' is configured; 'wm mesh list' shows" "$WM" mesh remove frobnicate
	json '.removed == "172-30"' "$WM" mesh remove home -j
	[ ! -e "$WM_CONFIG_DIR/172-30.env" ]
	[ "$(api GET /health | jq -r .status)" = ok ]
}
