# shellcheck shell=bash
# The demo's mesh: the real registry, the real gateways, the real wm.
#
# Everything lives in $WM_DEMO_DIR: etc/ state/ run/ bpf/ of the gateways (one
# machine, three instances), registry/ its data, operator/ the settings of wm.

GATEWAYS='hub a b'

machine_of() { # the machine that carries a gateway
	case $1 in hub) echo hub ;; *) echo "gw-$1" ;; esac
}

# Interface names are unique per demo: wireguard-go's sockets have one place on a machine.
interface_of() { # interface_of <instance or device>
	echo "wg-$1$SUFFIX"
}

# The tools as the operator, on the hub's machine. Tokens come from files.
wm() { "$WM_DEMO_DIR/wm" "$@"; }

# on <instance> <command>...: on that gateway's machine, with the paths that all gateways of this demo share.
on() {
	local instance=$1
	shift
	ns "$(machine_of "$instance")" env WM_ETC="$WM_DEMO_DIR/etc" WM_STATE="$WM_DEMO_DIR/state" \
		WM_RUN="$WM_DEMO_DIR/run" WM_BPFFS="$WM_DEMO_DIR/bpf" "$@"
}

gateway() { # gateway <instance> <verb and options>: wm-gateway of that instance
	on "$1" "$BIN/wm-gateway" "${@:2}" --instance "$1"
}

stats() { # stats <instance> [options]: wm-bpf stats of that instance
	on "$1" "$BIN/wm-bpf" stats --instance "$1" "${@:2}"
}

# An authority for this demo alone, and the registry's certificate.
make_certificate() {
	local tls=$WM_DEMO_DIR/tls
	mkdir -p "$tls"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=wm demo authority' \
		-keyout "$tls/ca.key" -out "$tls/ca.pem" 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=registry' \
		-keyout "$tls/key.pem" -out "$tls/request.pem" 2>/dev/null
	openssl x509 -req -in "$tls/request.pem" -CA "$tls/ca.pem" -CAkey "$tls/ca.key" -CAcreateserial -days 2 \
		-extfile <(echo 'subjectAltName=IP:198.51.100.1,IP:127.0.0.1') -out "$tls/cert.pem" 2>/dev/null
	chmod 600 "$tls/"*.key "$tls/key.pem"
	chmod 644 "$tls/ca.pem"
}

make_master_token() { (umask 077 && openssl rand -hex 24 >"$WM_DEMO_DIR/master.token"); }

registry_up() {
	local serve=("$BIN/wm-registry" serve --env-file /dev/null --data "$WM_DEMO_DIR/registry" --listen 198.51.100.1:8443
		--mesh-name demo --supernet 172.30.0.0/16 --token-file "$WM_DEMO_DIR/master.token"
		--tls-cert "$WM_DEMO_DIR/tls/cert.pem" --tls-key "$WM_DEMO_DIR/tls/key.pem")
	local enter=(ip netns exec "$WM_DEMO-hub")
	[ -z "$KEEP" ] || [ -z "$WM_DEMO_PORT" ] || enter=("$HERE/demo.d/listen" 127.0.0.1 "$WM_DEMO_PORT" "${enter[@]}")
	"${enter[@]}" "${serve[@]}" </dev/null >"$WM_DEMO_DIR/log/registry" 2>&1 &
	disown
	wait_for 10 'the registry answers' registry_answers
}

registry_answers() {
	ns hub curl -sf --max-time 2 --cacert "$WM_DEMO_DIR/tls/ca.pem" https://198.51.100.1:8443/health >/dev/null
}

# A command of the demo's own for its operator: settings and trust are the demo's.
operator_up() {
	cat >"$WM_DEMO_DIR/wm" <<-END
		#!/bin/sh
		# wm as the operator of this demo
		exec ip netns exec $WM_DEMO-hub env WM_CONFIG_DIR=$WM_DEMO_DIR/operator $BIN/wm "\$@"
	END
	chmod 755 "$WM_DEMO_DIR/wm"
	wm mesh add https://198.51.100.1:8443 --ca "$WM_DEMO_DIR/tls/ca.pem" --token-file "$WM_DEMO_DIR/master.token" \
		>/dev/null
}

