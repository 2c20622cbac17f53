#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Brings a machine of a site's LAN into the mesh without WireGuard on it: a route to the mesh by way of the site's gateway,
# and the gateway's answers for the mesh's names. Everything else stays as it is. As root, on the machine:
#
#   wm host-setup GATEWAY | sudo sh                        puts it there, or brings it up to date
#   wm host-setup GATEWAY | sudo sh -s -- --dry-run        only says what it would do
#   wm host-setup GATEWAY | sudo sh -s -- --remove         takes this mesh off again
#   curl -fsSL REGISTRY/setup/host | sudo sh -s -- --remove SLUG|--all      the same without wm
#
# `wm host-setup` puts in front what only the mesh knows: WM_MESH_SLUG, WM_MESH_NAME, WM_MESH_SUPERNET, WM_MESH_DOMAINS,
# WM_GATEWAY, WM_REGISTRY_URL. All of it is looked at again before anything is touched. docs/hosts.md has the reasons.

umask 022
LC_ALL=C
export LC_ALL
PROGRAM=/usr/local/sbin/wm-host-apply
MESHES=/etc/wm/meshes.d
UNITS=/etc/systemd/system
DRY=

say() { printf '%s\n' "$*"; }
die() {
	printf 'wm host-setup: %s\n' "$*" >&2
	exit 1
}

