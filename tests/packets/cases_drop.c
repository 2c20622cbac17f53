/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What must not pass, and why: nothing comes out anywhere, one counter rises.
 */
#include "packets/shapes.h"

#define NETWORK IP(172, 30, 2, 0)
#define BROADCAST IP(172, 30, 2, 255)
#define MESH_NETWORK IP(172, 30, 0, 0)
#define MESH_BROADCAST IP(172, 30, 255, 255)
#define LOOPBACK IP(127, 0, 0, 1)
#define GROUP IP(224, 0, 0, 1)
#define EVERYBODY IP(255, 255, 255, 255)
#define PRIORITY 0x6000 /* tag of VLAN 0, 802.1p */

#define FROM_LAN(place, src) { .at = (place), .pkt = { UDP(src, 5000, FAR, 53), .len = 10 }, DROPPED(UNREGISTERED) }
#define SPOOFED(src) { .at = WG, .pkt = { UDP(src, 5000, ANN, 53), .len = 10 }, DROPPED(SPOOFED) }
#define NO_HOST(dst) { .at = WG, .pkt = { UDP(FAR, 5000, dst, 53), .len = 10 }, DROPPED(NO_HOST) }
#define LAN_NO_HOST(dst) { .at = LAN0, .pkt = { UDP(ANN_L, 5000, dst, 53), .len = 10 }, DROPPED(NO_HOST) }

