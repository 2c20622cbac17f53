#!/usr/bin/env bats
# One table of commands: help, manual, completions and docs/cli.md say the same; completions in real shells, with the
# names of a real mesh; and where make install puts them.

load rig
setup() { rig_setup; }
teardown() { rig_teardown; }

# commands: all that --help lists, a line each
commands() {
	"$WM" --help | sed -n '/^Every command/q; s/^  \([a-z]*\( [a-z]*\)\{0,1\}[a-z-]*\)  .*/\1/p' | sed 's/ *$//'
}

plain() { sed 's/.\x08//g'; } # without what makes letters bold on a printer

offers() { "$WM" complete "$@" | cut -f 1; }

@test "help, manual, completion and docs/cli.md know the same commands" {
	commands >"$DIR/commands"
	[ "$(wc -l <"$DIR/commands")" -ge 30 ]
	"$WM" manual >"$DIR/manual"
	while read -r first second; do
		grep -qx "$first" <(offers '')
		[ -z "$second" ] || grep -qx "$second" <(offers "$first" '')
		grep -qE "^\*wm $first${second:+ $second}\*" "$DIR/manual"
		grep -qE "\`wm $first${second:+ $second}[ \`]" docs/cli.md || { echo "not in docs/cli.md: $first $second" >&2; false; }
	done <"$DIR/commands"
	# And none of them knows one more.
	[ "$(grep -c '^\*wm [a-z]' "$DIR/manual")" = "$(wc -l <"$DIR/commands")" ]
	for first in $(offers ''); do
		if [ -n "$(offers "$first" '' | grep -E '^(add|list)$')" ]; then
			for second in $(offers "$first" ''); do echo "$first $second"; done
		else
			echo "$first"
		fi
	done | sort | cmp - <(sort "$DIR/commands")
}

@test "help, manual and completion know the same options of every command" {
	commands >"$DIR/commands"
	"$WM" manual | scdoc | mandoc -T utf8 | plain >"$DIR/page"
	while read -r name; do
		# shellcheck disable=SC2086 # two words
		"$WM" $name --help | grep -oE '^ +(-[a-zA-Z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+' | sort >"$DIR/help"
		# shellcheck disable=SC2086
		offers $name - | sort | cmp "$DIR/help" -
		while read -r option; do
			grep -qE -- "^ *(-[a-zA-Z], )?$option( |$)" "$DIR/page" || { echo "$name $option" >&2; false; }
		done <"$DIR/help"
	done <"$DIR/commands"
	for name in complete manual; do # nobody is led to what is hidden
		not grep -qw "$name" "$DIR/commands"
	done
}

@test "every option that is not for every command belongs to one" {
	commands | while read -r name; do
		# shellcheck disable=SC2086
		offers $name -
	done | sort -u >"$DIR/used"
	"$WM" complete - | cut -f 1 >"$DIR/everywhere"
	sed -n 's/^	\[OPT_[A-Z_]*\] = {"\([a-z-]*\)".*/--\1/p' cli/commands.c | sort -u >"$DIR/all"
	[ "$(wc -l <"$DIR/all")" -ge 25 ]
	cmp "$DIR/all" "$DIR/used"
}

@test "completion knows the names that there are, and the words that fit" {
	connected
	hub_enrolled
	"$WM" add-site cellar >/dev/null
	"$WM" add-host nas.cellar --local-ip 192.168.1.10
	"$WM" add-device laptop >/dev/null
	[ "$(offers remove '' | sort | tr '\n' ' ')" = "laptop nas.cellar " ]
	[ "$(offers remove na)" = nas.cellar ]
	[ -z "$(offers remove nas.cellar '')" ] # it takes one
	[ "$(offers remove-site '' | tr '\n' ' ')" = "cellar hub " ]
	[ "$(offers enrol --device '')" = laptop ]
	[ "$(offers device-setup la)" = laptop ]
	[ "$(offers deepcheck cellar n)" = nas.cellar ] # it takes several
	[ "$(offers list --mesh '' | tr '\n' ' ')" = "172-30 home " ]
	[ "$(offers list --mesh = ho)" = home ] # as bash splits it
	[ "$(offers list --mesh=ho)" = --mesh=home ]
	[ "$(offers -j list -o w)" = wide ]
	[ "$(offers add-device x --type '' | tr '\n' ' ')" = "roaming isolated " ]
	[ "$(offers token create x --role r)" = read ]
	[ "$(offers import '')" = :files ]
	[ "$(offers list --token-file '')" = :files ]
	[ "$(offers help remove-)" = remove-site ]
	not grep -q -- '--json' <(offers list --json -) # given already
	# With two meshes: of both, or of the one that is named.
	start_registry work 172.31.0.0/16
	"$WM" mesh add "$URL" "$MASTER"
	"$WM" --mesh work add-site attic >/dev/null
	[ "$(offers remove-site '' | tr '\n' ' ')" = "cellar hub attic " ]
	[ "$(offers --mesh work remove-site '')" = attic ]
	# A registry that is gone: what the other knows, and no word on stderr that would tear up the prompt.
	kill "$REGISTRY_PID"
	wait "$REGISTRY_PID" || true
	[ "$("$WM" complete remove-site '' 2>&1 | cut -f 1 | tr '\n' ' ')" = "cellar hub " ]
}

