#!/usr/bin/env bats
# Changes that come together are committed together: what that must not change. On SQLite; on PostgreSQL each is alone.
# bats file_tags=sqlite

load registry

at_once() { perl tests/registry/at_once.pl "${URL##*:}" "$PID" "$ADMIN" | tee "$D/answers"; }
got() { awk -v status="$1" -v what="${2-}" '$1 == status && index($0, what)' "$D/answers" | wc -l; }
commits() { curl -sS -m "$LIMIT" -H "Authorization: Bearer $ADMIN" "$URL/metrics" |
	sed -n 's/^wm_registry_handling_seconds_count{what="commit"} //p'; }

# A registry on a file system of its own on which nothing can be written any more. ROOM is what to remove for room.
start_full() {
	local n
	mkdir "$D/small"
	WITH=(unshare -m --propagation private sh -c "mount -t tmpfs -o size=1200k wm-test '$D/small' && exec \"\$@\"" sh)
	start --data "$D/small/data"
	ROOM=$D/small/ballast
	"$@"
	nsenter -t "$PID" -m dd if=/dev/zero of="$ROOM" bs=4k status=none 2>/dev/null || :
	for n in {1..500}; do # what was written before makes room for some
		api PATCH /v1/sites/a "{\"endpoint\":\"198.51.100.1:$n\"}"
		[ "$CODE" = 200 ] || break
	done
	problem 507
}

@test "many changes of one moment share a commit, and each is a change of its own" {
	start
	ok POST /v1/sites '{"domain":"a"}'
	before=$(commits) gen=$(generation)
	for n in {1..40}; do
		printf 'POST\t/v1/hosts\t{"name":"h%d","domain":"a","local_ip":"10.0.0.%d"}\n' "$n" "$n"
	done | at_once
	[ "$(got 201)" = 40 ]
	[ "$(commits)" -gt "$before" ]
	[ $(($(commits) - before)) -lt 10 ]
	[ "$(generation)" = $((gen + 40)) ]
	ok GET /v1/hosts
	is '[.hosts[].wg_ip] | unique | length' 40
	ok GET '/v1/audit?limit=40'
	is '[.audit[].generation] | unique | length' 40
}

@test "one that is refused takes nothing of the others with it, and readers see none of it" {
	start
	ok POST /v1/sites '{"domain":"a"}'
	gen=$(generation)
	for n in {1..10}; do
		printf 'POST\t/v1/hosts\t{"name":"h%d","domain":"a","local_ip":"10.0.0.%d"}\n' "$n" "$n"
		printf 'POST\t/v1/hosts\t{"name":"x%d","domain":"a","local_ip":"10.0.0.%d"}\n' "$n" "$n"
		printf 'DELETE\t/v1/hosts/none%d.a\n' "$n"
		printf 'GET\t/v1/whoami\n'
		printf 'GET\t/v1/hosts/h%d.a\n' "$n"
	done | at_once
	[ "$(got 201)" = 10 ]
	[ "$(got 409)" = 10 ]
	[ "$(got 404 DELETE)" = 10 ]
	# who looks meanwhile is shown nothing of what is not on disk
	[ "$(got 404 'GET /v1/hosts')" = 10 ]
	[ "$(got 200 "\"generation\":$gen,")" = 10 ]
	[ "$(generation)" = $((gen + 10)) ]
	# no address was left out for those that were refused
	ok GET /v1/hosts
	is '[.hosts[].wg_ip | split(".")[3] | tonumber] == [range(2; 12)]' true
	run "$REGISTRY" check --data "$D/data"
	[ "$status" = 0 ]
}

