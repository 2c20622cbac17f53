#!/usr/bin/env bats
# Who may do what: every route x every role x one's own and another's.
# time limit: 240 s

load registry

LIST=${B:-build}/tests/registry/test_routes

# One row for each route at least; what stands in its path is site b's and laptop's, unless the row is about nobody's.
# Bodies are refused as bad by who is let in: 400, so that nobody changes what the next one meets.
#
#   none: without a token; gw: of site b; gw2: of the hub; dev: laptop; dev2: phone; iso: sensor, which is isolated;
#   join: an enrolment of the hub
matrix() {
	cat <<'END'
# method path                  body               none admin read gw  gw2 dev dev2 iso join
GET    /health                 -                  200  200   200  200 200 200 200  200 200
GET    /                       -                  200  200   200  200 200 200 200  200 200
GET    /web/none               -                  404  404   404  404 404 404 404  404 404
GET    /openapi.yaml           -                  200  200   200  200 200 200 200  200 200
GET    /setup                  -                  200  200   200  200 200 200 200  200 200
GET    /setup/none             -                  404  404   404  404 404 404 404  404 404
GET    /v1/downloads           -                  200  200   200  200 200 200 200  200 200
GET    /downloads/none         -                  404  404   404  404 404 404 404  404 404
GET    /config                 -                  401  200   200  403 403 200 200  403 403
GET    /v1/mesh                -                  401  200   200  403 403 200 200  403 403
GET    /v1/config              -                  401  200   200  200 200 200 200  200 403
GET    /v1/changes             -                  401  410   410  410 410 410 410  410 403
GET    /v1/whoami              -                  401  200   200  200 200 200 200  200 403
GET    /v1/status              -                  401  200   200  403 403 200 200  403 403
GET    /metrics                -                  401  200   200  403 403 403 403  403 403
GET    /v1/sites               -                  401  200   200  403 403 403 403  403 403
POST   /v1/sites               {}                 401  400   403  403 403 403 403  403 403
GET    /v1/sites/b             -                  401  200   200  403 403 403 403  403 403
PATCH  /v1/sites/b             []                 401  400   403  400 403 403 403  403 403
DELETE /v1/sites/b             -                  401  409   403  409 403 403 403  403 403
PUT    /v1/sites/b/status      {"generation":1}   401  204   403  204 403 403 403  403 403
GET    /v1/hosts               -                  401  200   200  403 403 403 403  403 403
POST   /v1/hosts               {}                 401  400   403  403 403 403 403  403 403
GET    /v1/hosts/nas.b         -                  401  200   200  403 403 403 403  403 403
PATCH  /v1/hosts/nas.b         []                 401  400   403  403 403 403 403  403 403
DELETE /v1/hosts/none.b        -                  401  404   403  403 403 403 403  403 403
GET    /v1/devices             -                  401  200   200  403 403 403 403  403 403
POST   /v1/devices             {}                 401  400   403  403 403 403 403  403 403
GET    /v1/devices/laptop      -                  401  200   200  403 403 403 403  403 403
PATCH  /v1/devices/laptop      []                 401  400   403  403 403 400 403  403 403
DELETE /v1/devices/none        -                  401  404   403  403 403 403 403  403 403
GET    /v1/audit               -                  401  200   200  403 403 403 403  403 403
POST   /v1/undo                []                 401  400   403  403 403 403 403  403 403
GET    /v1/export              -                  401  200   200  403 403 403 403  403 403
POST   /v1/import              []                 401  400   403  403 403 403 403  403 403
GET    /v1/enrolments          -                  401  200   403  403 403 403 403  403 403
DELETE /v1/enrolments/gateway/b -                 401  404   403  403 403 403 403  403 403
DELETE /v1/enrolments/device/laptop -             401  404   403  403 403 403 403  403 403
POST   /v1/enrolments          {}                 401  400   403  403 403 403 403  403 403
POST   /v1/enrol               {}                 401  400   403  403 403 403 403  403 400
GET    /v1/tokens              -                  401  200   403  403 403 403 403  403 403
POST   /v1/tokens              {}                 401  400   403  403 403 403 403  403 403
DELETE /v1/tokens/999          -                  401  404   403  403 403 403 403  403 403
END
}

setup() {
	start
	mesh
	ok POST /v1/devices '{"name":"phone"}'
	ok POST /v1/devices '{"name":"sensor","type":"isolated"}'
	declare -gA tokens=([none]= [admin]=$(new_token admin ops) [read]=$(new_token read monitor) [gw]=$(new_token gateway b)
		[gw2]=$(new_token gateway hub) [dev]=$(new_token device laptop) [dev2]=$(new_token device phone)
		[iso]=$(new_token device sensor))
	ok POST /v1/enrolments '{"kind":"gateway","name":"hub"}'
	tokens[join]=$(jq -r .token <<<"$BODY")
}

@test "every route has its row" {
	run "$LIST" --list
	[ "$status" = 0 ]
	[ "${#lines[@]}" -gt 20 ]
	printf '%s\n' "${lines[@]}" | while read -r method path _; do
		matrix | sed 's/?[^ ]*//' | awk -v m="$method" -v p="^${path//\{\}/[^/]+}\$" '$1 == m && $2 ~ p { n++ } END { exit !n }' ||
			fails "no row for $method $path"
	done
	# And no row is about what is not there.
	[ "$(matrix | grep -vc '^#')" = "${#lines[@]}" ]
}

