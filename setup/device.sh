#!/bin/sh
# Joins this machine to a WireGuard mesh as a device, and takes care of it from then on.
#
#   curl -fsSL https://registry/setup | sudo sh -s -- --token TOKEN --registry URL --name NAME [--type roaming|isolated]
#
# It makes the key here, exchanges the one-time token for one of the device's own, and leaves behind:
#
#   /etc/wireguard/wg-NET.key, .env, .conf   what is private, what the device knows of the mesh, and wg-quick's file
#   /usr/local/bin/wm-device                 this script, and wg-NET-status, wg-NET-update, wg-NET-uninstall, which are links to it
#   a timer that runs wg-NET-update every five minutes
#
# NET comes from the registry's name, so that one machine can be in several meshes. Running it again is free; a device that the
# registry does not know any more joins anew, with a new token. Nothing of it needs more than sh, curl and WireGuard's tools, which it installs where they are missing.
set -euf
umask 077
# cron and launchd give less than what is needed
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/opt/homebrew/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

ETC=/etc/wireguard
BIN=/usr/local/bin
SELF=$BIN/wm-device
UNITS=/etc/systemd/system
PLISTS=/Library/LaunchDaemons
OS=$(uname -s)
MTU=1420

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "${IF:-wm-device}" "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

usage() {
	sed -n '2,5s/^# \{0,1\}//p' "$0" 2>/dev/null || :
	cat <<-END
	options:
	  --token TOKEN       the one-time enrolment that wm add-device prints (or WM_TOKEN in the environment)
	  --registry URL      https://...; http:// to this machine only, or with WM_REGISTRY_ALLOW_HTTP=true
	  --name NAME         as which device
	  --type TYPE         roaming or isolated; what the registry says counts
	  --net NAME          instead of the registry's name, in the names of interface and commands
	  --ca FILE           a certificate to trust besides the system's
	  --no-cli            not the command wm, which roaming devices get where the registry gives it out, nor this mesh for it
	  --dry-run           only say what would be done
	END
}

# --- what comes from elsewhere is looked at before it is used ---------------------------------------

is_label() { case $1 in '' | -* | *- | *[!a-z0-9-]*) return 1 ;; *) [ ${#1} -le 63 ] ;; esac; }
# What the world means by a name is not the mesh's: as the registry has them, and numbers.
is_domain() {
	case $1 in
	gw | localhost | local | invalid | onion | arpa | com | net | org | edu | gov | mil | int | info | io | dev | app | biz | test | \
		example | alt | localdomain) return 1 ;;
	*[!0-9]*) is_label "$1" ;;
	*) return 1 ;;
	esac
}
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
is_in() { [ $(($(number "$1") >> (32 - ${2#*/}))) = $(($(number "${2%/*}") >> (32 - ${2#*/}))) ]; } # is_in ADDRESS PREFIX
is_key() { case $1 in *[!A-Za-z0-9+/=]*) return 1 ;; *) [ ${#1} -eq 44 ] ;; esac; }
is_endpoint() { case $1 in '' | *[!]A-Za-z0-9.:_[-]*) return 1 ;; *:*) ;; *) return 1 ;; esac; }
is_url() { case $1 in *[!]A-Za-z0-9._~:/@%[-]*) return 1 ;; https://?* | http://?*) ;; *) return 1 ;; esac; }
is_token() { case $1 in wm[a-z]_*) case $1 in *[!A-Za-z0-9_-]*) return 1 ;; esac ;; *) return 1 ;; esac; }

# A token goes over the network in the open only where it is asked for, or where there is no network.
may_talk_to() {
	is_url "$1" || die "--registry '$1' is no URL like https://wm-registry.example.com"
	case $1 in
	https://*) return ;;
	esac
	host=$(host_of "$1")
	case $host in
	localhost | ::1) ;;
	127.*) is_quad "$host" || die "$1: '$host' is no address" ;;
	*) [ "${WM_REGISTRY_ALLOW_HTTP:-}" = true ] ||
		die "$1 would carry the token in the open: use https://, or set WM_REGISTRY_ALLOW_HTTP=true" ;;
	esac
}

