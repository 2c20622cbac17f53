/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which packets nftables sends around the stack, and which it does not: both
 * sides of each border of docs/dataplane-nft.md. What becomes of a packet is
 * the same either way, but for its header checksum.
 */
#include "packets/plane.h"
#include "packets/shapes.h"

#define BY_FAST(...) { __VA_ARGS__, .way = AROUND }
#define BY_STACK(...) { __VA_ARGS__, .way = THROUGH }
#define TO(host, ...) .at = WG, .pkt = { UDP(FAR, 5000, host, 53), __VA_ARGS__ }
#define FROM(place, host, ...) .at = place, .pkt = { UDP(host, 53, FAR, 5000), __VA_ARGS__ }
#define TCP_TO(host, ...) .at = WG, .pkt = { TCP(FAR, 5000, host, 80), __VA_ARGS__ }
#define TCP_FROM(host, ...) .at = LAN0, .pkt = { TCP(host, 80, FAR, 5000), __VA_ARGS__ }
#define TO_ANN TO_LAN(LAN0, ANN_L)
#define OF_ANN TO_WG(ANN)
/* An IP packet of so many bytes. */
#define SIZE(n) .len = (n) - 28
#define NOPS .nopt = 4, .opt = { 1, 1, 1, 0 }
#define TAGGED .vlan = 0x2000
#define EXPIRED(place, from) .out = { { .at = (place), .error = 11, .code = 0, .src = (from) } }
#define BIG LAN1_MTU /* the least that a device takes */

static void isolate_ann(struct wm_plan *plan)
{
	plan_find(plan, ANN)->access = WM_ACCESS_ISOLATED;
}

static void bind_ann(struct wm_plan *plan)
{
	plan_find(plan, ANN)->has_mac = true;
	plan_find(plan, ANN)->mac = (struct wm_mac){ { 2, 0, 0, 0, 0, 1 } };
}

static void move_ann(struct wm_plan *plan)
{
	plan_find(plan, ANN)->local = STRANGER_L;
}

static void move_ann_to_another_lan(struct wm_plan *plan)
{
	plan_find(plan, ANN)->local = IP(192, 168, 2, 99);
	plan_find(plan, ANN)->lan = LAN1 - LAN0;
}

static void remove_ann(struct wm_plan *plan)
{
	plan_drop(plan, ANN);
}

/* Not of its LAN's own network: there is a router before it, and here no route. */
#define ROUTED_L IP(10, 99, 9, 9)
static void route_ann(struct wm_plan *plan)
{
	plan_find(plan, ANN)->local = ROUTED_L;
}

