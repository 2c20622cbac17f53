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
