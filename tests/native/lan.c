/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A frame comes in on a LAN: what the kernel makes of it before the filters, the
 * shield and LAN ingress, and what stands behind them.
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "native/world.h"
#include "packets/frame.h"

static bool is_vlan(uint16_t type)
{
	return type == ETH_P_8021Q || type == ETH_P_8021AD;
}

static void take_tag(struct skb *skb)
{
	uint8_t macs[2 * ETH_ALEN];

	skb->ctx.vlan_present = 1;
	skb->ctx.vlan_tci = get16(skb->data + ETH_HLEN);
	memcpy(macs, skb->data, sizeof(macs));
	skb_pull(skb, 4);
	memcpy(skb->data, macs, sizeof(macs));
}

/* eth_type_trans, and what __netif_receive_skb_core does before the filters. */
static bool read_frame(struct skb *skb, enum place at)
{
	uint8_t own[ETH_ALEN];

	if (skb->ctx.len < ETH_HLEN)
		return false;
	rig_gateway_mac(at, own);
	skb->ctx.pkt_type = memcmp(skb->data, own, ETH_ALEN) == 0 ? PACKET_HOST :
			    memcmp(skb->data, "\xff\xff\xff\xff\xff\xff", ETH_ALEN) == 0 ? PACKET_BROADCAST :
			    skb->data[0] & 1 ? PACKET_MULTICAST : PACKET_OTHERHOST;
	if (is_vlan(get16(skb->data + 12)) && skb->ctx.len < ETH_HLEN + 4)
		return false;
	if (is_vlan(get16(skb->data + 12)))
		take_tag(skb);
	uint16_t type = get16(skb->data + 12);
	skb->ctx.protocol = htons(type < 0x600 ? ETH_P_802_2 : type);
	skb->network = ETH_HLEN;
	return true;
}

/* Where IPv4 begins behind tags of VLAN 0; 0: nowhere. More than three such tags nobody sends: all is judged then. */
static uint32_t find_ip(const struct skb *skb, bool *ret_tagged)
{
	uint32_t at = ETH_HLEN;
	unsigned int tags = skb->ctx.vlan_present;

	if (skb->ctx.vlan_present && skb->ctx.vlan_tci & 0x0fff)
		return 0;
	for (; at + 4 <= skb->ctx.len && is_vlan(get16(skb->data + at - 2)); at += 4, tags++)
		if (tags <= 3 && get16(skb->data + at) & 0x0fff)
			return 0;
	*ret_tagged = tags > 3;
	return get16(skb->data + at - 2) == ETH_P_IP && at + 20 <= skb->ctx.len ? at : 0;
}

/* What the data plane has to judge: by another reading of the frame than its own. */
static bool is_for_mesh(const struct skb *skb)
{
	bool tagged = false;
	uint32_t at = find_ip(skb, &tagged);
	wm_ip4 dst;

	if (skb->ctx.pkt_type == PACKET_OTHERHOST || (!at && !tagged))
		return false;
	if (tagged)
		return true;
	dst = get32(skb->data + at + 16);
	for (unsigned int mesh = 0; mesh < 2; mesh++) {
		const struct native_plane *p = plane_of(mesh);

		if (p && skb->ctx.pkt_type == PACKET_HOST && (htonl(dst) & p->params.supernet_mask) == p->params.supernet)
			return true;
		if (p && htonl(dst) == p->params.gateway)
			return true;
	}
	return false;
}

static bool is_tapped(uint16_t protocol)
{
	static const uint16_t protocols[] = { ETH_P_IP, ETH_P_ARP, ETH_P_IPV6, ETH_P_LLDP, ETH_P_802_2, ETH_P_8021Q };

	for (size_t n = 0; n < WM_ARRAY_LEN(protocols); n++)
		if (protocols[n] == protocol)
			return true;
	return false;
}

