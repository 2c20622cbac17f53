#!/usr/bin/env bats
# What the dashboard shows is what the registry has, by itself and in time; and its judgement is that of `wm check`.
# time limit: 300 s

load rig

@test "each view shows what is there" {
	report b "\"dataplane\":\"nft\",\"dataplane_note\":\"BPF: no bpffs here\",\"peers\":[$(peer site hub "\"$(ago 30)\"")],
		\"hosts\":[{\"name\":\"nas\",\"rx_packets\":11,\"rx_bytes\":2222,\"tx_packets\":33,\"tx_bytes\":4444}]"
	sign_in
	sees 'main[data-view=overview]' 172.30.0.0/16 "$(generation)"
	healthy
	go sites
	row b 172.30.2.0/24 198.51.100.2:51820 nft
	row hub 172.30.1.0/24 hub
	healthy
	go hosts
	row nas.b 172.30.2.2 192.168.1.10 02:00:00:00:00:10 standard
	row web.hub 10.0.0.5
	healthy
	go devices
	row laptop 172.30.1.3 roaming
	healthy
	go history
	page '$$("tr[data-key]").length >= 5'
	sees 'tr[data-key]' nas
	healthy
	go tokens
	sees 'tr[data-key]' gateway b
	healthy
	go_back
	sees 'main[data-view=history]'
	now 'document.title.includes("History")'
	visit "$URL/#/site/b"
	sees 'main[data-view=site]' 'BPF: no bpffs here' 198.51.100.2:51820 nas hub 1.2.3
	healthy
	quiet
}
peer() { echo "{\"kind\":\"$1\",\"name\":\"$2\",\"handshake\":${3:-null},\"rx\":2048,\"tx\":5}"; }

@test "all views fit a phone, in both colour schemes, and can be read" {
	local view
	report b '"problem":"eth9 is not there, and a-very-long-word-without-any-place-to-break-it-stands-here-in-the-text-of-it"'
	sign_in
	width 390 800
	for view in overview sites hosts devices history tokens; do
		click "nav a[href=\"#/$view\"]"
		sees "main[data-view=$view]"
		healthy
	done
	go devices
	button add-device
	sees 'dialog[open]'
	healthy
	now '(r => r.left >= 0 && r.right <= innerWidth)($("dialog").getBoundingClientRect())'
	field name phone
	submit
	sees '[data-secret]' curl
	healthy
	now '(r => r.left >= 0 && r.right <= innerWidth)($("dialog").getBoundingClientRect())'
	button done
	visit "$URL/#/site/b"
	sees 'main[data-view=site]' 'eth9 is not there'
	healthy
	for view in overview sites history; do
		go $view
		scheme dark
		page 'light(behind(document.body)) < 0.2 && !faint().length'
		scheme light
		page 'light(behind(document.body)) > 0.7 && !faint().length'
	done
	quiet
}

# todo: what is to be said of the mesh, by wm check and by the dashboard
attention() { # both lists, as lines "object: what", figures and ages apart
	operator check -j >"$D/check.json" || true
	jq -r '.meshes[0].checks[] | select(.state == "wrong" and (.check | IN("gateway", "clock", "handshake", "config", "endpoint"))) |
		"\(.object): \(.what)"' "$D/check.json" | sed 's/[0-9]\+ \(s\|min\|h\|days\)\b/AGE/g' | sort >"$D/cli"
	js 'return [...document.querySelectorAll("#attention li[data-about]")].map(li => li.dataset.about + ": " + li.innerText.replace(/\s+/g, " ")).join("\n")'
	sed 's/[0-9]\+ \(s\|min\|h\|days\)\b/AGE/g' <<<"$VALUE" | sort >"$D/page"
}

@test "what needs attention is what wm check calls wrong, in its words" {
	local object what n
	ok POST /v1/sites '{"domain":"never"}'
	ok POST /v1/sites '{"domain":"silent"}'
	ok POST /v1/sites '{"domain":"clock"}'
	ok POST /v1/sites '{"domain":"old"}'
	ok PATCH /v1/sites/hub '{"endpoint":null}'
	ok PATCH /v1/sites/b '{"endpoint":null}'
	enrolled silent 3
	enrolled clock 4
	enrolled old 5
	report old
	ok POST /v1/hosts '{"name":"more","domain":"b","local_ip":"192.168.1.77"}'
	report hub
	report b "\"problem\":\"eth9 is not there\",\"peers\":[$(peer site hub),$(peer site clock "\"$(ago 4000)\"")]"
	report clock '"clock":"2016-01-02T03:04:05Z"'
	connected
	sign_in
	sees '#attention li[data-about]'
	attention
	[ "$(wc -l <"$D/cli")" -ge 6 ]
	while IFS= read -r line; do
		object=${line%%: *} what=${line#*: }
		grep -F "$object" "$D/page" | grep -qF "$what" || fails "wm check says '$line', the page only:" "$(cat "$D/page")"
	done <"$D/cli"
	# Nor does the page make more of it: a line about nobody of whom wm check has none.
	js 'return [...new Set([...document.querySelectorAll("#attention li[data-about]")].map(li => li.dataset.about))].join("\n")'
	for object in $VALUE; do
		jq -e --arg o "$object" 'any(.meshes[0].checks[]; .state != "ok" and (.object | contains($o)))' "$D/check.json" >/dev/null ||
			fails "only the page says something of $object:" "$(cat "$D/page")"
	done
	quiet
}

