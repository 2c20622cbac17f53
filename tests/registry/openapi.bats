#!/usr/bin/env bats
# docs/openapi.yaml says what is served, and what is served is as it says: every route, every status, every schema.
# time limit: 120 s

load registry

OPENAPI=$BATS_TEST_DIRNAME/openapi

@test "every route is in the document, and nothing else is" {
	"${B:-build}/tests/registry/test_routes" --list >"$D/routes"
	"$OPENAPI" routes <"$D/routes"
	# It can fail: a route more, a route less, a public one that is not, a parameter more.
	for change in '$a GET /v1/secret -' '/whoami/d' 's|^GET /v1/status -|GET /v1/status public|' 's|^GET /v1/export .*|&secret|'; do
		sed "$change" "$D/routes" | not "$OPENAPI" routes 2>"$D/said"
		grep -q 'secret\|whoami\|status\|export' "$D/said"
	done
}

@test "every documented status is seen, and every answer is as its schema says" {
	mkdir "$D/pub"
	echo something >"$D/pub/a.bin"
	start --downloads "$D/pub"
	mesh
	"$OPENAPI" drive "$URL" "$ADMIN"
}

