/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * More of fragments: of every protocol, at every edge, from isolated ends and
 * between hosts of the site.
 */
#include "packets/shapes.h"

#define IN(...) { .at = WG, .pkt = { __VA_ARGS__ }, TO_LAN(LAN0, ANN_L) }
#define ASK(...) { .at = WG, .pkt = { __VA_ARGS__ }, TO_LAN(LAN0, ISO_L) }
#define SAY(...) { .at = LAN0, .pkt = { __VA_ARGS__ }, TO_WG(ISO) }
#define BLOCKED(...) { .at = LAN0, .pkt = { __VA_ARGS__ }, DROPPED(ISOLATED) }
#define LIES(...) { .at = LAN0, .pkt = { __VA_ARGS__ }, DROPPED(INVALID) }
#define PONG(i) ECHO_REPLY(ISO_L, FAR, ROW), .len = 3000, .id = (i)
#define DATA(i) TCP(ISO_L, 53, FAR, ROW), .len = 600, .id = (i)
#define REPLY(i) UDP(ISO_L, 53, FAR, ROW), .len = 600, .id = (i)

static const struct flood pings_in_pieces = {
	.n = 5000, .at = LAN0, .new_ids = true, .pkt = { ECHO_REQUEST(ISO_L, GW, 7), .len = 64, SLICE(0, 32) },
	.reason = WM_REASON_LOCAL, .other = WM_REASON_ISOLATED, .most = 5000,
};