@test "when all is well it says so" {
	report hub
	report b "\"peers\":[$(peer site hub "\"$(ago 20)\"")]"
	sign_in
	sees 'main[data-view=overview]' 'Nothing is wrong'
	misses '#attention li'
	quiet
}

@test "what a person is at stays as it is while things change" {
	sign_in
	go hosts
	enter 'input[type=search]' nas
	no_row web.hub
	js 'document.querySelector("button[data-do=edit-host]").focus()'
	ok POST /v1/hosts '{"name":"nas2","domain":"b","local_ip":"192.168.1.40"}'
	row nas2.b
	no_row web.hub
	now 'document.activeElement.dataset.do === "edit-host" && $("input[type=search]").value === "nas"'
	of_row nas.b edit-host
	field local_ip 192.168.1.50
	ok POST /v1/hosts '{"name":"nas3","domain":"b","local_ip":"192.168.1.41"}'
	page 'document.querySelector("tr[data-key=\"nas3.b\"]")'
	now '$("dialog[open] [name=local_ip]").value === "192.168.1.50"'
	now 'document.activeElement.name === "local_ip"'
	quiet
}

@test "a browser whose clock is wrong judges by the registry's" {
	report hub
	report b
	web cdp Page.addScriptToEvaluateOnNewDocument '{"source": "const now = Date.now; Date.now = () => now() + 86400e3"}'
	sign_in
	sees 'main[data-view=overview]' 'Nothing is wrong'
	go sites
	row b ' ago'
	now '!/ (h|days) ago/.test($("tr[data-key=b]").innerText)'
	quiet
}

@test "a change that is made elsewhere appears by itself, and so does a report" {
	sign_in
	go hosts
	row nas.b
	no_row printer.b
	ok POST /v1/hosts '{"name":"printer","domain":"b","local_ip":"192.168.1.40"}'
	row printer.b 192.168.1.40
	page 'document.querySelector("[aria-live]").textContent.includes("printer.b")' # who does not see it is told
	ok PATCH /v1/hosts/printer.b '{"local_ip":"192.168.1.41"}'
	row printer.b 192.168.1.41
	ok DELETE /v1/hosts/printer.b
	no_row printer.b
	go overview
	report b '"problem":"eth9 is not there"'
	sees '#attention li[data-about]' 'eth9 is not there'
	report b
	page '!document.querySelector("#attention").innerText.includes("eth9")'
	quiet
}

@test "it waits for what is new with one request, and with none while nobody looks" {
	local mine
	sign_in
	go hosts
	waiting 1
	web wd GET /window
	mine=$VALUE
	web wd POST /window/new '{"type":"tab"}'
	web wd POST /window "{\"handle\":\"$(jq -r .handle <<<"$VALUE")\"}"
	web cdp Page.bringToFront '{}'
	waiting 0
	ok POST /v1/hosts '{"name":"printer","domain":"b","local_ip":"192.168.1.40"}'
	web wd DELETE /window
	web wd POST /window "{\"handle\":\"$mine\"}"
	web cdp Page.bringToFront '{}'
	row printer.b
	sees '#link[data-state=live]'
	waiting 1
	button signout
	waiting 0
	quiet
}
waiting() { # N: until so many clients wait at the registry
	local n
	for ((n = 0; n < LIMIT * 10; n++)); do
		ok GET /metrics
		! grep -qx "wm_registry_waiting_clients $1" <<<"$BODY" || return 0
		sleep 0.1
	done
	fails "not $1 waiting"
}

@test "tables are sorted and filtered as one asks" {
	ok POST /v1/hosts '{"name":"aaa","domain":"hub","local_ip":"10.0.0.40","type":"isolated"}'
	ok POST /v1/hosts '{"name":"zzz","domain":"b","local_ip":"192.168.1.9"}'
	sign_in
	go hosts
	ordered 'web aaa nas zzz' # by overlay address
	click 'th[data-column=name] button'
	ordered 'aaa nas web zzz'
	sees 'th[aria-sort=ascending]' Host
	click 'th[data-column=name] button'
	ordered 'zzz web nas aaa'
	sees 'th[aria-sort=descending]' Host
	click 'th[data-column=local_ip] button'
	ordered 'web aaa zzz nas' # as numbers
	choose 'select[aria-label="All sites"]' b
	ordered 'zzz nas'
	choose 'select[aria-label="All sites"]' ''
	choose 'select[aria-label="All types"]' isolated
	ordered aaa
	enter 'input[type=search]' nas
	misses 'tr[data-key]'
	quiet
}
ordered() { page '$$("tr[data-key]").map(r => r.dataset.key.split(".")[0]).join(" ") === arguments[0]' "$1"; }

