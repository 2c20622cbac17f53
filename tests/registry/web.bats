#!/usr/bin/env bats
# How the dashboard's files are given out: to everybody, and so that a browser runs nothing else in them.
# time limit: 60 s

load registry

WEB=$BATS_TEST_DIRNAME/../../registry/web

setup() {
	start
	TOKEN=
}

sum() { sha256sum | cut -d ' ' -f 1; }

header() { sed -n "s/^$1: \(.*\)\r\$/\1/Ip" "$D/head"; }

# fetch PATH [CURL OPTION]...: the body into $D/got as it is
fetch() {
	: >"$D/got" # which curl leaves alone where there is no body
	CODE=$(curl -sS -m "$LIMIT" -o "$D/got" -D "$D/head" -w '%{http_code}' "${@:2}" "$URL$1")
	BODY=$(cat "$D/got")
}

# guarded: what was fetched is with the headers that hold a browser to our own files
guarded() {
	[ "$(header Content-Security-Policy)" = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" ]
	[ "$(header X-Content-Type-Options)" = nosniff ]
	[ "$(header Referrer-Policy)" = no-referrer ]
	[ "$(header Cache-Control)" = no-cache ]
}

@test "every file is served as it is in registry/web/, by type, guarded, and not twice" {
	local file path type
	for file in "$WEB"/*; do
		path=/web/${file##*/}
		case $file in
		*/index.html) path=/ type='text/html; charset=utf-8' ;;
		*.js) type='text/javascript; charset=utf-8' ;;
		*.css) type='text/css; charset=utf-8' ;;
		*.svg) type='image/svg+xml' ;;
		esac
		fetch "$path"
		code 200
		cmp "$file" "$D/got"
		[ "$(header Content-Type)" = "$type" ]
		[ "$(header ETag)" = "\"$(sum <"$file")\"" ]
		guarded
		fetch "$path" -H "If-None-Match: \"$(sum <"$file")\""
		code 304
		[ ! -s "$D/got" ]
		guarded
		fetch "$path" -H 'If-None-Match: "other"'
		code 200
		fetch "$path" -I
		code 200
		[ "$(header Content-Length)" = "$(stat -c %s "$file")" ]
		guarded
	done
}

@test "what is not among them is a 404, and nothing is written to there" {
	for path in /web/ /web/none.js /web/index.html /web/../web/main.js /web/main.js/ /web/%6dain.js /index.html; do
		fetch "$path" --path-as-is
		problem 404
	done
	fetch / -X POST
	problem 405
	[ "$(header Allow)" = GET ]
}

@test "the page has nothing in it that its policy would not let run, and needs nobody but the registry" {
	not grep -nE '<script[^>]*>[^<]|<style|style=| on[a-z]+=|javascript:' "$WEB/index.html"
	not grep -nE '(src|href)="(https?:)?//' "$WEB/index.html"
	not grep -nE '\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|new Function|localStorage|cookie)\b' "$WEB"/*.js
	not grep -nE '^(import|export) .*from "(https?:)?//' "$WEB"/*.js
}