# The program that stays on the machine: whatever is done to the kernel, it does. It looks at the mesh's file too, so that
# there is one place that knows what a good one is.
apply_program() {
	cat <<'APPLY'
#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Written by `wm host-setup`; changes made here are lost with its next run.
# Makes this machine's routes and names what /etc/wm/meshes.d/*.env say, and touches nothing else; prints what it changed.
#
#   wm-host-apply [--dry-run]                     at boot and every five minutes
#   wm-host-apply [--dry-run] --remove SLUG|--all takes routes and names of that mesh, or of each, off again; its file too
#
# wm host-setup calls it with --check FILE (is that a good file of a mesh?), --overlap PREFIX PREFIX (have they an address in
# common?) and --meshes DIR (there instead of /etc/wm/meshes.d).

LC_ALL=C
export LC_ALL
umask 022
PATH=$PATH:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin # cron's has less
export PATH
MESHES=/etc/wm/meshes.d
STATE=/run/wm-host # what we did since boot; the kernel and systemd-resolved forget at boot as well
DELEGATES=/run/systemd/dns-delegate.d
PROTO=88 # our routes in `ip route`
DRY=
FAILED=0
nl='
'

say() { printf '%s\n' "$*"; }
complain() {
	printf 'wm-host-apply: %s\n' "$*" >&2
	FAILED=1
	return 1
}
# Says what is done, and does it; with --dry-run only says it.
change() { # change SENTENCE COMMAND...
	sentence=$1
	shift
	say "${DRY:+would: }$sentence"
	[ -z "$DRY" ] || return 0
	error=$("$@" 2>&1) || complain "$sentence: $(printf '%s' "$error" | tr '\n' ' ')"
}
# put FILE: stdin is what it holds from now on, whole or not at all
put() {
	if [ -n "$DRY" ]; then
		cat >/dev/null
	else
		{ mkdir -p "${1%/*}" && cat >"$1.new-$$" && mv -f "$1.new-$$" "$1"; } || complain "cannot write $1"
	fi
}

# --- what a mesh's file may hold -------------------------------------------------------------------

is_quad() { # four numbers of a byte
	case $1 in '' | *[!0-9.]* | *..* | .* | *.) return 1 ;; esac
	(
		IFS=.
		# shellcheck disable=SC2086 # to be split
		set -- $1
		[ $# = 4 ] || exit 1
		for n; do
			case $n in 0?* | ????*) exit 1 ;; esac
			[ "$n" -le 255 ] || exit 1
		done
	)
}
is_address() { # of one machine
	case ${1%%.*} in 0 | 127 | 22[4-9] | 2[3-9]? | ????*) return 1 ;; *) is_quad "$1" ;; esac
}
number() { # of an address
	(
		IFS=.
		# shellcheck disable=SC2086
		set -- $1
		echo $((($1 << 24) + ($2 << 16) + ($3 << 8) + $4))
	)
}
is_prefix() { # with no bit set behind its length
	case $1 in */[89] | */[12][0-9] | */30) ;; *) return 1 ;; esac
	is_address "${1%/*}" && [ $(($(number "${1%/*}") & ((1 << (32 - ${1#*/})) - 1))) = 0 ]
}
overlap() { # overlap PREFIX PREFIX
	shorter=${1#*/}
	[ "$shorter" -le "${2#*/}" ] || shorter=${2#*/}
	[ $(($(number "${1%/*}") >> (32 - shorter))) = $(($(number "${2%/*}") >> (32 - shorter))) ]
}
is_label() { case $1 in '' | -* | *- | *[!a-z0-9-]*) return 1 ;; *) [ ${#1} -le 63 ] ;; esac; }

bad() { complain "$file: $1 '$2' $3; nothing is done for this mesh: run wm host-setup again"; }

# Sets slug, supernet, domains, gateway. The file is read and never run.
load_mesh() { # load_mesh FILE
	file=$1 slug='' supernet='' domains='' gateway=''
	while IFS= read -r line || [ -n "$line" ]; do
		case $line in
		WM_MESH_SLUG=*) slug=${line#*=} ;;
		WM_MESH_SUPERNET=*) supernet=${line#*=} ;;
		WM_MESH_DOMAINS=*) domains=${line#*=} ;;
		WM_GATEWAY=*) gateway=${line#*=} ;;
		esac
	done <"$file"
	case $slug in '' | [.-]* | *[!A-Za-z0-9._-]*) bad WM_MESH_SLUG "$slug" 'is no name for a file'; return ;; esac
	is_prefix "$supernet" || { bad WM_MESH_SUPERNET "$supernet" 'is no network like 172.30.0.0/16'; return; }
	is_address "$gateway" || { bad WM_GATEWAY "$gateway" 'is no address like 192.168.1.250'; return; }
	if overlap "$supernet" "$gateway/32"; then
		bad WM_GATEWAY "$gateway" "is inside the mesh; it must be the gateway's address on the LAN"
		return
	fi
	case $domains in *[!a-z0-9\ -]*) bad WM_MESH_DOMAINS "$domains" 'are no domains'; return ;; esac
	for d in $domains; do
		is_label "$d" || { bad WM_MESH_DOMAINS "$d" 'is no domain'; return; }
	done
}

# --- routes ------------------------------------------------------------------------------------------

# out_of ADDRESS: sets dev to the interface that it is reached by without a router; says why there is none
out_of() {
	found=$(ip -4 route get "$1" 2>/dev/null | head -n 1)
	dev=
	case " $found " in
	' local '*) complain "$slug: $1 is this machine itself; a gateway needs no wm host-setup" ;;
	*' via '*) complain "$slug: gateway $1 is behind a router ($found); give the gateway of this machine's own LAN" ;;
	*' dev '*) dev=${found#* dev } dev=${dev%% *} ;;
	*) complain "$slug: there is no way to gateway $1 now; is the LAN up?" ;;
	esac
}

# Ours are marked in the kernel (proto) and noted in $STATE/routes, as lines "SUPERNET GATEWAY LINK": busybox's ip shows no proto.
noted() { sed -n "s|^$1 |&|p" "$STATE/routes" 2>/dev/null; } # noted SUPERNET: that line
apply_route() {
	there=$(ip -4 route show exact "$supernet" | head -n 1)
	ours=$(noted "$supernet") was=${ours#* }
	case " $there " in
	*" via $gateway dev $dev "*)
		[ -z "$ours" ] || routes="$routes$supernet $gateway $dev$nl" # else it is somebody else's, and right
		return
		;;
	'  ') ;;
	*" via ${was% *} dev ${was#* } "*) ;;
	*) complain "$slug: there is another route already, '$there'; if it is not needed: ip route del $supernet"; return ;;
	esac
	change "route $supernet via $gateway dev $dev" \
		ip -4 route replace "$supernet" via "$gateway" dev "$dev" proto $PROTO || return
	routes="$routes$supernet $gateway $dev$nl"
}

# Takes away what was ours and is none of $routes any more, and notes what is.
sweep_routes() {
	[ -e "$STATE/routes" ] || : | put "$STATE/routes"
	[ -e "$STATE/routes" ] || return 0
	while read -r net via link; do
		case $nl$routes in *"$nl$net "*) continue ;; esac
		case " $(ip -4 route show exact "$net" | head -n 1) " in *" via $via dev $link "*)
			change "no route $net any more" ip -4 route del "$net" via "$via" dev "$link" proto $PROTO ;;
		esac
	done <"$STATE/routes"
	printf '%s' "$routes" | put "$STATE/routes"
}