static const struct row lan_rows[] = {
	{ "an unregistered machine, 50 packets", 0,
	  { { .at = LAN0, .pkt = { UDP(STRANGER_L, 5000, FAR, 53), .len = 10 }, .times = 50,
	      DROPPED(UNREGISTERED) } } },
	{ "an unregistered machine, to a host of its own site, to the gateway, to nobody", 0,
	  { { .at = LAN0, .pkt = { TCP(STRANGER_L, 5000, BOB, 22), .flags = SYN }, DROPPED(UNREGISTERED) },
	    { .at = LAN0, .pkt = { ECHO_REQUEST(STRANGER_L, GW, 1) }, DROPPED(UNREGISTERED) },
	    { .at = LAN0, .pkt = { UDP(STRANGER_L, 5000, GW, 53) }, DROPPED(UNREGISTERED) },
	    { .at = LAN0, .pkt = { UDP(STRANGER_L, 5000, NOBODY, 53) }, DROPPED(UNREGISTERED) } } },
	{ "an unregistered machine, other protocols, fragments, many segments in one", 0,
	  { { .at = LAN0, .pkt = { .proto = IPPROTO_GRE, FROM_TO(STRANGER_L, FAR), .len = 30 }, DROPPED(UNREGISTERED) },
	    { .at = LAN0, .pkt = { UDP(STRANGER_L, 5000, FAR, 53), .len = 100, SLICE(8, 64) }, DROPPED(UNREGISTERED) },
	    { .at = LAN0, .pkt = { TCP(STRANGER_L, 5000, FAR, 53), .len = 5000, .gso = 1000, .sum = SUM_PARTIAL },
	      .count = { { WM_REASON_UNREGISTERED, 5 } } } } },
	/* The stack takes a tag of VLAN 0 off and the packet as if it had come without, however many there are. */
	{ "an unregistered machine and an isolated host with a priority tag, with two", 0,
	  { { .at = LAN0, .pkt = { UDP(STRANGER_L, 5000, GW, 53), .vlan = PRIORITY }, DROPPED(UNREGISTERED) },
	    { .at = LAN0, .pkt = { UDP(STRANGER_L, 5000, FAR, 53), .vlan = PRIORITY }, DROPPED(UNREGISTERED) },
	    { .at = LAN0, .pkt = { UDP(ISO_L, 5000, FAR, ROW), .vlan = PRIORITY }, DROPPED(ISOLATED) },
	    { .at = LAN0, .pkt = { UDP(ISO_L, 5000, BOB, ROW), .vlan = PRIORITY }, DROPPED(ISOLATED) },
	    { .at = LAN0, .pkt = { UDP(ISO_L, 5000, GW, 7777), .vlan = PRIORITY }, DROPPED(ISOLATED) },
	    { .at = LAN0, .pkt = { UDP(ISO_L, 5000, FAR, ROW), .vlan = PRIORITY, .vlan2 = PRIORITY },
	      DROPPED(ISOLATED) },
	    { .at = LAN0, .pkt = { UDP(BOUND_L, 5000, FAR, 53), .from_mac_of = STRANGER_L, .vlan = PRIORITY },
	      DROPPED(UNREGISTERED) } } },
	/* IP delivers such a packet, though it never forwards one. */
	{ "a frame for everybody with a packet for the gateway", 0,
	  { { .at = LAN0, .pkt = { UDP(STRANGER_L, 5000, GW, 53), .len = 10, .group_mac = true }, DROPPED(INVALID) },
	    { .at = LAN0, .pkt = { ECHO_REQUEST(ISO_L, GW, 1), .group_mac = true }, DROPPED(INVALID) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 5000, GW, 7777), .group_mac = true, .vlan = PRIORITY },
	      DROPPED(INVALID) } } },
	{ "a registered host's address on another LAN", 0,
	  { FROM_LAN(LAN1, ANN_L), FROM_LAN(LAN0, CARL_L), FROM_LAN(LAN2, BOB_L) } },
	{ "a LAN packet with an overlay address as its source", 0, { FROM_LAN(LAN0, ANN), FROM_LAN(LAN0, FAR) } },
	{ "a LAN packet with an address of the gateway as its source", 0,
	  { FROM_LAN(LAN0, GW), FROM_LAN(LAN0, GW0), FROM_LAN(LAN0, GW1) } },
	{ "a LAN packet from nowhere", 0,
	  { FROM_LAN(LAN0, 0), FROM_LAN(LAN0, LOOPBACK), FROM_LAN(LAN0, EVERYBODY), FROM_LAN(LAN0, OUTSIDE) } },
	{ "a registered host with another MAC than its own", 0,
	  { { .at = LAN0, .pkt = { UDP(BOUND_L, 53, FAR, 40000), .from_mac_of = STRANGER_L }, DROPPED(UNREGISTERED),
	      .end = { BOUND, .drops = 1 } },
	    { .at = LAN0, .pkt = { UDP(BOUND_L, 53, GW, 53), .from_mac_of = ANN_L }, DROPPED(UNREGISTERED),
	      .end = { BOUND, .drops = 1 } },
	    /* and where it is has not been learnt from that */
	    { .at = WG, .pkt = { UDP(FAR, 40000, BOUND, 53) }, TO_LAN(LAN0, BOUND_L) } } },
	{ "a registered host with the MAC of a listed router", 0,
	  { { .at = LAN0, .pkt = { UDP(BOUND_L, 53, FAR, 40000), .from_mac_of = LISTED_L }, TO_WG(BOUND),
	      .end = { BOUND, .from = 1 } },
	    /* a listed router is a router, not a host */
	    { .at = LAN0, .pkt = { UDP(LISTED_L, 53, FAR, 40000) }, DROPPED(UNREGISTERED) },
	    /* and packets for the host still go to itself */
	    { .at = WG, .pkt = { UDP(FAR, 40000, BOUND, 53) }, TO_LAN(LAN0, BOUND_L) } } },
	{ "to an overlay address that nobody has", 0, { LAN_NO_HOST(NOBODY) } },
	{ "to the network and broadcast addresses of the site and of the mesh", 0,
	  { LAN_NO_HOST(NETWORK), LAN_NO_HOST(BROADCAST), LAN_NO_HOST(MESH_NETWORK), LAN_NO_HOST(MESH_BROADCAST) } },
	{ "a LAN packet that lies about its length", 0,
	  { { .at = LAN0, .pkt = { UDP(ANN_L, 5000, FAR, 53), .len = 10, .tot_len = 40 }, DROPPED(INVALID) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 5000, FAR, 53), .len = 10, .tot_len = -30 }, DROPPED(INVALID) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 5000, FAR, 53), .len = 10, .ihl = 4 }, DROPPED(INVALID) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 5000, FAR, 53), .len = 0, .ihl = 15 }, DROPPED(INVALID) } } },
	{ "a LAN packet that chooses its own way", 0,
	  { { .at = LAN0, .pkt = { UDP(ANN_L, 5000, FAR, 53), .nopt = 8, .opt = { 131, 7, 4, 172, 30, 3, 9, 0 } },
	      DROPPED(INVALID) } } },
};

