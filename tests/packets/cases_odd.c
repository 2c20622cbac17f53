/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Packets that few senders make: lengths, tags, options and offloads at the
 * edges of what the data plane reads.
 */
#include "packets/shapes.h"

/* Ports with which a checksum comes to 0: quoted UDP and UDP-Lite with 18 bytes, with ANN's overlay or LAN address. */
#define ZERO_UDP_ANN 47412
#define ZERO_UDP_ANN_L 42410
#define ZERO_LITE_ANN 47319
#define ZERO_LITE_ANN_L 42317
#define PRIORITY 0x6000
#define NOP4 1, 1, 1, 1
#define NOP32 NOP4, NOP4, NOP4, NOP4, NOP4, NOP4, NOP4, NOP4
#define NOP36 NOP32, NOP4
#define OPENS(...) { TCP(FAR, 5000, ANN, 80), .flags = SYN, __VA_ARGS__ }

static const struct row rows[] = {
	{ "IP options that go on to the end of the header", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .nopt = 4, .opt = { NOP4 } }, TO_LAN(LAN0, ANN_L) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 53, FAR, 5000), .nopt = 4, .opt = { NOP4 } }, TO_WG(ANN) } } },
	{ "forty IP options that do nothing", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .nopt = 40, .opt = { NOP36, NOP4 } }, TO_LAN(LAN0, ANN_L) },
	    { .at = LAN0, .pkt = { TCP(ANN_L, 80, FAR, 5000), .nopt = 40, .opt = { NOP36, NOP4 } }, TO_WG(ANN) } } },
	{ "a source route behind 32 options that do nothing", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .nopt = 40, .opt = { NOP32, 131, 7, 4, 192, 168, 1, 77, 0 } }, DROPPED(INVALID) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 53, FAR, 5000), .nopt = 40, .opt = { NOP32, 137, 7, 4, 172, 30, 3, 9, 0 } },
	      DROPPED(INVALID) } } },
	{ "an IP option longer than what is left of the header", BPF,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, GW, 53), .nopt = 8, .opt = { 1, 1, 1, 1, 1, 1, 1, 7 } }, DROPPED(INVALID) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 53, FAR, 5000), .nopt = 4, .opt = { 7, 1, 4, 0 } }, DROPPED(INVALID) } } },
	{ "a total length of 0", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .len = 10, .tot_len = -38 }, DROPPED(INVALID) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 53, FAR, 5000), .len = 10, .tot_len = -38 }, DROPPED(INVALID) } } },
	{ "many segments in one, with a total length of 0: too long for the field", FAST,
	  { { .at = WG, .pkt = { TCP(FAR, 40000, ANN, 80), .len = 4000, .gso = 1000, .sum = SUM_PARTIAL, .tot_len = -4040 },
	      .out = { { .at = LAN0, .dst = ANN_L } }, .segments = 4, .count = { { WM_REASON_TO_LAN, 4 } } } } },
	{ "many segments in one that lie about their length", 0,
	  { { .at = WG, .pkt = { TCP(FAR, 40000, ANN, 80), .len = 4000, .gso = 1000, .sum = SUM_PARTIAL, .tot_len = -4021 },
	      DROPPED(INVALID) } } },
	{ "two fragments of a datagram in one", FAST,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .len = 2712, .gso = 1360, .sum = SUM_PARTIAL },
	      .out = { { .at = LAN0, .dst = ANN_L, .frag_len = 1360 },
		       { .at = LAN0, .dst = ANN_L, .frag_at = 1360, .frag_len = 1360 } },
	      .count = { { WM_REASON_TO_LAN, 2 } } } } },
	{ "UDP-Lite without a checksum gets none", BPF,
	  { { .at = LAN0, .pkt = { UDPLITE(ANN_L, 53, FAR, 5000), .sum = SUM_NONE, .len = 18 }, TO_WG(ANN) } } },
	{ "three priority tags", BPF,
	  { { .at = LAN0, .pkt = { UDP(ANN_L, 53, FAR, 5000), .vlan = PRIORITY, .vlan2 = PRIORITY, .vlan3 = PRIORITY },
	      DROPPED(INVALID) } } },
	{ "four priority tags, whatever is within", BPF,
	  { { .at = LAN0, .pkt = { .src = STRANGER_L, .ethertype = 0x86dd, .len = 60, .vlan = PRIORITY, .vlan2 = PRIORITY,
				   .vlan3 = PRIORITY, .vlan4 = PRIORITY }, DROPPED(INVALID) } } },
	{ "a host whose frames come from a group of machines is not answered there", 0,
	  { { .at = LAN0, .pkt = { UDP(ANN_L, 53, FAR, 5000), .from_group = true }, TO_WG(ANN) },
	    { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53) }, TO_LAN(LAN0, ANN_L) } } },
	{ "a VLAN inside two priority tags", 0,
	  { { .at = LAN0, .pkt = { UDP(ISO_L, 5000, FAR, 53), .vlan = 5, .vlan2 = PRIORITY, .vlan3 = PRIORITY },
	      UNTOUCHED } } },
	{ "forty TCP options that do nothing", 0,
	  { { .at = WG, .pkt = OPENS(.ntcpopt = 40, .tcpopt = { NOP36, NOP4 }), TO_LAN(LAN0, ANN_L) } } },
	{ "an MSS behind 36 TCP options that do nothing", BPF,
	  { { .at = WG, .pkt = OPENS(.ntcpopt = 40, .tcpopt = { NOP36, 2, 4, 1460 >> 8, 1460 & 0xff }),
	      .out = { { .at = LAN0, .dst = ANN_L, .mss = 1380, .mss_at = 38 } }, COUNTED(TO_LAN) } } },
	{ "a TCP header that says to be longer than the packet", 0,
	  { { .at = WG, .pkt = OPENS(.ntcpopt = 12, .tcpopt = { 2, 4, 5, 180 }, .cut = 44, .tot_len = -8),
	      TO_LAN(LAN0, ANN_L) } } },
	{ "a UDP-Lite checksum that becomes 0 is sent as 0xffff", 0,
	  { { .at = WG, .pkt = { UDPLITE(FAR, ZERO_LITE_ANN_L, ANN, 53), .len = 18 }, TO_LAN(LAN0, ANN_L) },
	    { .at = LAN0, .pkt = { UDPLITE(ANN_L, 53, FAR, ZERO_LITE_ANN), .len = 18 }, TO_WG(ANN) } } },
	{ "a quoted UDP or UDP-Lite checksum that becomes 0 is 0xffff", 0,
	  { { .at = LAN0, .pkt = { ICMP_ERROR(ANN_L, FAR, 3, 3, ABOUT(UDP(FAR, ZERO_UDP_ANN, ANN_L, 53), .len = 18)) },
	      .out = { { .at = WG, .src = ANN, .qdst = ANN } }, COUNTED(TO_MESH) },
	    { .at = WG, .pkt = { ICMP_ERROR(FAR, ANN, 3, 3, ABOUT(UDP(ANN, 53, FAR, ZERO_UDP_ANN_L), .len = 18)) },
	      .out = { { .at = LAN0, .dst = ANN_L, .qsrc = ANN_L } }, COUNTED(TO_LAN) },
	    { .at = LAN0, .pkt = { ICMP_ERROR(ANN_L, FAR, 3, 3, ABOUT(UDPLITE(FAR, ZERO_LITE_ANN, ANN_L, 53), .len = 18)) },
	      .out = { { .at = WG, .src = ANN, .qdst = ANN } }, COUNTED(TO_MESH) } } },
	{ "source quench, both ways", 0,
	  { { .at = WG, .pkt = { ICMP_ERROR(FAR, ANN, 4, 0, ABOUT(UDP(ANN, 53, FAR, 5000))) },
	      .out = { { .at = LAN0, .dst = ANN_L, .qsrc = ANN_L } }, COUNTED(TO_LAN) },
	    { .at = LAN0, .pkt = { ICMP_ERROR(ANN_L, FAR, 4, 0, ABOUT(UDP(FAR, 5000, ANN_L, 53))) },
	      .out = { { .at = WG, .src = ANN, .qdst = ANN } }, COUNTED(TO_MESH) } } },
	{ "the gateway's own packet that is too big for a LAN", BPF,
	  { { .at = LOCAL, .pkt = { UDP(GW, 53, CARL, 5000), .len = 1300, .id = 77 },
	      .out = { { .at = LAN1, .dst = CARL_L, .ttl = SAME_TTL, .frag_at = 0, .frag_len = 1256 },
		       { .at = LAN1, .dst = CARL_L, .ttl = SAME_TTL, .frag_at = 1256, .frag_len = 52 } },
	      .count = { { WM_REASON_TO_LAN, 2 } } } } },
	/* Its socket has not asked for the path's MTU; at the tunnel's mouth nobody can answer any more. */
	{ "the gateway's own probe that is too big for a LAN", BPF,
	  { { .at = LOCAL, .pkt = { UDP(GW, 53, CARL, 5000), .len = 1300, .df = true, .probing = true }, DROPPED(NO_NEIGHBOUR) },
	    { .at = LOCAL, .pkt = { UDP(GW, ROW, ISO1, 5000), .len = 1300, .df = true, .probing = true }, DROPPED(NO_NEIGHBOUR) },
	    { .at = LAN1, .pkt = { UDP(ISO1_L, 5000, GW, ROW) }, DROPPED(ISOLATED) } } },
	{ "the gateway's own packet of a protocol that isolated ends do not speak", 0,
	  { { .at = LOCAL, .pkt = { .proto = IPPROTO_GRE, FROM_TO(GW, ISO), .len = 40 }, DROPPED(ISOLATED),
	      .end = { ISO, .drops = 1 } } } },
	{ "a host's packet of a protocol that isolated hosts do not speak", 0,
	  { { .at = LAN0, .pkt = { .proto = IPPROTO_GRE, FROM_TO(ANN_L, ISO), .len = 40 }, DROPPED(ISOLATED),
	      .end = { ISO, .drops = 1 } } } },
	{ "a LAN router's error to the gateway itself whose last hop this is", 0,
	  { { .at = LAN0,
	      .pkt = { ICMP_ERROR(ROUTER_L, GW, 11, 0, ABOUT(UDP(GW, 5000, ANN_L, 80))), .ttl = 1 },
	      .out = { { .at = LOCAL, .qdst = ANN, .ttl = SAME_TTL } }, COUNTED(ROUTER_ERROR) } } },
	{ "a container with the gateway's own overlay address", 0,
	  { { .at = BOX, .pkt = { UDP(GW, 5000, FAR, 53), .len = 10 }, DROPPED(UNTRANSLATED) } } },
};

