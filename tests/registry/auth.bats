#!/usr/bin/env bats
# Who may do what: roles, tokens, enrolments.
# time limit: 300 s

load registry

setup() {
	start
	mesh
}

@test "every refused token gets the same answer" {
	ok POST /v1/enrolments '{"kind":"gateway","name":"b","ttl":1}'
	expired=$(jq -r .token <<<"$BODY")
	revoked=$(new_token read old)
	ok GET /v1/tokens
	ok DELETE "/v1/tokens/$(jq '.tokens[0].id' <<<"$BODY")"
	for ((n = 0; n < LIMIT * 10; n++)); do # until it has expired
		TOKEN=$expired api POST /v1/enrol "{\"public_key\":\"$(key 1)\",\"domain\":\"none\"}"
		[ "$CODE" = 401 ] && break
		sleep 0.1
	done
	TOKEN= api GET /v1/sites
	problem 401
	grep -qi '^www-authenticate: bearer' "$D/head"
	first=$BODY
	for TOKEN in "$expired" "$revoked" nonsense "${ADMIN%?}" "${ADMIN}x" wma_ "$(own_token wma_ 1)" "$(own_token wmg_ 1)" \
		"$(printf 'x%.0s' {1..600})"; do
		for path in /v1/sites /v1/config /v1/changes /v1/whoami; do
			api GET $path
			code 401
			[ "$BODY" = "$first" ] || fails "other text for $TOKEN"
		done
	done
	TOKEN=$(printf 'x%.0s' {1..9000}) api GET /v1/sites
	[ "$CODE" = 431 ]
}

@test "the scheme must be Bearer" {
	TOKEN= api GET /v1/sites '' -H "Authorization: Basic $ADMIN"
	code 401
	TOKEN= api GET /v1/sites '' -H "Authorization: $ADMIN"
	code 401
	TOKEN= api GET /v1/sites '' -H "authorization: bearer $ADMIN"
	code 200
}

@test "a gateway sets its key and endpoint, and nothing else of itself" {
	TOKEN=$(new_token gateway hub)
	ok PATCH /v1/sites/hub "{\"public_key\":\"$(key 1)\",\"endpoint\":\"198.51.100.50:1234\"}"
	is .endpoint 198.51.100.50:1234
	ok PATCH /v1/sites/hub '{"is_hub":true}'
	ok DELETE '/v1/devices/laptop' '' || true
	unset TOKEN
	ok DELETE /v1/devices/laptop
	TOKEN=$(new_token gateway hub)
	api PATCH /v1/sites/hub '{"is_hub":false}'
	problem 403 is_hub
}

@test "a device sets its key, removes itself, and nothing else" {
	laptop=$(new_token device laptop)
	ok POST /v1/devices '{"name":"phone","type":"isolated"}'
	TOKEN=$laptop
	ok PATCH /v1/devices/laptop "{\"public_key\":\"$(key 3)\"}"
	is .public_key "$(key 3)"
	api PATCH /v1/devices/laptop '{"type":"isolated"}'
	problem 403 type
	api PATCH /v1/devices/laptop '{"wg_ip":"172.30.1.99"}'
	problem 403 wg_ip
	api DELETE /v1/devices/phone
	problem 403
	ok DELETE /v1/devices/laptop
	api GET /v1/whoami
	code 401
}

@test "tokens: made once, shown once, listed without secrets, ended by revoking" {
	ok POST /v1/tokens '{"role":"read","name":"monitor"}'
	code 201
	secret=$(jq -r .token <<<"$BODY")
	[[ $secret =~ ^wmr_[A-Za-z0-9_-]{43}$ ]]
	id=$(jq .id <<<"$BODY")
	ok GET /v1/tokens
	[[ $BODY != *"$secret"* ]]
	is '.tokens[0] | [.id, .role, .name, .last_used] | map(tostring) | join(" ")' "$id read monitor null"
	TOKEN=$secret api GET /v1/sites
	code 200
	ok GET /v1/tokens
	is '.tokens[0].last_used | fromdateiso8601 > 1600000000' true
	ok DELETE "/v1/tokens/$id"
	code 204
	TOKEN=$secret api GET /v1/sites
	code 401
	api DELETE "/v1/tokens/$id"
	problem 404
	api DELETE /v1/tokens/x
	problem 404
}