host_of() { # host_of <URL>
	host=${1#*://}
	host=${host%%/*}
	host=${host##*@}
	case $host in \[*) host=${host#?} host=${host%%]*} ;; *) host=${host%%:*} ;; esac
	printf %s "$host"
}

# The registry's host without a leading wm-registry, its first label; of an address, the address.
net_of() {
	host=$(host_of "$1")
	case $host in *[!0-9.]*) host=${host#wm-registry.} host=${host%%.*} ;; esac
	printf %s "$host" | tr '[:upper:]' '[:lower:]' | tr .: --
}

# An interface's name has 15 characters at most: the head for people, a sum so that it is the only one.
interface_of() {
	if [ ${#1} -le 12 ]; then
		printf 'wg-%s' "$1"
	else
		printf 'wg-%.5s-%06x' "$1" $(($(printf %s "$1" | cksum | cut -d' ' -f1) % 16777216))
	fi
}

# --- the registry -------------------------------------------------------------------------------

# http METHOD PATH [FILE]: the answer is in $TMP/body, its status in $STATUS (000: none came). Tokens go by a pipe and bodies by
# a file: a command line can be read by everybody.
http() {
	# shellcheck disable=SC2086 # no CA, no words
	STATUS=$(printf 'header = "Authorization: Bearer %s"\n' "$TOKEN" |
		curl -K - -sS -m 60 --max-filesize 33554432 --proto '=http,https' ${CA:+--cacert "$CA"} -X "$1" \
			${3:+-H 'Content-Type: application/json' --data-binary "@$3"} -D "$TMP/head" -o "$TMP/body" -w '%{http_code}' \
			"$REGISTRY$2" 2>"$TMP/why") || { [ -n "$STATUS" ] || STATUS=000; }
	[ "$STATUS" != 000 ] || WHY=$(sed 's/^curl: //' "$TMP/why")
}

# text NAME LINE: a member that is a string without anything to be unquoted
text() { printf '%s\n' "$2" | sed -n 's/.*"'"$1"'":"\([^"\\]*\)".*/\1/p'; }
refusal() { text detail "$(head -c 2000 "$TMP/body" | tr -d '\n')"; }

get() { sed -n "s/^$1=//p" "$ETC/$IF.env" | head -n 1; } # of the .env

read_env() {
	[ -r "$ETC/$IF.env" ] || die "$ETC/$IF.env is not there: this machine is not set up as a device (or you are not root)"
	REGISTRY=$(get REGISTRY) NAME=$(get NAME) TOKEN=$(get TOKEN) DNS=$(get DNS) DOMAINS=$(get DOMAINS) CA=$(get CA) PERSON=$(get PERSON)
}

write_env() { # atomically, like everything here
	printf '%s\n' "REGISTRY=$REGISTRY" "NAME=$NAME" "TOKEN=$TOKEN" "DNS=${DNS:-}" "DOMAINS=${DOMAINS:-}" "CA=${CA:-}" \
		"PERSON=${PERSON:-}" >"$ETC/$IF.env.new"
	mv "$ETC/$IF.env.new" "$ETC/$IF.env"
}

# What the mesh is now: lines of JSON, the last of which says how many there were.
read_config() {
	http GET /v1/config
	case $STATUS in
	200) ;;
	000) return 1 ;;
	401) die "$REGISTRY does not know this device any more: it was removed, or set up elsewhere; wm device-setup $NAME gives a new token" ;;
	*) die "$REGISTRY: $STATUS $(refusal)" ;;
	esac
	end=$(tail -n 1 "$TMP/body")
	count=$(printf '%s\n' "$end" | sed -n 's/^{"end":{.*"count":\([0-9]*\).*/\1/p')
	[ "$count" = "$(grep -c '^{"\(site\|device\|host\)":' "$TMP/body")" ] || die "$REGISTRY: the answer is not whole; it will be asked again"
	mesh=$(grep '^{"mesh":' "$TMP/body")
	hub=$(grep '^{"site":' "$TMP/body" | grep '"is_hub":true') || die "the mesh has no hub, where devices connect"
	me=$(grep '^{"device":' "$TMP/body" | grep "\"name\":\"$NAME\"") || die "$REGISTRY says nothing about device $NAME"
	MESH=$(text mesh_name "$mesh") SUPERNET=$(text supernet "$mesh")
	HUB=$(text domain "$hub") HUB_KEY=$(text public_key "$hub") ENDPOINT=$(text endpoint "$hub") DNS=$(text gateway "$hub")
	ADDRESS=$(text wg_ip "$me") TYPE=$(text type "$me")
	DOMAINS=$(grep '^{"site":' "$TMP/body" | sed -n 's/.*"domain":"\([^"\\]*\)".*/\1/p' | tr '\n' ' ')
	DOMAINS=${DOMAINS% }
	[ -n "$HUB_KEY" ] || die "the hub $HUB has no key yet: its gateway has to be started first"
	[ -n "$ENDPOINT" ] || die "the hub $HUB has no endpoint yet: PUBLIC_IP in its gateway.env says where it is reached"
	if ! { is_prefix "$SUPERNET" && is_key "$HUB_KEY" && is_endpoint "$ENDPOINT" && is_address "$DNS" && is_address "$ADDRESS" &&
		is_in "$DNS" "$SUPERNET" && is_in "$ADDRESS" "$SUPERNET"; }; then
		die "$REGISTRY: what it says of the mesh is not valid; nothing was changed"
	fi
	for domain in $DOMAINS; do is_domain "$domain" || die "$REGISTRY: '$domain' is no domain; nothing was changed"; done
}

