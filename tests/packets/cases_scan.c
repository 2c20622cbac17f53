/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What scanners and tracers send: odd flags, every protocol, every TTL.
 */
#include "packets/shapes.h"

#define IN(...) { .at = WG, .pkt = { __VA_ARGS__ }, TO_LAN(LAN0, ANN_L) }
#define OUT(...) { .at = LAN0, .pkt = { __VA_ARGS__ }, TO_WG(ANN) }
#define PROBE(f) IN(TCP(FAR, 5000, ANN, 80), .flags = (f))
#define PROTOCOL(name, n, only) \
	{ "protocol " name ", to a host and from it", only, \
	  { IN(.proto = (n), FROM_TO(FAR, ANN), .len = 24), OUT(.proto = (n), FROM_TO(ANN_L, FAR), .len = 24) } }, \
	{ "protocol " name ", to an isolated host and from it", 0, \
	  { { .at = WG, .pkt = { .proto = (n), FROM_TO(FAR, ISO), .len = 24 }, DROPPED(ISOLATED), .end = { ISO, .drops = 1 } }, \
	    { .at = LAN0, .pkt = { .proto = (n), FROM_TO(ISO_L, FAR), .len = 24 }, DROPPED(ISOLATED), \
	      .end = { ISO, .drops = 1 } } } }
/* To an isolated host, which refuses. */
#define REFUSED(f) \
	{ { .at = WG, .pkt = { TCP(FAR, ROW, ISO, 700), .flags = (f) }, TO_LAN(LAN0, ISO_L) }, \
	  { .at = LAN0, .pkt = { TCP(ISO_L, 700, FAR, ROW), .flags = RST | ACK }, TO_WG(ISO) } }
/* The last hop is the gateway. */
#define EXPIRES_IN(...) \
	{ .at = WG, .pkt = { __VA_ARGS__ }, .out = { { .at = WG, .error = 11, .src = GW } }, .count = { { WM_REASON_LOCAL, 2 } } }
#define EXPIRES_OUT(...) \
	{ .at = LAN0, .pkt = { __VA_ARGS__ }, .out = { { .at = LAN0, .error = 11, .src = GW0 } }, COUNTED(LOCAL) }
/* A router somewhere in the mesh answers one of ANN's probes. */
#define HOP(t, c, n, ...) \
	{ .at = WG, .pkt = { ICMP_ERROR(FAR2, ANN, t, c, ABOUT(__VA_ARGS__)), .quote_len = (n) }, \
	  .out = { { .at = LAN0, .dst = ANN_L, .qsrc = ANN_L } }, COUNTED(TO_LAN) }

