#!/usr/bin/env bats
# What was done, and taking back the last of it.
# time limit: 300 s

load registry

setup() {
	start
	mesh
}

# What there is, without what tells when it was made so.
whole() { curl -sS -m "$LIMIT" -H "Authorization: Bearer $ADMIN" "$URL/config" | jq -Sc '[.mesh_name, .supernet, .sites, .hosts, .devices]'; }

audit() { # FILTER: of the newest entry
	ok GET '/v1/audit?limit=1'
	jq -rc ".audit[0] | $1" <<<"$BODY"
}

@test "audit: every write of objects, newest first: who, what, before, after" {
	gen=$(generation)
	TOKEN=$(new_token gateway b) ok PATCH /v1/sites/b '{"endpoint":"198.51.100.200:51820"}'
	[ "$(audit '[.who, .what, .kind, .name, .generation, .before.endpoint, .after.endpoint] | join(" ")')" = \
		"gateway b change site b $((gen + 1)) 198.51.100.2:51820 198.51.100.200:51820" ]
	[ "$(audit '.at | fromdateiso8601 > 1600000000')" = true ]
	ok DELETE /v1/hosts/nas.b
	[ "$(audit '[.who, .what, .kind, .name, .before.local_ip, .after] | map(. // "-") | join(" ")')" = \
		'admin master remove host nas.b 192.168.1.10 -' ]
	ok POST /v1/devices '{"name":"phone"}'
	[ "$(audit '[.what, .kind, .name, .before, .after.name, .after.wg_ip] | map(. // "-") | join(" ")')" = \
		'add device phone - phone 172.30.1.4' ]
	ok PATCH /v1/devices/phone '{"type":"roaming"}' # as it is: no change
	[ "$(audit .what)" = add ]
	ok GET '/v1/audit'
	is '[.audit[].seq] | . == (sort | reverse)' true
	is '[.audit[-1] | .what, .kind, .after.mesh_name] | join(" ")' 'create mesh home'
}

@test "audit: tokens and enrolments come and go in it, without their secrets, hashes or a generation" {
	secret=$(new_token read monitor)
	[ "$(audit '[.what, .kind, .name, .generation, .before, .after.role] | map(. // "-") | join(" ")')" = \
		'add token monitor - - read' ]
	id=$(audit .after.id)
	ok DELETE "/v1/tokens/$id"
	[ "$(audit '[.what, .kind, .name, .before.id, .after] | map(. // "-") | join(" ")')" = "remove token monitor $id -" ]
	ok POST /v1/enrolments '{"kind":"gateway","name":"b"}'
	first=$(jq -r .token <<<"$BODY")
	[ "$(audit '[.what, .kind, .name, .after.kind] | join(" ")')" = 'add enrolment b gateway' ]
	ok POST /v1/enrolments '{"kind":"gateway","name":"b"}' # takes the place of the first
	second=$(jq -r .token <<<"$BODY")
	ok GET '/v1/audit?limit=2'
	is '[.audit[] | .what + " " + .kind] | join(", ")' 'add enrolment, remove enrolment'
	TOKEN=$second ok POST /v1/enrol "{\"public_key\":\"$(key 5)\",\"token\":\"$(own_token wmg_ 3)\"}"
	ok GET '/v1/audit?limit=3'
	is '[.audit[] | .what + " " + .kind + " " + .name] | join(", ")' 'enrol site b, add token b, change site b'
	is '.audit[0].who' 'enrolment b'
	is '[.audit[].generation] | unique | length' 1
	ok POST /v1/enrolments '{"kind":"gateway","name":"b"}'
	ok DELETE '/v1/sites/b?cascade=1'
	ok GET '/v1/audit?limit=4'
	is '[.audit[] | .what + " " + .kind] | join(", ")' 'remove site, remove enrolment, remove token, remove host'
	ok GET '/v1/audit?limit=1000'
	for hidden in "$secret" "$first" "$second" "$(own_token wmg_ 3)"; do
		[[ $BODY != *"$hidden"* && $BODY != *"${hidden#*_}"* ]]
	done
	is '[.. | objects | keys[] | select(. == "hash" or . == "token")] | length' 0
}

@test "audit: a token's label accuses nobody else" {
	longest=$(printf '%063d' 0)
	for label in master 'ops (token 1)' "$longest"; do
		ok POST /v1/tokens "$(jq -nc --arg name "$label" '{$name, role: "admin"}')"
		id=$(jq .id <<<"$BODY")
		TOKEN=$(jq -r .token <<<"$BODY") ok PATCH /v1/hosts/nas.b "{\"local_ip\":\"192.168.3.$((id + 10))\"}"
		[ "$(audit '[.who, .what] | join(", ")')" = "admin $label (token $id), change" ]
		grep -qF "admin $label (token $id): PATCH /v1/hosts/nas.b: 200" "$D/log"
	done
	ok DELETE /v1/hosts/nas.b
	[ "$(audit .who)" = 'admin master' ]
}

