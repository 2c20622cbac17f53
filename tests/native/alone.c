/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "native/alone.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <string.h>

#include "core/util.h"
#include "packets/frame.h"
#include "packets/rig.h"
#include "packets/shapes.h"

#define MARK 0x574d0000 /* plane.c's */
#define WG_IN(at, m) .prog = WM_BPF_WG_IN, .from = (at), .mark = (m)
#define WG_OUT(at, m) .prog = WM_BPF_WG_OUT, .from = (at), .mark = (m)
#define LAN_IN(at) .prog = WM_BPF_LAN_IN, .from = (at)
#define XDP(at) .prog = WM_BPF_XDP, .from = (at)
#define DROPS(r) .action = TC_ACT_SHOT, .reason = WM_REASON_##r
#define PASSES(r) .action = TC_ACT_UNSPEC, .reason = WM_REASON_##r
#define NOT_OURS .action = TC_ACT_UNSPEC, .reason = WM_REASON_COUNT

/* --- maps ------------------------------------------------------------------------------- */

static struct wm_host_info *host(struct native_plane *plane, wm_ip4 overlay)
{
	return (struct wm_host_info *)plane->map[WM_BPF_HOSTS].values + (overlay & 0xff);
}

static void make_ann_a_device(struct native_plane *plane)
{
	host(plane, ANN)->kind = WM_KIND_DEVICE;
}

static void make_ann_nobody(struct native_plane *plane)
{
	host(plane, ANN)->kind = WM_KIND_NOBODY;
}

static void readdress_ann(struct native_plane *plane)
{
	host(plane, ANN)->local = htonl(STRANGER_L);
}

static void move_ann(struct native_plane *plane)
{
	host(plane, ANN)->ifindex = rig_ifindex(LAN1);
}

static void empty_all(struct native_plane *plane)
{
	for (unsigned int map = 0; map < WM_BPF_MAPS; map++)
		map_clear(&plane->map[map]);
}

static struct wm_lan_info *lan0(struct native_plane *plane)
{
	return (struct wm_lan_info *)plane->map[WM_BPF_LANS].values;
}

static void forget_lan0(struct native_plane *plane)
{
	memset(lan0(plane), 0, sizeof(struct wm_lan_info));
}

static void change_mac_of_lan0(struct native_plane *plane)
{
	lan0(plane)->mac[5] ^= 1;
}

static void narrow_lan0(struct native_plane *plane)
{
	lan0(plane)->mtu = 60;
}

static void garble_index(void *value, uint64_t arg)
{
	(void)arg;
	memset(value, 0xff, sizeof(uint32_t));
}

/* Whatever a wild pointer could have left. */
static void garble_all(struct native_plane *plane)
{
	static const enum wm_bpf_map arrays[] = { WM_BPF_HOSTS, WM_BPF_LAN_HINTS, WM_BPF_LANS, WM_BPF_SHIELD, WM_BPF_FLOWS };
	uint32_t state = 1;

	for (size_t n = 0; n < WM_ARRAY_LEN(arrays); n++) {
		struct native_map *map = &plane->map[arrays[n]];

		for (size_t at = 0; at < (size_t)map->size * map->value_size; at++) {
			state = state * 1664525 + 1013904223;
			map->values[at] = (uint8_t)(state >> 24);
		}
	}
	map_each(&plane->map[WM_BPF_LAN_HOSTS], garble_index, 0);
}

static void follow_drops(struct native_plane *plane)
{
	*(uint64_t *)plane->map[WM_BPF_FOLLOW].values = native_now + 1;
}

static void follow_into_a_full_ring(struct native_plane *plane)
{
	follow_drops(plane);
	native_ring.full = true;
}

static void spend_the_second(struct native_plane *plane)
{
	struct wm_drop_pace *pace = (struct wm_drop_pace *)plane->map[WM_BPF_DROP_PACE].values;

	follow_drops(plane);
	pace->second = native_now / NATIVE_HZ;
	pace->listed = WM_DROPS_NEW_PER_S;
	pace->told = WM_DROPS_TOLD_PER_S;
	pace->shielded = WM_DROPS_SHIELDED_PER_S;
}

static void spend_the_lists_second(struct native_plane *plane)
{
	spend_the_second(plane);
	((struct wm_drop_pace *)plane->map[WM_BPF_DROP_PACE].values)->shielded = 0;
}

/* --- the table -------------------------------------------------------------------------- */

