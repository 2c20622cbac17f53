#!/usr/bin/env bats
# backup, restore, migrate, check: what an operator does with the data.
# time limit: 300 s

load registry

# run_as VERB [ARGUMENT]...: RC and what it said in OUT
run_as() {
	RC=0
	OUT=$(env "${CLEAN[@]}" -u WM_REGISTRY_TOKEN timeout "$LIMIT" "$REGISTRY" "$@" 2>&1) || RC=$?
}

said() { # RC PATTERN...: how the last one ended
	local rc=$1 pattern
	shift
	[ "$RC" = "$rc" ] || { printf 'expected %s\nexit code %s: %s\n' "$rc" "$RC" "$OUT" >&2; return 1; }
	for pattern; do
		[[ $OUT == *"$pattern"* ]] || { printf 'expected: %s\nsaid: %s\n' "$pattern" "$OUT" >&2; return 1; }
	done
}

# All that a mesh is but for its instance.
dump() { # FILE
	sqlite3 "$1" "SELECT generation, name, supernet FROM mesh; SELECT * FROM site; SELECT * FROM host; SELECT * FROM device;
		SELECT id, hash, role FROM token; SELECT hash, expires FROM enrolment; SELECT * FROM change"
}

instance() { sqlite3 "$1" 'SELECT instance FROM mesh'; }

@test "a backup while it is served is put back elsewhere: the same mesh, another instance" {
	start
	mesh
	reader=$(new_token read monitor)
	run_as backup "$D/backup" --data "$D/data"
	said 0 "saved mesh 'home', generation 7: 2 sites, 2 hosts, 1 devices"
	[ "$(stat -c %a "$D/backup")" = 600 ]
	[ "$(ls "$D"/backup*)" = "$D/backup" ]
	ok POST /v1/sites '{"domain":"later"}'
	stop

	run_as restore "$D/backup" --data "$D/other"
	said 0 'restored mesh' 'its instance is new'
	[ "$(ls "$D/other")" = $'lock\nregistry.db' ]
	[ "$(dump "$D/other/registry.db")" = "$(dump "$D/backup")" ]
	[ "$(instance "$D/other/registry.db")" != "$(instance "$D/backup")" ]
	[ "$(sqlite3 "$D/other/registry.db" "SELECT what, kind FROM audit ORDER BY id DESC LIMIT 1")" = 'restore|mesh' ]
	start --data "$D/other"
	TOKEN=$reader ok GET /v1/sites
	is '.sites | length' 2
	# who followed the old one is told to take all of it
	api GET "/v1/changes?instance=$(instance "$D/backup")&after=2"
	problem 410
	ok GET "/v1/config?instance=$(instance "$D/backup")&after=99"
	grep -q '"domain":"b"' <<<"$BODY"
}

@test "a backup under writers is one moment of the mesh" {
	start
	ok POST /v1/sites '{"domain":"a","subnet":"172.30.16.0/20"}'
	for w in 1 2 3; do
		(
			for n in {1..250}; do
				[ ! -e "$D/enough" ] || exit 0
				curl -sS -o /dev/null -m 5 -H "Authorization: Bearer $ADMIN" -d \
					"{\"name\":\"w${w}h$n\",\"domain\":\"a\",\"local_ip\":\"10.$w.0.$n\"}" "$URL/v1/hosts"
			done
		) 3>&- &
		echo $! >>"$D/pids"
	done
	for n in {1..5}; do
		run_as backup "$D/backup$n" --data "$D/data"
		said 0 saved
		run_as restore "$D/backup$n" --data "$D/restored$n"
		said 0 restored
		run_as check --data "$D/restored$n"
		said 0 'all is well'
		hosts=$(sqlite3 "$D/restored$n/registry.db" 'SELECT count(*) FROM host')
		[ "$(sqlite3 "$D/restored$n/registry.db" 'SELECT generation FROM mesh')" = $((hosts + 3)) ]
		[ "$hosts" -ge "${least:-0}" ]
		least=$hosts
	done
	touch "$D/enough"
	[ "$least" -gt 0 ]
}

@test "a backup replaces nothing unless told to, and needs something to save" {
	start
	stop
	echo precious >"$D/there"
	run_as backup "$D/there" --data "$D/data"
	said 1 "$D/there is there already" --force
	[ "$(cat "$D/there")" = precious ]
	run_as backup "$D/there" --data "$D/data" --force
	said 0 saved
	[ "$(instance "$D/there")" = "$(instance "$D/data/registry.db")" ]
	run_as backup "$D/no/such/dir" --data "$D/data"
	said 1 "$D/no/such/dir"
	run_as backup "$D/b" --data "$D/nothing"
	said 1 "$D/nothing/registry.db"
	[ ! -e "$D/nothing" ]
	[ ! -e "$D/b" ]
	for args in backup 'backup a b' restore 'migrate x' 'check x'; do
		# shellcheck disable=SC2086
		run_as $args --data "$D/data"
		said 2 'write: wm-registry'
	done
	run_as bakcup "$D/b" --data "$D/data"
	said 2 "there is no 'bakcup'" backup
	run_as --data "$D/data"
	said 2 'what is to be done'
}

