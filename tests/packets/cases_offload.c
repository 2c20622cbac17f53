/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Checksums left to the device and packets that stand for many segments: what
 * comes out on a wire is right all the same.
 */
#include "packets/shapes.h"

#define SEGMENTS(reason, n) .segments = (n), .count = { { WM_REASON_##reason, (n) } }
#define OFFLOADED(n, size) .len = (n), .gso = (size), .sum = SUM_PARTIAL, .flags = PSH | ACK, .seq = 1000
#define MOST (65535 - 40)
/* Ports with which the checksum of 18 bytes of the pattern is that of the pseudo-header. */
#define LOOKS_LEFT_TCP_IN 1982
#define LOOKS_LEFT_TCP_OUT 57513
#define LOOKS_LEFT_UDP_IN 23481
#define LOOKS_LEFT_UDP_OUT 13477

static const struct row rows[] = {
	{ "TCP to a host, checksum left to the device", 0,
	  { { .at = WG, .pkt = { TCP(FAR, 40000, ANN, 80), .len = 100, .sum = SUM_PARTIAL }, TO_LAN(LAN0, ANN_L) } } },
	{ "TCP from a host, checksum left to the device", 0,
	  { { .at = LAN0, .pkt = { TCP(ANN_L, 80, FAR, 40000), .len = 100, .sum = SUM_PARTIAL }, TO_WG(ANN) } } },
	{ "UDP to a host, checksum left to the device", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 40000, ANN, 80), .len = 101, .sum = SUM_PARTIAL }, TO_LAN(LAN0, ANN_L) } } },
	{ "UDP from a host, checksum left to the device", 0,
	  { { .at = LAN0, .pkt = { UDP(ANN_L, 80, FAR, 40000), .len = 101, .sum = SUM_PARTIAL }, TO_WG(ANN) } } },
	{ "complete checksums that look as if they were left to the device", 0,
	  { { .at = WG, .pkt = { TCP(FAR, LOOKS_LEFT_TCP_IN, ANN, 80), .len = 18 }, TO_LAN(LAN0, ANN_L) },
	    { .at = LAN0, .pkt = { TCP(ANN_L, 80, FAR, LOOKS_LEFT_TCP_OUT), .len = 18 }, TO_WG(ANN) },
	    { .at = WG, .pkt = { UDP(FAR, LOOKS_LEFT_UDP_IN, ANN, 53), .len = 18 }, TO_LAN(LAN0, ANN_L) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 53, FAR, LOOKS_LEFT_UDP_OUT), .len = 18 }, TO_WG(ANN) } } },
	{ "hairpin, checksum left to the device", 0,
	  { { .at = LAN0, .pkt = { TCP(ANN_L, 80, BOB, 40000), .len = 101, .sum = SUM_PARTIAL },
	      HAIRPIN(LAN0, ANN, BOB_L) } } },
	{ "12 TCP segments in one to a host", 0,
	  { { .at = WG, .pkt = { TCP(FAR, 40000, ANN, 80), OFFLOADED(12 * 1360, 1360) },
	      .out = { { .at = LAN0, .dst = ANN_L } }, SEGMENTS(TO_LAN, 12), .end = { ANN, .to = 12 } } } },
	{ "12 TCP segments in one from a host", 0,
	  { { .at = LAN0, .pkt = { TCP(ANN_L, 80, FAR, 40000), OFFLOADED(12 * 1360, 1360) },
	      .out = { { .at = WG, .src = ANN } }, SEGMENTS(TO_MESH, 12), .end = { ANN, .from = 12 } } } },
	{ "a short last segment", 0,
	  { { .at = WG, .pkt = { TCP(FAR, 40000, ANN, 80), OFFLOADED(3001, 1000) },
	      .out = { { .at = LAN0, .dst = ANN_L } }, SEGMENTS(TO_LAN, 4) },
	    { .at = LAN0, .pkt = { TCP(ANN_L, 80, FAR, 40000), OFFLOADED(3001, 1000) },
	      .out = { { .at = WG, .src = ANN } }, SEGMENTS(TO_MESH, 4) } } },
	{ "TCP options in each segment", 0,
	  { { .at = WG, .pkt = { TCP(FAR, 40000, ANN, 80), OFFLOADED(4000, 1000),
				 .ntcpopt = 12, .tcpopt = { 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8 } },
	      .out = { { .at = LAN0, .dst = ANN_L } }, SEGMENTS(TO_LAN, 4) } } },
	{ "64 kB in one to a host, all but the headers in pages", 0,
	  { { .at = WG, .pkt = { TCP(FAR, 40000, ANN, 80), OFFLOADED(MOST, 1360) },
	      .out = { { .at = LAN0, .dst = ANN_L } }, SEGMENTS(TO_LAN, 49) } } },
	{ "64 kB in one from a host, all but the headers in pages", 0,
	  { { .at = LAN0, .pkt = { TCP(ANN_L, 80, FAR, 40000), OFFLOADED(MOST, 1360) },
	      .out = { { .at = WG, .src = ANN } }, SEGMENTS(TO_MESH, 49) } } },
	{ "segments that just fit into the tunnel", 0,
	  { { .at = LAN0, .pkt = { TCP(ANN_L, 80, FAR, 40000), OFFLOADED(5 * 1380, 1380), .df = true },
	      .out = { { .at = WG, .src = ANN } }, SEGMENTS(TO_MESH, 5) } } },
	{ "many segments in one between two hosts of the LAN", 0,
	  { { .at = LAN0, .pkt = { TCP(ANN_L, 80, BOB, 40000), OFFLOADED(10 * 1300, 1300) },
	      .out = { { .at = LAN0, .src = ANN, .dst = BOB_L } }, SEGMENTS(HAIRPIN, 10) } } },
	{ "many segments in one, from an isolated host, of a known flow", 0,
	  { { .at = WG, .pkt = { TCP(FAR, ROW, ISO, 80), .flags = SYN }, TO_LAN(LAN0, ISO_L) },
	    { .at = LAN0, .pkt = { TCP(ISO_L, 80, FAR, ROW), OFFLOADED(5000, 1000) },
	      .out = { { .at = WG, .src = ISO } }, SEGMENTS(TO_MESH, 5) } } },
	{ "many segments in one, from an isolated host, of no flow", 0,
	  { { .at = LAN0, .pkt = { TCP(ISO_L, 81, FAR, ROW), OFFLOADED(5000, 1000) },
	      .count = { { WM_REASON_ISOLATED, 5 } }, .end = { ISO, .drops = 5 } } } },
};

const struct group group_offload = { "offloads", SPOKE, rows, WM_ARRAY_LEN(rows) };