# --- names ---------------------------------------------------------------------------------------------

has() { case " $1 " in *" $2 "*) return 0 ;; esac; return 1; } # has WORDS WORD
but() { # but WORDS WORDS: those of the first that are not among the second
	left=
	for w in $1; do has "$2" "$w" || left="$left $w"; done
	printf '%s' "${left# }"
}
# What `resolvectl dns|domain|default-route LINK` says, behind "Link 2 (eth0): ".
link_says() { resolvectl "$1" "$2" 2>/dev/null | sed -n 's/^Link [0-9]* ([^)]*): *//p' | head -n 1; }
# set_link dns|domain LINK WORDS: none at all is said by an empty word
# shellcheck disable=SC2086
set_link() {
	if [ -n "$3" ]; then
		change "$2: $1 $3" resolvectl "$1" "$2" $3
	else
		change "$2: $1 none" resolvectl "$1" "$2" ''
	fi
}
recall() { sed -n "s/^$2=//p" "$STATE/link.$1" 2>/dev/null; } # recall LINK KEY
remember() { # remember LINK: what it had, and what we made of it
	printf '%s\n' "own_dns=$own_dns" "own_domains=$own_domains" "default=$default" "gateways=$gateways" \
		"dns=$dns" "domains=$routed" | put "$STATE/link.$1"
}

# While systemd-networkd sets a link up, as after its own restart or until a lease comes, the link says less than it will. One
# that never comes to an end (a second address family that nobody answers) is no reason for having no names: what it says later
# is read by the next of us.
settle() { # settle LINK
	at=/run/systemd/netif/links/$(cat "/sys/class/net/$1/ifindex" 2>/dev/null)
	for n in 1 2 3 4 5 6 7 8 9 10; do
		case $(sed -n 's/^ADMIN_STATE=//p' "$at" 2>/dev/null) in pending | initialized | configuring) sleep 1 ;; *) return 0 ;; esac
	done
	printf 'wm-host-apply: %s\n' "systemd-networkd does not get done with $1 (networkctl status $1); its names are set as it is now" >&2
}
says_as_left() { [ "$now_dns" = "$(recall "$1" dns)" ] && [ "$now_domains" = "$(recall "$1" domains)" ]; } # says_as_left LINK
ask_link() { now_dns=$(link_says dns "$1") now_domains=$(link_says domain "$1"); }
# What the link had before us: as we remember it, and read again when somebody has changed it since; what systemd-networkd has
# just said, systemd-resolved says a moment later.
read_link() { # read_link LINK
	ask_link "$1"
	if [ -e "$STATE/link.$1" ] && ! says_as_left "$1"; then
		sleep 1
		ask_link "$1"
	fi
	own_dns=$(recall "$1" own_dns) own_domains=$(recall "$1" own_domains) default=$(recall "$1" default)
	if [ ! -e "$STATE/link.$1" ]; then
		own_dns=$now_dns own_domains=$now_domains default=$(link_says default-route "$1")
	else
		[ "$now_dns" = "$(recall "$1" dns)" ] || own_dns=$(but "$now_dns" "$(recall "$1" gateways)")
		[ "$now_domains" = "$(recall "$1" domains)" ] ||
			own_domains=$(but "$now_domains" "$(but "$(recall "$1" domains)" "$own_domains")")
	fi
}

