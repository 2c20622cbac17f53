/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ICMP errors: translated outside and in the packet they quote, whatever part
 * of it they quote.
 */
#include "packets/shapes.h"

/* About a packet that ANN sent to FAR, as the mesh saw it; it arrives as ANN sent it. */
#define IN_ABOUT(...) \
	{ .at = WG, .pkt = { ICMP_ERROR(FAR, ANN, 3, 3, ABOUT(__VA_ARGS__)) }, IN_OUT }
#define IN_CUT(n, ...) \
	{ .at = WG, .pkt = { ICMP_ERROR(FAR, ANN, 3, 3, ABOUT(__VA_ARGS__)), .quote_len = (n) }, IN_OUT }
#define IN_OUT .out = { { .at = LAN0, .dst = ANN_L, .qsrc = ANN_L } }, COUNTED(TO_LAN)
/* About a packet from FAR to ANN, as ANN saw it; it arrives as FAR sent it. */
#define OUT_ABOUT(...) \
	{ .at = LAN0, .pkt = { ICMP_ERROR(ANN_L, FAR, 3, 3, ABOUT(__VA_ARGS__)) }, OUT_OUT }
#define OUT_CUT(n, ...) \
	{ .at = LAN0, .pkt = { ICMP_ERROR(ANN_L, FAR, 3, 3, ABOUT(__VA_ARGS__)), .quote_len = (n) }, OUT_OUT }
#define OUT_OUT .out = { { .at = WG, .src = ANN, .qdst = ANN } }, COUNTED(TO_MESH)

