/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How long a flow to an isolated host lives, and that only packets towards the
 * host prolong it. Time passes by making the table older, a second less or more
 * than the limit.
 */
#include "packets/shapes.h"

#define ASK(...) { .at = WG, .pkt = { __VA_ARGS__ }, TO_LAN(LAN0, ISO_L) }
#define AFTER(s) .age_s = (s)
#define ANSWER(when, ...) { when, .at = LAN0, .pkt = { __VA_ARGS__ }, TO_WG(ISO) }
#define TOO_LATE(when, ...) { when, .at = LAN0, .pkt = { __VA_ARGS__ }, DROPPED(ISOLATED) }
#define AT_ONCE .age_s = 0

#define QUESTION UDP(FAR, ROW, ISO, 500), .len = 4
#define REPLY UDP(ISO_L, 500, FAR, ROW), .len = 4
#define PEER TCP(FAR, ROW, ISO, 500), .flags
#define END TCP(ISO_L, 500, FAR, ROW), .flags

/* More new flows than the table of half-open ones holds. */
static const struct flood questions = {
	.n = 100000, .at = WG, .pkt = { UDP(FAR2, 0, ISO, 999) }, .reason = WM_REASON_TO_LAN, .other = WM_REASON_ISOLATED,
};

/* More connections than one isolated end may have: 1024. Each takes its place with the ACK of the answer. */
#define CONNECTIONS 3000
#define CONNECTING(port, ...) \
	.n = CONNECTIONS, .at = WG, .pkt = { TCP(FAR2, 0, ISO2, port), .flags = SYN }, \
	.answer_at = LAN0, .answer = { TCP(ISO2_L, port, FAR2, 0), .flags = SYN | ACK }, \
	.reason = WM_REASON_TO_MESH, .other = WM_REASON_FLOW_FULL, __VA_ARGS__

static const struct flood connecting = { CONNECTING(999, .most = 0) };
static const struct flood connected = {
	.n = CONNECTIONS, .at = WG, .pkt = { TCP(FAR2, 0, ISO2, 999) }, .reason = WM_REASON_TO_LAN, .other = WM_REASON_FLOW_FULL,
};
static const struct flood others_refused = { CONNECTING(888, .least = CONNECTIONS - 200, .most = CONNECTIONS) };
static const struct flood others_connecting = { CONNECTING(888, .most = 0) };

/* What a scan finds shut, and questions with one answer each, take no places. */
static const struct flood scan = {
	.n = 1000, .at = WG, .pkt = { TCP(FAR2, 0, ISO, 601), .flags = SYN },
	.answer_at = LAN0, .answer = { TCP(ISO_L, 601, FAR2, 0), .flags = RST | ACK },
	.reason = WM_REASON_TO_MESH, .other = WM_REASON_FLOW_FULL,
};
static const struct flood names = {
	.n = 2000, .at = WG, .pkt = { UDP(FAR2, 0, ISO, 53) }, .answer_at = LAN0, .answer = { UDP(ISO_L, 53, FAR2, 0) },
	.reason = WM_REASON_TO_MESH, .other = WM_REASON_FLOW_FULL,
};