@test "bash, zsh and fish complete with it" {
	connected
	"$WM" add-site cellar >/dev/null
	"$WM" add-host nas.cellar --local-ip 192.168.1.10
	mkdir "$DIR/bin"
	ln -s "$WM" "$DIR/bin/wm"
	export PATH="$DIR/bin:$PATH"
	for shell in bash zsh fish; do "$WM" completion "$shell" >"$DIR/$shell"; done

	bash --norc -c 'source "$1"; COMP_WORDS=(wm remove na); COMP_CWORD=2; _wm; echo "${COMPREPLY[*]}"
		COMP_WORDS=(wm add-h); COMP_CWORD=1; _wm; echo "${COMPREPLY[*]}"
		complete -p wm' bash "$DIR/bash" >"$DIR/out"
	[ "$(cat "$DIR/out")" = $'nas.cellar\nadd-host\ncomplete -F _wm wm' ]

	zsh -f -c 'compdef() { : }; _describe() { print -l -- "${(@P)2}" }; _files() { print files }
		source "$1"; words=(wm remove na); CURRENT=3; _wm
		words=(wm import ""); CURRENT=3; _wm' zsh "$DIR/zsh" >"$DIR/out"
	[ "$(cat "$DIR/out")" = $'nas.cellar:host 172.30.1.2\nfiles' ]

	fish --no-config -c 'source $argv[1]; complete -C "wm remove na"; complete -C "wm add-h"' "$DIR/fish" >"$DIR/out"
	[ "$(cat "$DIR/out")" = $'nas.cellar\thost 172.30.1.2\nadd-host\tregister a machine on a site\'s LAN' ]
	fails 2 "'tcsh' is not one of the shells bash, zsh, fish" "$WM" completion tcsh
}