@test "audit: in parts, from where the last ended; its limits; who may" {
	ok GET '/v1/audit?limit=1000'
	all=$(jq -c '[.audit[].seq]' <<<"$BODY")
	got='[]' before=
	while ok GET "/v1/audit?limit=2${before:+&before=$before}" && [ "$(jq '.audit | length' <<<"$BODY")" != 0 ]; do
		got=$(jq -c --argjson got "$got" '$got + [.audit[].seq]' <<<"$BODY")
		before=$(jq '.audit[-1].seq' <<<"$BODY")
	done
	[ "$got" = "$all" ]
	for n in $(seq 1 60); do ok PATCH /v1/hosts/nas.b "{\"local_ip\":\"192.168.2.$n\"}"; done
	ok GET /v1/audit
	is '.audit | length' 50
	for bad in limit=1001 limit=x before=-1; do
		api GET "/v1/audit?$bad"
		problem 400 "${bad%=*}"
	done
	TOKEN=$(new_token read monitor) ok GET /v1/audit
	is '.audit[0] | [.kind, .name] | join(" ")' 'token monitor'
	TOKEN=$(new_token gateway b) api GET /v1/audit
	problem 403
	TOKEN=$(new_token read monitor) api POST /v1/undo
	problem 403
}

@test "audit: one that an earlier registry wrote is read" {
	stop
	sql "ALTER TABLE site DROP COLUMN preshared; ALTER TABLE mesh DROP COLUMN secret;
		DROP INDEX audit_of_generation; UPDATE audit SET generation = 5 WHERE generation = 0;
		INSERT INTO audit (at, who, what, kind, name, generation) VALUES (1700000000, 'admin master', 'add', 'token', 'x', 7)"
	if [ -n "${PG_DIR-}" ]; then sql 'DROP TABLE report; UPDATE wm_registry SET schema = 2'; else sql 'PRAGMA user_version = 3'; fi
	start
	[ "$(audit '[.at, .what, .kind, .name, .generation, .before, .after] | map(. // "-") | join(" ")')" = \
		'2023-11-14T22:13:20Z add token x - - -' ]
	ok GET /v1/audit
	is '[.audit[] | select(.kind == "host") | .generation] | min > 1' true
}

@test "audit: as many rows as are wanted are kept, the oldest go in steps, and never the last change's" {
	stop
	rows() { # N: of what changed long ago
		sql "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
			INSERT INTO audit (at, who, what, kind, name, generation) SELECT 1700000000, 'admin master', 'add', 'token', 'x' || i, 0 FROM n"
	}
	rows 3000
	start
	ok PATCH /v1/hosts/nas.b '{"type":"isolated"}'
	first=$(sql 'SELECT min(id) FROM audit')
	stop
	start --audit-keep 1000
	[ "$(sql 'SELECT min(id) FROM audit')" = "$first" ]
	ok PATCH /v1/hosts/nas.b '{"type":"standard"}'
	[ "$(sql 'SELECT min(id) FROM audit')" = $((first + 1024)) ]
	for type in isolated standard isolated standard; do ok PATCH /v1/hosts/nas.b "{\"type\":\"$type\"}"; done
	[ "$(sql 'SELECT count(*) FROM audit')" -lt 1256 ]
	[ "$(audit '[.name, .after.type] | join(" ")')" = 'nas.b standard' ]
	# from then on, when there are 256 more
	for n in $(seq 256); do
		ok PATCH /v1/hosts/nas.b "{\"local_ip\":\"192.168.2.$((n % 250 + 1))\"}"
		[ $((n % 32)) != 0 ] || counts+=" $(sql 'SELECT count(*) FROM audit')"
	done
	[ "$(tr ' ' '\n' <<<"$counts" | sort -n | tail -n 1)" -lt 1256 ]
	[ "$(tr -s ' ' '\n' <<<"$counts" | sed /^$/d | sort -n | head -n 1)" -ge 1000 ]
	# what undo needs stays, however much has come since
	stop
	rows 3000
	start --audit-keep 1000
	secret=$(new_token read monitor)
	[ "$(sql 'SELECT min(generation) FROM audit WHERE generation > 0')" = "$(generation)" ]
	ok POST /v1/undo
	is '.changes | length' 1
	stop
	start --audit-keep 1000
	for type in isolated standard isolated; do ok PATCH /v1/hosts/nas.b "{\"type\":\"$type\"}"; done
	[ "$(sql 'SELECT count(*) FROM audit')" -lt 1256 ]
	stop
	run "$REGISTRY" check --data "$D/data"
	[ "$status" = 0 ]
}