#define UNHARMED(PROG, condition, how) \
	{ "DNS to the gateway's LAN address, " condition, SPOKE, PROG(LAN0), .spoil = how, NOT_OURS, \
	  .pkt = { UDP(STRANGER_L, 5000, GW0, 53) } }, \
	{ "ARP, " condition, SPOKE, PROG(LAN0), .spoil = how, NOT_OURS, .pkt = { .src = ANN_L, .ethertype = ETH_P_ARP, .len = 40 } }, \
	{ "IPv6, " condition, SPOKE, PROG(LAN0), .spoil = how, NOT_OURS, .pkt = { .src = ANN_L, .ethertype = ETH_P_IPV6, .len = 60 } }, \
	{ "an isolated host's frame for somebody else, " condition, SPOKE, PROG(LAN0), .spoil = how, NOT_OURS, \
	  .pkt = { UDP(ISO_L, 5000, FAR, 53), .other_mac = true } }, \
	{ "to the internet, " condition, SPOKE, PROG(LAN0), .spoil = how, NOT_OURS, .pkt = { TCP(ISO_L, 5000, OUTSIDE, 443) } }
#define UNTOUCHED_BY(condition, how) \
	UNHARMED(LAN_IN, condition, how), UNHARMED(XDP, "at the shield, " condition, how)

