/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where a router has to speak: the last hop, packets too big for the way out,
 * IP options. Errors come from the address that the sender knows us by and
 * quote its packet exactly as it sent it. And hosts of one site by overlay address.
 */
#include "packets/shapes.h"

#define EXPIRED_AT(place, from) .out = { { .at = (place), .error = 11, .code = 0, .src = (from) } }
#define TOO_BIG_AT(place, from, mtu) .out = { { .at = (place), .error = 3, .code = 4, .rest = (mtu), .src = (from) } }
#define NOPS .nopt = 8, .opt = { 1, 1, 1, 1, 1, 1, 1, 0 }
#define RECORD(at, ...) .nopt = 8, .opt = { 7, 7, (at), __VA_ARGS__, 0 }
/* An IP packet of so many bytes. */
#define UDP_SIZE(n) .len = (n) - 28
#define TCP_SIZE(n) .len = (n) - 40

static const struct row rows[] = {
	{ "the last hop ends here, from the mesh", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .len = 60, .ttl = 1 }, EXPIRED_AT(WG, GW),
	      .count = { { WM_REASON_LOCAL, 2 } } },
	    { .at = WG, .pkt = { TCP(FAR, 5000, CARL, 53), .len = 900, .ttl = 1, .df = true }, EXPIRED_AT(WG, GW),
	      .count = { { WM_REASON_LOCAL, 2 } } } } },
	{ "the last hop ends here, from a LAN", 0,
	  { { .at = LAN0, .pkt = { UDP(ANN_L, 5000, FAR, 53), .len = 60, .ttl = 1 }, EXPIRED_AT(LAN0, GW0), COUNTED(LOCAL) },
	    { .at = LAN1, .pkt = { UDP(CARL_L, 5000, FAR, 53), .len = 60, .ttl = 1 }, EXPIRED_AT(LAN1, GW1), COUNTED(LOCAL) } } },
	{ "the last hop ends here, between hosts of the site", 0,
	  { { .at = LAN0, .pkt = { UDP(ANN_L, 5000, BOB, 53), .len = 60, .ttl = 1 }, EXPIRED_AT(LAN0, GW0), COUNTED(LOCAL) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 5000, CARL, 53), .len = 60, .ttl = 1 }, EXPIRED_AT(LAN0, GW0), COUNTED(LOCAL) } } },
	{ "the last hop but one", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .ttl = 2 }, TO_LAN(LAN0, ANN_L) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 53, FAR, 5000), .ttl = 2 }, TO_WG(ANN) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 53, BOB, 5000), .ttl = 2 }, HAIRPIN(LAN0, ANN, BOB_L) } } },
	{ "the longest way", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .ttl = 255 }, TO_LAN(LAN0, ANN_L) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 53, FAR, 5000), .ttl = 255 }, TO_WG(ANN) } } },
	{ "an isolated host's packet ends here only if it is an answer", 0,
	  { { .at = LAN0, .pkt = { UDP(ISO_L, 5000, FAR, ROW), .ttl = 1 }, DROPPED(ISOLATED) } } },
	{ "as big as the tunnel takes", 0,
	  { { .at = LAN0, .pkt = { UDP(ANN_L, 5000, FAR, 53), UDP_SIZE(1420), .df = true }, TO_WG(ANN) },
	    { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), UDP_SIZE(1420), .df = true }, TO_LAN(LAN0, ANN_L) } } },
	{ "too big for the tunnel, not to be fragmented", 0,
	  { { .at = LAN0, .pkt = { UDP(ANN_L, 5000, FAR, 53), UDP_SIZE(1421), .df = true }, TOO_BIG_AT(LAN0, GW0, 1420),
	      COUNTED(LOCAL) },
	    { .at = LAN0, .pkt = { TCP(ANN_L, 5000, FAR, 53), TCP_SIZE(1500), .df = true }, TOO_BIG_AT(LAN0, GW0, 1420),
	      COUNTED(LOCAL) } } },
	{ "too big for the tunnel, fragmented by the stack", 0,
	  { { .at = LAN0, .pkt = { UDP(ANN_L, 5000, FAR, 53), UDP_SIZE(1500) },
	      .out = { { .at = WG, .src = ANN, .frag_len = 1400 }, { .at = WG, .src = ANN, .frag_at = 1400, .frag_len = 1400 } },
	      .count = { { WM_REASON_TO_MESH, 2 } } } } },
	{ "segments too big for the tunnel, not to be fragmented", 0,
	  { { .at = LAN0, .pkt = { TCP(ANN_L, 5000, FAR, 53), .len = 5 * 1381, .gso = 1381, .sum = SUM_PARTIAL, .df = true },
	      TOO_BIG_AT(LAN0, GW0, 1420), .count = { { WM_REASON_LOCAL, 5 } } } } },
	{ "too big for the LAN, not to be fragmented", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, CARL, 53), UDP_SIZE(1281), .df = true }, TOO_BIG_AT(WG, GW, LAN1_MTU),
	      .count = { { WM_REASON_LOCAL, 2 } } },
	    { .at = WG, .pkt = { TCP(FAR, 5000, CARL, 53), TCP_SIZE(1400), .df = true }, TOO_BIG_AT(WG, GW, LAN1_MTU),
	      .count = { { WM_REASON_LOCAL, 2 } } } } },
	{ "too big for the other LAN of the site, not to be fragmented", 0,
	  { { .at = LAN0, .pkt = { UDP(ANN_L, 5000, CARL, 53), UDP_SIZE(1281), .df = true }, TOO_BIG_AT(LAN0, GW, LAN1_MTU),
	      .count = { { WM_REASON_LOCAL, 1 }, { WM_REASON_TO_LAN, 1 } } } } },
	{ "too big for the other LAN of the site, fragmented by the stack", 0,
	  { { .at = LAN0, .pkt = { UDP(ANN_L, 5000, CARL, 53), UDP_SIZE(1400) },
	      .out = { { .at = LAN1, .src = ANN, .dst = CARL_L, .frag_len = 1256 },
		       { .at = LAN1, .src = ANN, .dst = CARL_L, .frag_at = 1256, .frag_len = 1256 } }, COUNTED(HAIRPIN),
	      .end = { CARL, .to = 1 } } } },
	{ "as big as the LAN takes", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, CARL, 53), UDP_SIZE(1280), .df = true }, TO_LAN(LAN1, CARL_L) } } },
	{ "too big for the LAN, fragmented by the stack", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, CARL, 53), UDP_SIZE(1400) },
	      .out = { { .at = LAN1, .dst = CARL_L, .frag_len = 1256 },
		       { .at = LAN1, .dst = CARL_L, .frag_at = 1256, .frag_len = 1256 } }, COUNTED(TO_LAN) } } },
	{ "a datagram of 5000 bytes in pages, fragmented by the stack", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), UDP_SIZE(5000), .linear = 20 },
	      .out = { { .at = LAN0, .dst = ANN_L, .frag_len = 1480 },
		       { .at = LAN0, .dst = ANN_L, .frag_at = 1480, .frag_len = 1480 },
		       { .at = LAN0, .dst = ANN_L, .frag_at = 2960, .frag_len = 1480 },
		       { .at = LAN0, .dst = ANN_L, .frag_at = 4440, .frag_len = 1480 } }, COUNTED(TO_LAN) } } },
	{ "IP options, through the stack", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .len = 30, NOPS }, TO_LAN(LAN0, ANN_L) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 53, FAR, 5000), .len = 30, NOPS }, TO_WG(ANN) },
	    { .at = WG, .pkt = { TCP(FAR, 5000, CARL, 53), .len = 30, .nopt = 40, .opt = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 0 } },
	      TO_LAN(LAN1, CARL_L) } } },
	{ "IP options that the stack fills in: record route", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), RECORD(4, 0, 0, 0, 0) },
	      .out = { { .at = LAN0, .pkt = ABOUT(UDP(FAR, 5000, ANN_L, 53), .ttl = 63, RECORD(8, 192, 168, 1, 1)) } },
	      COUNTED(TO_LAN) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 53, FAR, 5000), RECORD(4, 0, 0, 0, 0) },
	      .out = { { .at = WG, .pkt = ABOUT(UDP(ANN, 53, FAR, 5000), .ttl = 63, RECORD(8, 172, 30, 2, 1)) } },
	      COUNTED(TO_MESH) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 53, BOB, 5000), RECORD(4, 0, 0, 0, 0) },
	      .out = { { .at = LAN0, .pkt = ABOUT(UDP(ANN, 53, BOB_L, 5000), .ttl = 63, RECORD(8, 172, 30, 2, 1)) } },
	      COUNTED(HAIRPIN) } } },
	{ "IP options, between hosts of the site and to the gateway", 0,
	  { { .at = LAN0, .pkt = { UDP(ANN_L, 53, BOB, 5000), .len = 30, NOPS }, HAIRPIN(LAN0, ANN, BOB_L) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 5000, GW, 53), .len = 30, NOPS }, TO_SELF(ANN) },
	    { .at = WG, .pkt = { UDP(FAR, 5000, GW, 53), .len = 30, NOPS }, TO_SELF(0) } } },
};