# undoes: the last change is taken back, and that again; what there is is $BEFORE, then as it was.
undoes() {
	local after gen
	after=$(whole)
	gen=$(generation)
	ok POST '/v1/undo?dry_run=1'
	is .undone "$gen"
	dry=$(jq -c .changes <<<"$BODY")
	[ "$(whole)" = "$after" ]
	[ "$(generation)" = "$gen" ]
	ok POST /v1/undo
	code 200
	is .undone "$gen"
	is .generation $((gen + 1))
	[ "$(jq -c .changes <<<"$BODY")" = "$dry" ]
	[ "$(whole)" = "$BEFORE" ]
	ok POST /v1/undo "{\"generation\":$((gen + 1))}"
	is .generation $((gen + 2))
	[ "$(whole)" = "$after" ]
}

@test "undo: whatever the last change was, and undoing that does it again" {
	for request in 'POST /v1/hosts {"name":"new","domain":"b","local_ip":"192.168.1.77"}' \
		'PATCH /v1/hosts/nas.b {"local_ip":"192.168.1.12","mac":null,"type":"isolated","wg_ip":"172.30.2.99"}' \
		'DELETE /v1/hosts/nas.b' 'POST /v1/sites {"domain":"c","subnet":"172.30.64.0/20"}' \
		'PATCH /v1/sites/b {"endpoint":null}' "POST /v1/devices {\"name\":\"phone\",\"public_key\":\"$(key 4)\"}" \
		'PATCH /v1/devices/laptop {"type":"isolated","public_key":null}' 'DELETE /v1/devices/phone' \
		'DELETE /v1/sites/hub?cascade=1' 'DELETE /v1/sites/b?cascade=1'; do
		read -r method path body <<<"$request"
		BEFORE=$(whole)
		ok "$method" "$path" "$body"
		undoes
	done
}

@test "undo says what it did, in the audit too" {
	ok PATCH /v1/hosts/nas.b '{"type":"isolated"}'
	gen=$(generation)
	ok POST /v1/undo
	is '.changes | length' 1
	is '.changes[0] | [.what, .kind, .name, .before.type, .after.type] | join(" ")' 'change host nas.b isolated standard'
	is .notice null
	ok GET '/v1/audit?limit=2'
	is '[.audit[] | [.who, .what, .kind, .name, .generation] | join(" ")] | join(", ")' \
		"admin master undo mesh  $((gen + 1)), admin master change host nas.b $((gen + 1))"
	ok DELETE /v1/hosts/nas.b
	ok POST /v1/undo
	is '.changes[0] | [.what, .before, .after.local_ip] | map(. // "-") | join(" ")' 'add - 192.168.1.10'
	ok POST /v1/undo
	is '.changes[0] | [.what, .before.local_ip, .after] | map(. // "-") | join(" ")' 'remove 192.168.1.10 -'
}

@test "undo: tokens of a site that comes back do not, and the answer says so" {
	gateway=$(new_token gateway b)
	ok DELETE '/v1/sites/b?cascade=1'
	ok POST /v1/undo
	is '.notice | contains("enrol")' true
	is '[.changes[].name] | join(" ")' 'b nas.b'
	TOKEN=$gateway api GET /v1/whoami
	problem 401
	ok GET /v1/tokens
	is '.tokens | length' 0
}

@test "409: not the last change; nothing known of it; what came between holds its place" {
	gen=$(generation)
	ok PATCH /v1/hosts/nas.b '{"type":"isolated"}'
	api POST /v1/undo "{\"generation\":$gen}"
	problem 409
	api POST /v1/undo "{\"generation\":$((gen + 9))}"
	problem 409
	api POST /v1/undo '{"generation":"x"}'
	problem 400 generation
	api POST /v1/undo '{"generation":0}'
	problem 400 generation
	api POST '/v1/undo?dry_run=1' '{"generation": 0 }'
	problem 400 generation
	api POST /v1/undo '{'
	problem 400
	[ "$(generation)" = $((gen + 1)) ]
	stop
	sql "DELETE FROM audit WHERE generation = $((gen + 1))"
	start
	api POST /v1/undo
	problem 409
	stop
	start --mesh-name other
	api POST /v1/undo
	problem 409
	[[ $BODY == *'was started'* ]]
	stop
	start
	ok POST /v1/undo '{"generation":null}'
	ok GET /config
	is .mesh_name home
}

@test "undo of a hub that became one, and of the first change" {
	stop
	empty
	start
	api POST /v1/undo
	problem 409
	ok POST /v1/sites '{"domain":"a"}'
	BEFORE=$(whole)
	ok PATCH /v1/sites/a '{"is_hub":true}'
	undoes
	ok POST /v1/devices '{"name":"phone"}'
	BEFORE=$(whole)
	ok DELETE '/v1/sites/a?cascade=1'
	undoes
}

@test "followers are told of an undo like of any change" {
	ok DELETE /v1/hosts/nas.b
	gen=$(generation)
	ok POST /v1/undo
	api GET "/v1/changes?instance=$(curl -sS -H "Authorization: Bearer $ADMIN" "$URL/v1/whoami" | jq -r .instance)&after=$gen"
	code 200
	is 'select(.host) | .host.name' nas
	is 'select(.end) | .end.count' 1
}