const struct alone alone[] = {
	{ "relayed, though wg ingress has not judged it", HUB, WG_OUT(WG, 0), .pkt = { UDP(FAR, 5000, FAR2, 53) },
	  DROPS(UNTRANSLATED) },
	{ "relayed with another mesh's mark", HUB, WG_OUT(WG, 0x57100100), .pkt = { UDP(FAR, 5000, FAR2, 53) },
	  DROPS(UNTRANSLATED) },
	{ "relayed with a source outside the mesh", HUB, WG_OUT(WG, MARK), .pkt = { UDP(OUTSIDE, 5000, FAR2, 53) },
	  DROPS(UNTRANSLATED) },
	{ "relayed by a spoke", SPOKE, WG_OUT(WG, MARK), .pkt = { UDP(FAR, 5000, FAR2, 53) }, DROPS(UNTRANSLATED) },
	{ "relayed to a host, which is not behind a tunnel", HUB, WG_OUT(WG, MARK), .pkt = { UDP(FAR, 5000, ANN, 53) },
	  DROPS(NO_HOST) },
	{ "relayed to nobody", HUB, WG_OUT(WG, MARK), .pkt = { UDP(FAR, 5000, NOBODY, 53) }, DROPS(NO_HOST) },
	{ "relayed to a device", HUB, WG_OUT(WG, MARK), .pkt = { UDP(FAR, 5000, ROAM, 53) }, PASSES(RELAY) },
	{ "a process bound to wg sends to the internet", SPOKE, WG_OUT(LOCAL, 0), .pkt = { UDP(GW, 5000, OUTSIDE, 53) },
	  DROPS(NO_HOST) },
	{ "a process bound to wg sends to a LAN address", SPOKE, WG_OUT(LOCAL, 0), .pkt = { UDP(GW, 5000, ANN_L, 53) },
	  DROPS(NO_HOST) },
	{ "a process bound to wg sends to everybody", SPOKE, WG_OUT(LOCAL, 0), .pkt = { UDP(GW, 5000, 0xffffffff, 53) },
	  DROPS(NO_HOST) },
	{ "a process bound to wg sends more than a LAN takes", SPOKE, WG_OUT(LOCAL, 0),
	  .pkt = { UDP(GW, 5000, CARL, 53), .len = 1300 }, DROPS(NO_NEIGHBOUR) },
	{ "from a registered host, though LAN ingress has not judged it", SPOKE, WG_OUT(LAN0, 0),
	  .pkt = { UDP(ANN_L, 5000, FAR, 53) }, DROPS(UNTRANSLATED) },
	{ "from an isolated host, though LAN ingress has not judged it", SPOKE, WG_OUT(LAN0, 0),
	  .pkt = { TCP(ISO_L, 5000, FAR, 22), .flags = SYN }, DROPS(UNTRANSLATED) },
	{ "from a registered host, with another mesh's mark", SPOKE, WG_OUT(LAN0, 0x57100101),
	  .pkt = { UDP(ANN_L, 5000, FAR, 53) }, DROPS(UNTRANSLATED) },
	{ "from somebody unregistered, with our mark", SPOKE, WG_OUT(LAN0, MARK + 1),
	  .pkt = { UDP(STRANGER_L, 5000, FAR, 53) }, DROPS(UNTRANSLATED) },
	{ "from a registered host of another LAN, with our mark", SPOKE, WG_OUT(LAN1, MARK + 1),
	  .pkt = { UDP(ANN_L, 5000, FAR, 53) }, DROPS(UNTRANSLATED) },
	{ "from a registered host to the internet, with our mark", SPOKE, WG_OUT(LAN0, MARK + 1),
	  .pkt = { UDP(ANN_L, 5000, OUTSIDE, 53) }, DROPS(NO_HOST) },
	{ "from a registered host to another site, with our mark", SPOKE, WG_OUT(LAN0, MARK + 1),
	  .pkt = { UDP(ANN_L, 5000, FAR, 53) }, PASSES(TO_MESH) },
	{ "from a registered host, judged, translated and counted by the other back end", SPOKE, WG_OUT(LAN0, MARK + WM_MARK_DONE),
	  .pkt = { UDP(ANN, 5000, FAR, 53) }, NOT_OURS },
	{ "from a registered host, done by the other back end of another mesh", SPOKE, WG_OUT(LAN0, 0x57100100 + WM_MARK_DONE),
	  .pkt = { UDP(ANN, 5000, FAR, 53) }, DROPS(UNTRANSLATED) },
	{ "the gateway's address from a LAN, unmarked", SPOKE, WG_OUT(LAN0, 0), .pkt = { UDP(GW, 5000, FAR, 53) },
	  DROPS(UNTRANSLATED) },
	{ "the gateway's address from a LAN, as if LAN ingress had let a host's packet through", SPOKE,
	  WG_OUT(LAN0, MARK + 1), .pkt = { UDP(GW, 5000, FAR, 53) }, DROPS(UNTRANSLATED) },
	{ "IPv4 that the device calls something else, to wg", SPOKE, WG_OUT(LOCAL, 0), .protocol = ETH_P_IPV6,
	  .pkt = { UDP(GW, 5000, FAR, 53) }, DROPS(UNTRANSLATED) },
	{ "IPv4 that the device calls something else, from wg", SPOKE, WG_IN(WG, 0), .protocol = ETH_P_ARP,
	  .pkt = { UDP(FAR, 5000, ANN, 53) }, DROPS(INVALID) },

	{ "a host that is becoming a device", SPOKE, LAN_IN(LAN0), .spoil = make_ann_a_device, .pkt = { UDP(ANN_L, 5000, FAR, 53) },
	  DROPS(UNREGISTERED) },
	{ "a host that is being removed", SPOKE, LAN_IN(LAN0), .spoil = make_ann_nobody, .pkt = { UDP(ANN_L, 5000, FAR, 53) },
	  DROPS(UNREGISTERED) },
	{ "a host whose LAN address is changing", SPOKE, LAN_IN(LAN0), .spoil = readdress_ann, .pkt = { UDP(ANN_L, 5000, FAR, 53) },
	  DROPS(UNREGISTERED) },
	{ "a host that is moving to another LAN", SPOKE, LAN_IN(LAN0), .spoil = move_ann, .pkt = { UDP(ANN_L, 5000, FAR, 53) },
	  DROPS(UNREGISTERED) },

	{ "a drop that somebody follows", SPOKE, LAN_IN(LAN0), .spoil = follow_drops, .pkt = { UDP(STRANGER_L, 5000, FAR, 53) },
	  DROPS(UNREGISTERED), .noted = true, .listed = 1, .told = 1 },
	{ "a drop that somebody followed until now", SPOKE, LAN_IN(LAN0), .pkt = { UDP(STRANGER_L, 5000, FAR, 53) },
	  DROPS(UNREGISTERED), .noted = true, .listed = 1 },
	{ "a drop that somebody follows too slowly", SPOKE, LAN_IN(LAN0), .spoil = follow_into_a_full_ring,
	  .pkt = { UDP(STRANGER_L, 5000, FAR, 53) }, DROPS(UNREGISTERED), .noted = true, .listed = 1 },
	{ "a drop too many for this second", SPOKE, LAN_IN(LAN0), .spoil = spend_the_second,
	  .pkt = { UDP(STRANGER_L, 5000, FAR, 53) }, DROPS(UNREGISTERED), .noted = true },
	{ "a drop out to wg that somebody follows", SPOKE, WG_OUT(BOX, 0), .spoil = follow_drops,
	  .pkt = { UDP(ANN_L, 5000, FAR, 53) }, DROPS(UNTRANSLATED), .noted = true, .listed = 1, .told = 1 },

	UNTOUCHED_BY("empty maps", empty_all),
	UNTOUCHED_BY("garbage in the maps", garble_all),
	{ "somebody unregistered, at the shield", SPOKE, XDP(LAN0), .pkt = { UDP(STRANGER_L, 5000, FAR, 53) },
	  DROPS(UNREGISTERED), .noted = true, .listed = 1 },
	{ "the same for whoever follows", SPOKE, XDP(LAN0), .spoil = follow_drops, .pkt = { TCP(STRANGER_L, 5000, FAR, 53) },
	  DROPS(UNREGISTERED), .noted = true, .listed = 1, .told = 1 },
	{ "the same without ports", SPOKE, XDP(LAN0), .pkt = { .proto = IPPROTO_GRE, FROM_TO(STRANGER_L, FAR), .len = 40 },
	  DROPS(UNREGISTERED), .noted = true, .listed = 1 },
	{ "the same, a later fragment", SPOKE, XDP(LAN0),
	  .pkt = { UDP(STRANGER_L, 5000, FAR, 53), .len = 100, .sliced = true, .slice_at = 64, .slice_len = 40 },
	  DROPS(UNREGISTERED), .noted = true, .listed = 1 },
	{ "the same, no more than an IP header", SPOKE, XDP(LAN0),
	  .pkt = { UDP(STRANGER_L, 5000, FAR, 0), .tot_len = -8, .cut = 20 }, DROPS(UNREGISTERED), .noted = true, .listed = 1 },
	{ "one that finds no room in the list any more, at the shield", SPOKE, XDP(LAN0), .spoil = spend_the_lists_second,
	  .pkt = { UDP(STRANGER_L, 5000, FAR, 53) }, DROPS(UNREGISTERED), .noted = true },
	{ "one too many for this second, at the shield", SPOKE, XDP(LAN0), .spoil = spend_the_second,
	  .pkt = { UDP(STRANGER_L, 5000, FAR, 53) }, DROPS(UNREGISTERED), .noted = true },
	{ "on a device that is no LAN of ours any more, at the shield", SPOKE, XDP(LAN0), .spoil = forget_lan0, NOT_OURS,
	  .pkt = { UDP(STRANGER_L, 5000, FAR, 53) } },
	{ "on a device that never was, at the shield", SPOKE, XDP(BOX), NOT_OURS, .pkt = { UDP(STRANGER_L, 5000, FAR, 53) } },
	{ "on a device whose MAC is changing, at the shield", SPOKE, XDP(LAN0), .spoil = change_mac_of_lan0, NOT_OURS,
	  .pkt = { UDP(STRANGER_L, 5000, FAR, 53) } },
	{ "more than a frame of that LAN, at the shield", SPOKE, XDP(LAN0), .spoil = narrow_lan0, NOT_OURS,
	  .pkt = { UDP(STRANGER_L, 5000, FAR, 53), .len = 33 } },
	{ "no more than a frame of that LAN, at the shield", SPOKE, XDP(LAN0), .spoil = narrow_lan0, DROPS(UNREGISTERED),
	  .pkt = { UDP(STRANGER_L, 5000, FAR, 53), .len = 32 } },
	{ "unregistered with empty maps, at the shield", SPOKE, XDP(LAN0), .spoil = empty_all, NOT_OURS,
	  .pkt = { UDP(STRANGER_L, 5000, FAR, 53) } },
	{ "a host with empty maps, at the shield", SPOKE, XDP(LAN0), .spoil = empty_all, NOT_OURS,
	  .pkt = { UDP(ANN_L, 5000, FAR, 53) } },
	{ "a host with garbage in the maps, at the shield", SPOKE, XDP(LAN0), .spoil = garble_all, NOT_OURS,
	  .pkt = { UDP(ANN_L, 5000, FAR, 53) } },
	{ "a host with empty maps", SPOKE, LAN_IN(LAN0), .spoil = empty_all, .pkt = { UDP(ANN_L, 5000, FAR, 53) },
	  DROPS(UNREGISTERED) },
	{ "to a host with empty maps", SPOKE, WG_IN(WG, 0), .spoil = empty_all, .pkt = { UDP(FAR, 5000, ANN, 53) }, DROPS(NO_HOST) },
	{ "to the gateway with empty maps", SPOKE, WG_IN(WG, 0), .spoil = empty_all, .pkt = { UDP(FAR, 5000, GW, 53) },
	  PASSES(LOCAL) },
	{ "from the gateway with empty maps", SPOKE, WG_OUT(LOCAL, 0), .spoil = empty_all, .pkt = { UDP(GW, 53, FAR, 5000) },
	  PASSES(LOCAL) },
};

