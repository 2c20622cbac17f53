#!/usr/bin/env bats
# The Debian packages: made from the sources, without a word from lintian, installed, upgraded, removed and purged.
# time limit: 900 s

load machine

setup_file() { packages_begin; }

setup() {
	D=$BATS_TEST_TMPDIR
	mkdir "$D/shared"
	cp "$BIN"/deb/*.deb "$D/shared"
}

@test "three packages, of the version that the programs say" {
	cd "$BIN/deb"
	run ls -- *.deb
	version=$("$BIN/wm" --version | cut -d ' ' -f 2)
	arch=$(dpkg --print-architecture)
	[ "$output" = "$(printf '%s\n' "wm-gateway_${version}_$arch.deb" "wm-registry_${version}_$arch.deb" "wm_${version}_$arch.deb")" ]
}

@test "lintian finds no error and gives no warning" {
	run lintian --allow-root --fail-on error,warning "$BIN"/deb/*.changes
	echo "$output"
	[ "$status" = 0 ]
}

@test "what they are built with is what scripts/deps.sh brings along, but what every build has" {
	sed -n '/^Build-Depends:/,/^$/s/^ \([a-z0-9-]*\).*/\1/p' "$ROOT/packaging/debian/control" | grep -v '^d\(ebhelper-compat\|h-sequence\)' | sort >"$D/control"
	"$ROOT/scripts/deps.sh" --list build | grep -vx 'gcc\|make\|libc6-dev\|linux-libc-dev' | sort >"$D/deps"
	diff "$D/control" "$D/deps"
}

