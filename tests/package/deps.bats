#!/usr/bin/env bats
# scripts/deps.sh: what it installs, and that it leaves no service behind; with stand-ins for the package manager.

# `! command` in the middle of a test does not fail it.
not() { ! "$@"; }

setup() {
	cd "$BATS_TEST_DIRNAME/../.."
	D=$BATS_TEST_TMPDIR
	mkdir "$D/bin"
	export D
	stand_in dpkg-query 'exit 1' # nothing is there
	# What packages ask before they start their services.
	stand_in apt-get 'if [ -x /usr/sbin/policy-rc.d ]; then /usr/sbin/policy-rc.d "lxc-net" start; echo "lxc-net: $?"; /usr/sbin/policy-rc.d cron start; echo "cron: $?"; fi >>$D/policy'
	stand_in systemctl :
}

stand_in() { # stand_in NAME COMMANDS
	printf '#!/bin/sh\necho "%s $*" >>"$D/calls"\n%s\n' "$1" "$2" >"$D/bin/$1"
	chmod 755 "$D/bin/$1"
}

# deps GROUP...: on a machine of its own, as far as deps.sh writes to it; $BEFORE is run there first
deps() {
	unshare --mount --propagation private sh -euc '
		mkdir -p "$D/over"
		mount -t tmpfs none "$D/over"
		for at in usr/sbin etc run; do
			mkdir -p "$D/over/$at-up" "$D/over/$at-work"
			mount -t overlay -o "lowerdir=/$at,upperdir=$D/over/$at-up,workdir=$D/over/$at-work" none "/$at"
		done
		mkdir -p /run/systemd/system
		rm -f /usr/sbin/policy-rc.d
		eval "$BEFORE"
		PATH=$D/bin:$PATH
		scripts/deps.sh "$@"
		ls /usr/sbin/policy-rc.d /etc/postgresql-common/createcluster.d/wm-no-cluster.conf >"$D/left" 2>/dev/null || :
	' sh "$@" </dev/null 3>&-
}

@test "the demo brings no service, and only what the tests have too" {
	scripts/deps.sh --list demo | sort >"$D/demo"
	scripts/deps.sh --list test | sort >"$D/test"
	[ -s "$D/demo" ]
	[ -z "$(comm -23 "$D/demo" "$D/test")" ]
	not grep -E '^(lxc|dnsmasq|postgresql.*|nftables-.*)$' "$D/demo"
	make -n demo | grep -qx 'scripts/deps.sh demo'
	not grep -q 'deps.sh test' <(make -n demo)
}

@test "lxc is installed without being started, now or at boot, and no other service is kept from it" {
	BEFORE= deps test
	grep -q '^apt-get install .* lxc' "$D/calls"
	[ "$(cat "$D/policy")" = 'lxc-net: 101
cron: 0' ]
	[ "$(tail -n 1 "$D/calls")" = 'systemctl --quiet disable --now lxc-net lxc' ]
	[ ! -s "$D/left" ]
}

@test "a policy of the machine's own stays as it is; what it has let start is stopped" {
	BEFORE='printf "#!/bin/sh\n" >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d' deps test
	[ "$(head -n 1 "$D/policy")" = 'lxc-net: 0' ]
	[ "$(tail -n 1 "$D/calls")" = 'systemctl --quiet disable --now lxc-net lxc' ]
	[ "$(cat "$D/left")" = /usr/sbin/policy-rc.d ]
}

@test "where lxc is not installed, nothing of it is touched" {
	BEFORE= deps demo
	[ ! -s "$D/policy" ]
	not grep -q systemctl "$D/calls"
	[ ! -s "$D/left" ]
}
