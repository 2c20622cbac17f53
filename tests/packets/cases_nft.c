/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What nftables does otherwise than BPF, because netfilter cannot do it alike:
 * the table of docs/dataplane-nft.md, a row each. Never does something pass
 * that BPF drops.
 */
#include "packets/shapes.h"

#define BIG(src, sp, dst, dp) UDP(src, sp, dst, dp), .len = 1421 - 28, .df = true
#define MSS1460 2, 4, 0x05, 0xb4
/* The quoted checksum is that of the addresses that the packet had when it was too big. */
#define STACK_SAYS(place, from, mtu, ...) { .at = (place), .error = 3, .code = 4, .rest = (mtu), .src = (from), __VA_ARGS__ }

/* Isolated ends and ICMP never go around the stack: floods of them need to run once.
 * A flood fills what may be half-open: from then on new flows are refused, and nothing that lives is lost. */
#define LIVE 300
static const struct flood live_opened = {
	.n = LIVE, .at = WG, .pkt = { TCP(FAR, 0, ISO1, 600), .flags = SYN },
	.answer_at = LAN1, .answer = { TCP(ISO1_L, 600, FAR, 0), .flags = SYN | ACK },
	.reason = WM_REASON_TO_MESH, .other = WM_REASON_FLOW_FULL,
};
static const struct flood live_acked = {
	.n = LIVE, .at = WG, .pkt = { TCP(FAR, 0, ISO1, 600) }, .reason = WM_REASON_TO_LAN, .other = WM_REASON_FLOW_FULL,
};
static const struct flood live_speaks = {
	.n = LIVE, .answers = true, .at = LAN1, .pkt = { TCP(ISO1_L, 600, FAR, 0) },
	.reason = WM_REASON_TO_MESH, .other = WM_REASON_ISOLATED,
};
static const struct flood flood = {
	.n = 100000, .at = WG, .pkt = { TCP(FAR2, 0, ISO, 601), .flags = SYN },
	.reason = WM_REASON_TO_LAN, .other = WM_REASON_FLOW_FULL, .least = 100000 - 65536, .most = 100000 - 60000,
};

/* Questions to one isolated host, each answered. */
static const struct flood answers = {
	.n = 70000, .at = WG, .pkt = { UDP(FAR2, 0, ISO, 777) }, .answer_at = LAN0, .answer = { UDP(ISO_L, 777, FAR2, 0) },
	.reason = WM_REASON_TO_MESH, .other = WM_REASON_FLOW_FULL, .least = 70000 - 65536, .most = 70000 - 60000,
};

/* One isolated host's answers to a ping, of each only the first fragment. */
static const struct flood first_pieces = {
	.n = 70000, .answers = true, .new_ids = true, .at = LAN0, .pkt = { ECHO_REPLY(ISO_L, FAR, 778), .len = 64, SLICE(0, 32) },
	.reason = WM_REASON_TO_MESH, .other = WM_REASON_ISOLATED,
};
/* Errors of a LAN's router that are refused, and then some that would not be. */
#define ROUTER1_ERROR(to, ...) .at = LAN1, .pkt = { ICMP_ERROR(ROUTER1_L, to, 11, 0, ABOUT(__VA_ARGS__)) }
static const struct flood refused_errors = {
	.n = 1000, .new_ids = true, ROUTER1_ERROR(FAR2, UDP(FAR, 5000, CARL_L, 80)),
	.reason = WM_REASON_ROUTER_ERROR, .other = WM_REASON_UNREGISTERED, .least = 1000, .most = 1000,
};
static const struct flood good_errors = {
	.n = 200, .new_ids = true, ROUTER1_ERROR(FAR, UDP(FAR, 5000, CARL_L, 80)),
	.reason = WM_REASON_ROUTER_ERROR, .other = WM_REASON_UNREGISTERED, .least = 101, .most = 200,
};

