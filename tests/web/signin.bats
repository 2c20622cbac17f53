#!/usr/bin/env bats
# Who is let into the dashboard, what becomes of the token, and what the pages may do.
# time limit: 240 s

load rig

@test "an admin is told who he is and in which mesh; the console stays quiet" {
	stop
	start --mesh-name acme
	sign_in
	sees body acme
	sees body admin
	sees '#link[data-state=live]'
	quiet
}

@test "a wrong token, or none, is refused with the reason" {
	visit "$URL/"
	token "wma_$(printf 'x%.0s' {1..43})"
	sees '#signin-error' 'does not accept this token'
	now '!Object.values(sessionStorage).some(v => v.includes("xxxxx"))'
	token 'tökén of mine'
	sees '#signin-error' 'no token'
	stop
	token "$ADMIN"
	sees '#signin-error' 'cannot be reached'
	start --listen "${URL#http://}"
	token "$ADMIN"
	sees 'main[data-view=overview]'
	misses '#signin-error'
	quiet 'SEVERE network: .*'
}

@test "tokens of machines are told what to use instead" {
	local join
	ok POST /v1/enrolments '{"kind":"gateway","name":"b"}'
	join=$(jq -r .token <<<"$BODY")
	for other in "$(new_token gateway b)" "$(new_token device laptop)" "$join"; do
		visit "$URL/"
		reload
		token "$other"
		sees '#signin-error' read
		now '!Object.values(sessionStorage).join().includes(arguments[0])' "$other"
	done
}

@test "a reader sees every view, and in none of them a button that changes something" {
	local view
	report b '"problem":"eth9 is not there"'
	sign_in "$(new_token read eyes)"
	sees body eyes
	for view in overview sites hosts devices history; do
		go $view
		now '$$("main, table, ul").length > 0'
		now '$$("button[data-do]").every(b => b.dataset.do === "signout")'
		healthy
	done
	visit "$URL/#/site/b"
	sees 'main[data-view=site]' 'eth9 is not there'
	now '$$("button[data-do]").every(b => b.dataset.do === "signout")'
	quiet
}

@test "the token is in this tab only, and gone when one signs out" {
	visit "$URL/"
	sees '#signin'
	now '$("#token").type === "password" && !$("#token").name' # no form of a browser's own sends it
	sign_in
	for view in sites hosts history; do go $view; done
	now '!location.href.includes(arguments[0])' "$ADMIN"
	now 'localStorage.length === 0 && document.cookie === ""'
	now '!document.documentElement.outerHTML.includes(arguments[0])' "$ADMIN"
	now 'performance.getEntriesByType("resource").every(r => !r.name.includes(arguments[0]))' "$ADMIN"
	reload
	sees 'main[data-view=history]' # the tab has it still
	button signout
	sees '#signin'
	now 'sessionStorage.length === 0 || !Object.values(sessionStorage).join().includes(arguments[0])' "$ADMIN"
	now '$("#token").value === ""'
	go_back
	sees '#signin'
	misses 'tr[data-key]'
	reload
	sees '#signin'
	not grep -qF "$ADMIN" "$D/log"
}

@test "a token that ends while it is used leads back to the sign-in, with the reason" {
	local mine
	mine=$(new_token read eyes)
	sign_in "$mine"
	ok GET /v1/tokens
	ok DELETE "/v1/tokens/$(jq '.tokens[] | select(.name == "eyes").id' <<<"$BODY")"
	sees '#signin-error' revoked
	now '!Object.values(sessionStorage).join().includes(arguments[0])' "$mine"
	misses 'tr[data-key], #attention'
}

@test "headers: what the pages may do is little, and nothing is of another host or inline" {
	local path paths
	sign_in
	js 'return performance.getEntriesByType("resource").map(r => new URL(r.name)).filter(u => u.host !== location.host).map(String)'
	[ "$VALUE" = '[]' ]
	js 'return ["/"].concat([...document.querySelectorAll("script[src], link[rel=stylesheet]")].map(e => new URL(e.src || e.href).pathname))'
	paths=$(jq -r '.[]' <<<"$VALUE")
	[ "$(wc -l <<<"$paths")" -ge 3 ]
	for path in $paths; do
		TOKEN='' api GET "$path"
		code 200
		has "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
		has 'x-content-type-options: nosniff'
		has 'referrer-policy: no-referrer'
		has 'cache-control: no-cache'
		grep -qi '^etag: "' "$D/head" || fails "$path has no ETag"
	done
	# The policy is in force, not only there.
	js 'const s = document.createElement("script"); s.textContent = "document.title = \"run\""; document.body.append(s);
		document.body.insertAdjacentHTML("beforeend", "<p id=on onclick=\"document.title = 1\">x</p>"); document.querySelector("#on").click()'
	now '!["run", "1"].includes(document.title)'
	run quiet
	[ "$status" != 0 ]
}
has() { tr -d '\r' <"$D/head" | grep -qixF "$1" || fails "no header '$1'" "$(cat "$D/head")"; }

@test "by keyboard alone: sign in, add a host, and where the focus is can be seen" {
	visit "$URL/"
	sees '#signin'
	tab_to '#token'
	press "$ADMIN" Enter
	sees 'main[data-view=overview]'
	tab_to 'nav a[href="#/hosts"]'
	press Enter
	sees 'main[data-view=hosts]'
	tab_to 'button[data-do=add-host]'
	press Enter
	sees 'dialog[open]'
	tab_to 'dialog[open] [name=name]'
	press printer
	tab_to 'dialog[open] [name=domain]'
	press b
	tab_to 'dialog[open] [name=local_ip]'
	press 192.168.1.40
	tab_to 'dialog[open] button[type=submit]'
	press Enter
	closed
	row printer.b 192.168.1.40
	now 'document.activeElement !== document.body'
	in_api /v1/hosts/printer.b .local_ip 192.168.1.40
	tab_to 'button[data-do=add-host]'
	press Enter
	sees 'dialog[open]'
	press Escape
	closed
	now 'document.activeElement.dataset.do === "add-host"'
}
# Where the focus is already, or gets by the Tab key.
tab_to() { # CSS
	local n
	for ((n = 0; n < 80; n++)); do
		js 'return document.activeElement.matches(arguments[0])' "$1" && [ "$VALUE" = true ] && break
		press Tab
	done
	now 'document.activeElement.matches(arguments[0])' "$1"
	now 'document.activeElement.matches(":focus-visible") && ["outlineStyle", "boxShadow"].some(p => getComputedStyle(document.activeElement)[p] !== "none")'
}

@test "nobody outside was spoken to" {
	sign_in
	[ "$(went_out)" = 0 ]
}