static const struct row rows[] = {
	{ "TCP without a flag", 0, { PROBE(NO_FLAGS) } },
	{ "TCP with FIN alone", 0, { PROBE(FIN) } },
	{ "TCP with FIN, PSH and URG", 0, { PROBE(FIN | PSH | URG) } },
	{ "TCP with SYN and FIN", 0, { PROBE(SYN | FIN) } },
	{ "TCP with SYN and RST", 0, { PROBE(SYN | RST) } },
	{ "TCP with every flag", 0, { PROBE(FIN | SYN | RST | PSH | ACK | URG) } },
	{ "TCP with RST alone", 0, { PROBE(RST) } },
	{ "TCP without a flag, to an isolated host", 0, REFUSED(NO_FLAGS) },
	{ "TCP with FIN alone, to an isolated host", 0, REFUSED(FIN) },
	{ "TCP with FIN, PSH and URG, to an isolated host", 0, REFUSED(FIN | PSH | URG) },
	{ "TCP with SYN and FIN, to an isolated host", 0, REFUSED(SYN | FIN) },
	{ "TCP with SYN and RST, to an isolated host: a reset opens nothing", 0,
	  { { .at = WG, .pkt = { TCP(FAR, ROW, ISO, 700), .flags = SYN | RST }, TO_LAN(LAN0, ISO_L) },
	    { .at = LAN0, .pkt = { TCP(ISO_L, 700, FAR, ROW), .flags = SYN | ACK }, DROPPED(ISOLATED) } } },
	PROTOCOL("IPIP", 4, 0), PROTOCOL("IPv6 in IP", 41, 0), PROTOCOL("AH", 51, 0), PROTOCOL("OSPF", 89, 0),
	PROTOCOL("VRRP", 112, 0), PROTOCOL("DCCP", 33, BPF), PROTOCOL("0", 0, 0), PROTOCOL("L2TP", 115, 0),
	{ "traceroute by UDP and TCP, from a host", 0,
	  { EXPIRES_OUT(UDP(ANN_L, 33434, FAR, 33434), .len = 12, .ttl = 1),
	    EXPIRES_OUT(TCP(ANN_L, 33434, FAR, 80), .ttl = 1, .flags = SYN) } },
	{ "traceroute by ping: its first hop is the gateway", 0,
	  { EXPIRES_IN(ECHO_REQUEST(FAR, ANN, 5), .len = 32, .ttl = 1), EXPIRES_OUT(ECHO_REQUEST(ANN_L, FAR, 5), .len = 32, .ttl = 1) } },
	{ "traceroute by TCP: its first hop is the gateway", 0,
	  { EXPIRES_IN(TCP(FAR, 5000, ANN, 80), .flags = SYN, .ttl = 1) } },
	{ "traceroute to an isolated host: its last hop but one is the gateway, and opens nothing", 0,
	  { EXPIRES_IN(UDP(FAR, ROW, ISO, 33434), .len = 12, .ttl = 1),
	    { .at = LAN0, .pkt = { UDP(ISO_L, 33434, FAR, ROW), .len = 12 }, DROPPED(ISOLATED) } } },
	{ "traceroute to an isolated host: it answers the last probe", 0,
	  { { .at = WG, .pkt = { UDP(FAR, ROW, ISO, 33435), .len = 12, .ttl = 2 }, TO_LAN(LAN0, ISO_L) },
	    { .at = LAN0, .pkt = { ICMP_ERROR(ISO_L, FAR, 3, 3, ABOUT(UDP(FAR, ROW, ISO_L, 33435), .len = 12, .ttl = 1)) },
	      .out = { { .at = WG, .src = ISO, .qdst = ISO } }, COUNTED(TO_MESH) } } },
	{ "an isolated host's traceroute", 0,
	  { { .at = LAN0, .pkt = { UDP(ISO_L, 33434, FAR, ROW), .len = 12, .ttl = 2 }, DROPPED(ISOLATED) },
	    { .at = LAN0, .pkt = { ECHO_REQUEST(ISO_L, FAR, ROW), .len = 12, .ttl = 1 }, DROPPED(ISOLATED) } } },
	{ "a hop answers a host's UDP probe with 8 bytes of it", 0, { HOP(11, 0, 28, UDP(ANN, 33434, FAR, 33436), .len = 12, .ttl = 1) } },
	{ "a hop answers a host's TCP probe with 8 bytes of it", 0, { HOP(11, 0, 28, TCP(ANN, 33434, FAR, 80), .flags = SYN, .ttl = 1) } },
	{ "a hop answers a host's ping with all of it", 0, { HOP(11, 0, 0, ECHO_REQUEST(ANN, FAR, 6), .len = 32, .ttl = 1) } },
	{ "a hop could not put a host's fragments together", 0,
	  { HOP(11, 1, 0, UDP(ANN, 53, FAR, 5000), .len = 2000, SLICE(0, 800)) } },
	{ "a hop answers that a host, a protocol, a way is not there, that it may not", 0,
	  { HOP(3, 1, 0, UDP(ANN, 53, FAR, 5000)), HOP(3, 2, 0, .proto = IPPROTO_SCTP, FROM_TO(ANN, FAR), .len = 16),
	    HOP(3, 0, 0, TCP(ANN, 53, FAR, 5000)), HOP(3, 13, 0, TCP(ANN, 53, FAR, 5001)) } },
	{ "tracepath: a hop says what is too big for it", 0,
	  { HOP(3, 4, 28, UDP(ANN, 33434, FAR, 44444), .len = 1372, .df = true) } },
	{ "ICMP that is neither an error nor a ping", 0,
	  { IN(PORTED(IPPROTO_ICMP, FAR, 1, ANN, 1), .type = 13, .len = 12),
	    OUT(PORTED(IPPROTO_ICMP, ANN_L, 1, FAR, 1), .type = 14, .len = 12),
	    IN(PORTED(IPPROTO_ICMP, FAR, 1, ANN, 1), .type = 255) } },
	{ "ICMP that is neither an error nor a ping, to an isolated host and from it", 0,
	  { { .at = WG, .pkt = { PORTED(IPPROTO_ICMP, FAR, ROW, ISO, 1), .type = 17, .len = 4 }, TO_LAN(LAN0, ISO_L) },
	    { .at = LAN0, .pkt = { PORTED(IPPROTO_ICMP, ISO_L, ROW, FAR, 1), .type = 18, .len = 4 }, DROPPED(ISOLATED) } } },
};

const struct group group_scan = { "scanned and traced", SPOKE, rows, WM_ARRAY_LEN(rows) };
