/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The two questions about an isolated end: may this packet go to it, and may
 * this one come from it. Addresses are overlay addresses throughout.
 */
#pragma once

#include "flow.h"

/* No drop reason: the packet may go on. */
#define ALLOWED WM_REASON_COUNT

inline_ bool is_plain_protocol(__u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_ICMP;
}

inline_ struct wm_flow_key flow_key(__be32 end, __be32 peer, __be16 end_port, __be16 peer_port, __u8 proto)
{
	struct wm_flow_key k = { .end = end, .peer = peer, .end_port = end_port, .peer_port = peer_port, .proto = proto };

	if (proto == IPPROTO_ICMP)
		k.peer_port = 0;
	return k;
}

/* Towards the end: opens or prolongs the flow. Returns a drop reason or ALLOWED. */
inline_ __u32 towards_isolated(const struct packet *p, __u32 share, __be32 end, __be32 peer)
{
	struct wm_flow_key k = flow_key(end, peer, p->dport, p->sport, p->proto);

	if (!is_plain_protocol(p->proto))
		return WM_REASON_ISOLATED;
	if (p->frag)
		return ALLOWED;
	if (!p->l4_known)
		return WM_REASON_INVALID;
	if (p->proto != IPPROTO_ICMP || p->icmp_type == ICMP_ECHO_REQUEST)
		open_flow(share, &k, p);
	return ALLOWED;
}

/* What the gateway itself gives even to isolated ends: names and an echo. */
inline_ bool is_gateway_service(const struct packet *p)
{
	if (p->dst != params.gateway)
		return false;
	if (p->proto == IPPROTO_ICMP)
		return p->icmp_type == ICMP_ECHO_REQUEST;
	return p->dport == bpf_htons(53);
}

/* A first fragment that was let through opens the way for the others. */
inline_ __u32 later_fragment(const struct packet *p, const struct wm_frag_key *f)
{
	__u32 header = p->proto == IPPROTO_TCP ? 20 : 8;
	__u64 *seen;

	if (p->frag * 8u < header)
		return WM_REASON_INVALID;
	seen = bpf_map_lookup_elem(&frags, f);
	if (!seen || bpf_jiffies64() - *seen > S_FRAGMENTS * (__u64)params.hz)
		return WM_REASON_ISOLATED;
	return ALLOWED;
}

inline_ __u32 answers_known_flow(const struct packet *p, __u32 share, __be32 own, __be32 end, __be32 peer)
{
	struct wm_flow_key k = flow_key(end, peer, p->sport, p->dport, p->proto);
	enum flow_verdict answer;
	struct quote q;

	if (is_icmp_error(p)) {
		if (!parse_quote(p, &q))
			return WM_REASON_INVALID;
		k = flow_key(end, q.src, q.dport, q.sport, q.proto);
		return q.ports_known && q.src == peer && q.dst == own && know_flow(share, &k) ? ALLOWED : WM_REASON_ISOLATED;
	}
	if (p->proto == IPPROTO_ICMP && p->icmp_type != ICMP_ECHO_REPLY)
		return WM_REASON_ISOLATED;
	answer = answer_flow(share, &k, p);
	if (answer == FLOW_OK)
		return ALLOWED;
	return answer == FLOW_NO_ROOM ? WM_REASON_FLOW_FULL : WM_REASON_ISOLATED;
}

/* From the end, which quotes packets with the address that it knows as its own. Returns a drop reason or ALLOWED. */
inline_ __u32 from_isolated(const struct packet *p, __u32 share, __be32 own, __be32 end)
{
	struct wm_frag_key f = { .src = end, .dst = p->dst, .id = p->id, .proto = p->proto };
	__u64 now;
	__u32 reason;

	if (!is_plain_protocol(p->proto))
		return WM_REASON_ISOLATED;
	if (p->frag)
		return later_fragment(p, &f);
	if (!p->l4_known)
		return WM_REASON_INVALID;
	reason = is_gateway_service(p) ? ALLOWED : answers_known_flow(p, share, own, end, p->dst);
	if (reason == ALLOWED && p->more) {
		now = bpf_jiffies64();
		bpf_map_update_elem(&frags, &f, &now, BPF_ANY);
	}
	return reason;
}