const size_t nalone = WM_ARRAY_LEN(alone);

/* --- running ---------------------------------------------------------------------------- */

static struct skb *make_skb(const struct alone *a)
{
	static uint8_t data[BYTES_MAX + FRAME_HEADER_MAX];
	bool on_lan = a->prog == WM_BPF_LAN_IN || a->prog == WM_BPF_XDP;
	size_t before = on_lan ? build_frame_header(a->from, &a->pkt, data) : 0;
	struct skb *skb = skb_new(data, before + build_packet(&a->pkt, 1, data + before));
	uint16_t protocol = a->protocol ? a->protocol : a->pkt.ethertype ? a->pkt.ethertype : ETH_P_IP;

	skb->network = (uint32_t)before;
	skb->ctx.ifindex = rig_ifindex(on_lan ? a->from : WG);
	skb->ctx.ingress_ifindex = a->from == LOCAL ? 0 : rig_ifindex(a->from);
	skb->ctx.protocol = htons(protocol);
	skb->ctx.mark = a->mark;
	skb->ctx.pkt_type = a->pkt.other_mac ? 3 : 0;
	return skb;
}

/* Maps of garbage count nowhere: by difference. */
static unsigned int reason_since(struct native_plane *plane, const struct wm_counter before[WM_REASON_COUNT])
{
	const struct wm_counter *now = (const struct wm_counter *)plane->map[WM_BPF_COUNTERS].values;
	unsigned int reason = WM_REASON_COUNT;

	for (unsigned int n = 0; n < WM_REASON_COUNT; n++)
		if (now[n].packets != before[n].packets)
			reason = n;
	return reason;
}

