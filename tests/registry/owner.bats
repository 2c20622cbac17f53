#!/usr/bin/env bats
# What root does in a directory that is somebody else's: nothing to files that lie elsewhere.

load registry

setup() {
	mkdir -m 700 "$D/theirs" "$D/elsewhere"
	chown 12345:12345 "$D/theirs"
	echo precious >"$D/elsewhere/victim"
}

# run_as VERB [ARGUMENT]...: RC and what it said in OUT
run_as() {
	RC=0
	OUT=$(env "${CLEAN[@]}" -u WM_REGISTRY_TOKEN timeout "$LIMIT" "$REGISTRY" "$@" 2>&1) || RC=$?
}

said() { # RC PATTERN...: how the last one ended, in one line
	local rc=$1 pattern
	shift
	[ "$RC" = "$rc" ] || { printf 'expected %s\nexit code %s: %s\n' "$rc" "$RC" "$OUT" >&2; return 1; }
	for pattern; do
		[[ $OUT == *"$pattern"* ]] || { printf 'expected: %s\nsaid: %s\n' "$pattern" "$OUT" >&2; return 1; }
	done
}

backup() { # FILE: of a small mesh
	start
	mesh
	run_as backup "$1" --data "$D/data"
	said 0 saved
	stop
}

owner() { stat -c %u "$1"; }

@test "the lock is made for the directory's owner, and what else has its name is left alone" {
	run_as restore "$D/missing" --data "$D/theirs"
	said 1 "$D/missing"
	[ "$(owner "$D/theirs/lock")" = 12345 ]
	for how in -s ''; do
		# shellcheck disable=SC2086
		ln -f $how "$D/elsewhere/victim" "$D/theirs/lock"
		run_as restore "$D/missing" --data "$D/theirs"
		said 1 "$D/theirs/lock is a link"
		[ "$(owner "$D/elsewhere/victim")" = 0 ]
		rm "$D/theirs/lock"
	done
	ln -s "$D/elsewhere/new" "$D/theirs/lock"
	run_as restore "$D/missing" --data "$D/theirs"
	said 1 "$D/theirs/lock is a link"
	[ ! -e "$D/elsewhere/new" ]
	rm "$D/theirs/lock"
	for make in mkfifo mkdir; do
		$make "$D/theirs/lock"
		run_as restore "$D/missing" --data "$D/theirs"
		said 1 "$D/theirs"
		rm -r "$D/theirs/lock"
	done
}

@test "a restore takes nothing away behind a link that has the name of its directory" {
	backup "$D/backup"
	for name in registry.db registry.db-wal registry.db-shm registry.db-journal lock; do
		echo precious >"$D/elsewhere/$name"
	done
	before=$(ls "$D/elsewhere")
	ln -s "$D/elsewhere" "$D/theirs/restoring"
	run_as restore "$D/backup" --data "$D/theirs"
	[ "$(ls "$D/elsewhere")" = "$before" ]
	[ "$(cat "$D/elsewhere"/* | sort -u)" = precious ]
	said 1 "$D/theirs/restoring is in the way"
	[ "$(ls "$D/theirs")" = $'lock\nrestoring' ]
	rm "$D/theirs/restoring"
	# nor what else is in one
	mkdir "$D/theirs/restoring"
	touch "$D/theirs/restoring/mine"
	run_as restore "$D/backup" --data "$D/theirs"
	said 1 "$D/theirs/restoring is in the way"
	[ -e "$D/theirs/restoring/mine" ]
	rm "$D/theirs/restoring/mine"
	run_as restore "$D/backup" --data "$D/theirs"
	said 0 restored
	[ "$(ls "$D/theirs")" = $'lock\nregistry.db' ]
	[ "$(owner "$D/theirs/registry.db")" = 12345 ]
}

# A mesh, killed so that its newest change lies beside it: $D/copy/registry.db and -wal
killed() {
	start
	mesh
	stop KILL
	[ -s "$D/data/registry.db-wal" ]
	mkdir "$D/copy"
	cp "$D/data/registry.db" "$D/data/registry.db-wal" "$D/copy"
}