static const struct row rows[] = {
	{ "quoting UDP whole", 0, { IN_ABOUT(UDP(ANN, 53, FAR, 5000), .len = 33),
	    OUT_ABOUT(UDP(FAR, 5000, ANN_L, 53), .len = 33) } },
	{ "quoting 8 bytes of UDP: its checksum is among them", 0,
	  { IN_CUT(28, UDP(ANN, 53, FAR, 5000), .len = 33), OUT_CUT(28, UDP(FAR, 5000, ANN_L, 53), .len = 33) } },
	{ "quoting UDP without a checksum", 0,
	  { IN_ABOUT(UDP(ANN, 53, FAR, 5000), .len = 33, .sum = SUM_NONE),
	    OUT_ABOUT(UDP(FAR, 5000, ANN_L, 53), .len = 33, .sum = SUM_NONE) } },
	{ "quoting UDP with a wrong checksum", 0,
	  { IN_ABOUT(UDP(ANN, 53, FAR, 5000), .len = 33, .sum = SUM_WRONG),
	    OUT_ABOUT(UDP(FAR, 5000, ANN_L, 53), .len = 33, .sum = SUM_WRONG) } },
	{ "quoting TCP whole", 0,
	  { IN_ABOUT(TCP(ANN, 80, FAR, 5000), .len = 300), OUT_ABOUT(TCP(FAR, 5000, ANN_L, 80), .len = 300) } },
	{ "quoting 8 bytes of TCP, and just as many as hold its checksum", 0,
	  { IN_CUT(28, TCP(ANN, 80, FAR, 5000), .len = 300), OUT_CUT(28, TCP(FAR, 5000, ANN_L, 80), .len = 300),
	    IN_CUT(38, TCP(ANN, 80, FAR, 5000), .len = 300), OUT_CUT(38, TCP(FAR, 5000, ANN_L, 80), .len = 300) } },
	{ "quoting a ping", 0,
	  { IN_ABOUT(ECHO_REQUEST(ANN, FAR, 9), .len = 40), OUT_ABOUT(ECHO_REQUEST(FAR, ANN_L, 9), .len = 40) } },
	{ "quoting UDP-Lite, SCTP, GRE", 0,
	  { IN_ABOUT(UDPLITE(ANN, 53, FAR, 5000), .len = 33), OUT_ABOUT(UDPLITE(FAR, 5000, ANN_L, 53), .len = 33),
	    IN_ABOUT(.proto = IPPROTO_SCTP, FROM_TO(ANN, FAR), .len = 33),
	    IN_CUT(33, TCP(ANN, 80, FAR, 5000), .len = 300),
	    OUT_ABOUT(.proto = IPPROTO_GRE, FROM_TO(FAR, ANN_L), .len = 33) } },
	{ "quoting an IP header alone", 0,
	  { IN_CUT(20, TCP(ANN, 80, FAR, 5000)), OUT_CUT(20, TCP(FAR, 5000, ANN_L, 80)) } },
	{ "quoting a first and a later fragment", 0,
	  { IN_ABOUT(UDP(ANN, 53, FAR, 5000), .len = 900, SLICE(0, 304)),
	    IN_ABOUT(UDP(ANN, 53, FAR, 5000), .len = 900, SLICE(304, 304)),
	    OUT_ABOUT(UDP(FAR, 5000, ANN_L, 53), .len = 900, SLICE(0, 304)),
	    OUT_ABOUT(UDP(FAR, 5000, ANN_L, 53), .len = 900, SLICE(304, 304)) } },
	{ "quoting IP options", 0,
	  { IN_ABOUT(UDP(ANN, 53, FAR, 5000), .len = 33, .nopt = 8, .opt = { 1, 1, 1, 1, 1, 1, 1, 0 }),
	    OUT_ABOUT(UDP(FAR, 5000, ANN_L, 53), .len = 33, .nopt = 40, .opt = { 1, 1, 1, 1, 1, 1, 1, 0 }) } },
	{ "time exceeded, frag needed, parameter problem", 0,
	  { { .at = WG, .pkt = { ICMP_ERROR(FAR2, ANN, 11, 0, ABOUT(UDP(ANN, 53, FAR, 5000), .ttl = 1)) }, IN_OUT },
	    { .at = WG, .pkt = { ICMP_ERROR(FAR2, ANN, 3, 4, ABOUT(UDP(ANN, 53, FAR, 5000), .df = true)), .rest = 1300 }, IN_OUT },
	    { .at = WG, .pkt = { ICMP_ERROR(FAR, ANN, 12, 0, ABOUT(UDP(ANN, 53, FAR, 5000))) }, IN_OUT },
	    { .at = LAN0, .pkt = { ICMP_ERROR(ANN_L, FAR, 11, 1, ABOUT(UDP(FAR, 5000, ANN_L, 53))) }, OUT_OUT } } },
	{ "a wrong ICMP checksum stays wrong", 0,
	  { { .at = WG, .pkt = { ICMP_ERROR(FAR, ANN, 3, 3, ABOUT(UDP(ANN, 53, FAR, 5000))), .sum = SUM_WRONG },
	      IN_OUT },
	    { .at = LAN0, .pkt = { ICMP_ERROR(ANN_L, FAR, 3, 3, ABOUT(UDP(FAR, 5000, ANN_L, 53))), .sum = SUM_WRONG },
	      OUT_OUT } } },
	{ "an ICMP redirect that ends within its header is none", 0,
	  { { .at = LAN0, .pkt = { ICMP_ERROR(ANN_L, FAR, 5, 1, ABOUT(UDP(FAR, 5000, ANN_L, 53))), .cut = 27, .tot_len = -29 }, TO_WG(ANN) },
	    { .at = WG, .pkt = { ICMP_ERROR(FAR, ANN, 5, 1, ABOUT(UDP(ANN, 53, FAR, 5000))), .cut = 27, .tot_len = -29 },
	      TO_LAN(LAN0, ANN_L) } } },
	{ "an ICMP redirect of a host", 0,
	  { { .at = LAN0, .pkt = { ICMP_ERROR(ANN_L, FAR, 5, 1, ABOUT(UDP(FAR, 5000, ANN_L, 53))) },
	      DROPPED(REDIRECT) } } },
	{ "an ICMP redirect of a host to another one of the site, and to the gateway", 0,
	  { { .at = LAN0, .pkt = { ICMP_ERROR(ANN_L, BOB, 5, 1, ABOUT(UDP(BOB, 5000, ANN_L, 53))) },
	      .out = { { .at = LAN0, .src = ANN, .dst = BOB_L, .qsrc = BOB_L, .qdst = ANN } }, COUNTED(HAIRPIN) },
	    { .at = LAN0, .pkt = { ICMP_ERROR(ANN_L, GW, 5, 1, ABOUT(UDP(GW, 5000, ANN_L, 53))) },
	      .out = { { .at = LOCAL, .src = ANN, .qdst = ANN, .ttl = SAME_TTL } }, COUNTED(LOCAL) } } },
	{ "quoting what is not about this host", 0,
	  { { .at = WG, .pkt = { ICMP_ERROR(FAR, ANN, 3, 3, ABOUT(UDP(FAR2, 53, FAR, 5000))) }, TO_LAN(LAN0, ANN_L) },
	    { .at = LAN0, .pkt = { ICMP_ERROR(ANN_L, FAR, 3, 3, ABOUT(UDP(FAR, 5000, OUTSIDE, 53))) }, TO_WG(ANN) } } },
	{ "quoting less than an IP header, or none", 0,
	  { { .at = WG, .pkt = { ICMP_ERROR(FAR, ANN, 3, 3, ABOUT(UDP(ANN, 53, FAR, 5000))), .quote_len = 19 },
	      DROPPED(INVALID) },
	    { .at = LAN0, .pkt = { ICMP_ERROR(ANN_L, FAR, 3, 3, ABOUT(UDP(FAR, 5000, ANN_L, 53))), .quote_len = 19 },
	      DROPPED(INVALID) },
	    { .at = WG, .pkt = { ICMP_ERROR(FAR, ANN, 3, 3, ABOUT(UDP(ANN, 53, FAR, 5000), .ihl = 4)) },
	      DROPPED(INVALID) },
	    { .at = WG, .pkt = { ICMP_ERROR(FAR, ANN, 3, 3, ABOUT(UDP(ANN, 53, FAR, 5000), .version = 6)) },
	      DROPPED(INVALID) },
	    { .at = WG, .pkt = { ICMP_ERROR(FAR, ANN, 3, 3, ABOUT(UDP(ANN, 53, FAR, 5000), .ihl = 15)) },
	      DROPPED(INVALID) },
	    { .at = WG, .pkt = { PORTED(IPPROTO_ICMP, FAR, 0, ANN, 0), .type = 3, .code = 3 }, DROPPED(INVALID) },
	    { .at = LAN0, .pkt = { ICMP_ERROR(ANN_L, GW, 3, 3, ABOUT(UDP(GW, 5000, ANN_L, 53))), .quote_len = 19 },
	      DROPPED(INVALID) } } },
	{ "between two hosts of the LAN: both addresses inside", 0,
	  { { .at = LAN0, .pkt = { ICMP_ERROR(BOB_L, ANN, 3, 3, ABOUT(UDP(ANN, 53, BOB_L, 5000), .len = 20)) },
	      .out = { { .at = LAN0, .src = BOB, .dst = ANN_L, .qsrc = ANN_L, .qdst = BOB } }, COUNTED(HAIRPIN) },
	    { .at = LAN1, .pkt = { ICMP_ERROR(CARL_L, ANN, 3, 3, ABOUT(TCP(ANN, 53, CARL_L, 5000), .len = 20)) },
	      .out = { { .at = LAN0, .src = CARL, .dst = ANN_L, .qsrc = ANN_L, .qdst = CARL } }, COUNTED(HAIRPIN) } } },
	{ "from a host to the gateway, about the gateway's packet", 0,
	  { { .at = LAN0, .pkt = { ICMP_ERROR(ANN_L, GW, 3, 3, ABOUT(UDP(GW, 53, ANN_L, 5000), .len = 20)) },
	      .out = { { .at = LOCAL, .src = ANN, .qdst = ANN, .ttl = SAME_TTL } }, COUNTED(LOCAL) } } },
};

