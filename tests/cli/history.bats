#!/usr/bin/env bats
# wm audit, undo, export, import.

load rig
setup() { rig_setup; }
teardown() { rig_teardown; }

filled() {
	connected
	hub_enrolled
	"$WM" add-site b --subnet 172.30.3.0/24 >"$DIR/b.env"
	"$WM" add-host nas.b --local-ip 192.168.1.10
	"$WM" add-device laptop >"$DIR/laptop"
}

@test "audit: who did what, the newest first, and what changed" {
	filled
	"$WM" set nas.b --local-ip 192.168.1.99
	"$WM" remove laptop
	run -0 "$WM" audit
	[[ ${lines[1]} =~ ^\ *SEQ\ +AT\ \(UTC\)\ +WHO\ +WHAT\ +KIND\ +NAME\ +CHANGE ]]
	[[ ${lines[2]} =~ master\ +remove\ +device\ +laptop ]]
	grep -qE '^ *[0-9]+ +20[0-9-]+ [0-9:]{8} .*master +change +host +nas.b +local_ip 192.168.1.10 -> 192.168.1.99$' <<<"$output"
	grep -qE 'add +host +nas.b +wg_ip 172.30.3.2, local_ip 192.168.1.10, type standard$' <<<"$output"
	not grep -qE 'wm[aregd]_' <<<"$output"
	json '.meshes[0].audit | length == 1 and .[0].what == "remove" and .[0].before.name == "laptop" and .[0].after == null' \
		"$WM" audit --limit 1 -j
	seq=$(jq '.meshes[0].audit[0].seq' "$DIR/json")
	json '.meshes[0].audit | (map(.seq) | max) < '"$seq"' and any(.what == "change" and .after.local_ip == "192.168.1.99")' \
		"$WM" audit --before "$seq" -j
	fails 2 "--limit 'x' must be a whole number from 1 to 1000" "$WM" audit --limit x
	api POST /v1/tokens '{"role":"read","name":"eyes"}' | jq -r .token >"$DIR/token"
	"$WM" audit --token-file "$DIR/token" | grep -q nas.b
}

