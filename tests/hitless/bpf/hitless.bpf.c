/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What surrounds a gateway under proof: a generator of frames, and sinks that
 * look at every packet that comes out.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#include "proof.h"

const volatile struct proof_world world = { .all = 1, .stable0 = 1, .lan1_from = 1, .stable1 = 1 };

struct proof_order order; /* written by userspace; gen counts `next` up */
struct proof_tally tally; /* written by the sinks */

/* Written by userspace. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct proof_pair);
} pairs SEC(".maps");

/* Written by the sinks: what came out right, by index; of what had to, and of all. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct proof_count);
} came_must SEC(".maps"), came SEC(".maps");

struct frame {
	struct ethhdr eth;
	struct wire_packet packet;
} __attribute__((packed));

static __always_inline void note_one(void *map, __u32 index, bool from)
{
	struct proof_count *c = bpf_map_lookup_elem(map, &index);

	if (c)
		__sync_fetch_and_add(from ? &c->from : &c->to, 1);
}

static __always_inline void note(const struct wire_packet *p, enum proof_fault fault)
{
	__u32 way = p->way & PROOF_WAY;
	bool must = p->way & PROOF_MUST;

	if (fault != PROOF_GOOD) {
		if (!tally.fault[0])
			tally.first = *p;
		__sync_fetch_and_add(&tally.fault[0], 1);
		__sync_fetch_and_add(&tally.fault[fault & 7], 1);
		return;
	}
	if (way != WIRE_RELAY) {
		note_one(&came, p->host, proof_from_lan(way));
		if (must)
			note_one(&came_must, p->host, proof_from_lan(way));
	}
	if (way == PROOF_HAIRPIN) {
		note_one(&came, p->peer, false);
		if (must)
			note_one(&came_must, p->peer, false);
	}
	if (must)
		__sync_fetch_and_add(&tally.must, 1);
	else
		__sync_fetch_and_add(&tally.may, 1);
}

/* The LAN address that overlay address `index` leads to, if it is `local`; 0: it is not, before nor after. */
static __always_inline __u32 leads_to(__u32 index, __u32 local)
{
	struct proof_pair *pair = bpf_map_lookup_elem(&pairs, &index);

	for (int i = 0; i < 2 && pair; i++)
		if (pair->to[i] && proof_local(&world, pair->to[i] - 1) == local)
			return local;
	return pair && pair->to[1] ? proof_local(&world, pair->to[1] - 1) : 0;
}

static __always_inline __u32 speaks_as(__u32 index, __u32 overlay)
{
	struct proof_pair *pair = bpf_map_lookup_elem(&pairs, &index);

	for (int i = 0; i < 2 && pair; i++)
		if (pair->from[i] && proof_overlay(&world, pair->from[i] - 1) == overlay)
			return overlay;
	return pair && pair->from[1] ? proof_overlay(&world, pair->from[1] - 1) : 0;
}

/* Frames of the LAN's machines, out of the far end. */
SEC("xdp")
int hitless_gen(struct xdp_md *ctx)
{
	static const __u8 gateway[ETH_ALEN] = WIRE_MAC_GATEWAY;
	struct frame *f = (void *)(long)ctx->data;
	struct proof_order o = order;
	struct wire_packet p;

	if ((void *)(f + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	order.next = o.next + 1;
	proof_build(&world, &o, o.next, &p);
	__builtin_memcpy(&f->packet, &p, sizeof(p));
	wire_host_mac(p.host, f->eth.h_source);
	__builtin_memcpy(f->eth.h_dest, gateway, ETH_ALEN);
	f->eth.h_proto = bpf_htons(ETH_P_IP);
	return XDP_TX;
}

static __always_inline bool is_of_ours(const struct wire_packet *p)
{
	return p->version == 0x45 && p->proto == 17 && p->magic == WIRE_MAGIC && p->host < 1u << 24 && p->peer < 1u << 24;
}

/* At the far ends: what the gateway sends to a LAN. */
static __always_inline int lan_sink(struct xdp_md *ctx, bool second)
{
	struct frame *f = (void *)(long)ctx->data;
	__u32 way, index, src, dst, at;
	enum proof_fault fault;
	struct wire_packet p;
	__u8 mac[6];

	if ((void *)(f + 1) > (void *)(long)ctx->data_end || f->eth.h_proto != bpf_htons(ETH_P_IP))
		return XDP_DROP;
	__builtin_memcpy(&p, &f->packet, sizeof(p));
	if (!is_of_ours(&p))
		return XDP_DROP;
	way = p.way & PROOF_WAY;
	at = bpf_ntohl(p.dst);
	if (way == WIRE_TO_LAN) {
		src = world.away + 2 + p.peer;
		dst = leads_to(p.host, at);
	} else if (way == PROOF_HAIRPIN) {
		src = speaks_as(p.host, bpf_ntohl(p.src));
		dst = leads_to(p.peer, at);
	} else {
		note(&p, PROOF_OTHER);
		return XDP_DROP;
	}
	fault = proof_addresses(&world, &p, src, dst);
	if (fault == PROOF_GOOD)
		fault = proof_state(&p);
	index = at - world.lan - 2 - (second ? PROOF_LAN1 : 0);
	wire_host_mac(index, mac);
	for (int i = 0; i < ETH_ALEN; i++)
		if (fault == PROOF_GOOD && mac[i] != f->eth.h_dest[i])
			fault = PROOF_MAC;
	if (fault == PROOF_GOOD && second != (index >= world.lan1_from))
		fault = PROOF_OTHER;
	note(&p, fault);
	return XDP_DROP;
}

SEC("xdp")
int hitless_lan0_sink(struct xdp_md *ctx)
{
	return lan_sink(ctx, false);
}

SEC("xdp")
int hitless_lan1_sink(struct xdp_md *ctx)
{
	return lan_sink(ctx, true);
}

/* On the TUN: what the gateway sends into the tunnel. */
SEC("socket")
int hitless_wg_sink(struct __sk_buff *skb)
{
	struct wire_packet p;
	enum proof_fault fault = PROOF_OTHER;
	__u32 way;

	if (skb->len != sizeof(p) || bpf_skb_load_bytes(skb, 0, &p, sizeof(p)) || !is_of_ours(&p))
		return 0;
	way = p.way & PROOF_WAY;
	if (way == WIRE_RELAY)
		fault = proof_addresses(&world, &p, world.away + 2 + p.peer, world.beyond + 2 + p.host);
	else if (way == WIRE_TO_WG)
		fault = proof_addresses(&world, &p, speaks_as(p.host, bpf_ntohl(p.src)), world.away + 2 + p.peer);
	if (fault == PROOF_GOOD)
		fault = proof_state(&p);
	note(&p, fault);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
