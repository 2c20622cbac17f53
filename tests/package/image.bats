#!/usr/bin/env bats
# The container image of the registry: what is in it is what it says, and the registry runs in it and needs nothing else.
# time limit: 300 s

setup_file() {
	ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	BIN=$(cd "$ROOT" && realpath -m "${B:-build}")
	export ROOT BIN
	cd "$ROOT"
	IMAGE=$BATS_FILE_TMPDIR/image.tar
	L=$BATS_FILE_TMPDIR/layout
	R=$BATS_FILE_TMPDIR/root
	export IMAGE L R
	packaging/image "$IMAGE"
	mkdir "$L" "$R"
	tar -xf "$IMAGE" -C "$L"
	tar --same-owner -xpzf "$L/$(jq -er '.[0].Layers[0]' "$L/manifest.json")" -C "$R"
}

# `! command` in the middle of a test does not fail it.
not() { ! "$@"; }

blob() { echo "$L/blobs/sha256/${1#sha256:}"; }

# holds <descriptor>: that the blob is there, as long as it says, and has this digest
holds() {
	local file
	file=$(blob "$(jq -er .digest <<<"$1")")
	[ "$(stat -c %s "$file")" = "$(jq -er .size <<<"$1")" ]
	[ "sha256:$(sha256sum <"$file" | cut -d ' ' -f 1)" = "$(jq -er .digest <<<"$1")" ]
}

@test "every digest and size is that of what is there, for OCI and for docker load" {
	[ "$(cat "$L/oci-layout")" = '{"imageLayoutVersion":"1.0.0"}' ]
	[ "$(jq '.manifests | length' "$L/index.json")" = 1 ]
	descriptor=$(jq -c '.manifests[0]' "$L/index.json")
	holds "$descriptor"
	manifest=$(blob "$(jq -er .digest <<<"$descriptor")")
	holds "$(jq -c .config "$manifest")"
	[ "$(jq '.layers | length' "$manifest")" = 1 ]
	holds "$(jq -c '.layers[0]' "$manifest")"
	config=$(blob "$(jq -er .config.digest "$manifest")")
	[ "sha256:$(zcat "$(blob "$(jq -er '.layers[0].digest' "$manifest")")" | sha256sum | cut -d ' ' -f 1)" = "$(jq -er '.rootfs.diff_ids[0]' "$config")" ]
	[ "$L/$(jq -er '.[0].Config' "$L/manifest.json")" = "$config" ]
	[ "$L/$(jq -er '.[0].Layers[0]' "$L/manifest.json")" = "$(blob "$(jq -er '.layers[0].digest' "$manifest")")" ]
	[ "$(jq -er '.[0].RepoTags[0]' "$L/manifest.json")" = "wm-registry:$("$BIN/wm-registry" --version | cut -d ' ' -f 2)" ]
	[ "$(find "$L/blobs" -type f | wc -l)" = 3 ]
}

@test "made again it is the same, byte for byte" {
	cd /
	(umask 077; TZ=Asia/Tokyo "$ROOT/packaging/image" "$BATS_TEST_TMPDIR/again.tar")
	cmp "$IMAGE" "$BATS_TEST_TMPDIR/again.tar"
}

@test "no program but the registry, nothing that can become somebody else, nothing that others may write" {
	[ "$(find "$R" -type f -perm /111 ! -name 'ld-*' ! -name 'ld64*' -printf '/%P\n')" = /usr/bin/wm-registry ]
	[ -z "$(find "$R" -perm /6000)" ]
	[ "$(find "$R" ! -type l -perm /022 -printf '/%P\n')" = /tmp ]
	[ "$(find "$R" ! -user 0 -printf '/%P\n')" = /var/lib/wm-registry ]
	[ -s "$R/usr/share/doc/wm-registry/COPYING" ]
	# of each library
	[ "$(find "$R/usr/share/doc" -name copyright | wc -l)" -ge 10 ]
}

# As a container engine runs it: its own namespaces, a root that cannot be written, the user of the image
run_registry() {
	timeout -k 5 60 unshare --mount --net --pid --fork --kill-child --propagation private bash -euc '
		root=$1 config=$2
		mount --bind "$root" "$root"
		mount -o remount,ro,bind "$root"
		mount -t proc proc /proc
		data=$(jq -r ".config.Volumes | keys[0]" "$config")
		mount -t tmpfs -o "uid=65532,gid=65532,mode=700" tmpfs "$root$data"
		ip link set lo up
		mapfile -t argv < <(jq -r ".config.Entrypoint[], .config.Cmd[]" "$config")
		mapfile -t environment < <(jq -r ".config.Env[]" "$config")
		chroot --userspec="$(jq -r .config.User "$config")" "$root" "${argv[0]}" --version
		env -i "${environment[@]}" WM_REGISTRY_TOKEN=token-of-the-test-of-the-image \
			/usr/sbin/chroot --userspec="$(jq -r .config.User "$config")" "$root" "${argv[@]}" &
		registry=$!
		for ((n = 0; n < 400; n++)); do
			! curl -sf -o "$3" http://127.0.0.1:8099/health || break
			sleep 0.05
		done
		echo "user $(stat -c %u /proc/$registry)"
		curl -sf -H "Authorization: Bearer token-of-the-test-of-the-image" -H "Content-Type: application/json" \
			-d "{\"domain\":\"a\"}" http://127.0.0.1:8099/v1/sites >/dev/null
		test -s "$root$data/registry.db"
		kill "$registry"
		wait "$registry"
	' bash "$R" "$L/$(jq -er '.[0].Config' "$L/manifest.json")" "$BATS_TEST_TMPDIR/health" </dev/null 2>&1 3>&-
}

@test "the registry runs in it as its own user, and answers" {
	run run_registry
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"$("$BIN/wm-registry" --version)"* ]]
	[[ $output == *'user 65532'* ]]
	[ -s "$BATS_TEST_TMPDIR/health" ]
	jq -e . "$BATS_TEST_TMPDIR/health"
}

@test "what cannot be is said" {
	cd "$ROOT"
	run env B="$BATS_TEST_TMPDIR" packaging/image "$BATS_TEST_TMPDIR/none.tar"
	[ "$status" = 1 ]
	[[ $output == *'run make first'* ]]
	[ ! -e "$BATS_TEST_TMPDIR/none.tar" ]
	run packaging/image
	[ "$status" = 1 ]
	[[ $output == *'packaging/image FILE.tar'* ]]
}
