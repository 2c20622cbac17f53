#!/usr/bin/env bats
# wm add-device: the enrolment, and the WireGuard config that is made here.

load rig
setup() { rig_setup; }
teardown() { rig_teardown; }

key_of() { api GET "/v1/devices/$1" | jq -r .public_key; }
devices() { api GET /v1/devices | jq '.devices | length'; }

@test "add-device prints a one-time enrolment; enrol --device another" {
	connected
	hub_enrolled
	run -0 "$WM" add-device laptop
	[[ ${lines[0]} =~ ^"device laptop added: overlay 172.30.1.2, roaming"$ ]]
	[[ ${lines[1]} == "enrolment: wme_"* ]]
	[[ ${lines[2]} == "works once, until: 20"*Z ]]
	json '.device == {name:"sensor", domain:"hub", wg_ip:"172.30.1.9", type:"isolated", public_key:null} and .mesh == "172-30"
		and (.enrolment|keys) == ["expires","token"]' "$WM" add-device sensor --type isolated --wg-ip 172.30.1.9 -j
	json '.device == "laptop" and (.enrolment.token|startswith("wme_"))' "$WM" enrol --device laptop -j
	fails 1 "there is no device 'laptpo'; did you mean 'laptop'" "$WM" enrol --device laptpo
}

@test "--conf writes a config that wg takes, with the key that the registry knows the public half of" {
	connected
	hub_enrolled
	(umask 000 && "$WM" add-device laptop --conf "$DIR/laptop.conf" >"$DIR/out")
	grep -qx "WireGuard config: $DIR/laptop.conf" "$DIR/out"
	[ "$(stat -c %a "$DIR/laptop.conf")" = 600 ]
	private=$(sed -n 's/^PrivateKey = //p' "$DIR/laptop.conf")
	[ "$(wg pubkey <<<"$private")" = "$(key_of laptop)" ]
	not grep -q "$private" "$DIR/out"
	hub=$(api GET /v1/sites/hub)
	cat >"$DIR/want" <<-EOF
		# device laptop.hub
		[Interface]
		PrivateKey = $private
		Address = 172.30.1.2/32
		DNS = $(jq -r .gateway <<<"$hub")
		MTU = 1420

		[Peer]
		PublicKey = $(jq -r .public_key <<<"$hub")
		Endpoint = 198.51.100.7:51820
		AllowedIPs = 172.30.0.0/16
		PersistentKeepalive = 25
	EOF
	cmp "$DIR/want" "$DIR/laptop.conf"
	wg-quick strip "$DIR/laptop.conf" | grep -q '^PrivateKey'
}

@test "two devices get two keys, and the registry never the private one" {
	connected
	hub_enrolled
	"$WM" add-device one --conf "$DIR/one.conf" >"$DIR/out"
	json '.conf == (env.DIR + "/two.conf") and (has("enrolment")|not) and (.device.public_key|length) == 44 and
		.device.domain == "hub" and .device.type == "isolated"' "$WM" add-device two --type isolated --conf "$DIR/two.conf" -j
	[ "$(sed -n 's/^PrivateKey = //p' "$DIR/one.conf")" != "$(sed -n 's/^PrivateKey = //p' "$DIR/two.conf")" ]
	not grep -rqF "$(sed -n 's/^PrivateKey = //p' "$DIR/one.conf")" "$DIR/home.data" "$DIR/home.log"
}

@test "an existing file is kept and no device is made, unless --force" {
	connected
	hub_enrolled
	echo precious >"$DIR/x.conf"
	fails 2 "x.conf exists; to replace it, add --force" "$WM" add-device laptop --conf "$DIR/x.conf"
	[ "$(cat "$DIR/x.conf")" = precious ]
	ln -s "$DIR/elsewhere" "$DIR/link.conf"
	fails 2 "link.conf exists" "$WM" add-device laptop --conf "$DIR/link.conf"
	[ ! -e "$DIR/elsewhere" ]
	[ "$(devices)" = 0 ]
	"$WM" add-device laptop --conf "$DIR/x.conf" --force
	grep -q PrivateKey "$DIR/x.conf"
	[ "$(stat -c %a "$DIR/x.conf")" = 600 ]
	[ -z "$(find "$DIR" -name '*.new')" ]
}

@test "a refused --force leaves the old file, a refused --conf none" {
	connected
	hub_enrolled
	"$WM" add-device laptop >/dev/null
	echo precious >"$DIR/x.conf"
	fails 1 '^wm: laptop: ' "$WM" add-device laptop --conf "$DIR/x.conf" --force
	[ "$(cat "$DIR/x.conf")" = precious ]
	fails 1 '^wm: laptop: ' "$WM" add-device laptop --conf "$DIR/y.conf"
	[ "$(ls "$DIR"/*.conf*)" = "$DIR/x.conf" ]
}

