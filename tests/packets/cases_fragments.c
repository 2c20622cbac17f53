/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Fragments: all of them translated, the first one's L4 checksum too; those of
 * isolated hosts only behind their first.
 */
#include "packets/shapes.h"

#define WHOLE_IN UDP(FAR, 5000, ANN, 53), .len = 2000
#define WHOLE_OUT UDP(ANN_L, 53, FAR, 5000), .len = 2000
#define ASKED(id_) UDP(ISO_L, 53, FAR, ROW), .len = 2000, .id = (id_)
#define ASKED_TCP(id_) TCP(ISO_L, 53, FAR, ROW), .len = 100, .id = (id_)
#define QUESTION { .at = WG, .pkt = { UDP(FAR, ROW, ISO, 53) }, TO_LAN(LAN0, ISO_L) }
#define QUESTION_TCP { .at = WG, .pkt = { TCP(FAR, ROW, ISO, 53) }, TO_LAN(LAN0, ISO_L) }

static const struct row rows[] = {
	{ "first, middle and last to a host", 0,
	  { { .at = WG, .pkt = { WHOLE_IN, SLICE(0, 800) }, TO_LAN(LAN0, ANN_L) },
	    { .at = WG, .pkt = { WHOLE_IN, SLICE(800, 800) }, TO_LAN(LAN0, ANN_L) },
	    { .at = WG, .pkt = { WHOLE_IN, SLICE(1600, 800) }, TO_LAN(LAN0, ANN_L) } } },
	{ "first, middle and last from a host", 0,
	  { { .at = LAN0, .pkt = { WHOLE_OUT, SLICE(0, 800) }, TO_WG(ANN) },
	    { .at = LAN0, .pkt = { WHOLE_OUT, SLICE(800, 800) }, TO_WG(ANN) },
	    { .at = LAN0, .pkt = { WHOLE_OUT, SLICE(1600, 800) }, TO_WG(ANN) } } },
	{ "out of order, overlapping, without a first", 0,
	  { { .at = WG, .pkt = { WHOLE_IN, .id = 0x4444, SLICE(1600, 800) }, TO_LAN(LAN0, ANN_L) },
	    { .at = WG, .pkt = { WHOLE_IN, .id = 0x4444, SLICE(400, 800) }, TO_LAN(LAN0, ANN_L) },
	    { .at = WG, .pkt = { WHOLE_IN, .id = 0x4444, SLICE(0, 800) }, TO_LAN(LAN0, ANN_L) } } },
	{ "a first fragment that ends inside the TCP header", BPF,
	  { { .at = WG, .pkt = { TCP(FAR, 5000, ANN, 80), .len = 100, SLICE(0, 8) }, TO_LAN(LAN0, ANN_L) },
	    { .at = LAN0, .pkt = { TCP(ANN_L, 80, FAR, 5000), .len = 100, SLICE(0, 8) }, TO_WG(ANN) } } },
	{ "TCP and UDP-Lite fragments", 0,
	  { { .at = WG, .pkt = { TCP(FAR, 5000, ANN, 80), .len = 1000, SLICE(0, 600) }, TO_LAN(LAN0, ANN_L) },
	    { .at = WG, .pkt = { UDPLITE(FAR, 5000, ANN, 80), .len = 1000, SLICE(0, 600) }, TO_LAN(LAN0, ANN_L) },
	    { .at = WG, .pkt = { UDPLITE(FAR, 5000, ANN, 80), .len = 1000, SLICE(600, 600) }, TO_LAN(LAN0, ANN_L) } } },
	{ "a fragmented ping", 0,
	  { { .at = WG, .pkt = { ECHO_REQUEST(FAR, ANN, 7), .len = 1000, SLICE(0, 600) }, TO_LAN(LAN0, ANN_L) },
	    { .at = WG, .pkt = { ECHO_REQUEST(FAR, ANN, 7), .len = 1000, SLICE(600, 600) }, TO_LAN(LAN0, ANN_L) } } },
	{ "between two hosts of the LAN", 0,
	  { { .at = LAN0, .pkt = { UDP(ANN_L, 53, BOB, 5000), .len = 900, SLICE(0, 800) }, HAIRPIN(LAN0, ANN, BOB_L) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 53, BOB, 5000), .len = 900, SLICE(800, 800) },
	      HAIRPIN(LAN0, ANN, BOB_L) } } },
	{ "to an isolated host no first is needed", 0,
	  { { .at = WG, .pkt = { UDP(FAR, ROW, ISO, 53), .len = 2000, SLICE(800, 800) }, TO_LAN(LAN0, ISO_L) },
	    { .at = WG, .pkt = { UDP(FAR, ROW, ISO, 53), .len = 2000, SLICE(0, 800) }, TO_LAN(LAN0, ISO_L) },
	    { .at = LAN0, .pkt = { UDP(ISO_L, 53, FAR, ROW), .len = 2 }, TO_WG(ISO) } } },
	{ "from an isolated host: behind an allowed first", 0,
	  { QUESTION, { .at = LAN0, .pkt = { ASKED(0x5001), SLICE(0, 800) }, TO_WG(ISO) },
	    { .at = LAN0, .pkt = { ASKED(0x5001), SLICE(800, 800) }, TO_WG(ISO) },
	    { .at = LAN0, .pkt = { ASKED(0x5001), SLICE(1600, 800) }, TO_WG(ISO) } } },
	{ "from an isolated host: without its first, or behind that of another packet", 0,
	  { QUESTION, { .at = LAN0, .pkt = { ASKED(0x5002), SLICE(800, 800) }, DROPPED(ISOLATED),
	      .end = { ISO, .drops = 1 } },
	    { .at = LAN0, .pkt = { ASKED(0x5003), SLICE(0, 800) }, TO_WG(ISO) },
	    { .at = LAN0, .pkt = { ASKED(0x5002), SLICE(800, 800) }, DROPPED(ISOLATED) },
	    { .at = LAN0, .pkt = { UDP(ISO_L, 53, FAR2, ROW), .len = 2000, .id = 0x5003, SLICE(800, 800) },
	      DROPPED(ISOLATED) } } },
	{ "from an isolated host: behind a first that was dropped", 0,
	  { { .at = LAN0, .pkt = { ASKED(0x5004), SLICE(0, 800) }, DROPPED(ISOLATED) },
	    { .at = LAN0, .pkt = { ASKED(0x5004), SLICE(800, 800) }, DROPPED(ISOLATED) } } },
	{ "from an isolated host: a first that hides part of its TCP header", BPF,
	  { QUESTION_TCP, { .at = LAN0, .pkt = { ASKED_TCP(0x5005), SLICE(0, 8) }, DROPPED(INVALID) },
	    { .at = LAN0, .pkt = { ASKED_TCP(0x5005), SLICE(8, 112) }, DROPPED(INVALID) },
	    { .at = LAN0, .pkt = { ASKED_TCP(0x5005), SLICE(16, 112) }, DROPPED(INVALID) } } },
	{ "to an isolated host: a first that hides part of its TCP header", 0,
	  { { .at = WG, .pkt = { TCP(FAR, ROW, ISO, 53), .len = 100, SLICE(0, 8) }, DROPPED(INVALID) } } },
};

const struct group group_fragments = { "fragments", SPOKE, rows, WM_ARRAY_LEN(rows) };