@test "undo: shown, asked for, done as one; and undone again" {
	filled
	"$WM" remove-site b --cascade --yes
	before=$(generation)
	run -0 "$WM" undo --dry-run
	grep -qx '+ site b: subnet 172.30.3.0/24, is_hub false' <<<"$output"
	grep -qx '+ host nas.b: wg_ip 172.30.3.2, local_ip 192.168.1.10, type standard' <<<"$output"
	grep -qx "generation $before would be taken back" <<<"$output"
	[ "$(generation)" = "$before" ]
	fails 2 'nothing was changed; to do it without being asked, add --yes' "$WM" undo
	on_terminal "'$WM' undo"
	shows '\+ host nas.b'
	shows 'Take this back\? \[y/N\]'
	echo n >&7
	shows 'nothing was changed'
	shows 'exit=1'
	[ "$(generation)" = "$before" ]
	on_terminal "'$WM' undo"
	shows 'Take this back'
	echo y >&7
	shows "generation $before is taken back"
	shows 'exit=0'
	"$WM" list | grep -qE 'nas.b +standard +172.30.3.2 +192.168.1.10'
	json ".dry_run == null and .undone == $((before + 1)) and .generation == $((before + 2)) and
		(.changes | map(.what) | unique == [\"remove\"])" "$WM" undo --yes -j
	not grep -q nas.b <("$WM" list)
}

@test "undo where there is nothing to undo" {
	connected
	fails 1 '^wm: undo: ' "$WM" undo --yes
}

@test "export is the same for the same mesh, and import of it is no change" {
	filled
	"$WM" export >"$DIR/one"
	"$WM" export "$DIR/two" | grep -qx "mesh 172-30 exported to $DIR/two"
	"$WM" export - | cmp - "$DIR/one"
	cmp "$DIR/one" "$DIR/two"
	not grep -qE 'wm[aregd]_|token' "$DIR/one"
	[ "$(grep -c '"local_ip"' "$DIR/one")" = 1 ] # one object a line
	before=$(generation)
	"$WM" import "$DIR/one" | grep -qx 'no change: the mesh is as the file says'
	"$WM" import - <"$DIR/one" | grep -q 'no change'
	[ "$(generation)" = "$before" ]
	fails 1 'nosuch/x: cannot write it' "$WM" export "$DIR/nosuch/x"
	json '.file == (env.DIR + "/two") and .mesh == "172-30"' "$WM" export "$DIR/two" -j
}

@test "export FILE leaves what is no file what it is, and a file its mode" {
	filled
	"$WM" export >"$DIR/one"
	mknod "$DIR/null" c 1 3 # /dev/null itself is everybody's
	"$WM" export "$DIR/null"
	[ -c "$DIR/null" ]
	mknod "$DIR/full" c 1 7
	fails 1 'full: cannot write it: No space left' "$WM" export "$DIR/full"
	[ -c "$DIR/full" ]
	mkfifo "$DIR/pipe"
	cat "$DIR/pipe" >"$DIR/piped" 3>&- &
	PIDS+=("$!")
	"$WM" export "$DIR/pipe"
	until_true 10 cmp -s "$DIR/one" "$DIR/piped"
	[ -p "$DIR/pipe" ]
	echo old >"$DIR/target"
	ln -s target "$DIR/link"
	"$WM" export "$DIR/link"
	[ -L "$DIR/link" ]
	cmp "$DIR/one" "$DIR/target"
	fails 1 "cannot write it: Is a directory" "$WM" export "$DIR"
	(umask 077 && "$WM" export "$DIR/private")
	[ "$(stat -c %a "$DIR/private")" = 600 ]
	(umask 022 && "$WM" export "$DIR/public")
	[ "$(stat -c %a "$DIR/public")" = 644 ]
	echo old >"$DIR/private"
	(umask 022 && "$WM" export "$DIR/private")
	[ "$(stat -c %a "$DIR/private")" = 600 ]
	cmp "$DIR/one" "$DIR/private"
	head -c 100000 /dev/zero >"$DIR/other"
	chown nobody "$DIR/other"
	"$WM" export "$DIR/other"
	[ "$(stat -c %U "$DIR/other")" = nobody ]
	cmp "$DIR/one" "$DIR/other"
}

@test "import: a plan, a question, all or nothing" {
	filled
	"$WM" export "$DIR/was"
	jq '.hosts[0].local_ip = "192.168.1.77" | .hosts += [{name:"cam", domain:"b", wg_ip:"172.30.3.9", local_ip:"192.168.1.11",
		type:"isolated"}] | .devices = []' "$DIR/was" >"$DIR/wish"
	before=$(generation)
	run -0 "$WM" import "$DIR/wish" --dry-run
	[ "${lines[0]}" = "+ host cam.b: wg_ip 172.30.3.9, local_ip 192.168.1.11, type isolated" ]
	[ "${lines[1]}" = "~ host nas.b: local_ip 192.168.1.10 -> 192.168.1.77" ]
	[ "${lines[2]}" = "- device laptop" ]
	[ "${lines[3]}" = "1 to add, 1 to change, 1 to remove" ]
	fails 2 'to do it without being asked, add --yes' "$WM" import "$DIR/wish"
	"$WM" import "$DIR/wish" --keep --dry-run | grep -qx '1 to add, 1 to change, 0 to remove'
	[ "$(generation)" = "$before" ]
	on_terminal "'$WM' import '$DIR/wish'"
	shows 'Do it\? \[y/N\]'
	echo y >&7
	shows "done: the mesh is at generation $((before + 1))"
	shows 'exit=0'
	"$WM" list | grep -qE 'cam.b +isolated +172.30.3.9'
	not grep -q laptop <("$WM" list)
	# And back, which is the same as it was.
	json '.applied and (.plan.add | length) == 1 and (.plan.change | length) == 1 and (.plan.remove | length) == 1 and
		.mesh == "172-30"' "$WM" import "$DIR/was" --yes -j
	"$WM" export | cmp - "$DIR/was"
}

