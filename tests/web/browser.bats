#!/usr/bin/env bats
# The browser that the other tests here use, on pages of their own: what it does, and that it tells when something is wrong.
# time limit: 180 s

load browser

setup_file() { browser_up; }
teardown_file() { browser_down; }
setup() {
	D=$BATS_TEST_TMPDIR
	FIRST=$BROWSER
	tab_up
}
teardown() {
	tab_down
	[ "$BROWSER" = "$FIRST" ] || browser_down
}

not() { ! "$@"; }

open_page() { # NAME; HTML on stdin
	cat >"$D/$1.html"
	visit "file://$D/$1.html"
}

@test "a page is opened, read, typed into and clicked" {
	open_page form <<-'END'
		<!DOCTYPE html><title>t</title><p id=hidden hidden>not to be seen</p>
		<label>Name <input id=name value=old></label><button id=go>Go</button><p id=said></p>
		<script>go.onclick = () => setTimeout(() => said.textContent = "Hello, " + document.getElementById("name").value, 300)</script>
	END
	sees button Go
	misses '#hidden'
	enter '#name' 'Zoë "x" \n $HOME'
	click '#go'
	sees '#said' 'Hello, Zoë "x" \n $HOME'
	append '#name' '!'
	now '$("#name").value.endsWith("HOME!")'
	quiet
}

@test "keys go to what has the focus" {
	open_page keys <<-'END'
		<!DOCTYPE html><title>t</title><form id=f><input id=a><input id=b><button>Go</button></form><p id=said></p>
		<script>f.onsubmit = e => { e.preventDefault(); said.textContent = a.value + "/" + b.value }</script>
	END
	press Tab one Tab 'two three' Enter
	sees '#said' 'one/two three'
}

@test "what does not come true within the limit fails, and says what the page shows" {
	open_page still <<<'<!DOCTYPE html><title>t</title><p>nothing happens here</p>'
	LIMIT=1
	run sees '#none'
	[ "$status" != 0 ]
	[[ $output == *"nothing happens here"* ]]
	run click '#none'
	[ "$status" != 0 ]
	run now '$("p").innerText === "else"'
	[ "$status" != 0 ]
	run visit http://127.0.0.1:9514/
	[ "$status" != 0 ]
}

@test "errors of a page, what it logs, and what its policy forbids are noticed" {
	open_page bad <<<'<!DOCTYPE html><title>t</title><script>nothing.at.all()</script>'
	run quiet
	[ "$status" != 0 ]
	[[ $output == *"SEVERE javascript: "*"nothing is not defined"* ]]
	quiet # told once

	open_page logs <<<'<!DOCTYPE html><title>t</title><script>console.warn("look here")</script>'
	run quiet
	[ "$status" != 0 ]
	[[ $output == *"look here"* ]]

	open_page policy <<-'END'
		<!DOCTYPE html><meta http-equiv=Content-Security-Policy content="default-src 'none'"><title>t</title><p onclick="a">b</p><script>document.title = "ran"</script>
	END
	now 'document.title === "t"'
	run quiet 'WARNING .*'
	[ "$status" != 0 ]
	[[ $output == *"Content Security Policy"* ]]
}

@test "a tab does not know what the one before has kept" {
	open_page keep <<<'<!DOCTYPE html><title>t</title>'
	js 'sessionStorage.token = "secret"'
	now 'sessionStorage.token === "secret"'
	web tab
	visit "file://$D/keep.html"
	now 'sessionStorage.token === undefined'
	web wd GET /window/handles
	[ "$(jq length <<<"$VALUE")" = 1 ]
}

@test "it can be narrow, dark, and photographed" {
	open_page narrow <<<'<!DOCTYPE html><meta name=viewport content="width=device-width"><title>t</title><style>@media (prefers-color-scheme: dark) { p { color: red } }</style><p>x</p>'
	width 390
	now 'innerWidth === 390'
	scheme dark
	now 'getComputedStyle($("p")).color === "rgb(255, 0, 0)"'
	shot "$D/page.png"
	[ "$(head -c 8 "$D/page.png" | od -An -tx1 | tr -d ' ')" = 89504e470d0a1a0a ]
}

@test "it speaks to nobody outside" {
	local before
	before=$(went_out)
	[ "$before" = 0 ]
	inside ping -c 1 -W 1 192.0.2.53 >"$D/ping" || true
	[ "$(went_out)" -gt 0 ] # it would have been counted
}

@test "all of it ends" {
	tab_down
	BATS_FILE_TMPDIR=$D/other browser_up
	[ "$(lsns -nt pid -p "$(pgrep -P "$BROWSER")" -o NPROCS | tr -d ' ')" -gt 2 ]
	browser_down
	not pgrep -f "$D/other"
}
