/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What devices do, the programs at their hooks, and the ways in and out.
 */
#include "native/world.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
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

struct seen *world_keep(enum place at, const uint8_t *data, size_t len, bool ip)
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
	struct seen *s = world_keep(to->at, f->skb->data + skip, f->skb->ctx.len - skip, true);
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

int world_run_program(struct flight *f, enum wm_bpf_prog prog, unsigned int mesh)
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

void world_redirect(struct flight *f)
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
	switch (world_run_program(f, WM_BPF_WG_OUT, mesh)) {
	case TC_ACT_UNSPEC:
		skb_pull(f->skb, f->skb->network);
		cut_segments(f, leave, &to);
		return;
	case TC_ACT_REDIRECT:
		world_redirect(f);
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
	switch (world_run_program(f, WM_BPF_WG_IN, mesh)) {
	case TC_ACT_UNSPEC:
		skb_pull(f->skb, f->skb->network);
		stack_receive(f, false);
		return;
	case TC_ACT_REDIRECT:
		world_redirect(f);
		return;
	default:
		flight_end(f, FATE_DROPPED);
	}
}

/* --- in ----------------------------------------------------------------------------------- */

void world_send(enum place at, const uint8_t *data, size_t len, const struct virtio_net_hdr *vnet)
{
	struct flight f = { skb_new(data, len), { .from = at } };
	struct skb *skb = f.skb;

	skb->ctx.ifindex = skb->ctx.ingress_ifindex = at == LOCAL ? 0 : rig_ifindex(at);
	skb->partial = vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM && vnet->csum_start + vnet->csum_offset + 2u <= len;
	skb->csum_start = vnet->csum_start;
	skb->csum_offset = vnet->csum_offset;
	skb->ctx.gso_size = vnet->gso_type ? vnet->gso_size : 0;
	if (at == LOCAL)
		stack_send(&f);
	else if (at == WG || at == WG2)
		into_wg(&f, at == WG2);
	else
		lan_receive(&f, at);
}

void world_reset(void)
{
	stack_reset();
}