@test "a hub without key or endpoint, and no hub, are said before anything is made" {
	connected
	fails 1 'has no hub.*wm add-site DOMAIN --hub' "$WM" add-device laptop --conf "$DIR/x.conf"
	"$WM" add-site hub --hub >/dev/null
	fails 1 "hub 'hub' has no key yet" "$WM" add-device laptop --conf "$DIR/x.conf"
	api PATCH /v1/sites/hub "{\"public_key\":\"$(wg genkey | wg pubkey)\"}"
	fails 1 "hub 'hub' has no endpoint" "$WM" add-device laptop --conf "$DIR/x.conf"
	[ ! -e "$DIR/x.conf" ]
	[ "$(devices)" = 0 ]
	# Without --conf only the hub itself is needed.
	"$WM" add-device laptop
}

@test "a file that cannot be made is said before the device is" {
	connected
	hub_enrolled
	fails 2 'nosuch/x.conf: cannot create it: No such file' "$WM" add-device laptop --conf "$DIR/nosuch/x.conf"
	[ "$(devices)" = 0 ]
}

@test "a disk that is full: it says that the device exists and what to do" {
	connected
	hub_enrolled
	unshare -m sh -c '
		mkdir "$2/full" && mount -t tmpfs -o size=4k,mode=755 none "$2/full" || exit 99
		: >"$2/full/x.conf.new" && rm "$2/full/x.conf.new" # room for the name
		head -c 4096 /dev/zero >"$2/full/filler"
		"$1" add-device laptop --conf "$2/full/x.conf" 2>"$2/stderr" >"$2/stdout"
		echo $? >"$2/code"
		ls "$2/full" >"$2/left"' sh "$WM" "$DIR"
	[ "$(cat "$DIR/code")" = 1 ]
	grep -q "device laptop has a key, but .*x.conf could not be written (No space left on device).*wm device-setup laptop --conf" "$DIR/stderr"
	[ "$(cat "$DIR/left")" = filler ]
	[ "$(devices)" = 1 ]
	"$WM" device-setup laptop --conf "$DIR/x.conf" --yes
}

@test "add-device refuses what cannot be" {
	connected
	hub_enrolled
	for name in Laptop lap.top gw localhost -x 'a b' ''; do
		fails 2 "cannot be a device's name" "$WM" add-device -- "$name"
	done
	fails 2 "--type 'standard' must be roaming or isolated" "$WM" add-device laptop --type standard
	fails 2 "--wg-ip 'x' must be an address" "$WM" add-device laptop --wg-ip x
	fails 2 '--force is for the file of --conf' "$WM" add-device laptop --force
	fails 1 '^wm: laptop: ' "$WM" add-device laptop --wg-ip 10.0.0.1
	[ "$(devices)" = 0 ]
}

@test "--qr draws the config that --conf writes, as qrencode does" {
	connected
	hub_enrolled
	"$WM" add-device phone --qr --conf "$DIR/phone.conf" >"$DIR/out"
	qrencode -t UTF8 -l L -m 4 <"$DIR/phone.conf" >"$DIR/want"
	tail -n "$(wc -l <"$DIR/want")" "$DIR/out" | cmp - "$DIR/want"
	"$WM" add-device tablet --qr >"$DIR/out" # no file at all
	grep -q '^device tablet added' "$DIR/out"
	[ "$(key_of tablet)" != null ]
	fails 2 'with --json give --conf' "$WM" add-device watch --qr -j
}

@test "device-setup: a fresh enrolment, or a new key that ends the old config" {
	connected
	hub_enrolled
	"$WM" add-device laptop >"$DIR/out"
	run -0 "$WM" device-setup laptop
	[[ ${lines[0]} == "device laptop set up: overlay 172.30.1.2, roaming" && ${lines[1]} == "enrolment: wme_"* ]]
	[ "${lines[1]#enrolment: }" != "$(sed -n 's/^enrolment: //p' "$DIR/out")" ]
	"$WM" device-setup laptop --conf "$DIR/laptop.conf" >"$DIR/out" # it had no key yet: nothing to ask
	[ "$(sed -n 's/^PrivateKey = //p' "$DIR/laptop.conf" | wg pubkey)" = "$(key_of laptop)" ]
	before=$(key_of laptop)
	fails 2 'its present config would end; to do it, add --yes' "$WM" device-setup laptop --conf "$DIR/new.conf"
	[ "$(key_of laptop)" = "$before" ]
	[ ! -e "$DIR/new.conf" ]
	on_terminal "'$WM' device-setup laptop --conf '$DIR/new.conf'"
	shows 'Device laptop has a key\. Make a new one, and end its present config\? \[y/N\]'
	echo y >&7
	shows 'exit=0'
	[ "$(key_of laptop)" != "$before" ]
	[ "$(sed -n 's/^PrivateKey = //p' "$DIR/new.conf" | wg pubkey)" = "$(key_of laptop)" ]
	json '.conf == (env.DIR + "/third.conf") and .device.name == "laptop"' "$WM" device-setup laptop --conf "$DIR/third.conf" -y -j
	fails 1 "no device 'lapptop'; did you mean 'laptop'" "$WM" device-setup lapptop
	fails 1 "no device 'zebra'; create it: wm add-device NAME" "$WM" device-setup zebra
}
