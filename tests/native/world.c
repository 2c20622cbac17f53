/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "native/world.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "packets/frame.h"
#include "packets/rig.h"

struct world world;

static enum place place_of(uint32_t ifindex)
{
	for (enum place at = WG; at <= BOX; at++)
		if (rig_ifindex(at) == ifindex)
			return at;
	return NOWHERE;
}

void flight_end(struct flight *f, enum fate fate)
{
	if (world.end)
		world.end(&f->in, fate);
	skb_free(f->skb);
	f->skb = NULL;
}

/* --- what devices do ------------------------------------------------------------------- */

/* As skb_checksum_help: whatever stands in the field is the sum of the pseudo header. */
void finish_sum(struct skb *skb)
{
	uint16_t sum;

	if (!skb->partial || skb->csum_start + skb->csum_offset + 2 > skb->ctx.len)
		return;
	sum = (uint16_t)~csum_fold(csum_add(0, skb->data + skb->csum_start, skb->ctx.len - skb->csum_start));
	put16(skb->data + skb->csum_start + skb->csum_offset, sum ? sum : 0xffff);
	skb->partial = false;
}

/* The length in a pseudo header that was summed up already becomes another one. */
static uint16_t other_length(uint16_t sum, size_t from, size_t to)
{
	return csum_fold((uint32_t)sum + (uint16_t)~from + (uint32_t)to);
}

static struct skb *one_segment(const struct skb *skb, uint32_t headers, uint32_t at, uint32_t size, unsigned int number)
{
	uint32_t ip = skb->network, l4 = skb->csum_start, payload = skb->ctx.len - headers;
	bool last = at + size >= payload;
	struct skb *s = skb_new(skb->data, headers + WM_MIN(size, payload - at));

	memcpy(s->data + headers, skb->data + headers + at, s->ctx.len - headers);
	uint32_t len = s->ctx.len;
	uint8_t *data = s->data;
	s->ctx = skb->ctx;
	s->ctx.len = len;
	s->ctx.gso_size = 0;
	s->network = skb->network;
	s->partial = skb->partial;
	s->csum_start = skb->csum_start;
	s->csum_offset = skb->csum_offset;
	put16(data + ip + 2, (uint16_t)(len - ip));
	put16(data + ip + 4, (uint16_t)(get16(data + ip + 4) + number));
	put16(data + ip + 10, 0);
	put16(data + ip + 10, (uint16_t)~csum_fold(csum_add(0, data + ip, l4 - ip)));
	put32(data + l4 + 4, get32(data + l4 + 4) + at);
	if (!last)
		data[l4 + 13] &= (uint8_t)~(FIN | PSH);
	put16(data + l4 + 16, other_length(get16(data + l4 + 16), skb->ctx.len - l4, len - l4));
	return s;
}

/* UFO: fragments, with one checksum over all. */
static bool cut_fragments(struct flight *f, void (*each)(struct flight *segment, void *arg), void *arg)
{
	struct skb *skb = f->skb;
	uint32_t size = skb->ctx.gso_size, l4 = skb->csum_start, ip = skb->network;

	if (!size || size & 7 || !skb->partial || skb->data[ip + 9] != IPPROTO_UDP)
		return false;
	finish_sum(skb);
	for (uint32_t at = 0; at < skb->ctx.len - l4; at += size) {
		uint32_t n = WM_MIN(size, skb->ctx.len - l4 - at);
		struct flight one = { skb_new(skb->data, l4 + n), f->in };
		uint8_t *data = one.skb->data;

		one.skb->network = ip;
		one.skb->ctx.mark = skb->ctx.mark;
		memcpy(data + l4, skb->data + l4 + at, n);
		put16(data + ip + 2, (uint16_t)(l4 - ip + n));
		put16(data + ip + 6, (uint16_t)(at / 8 | (l4 + at + n < skb->ctx.len ? 0x2000 : 0)));
		put16(data + ip + 10, 0);
		put16(data + ip + 10, (uint16_t)~csum_fold(csum_add(0, data + ip, l4 - ip)));
		each(&one, arg);
	}
	skb_free(skb);
	f->skb = NULL;
	return true;
}

