/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * More of the hub: devices towards each other, hosts and sites, and what a
 * tunnel may bring that no router should pass on. And two meshes, more.
 */
#include "packets/shapes.h"

#define BLOCKED(...) { .at = WG, .pkt = { __VA_ARGS__ }, DROPPED(ISOLATED), .end = { IDEV, .drops = 1 } }
#define RELAY(...) { .at = WG, .pkt = { __VA_ARGS__ }, RELAYED }
#define EXPIRED(place, from) .out = { { .at = (place), .error = 11, .src = (from) } }

#define CUT_TO_ROAM(counted) \
	{ { .at = LOCAL, .pkt = { UDP(GW, 53, ROAM, 5000), .len = 1392, .id = 78 }, \
	    .out = { { .at = WG, .ttl = SAME_TTL, .frag_len = 1256 }, \
		     { .at = WG, .ttl = SAME_TTL, .frag_at = 1256, .frag_len = 144 } }, \
	    .count = { { WM_REASON_LOCAL, (counted) } } } }

static const struct row rows[] = {
	{ "a device to itself", 0, { RELAY(UDP(ROAM, 5000, ROAM, 80), .len = 4) } },
	{ "a site to itself", 0, { RELAY(UDP(FAR, 5000, FAR, 80), .len = 4) } },
	{ "an ICMP redirect from a site, for another and for a device", 0,
	  { { .at = WG, .pkt = { ICMP_ERROR(FAR, FAR2, 5, 1, ABOUT(UDP(FAR2, 53, FAR, 5000))) }, DROPPED(REDIRECT) },
	    { .at = WG, .pkt = { ICMP_ERROR(FAR, ROAM, 5, 0, ABOUT(UDP(ROAM, 53, FAR, 5000))) }, DROPPED(REDIRECT) } } },
	{ "an ICMP redirect from a site, for a host", 0,
	  { { .at = WG, .pkt = { ICMP_ERROR(FAR, ANN, 5, 1, ABOUT(UDP(ANN, 53, FAR, 5000))) },
	      .out = { { .at = LAN0, .dst = ANN_L, .qsrc = ANN_L } }, COUNTED(TO_LAN) } } },
	{ "a site's source route through the hub", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, FAR2, 53), .nopt = 8, .opt = { 131, 7, 4, 172, 30, 2, 1, 0 } },
	      DROPPED(INVALID) } } },
	{ "a device's packet whose last hop is the hub", 0,
	  { { .at = WG, .pkt = { UDP(ROAM, 5000, ANN, 53), .ttl = 1 }, EXPIRED(WG, GW), .count = { { WM_REASON_LOCAL, 2 } } },
	    { .at = WG, .pkt = { UDP(ROAM, 5000, FAR, 53), .ttl = 1 }, EXPIRED(WG, GW), .count = { { WM_REASON_LOCAL, 2 } } } } },
	{ "a host's packet for a device whose last hop is the hub", 0,
	  { { .at = LAN0, .pkt = { UDP(ANN_L, 5000, ROAM, 53), .ttl = 1 }, EXPIRED(LAN0, GW0), COUNTED(LOCAL) } } },
	{ "an isolated device's answer whose last hop is the hub", 0,
	  { RELAY(UDP(FAR, ROW, IDEV, 90)),
	    { .at = WG, .pkt = { UDP(IDEV, 90, FAR, ROW), .ttl = 1 }, EXPIRED(WG, GW), .count = { { WM_REASON_LOCAL, 2 } } } } },
	{ "an isolated device asks the hub over TCP", 0,
	  { { .at = WG, .pkt = { TCP(IDEV, 2222, GW, 53), .flags = SYN, .seq = 5 },
	      .out = { { .at = LOCAL, .ttl = SAME_TTL },
		       { .at = WG, .pkt = ABOUT(TCP(GW, 53, IDEV, 2222), .flags = RST | ACK, .ack = 6, .window = NO_WINDOW, .df = true),
			 .any_id = true } }, .count = { { WM_REASON_LOCAL, 2 } } } } },
	{ "an isolated device's ICMP error that quotes too little, or no port", 0,
	  { RELAY(UDP(FAR, ROW, IDEV, 91)),
	    { .at = WG, .pkt = { ICMP_ERROR(IDEV, FAR, 3, 3, ABOUT(UDP(FAR, ROW, IDEV, 91))), .quote_len = 19 }, DROPPED(INVALID) },
	    BLOCKED(ICMP_ERROR(IDEV, FAR, 3, 3, ABOUT(UDP(FAR, ROW, IDEV, 91))), .quote_len = 24) } },
	{ "an isolated device is asked by a host, which then gets its ICMP error", 0,
	  { { .at = LAN0, .pkt = { UDP(ANN_L, ROW, IDEV, 92) }, TO_WG(ANN) },
	    { .at = WG, .pkt = { ICMP_ERROR(IDEV, ANN, 3, 3, ABOUT(UDP(ANN, ROW, IDEV, 92))) },
	      .out = { { .at = LAN0, .dst = ANN_L, .qsrc = ANN_L } }, COUNTED(TO_LAN) } } },
	{ "an isolated host is asked by a device, and answers", 0,
	  { { .at = WG, .pkt = { TCP(ROAM, ROW, ISO, 22), .flags = SYN }, TO_LAN(LAN0, ISO_L) },
	    { .at = LAN0, .pkt = { TCP(ISO_L, 22, ROAM, ROW), .flags = SYN | ACK }, TO_WG(ISO) },
	    { .at = LAN0, .pkt = { TCP(ISO_L, 23, ROAM, ROW), .flags = SYN | ACK }, DROPPED(ISOLATED) } } },
	{ "an isolated device's ping, its answers, other ICMP", 0,
	  { BLOCKED(ECHO_REQUEST(IDEV, FAR, ROW)), RELAY(ECHO_REQUEST(FAR, IDEV, ROW), .len = 8),
	    RELAY(ECHO_REPLY(IDEV, FAR, ROW), .len = 8), BLOCKED(PORTED(IPPROTO_ICMP, IDEV, ROW, FAR, 1), .type = 14, .len = 12) } },
	{ "a device's packet for an unregistered LAN address, for the hub's", 0,
	  { { .at = WG, .pkt = { TCP(ROAM, 5000, STRANGER_L, 80), .flags = SYN }, DROPPED(NO_HOST) },
	    { .at = WG, .pkt = { TCP(ROAM, 5000, GW1, 22), .flags = SYN }, DROPPED(NO_HOST) } } },
	{ "a device that lies: lengths, IPv6, no whole header", 0,
	  { { .at = WG, .pkt = { UDP(ROAM, 5000, FAR, 53), .len = 10, .tot_len = 7 }, DROPPED(INVALID) },
	    { .at = WG, .pkt = { UDP(ROAM, 5000, FAR, 53), .len = 40, .version = 6 }, DROPPED(INVALID) } } },
	/* Devices share a route with hosts, of whom some are on a LAN of 1280 bytes; probes are not bound by that. */
	{ "the hub's own packet to a device, as big as the site and as big as the tunnel takes, and to nobody", 0,
	  { { .at = LOCAL, .pkt = { UDP(GW, 53, ROAM, 5000), .len = 1252, .df = true }, .out = { { .at = WG, .ttl = SAME_TTL } },
	      COUNTED(LOCAL) },
	    { .at = LOCAL, .pkt = { UDP(GW, 53, ROAM, 5000), .len = 1392, .df = true, .probing = true },
	      .out = { { .at = WG, .ttl = SAME_TTL } }, COUNTED(LOCAL) },
	    { .at = LOCAL, .pkt = { UDP(GW, 53, NOBODY, 5000), .len = 1252 }, DROPPED(NO_HOST) } } },
	{ "the hub's own packet to a device, bigger than the site takes", BPF, CUT_TO_ROAM(2) },
	{ "the hub's own packet to a device, bigger than the site takes, counted before it is cut", NFT, CUT_TO_ROAM(1) },
	{ "an MSS between a device and a host", 0,
	  { { .at = WG, .pkt = { TCP(ROAM, 5000, ANN, 80), .flags = SYN, .ntcpopt = 4, .tcpopt = { 2, 4, 1460 >> 8, 1460 & 0xff } },
	      .out = { { .at = LAN0, .dst = ANN_L, .mss = 1380, .mss_at = 2 } }, COUNTED(TO_LAN) },
	    { .at = LAN0, .pkt = { TCP(ANN_L, 80, ROAM, 5000), .flags = SYN | ACK, .ntcpopt = 4, .tcpopt = { 2, 4, 1460 >> 8, 1460 & 0xff } },
	      .out = { { .at = WG, .src = ANN, .mss = 1380, .mss_at = 2 } }, COUNTED(TO_MESH) } } },
};