static const struct row rows[] = {
	{ "DCCP passes with the checksum that it came with", NFT,
	  { { .at = WG, .pkt = { .proto = IPPROTO_DCCP, FROM_TO(FAR, ANN), .len = 60 },
	      .out = { { .at = LAN0,
			 .pkt = ABOUT(.proto = IPPROTO_DCCP, FROM_TO(FAR, ANN_L), .len = 60, .ttl = 63, .sum_dst = ANN) } },
	      COUNTED(TO_LAN) } } },
	{ "UDP-Lite without a checksum gets a wrong one", NFT,
	  { { .at = LAN0, .pkt = { UDPLITE(ANN_L, 53, FAR, 5000), .sum = SUM_NONE, .len = 18 },
	      .out = { { .at = WG, .pkt = ABOUT(UDPLITE(ANN, 53, FAR, 5000), .sum = SUM_NONE, .len = 18, .ttl = 63,
						.flip = { { 26, 0x13 }, { 27, 0x8a } }) } }, COUNTED(TO_MESH) } } },
	{ "TCP or UDP-Lite that ends before its checksum is dropped", NFT,
	  { { .at = WG, .pkt = { .proto = IPPROTO_TCP, FROM_TO(FAR, ANN), .cut = 32, .tot_len = -8 }, DROPPED(NO_HOST) },
	    { .at = WG, .pkt = { TCP(FAR, 5000, ANN, 80), .len = 100, SLICE(0, 8) }, DROPPED(NO_HOST) },
	    { .at = LAN0, .pkt = { UDPLITE(ANN_L, 80, FAR, 5000), .cut = 27, .tot_len = -1 }, DROPPED(UNREGISTERED) },
	    { .at = LAN0, .pkt = { TCP(ANN_L, 80, FAR, 5000), .len = 100, SLICE(0, 8) }, DROPPED(UNREGISTERED) },
	    { .at = WG, .pkt = { TCP(FAR, ROW, ISO, 53), .len = 100 }, TO_LAN(LAN0, ISO_L) },
	    { .at = LAN0, .pkt = { TCP(ISO_L, 53, FAR, ROW), .len = 100, .id = 0x5005, SLICE(0, 8) }, DROPPED(UNREGISTERED) },
	    { .at = LAN0, .pkt = { TCP(ISO_L, 53, FAR, ROW), .len = 120, .id = 0x5005, SLICE(8, 112) }, DROPPED(INVALID) } } },
	{ "about IP options that lie, the stack tells the sender", NFT,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .nopt = 4, .opt = { 7, 0, 4, 0 } },
	      .out = { { .at = WG, .error = 12, .code = 0, .rest = 0x14000000, .src = GW, .quotes_translated = true,
			 .qdst = ANN, .sum_dst = ANN_L } },
	      .count = { { WM_REASON_TO_LAN, 1 }, { WM_REASON_LOCAL, 1 } } } } },
	{ "source routes at their end, or that lie, are the stack's to drop behind other options", NFT,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .nopt = 8, .opt = { 7, 3, 4, 131, 3, 4, 0, 0 } }, COUNTED(TO_LAN) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 53, FAR, 5000), .nopt = 8, .opt = { 1, 1, 1, 1, 137, 3, 4, 0 } },
	      COUNTED(TO_MESH) } } },
	{ "the stack takes off however many priority tags", NFT,
	  { { .at = LAN0, .pkt = { UDP(ANN_L, 53, FAR, 5000), .vlan = 0x2000, .vlan2 = 0x2000, .vlan3 = 0x2000 }, TO_WG(ANN) },
	    { .at = LAN0, .pkt = { .src = STRANGER_L, .ethertype = 0x86dd, .len = 60, .vlan = 0x2000, .vlan2 = 0x2000, .vlan3 = 0x2000,
				   .vlan4 = 0x2000 }, UNTOUCHED } } },
	{ "the gateway's own packet that is too big for a LAN is cut", NFT,
	  { { .at = LOCAL, .pkt = { UDP(GW, 53, CARL, 5000), .len = 1300 },
	      .out = { { .at = LAN1, .dst = CARL_L, .ttl = SAME_TTL, .frag_len = 1256 },
		       { .at = LAN1, .dst = CARL_L, .ttl = SAME_TTL, .frag_at = 1256, .frag_len = 52 } }, COUNTED(TO_LAN) },
	    { .at = LOCAL, .pkt = { UDP(GW, 53, CARL, 5000), .len = 1300, .df = true },
	      .out = { { .at = LOCAL, .error = 3, .code = 4, .rest = LAN1_MTU, .src = GW, .sum_dst = CARL_L } }, COUNTED(TO_LAN) } } },
	{ "a router's error about a packet of another host of the site", NFT,
	  { { .at = LAN0, .pkt = { ICMP_ERROR(ROUTER_L, CARL, 11, 0, ABOUT(UDP(CARL, 5000, ANN_L, 80), .ttl = 1)) },
	      DROPPED(UNREGISTERED) },
	    { .at = LAN0, .pkt = { ICMP_ERROR(ROUTER_L, NOBODY, 11, 0, ABOUT(UDP(NOBODY, 5000, ANN_L, 80), .ttl = 1)) },
	      DROPPED(UNREGISTERED) } } },
	{ "an isolated host's answer whose last hop this is: the stack speaks as g, after it was counted", NFT,
	  { { .at = WG, .pkt = { UDP(FAR, ROW, ISO, 183) }, TO_LAN(LAN0, ISO_L) },
	    { .at = LAN0, .pkt = { UDP(ISO_L, 183, FAR, ROW), .ttl = 1 },
	      .out = { { .at = LAN0, .error = 11, .code = 0, .src = GW, .sum_src = ISO } },
	      .count = { { WM_REASON_LOCAL, 1 }, { WM_REASON_TO_LAN, 1 } } },
	    { .at = LAN0, .pkt = { ICMP_ERROR(ISO_L, FAR, 3, 3, ABOUT(UDP(FAR, ROW, ISO_L, 183))), .ttl = 1 }, COUNTED(LOCAL) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, ROW, ISO, 184) }, HAIRPIN(LAN0, ANN, ISO_L) },
	    { .at = LAN0, .pkt = { UDP(ISO_L, 184, ANN, ROW), .ttl = 1 },
	      .out = { { .at = LAN0, .error = 11, .code = 0, .src = GW, .sum_src = ISO, .sum_dst = ANN_L } },
	      .count = { { WM_REASON_HAIRPIN, 1 }, { WM_REASON_TO_LAN, 1 } } } } },
	{ "a wrong header checksum is the stack's to drop", NFT_STACK,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .flip = { { 10, 1 } } } },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 53, FAR, 5000), .flip = { { 11, 0x80 } } } } } },
	{ "a host is sent to where the neighbour table says", NFT,
	  { { .at = LAN0, .pkt = { UDP(MOVER_L, 53, FAR, 40000), .from_mac_of = STRANGER_L }, TO_WG(MOVER) },
	    { .at = WG, .pkt = { UDP(FAR, 40000, MOVER, 53) }, TO_LAN(LAN0, MOVER_L) } } },
	{ "too big: the stack speaks as g, after the packet was counted", NFT,
	  { { .at = LAN0, .pkt = { BIG(ANN_L, 5000, FAR, 53) }, .out = { STACK_SAYS(LAN0, GW, 1420, .sum_src = ANN) },
	      .count = { { WM_REASON_TO_MESH, 1 }, { WM_REASON_TO_LAN, 1 } } },
	    { .at = LAN2, .pkt = { BIG(TWIN_L, 5000, FAR, 53) }, .out = { STACK_SAYS(LAN2, GW, 1420, .sum_src = TWIN) },
	      .count = { { WM_REASON_TO_MESH, 1 }, { WM_REASON_TO_LAN, 1 } } },
	    { .at = WG, .pkt = { UDP(FAR, 5000, CARL, 53), .len = 1281 - 28, .df = true },
	      .out = { STACK_SAYS(WG, GW, LAN1_MTU, .sum_dst = CARL_L) },
	      .count = { { WM_REASON_TO_LAN, 1 }, { WM_REASON_LOCAL, 1 } } },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 5000, CARL, 53), .len = 1281 - 28, .df = true },
	      .out = { STACK_SAYS(LAN0, GW, LAN1_MTU, .sum_src = ANN, .sum_dst = CARL_L) },
	      .count = { { WM_REASON_HAIRPIN, 1 }, { WM_REASON_TO_LAN, 1 } } } } },
	{ "too big, to be fragmented: counted before it is cut", NFT,
	  { { .at = LAN0, .pkt = { UDP(ANN_L, 5000, FAR, 53), .len = 1500 - 28 },
	      .out = { { .at = WG, .src = ANN, .frag_len = 1400 }, { .at = WG, .src = ANN, .frag_at = 1400, .frag_len = 1400 } },
	      COUNTED(TO_MESH) } } },
	{ "an MSS that is not the first option stays", NFT,
	  { { .at = WG, .pkt = { TCP(FAR, 5000, ANN, 80), .flags = SYN, .ntcpopt = 8, .tcpopt = { 1, MSS1460, 1, 1, 0 } },
	      TO_LAN(LAN0, ANN_L) },
	    { .at = LAN0, .pkt = { TCP(ANN_L, 80, FAR, 5000), .flags = SYN | ACK, .ntcpopt = 8, .tcpopt = { 1, 1, 4, 2, MSS1460 } },
	      TO_WG(ANN) } } },
	{ "the MSS of a packet with IP options is lowered as if it had none", NFT,
	  { { .at = WG, .pkt = { TCP(FAR, 5000, ANN, 80), .flags = SYN, .ntcpopt = 4, .tcpopt = { 2, 4, 0x05, 0x64 }, .nopt = 8,
				 .opt = { 1, 1, 1, 1, 1, 1, 1, 0 } }, TO_LAN(LAN0, ANN_L) } } },
	{ "UDP, answered: 149 s after the first answer, and no answer prolongs that", NFT,
	  { { .at = WG, .pkt = { UDP(FAR, ROW, ISO, 181) }, TO_LAN(LAN0, ISO_L) },
	    { .age_s = 20, .at = LAN0, .pkt = { UDP(ISO_L, 181, FAR, ROW) }, TO_WG(ISO) },
	    { .age_s = 80, .at = LAN0, .pkt = { UDP(ISO_L, 181, FAR, ROW) }, TO_WG(ISO) },
	    { .age_s = 69, .at = LAN0, .pkt = { UDP(ISO_L, 181, FAR, ROW) }, TO_WG(ISO) },
	    { .age_s = 2, .at = LAN0, .pkt = { UDP(ISO_L, 181, FAR, ROW) }, DROPPED(ISOLATED) } } },
	{ "UDP, answered and asked again: 179 s after the last question, not 181 s", NFT,
	  { { .at = WG, .pkt = { UDP(FAR, ROW, ISO, 182) }, TO_LAN(LAN0, ISO_L) },
	    { .at = LAN0, .pkt = { UDP(ISO_L, 182, FAR, ROW) }, TO_WG(ISO) },
	    { .age_s = 140, .at = WG, .pkt = { UDP(FAR, ROW, ISO, 182) }, TO_LAN(LAN0, ISO_L) },
	    { .age_s = 179, .at = LAN0, .pkt = { UDP(ISO_L, 182, FAR, ROW) }, TO_WG(ISO) },
	    { .age_s = 2, .at = LAN0, .pkt = { UDP(ISO_L, 182, FAR, ROW) }, DROPPED(ISOLATED) } } },
	{ "a flood of new flows: refused once there is no room, and live ones go on", NFT_STACK,
	  { { .flood = &live_opened }, { .flood = &live_acked }, { .flood = &flood }, { .flood = &live_speaks },
	    { .at = WG, .pkt = { TCP(FAR, ROW, ISO2, 602), .flags = SYN }, DROPPED(FLOW_FULL) },
	    { .age_s = 61, .at = WG, .pkt = { TCP(FAR, ROW, ISO2, 602), .flags = SYN }, TO_LAN(LAN0, ISO2_L) } } },
	{ "what one isolated host has answered takes the room of the others", NFT_STACK,
	  { { .flood = &answers }, { .at = WG, .pkt = { UDP(FAR, ROW, ISO1, 603) }, TO_LAN(LAN1, ISO1_L) },
	    { .at = LAN1, .pkt = { UDP(ISO1_L, 603, FAR, ROW) }, DROPPED(FLOW_FULL) },
	    { .age_s = 181, .at = WG, .pkt = { UDP(FAR, ROW, ISO1, 603) }, TO_LAN(LAN1, ISO1_L) },
	    { .at = LAN1, .pkt = { UDP(ISO1_L, 603, FAR, ROW) }, TO_WG(ISO1) } } },
	{ "first fragments of one isolated host take the room of the others", NFT_STACK,
	  { { .at = WG, .pkt = { ECHO_REQUEST(FAR, ISO, 778) }, TO_LAN(LAN0, ISO_L) },
	    { .at = WG, .pkt = { ECHO_REQUEST(FAR + 1, ISO, 778) }, TO_LAN(LAN0, ISO_L) }, { .flood = &first_pieces },
	    { .at = WG, .pkt = { UDP(FAR, ROW, ISO1, 604) }, TO_LAN(LAN1, ISO1_L) },
	    { .at = LAN1, .pkt = { UDP(ISO1_L, 604, FAR, ROW), .len = 64, .id = 0x7201, SLICE(0, 32) }, TO_WG(ISO1) },
	    { .at = LAN1, .pkt = { UDP(ISO1_L, 604, FAR, ROW), .len = 64, .id = 0x7201, SLICE(32, 40) }, DROPPED(ISOLATED) },
	    { .age_s = 31, .at = LAN1, .pkt = { UDP(ISO1_L, 604, FAR, ROW), .len = 64, .id = 0x7201, SLICE(0, 32) }, TO_WG(ISO1) },
	    { .at = LAN1, .pkt = { UDP(ISO1_L, 604, FAR, ROW), .len = 64, .id = 0x7201, SLICE(32, 40) }, TO_WG(ISO1) } } },
	{ "a router's errors count for the limit, those that are refused too", NFT_STACK,
	  { { .flood = &refused_errors }, { .flood = &good_errors } } },
	{ "a router's error about an isolated host that quotes IP options is dropped", NFT,
	  { { .at = WG, .pkt = { UDP(FAR, ROW, ISO, 186) }, TO_LAN(LAN0, ISO_L) },
	    { .at = LAN0, .pkt = { ICMP_ERROR(ROUTER_L, FAR, 11, 0, ABOUT(UDP(FAR, ROW, ISO_L, 186), .nopt = 4, .opt = { 1, 1, 1, 0 })) },
	      DROPPED(UNREGISTERED) } } },
	{ "an isolated host may answer what the stack has refused behind nftables", NFT,
	  { { .at = WG, .pkt = { UDP(FAR, ROW, ISO, 185), .nopt = 4, .opt = { 7, 0, 4, 0 } },
	      .out = { { .at = WG, .error = 12, .code = 0, .rest = 0x14000000, .src = GW, .quotes_translated = true,
			 .qdst = ISO, .sum_dst = ISO_L } },
	      .count = { { WM_REASON_TO_LAN, 1 }, { WM_REASON_LOCAL, 1 } } },
	    { .at = LAN0, .pkt = { UDP(ISO_L, 185, FAR, ROW) }, TO_WG(ISO) } } },
	{ "an isolated host's error that quotes IP options is dropped", NFT,
	  { { .at = WG, .pkt = { UDP(FAR, ROW, ISO, 180) }, TO_LAN(LAN0, ISO_L) },
	    { .at = LAN0,
	      .pkt = { ICMP_ERROR(ISO_L, FAR, 3, 3,
				  ABOUT(UDP(FAR, ROW, ISO_L, 180), .nopt = 4, .opt = { 1, 1, 1, 0 })) },
	      DROPPED(ISOLATED) } } },
};