static const struct row wg_rows[] = {
	{ "a source outside the mesh", 0, { SPOOFED(OUTSIDE), SPOOFED(BOX_L) } },
	{ "a source in the site's own subnet", 0, { SPOOFED(ANN), SPOOFED(BOB), SPOOFED(ISO), SPOOFED(NOBODY), SPOOFED(ROAM) } },
	{ "the gateway's own addresses as the source", 0, { SPOOFED(GW), SPOOFED(GW0) } },
	{ "a LAN address as the source", 0, { SPOOFED(ANN_L), SPOOFED(BOB_L), SPOOFED(STRANGER_L) } },
	{ "a source that is nobody's", 0,
	  { SPOOFED(0), SPOOFED(LOOPBACK), SPOOFED(GROUP), SPOOFED(EVERYBODY), SPOOFED(MESH_NETWORK), SPOOFED(MESH_BROADCAST) } },
	{ "a spoofed source, to the gateway itself", 0,
	  { { .at = WG, .pkt = { UDP(OUTSIDE, 5000, GW, 53) }, DROPPED(SPOOFED) },
	    { .at = WG, .pkt = { ECHO_REQUEST(ANN, GW, 9) }, DROPPED(SPOOFED) } } },
	{ "to an overlay address that nobody has", 0, { NO_HOST(NOBODY), NO_HOST(ROAM) } },
	{ "to the network and broadcast addresses of the site and of the mesh", 0,
	  { NO_HOST(NETWORK), NO_HOST(BROADCAST), NO_HOST(MESH_NETWORK), NO_HOST(MESH_BROADCAST) } },
	{ "to LAN addresses: the gateway's, a host's, an unregistered machine's", 0,
	  { NO_HOST(GW0), NO_HOST(GW1), NO_HOST(ANN_L), NO_HOST(STRANGER_L), NO_HOST(BOX_L) } },
	{ "out of the mesh, to loopback, to a group, to everybody", 0,
	  { NO_HOST(OUTSIDE), NO_HOST(LOOPBACK), NO_HOST(GROUP), NO_HOST(EVERYBODY), NO_HOST(0) } },
	{ "to another site: a spoke does not relay", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, FAR2, 53) }, DROPPED(NOT_RELAY) },
	    { .at = WG, .pkt = { UDP(FAR, 5000, FAR2, 53), .ttl = 1 }, DROPPED(NOT_RELAY) },
	    { .at = WG, .pkt = { UDP(FAR, 5000, FAR, 53) }, DROPPED(NOT_RELAY) } } },
	{ "IPv6", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .len = 40, .version = 6 }, DROPPED(INVALID) } } },
	{ "a header that lies about lengths", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .len = 10, .tot_len = 1 }, DROPPED(INVALID) },
	    { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .len = 10, .tot_len = -19 }, DROPPED(INVALID) },
	    { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .len = 10, .ihl = 4 }, DROPPED(INVALID) },
	    { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .len = 10, .ihl = 10 }, DROPPED(INVALID) },
	    { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .cut = 19 }, DROPPED(INVALID) },
	    { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .cut = 1 }, DROPPED(INVALID) } } },
	{ "loose and strict source routes, behind other options too", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .nopt = 8, .opt = { 131, 7, 4, 192, 168, 1, 77, 0 } },
	      DROPPED(INVALID) },
	    { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .nopt = 8, .opt = { 137, 7, 4, 192, 168, 1, 77, 0 } },
	      DROPPED(INVALID) },
	    { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .nopt = 12, .opt = { 1, 7, 3, 4, 131, 7, 4, 1, 2, 3, 4, 0 } },
	      DROPPED(INVALID) },
	    { .at = WG, .pkt = { UDP(FAR, 5000, GW, 53), .nopt = 8, .opt = { 131, 7, 4, 192, 168, 1, 77, 0 } },
	      DROPPED(INVALID) } } },
	{ "source routes that are at their end, or lie", 0,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .nopt = 4, .opt = { 131, 3, 4, 0 } }, DROPPED(INVALID) },
	    { .at = WG, .pkt = { UDP(FAR, ROW, ISO, 53), .nopt = 4, .opt = { 131, 3, 4, 0 } }, DROPPED(INVALID) },
	    { .at = LAN0, .pkt = { UDP(ISO_L, 53, FAR, ROW) }, DROPPED(ISOLATED) },
	    { .at = LAN0, .pkt = { UDP(ANN_L, 53, FAR, 5000), .nopt = 4, .opt = { 137, 0, 4, 0 } }, DROPPED(INVALID) },
	    { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .nopt = 4, .opt = { 3, 3, 4, 0 } }, DROPPED(INVALID) } } },
	{ "options that lie about their length", BPF,
	  { { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .nopt = 4, .opt = { 7, 0, 4, 0 } }, DROPPED(INVALID) },
	    { .at = WG, .pkt = { UDP(FAR, 5000, ANN, 53), .nopt = 4, .opt = { 1, 1, 1, 7 } }, DROPPED(INVALID) } } },
};