@test "bad wishes for tokens and enrolments are refused by name" {
	while IFS='|' read -r path want field body; do
		api POST "$path" "$body"
		problem "$want" "$field" || fails "for $path $body"
	done <<-EOT
		/v1/tokens|400|role|{"name":"x"}
		/v1/tokens|400|role|{"role":"root","name":"x"}
		/v1/tokens|400|role|{"role":"enrolment","name":"x"}
		/v1/tokens|400|name|{"role":"read"}
		/v1/tokens|400|name|{"role":"read","name":""}
		/v1/tokens|409|name|{"role":"gateway","name":"none"}
		/v1/tokens|409|name|{"role":"device","name":"none"}
		/v1/enrolments|400|kind|{"name":"b"}
		/v1/enrolments|400|kind|{"kind":"host","name":"b"}
		/v1/enrolments|409|name|{"kind":"gateway","name":"none"}
		/v1/enrolments|409|name|{"kind":"device","name":"none"}
		/v1/enrolments|400|ttl|{"kind":"gateway","name":"b","ttl":0}
		/v1/enrolments|400|ttl|{"kind":"gateway","name":"b","ttl":2592001}
		/v1/enrolments|400|ttl|{"kind":"gateway","name":"b","ttl":-1}
	EOT
}

@test "removing a site or device ends its tokens and enrolments" {
	gateway=$(new_token gateway b)
	ok POST /v1/enrolments '{"kind":"gateway","name":"b"}'
	enrolment=$(jq -r .token <<<"$BODY")
	ok DELETE '/v1/sites/b?cascade=1'
	TOKEN=$gateway api GET /v1/config
	code 401
	TOKEN=$enrolment api POST /v1/enrol "{\"public_key\":\"$(key 1)\"}"
	code 401
	ok POST /v1/sites '{"domain":"b"}'
	TOKEN=$gateway api GET /v1/config
	code 401
}

@test "a gateway joins with an enrolment and the token it made itself" {
	ok POST /v1/enrolments '{"kind":"gateway","name":"b"}'
	code 201
	enrolment=$(jq -r .token <<<"$BODY")
	[[ $enrolment =~ ^wme_[A-Za-z0-9_-]{43}$ ]]
	is .kind gateway
	is '.expires | fromdateiso8601 - now > 86000' true
	old=$(new_token gateway b)
	own=$(own_token wmg_ 1)
	TOKEN=$enrolment api POST /v1/enrol \
		"{\"public_key\":\"$(key 1)\",\"token\":\"$own\",\"endpoint\":\"198.51.100.99:51820\",\"domain\":\"b\",\"subnet\":\"172.30.2.0/24\",\"is_hub\":false}"
	code 201
	is .role gateway
	is .name b
	is .token "$own"
	TOKEN=$own api GET /v1/whoami
	is .name b
	TOKEN=$old api GET /v1/whoami
	code 401
	TOKEN=$enrolment api POST /v1/enrol "{\"public_key\":\"$(key 1)\",\"token\":\"$own\"}"
	code 401
	ok GET /v1/sites/b
	is .public_key "$(key 1)"
	is .endpoint 198.51.100.99:51820
}

# join SITE KEY CARRIER ADDRESS: its gateway enrols, and says so of the machine that carries it
join() {
	ok POST /v1/enrolments "{\"kind\":\"gateway\",\"name\":\"$1\"}"
	TOKEN=$(jq -r .token <<<"$BODY") api POST /v1/enrol "{\"public_key\":\"$(key "$2")\",\"carrier\":$3,\"carrier_ip\":$4}"
}
carriers() { # SITE: its hosts with their addresses
	ok GET /v1/hosts
	jq -r --arg site "$1" '[.hosts[] | select(.domain == $site) | .name + " " + .local_ip + " " + .type] | join(", ")' <<<"$BODY"
}

