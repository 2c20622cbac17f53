#!/usr/bin/env bats
# wm host-setup, openwrt-setup: what they print goes into a shell.

load rig
setup() { rig_setup; }
teardown() { rig_teardown; }

enrolment=wme_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA

# serves NAME-OF-MESH SCRIPT [URL] [TOKEN]: a registry with one site more than it should need, and this script wherever one
# is asked for; how it says that it is reached, and what it gives as an enrolment
serves() {
	NAME=$1 SCRIPT=$2 REACHED=${3:-} TOKEN=${4:-$enrolment} perl -MIO::Socket -e '
		$s = IO::Socket::INET->new(Listen => 20, LocalAddr => "127.0.0.1:0") or die;
		$| = 1; print $s->sockport, "\n";
		$mesh = q({"version":1,"instance":"i","generation":7,"mesh_name":"%s","supernet":"172.30.0.0/16","self":null,"requires":[]});
		while ($c = $s->accept) {
			$head = ""; while (($l = <$c>) =~ /\S/) { $head .= $l }
			($path) = $head =~ m{^\S+ (\S+)};
			if ($path eq "/v1/whoami") {
				$b = sprintf(q({"role":"admin","name":null,"mesh_name":"%s","supernet":"172.30.0.0/16","instance":"i","generation":7,"url":%s}), $ENV{NAME},
					length $ENV{REACHED} ? "\"$ENV{REACHED}\"" : "null");
			} elsif ($path eq "/v1/config") {
				$b = sprintf(qq({"mesh":$mesh}\n), $ENV{NAME})
					. qq({"site":{"domain":"b","subnet":"172.30.3.0/24","is_hub":false,"public_key":null,"endpoint":null}}\n)
					. qq({"site":{"domain":"hub","subnet":"172.30.1.0/24","is_hub":true,"public_key":null,"endpoint":null}}\n)
					. qq({"end":{"generation":7,"count":2}}\n);
			} elsif ($path eq "/v1/devices/laptop") {
				$b = q({"name":"laptop","domain":"hub","wg_ip":"172.30.1.2","type":"roaming","public_key":null});
			} elsif ($path eq "/v1/enrolments") {
				($n) = $head =~ /^content-length: (\d+)/im; read $c, $_, $n;
				$b = sprintf q({"token":"%s","kind":"device","name":"laptop","expires":"2026-01-02T03:04:05Z"}), $ENV{TOKEN};
			} else { $b = $ENV{SCRIPT} }
			$status = length $b ? "200 OK" : "404 Not Found";
			print $c "HTTP/1.1 $status\r\nConnection: close\r\nContent-Length: " . length($b) . "\r\n\r\n$b";
			close $c;
		}' >"$DIR/port" 3>&- &
	PIDS+=("$!")
	until_true 10 test -s "$DIR/port"
	mkdir -p "$WM_CONFIG_DIR"
	printf 'REGISTRY_URL=http://127.0.0.1:%s\nREGISTRY_TOKEN=x\n' "$(cat "$DIR/port")" >"$WM_CONFIG_DIR/172-30.env"
	chmod 600 "$WM_CONFIG_DIR/172-30.env"
}

script=$'#!/bin/sh\n# of the registry\nprintf "%s|" "$WM_MESH_SLUG" "$WM_MESH_NAME" "$WM_MESH_SUPERNET" "$WM_MESH_DOMAINS" "$WM_GATEWAY"\n'

@test "what they print is the registry's script, with what it has to know in front" {
	serves home "$script"
	for command in host-setup openwrt-setup netplan-setup; do
		"$WM" "$command" 192.168.1.250 >"$DIR/script" 2>"$DIR/stderr"
		[ "$(head -n 1 "$DIR/script")" = '#!/bin/sh' ]
		[ "$(sh "$DIR/script")" = '172-30|home|172.30.0.0/16|b hub|192.168.1.250|' ]
		[ "$(tail -n 1 "$DIR/script")" = "$(tail -n 1 <<<"${script%$'\n'}")" ]
	done
	grep -q "the old name of 'wm host-setup'" "$DIR/stderr"
	json '.mesh == "172-30" and .variables.WM_GATEWAY == "192.168.1.250" and .variables.WM_MESH_DOMAINS == "b hub" and
		(.script | startswith("#!/bin/sh\n"))' "$WM" host-setup 192.168.1.250 -j
	not grep -q REGISTRY_TOKEN "$DIR/script"
}

@test "a mesh's name cannot break out of its quotes" {
	serves "it's \$(touch pwned) \`touch pwned\` ;touch pwned" "$script"
	"$WM" host-setup 192.168.1.250 >"$DIR/script"
	[ "$(cd "$DIR" && sh script)" = "172-30|it's \$(touch pwned) \`touch pwned\` ;touch pwned|172.30.0.0/16|b hub|192.168.1.250|" ]
	[ ! -e "$DIR/pwned" ]
}

