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

/* Towards the end: opens or prolongs the flow. Returns a drop reason or ALLOWED. */
inline_ __u32 towards_isolated(const struct packet *p, const struct wm_host_info *h, __be32 end, __be32 peer)
{
	if (!is_plain_protocol(p->proto))
		return WM_REASON_ISOLATED;
	if (p->frag)
		return ALLOWED;
	if (!p->l4_known)
		return WM_REASON_INVALID;
	if (p->proto != IPPROTO_ICMP || p->icmp_type == ICMP_ECHO_REQUEST)
		open_flow(h->share, WM_FLOW_OWNER(h->owner, end), peer, flow_ports(p->dport, p->sport, p->proto), flow_what(p));
	return ALLOWED;
}

/* What the gateway itself gives even to isolated ends: names and an echo, in one piece. A first fragment would open the way
 * for others, and each takes room from ends whose fragments answer a flow. */
inline_ bool is_gateway_service(const struct packet *p)
{
	/* Computed, not decided: the verifier would tell apart all that comes after. */
	__u32 other = (p->dst ^ params.gateway) | p->more;

	asm volatile("" : "+r"(other));
	if (other)
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
	if (!seen || bpf_jiffies64() - *seen > WM_S_FRAGMENTS * (__u64)params.hz)
		return WM_REASON_ISOLATED;
	return ALLOWED;
}

/* An error about what was sent to the end, in a flow that is known: of ICMP that is an echo request only. */
inline_ bool is_about_known_flow(const struct quote *q, const struct wm_host_info *h, __u32 owner)
{
	if (!q->ports_known || !is_plain_protocol(q->proto) || (q->proto == IPPROTO_ICMP && q->icmp_type != ICMP_ECHO_REQUEST))
		return false;
	return know_flow(h->share, owner, q->src, flow_ports(q->dport, q->sport, q->proto), q->proto);
}

inline_ __u32 answers_known_flow(const struct packet *p, const struct wm_host_info *h, __be32 own, __u32 owner)
{
	int answer;
	struct quote q;

	if (is_icmp_error(p)) {
		if (!parse_quote(p, &q))
			return WM_REASON_INVALID;
		return q.src == p->dst && q.dst == own && is_about_known_flow(&q, h, owner) ? ALLOWED : WM_REASON_ISOLATED;
	}
	if (p->proto == IPPROTO_ICMP && p->icmp_type != ICMP_ECHO_REPLY)
		return WM_REASON_ISOLATED;
	answer = answer_flow(h->share, owner, p->dst, flow_ports(p->sport, p->dport, p->proto), flow_what(p));
	if (answer == FLOW_OK)
		return ALLOWED;
	return answer == FLOW_NO_ROOM ? WM_REASON_FLOW_FULL : WM_REASON_ISOLATED;
}

/* From the end, which quotes packets with the address that it knows as its own. Returns a drop reason or ALLOWED. */
inline_ __u32 from_isolated(const struct packet *p, const struct wm_host_info *h, __be32 own, __be32 end)
{
	__u32 owner = WM_FLOW_OWNER(h->owner, end);
	struct wm_frag_key f = { .owner = owner, .dst = p->dst, .id = p->id, .proto = p->proto };
	__u64 now;
	__u32 reason;

	if (!is_plain_protocol(p->proto))
		return WM_REASON_ISOLATED;
	if (p->frag)
		return later_fragment(p, &f);
	if (!p->l4_known)
		return WM_REASON_INVALID;
	reason = is_gateway_service(p) ? ALLOWED : answers_known_flow(p, h, own, owner);
	if (reason == ALLOWED && p->more) {
		now = bpf_jiffies64();
		bpf_map_update_elem(&frags, &f, &now, BPF_ANY);
	}
	return reason;
}