/* An unregistered router on the LAN, in front of a host; of LAN1, where no routers are listed, any machine. */
#define ROUTER(t, c, to, ...) .at = LAN0, .pkt = { ICMP_ERROR(ROUTER_L, to, t, c, ABOUT(__VA_ARGS__)) }
#define ROUTER1(t, c, to, ...) .at = LAN1, .pkt = { ICMP_ERROR(ROUTER1_L, to, t, c, ABOUT(__VA_ARGS__)) }
#define OURS(about) .out = { { .at = WG, .src = GW, .qdst = (about) } }, COUNTED(ROUTER_ERROR)

/* Where no routers are listed they may be forged by anybody on the LAN: 100 a second. */
static const struct flood router_flood = {
	.n = 1000, .at = LAN1, .new_ids = true,
	.pkt = { ICMP_ERROR(ROUTER1_L, FAR, 11, 0, ABOUT(UDP(FAR, 5000, CARL_L, 80), .ttl = 1)) },
	.reason = WM_REASON_ROUTER_ERROR, .other = WM_REASON_UNREGISTERED, .least = 100, .most = 910,
};
/* By somebody on a LAN where they are listed, and he is not: each with an id of its own, as nftables compares them by. */
static const struct flood forged_flood = {
	.n = 3000, .at = LAN0, .new_ids = true,
	.pkt = { ICMP_ERROR(STRANGER_L, FAR, 11, 0, ABOUT(UDP(FAR, 5000, ANN_L, 80), .ttl = 1)) },
	.reason = WM_REASON_ROUTER_ERROR, .other = WM_REASON_UNREGISTERED, .least = 3000, .most = 3000,
};
#define ISOLATED_ERROR(from, local, at_, port) \
	{ .at = (at_), .pkt = { ICMP_ERROR(local, FAR, 3, 3, ABOUT(UDP(FAR, ROW, local, port))) }, \
	  .out = { { .at = WG, .src = (from), .qdst = (from) } }, COUNTED(TO_MESH) }

