/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * States of a flow through an isolated host: what each packet does to a flow
 * that is half open, answered, established, closing or over.
 */
#include "packets/shapes.h"

#define ASK(...) { .at = WG, .pkt = { __VA_ARGS__ }, TO_LAN(LAN0, ISO_L) }
#define ASK_AFTER(s, ...) { .age_s = (s), .at = WG, .pkt = { __VA_ARGS__ }, TO_LAN(LAN0, ISO_L) }
#define ANSWER(...) { .at = LAN0, .pkt = { __VA_ARGS__ }, TO_WG(ISO) }
#define ANSWER_AFTER(s, ...) { .age_s = (s), .at = LAN0, .pkt = { __VA_ARGS__ }, TO_WG(ISO) }
#define NO_ANSWER(...) { .at = LAN0, .pkt = { __VA_ARGS__ }, DROPPED(ISOLATED) }
#define NO_ANSWER_AFTER(s, ...) { .age_s = (s), .at = LAN0, .pkt = { __VA_ARGS__ }, DROPPED(ISOLATED) }
#define PEER TCP(FAR, ROW, ISO, 600), .flags
#define END TCP(ISO_L, 600, FAR, ROW), .flags
#define QUESTION UDP(FAR, ROW, ISO, 600), .len = 4
#define REPLY UDP(ISO_L, 600, FAR, ROW), .len = 4
#define REFUSAL_OF(...) .pkt = { ICMP_ERROR(ISO_L, FAR, 3, 3, ABOUT(__VA_ARGS__)) }
#define REFUSED .out = { { .at = WG, .src = ISO, .qdst = ISO } }, COUNTED(TO_MESH)