@test "what a registry is called is no command to the shell that completes it" {
	connected
	cd "$DIR"
	mkdir bin
	ln -s "$WM" bin/wm
	export PATH="$DIR/bin:$PATH"
	slug=$(basename "$WM_CONFIG_DIR"/*.env .env)
	for name in 'home$(touch pwned)' 'home`touch pwned`' 'home;touch pwned' "home'" 'home x' ':files' $'home\302\2332J'; do
		sed -i '/^MESH_NAME=/d' "$WM_CONFIG_DIR/$slug.env"
		case $name in
		*"'"*) printf 'MESH_NAME="%s"\n' "$name" ;;
		*) printf "MESH_NAME='%s'\n" "$name" ;;
		esac >>"$WM_CONFIG_DIR/$slug.env"
		json ".meshes[0].name == \"$name\"" "$WM" mesh list -j # it is called so
		[ "$(offers list --mesh '')" = "$slug" ]
		not grep -q "$(printf '\302\233')" <("$WM" complete list --mesh '')
	done
	# And if one were offered, bash would have it quoted.
	printf '#!/bin/sh\nprintf "%%s\\t%%s\\n" "home\\$(touch pwned)" x "a b;c" y plain z --mesh=home -\n' >fake
	chmod +x fake
	"$WM" completion bash >bash
	bash --norc -c 'source ./bash; COMP_WORDS=(./fake list --mesh h); COMP_CWORD=3; _wm
		eval "printf \"%s\n\" ${COMPREPLY[*]}"' >out
	[ "$(cat out)" = $'home$(touch pwned)\na b;c\nplain\n--mesh=home' ]
	[ ! -e pwned ]
}

# A mesh has no such name, and no such words come from wm; if they did, a shell would still take none for a command.
@test "on a terminal bash, zsh and fish quote what they complete, whatever it is, and run nothing of it" {
	for shell in bash zsh fish; do "$WM" completion "$shell" >"$DIR/$shell"; done
	cd "$DIR"
	mkdir -p bin .config/fish .local/share/fish/generated_completions # else fish reads all manual pages first
	printf '%s\n' '#!/bin/sh' '[ "$1" = complete ] || { printf "%s|" "$@" >got.new; mv got.new got; exit; }' \
		'printf "%s\t%s\n" "$(cat name)" "$(cat about)"' >bin/wm
	chmod +x bin/wm
	export PATH="$DIR/bin:$PATH"
	printf 'what it is $(touch pwned) \033]0;title\007\033[2J' >about
	printf 'PS1="ready> "; source ./bash\n' >.bashrc
	printf 'PS1="ready> "; autoload -U compinit; compinit -D -u; source ./zsh\n' >.zshrc
	printf 'function fish_prompt; echo "ready> "; end; source ./fish; set -g fish_greeting\n' >.config/fish/config.fish
	for shell in bash zsh fish; do
		on_terminal "ZDOTDIR='$DIR' XDG_CONFIG_HOME='$DIR/.config' $shell -i"
		until_true 10 test -e screen
		shows 'ready> '
		for name in 'home$(touch pwned)' 'home`touch pwned`' 'home;touch pwned' 'home|touch pwned' 'home&touch pwned' 'h>pwned' "ho'me" 'ho"me' \
			'ho me' 'h*' 'h\me' 'ho:me' 'h{a,b}' 'h!x' 'h#x' 'h[a]'; do
			rm -f got
			printf '%s' "$name" >name
			printf 'wm list --mesh h\t\n' >&7
			until_true 10 test -e got || { echo "$shell, $name:" >&2; cat -v screen >&2; false; }
			[ "$(cat got)" = "list|--mesh|$name|" ] || { echo "$shell, $name: $(cat got)" >&2; false; }
			[ ! -e pwned ]
		done
		printf 'exit\n' >&7
		shows 'exit=0'
		exec 7>&-
	done
}

@test "make install puts programs, manual pages and completions in place" {
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make --no-print-directory -s install B="$B" DESTDIR="$DIR/root" PREFIX=/usr >"$DIR/out" 2>&1 || { cat "$DIR/out" >&2; false; }
	cd "$DIR/root/usr"
	[ "$(bin/wm --version)" = "$("$WM" --version)" ]
	bin/wm-bpf --help | grep -q '^usage: wm-bpf'
	for program in bin/wm-registry bin/wm-gateway bin/wm-agent libexec/wm/wm-fetch; do [ -x "$program" ]; done
	for page in man1/wm.1 man8/wm-registry.8 man8/wm-gateway.8 man8/wm-agent.8 man8/wm-bpf.8; do
		mandoc -T lint -W error "share/man/$page"
		mandoc -T utf8 "share/man/$page" | plain | grep -q '^NAME$'
	done
	mandoc -T utf8 share/man/man1/wm.1 | plain | grep -qE '^ +wm add-host \[NAME.DOMAIN --local-ip ADDRESS\]'
	bash -n share/bash-completion/completions/wm
	zsh -n share/zsh/vendor-completions/_wm
	fish --no-execute share/fish/vendor_completions.d/wm.fish
	grep -q '^ExecStart=/usr/bin/wm-registry ' lib/systemd/system/wm-registry.service
	grep -q '^ExecStart=/usr/bin/wm-agent$' lib/systemd/system/wm-gateway@.service
	grep -q '^command=/usr/bin/wm-agent$' share/wm/openrc/wm-gateway
	sh -n share/wm/openrc/wm-gateway
	systemd-sysusers --root="$DIR/root" --dry-run "$PWD/lib/sysusers.d/wm.conf" 2>&1 | grep -q wm-fetch
	# The other pages name what the programs themselves name.
	for verb in serve backup restore renew migrate check; do
		bin/wm-registry --help | grep -q "^  $verb "
		mandoc -T utf8 share/man/man8/wm-registry.8 | plain | grep -qE "^ +$verb( |$)"
	done
	for verb in sync run down status install logs uninstall destroy; do
		bin/wm-gateway --help | grep -q "^  $verb "
		mandoc -T utf8 share/man/man8/wm-gateway.8 | plain | grep -qE "^ +$verb$"
	done
	for verb in stats drops flows trace maps status; do
		bin/wm-bpf --help | grep -q "^  $verb "
		mandoc -T utf8 share/man/man8/wm-bpf.8 | plain | grep -qE "^ +$verb( |$)"
	done
}