# systemd-resolved asks one of a link's servers, the first that answers, for whatever goes out by that link. So the gateway is
# the first, and the link's own stay behind it for when it is away. A link with domains of ours only would not be asked for
# other names any more: where it was, and has servers of its own, that is said too.
apply_link() { # apply_link LINK GATEWAYS DOMAINS
	gateways=$2
	settle "$1"
	read_link "$1"
	dns=$(but "$own_dns" "$gateways") dns="$gateways${dns:+ $dns}" routed=$own_domains
	for d in $3; do
		has "$routed" "$d" || has "$routed" "~$d" || routed="$routed ~$d"
	done
	routed=${routed# }
	# It has turned to another while the gateway was away: to the first again, if that answers.
	if [ "$now_dns" = "$dns" ] && [ "${dns#* }" != "$dns" ] && ! on_first "$1" "${gateways%% *}"; then
		set_link dns "$1" "${gateways%% *}"
		now_dns=
	fi
	[ "$now_dns" = "$dns" ] || set_link dns "$1" "$dns"
	[ "$now_domains" = "$routed" ] || set_link domain "$1" "$routed"
	if [ -n "$own_dns" ] && [ "$default" != no ] && [ "$(link_says default-route "$1")" != yes ]; then
		change "$1: default-route yes" resolvectl default-route "$1" yes
	fi
	remember "$1"
}
on_first() { # on_first LINK GATEWAY
	current=$(resolvectl status "$1" 2>/dev/null | sed -n 's/^ *Current DNS Server: *//p')
	[ -z "$current" ] || [ "$current" = "$2" ] || ! ping -c 1 -W 1 "$2" >/dev/null 2>&1
}

# The link as it was. Where systemd-networkd has it, revert brings back what that knows, which may be news to us; elsewhere
# nothing is left, and we put it there.
restore_link() { # restore_link LINK
	read_link "$1"
	if [ -n "$now_dns$now_domains" ]; then
		change "$1: servers and domains as they were" resolvectl revert "$1"
		if [ -z "$DRY$(link_says dns "$1")$(link_says domain "$1")" ] && [ -n "$own_dns$own_domains" ]; then
			set_link dns "$1" "$own_dns"
			set_link domain "$1" "$own_domains"
			case $default in yes | no) [ "$(link_says default-route "$1")" = "$default" ] ||
				change "$1: default-route $default" resolvectl default-route "$1" "$default" ;; esac
		fi
	fi
	[ -n "$DRY" ] || rm -f "$STATE/link.$1"
}