@test "what lies beside a backup is no part of it" {
	backup "$D/backup"
	before=$(sqlite3 "$D/backup" 'SELECT group_concat(domain) FROM site')
	# a log that fits: the same database, in which somebody has removed all
	cp "$D/backup" "$D/copy.db"
	sqlite3 "$D/copy.db" >/dev/null <<-EOF
		PRAGMA journal_mode=WAL;
		PRAGMA wal_autocheckpoint=0;
		DELETE FROM host; DELETE FROM device; DELETE FROM site;
		.system cp $D/copy.db-wal $D/backup-wal
	EOF
	[ -s "$D/backup-wal" ]
	chmod 600 "$D/backup-wal" # as the backup's
	run_as restore "$D/backup" --data "$D/other"
	said 1 "$D/backup-wal was not made with $D/backup"
	[ "$(ls "$D/other")" = lock ]
	rm "$D/backup-wal"
	run_as restore "$D/backup" --data "$D/other"
	said 0 ': 2 sites'
	[ "$(sqlite3 "$D/other/registry.db" 'SELECT group_concat(domain) FROM site')" = "$before" ]
}

@test "of a copied database, only a log of the same owner and mode is taken" {
	killed
	wal=$D/copy/registry.db-wal
	chmod 600 "$D"/copy/*
	refused() {
		run_as restore "$D/copy/registry.db" --data "$D/other"
		said 1 "$wal was not made with" && [ "$(ls "$D/other")" = lock ]
	}
	chmod 644 "$wal"
	refused
	chmod 600 "$wal"
	chown 12345 "$wal"
	refused
	chown 0 "$wal"
	ln "$wal" "$D/twin"
	refused
	rm "$D/twin"
	mv "$wal" "$D/log"
	ln -s "$D/log" "$wal"
	refused
	rm "$wal"
	mkfifo "$wal"
	chmod 600 "$wal"
	refused
	rm "$wal"
	mv "$D/log" "$wal"
	run_as restore "$D/copy/registry.db" --data "$D/other"
	said 0 ': 2 sites, 2 hosts, 1 devices'
}

# old DIRECTORY: a mesh there, of an earlier schema, that a migration would change
old() {
	sqlite3 "$1/registry.db" <registry/migrations/0001_mesh.sql
	sqlite3 "$1/registry.db" "PRAGMA application_id=1464685127; PRAGMA user_version=1;
		INSERT INTO mesh VALUES (1, '0d9c9a1e-57a5-4fd8-9f10-000000000001', 1, 'old', 2887647232, 16);
		INSERT INTO change VALUES (1, 0, 'mesh', '', '{}')"
}

elsewhere() { (cd "$D/elsewhere" && find . -ls | sort && sha256sum -- *); }

@test "check, backup, migrate and renew do nothing to a database that somebody's link leads to" {
	old "$D/elsewhere"
	before=$(elsewhere)
	ln -s "$D/elsewhere/registry.db" "$D/theirs/registry.db"
	for verb in check migrate renew "backup $D/b"; do
		# shellcheck disable=SC2086
		run_as $verb --data "$D/theirs"
		said 1 "$D/theirs/registry.db is a link"
	done
	rm "$D/theirs/registry.db"
	[ "$(elsewhere)" = "$before" ]
	ln "$D/elsewhere/registry.db" "$D/theirs/registry.db"
	run_as migrate --data "$D/theirs"
	said 1 "$D/theirs/registry.db is a link"
	rm "$D/theirs/registry.db"
	[ "$(elsewhere)" = "$before" ]
	[ ! -e "$D/b" ]
	# in root's own a link leads where root wants it to
	mkdir "$D/mine"
	ln -s "$D/elsewhere/registry.db" "$D/mine/registry.db"
	run_as migrate --data "$D/mine"
	said 0 'from schema 1'
}

@test "nor to what a link beside a database leads to" {
	backup "$D/backup"
	cp "$D/backup" "$D/theirs/registry.db"
	chown 12345:12345 "$D/theirs/registry.db"
	before=$(elsewhere)
	for beside in wal shm journal; do
		ln -s "$D/elsewhere/victim" "$D/theirs/registry.db-$beside"
		for verb in check migrate renew "backup $D/b" "restore --force $D/backup"; do
			# shellcheck disable=SC2086
			run_as $verb --data "$D/theirs"
			[ "$(elsewhere)" = "$before" ] || { echo "$verb $beside: $OUT" >&2; false; }
		done
		rm -f "$D/theirs/registry.db-$beside" "$D/b"
	done
}

@test "what is done for somebody stays theirs, and can be done by a relative name" {
	old "$D/theirs"
	chown 12345:12345 "$D/theirs/registry.db"
	cd "$D"
	run_as migrate --data theirs
	said 0 "$D/theirs/registry.db: brought from schema 1"
	run_as backup copy --data ./theirs
	said 0 saved
	[ "$(owner copy)" = 0 ]
	run_as restore copy --data theirs --force
	said 0 restored
	run_as renew --data theirs
	said 0 'new instance'
	run_as check --data theirs
	said 0 'all is well'
	for file in theirs/*; do [ "$(owner "$file")" = 12345 ]; done
}

# meanwhile PROGRAM: the directory's owner runs it there, in perl, over and over
meanwhile() {
	env -C "$D/theirs" setpriv --reuid=12345 --regid=12345 --clear-groups perl -e "my \$e = '$D/elsewhere'; while (getppid() != 1) { $1 }" 3>&- &
	echo $! >>"$D/pids"
}

@test "who exchanges the database for a link all the time gains nothing" {
	old "$D/elsewhere"
	cp "$D/elsewhere/registry.db" "$D/theirs"
	chown 12345:12345 "$D/theirs/registry.db"
	ln -s "$D/elsewhere/registry.db" "$D/theirs/link"
	before=$(elsewhere)
	# shellcheck disable=SC2016
	done=0
	meanwhile 'my ($a, $b) = ("registry.db", "link"); syscall(316, -100, $a, -100, $b, 2)' # renameat2: they change places
	for n in {1..40}; do
		run_as migrate --data "$D/theirs"
		[ "$(elsewhere)" = "$before" ] || { echo "$n: $OUT" >&2; false; }
		[ "$RC" != 0 ] || done=$((done + 1))
	done
	[ "$done" -gt 0 ] # and of theirs it was done
}

@test "who exchanges the directory in which a restore makes ready gains nothing" {
	backup "$D/backup"
	old "$D/elsewhere"
	before=$(elsewhere)
	# shellcheck disable=SC2016
	meanwhile 'if (-l "restoring") { unlink "restoring" } elsif (-d "restoring") { rename "restoring", "taken" . $n++ and symlink $e, "restoring";
		select undef, undef, undef, 0.03 }'
	for n in {1..30}; do
		run_as restore "$D/backup" --data "$D/theirs" --force
		[ "$(elsewhere)" = "$before" ] || { echo "$n: $OUT" >&2; false; }
	done
	# some of them were caught in the act
	[ -n "$(ls -d "$D"/theirs/taken* 2>/dev/null)" ]
}

@test "a backup is not made where somebody else could lead it elsewhere, but for the data directory itself" {
	old "$D/theirs"
	chown 12345:12345 "$D/theirs/registry.db"
	mkdir -m 700 "$D/others"
	chown 23456:23456 "$D/others"
	for file in "$D/others/copy" "$D/./theirs/copy"; do
		run_as backup "$file" --data "$D/theirs"
		said 1 "the directory of the backup $file is somebody else's"
	done
	[ -z "$(ls "$D/others")" ]
	run_as migrate --data "$D/theirs"
	run_as backup "$D/theirs/copy" --data "$D/theirs"
	said 0 saved
	[ "$(ls "$D/theirs")" = $'copy\nlock\nregistry.db' ]
	# who is not root may write where root lets them
	mkdir "$D/open"
	chmod 777 "$D/open"
	start
	stop
	chown -R 12345:12345 "$D/data"
	chmod 755 "$D" # the directories above it nobody else may enter
	WM_ETC=/mnt/etc unshare -m sh -c 'mount --bind "$1" /mnt && exec setpriv --reuid=12345 --regid=12345 --clear-groups \
		"$2" backup /mnt/open/copy --data /mnt/data' sh "$D" "$REGISTRY"
	[ -s "$D/open/copy" ]
}

@test "a backup that is somebody's link is not followed where they could make it, and is elsewhere" {
	backup "$D/backup"
	ln -s "$D/backup" "$D/theirs/backup"
	run_as restore "$D/theirs/backup" --data "$D/other"
	said 1 "$D/theirs/backup is a link, in a directory that is somebody else's"
	ln -s "$D/backup" "$D/latest"
	run_as restore "$D/latest" --data "$D/other"
	said 0 restored
}
