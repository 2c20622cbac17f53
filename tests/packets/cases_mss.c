/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * TCP's MSS is lowered to the tunnel's, both ways, never raised and never added.
 */
#include "packets/shapes.h"

#define FITS 1380 /* 1420 without IP and TCP header */
#define MSS(n) 2, 4, (n) >> 8, (n) & 0xff
#define OPTIONS(n, ...) .ntcpopt = (n), .tcpopt = { __VA_ARGS__ }
#define OPENS(...) { TCP(FAR, 5000, ANN, 80), .flags = SYN, __VA_ARGS__ }
#define ANSWERS(...) { TCP(ANN_L, 80, FAR, 5000), .flags = SYN | ACK, __VA_ARGS__ }
#define LOWERED_IN(where) .out = { { .at = LAN0, .dst = ANN_L, .mss = FITS, .mss_at = (where) } }, COUNTED(TO_LAN)
#define LOWERED_OUT(where) .out = { { .at = WG, .src = ANN, .mss = FITS, .mss_at = (where) } }, COUNTED(TO_MESH)

static const struct row rows[] = {
	{ "too much, from the mesh and from a host", 0,
	  { { .at = WG, .pkt = OPENS(OPTIONS(4, MSS(1460))), LOWERED_IN(2) },
	    { .at = LAN0, .pkt = ANSWERS(OPTIONS(4, MSS(1460))), LOWERED_OUT(2) },
	    { .at = LAN0, .pkt = { TCP(ANN_L, 5000, FAR, 80), .flags = SYN, OPTIONS(4, MSS(65535)) }, LOWERED_OUT(2) },
	    { .at = WG, .pkt = OPENS(OPTIONS(4, MSS(1381))), LOWERED_IN(2) } } },
	{ "just enough, little, none at all", 0,
	  { { .at = WG, .pkt = OPENS(OPTIONS(4, MSS(1380))), TO_LAN(LAN0, ANN_L) },
	    { .at = LAN0, .pkt = ANSWERS(OPTIONS(4, MSS(536))), TO_WG(ANN) },
	    { .at = WG, .pkt = OPENS(OPTIONS(4, MSS(0))), TO_LAN(LAN0, ANN_L) },
	    { .at = WG, .pkt = OPENS(OPTIONS(4, 1, 1, 1, 0)), TO_LAN(LAN0, ANN_L) },
	    { .at = WG, .pkt = OPENS(.ack = 1), TO_LAN(LAN0, ANN_L) } } },
	{ "behind other options, at an odd offset, at the very end", BPF,
	  { { .at = WG, .pkt = OPENS(OPTIONS(12, 1, 3, 3, 7, MSS(1460), 4, 2, 0, 0)), LOWERED_IN(6) },
	    { .at = WG, .pkt = OPENS(OPTIONS(12, 3, 3, 7, MSS(1460), 4, 2, 0, 0, 0)), LOWERED_IN(5) },
	    { .at = LAN0, .pkt = ANSWERS(OPTIONS(12, 1, MSS(1460), 1, 1, 1, 0, 0, 0, 0)), LOWERED_OUT(3) },
	    { .at = LAN0, .pkt = ANSWERS(OPTIONS(8, 1, 1, 4, 2, MSS(1460))), LOWERED_OUT(6) } } },
	{ "behind the end of the list", 0,
	  { { .at = WG, .pkt = OPENS(OPTIONS(8, 0, 1, 1, 1, MSS(1460))), TO_LAN(LAN0, ANN_L) } } },
	{ "lists that lie are left alone", 0,
	  { { .at = WG, .pkt = OPENS(OPTIONS(4, 1, 2, 4, 5)), TO_LAN(LAN0, ANN_L) },
	    { .at = WG, .pkt = OPENS(OPTIONS(8, 8, 0, 1, 1, MSS(1460))), TO_LAN(LAN0, ANN_L) },
	    { .at = WG, .pkt = OPENS(OPTIONS(8, 8, 255, 1, 1, MSS(1460))), TO_LAN(LAN0, ANN_L) },
	    { .at = WG, .pkt = OPENS(OPTIONS(4, 2, 3, 5, 180)), TO_LAN(LAN0, ANN_L) },
	    { .at = LAN0, .pkt = ANSWERS(OPTIONS(8, 2, 6, 5, 180, 1, 1, 1, 0)), TO_WG(ANN) } } },
	{ "in no packet but those that open", 0,
	  { { .at = WG, .pkt = { TCP(FAR, 5000, ANN, 80), OPTIONS(4, MSS(1460)) }, TO_LAN(LAN0, ANN_L) },
	    { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 80), .len = 30 }, TO_LAN(LAN0, ANN_L) } } },
	{ "the checksum left to the device, or wrong, or of a fragment", BPF,
	  { { .at = WG, .pkt = OPENS(OPTIONS(4, MSS(1460)), .sum = SUM_PARTIAL), LOWERED_IN(2) },
	    { .at = LAN0, .pkt = ANSWERS(OPTIONS(8, 1, MSS(1460), 1, 1, 0), .sum = SUM_PARTIAL), LOWERED_OUT(3) },
	    { .at = WG, .pkt = OPENS(OPTIONS(4, MSS(1460)), .sum = SUM_WRONG), LOWERED_IN(2) },
	    { .at = WG, .pkt = OPENS(OPTIONS(4, MSS(1460)), .len = 100, SLICE(0, 48)), LOWERED_IN(2) } } },
	{ "to the gateway itself", 0,
	  { { .at = WG, .pkt = { TCP(FAR, 5000, GW, 80), .flags = SYN, .seq = 7, OPTIONS(4, MSS(1460)) },
	      .out = { { .at = LOCAL, .ttl = SAME_TTL, .mss = FITS, .mss_at = 2 },
		       { .at = WG, .pkt = ABOUT(TCP(GW, 80, FAR, 5000), .flags = RST | ACK, .ack = 8,
						.window = NO_WINDOW, .df = true), .any_id = true } },
	      .count = { { WM_REASON_LOCAL, 2 } } } } },
	{ "not between hosts of the site, which use no tunnel", 0,
	  { { .at = LAN0, .pkt = { TCP(ANN_L, 5000, BOB, 80), .flags = SYN, OPTIONS(4, MSS(1460)) },
	      HAIRPIN(LAN0, ANN, BOB_L) },
	    { .at = LOCAL, .pkt = { TCP(GW, 5000, BOB, 80), .flags = SYN, OPTIONS(4, MSS(1460)) },
	      .out = { { .at = LAN0, .dst = BOB_L, .ttl = SAME_TTL } }, COUNTED(TO_LAN) } } },
	{ "what the gateway itself opens", 0,
	  { { .at = LOCAL, .pkt = { TCP(GW, 5000, FAR, 80), .flags = SYN, OPTIONS(4, MSS(1460)) },
	      .out = { { .at = WG, .ttl = SAME_TTL, .mss = FITS, .mss_at = 2 } }, COUNTED(LOCAL) } } },
};

static const struct row hub_rows[] = {
	{ "what the hub relays", 0,
	  { { .at = WG, .pkt = { TCP(FAR, 5000, FAR2, 80), .flags = SYN, OPTIONS(4, MSS(1460)) },
	      .out = { { .at = WG, .mss = FITS, .mss_at = 2 } }, COUNTED(RELAY) } } },
};

const struct group group_mss = { "MSS", SPOKE, rows, WM_ARRAY_LEN(rows) };
const struct group group_mss_hub = { "MSS", HUB, hub_rows, WM_ARRAY_LEN(hub_rows) };