void cut_segments(struct flight *f, void (*each)(struct flight *segment, void *arg), void *arg)
{
	struct skb *skb = f->skb;
	uint32_t size = skb->ctx.gso_size, headers = 0;
	struct flight whole = *f;

	if (cut_fragments(f, each, arg))
		return;
	if (size && skb->partial && skb->data[skb->network + 9] == IPPROTO_TCP && skb->csum_start + 20 <= skb->ctx.len)
		headers = skb->csum_start + (uint32_t)(skb->data[skb->csum_start + 12] >> 4) * 4;
	if (!headers || headers < skb->csum_start + 20 || headers >= skb->ctx.len) {
		each(f, arg);
		return;
	}
	for (uint32_t at = 0, n = 0; at < skb->ctx.len - headers; at += size, n++) {
		struct flight one = { one_segment(skb, headers, at, size, n), whole.in };

		each(&one, arg);
	}
	skb_free(skb);
	f->skb = NULL;
}

/* --- out ------------------------------------------------------------------------------- */

static struct seen *keep(enum place at, const uint8_t *data, size_t len, bool ip)
{
	struct seen *s = seen_add(&world.out);

	s->at = at;
	s->len = len;
	s->ip = ip;
	s->data = malloc(len + 1);
	if (!s->data)
		abort();
	memcpy(s->data, data, len);
	return s;
}

struct exit_of {
	enum place at;
};

static void leave(struct flight *f, void *arg)
{
	const struct exit_of *to = arg;
	uint32_t skip = rig_is_lan(to->at) ? ETH_HLEN : 0;

	finish_sum(f->skb);
	struct seen *s = keep(to->at, f->skb->data + skip, f->skb->ctx.len - skip, true);
	if (skip) {
		memcpy(s->eth, f->skb->data, ETH_HLEN);
		s->ip = get16(s->eth + 12) == ETH_P_IP;
	}
	flight_end(f, FATE_OUT);
}

void out_of_lan(struct flight *f, enum place at)
{
	struct exit_of to = { at };

	if (!rig_is_lan(at) || f->skb->ctx.len < ETH_HLEN) {
		flight_end(f, FATE_STACK);
		return;
	}
	cut_segments(f, leave, &to);
}

/* --- programs --------------------------------------------------------------------------- */

static void read_reasons(struct native_plane *plane, uint64_t ret[WM_REASON_COUNT])
{
	const struct wm_counter *c = (const struct wm_counter *)plane->map[WM_BPF_COUNTERS].values;

	for (unsigned int n = 0; n < WM_REASON_COUNT; n++)
		ret[n] = c[n].packets;
}

