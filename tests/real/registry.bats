#!/usr/bin/env bats
# wm-registry.service and .socket as make install leaves them, on Debian 12: a user and a directory of its own, ready when systemd says so,
# watched, reached from its machine alone; with the socket nobody is refused while it is restarted.
# time limit: 600 s

load machine

setup() {
	world_up bookworm
	machine reg bookworm 192.168.1.20 "$REAL/installed"
	mkdir -p "$DIR/reg/up/etc/wm"
	(umask 077 && printf 'WM_REGISTRY_TOKEN=%s\nWM_MESH_NAME=home\n' "$MASTER" >"$DIR/reg/up/etc/wm/registry.env")
	switch_on reg
	it() { on reg "$@"; }
}
teardown() { rig_teardown; }

answer() { it curl -sS -m 20 -f -H "Authorization: Bearer $MASTER" "$@"; }
LOCAL=http://127.0.0.1:8099
main_pid() { it systemctl show -P MainPID wm-registry; }

@test "it is ready when it is started, has a user of its own and next to nothing else, and its data stays" {
	it systemctl enable --now wm-registry 2>"$DIR/out"
	# without a second try: readiness is what systemd waited for
	[ "$(answer "$LOCAL/health" | jq -r .status)" = ok ]
	it systemctl show -P StatusText wm-registry | grep -qx "Serves mesh 'home'"
	answer -d '{"domain":"a"}' "$LOCAL/v1/sites" >"$DIR/out"
	local pid
	pid=$(main_pid)
	local user
	user=$(it stat -c %u "/proc/$pid") # has no name here: libnss-systemd would give it one
	[ "$user" -ge 61184 ]
	[ "$user" -le 65519 ]
	[ "$(it sed -n 's/^CapBnd:[[:space:]]*//p; s/^CapEff:[[:space:]]*//p' "/proc/$pid/status" | sort -u)" = 0000000000000000 ]
	[ "$(it stat -Lc '%a %u' /var/lib/wm-registry /var/lib/wm-registry/registry.db | tr '\n' ' ')" = "700 $user 600 $user " ]
	[ "$(it stat -c '%a %U' /etc/wm/registry.env)" = '600 root' ]
	not it grep -q "$MASTER" "/proc/$pid/environ"
	# beside it, as root and with nothing said: as the manual has it
	it wm-registry check
	it wm-registry backup /root/mesh
	[ "$(it stat -c '%a %U' /root/mesh)" = '600 root' ]
	# a reboot, and what the operator does for another database
	reboot_machine reg
	nothing_failed reg
	[ "$(answer "$LOCAL/v1/sites" | jq -r '.sites[].domain')" = a ]
	answer -X DELETE "$LOCAL/v1/sites/a" >"$DIR/out"
	it systemctl stop wm-registry
	it wm-registry restore --force /root/mesh
	it systemctl start wm-registry
	[ "$(answer "$LOCAL/v1/sites" | jq -r '.sites[].domain')" = a ]
	nothing_failed reg
}

@test "with the socket nobody is refused, by a start, a restart or an end" {
	it systemctl enable --now wm-registry.socket 2>"$DIR/out"
	not it systemctl -q is-active wm-registry
	[ "$(answer "$LOCAL/health" | jq -r .status)" = ok ]
	it sh -c 'while :; do curl -sS -m 20 -o /dev/null -w "%{http_code}\n" "$0/health" || echo refused; [ ! -e /run/enough ] || exit 0; done' "$LOCAL" \
		>"$DIR/answers" 2>&1 3>&- &
	local asking=$! n
	PIDS+=("$asking")
	for n in 1 2 3; do it systemctl restart wm-registry; done
	it systemctl stop wm-registry 2>"$DIR/out"
	until_true "$LIMIT" it systemctl -q is-active wm-registry
	it touch /run/enough
	wait "$asking"
	[ "$(sort -u "$DIR/answers")" = 200 ] || { sort "$DIR/answers" | uniq -c; return 1; }
	nothing_failed reg
}

@test "one that hangs is started again" {
	it mkdir -p /etc/systemd/system/wm-registry.service.d
	it sh -c 'printf "[Service]\nWatchdogSec=2\n" >/etc/systemd/system/wm-registry.service.d/soon.conf'
	it systemctl enable --now wm-registry 2>"$DIR/out"
	local was
	was=$(main_pid)
	it sh -c 'kill -STOP "$0"' "$was"
	until_true "$LIMIT" it sh -c 'systemctl -q is-active wm-registry && [ "$(systemctl show -P MainPID wm-registry)" != "$0" ]' "$was"
	it journalctl -q -o cat -u wm-registry | grep -q 'Watchdog timeout'
	answer "$LOCAL/health" >"$DIR/out"
}

@test "it is reached from elsewhere only when that is said, and then by https" {
	# 0.0.0.0 alone is not enough
	it mkdir -p /etc/systemd/system/wm-registry.service.d
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test -keyout "$DIR/reg/up/etc/wm/tls.key" \
		-out "$DIR/ca.crt" -addext subjectAltName=IP:192.168.1.20 2>"$DIR/out"
	it sh -c 'cat >/etc/wm/tls.crt' <"$DIR/ca.crt"
	sed -n '/^# .*wm-registry.service.d\/https.conf$/,/^```$/p' docs/registry.md | sed '$d' >"$DIR/https.conf"
	grep -v '^IPAddressDeny' "$DIR/https.conf" | it sh -c 'cat >/etc/systemd/system/wm-registry.service.d/https.conf'
	it systemctl enable --now wm-registry 2>"$DIR/out"
	not in_world curl -sS -m 2 --cacert "$DIR/ca.crt" https://192.168.1.20:8443/health 2>"$DIR/out"
	it sh -c 'cat >/etc/systemd/system/wm-registry.service.d/https.conf' <"$DIR/https.conf"
	it systemctl daemon-reload
	it systemctl restart wm-registry
	[ "$(in_world curl -sS --cacert "$DIR/ca.crt" https://192.168.1.20:8443/health | jq -r .status)" = ok ]
	nothing_failed reg
}
