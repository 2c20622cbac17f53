/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Who is who at this site, and how a packet gets to them.
 */
#pragma once

#include "isolation.h"
#include "verdict.h"

#define S_NEIGHBOUR 10 /* a MAC heard no longer ago is used without asking the stack */
#define AF_INET_ 2

inline_ __u32 step_now(void)
{
	return (__u32)(bpf_jiffies64() >> WM_STEP_SHIFT);
}

inline_ bool in_supernet(__be32 addr)
{
	return (addr & params.supernet_mask) == params.supernet;
}

inline_ bool in_subnet(__be32 addr)
{
	return (addr & params.subnet_mask) == params.subnet;
}

/* Network or broadcast address of the mesh. (Those of the site are nobody's.) */
inline_ bool is_supernet_edge(__be32 addr)
{
	return addr == params.supernet || addr == (params.supernet | ~params.supernet_mask);
}

inline_ __u32 index_of(__be32 overlay)
{
	return bpf_ntohl(overlay) - bpf_ntohl(params.subnet);
}

inline_ __be32 overlay_of(__u32 index)
{
	return bpf_htonl(bpf_ntohl(params.subnet) + index);
}

/* Whoever has this overlay address of our subnet; NULL: nobody. */
inline_ const struct wm_host_info *find_overlay(__be32 overlay, __u32 *index)
{
	const struct wm_host_info *h;

	*index = index_of(overlay);
	h = bpf_map_lookup_elem(&hosts, index);
	return h && h->kind != WM_KIND_NOBODY ? h : NULL;
}

/* hosts[index], if it has this LAN address on that LAN; else NULL. */
inline_ const struct wm_host_info *host_there(__u32 index, __u32 ifindex, __be32 addr)
{
	const struct wm_host_info *h = bpf_map_lookup_elem(&hosts, &index);

	return h && h->kind == WM_KIND_HOST && h->local == addr && h->ifindex == ifindex ? h : NULL;
}

/* Its overlay index as lan_hosts knows it; 0: nobody's. A global function: the verifier walks it once. */
__attribute__((noinline)) int index_of_local(__u32 ifindex, __u32 addr)
{
	struct wm_lan_key key = { .ifindex = ifindex, .addr = addr };
	const __u32 *found = bpf_map_lookup_elem(&lan_hosts, &key);

	return found ? *found : 0;
}

/* Whoever has this LAN address on that LAN; NULL: nobody registered. The maps are written one after the other: only what
 * hosts says too is believed. */
inline_ const struct wm_host_info *find_local(__u32 ifindex, __be32 addr, __u32 *index)
{
	__u32 hint = WM_HINT(ifindex, bpf_ntohl(addr)), at = hint / WM_HINTS_PER_LINE;
	const struct wm_hint_line *line = bpf_map_lookup_elem(&lan_hints, &at);
	const struct wm_host_info *h;

	*index = line ? line->index[hint % WM_HINTS_PER_LINE] : 0;
	expect_to_count(*index);
	h = host_there(*index, ifindex, addr);
	if (h)
		return h;
	*index = index_of_local(ifindex, addr);
	return host_there(*index, ifindex, addr);
}

inline_ const struct wm_lan_info *lan_of(const struct wm_host_info *h)
{
	__u32 lan = h->lan;

	return bpf_map_lookup_elem(&lans, &lan);
}

/* --- quoted packets ----------------------------------------------------------------- */

/* An ICMP error on its way to host h (overlay address `overlay`): what it quotes was sent by h, in LAN addresses then. */
inline_ int quote_to_lan(struct packet *p, const struct wm_host_info *h, __be32 overlay)
{
	struct quote q;

	if (!is_icmp_error(p))
		return 0;
	if (!parse_quote(p, &q))
		return -1;
	return q.src == overlay ? set_quoted(p, &q, IP_SRC_AT, overlay, h->local) : 0;
}

/* An ICMP error from a LAN: what it quotes went to a host there, in LAN addresses by then. */
inline_ int quote_to_mesh(struct packet *p, __u32 ifindex)
{
	struct quote q;
	__u32 index;

	if (!is_icmp_error(p))
		return 0;
	if (!parse_quote(p, &q))
		return -1;
	return find_local(ifindex, q.dst, &index) ? set_quoted(p, &q, IP_DST_AT, q.dst, overlay_of(index)) : 0;
}

/* --- out of a LAN device --------------------------------------------------------------- */

/* By the kernel's neighbour table. A packet that came through the stack has a route already, to wg, and the kernel
 * would follow that one when the neighbour answers (neigh_update, any kernel): it is routed anew, to its LAN. */
inline_ int send_by_neighbour(const struct wm_host_info *h, bool routed)
{
	struct bpf_redir_neigh hop = { .nh_family = AF_INET_, .ipv4_nh = h->local };

	if (routed)
		return bpf_redirect_neigh(h->ifindex, NULL, 0, 0);
	return bpf_redirect_neigh(h->ifindex, &hop, sizeof(hop), 0);
}

/* Sends the rewritten packet to h's next hop and counts it. */
inline_ int send_to_lan(const struct packet *p, const struct wm_host_info *h, __u32 index, __u32 reason)
{
	const struct wm_lan_info *lan = lan_of(h);
	struct ethhdr eth = { .h_proto = bpf_htons(ETH_P_IP) };
	bool l2 = p->hook == WM_HOOK_LAN_IN || params.wg_l2_len;
	__u32 heard;
	__u64 mac;

	if (!lan || (!l2 && bpf_skb_change_head(p->skb, ETH_HLEN, 0)))
		return verdict(p, WM_REASON_NO_NEIGHBOUR, DROP);
	count_to(p, index);
	mac = h->mac_word;
	heard = h->heard;
	if (!heard || step_now() - heard > S_NEIGHBOUR * params.hz >> WM_STEP_SHIFT) {
		count(p, reason);
		return send_by_neighbour(h, p->hook == WM_HOOK_WG_OUT);
	}
	__builtin_memcpy(eth.h_dest, &mac, ETH_ALEN);
	__builtin_memcpy(eth.h_source, lan->mac, ETH_ALEN);
	if (write_bytes(p->skb, 0, &eth, sizeof(eth)))
		return verdict(p, WM_REASON_NO_NEIGHBOUR, DROP);
	count(p, reason);
	return bpf_redirect(h->ifindex, 0);
}

inline_ bool fits_lan(const struct packet *p, const struct wm_host_info *h)
{
	const struct wm_lan_info *lan = lan_of(h);

	return lan && wire_size(p) <= lan->mtu;
}

/* It has sent something that was let through. Written once a step, lest processors take the line from each other. */
inline_ void note_seen(const struct wm_host_info *h)
{
	__u32 now = step_now();

	if (h->seen != now)
		((struct wm_host_info *)h)->seen = now;
}

/* Checked and ours: the stack may forward it (the ip rule wants this mark). */
inline_ void mark_for_stack(const struct packet *p, __u32 lan)
{
	p->skb->mark = params.fwmark | lan;
}