static const struct row router_rows[] = {
	{ "too big, too old", 0,
	  { { ROUTER(3, 4, FAR, TCP(FAR, 5000, ANN_L, 80), .df = true, .len = 100), OURS(ANN) },
	    { ROUTER(11, 0, FAR, UDP(FAR, 5000, ANN_L, 80), .ttl = 1, .len = 100), OURS(ANN) } } },
	/* else an isolated host could say what it likes in the name of a router about itself */
	{ "about an isolated host: only of a flow that it may answer", 0,
	  { { ROUTER(11, 0, FAR, UDP(FAR, ROW, ISO_L, 80), .ttl = 1), DROPPED(UNREGISTERED) },
	    { .at = WG, .pkt = { UDP(FAR, ROW, ISO, 80) }, TO_LAN(LAN0, ISO_L) },
	    { ROUTER(11, 0, FAR, UDP(FAR, ROW, ISO_L, 80), .ttl = 1), OURS(ISO) },
	    { ROUTER(11, 0, FAR, UDP(FAR, ROW, ISO_L, 81), .ttl = 1), DROPPED(UNREGISTERED) },
	    { ROUTER(11, 0, FAR, TCP(FAR, ROW, ISO_L, 80), .ttl = 1), DROPPED(UNREGISTERED) },
	    { ROUTER(11, 0, FAR2, UDP(FAR2, ROW, ISO_L, 80), .ttl = 1), DROPPED(UNREGISTERED) },
	    { ROUTER(11, 0, FAR, UDP(FAR, ROW, ISO_L, 80), .len = 900, SLICE(304, 304)), DROPPED(UNREGISTERED) },
	    { .at = WG, .pkt = { ECHO_REQUEST(FAR, ISO, ROW) }, TO_LAN(LAN0, ISO_L) },
	    { ROUTER(11, 0, FAR, ECHO_REQUEST(FAR, ISO_L, ROW), .ttl = 1), OURS(ISO) },
	    { ROUTER(11, 0, FAR, UDP(FAR, ROW, ISO2_L, 80), .ttl = 1), DROPPED(UNREGISTERED) },
	    { .age_s = 31, ROUTER(11, 0, FAR, UDP(FAR, ROW, ISO_L, 80), .ttl = 1), DROPPED(UNREGISTERED) } } },
	{ "about the gateway's own packet to an isolated host", 0,
	  { { ROUTER(11, 0, GW, UDP(GW, ROW, ISO_L, 82), .ttl = 1), DROPPED(UNREGISTERED) },
	    { .at = LOCAL, .pkt = { UDP(GW, ROW, ISO, 82) }, .out = { { .at = LAN0, .dst = ISO_L, .ttl = SAME_TTL } }, COUNTED(TO_LAN) },
	    { ROUTER(11, 0, GW, UDP(GW, ROW, ISO_L, 82), .ttl = 1),
	      .out = { { .at = LOCAL, .qdst = ISO, .ttl = SAME_TTL } }, COUNTED(ROUTER_ERROR) } } },
	{ "longer than routers send", 0,
	  { { ROUTER(11, 0, FAR, UDP(FAR, 5000, ANN_L, 80), .len = 576 - 28 - 28), OURS(ANN) },
	    { ROUTER(11, 0, FAR, UDP(FAR, 5000, ANN_L, 80), .len = 576 - 28 - 28 + 1), DROPPED(UNREGISTERED) },
	    { .at = LAN0, .pkt = { ICMP_ERROR(STRANGER_L, FAR, 11, 0, ABOUT(UDP(FAR, 5000, ANN_L, 80), .len = 1200)), .from_mac_of = ISO_L },
	      DROPPED(UNREGISTERED) } } },
	{ "from another machine than a listed router: on a LAN that has one, and on one that has none", 0,
	  { { .at = LAN0, .pkt = { ICMP_ERROR(ROUTER_L, FAR, 11, 0, ABOUT(UDP(FAR, 5000, ANN_L, 80))), .from_mac_of = ISO_L },
	      DROPPED(UNREGISTERED) },
	    { .at = LAN0, .pkt = { ICMP_ERROR(STRANGER_L, FAR, 3, 4, ABOUT(UDP(FAR, 5000, ANN_L, 80), .df = true)), .rest = 600 },
	      DROPPED(UNREGISTERED) },
	    { .at = LAN0, .pkt = { ICMP_ERROR(STRANGER_L, FAR, 11, 0, ABOUT(UDP(FAR, 5000, ANN_L, 80))), .from_mac_of = LISTED_L },
	      OURS(ANN) },
	    { ROUTER1(11, 0, FAR, UDP(FAR, 5000, CARL_L, 80)), OURS(CARL) } } },
	{ "after thousands that a stranger has forged: those of the router, and of isolated hosts", 0,
	  { { .at = WG, .pkt = { UDP(FAR, ROW, ISO1, 83) }, TO_LAN(LAN1, ISO1_L) }, { .flood = &forged_flood },
	    ISOLATED_ERROR(ISO1, ISO1_L, LAN1, 83), { ROUTER(3, 4, FAR, TCP(FAR, 5000, ANN_L, 80), .df = true), OURS(ANN) } } },
	{ "other errors", 0,
	  { { ROUTER(3, 3, FAR, UDP(FAR, 5000, ANN_L, 80)), DROPPED(UNREGISTERED) },
	    { ROUTER(3, 1, FAR, UDP(FAR, 5000, ANN_L, 80)), DROPPED(UNREGISTERED) },
	    { ROUTER(5, 1, FAR, UDP(FAR, 5000, ANN_L, 80)), DROPPED(UNREGISTERED) },
	    { ROUTER(12, 0, FAR, UDP(FAR, 5000, ANN_L, 80)), DROPPED(UNREGISTERED) } } },
	{ "about nobody, about a host of another LAN", 0,
	  { { ROUTER(11, 0, FAR, UDP(FAR, 5000, STRANGER_L, 80)), DROPPED(UNREGISTERED) },
	    { ROUTER(11, 0, FAR, UDP(FAR, 5000, CARL_L, 80)), DROPPED(UNREGISTERED) },
	    { ROUTER(11, 0, FAR, UDP(FAR, 5000, ANN, 80)), DROPPED(UNREGISTERED) } } },
	{ "to somebody else than whom it is about", 0,
	  { { ROUTER(11, 0, FAR2, UDP(FAR, 5000, ANN_L, 80)), DROPPED(UNREGISTERED) },
	    { ROUTER(11, 0, FAR, UDP(OUTSIDE, 5000, ANN_L, 80)), DROPPED(UNREGISTERED) } } },
	{ "quoting too little", 0,
	  { { .at = LAN0, .pkt = { ICMP_ERROR(ROUTER_L, FAR, 11, 0, ABOUT(UDP(FAR, 5000, ANN_L, 80))), .quote_len = 16 },
	      DROPPED(UNREGISTERED) } } },
	{ "from a registered host instead: its own address", 0,
	  { { .at = LAN0, .pkt = { ICMP_ERROR(BOB_L, FAR, 11, 0, ABOUT(UDP(FAR, 5000, ANN_L, 80), .ttl = 1)) },
	      .out = { { .at = WG, .src = BOB, .qdst = ANN } }, COUNTED(TO_MESH) } } },
	{ "an error whose own last hop this is", 0,
	  { { .at = LAN0, .pkt = { ICMP_ERROR(ROUTER_L, FAR, 11, 0, ABOUT(UDP(FAR, 5000, ANN_L, 80))), .ttl = 1 },
	      DROPPED(UNREGISTERED) } } },
	{ "about a packet of the gateway itself", 0,
	  { { ROUTER(11, 0, GW, UDP(GW, 5000, ANN_L, 80), .ttl = 1),
	      .out = { { .at = LOCAL, .qdst = ANN, .ttl = SAME_TTL } }, COUNTED(ROUTER_ERROR) },
	    { .at = LAN0, .pkt = { ICMP_ERROR(ROUTER_L, GW, 3, 4, ABOUT(UDP(GW, 5000, ANN_L, 80), .df = true)), .rest = 1400 },
	      .out = { { .at = LOCAL, .qdst = ANN, .ttl = SAME_TTL } }, COUNTED(ROUTER_ERROR) },
	    { ROUTER(11, 0, GW, UDP(GW, 5000, STRANGER_L, 80), .ttl = 1), DROPPED(UNREGISTERED) } } },
	/* Under an overlay address nobody on a LAN sends: g itself would take it for that host's or device's word. */
	/* of LAN1, where any machine may be a router */
	{ "that calls itself somebody of the mesh", 0,
	  { { .at = LAN1, .pkt = { ICMP_ERROR(ISO, GW, 11, 0, ABOUT(UDP(GW, 5000, CARL_L, 80))) }, DROPPED(UNREGISTERED) },
	    { .at = LAN1, .pkt = { ICMP_ERROR(ANN, FAR, 11, 0, ABOUT(UDP(FAR, 5000, CARL_L, 80))) }, DROPPED(UNREGISTERED) },
	    { .at = LAN1, .pkt = { ICMP_ERROR(FAR2, GW, 3, 4, ABOUT(UDP(GW, 5000, CARL_L, 80), .df = true)), .rest = 1400 },
	      DROPPED(UNREGISTERED) },
	    { .at = LAN1, .pkt = { ICMP_ERROR(GW, FAR, 11, 0, ABOUT(UDP(FAR, 5000, CARL_L, 80), .ttl = 1)) }, DROPPED(UNREGISTERED) } } },
	{ "about an isolated host, quoting IP options", BPF,
	  { { .at = WG, .pkt = { UDP(FAR, ROW, ISO, 85) }, TO_LAN(LAN0, ISO_L) },
	    { ROUTER(11, 0, FAR, UDP(FAR, ROW, ISO_L, 85), .nopt = 4, .opt = { 1, 1, 1, 0 }), OURS(ISO) } } },
	{ "about a packet of another host of the site", BPF,
	  { { ROUTER(11, 0, CARL, UDP(CARL, 5000, ANN_L, 80), .ttl = 1),
	      .out = { { .at = LAN1, .src = GW, .dst = CARL_L, .qsrc = CARL_L, .qdst = ANN } }, COUNTED(ROUTER_ERROR) },
	    { ROUTER(3, 4, BOB, TCP(BOB, 5000, ANN_L, 80), .df = true),
	      .out = { { .at = LAN0, .src = GW, .dst = BOB_L, .qsrc = BOB_L, .qdst = ANN } }, COUNTED(ROUTER_ERROR) },
	    { ROUTER(11, 0, NOBODY, UDP(NOBODY, 5000, ANN_L, 80), .ttl = 1), DROPPED(UNREGISTERED) } } },
	/* last: no more of them in this second */
	{ "no more than 100 a second of one LAN", 0,
	  { { .at = WG, .pkt = { UDP(FAR, ROW, ISO1, 84) }, TO_LAN(LAN1, ISO1_L) }, { .flood = &router_flood },
	    ISOLATED_ERROR(ISO1, ISO1_L, LAN1, 84), { ROUTER(11, 0, FAR, UDP(FAR, 5000, ANN_L, 80), .ttl = 1), OURS(ANN) } } },
};

const struct group group_errors = { "ICMP errors", SPOKE, rows, WM_ARRAY_LEN(rows) };
const struct group group_router = { "errors of a LAN's router", SPOKE, router_rows, WM_ARRAY_LEN(router_rows) };