static const struct row rows[] = {
	{ "SCTP", 0, { IN(.proto = IPPROTO_SCTP, FROM_TO(FAR, ANN), .len = 800, SLICE(0, 400)),
		       IN(.proto = IPPROTO_SCTP, FROM_TO(FAR, ANN), .len = 800, SLICE(400, 400)) } },
	{ "DCCP", BPF, { IN(.proto = IPPROTO_DCCP, FROM_TO(FAR, ANN), .len = 800, SLICE(0, 400)),
		       IN(.proto = IPPROTO_DCCP, FROM_TO(FAR, ANN), .len = 800, SLICE(400, 400)) } },
	{ "a first fragment of nothing but the UDP header", 0, { IN(UDP(FAR, 5000, ANN, 53), .len = 100, SLICE(0, 8)) } },
	{ "a last fragment of 8 bytes", 0, { IN(UDP(FAR, 5000, ANN, 53), .len = 1000, SLICE(1000, 8)) } },
	{ "a last fragment at the end of what an IP packet can be", 0,
	  { IN(UDP(FAR, 5000, ANN, 53), .len = 65000, SLICE(65000, 8)) } },
	{ "a last fragment of an odd length", 0, { IN(UDP(FAR, 5000, ANN, 53), .len = 1001, SLICE(800, 209)) } },
	{ "fragments with options, through the stack", 0,
	  { IN(UDP(FAR, 5000, ANN, 53), .len = 600, .nopt = 4, .opt = { 1, 1, 1, 0 }, SLICE(0, 400)),
	    IN(UDP(FAR, 5000, ANN, 53), .len = 600, .nopt = 4, .opt = { 1, 1, 1, 0 }, SLICE(400, 400)) } },
	{ "fragments of UDP without a checksum", 0,
	  { IN(UDP(FAR, 5000, ANN, 53), .len = 600, .sum = SUM_NONE, SLICE(0, 400)),
	    { .at = LAN0, .pkt = { UDP(ANN_L, 5000, FAR, 53), .len = 600, .sum = SUM_NONE, SLICE(0, 400) }, TO_WG(ANN) } } },
	{ "the last hop ends here: an error about a first fragment, none about a later", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .len = 600, .ttl = 1, SLICE(0, 400) },
	      .out = { { .at = WG, .error = 11, .src = GW } }, .count = { { WM_REASON_LOCAL, 2 } } },
	    { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .len = 600, .ttl = 1, SLICE(400, 400) }, COUNTED(LOCAL) } } },
	{ "a fragment that is too big for the LAN is fragmented again", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, CARL, 53), .len = 2000, SLICE(0, 1360) },
	      .out = { { .at = LAN1, .dst = CARL_L, .pkt = ABOUT(UDP(FAR, 5000, CARL_L, 53), .len = 2000, .ttl = 63,
								 SLICE(0, 1256)) },
		       { .at = LAN1, .pkt = ABOUT(UDP(FAR, 5000, CARL_L, 53), .len = 2000, .ttl = 63, SLICE(1256, 104)) } },
	      COUNTED(TO_LAN) } } },
	{ "an isolated host answers a ping of 3000 bytes", 0,
	  { ASK(ECHO_REQUEST(FAR, ISO, ROW), .len = 20), SAY(PONG(0x7101), SLICE(0, 1400)), SAY(PONG(0x7101), SLICE(1400, 1400)),
	    SAY(PONG(0x7101), SLICE(2800, 208)) } },
	{ "an isolated host answers a ping of which it was not asked in pieces", 0,
	  { BLOCKED(PONG(0x7102), SLICE(0, 1400)), BLOCKED(PONG(0x7102), SLICE(1400, 1400)) } },
	{ "an isolated host's TCP in pieces, the second right behind the header", 0,
	  { ASK(TCP(FAR, ROW, ISO, 53)), SAY(DATA(0x7103), SLICE(0, 24)), SAY(DATA(0x7103), SLICE(24, 400)),
	    LIES(DATA(0x7103), SLICE(16, 400)) } },
	{ "an isolated host's fragments out of order, twice and overlapping", 0,
	  { ASK(UDP(FAR, ROW, ISO, 53)), BLOCKED(REPLY(0x7104), SLICE(400, 208)), SAY(REPLY(0x7104), SLICE(0, 400)),
	    SAY(REPLY(0x7104), SLICE(400, 208)), SAY(REPLY(0x7104), SLICE(400, 208)), SAY(REPLY(0x7104), SLICE(8, 400)),
	    SAY(REPLY(0x7104), SLICE(0, 400)) } },
	{ "an isolated host's fragments of another protocol behind an allowed first", 0,
	  { ASK(UDP(FAR, ROW, ISO, 53)), SAY(REPLY(0x7105), SLICE(0, 400)),
	    BLOCKED(TCP(ISO_L, 53, FAR, ROW), .len = 600, .id = 0x7105, SLICE(400, 208)),
	    BLOCKED(.proto = IPPROTO_GRE, FROM_TO(ISO_L, FAR), .len = 600, .id = 0x7105, SLICE(400, 208)) } },
	{ "an isolated host's fragments to the gateway: names and echo are in one piece, and the rest is no answer", 0,
	  { BLOCKED(UDP(ISO_L, 5000, GW, 53), .len = 600, .id = 0x7106, SLICE(0, 400)),
	    BLOCKED(UDP(ISO_L, 5000, GW, 53), .len = 600, .id = 0x7106, SLICE(400, 208)),
	    BLOCKED(UDP(ISO_L, 5000, GW, 7777), .len = 600, .id = 0x7107, SLICE(0, 400)),
	    BLOCKED(ECHO_REQUEST(ISO_L, GW, ROW), .len = 600, .id = 0x7110, SLICE(0, 400)),
	    BLOCKED(TCP(ISO_L, 5000, GW, 53), .flags = SYN, .len = 600, .id = 0x7111, SLICE(0, 400)) } },
	{ "an isolated host's answer to the gateway, in fragments", 0,
	  { { .at = LOCAL, .pkt = { ECHO_REQUEST(GW, ISO, ROW) }, .out = { { .at = LAN0, .dst = ISO_L, .ttl = SAME_TTL } }, COUNTED(TO_LAN) },
	    { .at = LAN0, .pkt = { ECHO_REPLY(ISO_L, GW, ROW), .len = 600, .id = 0x7112, SLICE(0, 400) }, COUNTED(LOCAL) },
	    { .at = LAN0, .pkt = { ECHO_REPLY(ISO_L, GW, ROW), .len = 600, .id = 0x7112, SLICE(400, 208) },
	      .out = { { .at = LOCAL, .pkt = ABOUT(ECHO_REPLY(ISO, GW, ROW), .len = 600, .id = 0x7112) } }, COUNTED(LOCAL) } } },
	{ "another isolated host's fragments pass after thousands of first ones to the gateway", 0,
	  { { .flood = &pings_in_pieces }, { .at = WG, .pkt = { UDP(FAR, ROW, ISO1, 600) }, TO_LAN(LAN1, ISO1_L) },
	    { .at = LAN1, .pkt = { UDP(ISO1_L, 600, FAR, ROW), .len = 64, .id = 0x7113, SLICE(0, 32) }, TO_WG(ISO1) },
	    { .at = LAN1, .pkt = { UDP(ISO1_L, 600, FAR, ROW), .len = 64, .id = 0x7113, SLICE(32, 40) }, TO_WG(ISO1) } } },
	{ "an isolated host's fragments to a host of its LAN", 0,
	  { { .at = LAN0, .pkt = { UDP(ANN_L, ROW, ISO, 53) }, HAIRPIN(LAN0, ANN, ISO_L) },
	    { .at = LAN0, .pkt = { UDP(ISO_L, 53, ANN, ROW), .len = 600, .id = 0x7108, SLICE(0, 400) }, HAIRPIN(LAN0, ISO, ANN_L) },
	    { .at = LAN0, .pkt = { UDP(ISO_L, 53, ANN, ROW), .len = 600, .id = 0x7108, SLICE(400, 208) },
	      HAIRPIN(LAN0, ISO, ANN_L) },
	    BLOCKED(UDP(ISO_L, 53, BOB, ROW), .len = 600, .id = 0x7108, SLICE(400, 208)) } },
	{ "to an isolated host: TCP, a first of 16 bytes and a later", 0,
	  { { .at = WG, .pkt = { TCP(FAR, ROW, ISO, 53), .len = 100, SLICE(0, 16) }, DROPPED(INVALID), .end = { ISO, .drops = 1 } },
	    ASK(TCP(FAR, ROW, ISO, 53), .len = 100, SLICE(24, 96)) } },
	{ "to an isolated host: a ping in pieces, which it may answer", 0,
	  { ASK(ECHO_REQUEST(FAR, ISO, ROW), .len = 2000, .id = 0x7109, SLICE(0, 1000)),
	    ASK(ECHO_REQUEST(FAR, ISO, ROW), .len = 2000, .id = 0x7109, SLICE(1000, 1008)),
	    SAY(ECHO_REPLY(ISO_L, FAR, ROW), .len = 20) } },
	{ "to an isolated host: a protocol that it does not speak", 0,
	  { { .at = WG, .pkt = { .proto = IPPROTO_GRE, FROM_TO(FAR, ISO), .len = 600, SLICE(400, 200) }, DROPPED(ISOLATED) } } },
	{ "to nobody, spoofed, to another site", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, NOBODY, 53), .len = 600, SLICE(400, 208) }, DROPPED(NO_HOST) },
	    { .at = WG, .pkt = { UDP(OUTSIDE, 5000, ANN, 53), .len = 600, SLICE(400, 208) }, DROPPED(SPOOFED) },
	    { .at = WG, .pkt = { UDP(FAR, 5000, FAR2, 53), .len = 600, SLICE(400, 208) }, DROPPED(NOT_RELAY) } } },
	{ "from a host to nobody, from a container", 0,
	  { { .at = LAN0, .pkt = { UDP(ANN_L, 5000, NOBODY, 53), .len = 600, SLICE(400, 208) }, DROPPED(NO_HOST) },
	    { .at = BOX, .pkt = { UDP(ANN_L, 5000, FAR, 53), .len = 600, SLICE(400, 208) }, DROPPED(UNTRANSLATED) } } },
	{ "an ICMP error in pieces", 0,
	  { { .at = WG, .pkt = { ICMP_ERROR(FAR, ANN, 3, 3, ABOUT(UDP(ANN, 53, FAR, 5000), .len = 500)), SLICE(0, 104) },
	      .out = { { .at = LAN0, .dst = ANN_L, .qsrc = ANN_L } }, COUNTED(TO_LAN) },
	    { .at = WG, .pkt = { ICMP_ERROR(FAR, ANN, 3, 3, ABOUT(UDP(ANN, 53, FAR, 5000), .len = 500)), SLICE(104, 400) },
	      TO_LAN(LAN0, ANN_L) } } },
};

const struct group group_pieces = { "fragments, more", SPOKE, rows, WM_ARRAY_LEN(rows) };