# From version 258 on systemd-resolved takes servers for domains, without a link.
delegates() {
	version=$(resolvectl --version 2>/dev/null | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
	[ "${version:-0}" -ge 258 ]
}
apply_delegate() {
	text=$(printf '[Delegate]\nDNS=%s\nDomains=%s' "$gateway" "$(printf '%s' "$domains" | sed 's/[^ ][^ ]*/~&/g')")
	[ "$(cat "$DELEGATES/wm-$slug.dns-delegate" 2>/dev/null)" != "$text" ] || return 0
	say "${DRY:+would: }$gateway is asked for: $domains"
	printf '%s\n' "$text" | put "$DELEGATES/wm-$slug.dns-delegate"
	reload=yes
}

# --- all of it -----------------------------------------------------------------------------------------

# lists: lines "LINK GATEWAY DOMAINS" of the meshes whose names are a link's matter
apply_links() {
	links=$(printf '%s' "$lists" | cut -d ' ' -f 1 | sort -u | tr '\n' ' ')
	for link in $links; do
		servers=$(printf '%s' "$lists" | awk -v link="$link" '$1 == link && !had[$2]++ { printf "%s%s", sep, $2; sep = " " }')
		wanted=$(printf '%s' "$lists" | awk -v link="$link" '$1 == link { $1 = $2 = ""; print }' | tr '\n' ' ')
		[ "${servers#* }" = "$servers" ] ||
			complain "$link: its meshes have different gateways ($servers), and systemd-resolved before 258 asks only one of" \
				"them: the names of the others are not found. Let the router ask them (docs/hosts.md)"
		apply_link "$link" "$servers" "$wanted"
	done
	for old in "$STATE"/link.*; do
		old=${old##*/link.}
		[ "$old" = '*' ] || has "$links" "$old" || restore_link "$old"
	done
}

apply_all() { # apply_all [SLUG]: as if that mesh were not
	routes='' lists='' reload='' kept=' '
	for file in "$MESHES"/*.env; do
		if [ ! -e "$file" ] || [ "$file" = "$MESHES/$1.env" ]; then continue; fi
		kept="$kept${file##*/} "
		if ! load_mesh "$file"; then
			broken=yes
			continue
		fi
		if ! out_of "$gateway"; then # its link may be back in a moment: what there is stays
			ours=$(noted "$supernet")
			routes="$routes${ours:+$ours$nl}"
			link=$(grep -l "^gateways=\(.* \)*$(printf %s "$gateway" | sed 's/\./\\./g')\( .*\)*\$" "$STATE"/link.* 2>/dev/null | head -n 1)
			[ -z "$link" ] || lists="$lists${link##*/link.} $gateway $domains$nl"
			continue
		fi
		apply_route
		[ -n "$names" ] || continue
		if delegates; then
			apply_delegate
		else
			lists="$lists$dev $gateway $domains$nl"
		fi
	done
	# A file that cannot be read may be of any mesh: then nothing is taken away.
	[ -n "$broken" ] || sweep_routes
	[ -n "$names" ] || return 0
	[ -n "$broken" ] || apply_links
	for old in "$DELEGATES"/wm-*.dns-delegate; do
		slug=${old##*/wm-} slug=${slug%.dns-delegate}
		if [ ! -e "$old" ] || has "$kept" "$slug.env"; then continue; fi
		change "the gateway is not asked for names of $slug any more" rm -f "$old"
		reload=yes
	done
	[ -z "$reload" ] || change 'systemd-resolved reads it' systemctl reload-or-restart systemd-resolved
}

main() {
	remove='' broken=''
	while [ $# -gt 0 ]; do
		case $1 in
		--dry-run) DRY=yes ;;
		--remove) remove=${2:?--remove needs a SLUG or --all}; shift ;;
		--check) load_mesh "$2"; exit ;;
		--overlap) is_prefix "$2" && is_prefix "$3" && overlap "$2" "$3"; exit ;;
		--meshes) MESHES=$2; shift ;;
		*) complain "unknown argument '$1'; use: wm-host-apply [--dry-run] [--remove SLUG|--all]"; exit 2 ;;
		esac
		shift
	done
	case $remove in --all) remove='*' ;; */* | .*) complain "no mesh is called '$remove'"; exit 2 ;; esac
	if [ -z "$DRY" ]; then
		mkdir -p "$STATE" || exit 1
		exec 9>"$STATE/lock"
		! command -v flock >/dev/null 2>&1 || flock 9
	fi
	names=
	! resolvectl dns >/dev/null 2>&1 || names=yes
	if [ -z "$remove" ]; then
		apply_all ''
	elif [ "$remove" = '*' ]; then
		for file in "$MESHES"/*.env; do
			[ ! -e "$file" ] || change "$file is removed" rm -f "$file"
		done
		if [ -n "$DRY" ]; then MESHES=/nonexistent; fi
		apply_all ''
	elif [ ! -e "$MESHES/$remove.env" ]; then
		say "there is no mesh $remove on this machine"
	else
		apply_all "$remove"
		change "$MESHES/$remove.env is removed" rm -f "$MESHES/$remove.env"
	fi
	exit $FAILED
}
main "$@"
APPLY
}

# --- what calls it -----------------------------------------------------------------------------------------

changed() { say "${DRY:+would: }$*"; }
# put FILE [MODE]: stdin is what it holds from now on, whole or not at all; says so if it held anything else
put() {
	cat >"$tmp/new"
	! cmp -s "$tmp/new" "$1" || return 0
	changed "$1"
	[ -z "$DRY" ] || return 0
	{ mkdir -p "${1%/*}" && cp "$tmp/new" "$1.new-$$" && chmod "${2:-644}" "$1.new-$$" && mv -f "$1.new-$$" "$1"; } ||
		die "cannot write $1; is the file system full or read-only?"
	touched=yes
}
run() { # run COMMAND...
	changed "$*"
	[ -n "$DRY" ] || "$@" || die "'$*' failed (above); do it by hand, or run this again"
}

have_systemd() { [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; }

systemd_units() {
	touched=
	put "$UNITS/wm-host.service" <<-END
		[Unit]
		Description=Route and names of WireGuard meshes (wm)
		Documentation=man:wm(1)
		Wants=network-online.target
		After=network-online.target systemd-resolved.service
		StartLimitIntervalSec=0

		[Service]
		Type=oneshot
		ExecStart=$PROGRAM

		[Install]
		WantedBy=multi-user.target
	END
	put "$UNITS/wm-host.timer" <<-END
		[Unit]
		Description=Route and names of WireGuard meshes, put right again (wm)

		[Timer]
		OnActiveSec=5min
		OnUnitInactiveSec=5min

		[Install]
		WantedBy=timers.target
	END
	# systemd-networkd forgets what others set on its links when it is restarted or sets them up anew.
	put "$UNITS/wm-host.path" <<-END
		[Unit]
		Description=Route and names of WireGuard meshes, when links were set up anew (wm)

		[Path]
		PathChanged=/run/systemd/netif/links

		[Install]
		WantedBy=paths.target
	END
	[ -z "$touched" ] || run systemctl daemon-reload
	systemctl -q is-enabled wm-host.service 2>/dev/null || run systemctl -q enable wm-host.service
	for unit in wm-host.timer wm-host.path; do
		{ systemctl -q is-enabled $unit && systemctl -q is-active $unit; } 2>/dev/null || run systemctl -q enable --now $unit
	done
}

# Without systemd: cron, or OpenRC's scripts at boot and busybox's cron, or whoever reads this.
other_units() {
	if [ -d /etc/cron.d ]; then
		printf '%s\n' "@reboot root $PROGRAM" "*/5 * * * * root $PROGRAM" | put /etc/cron.d/wm-host || exit 1
	elif [ -d /etc/local.d ] && [ -d /etc/periodic/15min ]; then
		printf '#!/bin/sh\nexec %s\n' "$PROGRAM" | put /etc/local.d/wm-host.start 755 || exit 1
		printf '#!/bin/sh\nexec %s\n' "$PROGRAM" | put /etc/periodic/15min/wm-host 755 || exit 1
		[ -e /etc/runlevels/default/local ] || run rc-update add local default
	else
		say "this machine has neither systemd nor cron: let it run $PROGRAM at boot, and every few minutes"
	fi
}