static const struct row hairpin_rows[] = {
	{ "another host of the LAN", 0,
	  { { .at = LAN0, .pkt = { TCP(ANN_L, 5000, BOB, 80), .flags = SYN }, HAIRPIN(LAN0, ANN, BOB_L),
	      .end = { BOB, .to = 1 } },
	    { .at = LAN0, .pkt = { TCP(BOB_L, 80, ANN, 5000), .flags = SYN | ACK }, HAIRPIN(LAN0, BOB, ANN_L),
	      .end = { BOB, .from = 1 } } } },
	{ "a host of another LAN of the site", 0,
	  { { .at = LAN0, .pkt = { UDP(ANN_L, 5000, CARL, 80), .len = 9 }, HAIRPIN(LAN1, ANN, CARL_L) },
	    { .at = LAN1, .pkt = { UDP(CARL_L, 80, ANN, 5000), .len = 9 }, HAIRPIN(LAN0, CARL, ANN_L) } } },
	{ "itself", 0, { { .at = LAN0, .pkt = { UDP(ANN_L, 5000, ANN, 80), .len = 9 }, HAIRPIN(LAN0, ANN, ANN_L) } } },
	{ "its twin with the same LAN address", 0,
	  { { .at = LAN0, .pkt = { ECHO_REQUEST(ANN_L, TWIN, 3), .len = 9 }, HAIRPIN(LAN2, ANN, TWIN_L) },
	    { .at = LAN2, .pkt = { ECHO_REPLY(TWIN_L, ANN, 3), .len = 9 }, HAIRPIN(LAN0, TWIN, ANN_L) } } },
	{ "GRE, UDP without a checksum, a wrong checksum", 0,
	  { { .at = LAN0, .pkt = { .proto = IPPROTO_GRE, FROM_TO(ANN_L, BOB), .len = 30 }, HAIRPIN(LAN0, ANN, BOB_L) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 5000, BOB, 80), .sum = SUM_NONE }, HAIRPIN(LAN0, ANN, BOB_L) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 5000, BOB, 80), .sum = SUM_WRONG }, HAIRPIN(LAN0, ANN, BOB_L) } } },
};

const struct group group_limits = { "where a router speaks", SPOKE, rows, WM_ARRAY_LEN(rows) };
const struct group group_hairpin = { "between hosts of the site", SPOKE, hairpin_rows, WM_ARRAY_LEN(hairpin_rows) };
