#!/usr/bin/env bats
# wm token, wm wait.

load rig
setup() { rig_setup; }
teardown() { rig_teardown; }

@test "token create shows it once, list never, revoke ends it at once" {
	connected
	run -0 "$WM" token create 'night shift' --role read
	[ "${lines[0]}" = "token of night shift (read), shown this once:" ]
	[[ ${lines[1]} == wmr_* ]]
	token=${lines[1]}
	echo "$token" >"$DIR/token"
	"$WM" list --token-file "$DIR/token"
	run -0 "$WM" token list
	[[ ${lines[1]} =~ ^\ *ID\ +ROLE\ +NAME\ +CREATED\ +LAST\ USED ]]
	grep -qE '^ *[0-9]+ +read +night shift +20[0-9-]+T' <<<"$output"
	not grep -qF "$token" <<<"$output"
	json '.meshes[0].tokens | length == 1 and .[0].role == "read" and .[0].name == "night shift" and (.[0] | has("token") | not)' \
		"$WM" token list -j
	fails 2 'nothing was changed; to do it without being asked, add --yes' "$WM" token revoke 'night shift'
	"$WM" token revoke 'night shift' --dry-run | grep -qE '^token [0-9]+ of night shift \(read\) would be removed$'
	"$WM" list --token-file "$DIR/token"
	on_terminal "'$WM' token revoke 'night shift'"
	shows 'Revoke token [0-9]+ of night shift \(read\)\? Who has it is shut out at once\. \[y/N\]'
	echo y >&7
	shows 'token [0-9]+ of night shift \(read\) removed'
	shows 'exit=0'
	fails 4 'the token is not accepted' "$WM" list --token-file "$DIR/token"
	"$WM" token list | grep -q "no tokens but the master's"
}

@test "tokens of every role, and what is refused" {
	connected
	"$WM" add-site b >"$DIR/b.env"
	json '.token.role == "admin" and (.token.token | startswith("wma_")) and .mesh == "172-30"' "$WM" token create me --role admin -j
	json '.token.token | startswith("wmg_")' "$WM" token create b --role gateway -j
	fails 2 '--role is missing' "$WM" token create me
	fails 2 "--role 'root' must be admin, read, gateway or device" "$WM" token create me --role root
	fails 2 "cannot be a token's name" "$WM" token create $'a\nb' --role read
	fails 2 'argument is missing; use: wm token create NAME' "$WM" token create --role read
	fails 1 'nosuch' "$WM" token create nosuch --role gateway
	fails 1 "there is no token 'nosuch'; 'wm token list' shows" "$WM" token revoke nosuch --yes
	"$WM" token create me --role read >/dev/null
	fails 1 "2 tokens are called 'me'; give the number of one" "$WM" token revoke me --yes
	id=$("$WM" token list -j | jq '.meshes[0].tokens[] | select(.role == "read") | .id')
	json '.removed.kind == "token"' "$WM" token revoke "$id" --yes -j
	json '.meshes[0].tokens | map(.role) | sort == ["admin", "gateway"]' "$WM" token list -j
	fails 2 "'wm token' goes on with list, create or revoke" "$WM" token
	fails 2 "did you mean 'wm token revoke'" "$WM" token revok
}

@test "token list: a failure is not taken for there being no enrolments; an earlier registry does not tell of them" {
	mkdir -p "$WM_CONFIG_DIR"
	for status in '503 Service Unavailable' '405 Method Not Allowed'; do
		perl -MIO::Socket -e '$s = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1:0") or die; $| = 1;
			print $s->sockport, "\n"; while ($c = $s->accept) { $c->recv($x, 4096);
			($how, $b) = $x =~ m{^GET /v1/tokens} ? ("200 OK", "{\"tokens\":[]}") : ($ARGV[0], "{}");
			print $c "HTTP/1.1 $how\r\nContent-Length: ", length $b, "\r\nConnection: close\r\n\r\n$b" }' \
			"$status" >"$DIR/port" 3>&- &
		PIDS+=("$!")
		until_true 10 test -s "$DIR/port"
		printf 'REGISTRY_URL=http://127.0.0.1:%s\nREGISTRY_TOKEN=x\n' "$(cat "$DIR/port")" >"$WM_CONFIG_DIR/x.env"
		chmod 600 "$WM_CONFIG_DIR/x.env"
		rm "$DIR/port"
		[[ $status == 405* ]] || fails 3 'enrolments: the registry answered 503' "$WM" token list
	done
	json '.meshes[0].enrolments == []' "$WM" token list -j
}

@test "wait --synced: until every gateway that has enrolled has reported this generation" {
	connected
	"$WM" add-site a >"$DIR/a.env"
	"$WM" add-site b >"$DIR/b.env" # never enrols, so nobody waits for it
	"$WM" wait --synced | grep -qx "no gateway has enrolled yet; the mesh is at generation $(generation)"
	report a '{"generation":1,"instance":"x","dataplane":"bpf","problem":"","version":"0.1.0","applied_ms":7}'
	now=$(generation)
	fails 1 "not in time: generation $now is not applied by a; 'wm check' says more" "$WM" wait --synced --timeout 1
	"$WM" wait --synced --timeout 60 -j >"$DIR/waited" 3>&- &
	waiting=$!
	PIDS+=("$waiting")
	in_sync a
	wait "$waiting"
	jq -e --argjson now "$(generation)" '.generation == $now and .mesh == "172-30"' "$DIR/waited"
	"$WM" wait --synced | grep -qx "every gateway has applied generation $(generation)"
}

@test "wait: until the next change" {
	connected
	fails 1 'not in time: the mesh is still at generation' "$WM" wait --timeout 1
	"$WM" wait --timeout 60 >"$DIR/waited" 3>&- &
	waiting=$!
	PIDS+=("$waiting")
	for ((i = 0; i < 100; i++)); do # a change before it has asked is not one it waits for
		"$WM" add-site "s$i" >/dev/null
		kill -0 "$waiting" 2>/dev/null || break
		sleep 0.1
	done
	wait "$waiting"
	grep -qE '^the mesh is at generation [0-9]+ now$' "$DIR/waited"
	fails 2 "--timeout '0' must be a whole number from 1 to 86400" "$WM" wait --timeout 0
	fails 2 "--timeout '5s' must be" "$WM" wait --timeout 5s
}
