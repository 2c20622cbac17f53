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

inline_ void count_pass(const struct packet *p, __u32 reason)
{
	struct wm_counter *c = bpf_map_lookup_elem(&counters, &reason);
	struct amount a = amount_of(p);

	if (c) {
		c->packets += a.packets;
		c->bytes += a.bytes;
	}
}

/* At wg egress it tells where the packet came in; elsewhere it is the device that we are on. */
inline_ __u32 came_in(const struct packet *p)
{
	return p->hook == WM_HOOK_WG_OUT ? ctx_word(p->skb, ingress_ifindex) : ctx_word(p->skb, ifindex);
}

inline_ void count_dropped(const struct packet *p, __u32 reason)
{
	struct amount a = amount_of(p);
	__u64 what = (__u64)came_in(p) << 32 | (__u32)p->proto << 16 | (__u32)p->hook << 8 | reason;
	__u64 seen = p->mac;

	__builtin_memcpy((char *)&seen + ETH_ALEN, &p->dport, sizeof(p->dport));
	note_drop((__u64)p->dst << 32 | p->src, what, a.packets << 32 | (__u32)a.bytes, seen);
}

inline_ int verdict(const struct packet *p, __u32 reason, int action)
{
	if (action == DROP)
		count_dropped(p, reason);
	else
		count_pass(p, reason);
	return action;
}

inline_ void count_to(const struct packet *p, __u32 index)
{
	struct wm_host_stats *s = bpf_map_lookup_elem(&host_stats, &index);
	struct amount a = amount_of(p);

	if (s) {
		s->to_packets += a.packets;
		s->to_bytes += a.bytes;
	}
}

inline_ void count_from(const struct packet *p, __u32 index)
{
	struct wm_host_stats *s = bpf_map_lookup_elem(&host_stats, &index);
	struct amount a = amount_of(p);

	if (s) {
		s->from_packets += a.packets;
		s->from_bytes += a.bytes;
		s->last_seen = bpf_jiffies64();
	}
}

inline_ void count_drop(const struct packet *p, __u32 index)
{
	struct wm_host_stats *s = bpf_map_lookup_elem(&host_stats, &index);

	if (s)
		s->drops += amount_of(p).packets;
}

/* A drop that host or device `index` has to answer for. */
inline_ int drop_of(const struct packet *p, __u32 index, __u32 reason)
{
	count_drop(p, index);
	return verdict(p, reason, DROP);
}