static const struct row rows[] = {
	{ "UDP: the first answer after 29 s", FAST | NFT, { ASK(QUESTION), ANSWER(AFTER(29), REPLY) } },
	{ "UDP: no first answer after 31 s", FAST | NFT, { ASK(QUESTION), TOO_LATE(AFTER(31), REPLY) } },
	{ "UDP, answered: 179 s after the last question", FAST,
	  { ASK(QUESTION), ANSWER(AT_ONCE, REPLY), ANSWER(AFTER(179), REPLY) } },
	{ "UDP, answered: not 181 s after the last question", FAST | NFT,
	  { ASK(QUESTION), ANSWER(AT_ONCE, REPLY), TOO_LATE(AFTER(181), REPLY) } },
	{ "UDP: answers do not prolong what they answer", FAST,
	  { ASK(QUESTION), ANSWER(AFTER(20), REPLY), ANSWER(AFTER(80), REPLY), ANSWER(AFTER(79), REPLY),
	    TOO_LATE(AFTER(2), REPLY) } },
	{ "UDP: questions do", FAST,
	  { ASK(QUESTION), ANSWER(AT_ONCE, REPLY),
	    { .age_s = 170, .at = WG, .pkt = { QUESTION }, TO_LAN(LAN0, ISO_L) }, ANSWER(AFTER(170), REPLY) } },
	{ "UDP: a question after the end begins anew", FAST | NFT,
	  { ASK(QUESTION), ANSWER(AT_ONCE, REPLY), TOO_LATE(AFTER(200), REPLY), ASK(QUESTION),
	    ANSWER(AFTER(29), REPLY) } },
	{ "ping: 29 s", FAST | NFT,
	  { ASK(ECHO_REQUEST(FAR, ISO, ROW)), ANSWER(AFTER(29), ECHO_REPLY(ISO_L, FAR, ROW)),
	    TOO_LATE(AFTER(2), ECHO_REPLY(ISO_L, FAR, ROW)) } },
	{ "ping: not 31 s", FAST | NFT, { ASK(ECHO_REQUEST(FAR, ISO, ROW)),
	    TOO_LATE(AFTER(31), ECHO_REPLY(ISO_L, FAR, ROW)) } },
	{ "TCP opening: 59 s", FAST | NFT, { ASK(PEER = SYN), ANSWER(AFTER(59), END = SYN | ACK) } },
	{ "TCP opening: not 61 s", FAST | NFT, { ASK(PEER = SYN), TOO_LATE(AFTER(61), END = SYN | ACK) } },
	{ "TCP answered, but the opener says no more: not 61 s", FAST | NFT,
	  { ASK(PEER = SYN), ANSWER(AT_ONCE, END = SYN | ACK), TOO_LATE(AFTER(61), END = SYN | ACK) } },
	{ "TCP closed by the opener before it was established: not 61 s", FAST | NFT,
	  { ASK(PEER = SYN), ANSWER(AT_ONCE, END = SYN | ACK), ASK(PEER = FIN | ACK), ASK(PEER = ACK), TOO_LATE(AFTER(61), END = ACK) } },
	{ "TCP: an old answer does not establish what begins anew", FAST | NFT,
	  { ASK(PEER = SYN), ANSWER(AT_ONCE, END = SYN | ACK), ASK(PEER = FIN | ACK), ANSWER(AT_ONCE, END = FIN | ACK),
	    ASK(PEER = SYN), ASK(PEER = ACK), TOO_LATE(AFTER(61), END = ACK) } },
	{ "TCP: what ends with its first answer lives 10 s from then", FAST | NFT,
	  { ASK(PEER = SYN), ANSWER(AFTER(44), END = RST | ACK), ANSWER(AFTER(9), END = ACK), TOO_LATE(AFTER(2), END = ACK) } },
	{ "TCP established: 7199 s", FAST | NFT,
	  { ASK(PEER = SYN), ANSWER(AT_ONCE, END = SYN | ACK), ASK(PEER = ACK), ANSWER(AFTER(7199), END = ACK) } },
	{ "TCP established: not 7201 s", FAST | NFT,
	  { ASK(PEER = SYN), ANSWER(AT_ONCE, END = SYN | ACK), ASK(PEER = ACK), TOO_LATE(AFTER(7201), END = ACK) } },
	{ "TCP after both FIN: 9 s, not 11 s", FAST | NFT,
	  { ASK(PEER = SYN), ANSWER(AT_ONCE, END = SYN | ACK), ASK(PEER = FIN | ACK), ANSWER(AT_ONCE, END = FIN | ACK),
	    ANSWER(AFTER(9), END = FIN | ACK), TOO_LATE(AFTER(2), END = FIN | ACK) } },
	{ "TCP after both FIN: nobody prolongs that", FAST | NFT,
	  { ASK(PEER = SYN), ANSWER(AT_ONCE, END = SYN | ACK), ASK(PEER = FIN | ACK), ANSWER(AT_ONCE, END = FIN | ACK),
	    { .age_s = 9, .at = WG, .pkt = { PEER = ACK }, TO_LAN(LAN0, ISO_L) },
	    TOO_LATE(AFTER(2), END = FIN | ACK) } },
	{ "TCP after the host's RST: not 11 s", FAST | NFT,
	  { ASK(PEER = SYN), ANSWER(AT_ONCE, END = SYN | ACK), ASK(PEER = ACK), ANSWER(AT_ONCE, END = RST),
	    TOO_LATE(AFTER(11), END = ACK) } },
	{ "TCP after the opener's RST: not 11 s", FAST | NFT,
	  { ASK(PEER = SYN), ANSWER(AT_ONCE, END = SYN | ACK), ASK(PEER = ACK), ASK(PEER = RST),
	    TOO_LATE(AFTER(11), END = ACK) } },
	{ "TCP after the opener's RST, not answered before: 9 s, not 11 s", FAST | NFT,
	  { ASK(PEER = SYN), ASK(PEER = RST), ANSWER(AFTER(9), END = SYN | ACK), TOO_LATE(AFTER(2), END = ACK) } },
	{ "TCP after one FIN: 59 s", FAST | NFT,
	  { ASK(PEER = SYN), ANSWER(AT_ONCE, END = SYN | ACK), ASK(PEER = FIN | ACK), ANSWER(AFTER(59), END = ACK),
	    TOO_LATE(AFTER(2), END = ACK) } },
	{ "TCP after the host's FIN alone: not 61 s", FAST | NFT,
	  { ASK(PEER = SYN), ANSWER(AT_ONCE, END = SYN | ACK), ASK(PEER = ACK), ANSWER(AT_ONCE, END = FIN | ACK),
	    TOO_LATE(AFTER(61), END = ACK) } },
	{ "TCP: a connection that ended is opened again by its peer", FAST | NFT,
	  { ASK(PEER = SYN), ANSWER(AT_ONCE, END = SYN | ACK), ASK(PEER = FIN | ACK), ANSWER(AT_ONCE, END = FIN | ACK),
	    ASK(PEER = SYN), ANSWER(AFTER(59), END = SYN | ACK), ASK(PEER = ACK), ANSWER(AFTER(100), END = ACK) } },
	{ "later fragments of an answer: 29 s, not 31 s after the first", FAST | NFT,
	  { ASK(UDP(FAR, ROW, ISO, 501)),
	    ANSWER(AT_ONCE, UDP(ISO_L, 501, FAR, ROW), .len = 600, .id = 0x7000, SLICE(0, 400)),
	    ANSWER(AFTER(29), UDP(ISO_L, 501, FAR, ROW), .len = 600, .id = 0x7000, SLICE(400, 400)),
	    TOO_LATE(AFTER(2), UDP(ISO_L, 501, FAR, ROW), .len = 600, .id = 0x7000, SLICE(400, 400)) } },
	/* Last, because a full table takes long to be made older. */
	{ "neither a scan nor a server's short answers use up places", FAST | NFT,
	  { { .flood = &scan }, { .flood = &names }, ASK(PEER = SYN), ANSWER(AT_ONCE, END = SYN | ACK), ASK(PEER = ACK) } },
	{ "more connections than one end may have: the first live, others are refused, and once it is over there is room", FAST,
	  { { .at = WG, .pkt = { TCP(FAR, ROW, ISO2, 500), .flags = SYN }, TO_LAN(LAN0, ISO2_L) },
	    { .at = LAN0, .pkt = { TCP(ISO2_L, 500, FAR, ROW), .flags = SYN | ACK }, TO_WG(ISO2) },
	    { .at = WG, .pkt = { TCP(FAR, ROW, ISO2, 500) }, TO_LAN(LAN0, ISO2_L) },
	    { .flood = &connecting }, { .flood = &connected }, { .flood = &others_refused },
	    { .at = LAN0, .pkt = { TCP(ISO2_L, 500, FAR, ROW) }, TO_WG(ISO2) },
	    /* to refuse a connection itself needs no place */
	    { .at = WG, .pkt = { TCP(FAR, ROW, ISO2, 501), .flags = SYN }, TO_LAN(LAN0, ISO2_L) },
	    { .at = LAN0, .pkt = { TCP(ISO2_L, 501, FAR, ROW), .flags = RST | ACK }, TO_WG(ISO2) },
	    /* another end has its own share */
	    ASK(PEER = SYN), ANSWER(AT_ONCE, END = SYN | ACK),
	    { .age_s = 7201, .flood = &others_connecting } } },
	{ "a flood of questions: what was answered and asked on lives, the unanswered is lost", FAST,
	  { ASK(QUESTION), ANSWER(AT_ONCE, REPLY), ASK(QUESTION), ASK(UDP(FAR, ROW, ISO, 502)), { .flood = &questions },
	    ANSWER(AT_ONCE, REPLY), TOO_LATE(AT_ONCE, UDP(ISO_L, 502, FAR, ROW)) } },
};

const struct group group_flows = { "life of a flow", SPOKE, rows, WM_ARRAY_LEN(rows) };