@test "import of a /config, also the seed's" {
	filled
	"$WM" show-config -j >"$DIR/document"
	"$WM" import "$DIR/document" | grep -q 'no change'
	jq '{mesh_name, supernet, sites: [.sites[] | {domain, subnet, is_hub, public_key, endpoint}],
		hosts: [.hosts[] | {name, domain, wg_ip, local_ip, type}], devices: [.devices[] | {name, wg_ip, type, public_key}]}' \
		"$DIR/document" >"$DIR/old"
	start_registry other
	"$WM" mesh add "$URL" "$MASTER" --name other
	"$WM" --mesh other import "$DIR/old" --yes | grep -qx '4 to add, 0 to change, 0 to remove'
	"$WM" --mesh other list | grep -qE 'nas.b +standard +172.30.3.2 +192.168.1.10'
}

@test "import refuses what is no mesh, and a mesh that changed meanwhile" {
	filled
	"$WM" export "$DIR/was"
	before=$(generation)
	echo '{' >"$DIR/bad"
	fails 1 '^wm: import: ' "$WM" import "$DIR/bad" --yes
	jq '.hosts[0].local_ip = "127.0.0.1"' "$DIR/was" >"$DIR/bad"
	fails 1 '^wm: import: .*127.0.0.1|^wm: import: .*loopback' "$WM" import "$DIR/bad" --yes
	fails 2 '/nonexistent: cannot read it' "$WM" import /nonexistent
	[ "$(generation)" = "$before" ]
	jq '.devices = []' "$DIR/was" >"$DIR/wish"
	on_terminal "'$WM' import '$DIR/wish'"
	shows 'Do it\?'
	"$WM" add-host cam.b --local-ip 192.168.1.11 # behind its back
	echo y >&7
	shows 'the mesh has changed since the plan was made; import again'
	shows 'exit=1'
	"$WM" list | grep -q laptop
}

# proxied EDIT: from here on wm reaches the registry through somebody who does EDIT (Perl) to the head of each answer
proxied() {
	EDIT=$1 TO=${URL#http://} perl -MIO::Socket -e '
		$s = IO::Socket::INET->new(Listen => 20, LocalAddr => "127.0.0.1:0") or die;
		$| = 1; print $s->sockport, "\n";
		while ($c = $s->accept) {
			$head = <$c>; $n = 0;
			while (($l = <$c>) =~ /\S/) { $head .= $l; $n = $1 if $l =~ /^content-length: (\d+)/i }
			read $c, $body, $n;
			$up = IO::Socket::INET->new($ENV{TO}) or die;
			print $up "${head}Connection: close\r\n\r\n$body";
			local $/; $_ = <$up>;
			eval $ENV{EDIT}; die $@ if $@;
			print $c $_; close $c;
		}' >"$DIR/port" 3>&- &
	PIDS+=("$!")
	until_true 10 test -s "$DIR/port"
	rm -rf "$WM_CONFIG_DIR"
	"$WM" mesh add "http://127.0.0.1:$(cat "$DIR/port")" "$MASTER"
	rm "$DIR/port"
}

@test "import behind proxies that make tags weak, lengthen them or leave them out" {
	filled
	"$WM" export "$DIR/was"
	jq '.devices = []' "$DIR/was" >"$DIR/wish"
	for edit in '1' 's/^(etag: )"/$1W\/"/im' 's/^(etag: ".*)"/$1-gzip"/im' 's/^etag: .*\r\n//im'; do
		proxied "$edit"
		"$WM" import "$DIR/wish" --yes | grep -q '^done: '
		not grep -q laptop <("$WM" list)
		"$WM" import "$DIR/was" --yes | grep -q '^done: '
		"$WM" export | cmp - "$DIR/was"
		# What has changed meanwhile is seen all the same.
		on_terminal "'$WM' import '$DIR/wish'"
		shows 'Do it\?'
		api PATCH /v1/hosts/nas.b '{"local_ip":"192.168.1.77"}' >"$DIR/out"
		echo y >&7
		shows 'the mesh has changed since the plan was made; import again'
		shows 'exit=1'
		api PATCH /v1/hosts/nas.b '{"local_ip":"192.168.1.10"}' >"$DIR/out"
	done
}