/* Listed and told as the row says, where it says so, and with the packet's own words. */
static bool is_noted(struct native_plane *plane, const struct alone *a, const struct skb *skb)
{
	struct wm_drop_key key = {
		.src = htonl(a->pkt.src), .dst = htonl(a->pkt.dst), .proto = a->pkt.proto, .reason = (uint8_t)a->reason,
		.hook = (uint8_t)(a->prog == WM_BPF_WG_IN ? WM_HOOK_WG_IN : a->prog == WM_BPF_WG_OUT ? WM_HOOK_WG_OUT : WM_HOOK_LAN_IN),
		.ifindex = a->prog == WM_BPF_WG_OUT ? skb->ctx.ingress_ifindex : skb->ctx.ifindex,
	};
	const struct wm_drop *drop = map_lookup(&plane->map[WM_BPF_DROPS], &key);

	if (!a->noted)
		return true;
	if (!drop == !a->listed && (!drop || drop->packets == 1) && native_ring.told == a->told &&
	    (!a->told || !memcmp(&native_ring.last.key, &key, sizeof(key))) &&
	    (!a->told || native_ring.last.drop.seen.dport == htons(a->pkt.dport)))
		return true;
	printf("# listed %d times, told %u\n", drop ? (int)drop->packets : 0, native_ring.told);
	return false;
}

bool alone_run(const struct alone *a)
{
	struct native_plane *plane = plane_of(0);
	struct wm_counter before[WM_REASON_COUNT];
	struct skb *skb = make_skb(a);
	unsigned int reason;
	int action;
	bool good;

	if (a->spoil)
		a->spoil(plane);
	memcpy(before, plane->map[WM_BPF_COUNTERS].values, sizeof(before));
	native_ring.told = 0;
	if (a->prog == WM_BPF_XDP)
		action = native_run_shield(plane, skb->ctx.ifindex, skb->data, skb->ctx.len) == XDP_DROP ? TC_ACT_SHOT : TC_ACT_UNSPEC;
	else
		action = native_run(plane, a->prog, skb);
	reason = reason_since(plane, before);
	native_ring.full = false;
	good = is_noted(plane, a, skb);
	skb_free(skb);
	if (action == a->action && reason == a->reason)
		return good;
	printf("# action %d instead of %d, reason %s instead of %s\n", action, a->action, wm_reason_name(reason),
	       wm_reason_name(a->reason));
	return false;
}
