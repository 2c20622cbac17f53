#!/usr/bin/env bats
# The Debian packages where systemd runs: what is started, restarted and stopped by installing, upgrading and removing them.
# time limit: 900 s

load machine

setup_file() { packaging/deb "${B:-build}/deb"; }

setup() {
	world_up bookworm
	machine m bookworm 192.168.1.250
	mkdir -p "$DIR/m/up/root"
}
teardown() { rig_teardown; }

# package NAME [VERSION]: into /root of the machine, as that version
package() {
	local d=$DIR/unpacked
	dpkg-deb -R "${B:-build}/deb/$1"_*.deb "$d"
	sed -i "s/^Version: .*/Version: ${2:-0}/" "$d/DEBIAN/control"
	dpkg-deb --root-owner-group -b "$d" "$DIR/m/up/root/$1-${2:-0}.deb" >"$DIR/out"
	rm -r "$d"
}
installed() { on m dpkg -i "/root/$1-${2:-0}.deb"; }
main_pid() { on m systemctl show -P MainPID "$1"; }
token() { on m sed -n 's/^WM_REGISTRY_TOKEN=//p' /etc/wm/registry.env; }
ask() { # ask METHOD PATH [BODY]: the registry of the machine, by its operator
	on m curl -sS --fail-with-body -X "$1" -H "Authorization: Bearer $(token)" ${3:+-H 'Content-Type: application/json' -d "$3"} "http://127.0.0.1:8099$2"
}

@test "the registry serves once it is installed, is another program after an upgrade, and goes with its package" {
	package wm-registry
	package wm-registry 99.0
	package wm-registry 99.1
	switch_on m
	installed wm-registry
	until_true "$LIMIT" ask GET /health
	on m systemctl is-active wm-registry.service
	on m systemctl is-enabled wm-registry.service
	not on m systemctl is-enabled wm-registry.socket
	ask POST /v1/sites '{"domain":"a"}'
	[ "$(on m stat -c %a /var/lib/private/wm-registry)" = 700 ]
	secret=$(token)
	before=$(main_pid wm-registry)

	installed wm-registry 99.0
	until_true "$LIMIT" ask GET /v1/sites/a
	[ "$(main_pid wm-registry)" != "$before" ]
	[ "$(token)" = "$secret" ]

	# a socket that is in use listens on through an upgrade
	on m systemctl stop wm-registry.service
	on m systemctl enable --now wm-registry.socket
	until_true "$LIMIT" ask GET /v1/sites/a
	socket=$(on m systemctl show -P ActiveEnterTimestampMonotonic wm-registry.socket)
	installed wm-registry 99.1
	ask GET /v1/sites/a
	[ "$(on m systemctl show -P ActiveEnterTimestampMonotonic wm-registry.socket)" = "$socket" ]
	nothing_failed m

	on m dpkg -r wm-registry
	not on m systemctl is-active wm-registry.service
	not on m systemctl is-active wm-registry.socket
	on m test -s /var/lib/private/wm-registry/registry.db
	on m dpkg -P wm-registry
	on m test ! -e /etc/wm
	on m test ! -e /var/lib/private/wm-registry
	[ -z "$(on m find /etc/systemd /var/lib/systemd -name 'wm-*')" ]
	nothing_failed m
}

@test "a gateway waits for its settings, stays in force through an upgrade and a reboot, and goes with its package" {
	package wm-registry
	package wm-gateway
	package wm-gateway 99.0
	switch_on m
	installed wm-registry
	installed wm-gateway
	on m systemctl is-enabled wm-gateway.service
	not on m systemctl is-active wm-gateway.service
	nothing_failed m
	until_true "$LIMIT" ask GET /health
	ask POST /v1/sites '{"domain":"a"}'
	ask POST /v1/hosts '{"name":"web","domain":"a","local_ip":"192.168.1.1"}' # the world
	enrolment=$(ask POST /v1/enrolments '{"kind":"gateway","name":"a"}' | jq -er .token)
	(umask 077; printf '%s\n' SITE_DOMAIN=a WM_REGISTRY_URL=http://127.0.0.1:8099 LXC_IFACES=192.168.1.250 WM_INTERFACE=wg0 \
		"WM_REGISTRY_TOKEN=$enrolment" >"$DIR/m/env")
	on m tee /etc/wm/gateway.env <"$DIR/m/env" >"$DIR/out"
	on m systemctl start wm-gateway
	until_true "$LIMIT" on m wm-gateway status >"$DIR/status"
	before=$(main_pid wm-gateway)
	device=$(on m cat /sys/class/net/wg0/ifindex)
	rules=$(on m nft -s list ruleset)
	on m wm-gateway status -j | jq -e '.dataplane.name == "bpf"'
	in_world ip route add 172.30.0.0/16 via 192.168.1.250
	until_true "$LIMIT" in_world ping -q -c 1 -W 1 172.30.1.1 >"$DIR/out"

	pinging 172.30.1.1 installed wm-gateway 99.0
	until_true "$LIMIT" on m wm-gateway status >"$DIR/status"
	[ "$(main_pid wm-gateway)" != "$before" ]
	[ "$(on m cat /sys/class/net/wg0/ifindex)" = "$device" ]
	[ "$(on m nft -s list ruleset)" = "$rules" ]

	reboot_machine m
	until_true "$LIMIT" on m wm-gateway status >"$DIR/status"
	nothing_failed m

	# Further meshes: one that is switched on, one that was started by hand, one that is neither; none has a registry yet.
	for instance in two three four; do
		on m mkdir "/etc/wm/$instance"
		printf '%s\n' SITE_DOMAIN=b WM_REGISTRY_URL=http://127.0.0.1:9 LXC_IFACES=192.168.1.250 WM_DATAPLANE=nft WM_REGISTRY_TOKEN=none-of-a-test \
			"WM_INTERFACE=wg-$instance" | on m sh -c 'umask 077; cat >"/etc/wm/$0/gateway.env"' "$instance"
	done
	on m systemctl enable --now wm-gateway@two.service 2>"$DIR/out"
	on m systemctl start wm-gateway@three.service
	further() { for instance in two three four; do on m systemctl is-active "wm-gateway@$instance.service" || true; done | tr '\n' ' '; }
	[ "$(further)" = 'active active inactive ' ]
	before=$(main_pid wm-gateway@three)
	installed wm-gateway 99.0
	[ "$(further)" = 'active active inactive ' ]
	[ "$(main_pid wm-gateway@three)" != "$before" ]
	on m dpkg -r wm-gateway
	[ "$(further)" = 'inactive inactive inactive ' ]
	installed wm-gateway 99.0
	until_true "$LIMIT" on m wm-gateway status >"$DIR/status"
	[ "$(further)" = 'active inactive inactive ' ]

	on m dpkg -r wm-gateway
	not on m systemctl is-active wm-gateway.service
	on m test ! -e /sys/class/net/wg0
	[ -z "$(on m nft list tables)" ]
	on m test -s /etc/wm/private.key
	on m dpkg -P wm-gateway
	[ "$(on m ls /etc/wm)" = registry.env ]
	on m test ! -e /var/lib/wm
	[ -z "$(on m find /etc/systemd /var/lib/systemd -name 'wm-gateway*')" ]
	not on m test -e /etc/wm/two
	nothing_failed m
}