static const struct row rows[] = {
	{ "UDP: asked again before the answer", FAST, { ASK(QUESTION), ASK_AFTER(18, QUESTION), ANSWER_AFTER(18, REPLY) } },
	{ "UDP: asked again when the first question is forgotten", FAST,
	  { ASK(QUESTION), ASK_AFTER(40, QUESTION), ANSWER_AFTER(20, REPLY) } },
	{ "UDP: asked again when the answered flow is over", FAST,
	  { ASK(QUESTION), ANSWER(REPLY), NO_ANSWER_AFTER(190, REPLY), ASK(QUESTION), ANSWER(REPLY) } },
	{ "TCP: a SYN again before the answer, and after it", FAST,
	  { ASK(PEER = SYN), ASK(PEER = SYN), ANSWER(END = SYN | ACK), ASK(PEER = SYN), ANSWER(END = SYN | ACK) } },
	{ "TCP: an ACK before the answer establishes nothing", FAST,
	  { ASK(PEER = SYN), ASK(PEER = ACK), ANSWER(END = SYN | ACK), NO_ANSWER_AFTER(70, END = ACK) } },
	{ "TCP: SYN and ACK towards the host", FAST,
	  { ASK(PEER = SYN | ACK), ANSWER(END = ACK), ASK(PEER = SYN | ACK), ANSWER_AFTER(7000, END = ACK) } },
	{ "TCP: a FIN before the answer", FAST,
	  { ASK(PEER = SYN), ASK(PEER = FIN | ACK), ANSWER(END = SYN | ACK), ANSWER(END = FIN | ACK),
	    NO_ANSWER_AFTER(15, END = ACK) } },
	{ "TCP: a FIN as the first packet of a flow", FAST,
	  { ASK(PEER = FIN | ACK), ANSWER(END = ACK), ANSWER(END = FIN | ACK), NO_ANSWER_AFTER(15, END = ACK) } },
	{ "TCP: a SYN where a FIN had opened a flow that is over", FAST,
	  { ASK(PEER = FIN | ACK), { .age_s = 70, .at = WG, .pkt = { PEER = SYN }, TO_LAN(LAN0, ISO_L) }, ANSWER(END = SYN | ACK),
	    ASK(PEER = ACK), ANSWER_AFTER(7100, END = ACK) } },
	{ "TCP: a RST before the answer", FAST,
	  { ASK(PEER = SYN), ASK(PEER = RST), ANSWER(END = RST | ACK), NO_ANSWER_AFTER(15, END = RST) } },
	{ "TCP: refused", FAST,
	  { ASK(PEER = SYN), ANSWER(END = RST | ACK), ANSWER_AFTER(5, END = RST | ACK), NO_ANSWER_AFTER(10, END = RST | ACK) } },
	{ "TCP: refused, and tried again on the same tuple", FAST,
	  { ASK(PEER = SYN), ANSWER(END = RST | ACK), ASK(PEER = SYN), ANSWER(END = SYN | ACK), ASK(PEER = ACK),
	    ANSWER_AFTER(7100, END = ACK) } },
	{ "TCP: the host closes first", FAST,
	  { ASK(PEER = SYN), ANSWER(END = SYN | ACK), ASK(PEER = ACK), ANSWER(END = FIN | ACK), ASK(PEER = ACK),
	    ANSWER(END = ACK), ASK(PEER = FIN | ACK), NO_ANSWER_AFTER(15, END = ACK) } },
	{ "TCP: a RST towards an established flow, then one from the host", FAST,
	  { ASK(PEER = SYN), ANSWER(END = SYN | ACK), ASK(PEER = ACK), ASK(PEER = RST | ACK), ANSWER(END = RST),
	    NO_ANSWER_AFTER(15, END = RST) } },
	{ "TCP: an established connection that both have closed begins anew", FAST,
	  { ASK(PEER = SYN), ANSWER(END = SYN | ACK), ASK(PEER = ACK), ASK(PEER = FIN | ACK), ANSWER(END = FIN | ACK),
	    ASK(PEER = SYN), NO_ANSWER_AFTER(70, END = SYN | ACK) } },
	{ "TCP: asked again with ACK when the flow is over", FAST,
	  { ASK(PEER = SYN), ANSWER(END = SYN | ACK), ASK(PEER = ACK), NO_ANSWER_AFTER(7300, END = ACK), ASK(PEER = ACK),
	    ANSWER(END = ACK), ASK(PEER = ACK), ANSWER_AFTER(7100, END = ACK) } },
	{ "TCP: a closing flow is not prolonged by its opener's data", FAST,
	  { ASK(PEER = SYN), ANSWER(END = SYN | ACK), ASK(PEER = FIN | ACK), ANSWER(END = FIN | ACK),
	    ASK_AFTER(5, PEER = PSH | ACK), NO_ANSWER_AFTER(9, END = ACK) } },
	{ "ping: asked again with the same id", FAST,
	  { ASK(ECHO_REQUEST(FAR, ISO, ROW)), ASK_AFTER(18, ECHO_REQUEST(FAR, ISO, ROW)),
	    ANSWER_AFTER(18, ECHO_REPLY(ISO_L, FAR, ROW)) } },
	{ "ping: the answer again and again, until it was asked too long ago", FAST,
	  { ASK(ECHO_REQUEST(FAR, ISO, ROW)), ANSWER(ECHO_REPLY(ISO_L, FAR, ROW)),
	    ANSWER_AFTER(20, ECHO_REPLY(ISO_L, FAR, ROW)), NO_ANSWER_AFTER(15, ECHO_REPLY(ISO_L, FAR, ROW)) } },
	{ "an ICMP error about a flow that was answered", FAST,
	  { ASK(QUESTION), ANSWER(REPLY), { .at = LAN0, REFUSAL_OF(UDP(FAR, ROW, ISO_L, 600)), REFUSED } } },
	{ "an ICMP error about an answered flow that is over", FAST,
	  { ASK(QUESTION), ANSWER(REPLY), { .age_s = 181, .at = LAN0, REFUSAL_OF(UDP(FAR, ROW, ISO_L, 600)),
	      DROPPED(ISOLATED) } } },
	{ "an ICMP error about a question that nobody has asked", FAST,
	  { { .at = LAN0, REFUSAL_OF(UDP(FAR, ROW, ISO_L, 601)), DROPPED(ISOLATED) } } },
	{ "an ICMP error about a question that is forgotten", FAST,
	  { ASK(QUESTION), { .age_s = 40, .at = LAN0, REFUSAL_OF(UDP(FAR, ROW, ISO_L, 600)), DROPPED(ISOLATED) } } },
	{ "an ICMP error that quotes no port", 0,
	  { ASK(QUESTION),
	    { .at = LAN0, REFUSAL_OF(UDP(FAR, ROW, ISO_L, 600), .len = 600, SLICE(400, 208)), DROPPED(ISOLATED) },
	    { .at = LAN0, .pkt = { ICMP_ERROR(ISO_L, FAR, 3, 3, ABOUT(UDP(FAR, ROW, ISO_L, 600))), .quote_len = 24 },
	      DROPPED(ISOLATED) } } },
	{ "an ICMP error that quotes less than an IP header", 0,
	  { ASK(QUESTION),
	    { .at = LAN0, .pkt = { ICMP_ERROR(ISO_L, FAR, 3, 3, ABOUT(UDP(FAR, ROW, ISO_L, 600))), .quote_len = 19 },
	      DROPPED(INVALID) } } },
	{ "an ICMP error about what the host itself would have sent", FAST,
	  { ASK(ECHO_REQUEST(FAR, ISO, ROW)),
	    { .at = LAN0, .pkt = { ICMP_ERROR(ISO_L, FAR, 3, 3, ABOUT(ECHO_REPLY(FAR, ISO_L, ROW))) }, DROPPED(ISOLATED) },
	    { .at = LAN0, .pkt = { ICMP_ERROR(ISO_L, FAR, 3, 3, ABOUT(.proto = IPPROTO_GRE, FROM_TO(FAR, ISO_L), .len = 20)) },
	      DROPPED(ISOLATED) } } },
	{ "an ICMP error about a connection that is over", FAST,
	  { ASK(PEER = SYN), ANSWER(END = SYN | ACK), ASK(PEER = ACK),
	    { .age_s = 7300, .at = LAN0, .pkt = { ICMP_ERROR(ISO_L, FAR, 3, 4, ABOUT(TCP(FAR, ROW, ISO_L, 600), .len = 900)), .rest = 1300 },
	      DROPPED(ISOLATED) } } },
	{ "an ICMP error about an established connection", FAST,
	  { ASK(PEER = SYN), ANSWER(END = SYN | ACK), ASK(PEER = ACK),
	    { .at = LAN0, .pkt = { ICMP_ERROR(ISO_L, FAR, 3, 4, ABOUT(TCP(FAR, ROW, ISO_L, 600), .len = 900)), .rest = 1300 },
	      REFUSED } } },
};

const struct group group_states = { "states of a flow", SPOKE, rows, WM_ARRAY_LEN(rows) };
