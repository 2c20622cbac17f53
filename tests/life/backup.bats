#!/usr/bin/env bats
# A gateway in one file: written, read back whole or not at all.

load rig

setup() {
	life_setup
	become
}
teardown() { life_teardown; }

@test "backup and restore: the same gateway on an empty machine" {
	cp "$BATS_TEST_FILENAME" "$WM_ETC/release.pub" # any text
	run gw backup "$DIR/b"
	[ "$output" = "wrote $DIR/b" ]
	[ "$(stat -c %a "$DIR/b")" = 600 ]
	gw backup >"$DIR/by-pipe"
	cmp "$DIR/b" "$DIR/by-pipe"
	cp -a "$WM_ROOT" "$DIR/was"
	gw uninstall
	rm -r "$WM_ETC" "$WM_STATE"
	run gw restore "$DIR/b"
	lines
	[ "$status" = 0 ]
	for file in etc/wm/private.key etc/wm/gateway.env etc/wm/release.pub var/lib/wm/token; do
		cmp "$WM_ROOT/$file" "$DIR/was/$file"
		[ "$(stat -c "%a %U" "$WM_ROOT/$file")" = "$([ "$file" = etc/wm/release.pub ] && echo 644 root || echo 600 root)" ]
	done
	run gw restore "$DIR/b"
	[ "$output" = 'nothing to do' ]
	run gw install
	[ "$status" = 0 ]
	[[ $output != *registered* ]]
}

@test "restore: from standard input; --dry-run changes nothing" {
	gw backup "$DIR/b"
	rm "$WM_ETC/private.key"
	tree >"$DIR/before"
	run gw restore --dry-run "$DIR/b"
	[[ $output == *"would create $WM_ETC/private.key"* ]]
	tree | diff "$DIR/before" -
	forget
	on "$BUILT/wm-gateway" restore - <"$DIR/b"
	[ -s "$WM_ETC/private.key" ]
	# What runs has the old key in it until it is started anew.
	[ "$(changed)" = 'systemctl restart wm-gateway' ]
}

@test "restore: another gateway's key is replaced only when that is wanted" {
	gw backup "$DIR/b"
	on "$BUILT/wm-gateway" destroy --yes --keep-site
	WM_REGISTRY_TOKEN=$MASTER gw install SITE_DOMAIN=other "WM_REGISTRY_URL=$URL"
	tree >"$DIR/before"
	run gw restore "$DIR/b"
	[ "$status" = 1 ]
	[[ $output == *"another gateway's key"*--yes* ]]
	tree | diff "$DIR/before" -
	gw restore --yes "$DIR/b"
	grep -qx SITE_DOMAIN=a "$WM_ETC/gateway.env"
}

@test "restore: cut off, changed or foreign: refused whole" {
	gw backup "$DIR/b"
	rm -r "$WM_ETC" "$WM_STATE"
	tree >"$DIR/before"
	size=$(stat -c %s "$DIR/b")
	refused() {
		run gw restore "$DIR/bad"
		echo "$1: $output"
		[ "$status" = 1 ]
		[[ $output == *'nothing was changed'* ]]
		tree | diff "$DIR/before" -
	}
	for ((n = 0; n < size; n += 23)); do
		head -c "$n" "$DIR/b" >"$DIR/bad"
		refused "first $n bytes"
	done
	sed 's/^private.key 45/private.key 44/' "$DIR/b" >"$DIR/bad"; refused length
	sed 's/^private.key 45/private.key 99999999999999999999/' "$DIR/b" >"$DIR/bad"; refused huge
	sed 's/^private.key 45/private.key -1/' "$DIR/b" >"$DIR/bad"; refused negative
	sed 's/^token /..\/..\/token /' "$DIR/b" >"$DIR/bad"; refused path
	sed 's/^wmg_/wma_/' "$DIR/b" >"$DIR/bad"; refused token
	sed 's/^SITE_DOMAIN=a/SITE_DOMAIN=-/' "$DIR/b" >"$DIR/bad"; refused domain
	sed 's/backup 1/backup 2/' "$DIR/b" >"$DIR/bad"; refused version
	{ cat "$DIR/b"; echo more; } >"$DIR/bad"; refused more
	sed 's/^[A-Za-z0-9+\/]\{43\}=$/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=/' "$DIR/b" >"$DIR/bad"; refused 'no key'
	head -c 100 /dev/zero >"$DIR/bad"; refused zeroes
}

@test "backup: nothing that is no backup is overwritten; nothing to be backed up is said" {
	echo precious >"$DIR/precious"
	run gw backup "$DIR/precious"
	[ "$status" = 1 ]
	[ "$(cat "$DIR/precious")" = precious ]
	run gw backup "$DIR/no/such/place"
	[ "$status" = 1 ]
	[[ $output == *"$DIR/no/such/place: cannot write it"* ]]
	run gw backup -i lab "$DIR/b"
	[ "$status" = 1 ]
	[[ $output == *'no gateway here to be backed up'* ]]
	run on script -qec "$BUILT/wm-gateway backup" /dev/null </dev/null
	[[ $output == *'not shown on a terminal'* ]]
}