# --- WireGuard ------------------------------------------------------------------------------------

install_tools() {
	if has wg && has wg-quick; then return; fi
	say "installing WireGuard's tools"
	if [ "$OS" = Darwin ]; then
		has brew || die "Homebrew is needed for wireguard-tools: https://brew.sh"
		sudo -u "${SUDO_USER:?run it by sudo: Homebrew does not work as root}" brew install wireguard-tools
	elif has apt-get; then
		export DEBIAN_FRONTEND=noninteractive
		apt-get install -y -q --no-install-recommends wireguard-tools ||
			{ apt-get update -q && apt-get install -y -q --no-install-recommends wireguard-tools; }
	elif has dnf; then dnf install -y -q wireguard-tools
	elif has apk; then apk add -q wireguard-tools
	elif has pacman; then pacman -S --noconfirm --needed wireguard-tools
	else die "install wireguard-tools (wg and wg-quick), then run this again"; fi
}

# Two meshes that have the same addresses cannot be told apart by a route.
is_alone() {
	set +f
	for file in "$ETC"/*.conf; do
		if [ "$file" = "$ETC/$IF.conf" ] || ! grep -qsx "AllowedIPs = $SUPERNET" "$file"; then continue; fi
		die "$SUPERNET is the mesh of $file already: a machine cannot be in two meshes of one supernet"
	done
	set -f
}

conf() {
	cat <<-END
	# $NAME.$HUB of mesh $MESH. Written by wm-device, which writes it anew when the mesh changes.
	[Interface]
	Address = $ADDRESS/32
	MTU = $MTU
	PostUp = wg set %i private-key $ETC/$IF.key
	PostUp = $SELF up $IF
	PreDown = $SELF down $IF

	[Peer]
	PublicKey = $HUB_KEY
	Endpoint = $ENDPOINT
	AllowedIPs = $SUPERNET
	PersistentKeepalive = 25
	END
}

# The kernel's name of it: macOS calls it utunN.
device() { if [ "$OS" = Darwin ]; then cat "/var/run/wireguard/$IF.name" 2>/dev/null || :; else printf %s "$IF"; fi; }
is_up() { wg show "$(device)" >/dev/null 2>&1; }
interface_part() { sed '/^\[Peer\]/,$d' "$1"; }

# One peer, so that a new endpoint or key of the hub interrupts nothing.
follow_hub() {
	for peer in $(wg show "$(device)" peers); do
		[ "$peer" = "$HUB_KEY" ] || wg set "$(device)" peer "$peer" remove
	done
	wg set "$(device)" peer "$HUB_KEY" endpoint "$ENDPOINT" allowed-ips "$SUPERNET" persistent-keepalive 25
}

# What cannot be changed while the tunnel is up.
frame() { grep -v -e '^#' -e '^PublicKey' -e '^Endpoint' "$1" 2>/dev/null || :; }

# Brings files and kernel to what read_config found. Says what it changed; nothing when nothing was. A tunnel that cannot be
# changed is stopped, for whoever called to start it.
apply() {
	conf >"$ETC/$IF.conf.new"
	if cmp -s "$ETC/$IF.conf.new" "$ETC/$IF.conf"; then
		rm -f "$ETC/$IF.conf.new"
	else
		same=yes
		[ "$(frame "$ETC/$IF.conf.new")" = "$(frame "$ETC/$IF.conf")" ] || same=
		if [ -z "$same" ] && is_up; then stop_tunnel; fi
		mv "$ETC/$IF.conf.new" "$ETC/$IF.conf"
		if is_up; then follow_hub; fi
		say "$IF: $ADDRESS, hub $HUB at $ENDPOINT, written to $ETC/$IF.conf"
	fi
	if [ "$(get DNS) $(get DOMAINS)" != "$DNS $DOMAINS" ]; then
		# The file comes last: what fails is tried again.
		if is_up; then names_up; fi
		write_env
		if [ "$(resolver)" = none ]; then
			say "$IF: nothing here can ask one server for some domains: add 'nameserver $DNS' by hand where you need $DOMAINS"
		else
			say "$IF: names of $DOMAINS are asked of $DNS"
		fi
	fi
}

# --- names of the mesh, and only these, are asked of the hub ----------------------------------------

resolver() {
	if [ "$OS" = Darwin ]; then echo macos
	elif has resolvectl && resolvectl status >/dev/null 2>&1; then echo resolved
	elif has resolvconf; then echo resolvconf
	else echo none; fi
}

# Debian's resolvconf sorts by name, and what it does not know comes last.
resolvconf_name() {
	{ sed -n 's/^\([A-Za-z0-9-]\{1,\}\)\*$/\1./p' /etc/resolvconf/interface-order 2>/dev/null || :; } | head -n 1 | tr -d '\n'
	printf %s "$IF"
}

names_up() {
	case $(resolver) in
	macos)
		names_down
		(umask 022 && mkdir -p /etc/resolver)
		for domain in $DOMAINS; do
			if [ -e "/etc/resolver/$domain" ]; then say "$IF: /etc/resolver/$domain is somebody else's and stays"; continue; fi
			(umask 022 && printf '# %s\nnameserver %s\n' "$IF" "$DNS" >"/etc/resolver/$domain")
		done ;;
	resolved)
		# shellcheck disable=SC2046,SC2086 # words
		resolvectl domain "$IF" $(printf '~%s ' $DOMAINS) && resolvectl dns "$IF" "$DNS" && resolvectl default-route "$IF" false ;;
	resolvconf)
		# openresolv asks a private server for its domains alone.
		private=
		! resolvconf --version 2>&1 | grep -qi openresolv || private=-p
		printf 'nameserver %s\nsearch %s\n' "$DNS" "$DOMAINS" | resolvconf -a "$(resolvconf_name)" $private ;;
	esac
}

names_down() {
	case $(resolver) in
	macos) grep -lrx "# $IF" /etc/resolver 2>/dev/null | while read -r file; do rm -f "$file"; done ;;
	resolved) resolvectl revert "$IF" 2>/dev/null || : ;;
	resolvconf) resolvconf -d "$(resolvconf_name)" 2>/dev/null || : ;;
	esac
}

# --- who starts it ------------------------------------------------------------------------------------

manager() {
	if [ "$OS" = Darwin ]; then echo launchd
	elif [ -d /run/systemd/system ]; then echo systemd
	elif has rc-update && [ -e /etc/init.d/wg-quick ]; then echo openrc
	else echo none; fi
}

write_units() { # shared by all meshes of this machine
	cat >"$UNITS/wm-device@.service" <<-END
	[Unit]
	Description=What has changed in the mesh of %i
	After=network-online.target
	Wants=network-online.target

	[Service]
	Type=oneshot
	ExecStart=$SELF update %i
	SyslogIdentifier=%i-update
	END
	cat >"$UNITS/wm-device@.timer" <<-END
	[Unit]
	Description=Every five minutes: what has changed in the mesh of %i

	[Timer]
	OnBootSec=1min
	OnUnitActiveSec=5min
	RandomizedDelaySec=30

	[Install]
	WantedBy=timers.target
	END
	chmod 644 "$UNITS/wm-device@.service" "$UNITS/wm-device@.timer"
}

write_plist() { # write_plist <what> <key of when> <program> <arguments>
	cat >"$PLISTS/wm.$IF.$1.plist" <<-END
	<?xml version="1.0" encoding="UTF-8"?>
	<plist version="1.0"><dict>
	<key>Label</key><string>wm.$IF.$1</string>
	<key>ProgramArguments</key><array><string>$3</string><string>$4</string><string>$IF</string></array>
	<key>EnvironmentVariables</key><dict><key>PATH</key><string>/usr/local/bin:/opt/homebrew/bin:/usr/bin:/bin:/usr/sbin:/sbin</string></dict>
	<key>RunAtLoad</key><true/>$2
	</dict></plist>
	END
	chmod 644 "$PLISTS/wm.$IF.$1.plist"
	# One that is loaded does not run again by that.
	launchctl bootstrap system "$PLISTS/wm.$IF.$1.plist" 2>/dev/null || [ "$1" != up ] || is_up ||
		launchctl kickstart -k "system/wm.$IF.up"
}

# cron_set [line]: root's crontab with this line of ours, or without. One that cannot be read is left alone.
cron_set() {
	if ! crontab -l >"$TMP/cron" 2>"$TMP/why"; then
		grep -qi "no crontab\|can't open" "$TMP/why" || { say "$IF: crontab: $(head -n 1 "$TMP/why")"; return; }
		: >"$TMP/cron"
	fi
	{ grep -v "$BIN/$IF-update" "$TMP/cron" || :; [ $# = 0 ] || printf '%s\n' "$1"; } >"$TMP/cron.new"
	cmp -s "$TMP/cron" "$TMP/cron.new" || crontab - <"$TMP/cron.new"
}
cron_add() { cron_set "*/5 * * * * $BIN/$IF-update 2>&1 | logger -t $IF-update"; }

# wg-quick says each step, which is of interest when one fails.
quick() { wg-quick "$1" "$IF" >"$TMP/quick" 2>&1 || { cat "$TMP/quick" >&2; die "wg-quick $1 $IF failed"; }; }

start_tunnel() {
	case $(manager) in
	systemd)
		systemctl daemon-reload
		systemctl enable --quiet "wg-quick@$IF"
		is_up || systemctl restart "wg-quick@$IF" # it counts as active when its device is gone: a start would do nothing
		systemctl enable --now --quiet "wm-device@$IF.timer" ;;
	openrc)
		[ -e "/etc/init.d/wg-quick.$IF" ] || ln -s wg-quick "/etc/init.d/wg-quick.$IF"
		rc-update -q add "wg-quick.$IF" default
		is_up || { rc-service -q "wg-quick.$IF" zap || :; rc-service "wg-quick.$IF" start; }
		cron_add ;;
	launchd)
		write_plist up '' "$(command -v wg-quick)" up
		write_plist update '<key>StartInterval</key><integer>300</integer>' "$SELF" update ;;
	none)
		is_up || quick up
		if has crontab; then cron_add; else say "$IF: nothing here runs $BIN/$IF-update every five minutes, nor wg-quick up $IF at boot"; fi ;;
	esac
}

