#!/usr/bin/env bats
# packaging/dropshell: what each verb asks of which program, and that nothing in service.env is run or told to others.

SECRET=kYw3Zt9bQx7Lr2Vn5Hd8Gf6c

setup() {
	bats_require_minimum_version 1.5.0
	D=$BATS_TEST_TMPDIR
	cp -r packaging/dropshell "$D/t"
	mkdir "$D/bin" "$D/etc" "$D/state"
	for name in wm-gateway wm-registry systemctl journalctl docker; do stand_in "$name" ''; done
}

not() { ! "$@"; }

stand_in() { # stand_in NAME COMMANDS: writes down its arguments, and what it finds of secrets in its environment
	{
		printf '#!/bin/sh\necho "%s $*" >>"%s/calls"\nenv | grep -F %s >>"%s/leaks"\n' "$1" "$D" "$SECRET" "$D"
		printf '%s\n' "${2:-:}"
	} >"$D/bin/$1"
	chmod 755 "$D/bin/$1"
}

# verb TEMPLATE VERB [ARGUMENT...]: as ds runs it, with what it has exported; what was asked: $CALLS
verb() {
	local template=$1 name=$2
	shift 2
	: >"$D/calls"
	run env -u CONTAINER_NAME PATH="$D/bin:/usr/bin:/bin" WM_ETC="$D/etc" WM_REGISTRY_STATE="$D/state" WM_REGISTRY_TOKEN="$SECRET" WM_INSTANCE=none "$D/t/$template/$name.sh" "$@"
	CALLS=$(cat "$D/calls")
	echo "$name: $status; $output; $CALLS"
}

asks() { # asks TEMPLATE VERB [ARGUMENT...] -- LINE...
	local words=() expected
	while [ "$1" != -- ]; do words+=("$1") && shift; done
	shift
	expected=$(printf '%s\n' "$@")
	verb "${words[@]}"
	[ "$status" = 0 ]
	[ "$CALLS" = "$expected" ]
}

gateway_env() { printf '%s\n' "$@" >"$D/t/wm-gateway/config/service.env"; }
registry_env() { printf '%s\n' "WM_REGISTRY_TOKEN=\"$SECRET\"" "$@" >"$D/t/wm-registry/config/service.env"; }