@test "every role gets what its row says, and what it may not do changes nothing" {
	local roles=(none admin read gw gw2 dev dev2 iso join) method path body want before
	matrix | grep -v '^#' >"$D/matrix"
	before=$(generation)
	while read -r method path body want; do
		[ "$body" != - ] || body=
		set -- $want
		[ $# = 9 ] || fails "the row of $method $path has $# columns"
		for role in "${roles[@]}"; do
			TOKEN=${tokens[$role]} api "$method" "$path" "$body"
			[ "$CODE" = "$1" ] || fails "$role: $method $path: expected $1"
			[ "$CODE" -lt 400 ] || problem "$CODE" "$(jq -r '.field // ""' <<<"$BODY")"
			shift
		done
	done <"$D/matrix"
	[ "$(generation)" = "$before" ]
}

@test "who may, does: one's own is changed and removed" {
	TOKEN=${tokens[gw]} ok PATCH /v1/sites/b '{"endpoint":"198.51.100.77:51820"}'
	TOKEN=${tokens[dev]} ok PATCH /v1/devices/laptop "{\"public_key\":\"$(key 44)\"}"
	TOKEN=${tokens[dev2]} api DELETE /v1/devices/laptop
	problem 403
	TOKEN=${tokens[dev]} ok DELETE /v1/devices/laptop
	TOKEN=${tokens[dev]} api GET /v1/whoami
	problem 401
	TOKEN=${tokens[join]} api POST /v1/enrol "{\"public_key\":\"$(key 45)\"}"
	code 201
	TOKEN=${tokens[gw2]} api GET /v1/whoami # an older token of the hub's gateway
	problem 401
}

@test "a gateway deregisters its own site with its hosts; a hub's not the devices" {
	TOKEN=${tokens[gw2]} api DELETE '/v1/sites/b?cascade=1'
	problem 403
	TOKEN=${tokens[gw2]} api DELETE '/v1/sites/hub?cascade=1'
	problem 409
	[[ $BODY == *"device 'laptop'"* ]]
	TOKEN=${tokens[gw]} ok DELETE '/v1/sites/b?cascade=1'
	ok GET /v1/hosts
	is '[.hosts[] | select(.domain == "b")] | length' 0
	TOKEN=${tokens[gw]} api GET /v1/whoami
	problem 401
}

@test "a roaming device may look at the mesh, but not at LANs nor at who talks with whom; an isolated one may not" {
	ok PUT /v1/sites/hub/status '{"generation":1,"dataplane":"bpf","problem":"192.168.1.99 is nobody","dataplane_note":"lan0 has 192.168.1.250","peers":[{"kind":"device","name":"laptop","endpoint":"203.0.113.9:4000"}]}'
	ok PATCH /v1/hosts/nas.b '{"mac":"02:00:00:00:00:01"}'
	TOKEN=${tokens[dev]} ok GET /config
	not grep -qE '192\.168\.|10\.0\.0\.5|02:00:00|wm[a-z]_' <<<"$BODY"
	is '.hosts[] | select(.name == "nas") | .local_ip' null
	is '.hosts[] | select(.name == "nas") | .mac' null
	[ "$(jq -r '.hosts[] | select(.name == "nas").wg_ip' <<<"$BODY")" = "$(api GET /v1/hosts/nas.b && jq -r .wg_ip <<<"$BODY")" ]
	TOKEN=${tokens[dev]} ok GET /config
	is '[.devices[].name] | sort | join(" ")' 'laptop phone sensor'
	is '[.sites[] | select(.preshared_key)] | length' 0
	TOKEN=${tokens[dev]} ok GET /v1/status
	is '.sites[0].problem' 'one that only an operator is shown'
	not grep -qF 192.168. <<<"$BODY"
	is '.sites[0].peers | length' 0
	is '.sites[0].hosts | length' 0
	ok GET /v1/status
	is '.sites[0].peers | length' 1
	TOKEN=${tokens[dev]} ok GET /v1/mesh
	not grep -qE '192\.168\.|10\.0\.0\.5|02:00:00|wm[a-z]_' <<<"$BODY"
	[ "$(grep -c '^{"host":' <<<"$BODY")" = 2 ]
	[ "$(grep -c '^{"device":' <<<"$BODY")" = 3 ]
	# what it follows stays what it was: itself
	TOKEN=${tokens[dev]} ok GET /v1/config
	[ "$(grep -c '^{"device":' <<<"$BODY")" = 1 ]
	[ "$(grep -c '^{"host":' <<<"$BODY")" = 0 ]
	# isolated from now on: at once
	ok PATCH /v1/devices/laptop '{"type":"isolated"}'
	for path in /config /v1/mesh /v1/status; do
		TOKEN=${tokens[dev]} api GET $path
		problem 403
	done
	ok PATCH /v1/devices/laptop '{"type":"roaming"}'
	TOKEN=${tokens[dev]} ok GET /config
}