stop_tunnel() {
	case $(manager) in
	systemd) systemctl stop "wg-quick@$IF" ;;
	openrc) rc-service "wg-quick.$IF" stop ;;
	*) quick down ;;
	esac
	! is_up || quick down # started by hand
}

forget_starter() {
	case $(manager) in
	systemd) systemctl disable --now --quiet "wm-device@$IF.timer" "wg-quick@$IF" || : ;;
	openrc)
		rc-update -q delete "wg-quick.$IF" default || :
		rm -f "/etc/init.d/wg-quick.$IF" ;;
	launchd)
		for file in "$PLISTS/wm.$IF.up.plist" "$PLISTS/wm.$IF.update.plist"; do
			launchctl bootout system "$file" 2>/dev/null || :
			rm -f "$file"
		done ;;
	esac
	if [ "$(manager)" != systemd ] && has crontab; then cron_set; fi
}

# --- the operator's command ----------------------------------------------------------------------------

sum() { if has sha256sum; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1; }

CLI_LIBRARIES='libcurl-gnutls, libjansson, libsodium, libsmartcols, libqrencode (on Debian 12: libcurl3-gnutls libjansson4 libsodium23 libsmartcols1 libqrencode4)'
# As the registry gives it out (--downloads): wm-linux-x86_64 and the like, with its sum in the list.
install_cli() {
	file=wm-$(printf %s "$OS" | tr '[:upper:]' '[:lower:]')-$(uname -m)
	http GET /v1/downloads
	want=$(tr '{' '\n' <"$TMP/body" | grep "\"name\":\"$file\"" | sed -n 's/.*"sha256":"\([0-9a-f]*\)".*/\1/p') || :
	if [ -z "$want" ]; then
		say "$IF: the registry gives out no $file, so wm is not installed here"
		return
	fi
	if [ -e "$BIN/wm" ] && [ "$(sum "$BIN/wm")" = "$want" ]; then return; fi
	http GET "/downloads/$file"
	if [ "$STATUS" != 200 ] || [ "$(sum "$TMP/body")" != "$want" ]; then
		say "$IF: $file did not arrive whole, so wm is not installed"
		return
	fi
	chmod 755 "$TMP/body"
	cp -p "$TMP/body" "$BIN/wm.new"
	# It needs the libraries of the system that it was built on. What is there and runs is better than what is newer and does not.
	if ! "$BIN/wm.new" --version >"$TMP/runs" 2>&1; then
		rm -f "$BIN/wm.new"
		say "$IF: $file does not run on this system, so wm is not installed: $(head -n 1 "$TMP/runs")"
		say "$IF: wm needs: $CLI_LIBRARIES; or take the package wm"
		return
	fi
	mv "$BIN/wm.new" "$BIN/wm"
	say "$IF: $BIN/wm installed"
}