@test "a full disk leaves no half backup" {
	start
	mesh
	mkdir "$D/small"
	RC=0
	OUT=$(unshare -m --propagation private sh -c "mount -t tmpfs -o size=24k wm-test '$D/small' && \"\$@\"; rc=\$?; ls '$D/small'; exit \$rc" \
		sh "$REGISTRY" backup "$D/small/backup" --data "$D/data" 2>&1) || RC=$?
	said 1 'the disk is full'
	[ "$(wc -l <<<"$OUT")" = 1 ]
	ok GET /v1/sites
}

@test "a restore replaces only when told to, keeps what was there, and not under a server" {
	start
	mesh
	run_as backup "$D/backup" --data "$D/data"
	said 0 saved
	ok POST /v1/sites '{"domain":"later"}'
	run_as restore "$D/backup" --data "$D/data" --force
	said 1 'another wm-registry serves'
	run_as migrate --data "$D/data"
	said 1 'another wm-registry serves'
	stop KILL # its newest changes are not in the file yet, but beside it
	[ -s "$D/data/registry.db-wal" ]
	run_as restore "$D/backup" --data "$D/data"
	said 1 'there is a database already' --force
	run_as restore "$D/backup" --data "$D/data" --force
	said 0 restored 'is kept as'
	[ "$(dump "$D/data/registry.db")" = "$(dump "$D/backup")" ]
	kept=$(ls "$D"/data/registry.db.before-*)
	[ "$(sqlite3 "$kept" 'SELECT count(*) FROM site')" = 3 ]
	start
	ok GET /v1/sites
	is '.sites | length' 2
	stop
	# and back again
	run_as restore "$kept" --data "$D/data" --force
	said 0 ': 3 sites'
}

@test "a copy of the files of a server that was killed is as good as a backup" {
	start
	mesh
	stop KILL
	[ -s "$D/data/registry.db-wal" ]
	mkdir "$D/copy"
	cp "$D/data/registry.db" "$D/data/registry.db-wal" "$D/copy"
	run_as restore "$D/copy/registry.db" --data "$D/other"
	said 0 '2 sites, 2 hosts, 1 devices'
	[ "$(ls "$D/copy")" = $'registry.db\nregistry.db-wal' ]
}

@test "what is no whole backup is refused, and nothing is changed" {
	start
	mesh
	for n in {1..200}; do
		ok POST /v1/hosts "{\"name\":\"h$n\",\"domain\":\"b\",\"local_ip\":\"10.0.0.$n\"}"
	done
	stop
	run_as backup "$D/good" --data "$D/data"
	said 0 saved
	before=$(sha256sum "$D/data/registry.db")

	refuse() { # PATTERN...: $D/bad
		run_as restore "$D/bad" --data "$D/data" --force
		said 1 "$@" || return 1
		[ "$(ls "$D/data")" = $'lock\nregistry.db' ] || return 1
		[ "$(sha256sum "$D/data/registry.db")" = "$before" ]
	}
	broken() { # SQL PATTERN...: a backup in which somebody did this
		cp "$D/good" "$D/bad"
		sqlite3 "$D/bad" "PRAGMA ignore_check_constraints=ON; $1" || return 1
		shift
		refuse "$@"
	}

	run_as restore "$D/missing" --data "$D/new"
	said 1 "$D/missing"
	[ ! -e "$D/new" ]
	run_as restore "$D/missing" --data "$D/data" --force
	said 1 "$D/missing"
	run_as restore "$D" --data "$D/data" --force
	said 1 'is not a file'
	head -c 100000 /dev/urandom >"$D/bad"
	refuse 'is not a database'
	: >"$D/bad"
	refuse 'not of wm-registry'
	head -c 50000 "$D/good" >"$D/bad"
	refuse "$D/"
	cp "$D/good" "$D/bad"
	sqlite3 "$D/bad" 'PRAGMA application_id=1'
	refuse 'not of wm-registry'
	broken 'PRAGMA user_version=9999' newer
	broken "DELETE FROM site WHERE domain = 'b'" 'table host refers to something that is not there'
	broken "UPDATE host SET overlay = 1 WHERE name = 'nas'" "host 'nas.b'"
	broken "UPDATE host SET name = 'a b' WHERE name = 'nas'" 'a name that cannot be'
	broken "UPDATE host SET local = 2130706433 WHERE name = 'nas'" "host 'nas.b'"
	broken "UPDATE host SET name = 'laptop' WHERE domain = 'hub'" "device 'laptop' and a host"
	broken "UPDATE device SET overlay = (SELECT overlay FROM host WHERE name = 'web')" "device 'laptop'"
	broken "UPDATE site SET public_key = (SELECT public_key FROM device) WHERE domain = 'b'" "site 'b'"
	broken "UPDATE site SET subnet = subnet + 16, len = 28 WHERE domain = 'b'; UPDATE site SET len = 16 WHERE domain = 'hub'" 'overlap'
	broken "UPDATE mesh SET generation = generation + 1" 'its log of changes at'
	broken "DELETE FROM change WHERE generation > 5" 'its log of changes at'
	# an index that does not have what its table has
	cp "$D/good" "$D/bad"
	sqlite3 "$D/bad" "PRAGMA writable_schema=ON; DELETE FROM sqlite_schema WHERE name = 'change_of_object'"
	refuse damaged
}