static const struct row hub_rows[] = {
	{ "a host's error that quotes too little is invalid first", NFT,
	  { { .at = LAN0, .pkt = { ICMP_ERROR(ANN_L, ROAM, 5, 1, ABOUT(UDP(ROAM, 5000, ANN_L, 53))), .quote_len = 16 },
	      DROPPED(INVALID) },
	    { .at = LAN0, .pkt = { ICMP_ERROR(ANN_L, NOBODY, 3, 3, ABOUT(UDP(NOBODY, 5000, ANN_L, 53))), .quote_len = 16 },
	      DROPPED(INVALID) },
	    { .at = LAN0, .pkt = { ICMP_ERROR(ANN_L, BOB, 3, 3, ABOUT(UDP(BOB, 5000, ANN_L, 53))), .quote_len = 16, .ttl = 1 },
	      DROPPED(INVALID) } } },
	{ "a device of a hub takes what the LANs of the hub take", NFT,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, ROAM, 53), .len = LAN1_MTU + 1 - 28, .df = true },
	      .out = { STACK_SAYS(WG, GW, LAN1_MTU, .sum_src = 0) }, .count = { { WM_REASON_RELAY, 1 }, { WM_REASON_LOCAL, 1 } } } } },
	{ "an isolated device may answer what was too big for it", NFT,
	  { { .at = WG, .pkt = { BIG(FAR, ROW, IDEV, 95) }, .out = { STACK_SAYS(WG, GW, LAN1_MTU, .sum_src = 0) },
	      .count = { { WM_REASON_RELAY, 1 }, { WM_REASON_LOCAL, 1 } } },
	    { .at = WG, .pkt = { UDP(IDEV, 95, FAR, ROW) }, RELAYED } } },
	{ "too big for the next tunnel: counted before the stack looks at it", NFT,
	  { { .at = WG, .pkt = { BIG(FAR, 5000, FAR2, 53) }, .out = { STACK_SAYS(WG, GW, WG_MTU, .sum_src = 0) },
	      .count = { { WM_REASON_RELAY, 1 }, { WM_REASON_LOCAL, 1 } } },
	    { .at = WG, .pkt = { UDP(FAR, 5000, FAR2, 53), .len = 1500 - 28 },
	      .out = { { .at = WG, .frag_len = 1400 }, { .at = WG, .frag_at = 1400, .frag_len = 1400 } }, COUNTED(RELAY) } } },
};

const struct group group_nft = { "where nftables differs", SPOKE, rows, WM_ARRAY_LEN(rows) };
const struct group group_nft_hub = { "where nftables differs", HUB, hub_rows, WM_ARRAY_LEN(hub_rows) };
