/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What surrounds a gateway under measurement: a generator and two sinks, and
 * the least that can stand in the gateway's place.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#include "wire.h"

const volatile struct wire_world world = { .hosts = 1, .peers = 1 };
const volatile __u32 wg_ifindex, lan_ifindex;

struct wire_order order; /* written by userspace; gen counts `next` up */
struct wire_tally tally; /* written by the sinks */

/* Written by the sinks: packets that came out right, by host. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} got SEC(".maps");

struct frame {
	struct ethhdr eth;
	struct wire_packet packet;
} __attribute__((packed));

/* Written by the sinks: how long each packet was on its way that says when it was sent, in ns. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, WIRE_TRANSITS);
	__type(key, __u32);
	__type(value, __u64);
} transit SEC(".maps");
__u32 ntransit; /* written by the sinks; set to 0 by userspace */

static __always_inline void note_transit(__u32 sent)
{
	__u32 i = ntransit;
	__u64 *slot = bpf_map_lookup_elem(&transit, &i);

	if (!slot)
		return;
	*slot = (__u32)bpf_ktime_get_ns() - sent;
	ntransit = i + 1;
}

static __always_inline void count(enum wire_fault fault, __u32 host, __u32 sent)
{
	__u64 *n;

	tally.count[fault & 7]++;
	if (fault != WIRE_GOOD)
		return;
	n = bpf_map_lookup_elem(&got, &host);
	if (n)
		(*n)++;
	if (sent)
		note_transit(sent);
}

static __always_inline void next_packet(struct wire_packet *p)
{
	struct wire_order o = order;

	order.next = o.next + 1;
	wire_build(&world, &o, o.next, p);
}

/* Puts the next packet into the frame, from the host whose it is; NULL: there is no room. */
static __always_inline struct frame *next_frame(struct xdp_md *ctx)
{
	struct frame *f = (void *)(long)ctx->data;
	struct wire_packet p;

	if ((void *)(f + 1) > (void *)(long)ctx->data_end)
		return NULL;
	next_packet(&p);
	__builtin_memcpy(&f->packet, &p, sizeof(p));
	wire_host_mac(p.host, f->eth.h_source);
	return f;
}

/* Frames of the LAN's machines, out of the far end. */
SEC("xdp")
int bench_gen(struct xdp_md *ctx)
{
	static const __u8 gateway[ETH_ALEN] = WIRE_MAC_GATEWAY;
	struct frame *f = next_frame(ctx);

	if (!f)
		return XDP_ABORTED;
	__builtin_memcpy(f->eth.h_dest, gateway, ETH_ALEN);
	f->eth.h_proto = bpf_htons(ETH_P_IP);
	return XDP_TX;
}

/* At the far end: what the gateway sends to the LAN. */
SEC("xdp")
int bench_lan_sink(struct xdp_md *ctx)
{
	struct frame *f = (void *)(long)ctx->data;
	enum wire_fault fault;
	struct wire_packet p;
	__u32 host = 0;
	__u8 mac[6];

	if ((void *)(f + 1) > (void *)(long)ctx->data_end) {
		count(WIRE_STRANGE, 0, 0);
		return XDP_DROP;
	}
	__builtin_memcpy(&p, &f->packet, sizeof(p));
	fault = wire_check(&world, &p, &host);
	wire_host_mac(host, mac);
	for (int i = 0; i < ETH_ALEN; i++)
		if (fault == WIRE_GOOD && mac[i] != f->eth.h_dest[i])
			fault = WIRE_MAC;
	count(fault, host, p.sent);
	return XDP_DROP;
}

/* On the TUN: what the gateway sends into the tunnel. */
SEC("socket")
int bench_wg_sink(struct __sk_buff *skb)
{
	struct wire_packet p;
	__u32 host = 0;

	if (skb->len != sizeof(p) || bpf_skb_load_bytes(skb, 0, &p, sizeof(p)))
		count(WIRE_STRANGE, 0, 0);
	else
		count(wire_check(&world, &p, &host), host, p.sent);
	return 0;
}

/* --- in place of a gateway: hand over, look at nothing -------------------------------- */

SEC("tc")
int bench_floor_to_lan(struct __sk_buff *skb)
{
	struct ethhdr eth = { .h_source = WIRE_MAC_GATEWAY, .h_proto = bpf_htons(ETH_P_IP) };
	__be32 dst;

	if (bpf_skb_load_bytes(skb, __builtin_offsetof(struct wire_packet, dst), &dst, sizeof(dst)) ||
	    bpf_skb_change_head(skb, ETH_HLEN, 0))
		return TC_ACT_SHOT;
	wire_host_mac(bpf_ntohl(dst) - world.lan - 2, eth.h_dest);
	if (bpf_skb_store_bytes(skb, 0, &eth, sizeof(eth), 0))
		return TC_ACT_SHOT;
	return bpf_redirect(lan_ifindex, 0);
}

SEC("tc")
int bench_floor_to_wg(struct __sk_buff *skb)
{
	return bpf_redirect(wg_ifindex, 0);
}

SEC("tc")
int bench_floor_drop(struct __sk_buff *skb)
{
	return TC_ACT_SHOT;
}

SEC("xdp")
int bench_xdp_drop(struct xdp_md *ctx)
{
	return XDP_DROP;
}

/* --- a program alone, by BPF_PROG_TEST_RUN ------------------------------------------------ */

__u32 drive_mark; /* of the packets, written by userspace */

/* The program that is run for each packet. Written by userspace. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target_xdp SEC(".maps");

/* The same buffer is used again and again: each time the packet of another host is put there. */
SEC("tc")
int bench_drive(struct __sk_buff *skb)
{
	struct wire_packet p;
	__u8 mac[ETH_ALEN];

	next_packet(&p);
	wire_host_mac(p.host, mac);
	skb->mark = drive_mark;
	if (bpf_skb_store_bytes(skb, ETH_HLEN, &p, sizeof(p), 0) ||
	    bpf_skb_store_bytes(skb, ETH_ALEN, mac, ETH_ALEN, 0))
		return TC_ACT_SHOT;
	bpf_tail_call(skb, &target, 0);
	return TC_ACT_SHOT;
}

SEC("tc")
int bench_empty(struct __sk_buff *skb)
{
	return TC_ACT_UNSPEC;
}

SEC("xdp")
int bench_drive_xdp(struct xdp_md *ctx)
{
	if (next_frame(ctx))
		bpf_tail_call(ctx, &target_xdp, 0);
	return XDP_ABORTED;
}

char _license[] SEC("license") = "Dual BSD/GPL";
