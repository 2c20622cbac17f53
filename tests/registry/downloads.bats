#!/usr/bin/env bats
# What everybody may have: the scripts of setup/, and the files of --downloads DIR.
# time limit: 120 s

load registry

setup() {
	mkdir "$D/pub"
	TOKEN=
}

sum() { sha256sum | cut -d ' ' -f 1; }

# fetch PATH [CURL OPTION]...: the body into $D/got as it is
fetch() {
	: >"$D/got" # which curl leaves alone where there is no body
	CODE=$(curl -sS -m "$LIMIT" -o "$D/got" -D "$D/head" -w '%{http_code}' "${@:2}" "$URL$1")
	BODY=$(tr -d '\0' <"$D/got")
}

etag() { sed -n 's/^etag: \(.*\)\r$/\1/Ip' "$D/head"; }

# as_in DIR: the server gives out the scripts of DIR, and no others
as_in() {
	local list file name url
	ok GET /v1/downloads
	list=$BODY
	BODY=$list is '[.files[] | select(.path | startswith("/setup/"))] | length' "$(find "$1" -name '*.sh' | wc -l)"
	for file in "$1"/*.sh; do
		[ -e "$file" ] || continue
		name=$(basename "$file" .sh)
		BODY=$list is ".files[] | select(.path == \"/setup/$name\") | [.name, .size, .sha256] | map(tostring) | join(\" \")" \
			"$name $(stat -c %s "$file") $(sum <"$file")"
		for url in "/setup/$name" $([ "$name" != device ] || echo /setup); do
			fetch "$url"
			code 200
			cmp "$file" "$D/got"
			grep -qi '^content-type: text/x-shellscript' "$D/head"
			[ "$(etag)" = "\"$(sum <"$file")\"" ]
			fetch "$url" -H "If-None-Match: $(etag)"
			code 304
			[ ! -s "$D/got" ]
			fetch "$url" -H 'If-None-Match: "other"'
			code 200
		done
	done
}

@test "scripts are served as they are in setup/, with their hash" {
	start
	as_in "$BATS_TEST_DIRNAME/../../setup"
}

@test "so are others that are there when it is built" {
	REGISTRY=$PWD/${B:-build}/tests/registry/embedded
	start
	as_in "$BATS_TEST_DIRNAME/embedded/setup"
	[ "$(WM_MESH_NAME=home sh "$D/got")" = 'host of home' ]
}

@test "a script that is not there is a 404 that says so, and so is a download" {
	start
	for path in /setup/none /setup/.. /setup/host.sh /downloads/none /downloads/..; do
		fetch $path --path-as-is
		problem 404
		is '.detail | test("/v1/downloads")' true
	done
	[ -e "$BATS_TEST_DIRNAME/../../setup/device.sh" ] || { fetch /setup; problem 404; is '.detail | test("device")' true; }
}

@test "the files of a directory are listed with their hashes, and given out unchanged" {
	head -c 3000000 /dev/urandom >"$D/pub/wm-gateway-0.1.0"
	printf 'one\n' >"$D/pub/a.txt"
	: >"$D/pub/empty"
	start --downloads "$D/pub"
	ok GET /v1/downloads
	is '[.files[] | select(.path | startswith("/downloads/")) | .name] | join(" ")' 'a.txt empty wm-gateway-0.1.0'
	for name in a.txt empty wm-gateway-0.1.0; do
		ok GET /v1/downloads
		is ".files[] | select(.name == \"$name\") | [.size, .sha256, .path] | map(tostring) | join(\" \")" \
			"$(stat -c %s "$D/pub/$name") $(sum <"$D/pub/$name") /downloads/$name"
		fetch "/downloads/$name"
		code 200
		cmp "$D/pub/$name" "$D/got"
		fetch "/downloads/$name" -H "If-None-Match: $(etag)"
		code 304
	done
	# Another file under the same name is another.
	fetch /downloads/a.txt
	before=$(etag)
	printf 'two\n' >"$D/pub/new" && mv "$D/pub/new" "$D/pub/a.txt"
	fetch /downloads/a.txt -H "If-None-Match: $before"
	code 200
	[ "$BODY" = two ]
	ok GET /v1/downloads
	is '.files[] | select(.name == "a.txt").sha256' "$(echo two | sum)"
	rm "$D/pub/a.txt"
	fetch /downloads/a.txt
	problem 404
	ok GET /v1/downloads
	is '[.files[] | select(.path | startswith("/downloads/"))] | length' 2
}

@test "nothing but regular files directly in the directory" {
	mkdir "$D/pub/sub"
	echo secret >"$D/secret"
	echo secret >"$D/pub/sub/secret"
	echo secret >"$D/pub/.hidden"
	echo secret >"$D/pub/-dash"
	echo secret >"$D/pub/a b"
	printf secret >"$D/pub/"$'a"b'
	ln -s ../secret "$D/pub/link"
	ln -s . "$D/pub/dot"
	mkfifo "$D/pub/pipe"
	ln -s /etc "$D/pub/etc"
	start --downloads "$D/pub"
	ok GET /v1/downloads
	is '[.files[] | select(.path | startswith("/downloads/"))] | length' 0
	for path in /downloads/link /downloads/sub /downloads/sub/secret /downloads/.hidden /downloads/-dash /downloads/../secret \
		/downloads/%2e%2e%2fsecret /downloads/..%2fsecret '/downloads/a%20b' /downloads/dot /downloads/dot/../../secret /downloads/pipe /downloads/etc \
		/downloads/etc/passwd /downloads/ /downloads /downloads//etc/passwd "/downloads/$(printf 'x%.0s' {1..200})"; do
		fetch "$path" --path-as-is
		[ "$CODE" = 404 ] || [ "$CODE" = 401 ] || fails "for $path"
		[[ $BODY != *secret ]] || fails "for $path"
	done
}

@test "a directory that is not there is refused at the start" {
	run env "${CLEAN[@]}" WM_REGISTRY_TOKEN=$ADMIN WM_REGISTRY_DOWNLOADS="$D/none" "$REGISTRY" serve --data "$D/data" --listen 127.0.0.1:0
	[ "$status" = 1 ]
	[[ $output == *"$D/none"*"make it, or leave out --downloads"* ]]
}

# bytes that the server has read from files since it was started
has_read() { sed -n 's/^rchar: //p' "/proc/$PID/io"; }

@test "who asks while a file is being hashed waits for that, and does not hash it again" {
	truncate -s 64M "$D/pub/large"
	echo small >"$D/pub/small"
	start --downloads "$D/pub"
	before=$(has_read)
	for n in {1..20}; do
		curl -sS -f -m $((3 * LIMIT)) -o "$D/list-$n" "$URL/v1/downloads" 3>&- &
		echo $! >>"$D/pids"
		pids[n]=$!
	done
	# One that goes away in the middle takes nothing with it.
	curl -sS -m 0.1 -o /dev/null "$URL/v1/downloads" || true
	for n in {1..20}; do
		wait "${pids[n]}"
		BODY=$(cat "$D/list-$n")
		is '[.files[] | select(.path | startswith("/downloads/")) | .sha256] | join(" ")' \
			"$(sum <"$D/pub/large") $(sum <"$D/pub/small")"
	done
	[ $(($(has_read) - before)) -lt $((65 * 1024 * 1024)) ]
}

@test "the hashes of a thousand files are remembered, and new files are seen" {
	mkdir "$D/parts"
	for n in {1001..2000}; do printf '%02000d' "$n" >"$D/pub/f$n"; done
	start --downloads "$D/pub"
	ok GET /v1/downloads
	is '[.files[] | select(.path | startswith("/downloads/"))] | length' 1000
	first=$BODY
	before=$(has_read)
	for n in {1..5}; do
		ok GET /v1/downloads
		[ "$BODY" = "$first" ]
	done
	[ $(($(has_read) - before)) -lt 1000000 ]
	rm "$D/pub"/f1[0-4]*
	echo new >"$D/parts/new" && mv "$D/parts/new" "$D/pub/f1999"
	ok GET /v1/downloads
	is '[.files[] | select(.path | startswith("/downloads/"))] | length' 501
	is '.files[] | select(.name == "f1999").sha256' "$(echo new | sum)"
	is '.files[] | select(.name == "f1500").sha256' "$(sum <"$D/pub/f1500")"
}

@test "a large file does not hold up others while it is hashed" {
	truncate -s 2G "$D/pub/large"
	start --downloads "$D/pub"
	curl -sS -m $((6 * LIMIT)) "$URL/v1/downloads" >"$D/list" 3>&- &
	echo $! >>"$D/pids"
	LISTING=$!
	for n in {1..20}; do
		ok GET /health
	done
	kill -0 "$LISTING" # the list was still being made, while twenty others had their answer
	kill "$LISTING"
	wait "$LISTING" || true
	ok GET /health
}