/* The first mesh is 172.30.0.0/16 behind wg, the second 10.50.0.0/16 behind wg2. */
#define COUNTED_THERE(reason) .count = { { OTHER_MESH | WM_REASON_##reason, 1 } }

static const struct row pair_rows[] = {
	{ "the gateway of the second mesh says something to it", 0,
	  { { .at = LOCAL, .pkt = { UDP(GWX, 53, FARX, 5000), .len = 8 }, .out = { { .at = WG2, .ttl = SAME_TTL } }, COUNTED_THERE(LOCAL) },
	    { .at = LOCAL, .pkt = { UDP(GW, 53, FARX, 5000), .len = 8 }, COUNTED_THERE(UNTRANSLATED) } } },
	{ "the last hop ends here, in the second mesh", 0,
	  { { .at = WG2, .pkt = { UDP(FARX, 5000, ANNX, 53), .ttl = 1 }, .out = { { .at = WG2, .error = 11, .src = GWX } },
	      .count = { { OTHER_MESH | WM_REASON_LOCAL, 2 } } } } },
	{ "a LAN router's error about a packet of the second mesh", 0,
	  { { .at = LAN0, .pkt = { ICMP_ERROR(ROUTER_L, FARX, 11, 0, ABOUT(UDP(FARX, 5000, ANN_L, 80), .ttl = 1)) },
	      .out = { { .at = WG2, .src = GWX, .qdst = ANNX } }, COUNTED_THERE(ROUTER_ERROR) } } },
	{ "an ICMP error of a host, in the second mesh", 0,
	  { { .at = LAN0, .pkt = { ICMP_ERROR(ANN_L, FARX, 3, 3, ABOUT(UDP(FARX, 5000, ANN_L, 53))) },
	      .out = { { .at = WG2, .src = ANNX, .qdst = ANNX } }, COUNTED_THERE(TO_MESH) } } },
	{ "IP options through the stack, in both meshes", 0,
	  { { .at = LAN0, .pkt = { UDP(ANN_L, 53, FARX, 5000), .nopt = 4, .opt = { 1, 1, 1, 0 } },
	      .out = { { .at = WG2, .src = ANNX } }, COUNTED_THERE(TO_MESH) },
	    { .at = WG2, .pkt = { UDP(FARX, 53, ANNX, 5000), .nopt = 4, .opt = { 1, 1, 1, 0 } },
	      .out = { { .at = LAN0, .dst = ANN_L } }, COUNTED_THERE(TO_LAN) } } },
	{ "a container towards the second mesh", 0,
	  { { .at = BOX, .pkt = { UDP(ANN_L, 5000, FARX, 53) }, COUNTED_THERE(UNTRANSLATED) } } },
	{ "priority tags, for the second mesh", 0,
	  { { .at = LAN0, .pkt = { UDP(ONLYX_L, 80, FARX, 5000), .vlan = 0x6000 }, .out = { { .at = WG2, .src = ONLYX } },
	      COUNTED_THERE(TO_MESH) } } },
	{ "an isolated host of the first mesh, towards the second", 0,
	  { { .at = LAN0, .pkt = { UDP(ISO_L, 5000, FARX, 53) }, COUNTED_THERE(UNREGISTERED) },
	    { .at = WG2, .pkt = { UDP(FARX, 5000, GWX, 53) }, .out = { { .at = LOCAL, .ttl = SAME_TTL } }, COUNTED_THERE(LOCAL) } } },
};

const struct group group_devices = { "devices, more", HUB, rows, WM_ARRAY_LEN(rows) };
const struct group group_pair_more = { "two meshes, more", PAIR, pair_rows, WM_ARRAY_LEN(pair_rows) };
