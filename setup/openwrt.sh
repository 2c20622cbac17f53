#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Brings the router of a site, with OpenWrt, to send its whole LAN into the mesh by way of the site's gateway: a route, the
# mesh's names, and the port that the gateway is reached at. From where wm is:
#
#   wm openwrt-setup GATEWAY | ssh root@router 'sh -s'                    puts it there, or brings it up to date
#   wm openwrt-setup GATEWAY | ssh root@router 'sh -s -- --dry-run'       only says what it would do
#   wm openwrt-setup GATEWAY | ssh root@router 'sh -s -- --remove'        takes this mesh off again
#   uclient-fetch -O - REGISTRY/setup/openwrt | sh -s -- --remove SLUG    the same without wm
#
#   --interface NAME   the network that the gateway is in, where its address does not tell
#   --port N           the gateway's UDP port, if not 51820; --no-forward: without forwarding it
#
# `wm openwrt-setup` puts in front what only the mesh knows: WM_MESH_SLUG, WM_MESH_SUPERNET, WM_MESH_DOMAINS, WM_GATEWAY.
# What is put into other sections than our own is noted in /etc/config/wm, so that exactly that is taken off again.

umask 022
set -f # what uci says are words, and no names of files
LC_ALL=C
export LC_ALL
DRY=
CONFIGS='wm network firewall dhcp'
DNS='dhcp.@dnsmasq[0]'

say() { printf '%s\n' "$*"; }
die() {
	printf 'wm openwrt-setup: %s\n' "$*" >&2
	if [ -n "$staged" ]; then
		for config in $CONFIGS; do uci -q revert "$config"; done
		[ -s /etc/config/wm ] || rm -f /etc/config/wm
	fi
	exit 1
}
staged=