# Whose wm it is: who called sudo.
person() {
	case ${SUDO_USER:-root} in
	root | -* | *[!A-Za-z0-9._@-]*) echo root ;;
	*) if id -u "$SUDO_USER" >/dev/null 2>&1 && has sudo; then echo "$SUDO_USER"; else echo root; fi ;;
	esac
}

# as_user WHO SCRIPT [NAME ARGUMENT...]: a script of ours, in that user's home. The device's token is the only line of its input:
# arguments can be read by everybody.
as_user() {
	who=$1
	shift
	(
		unset XDG_CONFIG_HOME WM_CONFIG_DIR
		cd /
		if [ "$who" != root ]; then set -- sudo -n -H -u "$who" sh -c "$@"; else
			case ${HOME:+${SUDO_USER:-root}} in root) ;; *) HOME=~root && export HOME ;; esac
			set -- sh -c "$@"
		fi
		printf '%s\n' "$TOKEN" | "$@"
	)
}

# shellcheck disable=SC2016 # for the shell of as_user
MINE='IFS= read -r token || exit 0
	for file in "$HOME"/.config/wm/*.env; do
		[ -f "$file" ] && [ -r "$file" ] || continue
		while IFS= read -r line; do
			case $line in REGISTRY_TOKEN=?"$token"?) if [ "$1" = remove ]; then rm -f "$file"; else echo "$file"; fi ;; esac
		done <"$file"
	done'

# The device's own token lets wm look at the mesh, and change nothing. Where there is one that may more, that stays.
connect_cli() {
	has wm || return 0
	who=$(person)
	[ -z "$(as_user "$who" "$MINE" sh find)" ] || return 0
	set -- "$REGISTRY"
	[ -z "$CA" ] || set -- "$@" --ca "$CA"
	case $REGISTRY in http://*) set -- "$@" --allow-http ;; esac
	# shellcheck disable=SC2016
	if as_user "$who" 'IFS= read -r WM_REGISTRY_TOKEN && export WM_REGISTRY_TOKEN && exec "$@"' sh "$(command -v wm)" mesh add "$@" \
		>"$TMP/connect" 2>&1; then
		say "$IF: wm looks at the mesh for user $who, by the device's own token: wm list"
		PERSON=$who
		write_env
	else
		say "$IF: wm of user $who is as it was: $(head -n 1 "$TMP/connect" | sed 's/^wm: //')"
	fi
}

disconnect_cli() {
	for user in $(printf '%s\n' root "$PERSON" | sort -u); do as_user "$user" "$MINE" sh remove 2>/dev/null || :; done
}

# --- verbs ------------------------------------------------------------------------------------------

# The client's own token and key are on the disk before the registry knows of them: an answer that is lost loses nothing.
enrol() {
	[ -s "$ETC/$IF.key" ] || { wg genkey >"$ETC/$IF.key.new" && mv "$ETC/$IF.key.new" "$ETC/$IF.key"; }
	was=
	[ ! -e "$ETC/$IF.conf" ] || was=yes
	mine=wmd_$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n')
	old=$TOKEN
	printf '{"public_key":"%s","token":"%s"}' "$(wg pubkey <"$ETC/$IF.key")" "$mine" >"$TMP/request"
	TOKEN=$mine
	write_env
	TOKEN=$old
	http POST /v1/enrol "$TMP/request"
	rm -f "$TMP/request"
	TOKEN=$mine
	case $STATUS in
	200 | 201) ;;
	000) die "$REGISTRY is not reached: $WHY" ;; # or the answer was lost: what it may have stored is kept
	*) [ -n "$was" ] || rm -f "$ETC/$IF.env" "$ETC/$IF.key" ;;
	esac
	case $STATUS in
	200 | 201) ;;
	401) die "the token is not accepted: it was used, has expired or is another device's; a new one: wm device-setup $NAME" ;;
	*) die "$REGISTRY: $STATUS $(refusal)" ;;
	esac
	is=$(text name "$(tr -d '\n' <"$TMP/body")")
	if [ "$is" != "$NAME" ]; then
		wished=$NAME
		! is_label "$is" || { NAME=$is && write_env; } # that is who we are now
		die "the token is for '$is', not for '$wished'; run this again with --name $is"
	fi
	say "$IF: $NAME has joined $REGISTRY"
}

is_enrolled() {
	[ -e "$ETC/$IF.env" ] && [ -s "$ETC/$IF.key" ] || return 1
	given=$TOKEN
	TOKEN=$(get TOKEN)
	http GET /v1/whoami
	case $STATUS in
	200) ;;
	401) TOKEN=$given && return 1 ;;
	000) die "$REGISTRY is not reached: $WHY" ;;
	*) die "$REGISTRY: $STATUS $(refusal)" ;;
	esac
}

install_self() {
	http GET /setup
	[ "$STATUS" = 200 ] || die "$REGISTRY/setup: $STATUS; it gave out this script, and does not any more"
	case $(head -n 1 "$TMP/body") in '#!/bin/sh') ;; *) die "$REGISTRY/setup is no script" ;; esac
	[ "$(tr -d '\r"' <"$TMP/head" | sed -n 's/^[Ee][Tt]ag: *\(W\/\)\{0,1\}//p')" = "$(sum "$TMP/body")" ] || die "$REGISTRY/setup did not arrive whole; run this again"
	(umask 022 && mkdir -p "$BIN")
	if ! cmp -s "$TMP/body" "$SELF"; then
		chmod 755 "$TMP/body"
		cp -p "$TMP/body" "$SELF.new" && mv "$SELF.new" "$SELF"
		say "$IF: $SELF installed"
	fi
	for verb in status update uninstall; do
		[ "$(readlink "$BIN/$IF-$verb" 2>/dev/null)" = wm-device ] || ln -sf wm-device "$BIN/$IF-$verb"
	done
}

verb_install() {
	REGISTRY='' NAME='' TYPE_WISH='' NET='' CA='' CLI=yes DRY='' TOKEN=${WM_TOKEN:-}
	while [ $# -gt 0 ]; do
		case $1 in
		--no-cli | --dry-run | -h | --help) ;;
		*) [ $# -ge 2 ] || die "$1 needs a value; --help says more" ;;
		esac
		case $1 in
		--token) TOKEN=$2 ;;
		--registry) REGISTRY=${2%/} ;;
		--name) NAME=$2 ;;
		--type) TYPE_WISH=$2 ;;
		--net) NET=$2 ;;
		--ca) CA=$2 ;;
		--no-cli) CLI= ;;
		--dry-run) DRY=yes ;;
		-h | --help) usage && exit 0 ;;
		*) die "unknown option '$1'; --help says more" ;;
		esac
		case $1 in --no-cli | --dry-run) shift ;; *) shift 2 ;; esac
	done
	if [ -z "$REGISTRY" ] || [ -z "$NAME" ]; then die "--registry and --name are needed; wm add-device prints the whole line"; fi
	may_talk_to "$REGISTRY"
	is_label "$NAME" || die "--name '$NAME' is no device's name: a-z, 0-9 and '-'"
	case $TYPE_WISH in '' | roaming | isolated) ;; *) die "--type '$TYPE_WISH' must be roaming or isolated" ;; esac
	[ -z "$TOKEN" ] || is_token "$TOKEN" || die "--token is not what a token looks like (wme_ and 43 characters)"
	case $CA in '' | /*) ;; *) die "--ca '$CA' must be an absolute path" ;; esac
	NET=${NET:-$(net_of "$REGISTRY")}
	is_label "$NET" || die "'$NET' cannot be part of an interface's name; give another: --net NAME"
	IF=$(interface_of "$NET")
	if [ -e "$ETC/$IF.conf" ] && [ "$(get REGISTRY)" != "$REGISTRY" ]; then
		die "$IF is of $(get REGISTRY) already; give this mesh another name: --net NAME"
	fi
	PERSON=
	[ ! -r "$ETC/$IF.env" ] || PERSON=$(get PERSON)
	has curl || die "curl is needed"
	if [ -n "$DRY" ]; then
		say "would: join $REGISTRY as $NAME by the interface $IF, with files in $ETC and $BIN; a timer of $(manager), names by $(resolver)"
		exit 0
	fi
	[ "$(id -u)" = 0 ] || die "root is needed: sudo"
	mkdir -p "$ETC"
	(umask 022 && install_tools)
	if ! is_enrolled; then
		[ -n "$TOKEN" ] || die "--token is needed: wm add-device $NAME, or wm device-setup $NAME, gives one"
		enrol
	else
		[ "$(get NAME)" = "$NAME" ] || die "$IF is device $(get NAME) already; take it away first: $IF-uninstall"
	fi
	install_self
	read_config || die "$REGISTRY is not reached: $WHY"
	[ -z "$TYPE_WISH" ] || [ "$TYPE_WISH" = "$TYPE" ] || say "$IF: the registry has $NAME as $TYPE, and that counts"
	is_alone
	apply
	[ "$(manager)" != systemd ] || write_units
	start_tunnel
	if [ "$TYPE" = roaming ] && [ -n "$CLI" ]; then
		install_cli
		connect_cli
	fi
	say "$IF: $NAME.$HUB is $ADDRESS ($TYPE) of mesh $MESH; see $IF-status"
}

verb_update() {
	read_env
	if ! read_config; then
		say "$REGISTRY is not reached ($WHY); everything stays as it is"
		return
	fi
	apply
	if ! is_up; then
		start_tunnel
		say "$IF: started again"
	fi
}

# Each line: what, how it is, and what to do about it.
verb_status() {
	bad=0
	line() { printf '%-13s %s\n' "$1" "$2"; }
	wrong() { line "$1" "$2"; bad=1; }
	read_env
	line installation "$NAME, $ETC/$IF.conf, $SELF, started by $(manager), names by $(resolver)"
	if is_up; then
		line interface "$(device), $(sed -n 's/^Address = //p' "$ETC/$IF.conf")"
		at=$(wg show "$(device)" latest-handshakes | awk '{ print $2; exit }')
		if [ "${at:-0}" -gt 0 ]; then
			age=$(($(date +%s) - at))
			if [ "$age" -lt 180 ]; then line handshake "$age s ago"; else wrong handshake "$age s ago: the hub does not answer"; fi
		else
			wrong handshake "never: is $(sed -n 's/^Endpoint = //p' "$ETC/$IF.conf") reachable by UDP, and the hub's gateway up?"
		fi
	else
		wrong interface "$IF is down: $IF-update starts it"
	fi
	http GET /v1/whoami
	case $STATUS in
	200) line registry "$REGISTRY, generation $(tr -d '\n' <"$TMP/body" | sed -n 's/.*"generation":\([0-9]*\).*/\1/p')" ;;
	000) wrong registry "$REGISTRY is not reached: $WHY" ;;
	401) wrong registry "$REGISTRY does not know this device any more: wm device-setup $NAME gives a new token" ;;
	*) wrong registry "$REGISTRY: $STATUS $(refusal)" ;;
	esac
	wait=-W
	[ "$OS" != Darwin ] || wait=-t # its -W counts milliseconds
	if ping -c 1 "$wait" 3 "$DNS" >/dev/null 2>&1; then line tunnel "the hub answers at $DNS"
	else wrong tunnel "no answer from the hub at $DNS"; fi
	return $bad
}