@test "the machine that carries a gateway becomes a host with it, once, and keeps no gateway out" {
	ok POST /v1/sites '{"domain":"box"}'
	join box 41 '"pve"' '"192.168.9.5"'
	code 201
	[ "$(carriers box)" = "pve 192.168.9.5 standard" ]
	# A gateway that enrols anew brings nothing: neither another one, nor what the operator has removed.
	join box 41 '"other"' '"192.168.9.6"'
	code 201
	[ "$(carriers box)" = "pve 192.168.9.5 standard" ]
	ok DELETE /v1/hosts/pve.box
	join box 41 '"pve"' '"192.168.9.5"'
	code 201
	[ "$(carriers box)" = "" ]
	join box 41 '"pve"' null
	code 400
	is .field carrier_ip
	join box 41 null '"192.168.9.5"'
	code 400
	is .field carrier
}

@test "a machine that cannot be a host, or whose name or address is taken, keeps no gateway out" {
	n=50
	for carrier in '"pve" "192.168.9.5"' '"pve" "192.168.9.6"' '"other" "192.168.9.5"' '"other" "127.0.0.1"' 'null null'; do
		n=$((n + 1))
		ok POST /v1/sites "{\"domain\":\"s$n\"}"
		ok POST /v1/hosts "{\"name\":\"pve\",\"domain\":\"s$n\",\"local_ip\":\"192.168.9.5\"}"
		join s$n $n $carrier
		code 201
		[ "$(carriers s$n)" = "pve 192.168.9.5 standard" ]
	done
}

@test "a device brings no host with it" {
	before=$(carriers b)
	ok POST /v1/enrolments '{"kind":"device","name":"laptop"}'
	TOKEN=$(jq -r .token <<<"$BODY") api POST /v1/enrol "{\"public_key\":\"$(key 5)\",\"carrier\":\"x\",\"carrier_ip\":\"192.168.9.7\"}"
	code 201
	[ "$(carriers b)" = "$before" ]
}

@test "a device joins, with a token that the registry makes" {
	ok POST /v1/enrolments '{"kind":"device","name":"laptop","ttl":600}'
	TOKEN=$(jq -r .token <<<"$BODY")
	api POST /v1/enrol "{\"public_key\":\"$(key 5)\"}"
	code 201
	is .role device
	own=$(jq -r .token <<<"$BODY")
	[[ $own =~ ^wmd_[A-Za-z0-9_-]{43}$ ]]
	TOKEN=$own api GET /v1/config
	code 200
	is 'select(.device) | .device.public_key' "$(key 5)"
}

@test "a new enrolment replaces an unused older one" {
	ok POST /v1/enrolments '{"kind":"gateway","name":"b"}'
	older=$(jq -r .token <<<"$BODY")
	ok POST /v1/enrolments '{"kind":"gateway","name":"b"}'
	newer=$(jq -r .token <<<"$BODY")
	ok POST /v1/enrolments '{"kind":"device","name":"laptop"}'
	ok POST /v1/enrolments '{"kind":"gateway","name":"hub"}'
	ok GET /v1/enrolments
	is '[.enrolments[] | .kind + " " + .name] | join(", ")' 'gateway b, gateway hub, device laptop'
	TOKEN=$older api POST /v1/enrol "{\"public_key\":\"$(key 1)\"}"
	code 401
	TOKEN=$newer api POST /v1/enrol "{\"public_key\":\"$(key 1)\"}"
	code 201
}