static const struct row hub_rows[] = {
	{ "as big as the next tunnel takes", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, FAR2, 53), .len = 1420 - 28, .df = true }, RELAYED } } },
	{ "too big for the next tunnel, not to be fragmented", BPF,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, FAR2, 53), .len = 1421 - 28, .df = true },
	      .out = { { .at = WG, .error = 3, .code = 4, .rest = WG_MTU, .src = GW } }, .count = { { WM_REASON_LOCAL, 2 } } } } },
	{ "too big for the next tunnel, fragmented by the stack", BPF,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, FAR2, 53), .len = 1500 - 28 },
	      .out = { { .at = WG, .frag_len = 1400 }, { .at = WG, .frag_at = 1400, .frag_len = 1400 } },
	      .count = { { WM_REASON_RELAY, 2 } } } } },
	{ "the hub's own packet of a protocol that isolated devices do not speak", 0,
	  { { .at = LOCAL, .pkt = { .proto = IPPROTO_GRE, FROM_TO(GW, IDEV), .len = 40 }, DROPPED(ISOLATED),
	      .end = { IDEV, .drops = 1 } } } },
	{ "a protocol that isolated devices do not speak, from a site and from a host", 0,
	  { { .at = WG, .pkt = { .proto = IPPROTO_GRE, FROM_TO(FAR, IDEV), .len = 40 }, DROPPED(ISOLATED),
	      .end = { IDEV, .drops = 1 } },
	    { .at = LAN0, .pkt = { .proto = IPPROTO_GRE, FROM_TO(ANN_L, IDEV), .len = 40 }, DROPPED(ISOLATED),
	      .end = { IDEV, .drops = 1 } } } },
};

const struct group group_odd = { "odd packets", SPOKE, rows, WM_ARRAY_LEN(rows) };
const struct group group_odd_hub = { "odd packets", HUB, hub_rows, WM_ARRAY_LEN(hub_rows) };