@test "a disk that is full when they are committed: each of them failed, and nothing is remembered of any" {
	prepare() {
		mesh
		ok POST /v1/sites '{"domain":"a"}'
		ok POST /v1/enrolments '{"kind":"gateway","name":"a"}'
		ENROLMENT=$(jq -r .token <<<"$BODY")
		REVOKED=$(new_token read monitor)
		ok PUT /v1/sites/b/status '{"generation":1,"dataplane":"bpf"}'
	}
	start_full prepare
	ok GET /v1/config
	IFS=$'\t' read -r gen mark instance < <(head -n 1 <<<"$BODY" | jq -r '.mesh | [.generation, .mark, .instance] | @tsv')
	curl -sS -m "$LIMIT" -H "Authorization: Bearer $ADMIN" -o /dev/null -w '%{http_code}' \
		"$URL/v1/config?after=$gen&wait=60" >"$D/waited" 3>&- &
	waiting=$! said=$(wc -l <"$D/log")
	ok GET /v1/tokens
	id=$(jq -r '.tokens[] | select(.name == "monitor") | .id' <<<"$BODY")
	{
		for n in {1..8}; do
			printf 'POST\t/v1/hosts\t{"name":"h%d","domain":"a","local_ip":"10.0.0.%d"}\n' "$n" "$n"
			printf 'GET\t/v1/hosts/h%d.a\n' "$n"
		done
		printf 'DELETE\t/v1/sites/b?cascade=1\n'
		printf 'DELETE\t/v1/tokens/%s\n' "$id"
		printf 'GET\t/v1/whoami\t\t%s\n' "$REVOKED"
		printf 'POST\t/v1/tokens\t{"role":"read","name":"never"}\n'
		printf 'PUT\t/v1/sites/hub/status\t{"generation":1,"preshared":true}\n' # of it that is kept
		printf 'PUT\t/v1/sites/a/status\t{"generation":1}\n'
		printf 'POST\t/v1/enrol\t{"public_key":"%s"}\t%s\n' "$(key 7)" "$ENROLMENT"
	} | at_once
	[ "$(got 507)" = 13 ]
	[ "$(got 204 PUT)" = 1 ]
	[ "$(got 404 'GET /v1/hosts')" = 8 ]
	[ "$(got 200 whoami)" = 1 ]
	[ "$(grep -c 'is full; nothing was changed' "$D/answers")" = 13 ]
	[ "$(grep -c wmr_ "$D/answers")" = 0 ]
	[ "$(generation)" = "$gen" ]
	[ "$(sed 1,"$said"d "$D/log" | grep -c ': 20[0-9]$')" = 0 ]
	[ "$(sed 1,"$said"d "$D/log" | grep -c ': 507$')" = 13 ]
	ok GET /v1/status
	# what a gateway said of itself was said; who removed one did not
	is '[.sites[].domain] | join(",")' 'a,b,hub'
	kill -0 "$waiting" # nobody woke it
	[ ! -s "$D/waited" ]
	nsenter -t "$PID" -m rm "$ROOM"
	TOKEN=$ENROLMENT ok POST /v1/enrol "{\"public_key\":\"$(key 7)\"}"
	wait "$waiting"
	[ "$(cat "$D/waited")" = 200 ]
	# what comes next follows on what was there before
	api GET "/v1/changes?instance=$instance&after=$gen&mark=$mark"
	code 200
	ok POST /v1/hosts '{"name":"h1","domain":"a","local_ip":"10.0.0.1"}'
	is '.wg_ip | endswith(".2")' true
	ok DELETE '/v1/sites/b?cascade=1'
	ok GET /v1/status
	is '[.sites[].domain] | join(",")' 'a,hub'
}

@test "64 use one enrolment in one moment: one wins" {
	start
	ok POST /v1/sites '{"domain":"a"}'
	ok POST /v1/enrolments '{"kind":"gateway","name":"a"}'
	token=$(jq -r .token <<<"$BODY")
	for n in {1..64}; do
		printf 'POST\t/v1/enrol\t{"public_key":"%s"}\t%s\n' "$(key "$n")" "$token"
	done | at_once
	[ "$(got 201)" = 1 ]
	[ "$(got 401)" = 63 ]
}

@test "a token that is revoked is refused as soon as that is answered" {
	start
	ok POST /v1/sites '{"domain":"a"}'
	for n in {1..5}; do
		token=$(new_token admin "t$n")
		ok GET /v1/tokens
		id=$(jq -r ".tokens[] | select(.name == \"t$n\") | .id" <<<"$BODY")
		{
			printf 'POST\t/v1/hosts\t{"name":"h%d","domain":"a","local_ip":"10.0.0.%d"}\n' "$n" "$n"
			printf 'DELETE\t/v1/tokens/%s\n' "$id"
		} | at_once
		[ "$(got 204)" = 1 ]
		TOKEN=$token api GET /v1/whoami
		problem 401
	done
}