@test "a joining that is refused does not spend the enrolment" {
	ok POST /v1/enrolments '{"kind":"gateway","name":"b"}'
	TOKEN=$(jq -r .token <<<"$BODY")
	before=$(generation)
	while IFS='|' read -r want field body; do
		api POST /v1/enrol "$body"
		problem "$want" "$field" || fails "for $body"
	done <<-EOT
		400|public_key|{}
		400|public_key|{"public_key":"x"}
		409|public_key|{"public_key":"$(key 9)"}
		400|token|{"public_key":"$(key 1)","token":"secret"}
		400|token|{"public_key":"$(key 1)","token":"$(own_token wmd_ 1)"}
		400|token|{"public_key":"$(key 1)","token":"$(own_token wma_ 1)"}
		409|domain|{"public_key":"$(key 1)","domain":"hub"}
		409|subnet|{"public_key":"$(key 1)","subnet":"172.30.9.0/24"}
		409|is_hub|{"public_key":"$(key 1)","is_hub":true}
		400|endpoint|{"public_key":"$(key 1)","endpoint":"127.0.0.1:1"}
	EOT
	[ "$(generation)" = "$before" ]
	api POST /v1/enrol "{\"public_key\":\"$(key 1)\"}"
	code 201
}

@test "nobody takes over another's token" {
	hub=$(own_token wmg_ 7)
	ok POST /v1/enrolments '{"kind":"gateway","name":"hub"}'
	TOKEN=$(jq -r .token <<<"$BODY") api POST /v1/enrol "{\"public_key\":\"$(key 1)\",\"token\":\"$hub\"}"
	code 201
	ok POST /v1/enrolments '{"kind":"gateway","name":"b"}'
	TOKEN=$(jq -r .token <<<"$BODY") api POST /v1/enrol "{\"public_key\":\"$(key 2)\",\"token\":\"$hub\"}"
	problem 409 token
	TOKEN=$hub api GET /v1/whoami
	is .name hub
}

@test "64 use one enrolment at the same moment: one wins" {
	ok POST /v1/enrolments '{"kind":"gateway","name":"b"}'
	enrolment=$(jq -r .token <<<"$BODY")
	for n in {1..64}; do
		[ "$n" = 1 ] || echo next
		printf 'url = "%s/v1/enrol"\nheader = "Authorization: Bearer %s"\noutput = "%s"\nwrite-out = "%%{http_code}\\n"\n' \
			"$URL" "$enrolment" "$D/enrol.$n"
		printf 'data = "{\\"public_key\\":\\"%s\\",\\"token\\":\\"%s\\"}"\n' "$(key "$n")" "$(own_token wmg_ "$n")"
	done >"$D/64"
	curl -s -Z --parallel-immediate --parallel-max 64 -m "$LIMIT" -K "$D/64" | sort | uniq -c |
		awk '{ print $2 ":" $1 }' | xargs >"$D/codes"
	[ "$(cat "$D/codes")" = '201:1 401:63' ] || fails "$(cat "$D/codes")"
	won=$(cat "$D"/enrol.* | jq -r 'select(.role) | .token')
	TOKEN=$won api GET /v1/whoami
	is .name b
	ok GET /v1/tokens
	is '[.tokens[] | select(.role == "gateway")] | length' 1
}

@test "an admin registers a gateway that has no enrolment, its site too" {
	api POST /v1/enrol "{\"public_key\":\"$(key 1)\"}"
	problem 400 domain
	api POST /v1/enrol "{\"public_key\":\"$(key 1)\",\"domain\":\"new\",\"subnet\":\"172.30.40.0/24\",\"endpoint\":\"198.51.100.7:1\"}"
	code 201
	is .role gateway
	own=$(jq -r .token <<<"$BODY")
	ok GET /v1/sites/new
	is .subnet 172.30.40.0/24
	is .public_key "$(key 1)"
	TOKEN=$own api GET /v1/config
	code 200
	# again, with a new key: the old token ends
	api POST /v1/enrol "{\"public_key\":\"$(key 2)\",\"domain\":\"new\"}"
	code 201
	TOKEN=$own api GET /v1/config
	code 401
	api POST /v1/enrol "{\"public_key\":\"$(key 3)\",\"domain\":\"com\"}"
	problem 400 domain
}

