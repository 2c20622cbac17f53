#!/bin/bash
# /etc/init.d/network, firewall and dnsmasq of a router: each call is in $CALLS. dnsmasq is the real one, with what OpenWrt's
# makes of the options that are looked at here.
echo "${0##*/} $1" >>"$CALLS"
[ "${0##*/}" = dnsmasq ] || exit 0
[ ! -e /run/dnsmasq.pid ] || kill "$(cat /run/dnsmasq.pid)"
section='dhcp.@dnsmasq[0]'
{
	printf '%s\n' no-hosts no-resolv bind-interfaces user=root pid-file=/run/dnsmasq.pid
	for pair in server=server local=server rebind_domain=rebind-domain-ok domain=domain; do
		for value in $(uci -q get "$section.${pair%=*}"); do echo "${pair#*=}=$value"; done
	done
	for pair in nonegcache=no-negcache rebind_protection=stop-dns-rebind domainneeded=domain-needed; do
		[ "$(uci -q get "$section.${pair%=*}")" != 1 ] || echo "${pair#*=}"
	done
} >/run/dnsmasq.conf
dnsmasq -C /run/dnsmasq.conf --listen-address=127.0.0.1