@test "behind a proxy that puts it under a path, it works the same" {
	nsenter -t "$BROWSER" -n -- perl -MIO::Socket::INET -e '
		my ($to) = @ARGV;
		$SIG{CHLD} = "IGNORE";
		my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1:7070", Listen => 50, ReuseAddr => 1) or die "$!";
		while (my $c = $s->accept) {
			next if fork;
			my ($head, $body) = ("", "");
			while (my $l = <$c>) { last if $l =~ /^\r?\n/; $head .= $l unless $l =~ /^connection:/i }
			read($c, $body, $1) if $head =~ /^content-length: (\d+)/im;
			$head =~ s{^(\w+) /wm/}{$1 /} or exit print $c "HTTP/1.1 404 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
			my $r = IO::Socket::INET->new($to) or exit;
			print $r $head, "Connection: close\r\n\r\n", $body;
			while (sysread($r, my $part, 65536)) { syswrite($c, $part) }
			exit;
		}' "${URL#http://}" 3>&- 8>&- 9>&- &
	echo "$!" >>"$D/pids"
	URL=http://127.0.0.1:7070/wm sign_in
	go hosts
	row nas.b
	button add-host
	field name printer
	pick domain b
	field local_ip 192.168.1.40
	submit
	closed
	row printer.b
	go history
	sees 'tr[data-key]' printer
	reload
	sees 'main[data-view=history]'
	quiet
}

@test "a registry that is away is said to be, what was there stays, and it goes on by itself" {
	sign_in
	go hosts
	row nas.b
	sees '#link[data-state=live]'
	stop
	sees '#link[data-state=away]'
	row nas.b 192.168.1.10
	start --listen "${URL#http://}"
	ok POST /v1/hosts '{"name":"printer","domain":"b","local_ip":"192.168.1.40"}'
	sees '#link[data-state=live]'
	row printer.b
	quiet 'SEVERE network: .*'
}

@test "a registry that was put back to another mesh is followed" {
	sign_in
	go hosts
	row nas.b
	stop
	rm -r "$D/data"
	start --listen "${URL#http://}"
	ok POST /v1/sites '{"domain":"fresh"}'
	ok POST /v1/hosts '{"name":"only","domain":"fresh","local_ip":"192.168.7.7"}'
	row only.fresh
	no_row nas.b
}

@test "twenty thousand hosts: quick to search, and only some hundred of them are drawn" {
	# And a thousand sites of which each has something to say.
	perl -e 'print "{\"version\":1,\"sites\":[", join(",", map { sprintf q({"domain":"s%d","subnet":"10.%d.0.0/18","is_hub":%s}), $_, $_, $_ ? "false" : "true" } 0 .. 3),
		map({ sprintf q(,{"domain":"x%03d","subnet":"10.%d.%d.0/24"}), $_, 64 + $_ / 256, $_ % 256 } 0 .. 999),
		"],\"hosts\":[", join(",", map { sprintf q({"name":"h%05d","domain":"s%d","local_ip":"192.168.%d.%d"}), $_, $_ % 4, $_ / 4 / 250, $_ / 4 % 250 + 1 } 0 .. 19999),
		"],\"devices\":[]}"' >"$D/many.json"
	stop
	empty
	start --supernet 10.0.0.0/8
	api POST /v1/import "@$D/many.json"
	code 200
	sign_in
	sees '#attention li[data-about=x000]'
	now 'document.querySelectorAll("#attention li").length < 200'
	go sites
	row s0
	now 'document.querySelectorAll("tr").length < 1000'
	go hosts
	row h00000.s0
	now 'document.querySelectorAll("tr").length < 1000'
	sees body '20,000'
	enter 'input[type=search]' h12345
	row h12345.s1
	page '$$("tr[data-key]").length === 1'
	enter 'input[type=search]' 192.168.19.2
	page '$$("tr[data-key]").length > 0 && $$("tr[data-key]").every(r => r.innerText.includes("192.168.19.2"))'
	enter 'input[type=search]' 'nothing has this'
	misses 'tr[data-key]'
	enter 'input[type=search]' ' '
	page '$$("tr[data-key]").length > 10'
	ok DELETE /v1/hosts/h00000.s0
	no_row h00000.s0
	healthy
	now 'document.querySelectorAll("*").length < 20000'
	quiet
}

@test "without JavaScript it names the command line" {
	TOKEN='' api GET /
	code 200
	[[ ${BODY//$'\n'/ } == *'<noscript>'*'wm '*'</noscript>'* ]]
}