static const struct row rows[] = {
	{ "plain packets go around the stack, of every LAN", NFT_FAST,
	  { BY_FAST(TO(ANN), TO_ANN), BY_FAST(FROM(LAN0, ANN_L), OF_ANN), BY_FAST(TO(CARL), TO_LAN(LAN1, CARL_L)),
	    BY_FAST(FROM(LAN1, CARL_L), TO_WG(CARL)), BY_FAST(TO(TWIN), TO_LAN(LAN2, TWIN_L)), BY_FAST(FROM(LAN2, TWIN_L), TO_WG(TWIN)),
	    BY_FAST(TO(EDGE), TO_LAN(LAN0, EDGE_L)), BY_FAST(TO(ANN), TO_ANN, .end = { ANN, .to = 1 }),
	    BY_FAST(FROM(LAN0, ANN_L), OF_ANN, .end = { ANN, .from = 1 }) } },
	{ "TCP but what opens a connection", NFT_FAST,
	  { BY_FAST(TCP_TO(ANN), TO_ANN), BY_FAST(TCP_FROM(ANN_L), OF_ANN), BY_FAST(TCP_TO(ANN, .flags = FIN | ACK), TO_ANN),
	    BY_FAST(TCP_FROM(ANN_L, .flags = RST), OF_ANN), BY_FAST(TCP_TO(ANN, .flags = FIN | RST | PSH | ACK | URG), TO_ANN),
	    BY_FAST(TCP_FROM(ANN_L, .flags = NO_FLAGS), OF_ANN), BY_STACK(TCP_TO(ANN, .flags = SYN), TO_ANN),
	    BY_STACK(TCP_FROM(ANN_L, .flags = SYN | ACK), OF_ANN), BY_STACK(TCP_TO(ANN, .flags = SYN | FIN), TO_ANN) } },
	{ "no other protocol", NFT_FAST,
	  { BY_STACK(.at = WG, .pkt = { ECHO_REQUEST(FAR, ANN, 7), .len = 20 }, TO_ANN),
	    BY_STACK(.at = LAN0, .pkt = { ECHO_REPLY(ANN_L, FAR, 7), .len = 20 }, OF_ANN),
	    BY_STACK(.at = WG, .pkt = { UDPLITE(FAR, 5000, ANN, 53), .len = 20 }, TO_ANN),
	    BY_STACK(.at = LAN0, .pkt = { .proto = IPPROTO_GRE, FROM_TO(ANN_L, FAR), .len = 40 }, OF_ANN) } },
	{ "the last hop but one", NFT_FAST,
	  { BY_FAST(TO(ANN, .ttl = 2), TO_ANN), BY_FAST(FROM(LAN0, ANN_L, .ttl = 2), OF_ANN), BY_FAST(TO(ANN, .ttl = 255), TO_ANN),
	    BY_STACK(TO(ANN, .ttl = 1, .len = 60), EXPIRED(WG, GW), .count = { { WM_REASON_LOCAL, 2 } }),
	    BY_STACK(FROM(LAN0, ANN_L, .ttl = 1, .len = 60), EXPIRED(LAN0, GW0), COUNTED(LOCAL)) } },
	{ "no fragment", NFT_FAST,
	  { BY_STACK(TO(ANN, .len = 100, SLICE(0, 64)), TO_ANN), BY_STACK(TO(ANN, .len = 100, SLICE(64, 44)), TO_ANN),
	    BY_STACK(FROM(LAN0, ANN_L, .len = 100, SLICE(0, 64)), OF_ANN), BY_STACK(FROM(LAN0, ANN_L, .len = 100, SLICE(64, 44)), OF_ANN),
	    BY_FAST(TO(ANN, .df = true), TO_ANN) } },
	{ "no IP options", NFT_FAST,
	  { BY_STACK(TO(ANN, NOPS), TO_ANN), BY_STACK(FROM(LAN0, ANN_L, NOPS), OF_ANN),
	    BY_STACK(FROM(LAN0, ANN_L, .nopt = 8, .opt = { 131, 7, 4, 1, 2, 3, 4, 0 }), DROPPED(INVALID)) } },
	{ "as long as fits everywhere", NFT_FAST,
	  { BY_FAST(TO(ANN, SIZE(BIG)), TO_ANN), BY_FAST(FROM(LAN0, ANN_L, SIZE(BIG)), OF_ANN), BY_FAST(TO(CARL, SIZE(BIG)), TO_LAN(LAN1, CARL_L)),
	    BY_FAST(FROM(LAN1, CARL_L, SIZE(BIG)), TO_WG(CARL)), BY_STACK(TO(ANN, SIZE(BIG + 1)), TO_ANN),
	    BY_STACK(FROM(LAN0, ANN_L, SIZE(BIG + 1)), OF_ANN), BY_FAST(TO(ANN, SIZE(28)), TO_ANN), BY_FAST(TCP_FROM(ANN_L), OF_ANN) } },
	{ "nothing behind the packet, and all of it there", NFT_FAST,
	  { BY_STACK(FROM(LAN0, ANN_L, .len = 1, .pad = 17), OF_ANN), BY_STACK(TO(ANN, .len = 1, .pad = 17), TO_ANN),
	    BY_STACK(FROM(LAN0, ANN_L, .len = 100, .pad = 1), OF_ANN), BY_STACK(FROM(LAN0, ANN_L, .len = 100, .cut = 100)),
	    BY_STACK(TO(ANN, .len = 100, .tot_len = 1)) } },
	{ "TCP with all of its header", NFT_FAST,
	  { BY_FAST(TCP_TO(ANN, .cut = 40), TO_ANN), BY_STACK(TCP_TO(ANN, .cut = 39, .tot_len = -1), TO_ANN),
	    BY_STACK(TCP_TO(ANN, .cut = 36, .tot_len = -4), DROPPED(NO_HOST)) } },
	{ "checksums: to be made, none, wrong", NFT_FAST,
	  { BY_FAST(TO(ANN, .len = 50, .sum = SUM_PARTIAL), TO_ANN), BY_FAST(FROM(LAN0, ANN_L, .len = 50, .sum = SUM_PARTIAL), OF_ANN),
	    BY_FAST(TCP_TO(ANN, .len = 50, .sum = SUM_PARTIAL), TO_ANN), BY_FAST(TO(ANN, .len = 50, .sum = SUM_NONE), TO_ANN),
	    BY_FAST(FROM(LAN0, ANN_L, .len = 51, .sum = SUM_NONE), OF_ANN), BY_FAST(TO(ANN, .len = 50, .sum = SUM_WRONG), TO_ANN) } },
	{ "a frame without tags, to our MAC", NFT_FAST,
	  { BY_STACK(FROM(LAN0, ANN_L, TAGGED), OF_ANN), BY_STACK(FROM(LAN0, ANN_L, TAGGED, .vlan2 = 0x2000), OF_ANN),
	    BY_STACK(FROM(LAN0, ANN_L, .len = 20, .vlan = 5), UNTOUCHED), BY_STACK(FROM(LAN0, ANN_L, .len = 20, .other_mac = true), UNTOUCHED),
	    BY_STACK(FROM(LAN0, ANN_L, .len = 20, .group_mac = true), UNTOUCHED) } },
	{ "from elsewhere in the mesh", NFT_FAST,
	  { BY_STACK(.at = WG, .pkt = { UDP(OUTSIDE, 5000, ANN, 53) }, DROPPED(SPOOFED)),
	    BY_STACK(.at = WG, .pkt = { UDP(BOB, 5000, ANN, 53) }, DROPPED(SPOOFED)),
	    BY_STACK(.at = WG, .pkt = { UDP(GW, 5000, ANN, 53) }, DROPPED(SPOOFED)),
	    BY_STACK(.at = WG, .pkt = { UDP(IP(172, 30, 0, 0), 5000, ANN, 53) }, DROPPED(SPOOFED)),
	    BY_STACK(.at = WG, .pkt = { UDP(IP(172, 30, 255, 255), 5000, ANN, 53) }, DROPPED(SPOOFED)),
	    BY_FAST(.at = WG, .pkt = { UDP(IP(172, 30, 0, 1), 5000, ANN, 53) }, TO_ANN),
	    BY_FAST(.at = WG, .pkt = { UDP(IP(172, 30, 255, 254), 5000, ANN, 53) }, TO_ANN) } },
	{ "to elsewhere in the mesh", NFT_FAST,
	  { BY_STACK(.at = LAN0, .pkt = { UDP(ANN_L, 53, BOB, 5000) }, HAIRPIN(LAN0, ANN, BOB_L)),
	    BY_STACK(.at = LAN0, .pkt = { UDP(ANN_L, 53, GW, 53) }, TO_SELF(ANN)),
	    BY_STACK(.at = LAN0, .pkt = { UDP(ANN_L, 53, IP(172, 30, 0, 0), 53) }, DROPPED(NO_HOST)),
	    BY_STACK(.at = LAN0, .pkt = { UDP(ANN_L, 53, IP(172, 30, 255, 255), 53) }, DROPPED(NO_HOST)),
	    BY_FAST(.at = LAN0, .pkt = { UDP(ANN_L, 53, IP(172, 30, 0, 1), 53) }, OF_ANN),
	    BY_FAST(.at = LAN0, .pkt = { UDP(ANN_L, 53, IP(172, 30, 255, 254), 53) }, OF_ANN) } },
	{ "to nobody, and from nobody", NFT_FAST,
	  { BY_STACK(TO(NOBODY), DROPPED(NO_HOST)), BY_STACK(TO(FAR2), DROPPED(NOT_RELAY)), BY_FAST(FROM(LAN0, STRANGER_L), DROPPED(UNREGISTERED)),
	    BY_FAST(FROM(LAN1, ANN_L), DROPPED(UNREGISTERED)), BY_FAST(FROM(LAN0, CARL_L), DROPPED(UNREGISTERED)),
	    BY_FAST(FROM(LAN0, ANN), DROPPED(UNREGISTERED)), BY_FAST(FROM(LAN0, GW0), DROPPED(UNREGISTERED)) } },
	{ "what unregistered machines send dies in front of the stack, but for ICMP and what is not whole", NFT_FAST,
	  { BY_FAST(TCP_FROM(STRANGER_L, .flags = SYN), DROPPED(UNREGISTERED)), BY_FAST(TCP_FROM(STRANGER_L), DROPPED(UNREGISTERED)),
	    BY_FAST(.at = LAN0, .pkt = { .proto = IPPROTO_GRE, FROM_TO(STRANGER_L, FAR), .len = 40 }, DROPPED(UNREGISTERED)),
	    BY_STACK(.at = LAN0, .pkt = { ECHO_REQUEST(STRANGER_L, FAR, 7) }, DROPPED(UNREGISTERED)),
	    BY_STACK(.at = LAN0, .pkt = { ICMP_ERROR(ROUTER_L, FAR, 11, 0, ABOUT(UDP(FAR, 5000, ANN_L, 53), .ttl = 1)) },
		     .out = { { .at = WG, .src = GW, .qdst = ANN } }, COUNTED(ROUTER_ERROR)),
	    BY_STACK(FROM(LAN0, STRANGER_L, .ttl = 1), DROPPED(UNREGISTERED)), BY_STACK(FROM(LAN0, STRANGER_L, NOPS), DROPPED(UNREGISTERED)),
	    BY_STACK(FROM(LAN0, STRANGER_L, .len = 100, SLICE(0, 64)), DROPPED(UNREGISTERED)),
	    BY_STACK(FROM(LAN0, STRANGER_L, TAGGED), DROPPED(UNREGISTERED)),
	    BY_STACK(FROM(LAN0, STRANGER_L, .len = 20, .other_mac = true), UNTOUCHED),
	    BY_STACK(.at = LAN0, .pkt = { UDP(STRANGER_L, 53, BOB, 5000) }, DROPPED(UNREGISTERED)) } },
	{ "isolated hosts never do", NFT_FAST,
	  { BY_STACK(TO(ISO), TO_LAN(LAN0, ISO_L)), BY_STACK(.at = LAN0, .pkt = { UDP(ISO_L, 53, FAR, 5000) }, TO_WG(ISO)),
	    BY_STACK(.at = LAN0, .pkt = { UDP(ISO_L, 5001, FAR, ROW) }, DROPPED(ISOLATED)) } },
	{ "to a host with a bound MAC, not from it", NFT_FAST,
	  { BY_FAST(TO(BOUND), TO_LAN(LAN0, BOUND_L)), BY_STACK(FROM(LAN0, BOUND_L), TO_WG(BOUND)),
	    BY_STACK(FROM(LAN0, BOUND_L, .from_mac_of = STRANGER_L), DROPPED(UNREGISTERED)),
	    BY_FAST(FROM(LAN0, ANN_L, .from_mac_of = STRANGER_L), OF_ANN) } },
	{ "a host that becomes isolated", NFT_FAST,
	  { BY_FAST(FROM(LAN0, ANN_L), OF_ANN),
	    BY_STACK(.change = isolate_ann, .at = LAN0, .pkt = { UDP(ANN_L, 5000, FAR, ROW) }, DROPPED(ISOLATED)),
	    BY_STACK(.at = WG, .pkt = { UDP(FAR, ROW, ANN, 5000) }, TO_ANN), BY_STACK(.at = LAN0, .pkt = { UDP(ANN_L, 5000, FAR, ROW) }, OF_ANN) } },
	{ "a host that is bound to a MAC", NFT_FAST,
	  { BY_FAST(FROM(LAN0, ANN_L), OF_ANN), BY_STACK(.change = bind_ann, FROM(LAN0, ANN_L), DROPPED(UNREGISTERED)), BY_FAST(TO(ANN), TO_ANN) } },
	{ "a host that gets another LAN address", NFT_FAST,
	  { BY_FAST(.change = move_ann, TO(ANN), TO_LAN(LAN0, STRANGER_L)), BY_FAST(FROM(LAN0, STRANGER_L), OF_ANN),
	    BY_FAST(FROM(LAN0, ANN_L), DROPPED(UNREGISTERED)) } },
	{ "a host that moves to another LAN", NFT_FAST,
	  { BY_FAST(TO(ANN), TO_ANN), BY_FAST(.change = move_ann_to_another_lan, FROM(LAN1, IP(192, 168, 2, 99)), OF_ANN),
	    BY_FAST(FROM(LAN0, ANN_L), DROPPED(UNREGISTERED)), BY_FAST(FROM(LAN0, IP(192, 168, 2, 99)), DROPPED(UNREGISTERED)) } },
	{ "a host that goes", NFT_FAST,
	  { BY_FAST(TO(ANN), TO_ANN), BY_STACK(.change = remove_ann, TO(ANN), DROPPED(NO_HOST)),
	    BY_FAST(FROM(LAN0, ANN_L), DROPPED(UNREGISTERED)) } },
	{ "to a host behind a router of the LAN", NFT_FAST,
	  { BY_STACK(.change = route_ann, TO(ANN), .out = { { .at = WG, .error = 3, .code = 13, .src = GW, .sum_dst = ROUTED_L } },
		     .count = { { WM_REASON_TO_LAN, 1 }, { WM_REASON_LOCAL, 1 } }) } },
	{ "a wrong header checksum stays as wrong as it was", NFT_FAST,
	  { BY_FAST(TO(ANN, .flip = { { 10, 1 } }), COUNTED(TO_LAN),
		    .out = { { .at = LAN0, .pkt = ABOUT(UDP(FAR, 5000, ANN_L, 53), .ttl = 63, .flip = { { 10, 0x0f } }) } }),
	    BY_FAST(FROM(LAN0, ANN_L, .flip = { { 10, 1 } }), COUNTED(TO_MESH),
		    .out = { { .at = WG, .pkt = ABOUT(UDP(ANN, 53, FAR, 5000), .ttl = 63, .flip = { { 10, 0x07 } }) } }) } },
};

