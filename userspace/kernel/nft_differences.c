/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/util.h"
#include "kernel/dataplane.h"

const struct wm_difference wm_nft_differences[] = {
	{ "this machine's own forward rules apply to mesh packets", "The host's own forward rules apply to mesh packets" },
	{ "isolated ends share 65536 half-open flows; when they are used up, new ones are refused",
	  "there is no share per isolated end" },
	{ "an answered UDP flow of an isolated end lives 150 s without another question, not 180",
	  "A UDP flow that was answered lives 150 s" },
	{ "an isolated end's ICMP error is dropped when it quotes a packet with IP options",
	  "An ICMP error of an isolated end that quotes IP options is dropped" },
	{ "a LAN router's ICMP error about a packet of another host of this site is dropped",
	  "A router's ICMP error about a packet of another host of the site is dropped" },
	{ "the TCP MSS is lowered only where it is the first option", "The TCP MSS is lowered only where it is the first option" },
	{ "DCCP keeps the checksum that it came with", "DCCP keeps the checksum that it came with" },
	{ "a host that is switched off makes this machine answer \"host unreachable\"",
	  "A host that is switched off makes the stack send \"host unreachable\"" },
	{ "fragments are put together first where other tables use connection tracking",
	  "fragments are reassembled before they are translated" },
	{ "with br_netfilter, frames that a bridge passes between others may be translated", "With br_netfilter" },
	{ "packets that are too big, or stand for several, are counted once, before they are answered or cut",
	  "It counts once although it is cut" },
	{ "malformed packets are dropped, but not counted", "Malformed IPv4 is dropped, but not counted" },
	{ "when a host was last seen is not recorded", "When an end was last seen is not recorded" },
	{ "drops are listed without ports and MACs", "has no ports and no MACs" },
	{ "wm-bpf trace cannot be had", "`wm-bpf trace` cannot be had" },
};
const size_t wm_nft_ndifferences = WM_ARRAY_LEN(wm_nft_differences);