static void past_filters(struct flight *f)
{
	struct skb *skb = f->skb;
	uint16_t protocol = ntohs((uint16_t)skb->ctx.protocol);

	/* __netif_receive_skb_core takes off however many tags of VLAN 0. */
	while (skb->ctx.vlan_present && !(skb->ctx.vlan_tci & 0x0fff) && is_vlan(protocol)) {
		if (skb->ctx.len < ETH_HLEN + 4 + 2) {
			flight_end(f, FATE_STACK);
			return;
		}
		take_tag(skb);
		protocol = get16(skb->data + 2 * ETH_ALEN);
	}
	if (f->in.from == LAN0 && is_tapped(protocol))
		world_keep(TAP, skb->data + ETH_HLEN, skb->ctx.len - ETH_HLEN, protocol == ETH_P_IP);
	if (protocol != ETH_P_IP || skb->ctx.pkt_type == PACKET_OTHERHOST || (skb->ctx.vlan_present && skb->ctx.vlan_tci & 0x0fff)) {
		flight_end(f, FATE_STACK);
		return;
	}
	bool group = skb->ctx.pkt_type != PACKET_HOST;
	skb_pull(skb, ETH_HLEN);
	stack_receive(f, group);
}

/* Before the kernel has looked at the frame. */
static bool shield_drops(struct flight *f)
{
	const struct native_plane *plane = plane_of(0);

	return plane && plane->shield && f->in.from != BOX && world_run_program(f, WM_BPF_XDP, 0) == TC_ACT_SHOT;
}

/* Whatever the shield drops LAN ingress would drop as unregistered: it is asked, about a copy, and nothing stays of it. */
static void compare_with_lan_ingress(const struct flight *f)
{
	struct native_plane *plane = plane_of(0);
	struct native_map *counters = &plane->map[WM_BPF_COUNTERS];
	struct native_fault fault = native_fault;
	struct wm_counter before[WM_REASON_COUNT];
	struct skb *skb = skb_copy(f->skb);
	uint64_t unregistered, packets = 0;
	int action;

	native_fault.fail_at = 0;
	memcpy(before, counters->values, sizeof(before));
	action = native_run(plane, WM_BPF_LAN_IN, skb);
	for (unsigned int n = 0; n < WM_REASON_COUNT; n++)
		packets += ((struct wm_counter *)counters->values)[n].packets - before[n].packets;
	unregistered = ((struct wm_counter *)counters->values)[WM_REASON_UNREGISTERED].packets -
		       before[WM_REASON_UNREGISTERED].packets;
	if (action != TC_ACT_SHOT || unregistered != 1 || packets != 1) {
		fprintf(stderr, "broken rule: the shield drops what LAN ingress would not, or not once as unregistered\n");
		abort();
	}
	memcpy(counters->values, before, sizeof(before));
	native_fault = fault;
	skb_free(skb);
}

/* What is none of ours keeps its tags, for other filters behind ours. */
static void keeps_tags(const struct flight *f, uint32_t present, uint32_t len)
{
	if (f->in.mesh || (f->skb->ctx.vlan_present == present && f->skb->ctx.len == len))
		return;
	fprintf(stderr, "broken rule: a frame that is not ours is changed\n");
	abort();
}

static void into_lan(struct flight *f, bool shielded_off)
{
	f->in.mesh = f->in.from != BOX && is_for_mesh(f->skb);
	if (shielded_off) {
		compare_with_lan_ingress(f);
		flight_end(f, FATE_DROPPED);
		return;
	}
	for (unsigned int mesh = 0; f->in.from != BOX && mesh < 2 && plane_of(mesh); mesh++) {
		uint32_t tagged = f->skb->ctx.vlan_present, len = f->skb->ctx.len;
		int action = world_run_program(f, WM_BPF_LAN_IN, mesh);

		if (action == TC_ACT_UNSPEC) {
			keeps_tags(f, tagged, len);
			continue;
		}
		if (action == TC_ACT_REDIRECT)
			world_redirect(f);
		else
			flight_end(f, FATE_DROPPED);
		return;
	}
	past_filters(f);
}

void lan_receive(struct flight *f, enum place at)
{
	bool shielded_off = shield_drops(f);

	if (read_frame(f->skb, at))
		into_lan(f, shielded_off);
	else
		flight_end(f, FATE_STACK);
}