/* The shield's verdict in the words of tc. */
static int run_shield(struct native_plane *plane, const struct skb *skb)
{
	int action = (world.run_shield ? world.run_shield : native_run_shield)(plane, skb->ctx.ifindex, skb->data, skb->ctx.len);

	if (action != XDP_PASS && action != XDP_DROP)
		abort();
	return action == XDP_DROP ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

static int run_program(struct flight *f, enum wm_bpf_prog prog, unsigned int mesh)
{
	struct native_plane *plane = plane_of(mesh);
	struct program_run run = { .prog = prog, .mesh = mesh, .reason = WM_REASON_COUNT, .counted = f->in.counted };
	uint64_t before[WM_REASON_COUNT], after[WM_REASON_COUNT];

	read_reasons(plane, before);
	run.action = prog == WM_BPF_XDP ? run_shield(plane, f->skb) :
					  (world.run ? world.run : native_run)(plane, prog, f->skb);
	read_reasons(plane, after);
	for (unsigned int n = 0; n < WM_REASON_COUNT; n++) {
		if (after[n] == before[n])
			continue;
		run.reason = n;
		run.reasons++;
	}
	f->in.counted += run.reasons;
	if (world.ran)
		world.ran(&run);
	return run.action;
}

/* The neighbour that the packet's next hop names gets it. */
static void fill_ethernet(struct skb *skb, enum place at)
{
	wm_ip4 hop = skb->next_hop ? ntohl(skb->next_hop) : get32(skb->data + ETH_HLEN + 16);

	rig_host_mac(at, hop, skb->data);
	rig_gateway_mac(at, skb->data + 6);
	put16(skb->data + 12, ETH_P_IP);
}

static void redirect(struct flight *f)
{
	enum place to = place_of(f->skb->to_ifindex);

	if (to == WG || to == WG2) {
		skb_pull(f->skb, f->skb->network);
		out_of_wg(f, to == WG2);
		return;
	}
	if (rig_is_lan(to) && f->skb->by_neighbour && f->skb->ctx.len >= ETH_HLEN + 20)
		fill_ethernet(f->skb, to);
	out_of_lan(f, to);
}

/* Between no two machines. */
static void add_wg_ethernet(struct skb *skb)
{
	if (!world.wg_has_ethernet)
		return;
	skb_push(skb, ETH_HLEN);
	memcpy(skb->data + 2 * ETH_ALEN, &skb->ctx.protocol, 2);
}

void out_of_wg(struct flight *f, unsigned int mesh)
{
	struct exit_of to = { mesh ? WG2 : WG };

	f->in.mesh = true;
	f->skb->network = 0;
	f->skb->ctx.ifindex = rig_ifindex(to.at);
	f->skb->ctx.protocol = htons(ETH_P_IP);
	add_wg_ethernet(f->skb);
	f->skb->ctx.ingress_ifindex = f->in.from == LOCAL ? 0 : rig_ifindex(f->in.from);
	switch (run_program(f, WM_BPF_WG_OUT, mesh)) {
	case TC_ACT_UNSPEC:
		skb_pull(f->skb, f->skb->network);
		cut_segments(f, leave, &to);
		return;
	case TC_ACT_REDIRECT:
		redirect(f);
		return;
	default:
		flight_end(f, FATE_DROPPED);
	}
}

static void into_wg(struct flight *f, unsigned int mesh)
{
	f->in.mesh = true;
	/* A TUN says what the first byte does; so does WireGuard. */
	f->skb->ctx.protocol = htons(f->skb->ctx.len && f->skb->data[0] >> 4 == 6 ? ETH_P_IPV6 : ETH_P_IP);
	add_wg_ethernet(f->skb);
	switch (run_program(f, WM_BPF_WG_IN, mesh)) {
	case TC_ACT_UNSPEC:
		skb_pull(f->skb, f->skb->network);
		stack_receive(f, false);
		return;
	case TC_ACT_REDIRECT:
		redirect(f);
		return;
	default:
		flight_end(f, FATE_DROPPED);
	}
}

/* --- LAN ---------------------------------------------------------------------------------- */

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
		keep(TAP, skb->data + ETH_HLEN, skb->ctx.len - ETH_HLEN, protocol == ETH_P_IP);
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

	return plane && plane->shield && f->in.from != BOX && run_program(f, WM_BPF_XDP, 0) == TC_ACT_SHOT;
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
		int action = run_program(f, WM_BPF_LAN_IN, mesh);

		if (action == TC_ACT_UNSPEC) {
			keeps_tags(f, tagged, len);
			continue;
		}
		if (action == TC_ACT_REDIRECT)
			redirect(f);
		else
			flight_end(f, FATE_DROPPED);
		return;
	}
	past_filters(f);
}

/* --- in ----------------------------------------------------------------------------------- */

void world_send(enum place at, const uint8_t *data, size_t len, const struct virtio_net_hdr *vnet)
{
	struct flight f = { skb_new(data, len), { .from = at } };
	struct skb *skb = f.skb;
	bool shielded_off;

	skb->ctx.ifindex = skb->ctx.ingress_ifindex = at == LOCAL ? 0 : rig_ifindex(at);
	skb->partial = vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM && vnet->csum_start + vnet->csum_offset + 2u <= len;
	skb->csum_start = vnet->csum_start;
	skb->csum_offset = vnet->csum_offset;
	skb->ctx.gso_size = vnet->gso_type ? vnet->gso_size : 0;
	if (at == LOCAL)
		stack_send(&f);
	else if (at == WG || at == WG2)
		into_wg(&f, at == WG2);
	else {
		shielded_off = shield_drops(&f);
		if (read_frame(skb, at))
			into_lan(&f, shielded_off);
		else
			flight_end(&f, FATE_STACK);
	}
}

void world_reset(void)
{
	stack_reset();
}
