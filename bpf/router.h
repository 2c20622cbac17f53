/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What an unregistered router of a LAN may say: its ICMP errors, and for whom a
 * listed one sends.
 */
#pragma once

#include "site.h"

inline_ bool is_mac(const __u8 *have, __u64 mac)
{
	__u64 six = 0;

	__builtin_memcpy(&six, have, ETH_ALEN);
	return six == mac;
}

/* A router that the gateway's owner has listed: it sends for hosts behind it, whatever MAC they are bound to. */
inline_ bool is_listed_router(const struct wm_host_info *h, __u64 mac)
{
	const struct wm_lan_info *lan = lan_of(h);

	for (int i = 0; lan && i < WM_LAN_ROUTERS; i++)
		if (i < lan->nrouters && is_mac(lan->router[i], mac))
			return true;
	return false;
}

inline_ bool under_limit(__u32 lan)
{
	__u64 second = bpf_jiffies64() / params.hz;
	struct wm_rate *r;

	r = bpf_map_lookup_elem(&router_errors, &lan);
	if (!r)
		return false;
	if (r->second != second) {
		r->second = second;
		r->count = 0;
	}
	return r->count++ < WM_ROUTER_ERRORS_PER_S;
}

#define NOT_ONE 1000

/* About a packet to h, from the machine with that MAC: may be a router's word? Where routers are listed only they are
 * believed. About an isolated host, only of what it may answer: else it could say anything in such an error's name. */
inline_ bool may_be_router(const struct wm_host_info *h, __u32 index, const struct quote *q, __u64 mac)
{
	const struct wm_lan_info *lan = lan_of(h);

	if (!lan || (lan->nrouters && !is_listed_router(h, mac)))
		return false;
	return !h->isolated || is_about_known_flow(q, h, WM_FLOW_OWNER(h->owner, overlay_of(index)));
}

/* An unregistered router between us and a host says that a packet of the mesh was too big or too old. Without it
 * the sender would look into a black hole; with the router's own source the far side's tunnel would refuse it. No
 * router has an address of the mesh: g would hear it as that host's or device's word. */
inline_ int router_error(struct packet *p, __u64 mac)
{
	const struct wm_host_info *h;
	bool too_big = p->icmp_type == ICMP_UNREACHABLE && p->icmp_code == ICMP_FRAG_NEEDED;
	bool to_self = p->dst == params.gateway;
	struct quote q;
	__u32 index;

	if (p->len > WM_ROUTER_ERROR_MAX || !is_icmp_error(p) || (!too_big && p->icmp_type != ICMP_TIME_EXCEEDED) || !parse_quote(p, &q))
		return NOT_ONE;
	if (in_supernet(p->src))
		return NOT_ONE;
	if (in_subnet(q.src) && !to_self && !find_overlay(q.src, &index))
		return NOT_ONE;
	h = find_local(p->skb->ifindex, q.dst, &index);
	if (q.src != p->dst || !h || (p->ttl <= 1 && !to_self))
		return NOT_ONE;
	if (!may_be_router(h, index, &q, mac) || !under_limit(h->lan))
		return NOT_ONE;
	if (set_quoted(p, &q, IP_DST_AT, q.dst, overlay_of(index)))
		return verdict(p, WM_REASON_NO_NEIGHBOUR, DROP);
	/* From the router as such: g would be a source from outside that is the stack's own. */
	if (to_self)
		return verdict(p, WM_REASON_ROUTER_ERROR, PASS);
	if (set_source(p, params.gateway, true))
		return verdict(p, WM_REASON_NO_NEIGHBOUR, DROP);
	/* For wg egress, past the stack, which would refuse that source. */
	p->skb->mark = params.fwmark | WM_MARK_ROUTER;
	return bpf_redirect(params.wg_ifindex, 0);
}
