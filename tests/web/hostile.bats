#!/usr/bin/env bats
# A gateway's report, a token's label, a mesh's name may hold any text. It is shown, and does nothing.
# time limit: 240 s

load rig

EVIL='<img src=x onerror="document.title=666"><script>document.title=666</script><b id=evil>'

@test "text that would be a page's own is shown as it is, everywhere, and runs nothing" {
	local view text mine
	stop
	start --mesh-name '<b id=evil>&lt;"'
	text=$(jq -n --arg evil "$EVIL" '$evil + "\"\u0027`${1}{{1}}&lt;&amp;\u202egpj\u200f"')
	ok POST /v1/tokens '{"role":"admin","name":"<b id=evil onclick=x()>\u202egpj\u200f&lt;"}'
	mine=$(jq -r .token <<<"$BODY")
	TOKEN=$mine ok PATCH /v1/hosts/nas.b '{"local_ip":"192.168.1.99"}'
	report b "\"problem\":$text,\"dataplane_note\":$text,\"version\":\"<b id=evil>\""
	ok GET /v1/status
	is '.sites[0].problem | contains("onerror")' true # it got there
	sign_in "$mine"
	sees '#mesh' '<b id=evil>&lt;"'
	sees '#who' '<b id=evil onclick=x()>'
	sees '#attention li[data-about]' '<img src=x onerror='
	for view in sites history tokens overview; do
		go $view
		harmless
	done
	go tokens
	sees 'tr[data-key]' '<b id=evil onclick=x()>'
	go history
	sees 'tr[data-key]' '<b id=evil onclick=x()>' 192.168.1.99
	visit "$URL/#/site/b"
	sees 'main[data-view=site]' '<img src=x'
	harmless
	quiet
}
harmless() {
	now '!document.querySelector("#evil, img, script:not([src]), iframe, object, embed, svg script") && !document.title.includes("666")'
	healthy
}

@test "very long words break no layout" {
	local long view
	long=$(printf 'W%.0s' {1..255})
	ok POST /v1/tokens "{\"role\":\"read\",\"name\":\"${long:0:60}\"}"
	ok POST /v1/sites "{\"domain\":\"${long:0:0}$(printf 'x%.0s' {1..63})\"}"
	ok POST /v1/hosts "{\"name\":\"$(printf 'y%.0s' {1..63})\",\"domain\":\"$(printf 'x%.0s' {1..63})\",\"local_ip\":\"192.168.1.10\"}"
	report b "\"problem\":\"$long\",\"dataplane_note\":\"${long:0:159}\""
	sign_in
	for width in 390 1280; do
		width $width
		for view in overview sites hosts history tokens; do
			go $view
			healthy
		done
		visit "$URL/#/site/b"
		sees 'main[data-view=site]' WWWWW
		healthy
	done
	quiet
}

@test "an address that somebody was sent shows nothing else and does nothing" {
	local at
	ok POST /v1/sites '{"domain":"constructor"}'
	ok POST /v1/hosts '{"name":"valueof","domain":"constructor","local_ip":"192.168.1.10"}'
	ok POST /v1/devices '{"name":"constructor"}'
	sign_in
	visit "$URL/#/site/constructor"
	sees 'main[data-view=site]' 172.30.3.0/24 valueof
	go devices
	row constructor
	for at in '#/site/none' '#/site/<img%20src=x%20onerror=alert(1)>' '#/site/..%2f..%2fv1%2fexport' '#/nothing' '#/site/%' '#/__proto__' '#/constructor' '#' '#//' \
		'?token=abc#/hosts'; do
		visit "$URL/$at"
		sees 'main[data-view]'
		now 'document.querySelector("main").innerText.trim().length > 0'
		harmless
	done
	quiet 'SEVERE network: .* 404 .*'
	ok GET /v1/hosts
	is '.hosts | length' 3
}

TRY='dispatchEvent(new Event("online")), ' # at once, not when it would have
@test "an answer that is no JSON, or of another shape, stops nothing for good" {
	local body
	sign_in
	sees '#link[data-state=live]'
	stop
	for body in '<html>Bad gateway' null '[[]]' '{"mesh":{}}'; do
		nsenter -t "$BROWSER" -n -- perl -MIO::Socket::INET -e '
			my ($at, $body) = @ARGV;
			my $s = IO::Socket::INET->new(LocalAddr => $at, Listen => 9, ReuseAddr => 1) or die "$!";
			while (my $c = $s->accept) {
				while (my $l = <$c>) { last if $l =~ /^\r?\n/ }
				print $c "HTTP/1.1 200 OK\r\nContent-Length: ", 1 + length $body, "\r\nConnection: close\r\n\r\n$body\n";
			}' "${URL#http://}" "$body" 3>&- 8>&- 9>&- &
		PID=$!
		echo "$PID" >>"$D/pids"
		page "$TRY"'/answer (is not understood|broke off)/.test($("#link[data-state=away]")?.innerText)'
		stop KILL
		page "$TRY"'/cannot be reached/.test($("#link[data-state=away]")?.innerText)'
	done
	start --listen "${URL#http://}"
	page "$TRY"'$("#link[data-state=live]")'
	go hosts
	row nas.b
	quiet 'SEVERE network: .*'
}