remove_units() {
	for file in "$UNITS/wm-host.timer" "$UNITS/wm-host.path" "$UNITS/wm-host.service" /etc/cron.d/wm-host /etc/local.d/wm-host.start \
		/etc/periodic/15min/wm-host "$PROGRAM"; do
		[ -e "$file" ] || continue
		case $file in *.timer | *.path | *.service) ! have_systemd || run systemctl -q disable --now "${file##*/}" ;; esac
		run rm -f "$file"
	done
	! have_systemd || run systemctl daemon-reload
	[ -n "$DRY" ] || rm -rf /run/wm-host
	[ -n "$DRY" ] || rmdir "$MESHES" /etc/wm 2>/dev/null || true # unless it is a gateway's too
}

# --- put there, taken away --------------------------------------------------------------------------------

# Another mesh that claims the same addresses.
refuse_others() {
	for file in "$MESHES"/*.env; do
		if [ ! -e "$file" ] || [ "$file" = "$MESHES/$WM_MESH_SLUG.env" ]; then continue; fi
		other=$(sed -n 's/^WM_MESH_SUPERNET=//p' "$file")
		sh "$tmp/apply" --overlap "$WM_MESH_SUPERNET" "$other" 2>/dev/null || continue
		die "$WM_MESH_SUPERNET overlaps with $other, the mesh of $file: a machine can be in one of the two;" \
			"take that off first: --remove $(basename "$file" .env)"
	done
}

install_mesh() {
	command -v ip >/dev/null 2>&1 ||
		die "there is no 'ip' here: this is for Linux (iproute2 or busybox); docs/hosts.md says what else can be done"
	[ -n "${WM_MESH_SLUG:-}" ] ||
		die "nothing is known of the mesh; this is the second half of: wm host-setup GATEWAY | sudo sh"
	name=$WM_MESH_SLUG
	case ${WM_MESH_NAME:-} in *[!A-Za-z0-9._\ -]* | '') ;; *) name=$WM_MESH_NAME ;; esac # only people read it
	for value in "$WM_MESH_SLUG" "$WM_MESH_SUPERNET" "$WM_MESH_DOMAINS" "$WM_GATEWAY" "$WM_REGISTRY_URL"; do
		[ "$(printf '%s' "$value" | tr -d '\000-\037\177')" = "$value" ] || die 'what the mesh says of itself has control characters in it'
	done
	printf '%s\n' '# Written by wm host-setup; read by wm-host-apply.' "WM_MESH_SLUG=$WM_MESH_SLUG" "WM_MESH_NAME=$name" \
		"WM_MESH_SUPERNET=$WM_MESH_SUPERNET" "WM_MESH_DOMAINS=$WM_MESH_DOMAINS" "WM_GATEWAY=$WM_GATEWAY" \
		"WM_REGISTRY_URL=$WM_REGISTRY_URL" >"$tmp/env"
	sh "$tmp/apply" --check "$tmp/env" || die 'what the mesh says of itself (above) cannot be used; nothing is changed'
	refuse_others
	# `put` at the end of a pipe ends only itself
	apply_program | put "$PROGRAM" 755 || exit 1
	put "$MESHES/$WM_MESH_SLUG.env" <"$tmp/env"
	if have_systemd; then systemd_units; else other_units; fi
	if [ -n "$DRY" ]; then
		mkdir "$tmp/meshes"
		[ ! -d "$MESHES" ] || cp "$MESHES"/*.env "$tmp/meshes" 2>/dev/null
		cp "$tmp/env" "$tmp/meshes/$WM_MESH_SLUG.env"
		sh "$tmp/apply" --dry-run --meshes "$tmp/meshes"
		return
	fi
	sh "$PROGRAM" || die 'not everything could be done (above); it is tried again every few minutes'
	names_hint
	say "$name: $WM_MESH_SUPERNET goes to $WM_GATEWAY; register this machine, if it is not yet: wm add-host NAME --local-ip ADDRESS"
}

# Names work for programs only where they ask systemd-resolved.
names_hint() {
	if ! resolvectl dns >/dev/null 2>&1; then
		say "names: this machine has no systemd-resolved, so nothing asks $WM_GATEWAY for $WM_MESH_DOMAINS; let the router do so," \
			"or put 'nameserver $WM_GATEWAY' first in /etc/resolv.conf (docs/hosts.md)"
	elif ! grep -qs '^nameserver 127\.0\.0\.5[34]' /etc/resolv.conf && ! grep -qs '^hosts:.*resolve' /etc/nsswitch.conf; then
		say 'names: programs here do not ask systemd-resolved; ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf'
	fi
}

remove_mesh() { # remove_mesh SLUG|--all
	[ -n "$1" ] || die 'which mesh? --remove SLUG, or --remove --all'
	sh "$tmp/apply" ${DRY:+--dry-run} --remove "$1" || die 'not everything could be taken off (above); run it again'
	for file in "$MESHES"/*.env; do
		[ ! -e "$file" ] || [ "$1" = --all ] || [ "$file" = "$MESHES/$1.env" ] || return 0
	done
	remove_units
}

main() {
	verb=install slug=${WM_MESH_SLUG:-}
	while [ $# -gt 0 ]; do
		case $1 in
		--dry-run) DRY=yes ;;
		--remove)
			verb=remove
			case ${2:-} in --all | [!-]*) slug=$2; shift ;; esac
			;;
		*) die "unknown argument '$1'; there are --dry-run and --remove [SLUG|--all]" ;;
		esac
		shift
	done
	[ "$(id -u)" = 0 ] || die 'this needs root; use: wm host-setup GATEWAY | sudo sh'
	tmp=$(mktemp -d) || die 'cannot make a temporary directory'
	trap 'rm -rf "$tmp"' EXIT
	trap 'exit 1' HUP INT TERM
	apply_program >"$tmp/apply"
	"${verb}_mesh" "$slug"
}

# All of it is here before anything is done.
main "$@"