# gateway_file <instance> <public address> [--hub]: what wm prints for the gateway,
# with the one-time enrolment in it, and what only this machine knows.
gateway_file() {
	local instance=$1 file=$WM_DEMO_DIR/etc/$1/gateway.env
	mkdir -p "${file%/*}"
	(umask 077 && wm add-site "$instance" --endpoint "$2:51820" "${@:3}" >"$file")
	printf '%s\n' WM_INTERFACE="$(interface_of "$instance")" WM_DATAPLANE="$WM_DEMO_DATAPLANE" \
		WM_DNSMASQ_PID="$WM_DEMO_DIR/dnsmasq-$instance.pid" >>"$file"
	[ "$instance" = hub ] || echo LXC_IFACES=192.168.1.1 >>"$file"
}

# The site's own name server, which takes in what the gateway wrote for it; with none upstream, as there is no other.
dnsmasq_up() { # dnsmasq_up <instance>
	local instance=$1 etc=$WM_DEMO_DIR/etc/$1
	wait_for 20 "gateway $instance has written what dnsmasq needs" [ -e "$etc/dnsmasq.conf" ]
	printf '%s\n' no-resolv no-hosts bind-dynamic "pid-file=$WM_DEMO_DIR/dnsmasq-$instance.pid" \
		"conf-file=$etc/dnsmasq.conf" log-facility=- user=root >"$WM_DEMO_DIR/dnsmasq-$instance.conf"
	ns "$(machine_of "$instance")" dnsmasq --keep-in-foreground --conf-file="$WM_DEMO_DIR/dnsmasq-$instance.conf" \
		</dev/null >"$WM_DEMO_DIR/log/dnsmasq-$instance" 2>&1 &
	disown
}

agent_up() { # agent_up <instance>: the supervisor, which runs wm-gateway
	on "$1" "$BIN/wm-agent" --instance "$1" </dev/null >>"$WM_DEMO_DIR/log/gateway-$1" 2>&1 &
	disown
}

gateways_up() {
	local instance
	mkdir -p "$WM_DEMO_DIR/bpf"
	mount -t bpf bpf "$WM_DEMO_DIR/bpf"
	gateway_file hub 198.51.100.1 --hub
	gateway_file a 198.51.100.2
	gateway_file b 198.51.100.3
	for instance in $GATEWAYS; do agent_up "$instance"; done
	for instance in $GATEWAYS; do dnsmasq_up "$instance"; done
}

hosts_up() {
	wm add-host web.a --local-ip 192.168.1.10 >/dev/null
	wm add-host kiosk.a --local-ip 192.168.1.11 --type isolated >/dev/null
	wm add-host nas.b --local-ip 192.168.1.10 >/dev/null
	wm add-host cam.b --local-ip 192.168.1.11 --type isolated >/dev/null
}

# Devices need the hub's key in their file, so its gateway has enrolled before.
devices_up() {
	wait_for 20 'the hub has enrolled' hub_has_key
	device_up laptop roaming
	device_up sensor isolated
}

hub_has_key() { wm -j list-sites | jq -e '.meshes[0].sites[] | select(.domain == "hub").public_key'; }

device_up() { # device_up <name> <type>
	local name=$1 conf=$WM_DEMO_DIR/devices/$1.conf ifname address
	ifname=$(interface_of "$name")
	mkdir -p "$WM_DEMO_DIR/devices"
	wm add-device "$name" --type "$2" --conf "$conf" >/dev/null
	in_ns "$name" link add "$ifname" type wireguard 2>/dev/null ||
		ns "$name" wireguard-go "$ifname" >"$WM_DEMO_DIR/log/$name" 2>&1
	ns "$name" wg setconf "$ifname" <(wg-quick strip "$conf")
	address=$(sed -n 's/^Address *= *//p' "$conf")
	in_ns "$name" addr add "${address%/*}/32" dev "$ifname"
	in_ns "$name" link set "$ifname" mtu 1420 up
	in_ns "$name" route add 172.30.0.0/16 dev "$ifname"
}

# In force: every gateway reports that it has applied the registry's newest generation.
in_sync() {
	wm -j list-sites | jq -e '.meshes[0] | .generation as $g | (.sites | length) == 3 and all(.sites[]; .generation == $g)'
}

implementation() { # what carries the tunnels
	if in_ns gw-a -d link show "$(interface_of a)" | grep -q wireguard; then
		echo 'kernel WireGuard'
	else
		echo 'wireguard-go'
	fi
}

dataplane() { gateway a status -j | jq -r .dataplane.name; }

mesh_up() {
	make_certificate
	make_master_token
	registry_up
	operator_up
	gateways_up
	hosts_up
	devices_up
	wait_for 30 'every gateway is in sync' in_sync
}