verb_uninstall() {
	[ "$(id -u)" = 0 ] || die "root is needed: sudo"
	read_env
	http DELETE "/v1/devices/$NAME"
	case $STATUS in
	200 | 204) say "$IF: $NAME has left $REGISTRY" ;;
	401) say "$IF: $REGISTRY did not know $NAME any more" ;;
	*) say "$IF: $REGISTRY could not be told (${WHY:-$STATUS}); $NAME is still registered there: wm remove $NAME" ;;
	esac
	if is_up; then (stop_tunnel) || :; fi
	names_down
	forget_starter
	disconnect_cli
	for file in conf env key; do rm -f "$ETC/$IF.$file" "$ETC/$IF.$file.new"; done
	rm -f "$SELF.new" "$BIN/$IF-status" "$BIN/$IF-update" "$BIN/$IF-uninstall"
	# shellcheck disable=SC2144 # one is enough
	set +f
	if ! grep -qs 'Written by wm-device' "$ETC"/*.conf; then
		rm -f "$SELF" "$UNITS/wm-device@.service" "$UNITS/wm-device@.timer"
		[ "$(manager)" != systemd ] || systemctl daemon-reload
	fi
	say "$IF: gone; WireGuard's tools stay, and the command wm where it was installed, without this mesh"
}

# Everything is in functions: a script that is cut off on its way does nothing.
main() {
	TMP=$(mktemp -d)
	trap 'rm -rf "$TMP"' EXIT
	trap 'exit 130' HUP INT TERM
	WHY=
	name=${0##*/}
	case $name in
	wg-*-status) IF=${name%-status} && verb_status ;;
	wg-*-update) IF=${name%-update} && verb_update ;;
	wg-*-uninstall) IF=${name%-uninstall} && verb_uninstall ;;
	*)
		case ${1:-} in
		# Without names it is a tunnel all the same: wg-quick would take it down again.
		up) IF=$2 && read_env && { names_up || say "$IF: names of $DOMAINS cannot be set; the tunnel is up without them" >&2; } ;;
		down) IF=$2 && names_down ;;
		update) IF=$2 && verb_update ;;
		*) verb_install "$@" ;;
		esac ;;
	esac
}
main "$@"
