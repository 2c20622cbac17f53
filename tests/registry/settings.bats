#!/usr/bin/env bats
# registry.env, the environment, and which of them counts.

load registry

# settings LINE...: the file that is read by itself
settings() {
	mkdir -p "$WM_ETC"
	printf '%s\n' "$@" >"$WM_ETC/registry.env"
	chmod 600 "$WM_ETC/registry.env"
}

# Nothing in the environment but what a line says: [NAME=VALUE]... -- ARGUMENT...
begin() {
	local given=()
	while [ "$1" != -- ]; do
		given+=("$1")
		shift
	done
	shift
	env "${CLEAN[@]}" -u WM_REGISTRY_TOKEN "${given[@]}" "$REGISTRY" serve "$@" 2>"$D/log" 3>&- &
	PID=$!
	echo "$PID" >>"$D/pids"
	await_log 'listening on '
	URL=$(sed -n 's/^listening on //p' "$D/log")
}

refused() { # RC PATTERN [NAME=VALUE]... -- ARGUMENT...
	local rc=0 want=$1 pattern=$2 out given=()
	shift 2
	while [ "$1" != -- ]; do
		given+=("$1")
		shift
	done
	shift
	out=$(env "${CLEAN[@]}" -u WM_REGISTRY_TOKEN "${given[@]}" timeout "$LIMIT" "$REGISTRY" serve --data "$D/none" \
		--listen 127.0.0.1:0 "$@" 2>&1 >/dev/null) || rc=$?
	[ "$rc" = "$want" ] && [[ $out == *$pattern* ]] && [ "$(wc -l <<<"$out")" = 1 ] && [ ! -e "$D/none" ] && return 0
	printf 'expected %s and %s\nexit code %s: %s\n' "$want" "$pattern" "$rc" "$out" >&2
	return 1
}

@test "everything the seed's service.env says is taken from registry.env, and nothing else is needed" {
	settings "WM_REGISTRY_TOKEN=\"$ADMIN\"" 'WM_MESH_SUPERNET=10.64.0.0/12             # overlay network range' \
		'WM_MESH_NAME="work"' 'CF_DOMAIN="wm-registry.example.com|0"   # Cloudflare tunnel' "WM_REGISTRY_DATA=$D/elsewhere"
	begin --
	[[ $URL == http://127.0.0.1:* ]]
	ok GET /v1/whoami
	is .mesh_name work
	is .supernet 10.64.0.0/12
	is .url https://wm-registry.example.com
	[ -e "$D/elsewhere/registry.db" ]
}

@test "without CF_DOMAIN nobody knows the public URL" {
	begin "WM_REGISTRY_TOKEN=$ADMIN" WM_REGISTRY_PORT=0 -- --data "$D/data"
	ok GET /v1/whoami
	is .url null
}

@test "MESH_SUPERNET is another name of WM_MESH_SUPERNET" {
	begin "WM_REGISTRY_TOKEN=$ADMIN" WM_REGISTRY_PORT=0 MESH_SUPERNET=10.64.0.0/12 -- --data "$D/data"
	ok GET /v1/whoami
	is .supernet 10.64.0.0/12
}

@test "options win over the file, the file over the environment" {
	settings "WM_REGISTRY_TOKEN=$ADMIN" WM_MESH_NAME=from-the-file WM_MESH_SUPERNET=10.64.0.0/12 WM_REGISTRY_PORT=0
	begin WM_MESH_NAME=from-the-environment WM_REGISTRY_TOKEN=another-token-0123456789 WM_REGISTRY_PORT=1 -- --data "$D/data" \
		--supernet 10.80.0.0/12
	ok GET /v1/whoami
	is .mesh_name from-the-file
	is .supernet 10.80.0.0/12
}

@test "--env-file is read instead of the one that is there" {
	settings nonsense
	printf 'WM_REGISTRY_TOKEN=%s\nWM_REGISTRY_PORT=0\nWM_MESH_NAME=mine\n' "$ADMIN" >"$D/mine.env"
	chmod 600 "$D/mine.env"
	begin -- --data "$D/data" --env-file "$D/mine.env"
	ok GET /v1/whoami
	is .mesh_name mine
}

@test "a file that others can read or write, or that is wrong, is refused" {
	settings "WM_REGISTRY_TOKEN=$ADMIN"
	for mode in 604 602 620 660; do
		chmod $mode "$WM_ETC/registry.env"
		refused 1 "chmod 600 $WM_ETC/registry.env" --
	done
	chmod 600 "$WM_ETC/registry.env"
	chown 12345 "$WM_ETC/registry.env"
	refused 1 "chown root $WM_ETC/registry.env" --
	chown 0 "$WM_ETC/registry.env"
	settings "WM_REGISTRY_TOKEN=$ADMIN" 'this is no setting'
	refused 2 "$WM_ETC/registry.env: line 2" --
	refused 1 "$D/missing.env" -- --env-file "$D/missing.env"
}

@test "a service's own group may read it" {
	settings "WM_REGISTRY_TOKEN=$ADMIN" WM_REGISTRY_PORT=0
	chmod 640 "$WM_ETC/registry.env"
	begin -- --data "$D/data"
	ok GET /v1/whoami
}

@test "settings that cannot be are refused before anything is made" {
	refused 2 'openssl rand -hex 32' --
	refused 2 'openssl rand -hex 32' WM_REGISTRY_TOKEN=generate-a-strong-random-token --
	refused 2 'openssl rand -hex 32' 'WM_REGISTRY_TOKEN=<long random text>' --
	for port in x 99999 -1 80a ''1''2''3''4''5''6; do
		refused 2 WM_REGISTRY_PORT "WM_REGISTRY_TOKEN=$ADMIN" "WM_REGISTRY_PORT=$port" --
	done
	for domain in '|8099' 'a b|8099' 'x.example|port' 'x.example|' 'https://x.example' 'x..example' '.' 'x.example.|1' 'x/y' \
		"$(printf 'a.%.0s' {1..200})a"; do
		refused 2 CF_DOMAIN "WM_REGISTRY_TOKEN=$ADMIN" "CF_DOMAIN=$domain" --
	done
	for rows in x 999 -1 1e6 1000000000000000; do
		refused 2 WM_REGISTRY_AUDIT_KEEP "WM_REGISTRY_TOKEN=$ADMIN" "WM_REGISTRY_AUDIT_KEEP=$rows" --
		refused 2 --audit-keep "WM_REGISTRY_TOKEN=$ADMIN" -- --audit-keep "$rows"
	done
	refused 2 'not a prefix' "WM_REGISTRY_TOKEN=$ADMIN" MESH_SUPERNET=10.0.0.1/8 --
}
