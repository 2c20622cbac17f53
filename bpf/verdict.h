/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * One exit for every verdict: the reason is the counter's index.
 */
#pragma once

#include "drops.h"
#include "maps.h"
#include "packet.h"

/* Not TC_ACT_OK, which would end the chain and blind another mesh's filter on this device. */
#define PASS TC_ACT_UNSPEC
#define DROP TC_ACT_SHOT

struct amount {
	__u64 packets, bytes;
};

/* A GSO packet stands for its segments, each with headers of its own. Counted here:
 * gso_segs is 0 in what a TUN's writer (wireguard-go) has put together. */
inline_ struct amount amount_of(const struct packet *p)
{
	struct amount a = { 1, p->len };
	__u32 headers = p->ihl + (p->proto == IPPROTO_TCP ? p->tcp_doff : 8);
	__u32 size = segment_size(p), segments;

	if (!size || p->len <= headers + size)
		return a;
	segments = (p->len - headers + size - 1) / size;
	a.packets = segments;
	a.bytes += (segments - 1) * (__u64)headers;
	return a;
}

inline_ void count(const struct packet *p, __u32 reason)
{
	struct wm_counter *c = bpf_map_lookup_elem(&counters, &reason);
	struct amount a = amount_of(p);

	if (c) {
		c->packets += a.packets;
		c->bytes += a.bytes;
	}
}

/* Notes a drop, in the packet's own words as they are now: so a program has to keep nothing for it until wherever it drops.
 * A global function, which the verifier walks once. (Counting in here as well, instead of at each verdict, costs the
 * verifier of Linux 5.10 a third more for wg ingress.) */
__attribute__((noinline)) int drop_packet(struct __sk_buff *skb, __u32 reason, __u32 hook)
{
	struct packet p = { .skb = skb, .off = hook == WM_HOOK_LAN_IN ? ETH_HLEN : params.wg_l2_len };
	__u32 ifindex = ctx_word(skb, ifindex), came_in = ctx_word(skb, ingress_ifindex);
	struct wm_drop_key key = { .reason = (__u8)reason, .hook = (__u8)hook };
	struct wm_drop one = { .last = bpf_jiffies64() };
	struct iphdr ip;
	struct amount a;

	p.len = skb->len - p.off;
	key.ifindex = hook == WM_HOOK_WG_OUT ? came_in : ifindex;
	if (hook == WM_HOOK_LAN_IN)
		bpf_skb_load_bytes(skb, ETH_ALEN, one.seen.mac, ETH_ALEN);
	if (!bpf_skb_load_bytes(skb, p.off, &ip, sizeof(ip)) && ip.version == 4) {
		key.src = ip.saddr;
		key.dst = ip.daddr;
		key.proto = p.proto = ip.protocol;
		if (ip.tot_len)
			p.len = bpf_ntohs(ip.tot_len); /* as it says: of an invalid one, too */
		p.ihl = ip.ihl * 4;
		p.l4 = p.off + p.ihl;
		p.end = p.off + p.len;
		p.frag = bpf_ntohs(ip.frag_off) & 0x1fff;
		parse_l4(&p);
		one.seen.dport = p.dport;
	}
	a = amount_of(&p);
	one.packets = a.packets;
	one.bytes = a.bytes;
	note_drop(&key, &one);
	return 0;
}

inline_ int verdict(const struct packet *p, __u32 reason, int action)
{
	count(p, reason);
	if (action == DROP)
		drop_packet(p->skb, reason, p->hook);
	return action;
}

/* This processor's counters of the host or device `index`. */
inline_ struct wm_host_stats *stats_of(__u32 index)
{
	__u32 addresses = ~bpf_ntohl(params.subnet_mask) + 1, at = bpf_get_smp_processor_id() * addresses + index;

	return bpf_map_lookup_elem(&host_stats, &at);
}

/* Whose counters will be written: asks the memory for them now, at once with what is asked about the host. By the time they
 * are written hundreds of instructions have gone by, more than a processor looks ahead. */
inline_ void expect_to_count(__u32 index)
{
	struct wm_host_stats *s = stats_of(index);

	if (s)
		(void)*(volatile __u64 *)&s->to_packets;
}

inline_ void count_to(const struct packet *p, __u32 index)
{
	struct wm_host_stats *s = stats_of(index);
	struct amount a = amount_of(p);

	if (s) {
		s->to_packets += a.packets;
		s->to_bytes += a.bytes;
	}
}

inline_ void count_from(const struct packet *p, __u32 index)
{
	struct wm_host_stats *s = stats_of(index);
	struct amount a = amount_of(p);

	if (s) {
		s->from_packets += a.packets;
		s->from_bytes += a.bytes;
	}
}

inline_ void count_drop(const struct packet *p, __u32 index)
{
	__u64 *drops = bpf_map_lookup_elem(&host_drops, &index);

	if (drops)
		__sync_fetch_and_add(drops, amount_of(p).packets);
}

/* A drop that host or device `index` has to answer for. */
inline_ int drop_of(const struct packet *p, __u32 index, __u32 reason)
{
	count_drop(p, index);
	return verdict(p, reason, DROP);
}