@test "where it cannot be, nothing reaches the shell" {
	serves home "$script"
	for bad in 'x; rm -rf /' '$(id)' 192.168.1 ::1 127.0.0.1 ''; do
		fails 2 'must be an address like 192.168.1.250' "$WM" host-setup "$bad"
		[ ! -s "$DIR/stdout" ]
	done
	fails 2 '172.30.3.1 is an address of the mesh; give the one that the gateway has on its LAN' "$WM" openwrt-setup 172.30.3.1
	[ ! -s "$DIR/stdout" ]
	fails 2 'an argument is missing; use: wm openwrt-setup GATEWAY-ADDRESS' "$WM" openwrt-setup
	mv "$WM_CONFIG_DIR/172-30.env" "$WM_CONFIG_DIR/a b.env"
	fails 2 'a script needs a slug of letters' "$WM" host-setup 192.168.1.250
	[ ! -s "$DIR/stdout" ]
}

@test "what is no script is not printed" {
	serves home '<html>sign in</html>'
	fails 3 'is not a script for /bin/sh; nothing is printed' "$WM" host-setup 192.168.1.250
	[ ! -s "$DIR/stdout" ]
	for hidden in $'\033[2J' $'\r' $'\302\233' $'\377'; do # nor one of which a terminal shows less than there is
		rm "$DIR/port"
		serves home $'#!/bin/sh\ntouch pwned # '"$hidden"$'\n'
		fails 3 'is not a script for /bin/sh; nothing is printed' "$WM" host-setup 192.168.1.250
		[ ! -s "$DIR/stdout" ]
	done
}

@test "a registry that has no scripts yet" {
	serves home ''
	fails 1 'has no script at /setup/openwrt: it was built without' "$WM" openwrt-setup 192.168.1.250
	[ ! -s "$DIR/stdout" ]
}

@test "a device's one command, where the registry serves the script for it" {
	serves home "$script"
	url="http://127.0.0.1:$(cat "$DIR/port")"
	"$WM" device-setup laptop >"$DIR/out"
	grep -qx "run on it: curl -fsSL '$url/setup' | sudo sh -s -- --token $enrolment --registry '$url' --name laptop --type roaming" "$DIR/out"
	json '.command | test("^curl -fsSL .*/setup. ")' "$WM" device-setup laptop -j
	rm "$DIR/port"
	serves home ''
	"$WM" device-setup laptop >"$DIR/out"
	grep -qx "enrolment: $enrolment" "$DIR/out"
	not grep -q curl "$DIR/out"
	rm "$DIR/port"
	serves home "$script" 'https://registry.example.net/wm'
	"$WM" device-setup laptop | grep -qF "curl -fsSL 'https://registry.example.net/wm/setup' |"
}

@test "neither address nor enrolment of a hostile registry is a command in it" {
	for url in 'https://x/$(touch pwned)' "https://x/';touch pwned;'" 'https://x/`touch pwned`' 'https://x/ -o pwned' '-opwned' \
		'file:///etc/passwd'; do
		serves home "$script" "$url"
		"$WM" device-setup laptop >"$DIR/out"
		grep -qx "enrolment: $enrolment" "$DIR/out"
		not grep -qE 'curl|pwned|passwd' "$DIR/out"
		rm "$DIR/port"
	done
	for token in 'wme_$(touch pwned)' "wme_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA;a" "wma${enrolment#wme}" wme_x; do
		serves home "$script" '' "$token"
		fails 3 "^wm: laptop: .*'token' is none" "$WM" device-setup laptop
		[ ! -s "$DIR/stdout" ]
		rm "$DIR/port"
	done
}

@test "the scripts of a real registry come whole, behind what this mesh is" {
	connected
	"$WM" add-site b --subnet 172.30.3.0/24 >/dev/null
	for name in host openwrt; do
		"$WM" "$name-setup" 192.168.1.250 >"$DIR/script"
		sh -n "$DIR/script"
		printf '%s\n' '#!/bin/sh' "WM_MESH_SLUG='172-30'" "WM_MESH_NAME='home'" "WM_MESH_SUPERNET='172.30.0.0/16'" \
			"WM_MESH_DOMAINS='b'" "WM_GATEWAY='192.168.1.250'" "WM_REGISTRY_URL='$URL'" | cat - <(tail -n +2 "setup/$name.sh") |
			diff - "$DIR/script"
	done
}

@test "host-setup without an address lists the gateways" {
	connected
	"$WM" add-site b --subnet 172.30.3.0/24 >/dev/null
	run -0 "$WM" host-setup
	[[ ${lines[1]} =~ ^SITE\ +GATEWAY\ +ENDPOINT\ +STATE ]]
	[[ ${lines[2]} =~ ^b\ +172.30.3.1\ +-\ +not\ enrolled\ yet ]]
	[[ ${lines[3]} == *"wm host-setup ADDRESS" ]]
	json '.meshes[0].gateways == [{site:"b", wg_ip:"172.30.3.1", endpoint:null}]' "$WM" host-setup -j
}