@test "no token is ever written to the log or kept in the database" {
	secret=$(new_token gateway b)
	ok POST /v1/enrolments '{"kind":"gateway","name":"b"}'
	enrolment=$(jq -r .token <<<"$BODY")
	own=$(own_token wmg_ 4)
	TOKEN=$enrolment api POST /v1/enrol "{\"public_key\":\"$(key 1)\",\"token\":\"$own\"}"
	code 201
	TOKEN=$secret api DELETE /v1/sites/b
	stop
	[ -z "${PG_DIR-}" ] || { mkdir "$D/data" && pg_dump -h "$PG_DIR" -U wm "$DB" >"$D/data/dump"; }
	for token in "$ADMIN" "$secret" "$enrolment" "$own"; do
		run grep -rlF -- "$token" "$D/log" "$D/data"
		[ "$status" = 1 ] || fails "$output holds a token"
	done
	grep -q 'enrolment b: POST /v1/enrol: 201' "$D/log"
}

@test "nobody can fill the log, and nobody with a good token by long paths" {
	path=/v1/hosts/$(printf 'x%.0s' {1..63}).$(printf 'y%.0s' {1..63}) # as long as a name can be
	lines=$(wc -l <"$D/log")
	for token in '' wmr_wrong; do
		for method in POST DELETE PATCH PUT; do
			TOKEN=$token api $method "$path"
			[[ $CODE == 4?? ]]
			TOKEN=$token api $method "$path$path$path$path"
			[[ $CODE == 4?? ]]
		done
		TOKEN=$token api DELETE "$path"
		problem 401
	done
	[ "$(wc -l <"$D/log")" = "$lines" ]
	api DELETE "$path"
	problem 404
	[ "$(wc -l <"$D/log")" = $((lines + 1)) ]
	[[ $(tail -n 1 "$D/log") == *"admin master: DELETE ${path:0:100}: 404" ]]
}

# Enough bad tokens from there that more are too many.
storm() { # HEADER
	local bad n
	bad=$(for n in {1..130}; do
		printf 'GET /v1/whoami HTTP/1.1\\r\\nHost: x\\r\\nAuthorization: Bearer wmr_%d\\r\\n%s\\r\\n\\r\\n' "$n" "$1"
	done)
	raw "${bad}GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" >"$D/storm"
	grep -ao 'HTTP/1.1 4..' "$D/storm" | sort | uniq -c | xargs >"$D/counts"
}

# However slow this machine is, and however much time has forgiven since the storm.
told_to_wait() { # HEADER
	local n
	for n in {1..50}; do
		TOKEN=wmr_wrong api GET /v1/sites '' -H "$1"
		! code 429 2>"$D/other" || break
	done
	problem 429
}

@test "too many bad tokens from one address are told to wait, and nobody else is" {
	stop
	WITH=('CF_DOMAIN=wm-registry.example.com|0')
	start
	reader=$(new_token read monitor)
	storm 'CF-Connecting-IP: 203.0.113.5'
	read -r few _ code401 many _ code429 <"$D/counts"
	[ "$code401 $code429" = "401 429" ]
	[ $((few + many)) = 130 ]
	[ "$few" -ge 100 ]
	grep -aqi '^retry-after: [1-9]' "$D/storm"
	[ "$(grep -c '203.0.113.5: too many tokens' "$D/log")" = 1 ]

	# the same address with a good token, also with one that was just made
	api GET /v1/whoami '' -H 'CF-Connecting-IP: 203.0.113.5'
	code 200
	TOKEN=$reader api GET /v1/sites '' -H 'CF-Connecting-IP: 203.0.113.5'
	code 200
	told_to_wait 'CF-Connecting-IP: 203.0.113.5'
	# others behind the same tunnel, mistyping, are told what is wrong
	TOKEN=wmr_wrong api GET /v1/sites '' -H 'CF-Connecting-IP: 203.0.113.6'
	problem 401
	TOKEN=wmr_wrong api GET /v1/sites '' -H 'X-Forwarded-For: 203.0.113.5, 203.0.113.6'
	problem 401
	told_to_wait 'X-Forwarded-For: 203.0.113.6, 203.0.113.5'
	TOKEN=wmr_wrong api GET /v1/sites
	problem 401
	# who has none yet is no guesser
	TOKEN='' api GET /v1/sites '' -H 'CF-Connecting-IP: 203.0.113.5'
	problem 401
}