@test "a damaged database is found, and a backup takes its place" {
	start
	mesh
	for n in {1..200}; do
		ok POST /v1/hosts "{\"name\":\"h$n\",\"domain\":\"b\",\"local_ip\":\"10.0.0.$n\"}"
	done
	run_as backup "$D/backup" --data "$D/data"
	said 0 saved
	run_as check --data "$D/data"
	said 0 '2 sites, 202 hosts, 1 devices' 'all is well'
	stop
	size=$(stat -c %s "$D/data/registry.db")
	for ((at = 8192; at < size; at += 8192)); do
		head -c 512 /dev/urandom | dd of="$D/data/registry.db" bs=1 seek=$at conv=notrunc status=none
	done
	run_as check --data "$D/data"
	[ "$RC" = 1 ]
	[[ $OUT == *damaged* ]]
	run_as backup "$D/another" --data "$D/data"
	[ "$RC" = 1 ]
	[ ! -e "$D/another" ]
	[ -z "$(ls "$D" | grep part)" ]
	run_as restore "$D/backup" --data "$D/data" --force
	said 0 'restored' 'is kept as'
	run_as check --data "$D/data"
	said 0 'all is well'
}

@test "a restore that was cut off changes nothing, and the next one succeeds" {
	start
	mesh
	run_as backup "$D/backup" --data "$D/data"
	stop
	mkdir "$D/data/restoring"
	echo half >"$D/data/restoring/registry.db"
	echo half >"$D/data/restoring/registry.db-wal"
	start
	ok GET /v1/sites
	is '.sites | length' 2
	stop
	run_as restore "$D/backup" --data "$D/data" --force
	said 0 restored
	[ ! -e "$D/data/restoring" ]
}

@test "migrate says from where to where, once" {
	mkdir "$D/data"
	sqlite3 "$D/data/registry.db" <registry/migrations/0001_mesh.sql
	sqlite3 "$D/data/registry.db" "PRAGMA application_id=1464685127; PRAGMA user_version=1;
		INSERT INTO mesh VALUES (1, '0d9c9a1e-57a5-4fd8-9f10-000000000001', 1, 'old', 2887647232, 16);
		INSERT INTO change VALUES (1, 0, 'mesh', '', '{}')"
	newest=$(ls registry/migrations/*.sql | wc -l)
	run_as check --data "$D/data"
	said 1 "its schema is 1, this wm-registry knows $newest" 'wm-registry migrate'
	cp -r "$D/data" "$D/served"
	run_as migrate --data "$D/data"
	said 0 "from schema 1 to $newest"
	run_as migrate --data "$D/data"
	said 0 "schema $newest, nothing to do"
	run_as check --data "$D/data"
	said 0 "mesh 'old', generation 1" 'all is well'
	start --data "$D/served"
	ok GET /v1/whoami
	is .mesh_name old
	run_as migrate --data "$D/nothing"
	said 1 "$D/nothing/registry.db"
	[ ! -e "$D/nothing" ]
}

@test "a database without a mesh in it is found to be wrong" {
	start
	stop
	sqlite3 "$D/data/registry.db" 'DELETE FROM mesh'
	run_as check --data "$D/data"
	said 1 'problem: there is no mesh in it' '1 found to be wrong'
}

@test "settings say where the data is" {
	start
	stop
	mkdir -p "$WM_ETC"
	(umask 077; echo "WM_REGISTRY_DATA=$D/data" >"$WM_ETC/registry.env")
	run_as check
	said 0 "$D/data/registry.db: all is well"
}