static const struct row hub_rows[] = {
	{ "a hub relays around the stack", NFT_FAST,
	  { BY_FAST(TO(FAR2), RELAYED), BY_FAST(TCP_TO(FAR2), RELAYED), BY_STACK(TCP_TO(FAR2, .flags = SYN), RELAYED),
	    BY_FAST(TO(FAR), RELAYED), BY_FAST(TO(FAR2, .ttl = 2), RELAYED),
	    BY_STACK(TO(FAR2, .ttl = 1, .len = 60), EXPIRED(WG, GW), .count = { { WM_REASON_LOCAL, 2 } }),
	    BY_FAST(TO(FAR2, SIZE(BIG)), RELAYED), BY_STACK(TO(FAR2, SIZE(BIG + 1)), RELAYED),
	    BY_FAST(TO(FAR2, .len = 50, .sum = SUM_PARTIAL), RELAYED), BY_STACK(TO(FAR2, .len = 100, SLICE(0, 64)), RELAYED) } },
	{ "relaying: to elsewhere in the mesh", NFT_FAST,
	  { BY_STACK(TO(OUTSIDE), DROPPED(NO_HOST)), BY_STACK(TO(IP(172, 30, 0, 0)), DROPPED(NO_HOST)),
	    BY_STACK(TO(IP(172, 30, 255, 255)), DROPPED(NO_HOST)), BY_FAST(TO(IP(172, 30, 0, 1)), RELAYED),
	    BY_FAST(TO(IP(172, 30, 255, 254)), RELAYED), BY_STACK(.at = WG, .pkt = { UDP(OUTSIDE, 5000, FAR, 53) }, DROPPED(SPOOFED)) } },
	{ "devices never do", NFT_FAST,
	  { BY_STACK(TO(ROAM), RELAYED), BY_STACK(.at = WG, .pkt = { UDP(ROAM, 5000, FAR, 53) }, RELAYED),
	    BY_STACK(.at = WG, .pkt = { UDP(ROAM, 5000, ANN, 53) }, TO_ANN), BY_STACK(.at = LAN0, .pkt = { UDP(ANN_L, 53, ROAM, 5000) }, OF_ANN),
	    BY_STACK(.at = WG, .pkt = { UDP(IDEV, 5000, FAR, ROW) }, DROPPED(ISOLATED)) } },
	{ "a host of the hub", NFT_FAST, { BY_FAST(TO(ANN), TO_ANN), BY_FAST(FROM(LAN0, ANN_L), OF_ANN) } },
};

const struct group group_nft_fast = { "nftables' fast path", SPOKE, rows, WM_ARRAY_LEN(rows) };
const struct group group_nft_fast_hub = { "nftables' fast path", HUB, hub_rows, WM_ARRAY_LEN(hub_rows) };