# --- what may stand in front ---------------------------------------------------------------------

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
mask() { echo $((0xffffffff ^ ((1 << (32 - $1)) - 1))); } # mask LENGTH
is_prefix() { # with no bit set behind its length
	case $1 in */[89] | */[12][0-9] | */30) ;; *) return 1 ;; esac
	is_address "${1%/*}" && [ $(($(number "${1%/*}") & ((1 << (32 - ${1#*/})) - 1))) = 0 ]
}
is_in() { [ $(($(number "$1") >> (32 - ${2#*/}))) = $(($(number "${2%/*}") >> (32 - ${2#*/}))) ]; } # is_in ADDRESS PREFIX
is_label() { case $1 in '' | -* | *- | *[!a-z0-9-]*) return 1 ;; *) [ ${#1} -le 63 ] ;; esac; }
has() { case " $1 " in *" $2 "*) return 0 ;; esac; return 1; } # has WORDS WORD

check_slug() { case $1 in '' | [.-]* | *[!A-Za-z0-9._-]*) die "'$1' is no mesh's slug, like 172-30" ;; esac; }
check_variables() {
	[ -n "${WM_MESH_SLUG:-}" ] ||
		die "nothing is known of the mesh; this is the second half of: wm openwrt-setup GATEWAY | ssh root@router 'sh -s'"
	check_slug "$WM_MESH_SLUG"
	is_prefix "$WM_MESH_SUPERNET" || die "WM_MESH_SUPERNET '$WM_MESH_SUPERNET' is no network like 172.30.0.0/16"
	is_address "$WM_GATEWAY" || die "WM_GATEWAY '$WM_GATEWAY' is no address like 192.168.1.250"
	! is_in "$WM_GATEWAY" "$WM_MESH_SUPERNET" ||
		die "WM_GATEWAY '$WM_GATEWAY' is inside the mesh; it must be the gateway's address on the LAN"
	case $WM_MESH_DOMAINS in *[!a-z0-9\ -]*) die "WM_MESH_DOMAINS '$WM_MESH_DOMAINS' are no domains" ;; esac
	for d in $WM_MESH_DOMAINS; do
		is_label "$d" || die "WM_MESH_DOMAINS: '$d' is no domain"
	done
	case $port in '' | 0* | *[!0-9]* | ??????*) port=0 ;; esac
	if [ "$port" -lt 1 ] || [ "$port" -gt 65535 ]; then die '--port needs a number from 1 to 65535'; fi
}

# --- uci -----------------------------------------------------------------------------------------------

# With --dry-run everything happens in a copy.
u() {
	if [ -n "$DRY" ]; then
		uci -q -c "$tmp/config" -P "$tmp/changes" "$@"
	else
		uci -q "$@"
	fi
}
must() { u "$@" || die "uci $* failed; what was changed is taken back"; }
put() { [ "$(u get "$1")" = "$2" ] || must set "$1=$2"; }                # put KEY VALUE
add_item() { has "$(u get "$1")" "$2" || must add_list "$1=$2"; }      # add_item KEY VALUE
del_item() { ! has "$(u get "$1")" "$2" || must del_list "$1=$2"; }    # del_item KEY VALUE
drop() { ! u get "$1" >/dev/null || must delete "$1"; }                # drop KEY
sections() { u show "$1" | sed -n "s/^\($1\.[^.=]*\)=$2\$/\1/p"; }     # sections CONFIG TYPE

begin() {
	command -v uci >/dev/null 2>&1 || die 'there is no uci: this is no OpenWrt; docs/hosts.md says what other routers need'
	for config in $CONFIGS; do
		[ -z "$(uci -q changes "$config")" ] ||
			die "$config has changes that nobody committed (uci changes $config); commit or revert them first"
	done
	tmp=$(mktemp -d) || die 'cannot make a temporary directory'
	trap 'rm -rf "$tmp"' EXIT
	trap 'die interrupted' HUP INT TERM
	if [ -n "$DRY" ]; then
		cp -r /etc/config "$tmp/config"
		mkdir "$tmp/changes"
		: >>"$tmp/config/wm"
	else
		[ -e /etc/config/wm ] || : >/etc/config/wm || die 'cannot write /etc/config; is this root?'
		staged=yes
	fi
}

# Says and commits what has changed, and restarts only what that concerns.
finish() {
	changed=
	for config in $CONFIGS; do
		changes=$(u changes "$config")
		[ -n "$changes" ] || continue
		changed="$changed $config"
		printf '%s\n' "$changes" | sed "s/^/${DRY:+would: }/"
	done
	[ -n "$changed" ] || say 'nothing to change'
	[ -z "$DRY" ] || return 0
	for config in $changed; do uci commit "$config" || die "uci commit $config failed; is the flash full?"; done
	staged=
	[ -n "$(sections wm mesh)" ] || rm -f /etc/config/wm
	! has "$changed" network || restart network reload
	! has "$changed" firewall || restart firewall reload
	! has "$changed" dhcp || restart dnsmasq restart
}
restart() {
	say "/etc/init.d/$1 $2"
	"/etc/init.d/$1" "$2" || die "/etc/init.d/$1 $2 failed; the settings are there: look at logread, and do it again"
}

# --- the router as it is ------------------------------------------------------------------------------

# Sets interface: the network that the gateway is in.
find_interface() {
	for section in $(sections network interface); do
		netmask=$(u get "$section.netmask")
		for address in $(u get "$section.ipaddr"); do
			case $address in
			*/*) bits=$(mask "${address#*/}") ;;
			*)
				is_quad "$netmask" || continue
				bits=$(number "$netmask")
				;;
			esac
			address=${address%/*}
			is_address "$address" || continue
			[ "$address" != "$WM_GATEWAY" ] || die "$WM_GATEWAY is this router itself; give the address of the gateway"
			! is_in "$address" "$WM_MESH_SUPERNET" ||
				die "the network ${section#network.} ($address) is inside the mesh's $WM_MESH_SUPERNET; one of them must move"
			[ -z "$interface" ] || continue
			[ $(($(number "$address") & bits)) != $(($(number "$WM_GATEWAY") & bits)) ] || interface=${section#network.}
		done
	done
	[ -n "$interface" ] || die "no network of this router has $WM_GATEWAY in it; if the gateway is there: --interface NAME"
	[ "$(u get "network.$interface")" = interface ] || die "this router has no network '$interface' (--interface)"
}

# Sets zone: the firewall's zone of that network; says what in it is in the way.
find_zone() {
	zone=
	for section in $(sections firewall zone); do
		has "$(u get "$section.network")" "$interface" || continue
		zone=$(u get "$section.name")
		forward=$(u get "$section.forward" || u get 'firewall.@defaults[0].forward')
		[ "$forward" = ACCEPT ] ||
			say "note: zone $zone does not forward within itself (forward is '$forward'): machines reach the gateway by this" \
				"router only with  uci set $section.forward=ACCEPT"
	done
	[ "$(u get 'firewall.@defaults[0].drop_invalid')" != 1 ] ||
		say "note: the firewall drops invalid packets (drop_invalid), to which TCP belongs whose answers come directly from the" \
			"gateway; switch it off, or hand the route to the machines by DHCP (docs/hosts.md)"
}

# --- what is put there -------------------------------------------------------------------------------

stage_route() {
	for section in $(sections network route); do
		[ "$section" != "network.$id" ] || continue
		target=$(u get "$section.target")
		netmask=$(u get "$section.netmask")
		[ "$target" = "$WM_MESH_SUPERNET" ] || [ "$target/$netmask" = "${WM_MESH_SUPERNET%/*}/$dotted" ] || continue
		[ "$(u get "$section.gateway")" = "$WM_GATEWAY" ] ||
			die "there is another route to $WM_MESH_SUPERNET ($section); if it is not needed: uci delete $section"
		drop "network.$id" # somebody made it, and it is right
		return
	done
	put "network.$id" route
	put "network.$id.interface" "$interface"
	put "network.$id.target" "$WM_MESH_SUPERNET"
	put "network.$id.gateway" "$WM_GATEWAY"
}

stage_forward() {
	wan=
	for section in $(sections firewall zone); do
		[ "$(u get "$section.name")" != wan ] || wan=yes
	done
	if [ -z "$wan" ] || [ -z "$zone" ]; then
		say "note: no port is forwarded: the firewall has no zone wan, or none for $interface"
		forward_port=no
	fi
	for section in $(sections firewall redirect); do
		[ "$section" != "firewall.$id" ] || continue
		[ "$(u get "$section.src") $(u get "$section.src_dport")" = "wan $port" ] || continue
		case $(u get "$section.proto") in *udp* | '' | all) ;; *) continue ;; esac
		[ "$(u get "$section.dest_ip")" = "$WM_GATEWAY" ] || [ "$forward_port" = no ] ||
			die "UDP port $port is forwarded already, to $(u get "$section.dest_ip") ($section); a second gateway needs a port of" \
				"its own (--port), or none (--no-forward)"
		forward_port=no # somebody made it, and it is right
	done
	if [ "$forward_port" = no ]; then
		drop "firewall.$id"
		return
	fi
	put "firewall.$id" redirect
	put "firewall.$id.name" "wm-$WM_MESH_SLUG"
	put "firewall.$id.target" DNAT
	put "firewall.$id.src" wan
	put "firewall.$id.dest" "$zone"
	put "firewall.$id.proto" udp
	put "firewall.$id.src_dport" "$port"
	put "firewall.$id.dest_ip" "$WM_GATEWAY"
	put "firewall.$id.dest_port" "$port"
}

# Every list item of ours in the dnsmasq section is in the record too, under the same name.
record_item() { # record_item LIST VALUE: it is somebody else's if it is there and not in the record
	has "$(u get "$DNS.$1")" "$2" && ! has "$(u get "wm.$id.$1")" "$2" && return
	add_item "$DNS.$1" "$2"
	add_item "wm.$id.$1" "$2"
}
forget_items() { # forget_items LIST WANTED: of ours, all but these
	for item in $(u get "wm.$id.$1"); do
		has "$2" "$item" && continue
		del_item "$DNS.$1" "$item"
		del_item "wm.$id.$1" "$item"
	done
}

# Who else answers for a domain of the mesh, and is not to be asked first.
refuse_servers() {
	for item in $(u get "$DNS.server") $(u get "$DNS.address"); do
		case $item in /*/*) ;; *) continue ;; esac
		has "$(u get "wm.$id.server")" "$item" && continue
		for d in $(printf '%s' "${item%/*}" | tr / ' '); do
			! has "$WM_MESH_DOMAINS" "$d" || [ "${item##*/}" = "$WM_GATEWAY" ] ||
				die "dnsmasq has another answer for the mesh's domain $d: '$item'; if it is not needed: uci del_list $DNS.server='$item'"
		done
	done
}

# local=/home/ means that nobody is asked about home: of no use for a domain of the mesh.
stage_local() {
	value=$(u get "$DNS.local")
	left=
	case $value in /*/) ;; *) return ;; esac
	for d in $(printf '%s' "$value" | tr / ' '); do
		if has "$WM_MESH_DOMAINS" "$d"; then add_item "wm.$id.local" "$d"; else left="$left/$d"; fi
	done
	[ "${left:+$left/}" = "$value" ] || must set "$DNS.local=${left:+$left/}" # an empty value deletes it
}
restore_local() { # restore_local WANTED-DOMAINS
	for d in $(u get "wm.$id.local"); do
		has "$1" "$d" && continue
		value=$(u get "$DNS.local")
		must set "$DNS.local=${value:-/}$d/"
		del_item "wm.$id.local" "$d"
	done
}

stage_names() {
	if ! u get "$DNS" >/dev/null; then
		say "note: this router has no dnsmasq: nothing asks $WM_GATEWAY for $WM_MESH_DOMAINS"
		return
	fi
	refuse_servers
	servers=
	for d in $WM_MESH_DOMAINS; do servers="$servers /$d/$WM_GATEWAY"; done
	forget_items server "$servers"
	forget_items rebind_domain "$WM_MESH_DOMAINS"
	restore_local "$WM_MESH_DOMAINS"
	stage_local
	for d in $WM_MESH_DOMAINS; do
		record_item server "/$d/$WM_GATEWAY"
		record_item rebind_domain "$d" # or its private addresses are taken for an attack
	done
	# That nobody has a name is not kept: a host that was just added is known at once.
	if [ "$(u get "$DNS.nonegcache")" != 1 ]; then
		put wm.globals globals
		put wm.globals.nonegcache "$(u get "$DNS.nonegcache" || echo none)"
		put "$DNS.nonegcache" 1
	fi
}

install_mesh() {
	check_variables
	id=wm_$(printf '%s' "$WM_MESH_SLUG" | tr .- __)
	bits=$(mask "${WM_MESH_SUPERNET#*/}")
	dotted=$((bits >> 24)).$(((bits >> 16) & 255)).$(((bits >> 8) & 255)).$((bits & 255))
	begin
	other=$(u get "wm.$id.slug")
	[ "${other:-$WM_MESH_SLUG}" = "$WM_MESH_SLUG" ] || die "mesh $other has the section wm.$id; rename one of the two"
	find_interface
	find_zone
	put "wm.$id" mesh
	put "wm.$id.slug" "$WM_MESH_SLUG"
	stage_route
	stage_forward
	stage_names
	finish
}

remove_mesh() {
	check_slug "$slug"
	id=wm_$(printf '%s' "$slug" | tr .- __)
	begin
	if [ "$(u get "wm.$id.slug")" != "$slug" ]; then
		[ -n "$DRY" ] || [ -s /etc/config/wm ] || rm -f /etc/config/wm
		say "there is no mesh $slug on this router"
		return
	fi
	forget_items server ''
	forget_items rebind_domain ''
	restore_local ''
	drop "network.$id"
	drop "firewall.$id"
	drop "wm.$id"
	if [ -z "$(sections wm mesh)" ] && was=$(u get wm.globals.nonegcache); then
		if [ "$was" = none ]; then drop "$DNS.nonegcache"; else put "$DNS.nonegcache" "$was"; fi
		drop wm.globals
	fi
	finish
}

main() {
	verb=install slug=${WM_MESH_SLUG:-} interface='' port=51820 forward_port=yes
	while [ $# -gt 0 ]; do
		case $1 in
		--dry-run) DRY=yes ;;
		--remove)
			verb=remove
			case ${2:-} in [!-]*) slug=$2; shift ;; esac
			;;
		--interface)
			interface=${2:-}
			case $interface in '' | *[!A-Za-z0-9_]*) die '--interface needs the name of a network, like lan' ;; esac
			shift
			;;
		--port) port=${2:-}; shift ;;
		--no-forward) forward_port=no ;;
		*) die "unknown argument '$1'; there are --dry-run, --remove [SLUG], --interface NAME, --port N, --no-forward" ;;
		esac
		[ $# = 0 ] || shift
	done
	"${verb}_mesh"
}

# All of it is here before anything is done.
main "$@"