static const struct row out_rows[] = {
	{ "a container that uses a registered host's LAN address", 0,
	  { { .at = BOX, .pkt = { UDP(ANN_L, 5000, FAR, 53), .len = 10 }, DROPPED(UNTRANSLATED) },
	    { .at = BOX, .pkt = { TCP(ANN_L, 5000, BOB, 22), .flags = SYN }, DROPPED(UNTRANSLATED) } } },
	{ "a container with an overlay address or its own", 0,
	  { { .at = BOX, .pkt = { UDP(ANN, 5000, FAR, 53), .len = 10 }, DROPPED(UNTRANSLATED) },
	    { .at = BOX, .pkt = { UDP(FAR2, 5000, FAR, 53), .len = 10 }, DROPPED(UNTRANSLATED) },
	    { .at = BOX, .pkt = { UDP(BOX_L, 5000, FAR, 53), .len = 10 }, DROPPED(UNTRANSLATED) },
	    { .at = BOX, .pkt = { UDP(BOX_L, 5000, ISO, 53), .len = 10 }, DROPPED(UNTRANSLATED) } } },
	{ "the gateway's own packet with another source than its overlay address", 0,
	  { { .at = LOCAL, .pkt = { UDP(GW0, 5000, FAR, 53), .len = 10 }, DROPPED(UNTRANSLATED) },
	    { .at = LOCAL, .pkt = { UDP(ANN, 5000, FAR, 53), .len = 10 }, DROPPED(UNTRANSLATED) } } },
	{ "the gateway's own packet to nobody", 0,
	  { { .at = LOCAL, .pkt = { UDP(GW, 5000, NOBODY, 53), .len = 10 }, DROPPED(NO_HOST) },
	    { .at = LOCAL, .pkt = { UDP(GW, 5000, MESH_NETWORK, 53), .len = 10 }, DROPPED(NO_HOST) },
	    { .at = LOCAL, .pkt = { UDP(GW, 5000, MESH_BROADCAST, 53), .len = 10 }, DROPPED(NO_HOST) } } },
	{ "the gateway's own packet to a group, by the tunnel", 0,
	  { { .at = LOCAL, .pkt = { UDP(GW, 5353, IP(224, 0, 0, 251), 5353), .len = 10 }, DROPPED(NO_HOST) },
	    { .at = LOCAL, .pkt = { UDP(GW0, 5353, IP(224, 0, 0, 251), 5353), .len = 10 }, DROPPED(UNTRANSLATED) } } },
	{ "an ICMP redirect of the stack", 0,
	  { { .at = LOCAL,
	      .pkt = { ICMP_ERROR(GW, FAR, 5, 1, ABOUT(UDP(FAR, 5000, ANN, 53))), .rest = GW }, DROPPED(REDIRECT) } } },
};

const struct group group_drop_lan = { "dropped from a LAN", SPOKE, lan_rows, WM_ARRAY_LEN(lan_rows) };
const struct group group_drop_wg = { "dropped from wg", SPOKE, wg_rows, WM_ARRAY_LEN(wg_rows) };
const struct group group_drop_out = { "dropped out to wg", SPOKE, out_rows, WM_ARRAY_LEN(out_rows) };