@test "shellcheck, dash, busybox and bash find nothing wrong, and the templates are whole" {
	for script in packaging/dropshell/*/*.sh; do
		shellcheck -x -s sh "$script"
		dash -n "$script"
		busybox sh -n "$script"
		bash --posix -n "$script"
	done
	for template in wm-gateway wm-registry; do
		for name in install start stop status logs uninstall destroy backup restore ports; do [ -x "packaging/dropshell/$template/$name.sh" ]; done
		[ -e "packaging/dropshell/$template/config/service.env" ]
	done
}

@test "the gateway's verbs are wm-gateway's" {
	env_file=$D/t/wm-gateway/config/service.env
	gateway_env SITE_DOMAIN=b 'WM_REGISTRY_URL="https://wm-registry.example.com" # ours' "WM_REGISTRY_TOKEN=$SECRET"
	asks wm-gateway install -- "wm-gateway install --lxc --yes --env $env_file"
	asks wm-gateway start -- 'wm-gateway start --lxc'
	asks wm-gateway stop -- 'wm-gateway stop --lxc'
	asks wm-gateway logs -- 'wm-gateway logs --lxc -n 200 -f'
	asks wm-gateway uninstall -- 'wm-gateway uninstall --lxc --yes'
	asks wm-gateway destroy -- 'wm-gateway destroy --lxc --yes'
	asks wm-gateway backup "$D/a file" -- "wm-gateway backup --lxc $D/a file"
	touch "$D/a file"
	asks wm-gateway restore "$D/a file" -- "wm-gateway restore --lxc --yes $D/a file"
	verb wm-gateway ports
	[ "$output" = 51820 ]
	# another port, the machine itself, a second mesh, and CONFIG_PATH
	mkdir "$D/config"
	printf '%s\n' 'SITE_DOMAIN=b' 'WM_REGISTRY_URL=x' "WM_GATEWAY_IN='native'" 'WM_INSTANCE=work   # the second' 'WM_LISTEN_PORT=51821' >"$D/config/service.env"
	export CONFIG_PATH=$D/config
	asks wm-gateway install -- "wm-gateway --instance work install --native --yes --env $D/config/service.env"
	asks wm-gateway stop -- 'wm-gateway --instance work stop --native'
	asks wm-gateway start -- 'wm-gateway --instance work start --native'
	asks wm-gateway logs -- 'wm-gateway --instance work logs --native -n 200 -f'
	asks wm-gateway uninstall -- 'wm-gateway --instance work uninstall --native --yes'
	asks wm-gateway destroy -- 'wm-gateway --instance work destroy --native --yes'
	asks wm-gateway backup "$D/a file" -- "wm-gateway --instance work backup --native $D/a file"
	asks wm-gateway restore "$D/a file" -- "wm-gateway --instance work restore --native --yes $D/a file"
	verb wm-gateway ports
	[ "$output" = 51821 ]
	[ ! -s "$D/leaks" ]
}

@test "the gateway's status is one word, and for people a text" {
	gateway_env SITE_DOMAIN=b WM_REGISTRY_URL=x
	word() { PATH="$D/bin:/usr/bin:/bin" "$D/t/wm-gateway/status.sh" 2>"$D/text"; }
	stand_in wm-gateway 'echo "all is well"'
	[ "$(word)" = Running ]
	grep -qx 'all is well' "$D/text"
	stand_in wm-gateway 'case $* in *-j*) echo "{\"running\": true}" ;; *) echo "no LAN" ;; esac; exit 1'
	[ "$(word)" = Error ]
	grep -qx 'no LAN' "$D/text"
	stand_in wm-gateway 'case $* in *-j*) echo "{\"running\": false}" ;; esac; exit 1'
	[ "$(word)" = Stopped ]
	rm "$D/bin/wm-gateway"
	mkdir "$D/only"
	for name in sh dirname sed tail grep; do ln -s "$(command -v $name)" "$D/only/$name"; done
	[ "$(PATH="$D/only" "$D/t/wm-gateway/status.sh")" = Unknown ] || command -v wm-gateway # of this machine
}

@test "the registry's verbs, as a service of systemd" {
	registry_env 'WM_REGISTRY_PORT=8099' 'WM_MESH_SUPERNET=172.30.0.0/16             # overlay' 'CF_DOMAIN="wm-registry.example.com|8099"' 'WM_MESH_NAME='
	asks wm-registry install -- 'systemctl enable --quiet wm-registry' 'systemctl restart wm-registry'
	[ "$(stat -c %a "$D/etc/registry.env")" = 600 ]
	[ "$(cat "$D/etc/registry.env")" = "WM_REGISTRY_TOKEN='$SECRET'
WM_REGISTRY_PORT='8099'
WM_MESH_SUPERNET='172.30.0.0/16'
CF_DOMAIN='wm-registry.example.com|8099'" ]
	# the registry takes such a file (2: it does not), and then looks for its database
	run -1 "${B:-build}/wm-registry" check --data "$D/data" --env-file "$D/etc/registry.env"
	[[ $output == *'there is no database'* ]]
	asks wm-registry install -- 'systemctl enable --quiet wm-registry' 'systemctl start wm-registry' # nothing is another
	asks wm-registry start -- 'systemctl start wm-registry'
	asks wm-registry stop -- 'systemctl stop wm-registry'
	asks wm-registry logs -- 'journalctl -u wm-registry -n 200 -f'
	asks wm-registry backup "$D/mesh" -- "wm-registry backup $D/mesh --force"
	touch "$D/mesh"
	asks wm-registry restore "$D/mesh" -- 'systemctl stop wm-registry' "wm-registry restore $D/mesh --force" 'systemctl start wm-registry'
	asks wm-registry uninstall -- 'systemctl disable --quiet --now wm-registry'
	[ -e "$D/etc/registry.env" ]
	stand_in systemctl 'echo active'
	verb wm-registry status
	[ "$output" = Running ]
	stand_in systemctl 'echo failed; exit 3'
	verb wm-registry status
	[ "$output" = Error ]
	verb wm-registry ports
	[ "$output" = 8099 ]
	stand_in systemctl ''
	mkdir "$D/state/wm-registry" "$D/state/other"
	asks wm-registry destroy -- 'systemctl disable --quiet --now wm-registry'
	[ "$(ls "$D/state" "$D/etc")" = "$D/etc:

$D/state:
other" ]
	[ ! -s "$D/leaks" ]
}

# image_tar FILE VERSION: one as packaging/image makes it, as far as the template reads it
image_tar() {
	printf '[{"Config":"blobs/x","Layers":["blobs/y"],"RepoTags":["wm-registry:%s"]}]' "$2" >"$D/manifest.json"
	tar -cf "$D/t/wm-registry/image/$1" -C "$D" manifest.json
}

@test "the image is the newest of those that are there, by the name that it has in itself" {
	registry_env 'WM_REGISTRY_IN=container'
	stand_in docker 'case $* in *Image*) echo old ;; *Id*) echo new ;; esac'
	mkdir "$D/t/wm-registry/image"
	image_tar wm-registry-0.9.0-x86_64.tar 0.9.0 # as make release calls it
	verb wm-registry install
	grep -q 'docker run -d .* wm-registry:0.9.0 serve' "$D/calls"
	image_tar wm-registry-0.10.0-x86_64.tar 0.10.0
	touch "$D/t/wm-registry/image/zz.tar" # of something else
	verb wm-registry install
	grep -q 'docker run -d .* wm-registry:0.10.0 serve' "$D/calls"
	registry_env 'WM_REGISTRY_IN=container' WM_REGISTRY_IMAGE=wm-registry:0.9.0
	verb wm-registry install
	grep -q 'docker run -d .* wm-registry:0.9.0 serve' "$D/calls"
	# and what packaging/image writes is read
	grep -q '"RepoTags": \[f"wm-registry:' packaging/image
}

@test "the registry's verbs, in a container" {
	registry_env 'WM_REGISTRY_IN=container' 'WM_MESH_NAME=home'
	stand_in docker 'case $* in *Image*) echo old ;; *Id*) echo new ;; *Status*) echo running ;; esac'
	list=$D/t/wm-registry/registry.list volume='wm-registry-data:/var/lib/wm-registry'
	mkdir "$D/t/wm-registry/image"
	image_tar wm-registry-0.1.0.tar 0.1.0
	verb wm-registry install
	[ "$status" = 0 ]
	grep -qx "docker load -q -i $D/t/wm-registry/image/wm-registry-0.1.0.tar" "$D/calls"
	grep -qx "docker run -d --name wm-registry --restart unless-stopped --network host --env-file $list -v $volume wm-registry:0.1.0 serve" "$D/calls"
	[ "$(stat -c %a "$list")" = 600 ]
	[ "$(cat "$list")" = "WM_REGISTRY_TOKEN=$SECRET
WM_MESH_NAME=home" ]
	stand_in docker 'case $* in *Image* | *Id*) echo new ;; *Status*) echo running ;; esac'
	verb wm-registry install # the same image, the same settings: it is left running
	not grep -q 'docker run\|docker rm' "$D/calls"
	# what it gives out is the server's
	registry_env WM_REGISTRY_IN=container WM_MESH_NAME=home 'WM_REGISTRY_DOWNLOADS=/srv/given out'
	verb wm-registry install
	grep -qx "docker run -d .* -v $volume -v /srv/given out:/srv/given out:ro wm-registry:0.1.0 serve" "$D/calls"
	grep -qx 'WM_REGISTRY_DOWNLOADS=/srv/given out' "$list"
	for wrong in srv /srv:/etc; do
		registry_env WM_REGISTRY_IN=container "WM_REGISTRY_DOWNLOADS=$wrong"
		verb wm-registry install
		[ "$status" = 1 ]
		not grep -q 'docker run' "$D/calls"
	done
	registry_env WM_REGISTRY_IN=container WM_MESH_NAME=home
	asks wm-registry start -- 'docker start wm-registry'
	asks wm-registry stop -- 'docker stop wm-registry'
	asks wm-registry logs -- 'docker logs -f --tail 200 wm-registry'
	verb wm-registry status
	[ "$output" = Running ]
	# in containers of their own, of the image that serves
	of_it="--user 0:0 --env-file $list -v $volume"
	looks="docker inspect -f {{.Image}} wm-registry"
	stand_in docker 'case $* in *Image*) echo sha256:served ;; *" backup "*) for a; do case $a in *:/new) echo mesh >"${a%:/new}/mesh" ;; esac; done ;; esac'
	verb wm-registry backup "$D/mesh"
	[ "$status" = 0 ]
	[ "$(sed "s,$D/.wm-backup-[^:]*,NEW,g" "$D/calls")" = "$looks
docker run --rm $of_it -v NEW:/new --entrypoint wm-registry sha256:served backup /new/mesh" ]
	[ "$(cat "$D/mesh")" = mesh ]
	asks wm-registry restore "$D/mesh" -- "$looks" 'docker stop wm-registry' \
		"docker run --rm $of_it -v $D/mesh:/backup:ro --entrypoint wm-registry sha256:served restore /backup --force" 'docker start wm-registry'
	# where there is none, of the image that install takes
	stand_in docker 'case $* in *Image*) exit 1 ;; esac'
	verb wm-registry restore "$D/mesh"
	grep -q ' wm-registry:0.1.0 restore ' "$D/calls"
	[ -z "$(find "$D" -name '.wm-backup-*')" ]
	verb wm-registry backup "$D/a:b"
	[ "$status" = 1 ]
	[[ $output == *"with a ':' in its name"* ]]
	asks wm-registry uninstall -- 'docker rm -f wm-registry'
	asks wm-registry destroy -- 'docker rm -f wm-registry' 'docker volume rm wm-registry-data'
	[ ! -e "$list" ]
	[ ! -s "$D/leaks" ]
}

@test "a backup that fails leaves nothing, and one that is refused leaves the registry serving what it had" {
	touch "$D/mesh"
	registry_env WM_MESH_NAME=home
	stand_in wm-registry 'echo "the file is damaged" >&2; exit 1'
	verb wm-registry restore "$D/mesh"
	[ "$status" = 1 ]
	[[ $output == *'the file is damaged'* ]]
	[ "$(tail -n 1 "$D/calls")" = 'systemctl start wm-registry' ]
	# one that cannot be started again is no success
	stand_in wm-registry ''
	stand_in systemctl 'case $1 in start) exit 1 ;; esac'
	verb wm-registry restore "$D/mesh"
	[ "$status" = 1 ]

	registry_env WM_REGISTRY_IN=container
	stand_in docker 'case $1 in run) echo "the file is damaged" >&2; exit 1 ;; esac'
	verb wm-registry restore "$D/mesh"
	[ "$status" = 1 ]
	[ "$(tail -n 1 "$D/calls")" = 'docker start wm-registry' ]
	verb wm-registry backup "$D/new"
	[ "$status" = 1 ]
	[ ! -e "$D/new" ]
	[ -z "$(find "$D" -name '.wm-backup-*')" ]
}

@test "what stands in service.env is never run" {
	cd "$D"
	for value in '$(touch pwned)' '`touch pwned`' '"$(touch pwned)"' "'; touch pwned; '" 'x;touch pwned' '-x' '--root=/' 'a|touch pwned' '%s\n'; do
		gateway_env "SITE_DOMAIN=$value" "WM_REGISTRY_URL=$value" "WM_LISTEN_PORT=$value"
		for name in install ports stop; do verb wm-gateway $name; done
		gateway_env SITE_DOMAIN=b WM_REGISTRY_URL=x "WM_INSTANCE=$value"
		verb wm-gateway stop
		[ "$status" = 1 ] || [ "$CALLS" = 'wm-gateway stop --lxc' ] # '' between quotes is none
		gateway_env SITE_DOMAIN=b WM_REGISTRY_URL=x "WM_GATEWAY_IN=$value"
		for name in install destroy; do verb wm-gateway $name; done
		registry_env "WM_MESH_NAME=$value" "CF_DOMAIN=$value"
		for name in install ports stop start; do verb wm-registry $name; done
		registry_env "WM_REGISTRY_IMAGE=$value" WM_REGISTRY_IN=container
		verb wm-registry install
		registry_env "WM_REGISTRY_IN=$value"
		verb wm-registry install
		[ ! -e pwned ]
		[ ! -e "$D/etc/pwned" ]
	done
	[ -z "$(find "$D" -name pwned)" ]
}

@test "wrong use: a sentence, and nothing was asked" {
	gateway_env SITE_DOMAIN=b
	verb wm-gateway install
	[ "$status" = 1 ]
	[[ $output == *'WM_REGISTRY_URL is empty in '*': ds edit' ]]
	gateway_env SITE_DOMAIN=b WM_REGISTRY_URL=x WM_GATEWAY_IN=docker
	verb wm-gateway install
	[ "$status" = 1 ]
	[[ $output == *'must be lxc or native' ]]
	verb wm-gateway destroy
	[ "$status" = 1 ]
	[[ $output == *'must be lxc or native' ]]
	gateway_env SITE_DOMAIN=b WM_REGISTRY_URL=x
	for template in wm-gateway wm-registry; do
		for name in backup restore; do
			verb $template $name
			[ "$status" = 1 ]
			[[ $output == *'which file?'* ]]
		done
	done
	printf 'WM_REGISTRY_TOKEN=\n' >"$D/t/wm-registry/config/service.env"
	verb wm-registry install
	[ "$status" = 1 ]
	[[ $output == *'openssl rand -hex 32 makes one' ]]
	rm "$D/t/wm-registry/config/service.env"
	verb wm-registry start
	[ "$status" = 1 ]
	[[ $output == *'cannot be read: ds create-service makes it'* ]]
	[ -z "$CALLS" ]
}