@test "nothing is made anew where nothing has changed" {
	before=$(stat -c %i "$BIN"/deb/*.deb)
	"$ROOT/packaging/deb" "$BIN/deb"
	[ "$(stat -c %i "$BIN"/deb/*.deb)" = "$before" ]
}

@test "packages of another version are replaced, and nothing else in that directory is touched" {
	cp -R "$ROOT/packaging" "$ROOT/Makefile" "$D"
	mkdir "$D/bin" "$D/out" "$D/out/wm_0.0.1_all.deb.d" "$D"/{README.md,COPYING,bpf,cli,docs,registry,scripts,setup,tests,bench,userspace}
	# What would take minutes: it leaves packages beside the sources, as the real one does.
	cat >"$D/bin/dpkg-buildpackage" <<'EOT'
#!/bin/sh
for name in wm_9.9_all.deb wm-gateway_9.9_all.deb wm_9.9_all.changes wm_9.9_all.buildinfo; do echo new >../$name; done
EOT
	chmod 755 "$D/bin/dpkg-buildpackage"
	touch "$D/out"/{wm_0.0.1_all.deb,wm-registry_0.0.1_all.deb,wm_0.0.1_all.changes,wm_0.0.1_all.buildinfo,letter,other_1_all.deb,wm-else_1_all.deb,wm_notes}
	PATH=$D/bin:$PATH "$D/packaging/deb" "$D/out"
	[ "$(ls "$D/out")" = "$(printf '%s\n' letter other_1_all.deb wm-else_1_all.deb wm-gateway_9.9_all.deb wm_0.0.1_all.deb.d wm_9.9_all.buildinfo \
		wm_9.9_all.changes wm_9.9_all.deb wm_notes | sort)" ]
}

@test "the command line: installed, runs, removed without a trace" {
	machine "$D/shared" <<'EOT'
dpkg -i /mnt/wm_*.deb
wm --version
wm --help | grep -q 'add-host'
test -s /usr/share/bash-completion/completions/wm
zcat /usr/share/man/man1/wm.1.gz | grep -q 'add-host'
dpkg -P wm
files | diff /tmp/before -
EOT
}

@test "the registry: serves with a token of its own, keeps its data through an upgrade and a removal, leaves nothing when purged" {
	another 99.0 wm-registry "$D/shared/newer.deb"
	machine "$D/shared" <<'EOT'
dpkg -i /mnt/wm_*.deb /mnt/wm-registry_*.deb
test "$(stat -c '%a %U %G' /etc/wm/registry.env)" = '600 root root'
grep -qE '^WM_REGISTRY_TOKEN=[0-9a-f]{64}$' /etc/wm/registry.env
token=$(sed -n 's/^WM_REGISTRY_TOKEN=//p' /etc/wm/registry.env)
test -L /etc/systemd/system/multi-user.target.wants/wm-registry.service
test ! -e /etc/systemd/system/sockets.target.wants/wm-registry.socket
serve() {
	wm-registry serve & registry=$!
	wait_until wm health
}
mkdir -p /root/.config/wm
wm-registry serve & registry=$!
wait_until sh -c "WM_REGISTRY_TOKEN=$token wm mesh add http://127.0.0.1:8099"
wm add-site a
echo '# of the operator' >>/etc/wm/registry.env
dpkg -i /mnt/newer.deb # while it runs
test "$(dpkg-query -W -f '${Version}' wm-registry)" = 99.0
test "$(sed -n 's/^WM_REGISTRY_TOKEN=//p' /etc/wm/registry.env)" = "$token"
tail -n 1 /etc/wm/registry.env | grep -qx '# of the operator'
kill $registry
wait $registry
serve
wm list-sites | grep -w a
kill $registry
wait $registry
dpkg -r wm-registry
test ! -e /usr/bin/wm-registry
test -s /etc/wm/registry.env
test -s /var/lib/wm-registry/registry.db
# a file system of its own, of which only the contents are ours
mkdir /tmp/disk
mv /var/lib/wm-registry/* /tmp/disk
test -s /tmp/disk/registry.db
mount --bind /tmp/disk /var/lib/wm-registry
dpkg -P wm-registry wm
test -z "$(ls -A /tmp/disk)"
umount /var/lib/wm-registry
rmdir /var/lib/wm-registry
rm -r /root/.config
files | diff /tmp/before -
EOT
}

@test "the gateway: brought into force, through an upgrade as it was, taken off with the package, nothing left when purged" {
	another 99.0 wm-gateway "$D/shared/newer.deb"
	machine "$D/shared" <<'EOT'
dpkg -i /mnt/wm_*.deb /mnt/wm-registry_*.deb /mnt/wm-gateway_*.deb
getent passwd wm-fetch
test -L /etc/systemd/system/multi-user.target.wants/wm-gateway.service
wm-gateway --version
wm-bpf --help >/dev/null
wm-agent --version
/usr/libexec/wm/wm-fetch --help >/dev/null 2>&1 || true

token=$(sed -n 's/^WM_REGISTRY_TOKEN=//p' /etc/wm/registry.env)
wm-registry serve & registry=$!
wait_until sh -c "WM_REGISTRY_TOKEN=$token wm mesh add http://127.0.0.1:8099"
ip link add lan0 type veth peer name other
ip link set lan0 up
ip link set other up
ip addr add 192.168.1.1/24 dev lan0
configure() { # SITE DIRECTORY INTERFACE PORT
	mkdir -p "$2"
	wm add-site "$1" >/dev/null
	wm add-host "web.$1" --local-ip 192.168.1.10
	printf '%s\n' SITE_DOMAIN="$1" WM_REGISTRY_URL=http://127.0.0.1:8099 LXC_IFACES=192.168.1.1 WM_DATAPLANE=nft \
		WM_LISTEN_PORT="$4" WM_INTERFACE="$3" WM_REGISTRY_TOKEN="$(wm -j enrol "$1" | grep -o 'wme_[A-Za-z0-9_-]*' | head -n 1)" >"$2/gateway.env"
}
configure a /etc/wm wg0 51820
wm-gateway sync
ip link show wg0
nft list tables | grep wm
rules=$(nft -s list ruleset)
mkdir -p /etc/dnsmasq.d
ln -s /etc/wm/dnsmasq.conf /etc/dnsmasq.d/wm.conf
touch /etc/wm/of-somebody-else

# a second mesh, with what `wm-gateway install` leaves elsewhere, which never ran
mkdir -p /etc/wm/second
grep -v '^WM_REGISTRY_TOKEN\|^WM_INTERFACE' /etc/wm/gateway.env >/etc/wm/second/gateway.env
ln -s /etc/wm/second/dnsmasq.conf /etc/dnsmasq.d/wm-second.conf
touch /etc/sysctl.d/60-wm.conf /etc/sysctl.d/60-wm-second.conf

dpkg -i /mnt/newer.deb
ip link show wg0 # as it was
test "$(nft -s list ruleset)" = "$rules"

dpkg -r wm-gateway
ip link show wg0 && exit 1
test -z "$(nft list tables)"
test -s /etc/wm/private.key
test -s /etc/wm/gateway.env
# a container is another gateway, which goes on
mkdir -p /var/lib/wm/third
touch /var/lib/wm/third/container.state /var/lib/wm/third/container.env /var/lib/wm/third/other
mkdir -p /etc/modules-load.d
touch /etc/modules-load.d/wm-gateway.conf
dpkg -P wm-gateway
test -e /etc/modules-load.d/wm-gateway.conf
rm /etc/modules-load.d/wm-gateway.conf
test "$(cd /var/lib/wm && find . -type f | sort | xargs)" = "./third/container.env ./third/container.state"
rm -r /var/lib/wm
getent passwd wm-fetch && exit 1
test -z "$(ls /etc/dnsmasq.d)"
test ! -e /etc/wm/second
test -e /etc/wm/of-somebody-else # as the registry's settings
test -s /etc/wm/registry.env
kill $registry
wait $registry
dpkg -P wm-registry wm
rm /etc/wm/of-somebody-else
rm -r /root/.config /etc/dnsmasq.d
rmdir /etc/wm
files | diff /tmp/before -
EOT
}

@test "make uninstall takes away all that make install has put there, and no more" {
	cd "$ROOT"
	mkdir -p "$D/root/usr/share/wm"
	make -s B="$BIN" DESTDIR="$D/root" PREFIX=/usr install >/dev/null
	[ "$(find "$D/root" ! -type d | wc -l)" -ge 20 ]
	"$D/root/usr/bin/wm" --version
	touch "$D/root/usr/share/wm/of-somebody-else"
	make -s B="$BIN" DESTDIR="$D/root" PREFIX=/usr uninstall >/dev/null
	[ "$(find "$D/root" ! -type d)" = "$D/root/usr/share/wm/of-somebody-else" ]
	run find "$D/root" -type d -path '*wm*'
	[ "$output" = "$D/root/usr/share/wm" ]
}
