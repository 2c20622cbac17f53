/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The three programs of a gateway: wg ingress, wg egress, LAN ingress. The
 * rows of docs/dataplane.md's table stand here in their order.
 */
#include "mss.h"
#include "ours.h"
#include "router.h"
#include "site.h"

/* === from wg ========================================================================= */

/* To a host of this site: rewritten here, delivered by us or, where a router has to speak, by the stack. */
inline_ int wg_to_host(struct packet *p, const struct wm_host_info *h, __u32 index)
{
	__be32 overlay = p->dst;
	bool fits = fits_lan(p, h), fast = params.fastpath && !p->stack && fits;
	__u32 reason;

	if (p->ttl <= 1) {
		/* Untouched, so that the stack's time-exceeded quotes it as it was sent. */
		mark_for_stack(p, 0);
		return verdict(p, WM_REASON_LOCAL, PASS);
	}
	if (h->isolated) {
		reason = towards_isolated(p, h, overlay, p->src);
		if (reason != ALLOWED)
			return drop_of(p, index, reason);
	}
	if (quote_to_lan(p, h, overlay))
		return verdict(p, WM_REASON_INVALID, DROP);
	if (set_destination(p, h->local, fast))
		return verdict(p, WM_REASON_NO_NEIGHBOUR, DROP);
	if (fast)
		return send_to_lan(p, h, index, WM_REASON_TO_LAN);
	mark_for_stack(p, 1 + h->lan);
	if (!fits && p->df)
		return verdict(p, WM_REASON_LOCAL, PASS); /* the stack answers */
	count_to(p, index);
	return verdict(p, WM_REASON_TO_LAN, PASS);
}

/* Counted at wg egress, which all relayed packets pass. */
inline_ int wg_relay(struct packet *p)
{
	mark_for_stack(p, 0);
	if (p->ttl <= 1 || (p->df && wire_size(p) > params.wg_mtu))
		return verdict(p, WM_REASON_LOCAL, PASS); /* the stack answers */
	if (!params.fastpath || p->stack || wire_size(p) > params.wg_mtu)
		return PASS;
	if (decrement_ttl(p))
		return verdict(p, WM_REASON_NO_NEIGHBOUR, DROP);
	return bpf_redirect(p->skb->ifindex, 0);
}

/* The source: in the mesh, and behind the tunnel it came through. Devices are checked here: this is their only way in. */
inline_ __u32 wg_source(const struct packet *p)
{
	const struct wm_host_info *h;
	__u32 index, reason = ALLOWED;

	if (!in_supernet(p->src) || is_supernet_edge(p->src))
		return WM_REASON_SPOOFED;
	if (!in_subnet(p->src))
		return ALLOWED;
	h = find_overlay(p->src, &index);
	if (!h || h->kind != WM_KIND_DEVICE)
		return WM_REASON_SPOOFED;
	if (h->isolated)
		reason = from_isolated(p, h, p->src, p->src);
	if (reason == ALLOWED) {
		count_from(p, index);
		note_seen(h);
	} else {
		count_drop(p, index);
	}
	return reason;
}

SEC("tc")
int wm_wg_in(struct __sk_buff *skb)
{
	const struct wm_host_info *h;
	struct packet p;
	__u32 index, reason;
	/* Judged by its own first byte: a TUN's writer may claim any protocol. */
	bool valid = parse(&p, skb, WM_HOOK_WG_IN, params.wg_l2_len);

	if (!valid || skb->protocol != bpf_htons(ETH_P_IP))
		return verdict(&p, WM_REASON_INVALID, DROP);
	reason = wg_source(&p);
	if (reason != ALLOWED)
		return verdict(&p, reason, DROP);
	if (lower_mss(&p))
		return verdict(&p, WM_REASON_INVALID, DROP);
	if (p.dst == params.gateway)
		return verdict(&p, WM_REASON_LOCAL, PASS);
	if (in_subnet(p.dst)) {
		expect_to_count(index_of(p.dst));
		h = find_overlay(p.dst, &index);
		if (!h)
			return verdict(&p, WM_REASON_NO_HOST, DROP);
		return h->kind == WM_KIND_HOST ? wg_to_host(&p, h, index) : wg_relay(&p);
	}
	if (!in_supernet(p.dst) || is_supernet_edge(p.dst))
		return verdict(&p, WM_REASON_NO_HOST, DROP);
	return params.hub ? wg_relay(&p) : verdict(&p, WM_REASON_NOT_RELAY, DROP);
}

/* === out to wg ========================================================================== */

/* Really, and not back to a LAN of ours. */
inline_ int into_tunnel(struct packet *p, __u32 reason)
{
	return lower_mss(p) ? verdict(p, WM_REASON_INVALID, DROP) : verdict(p, reason, PASS);
}

/* For our own subnet, already with an overlay source: to a device it goes on, to a host it turns back to the LAN. */
inline_ int out_to_own(struct packet *p, __u32 reason)
{
	const struct wm_host_info *h;
	__be32 overlay = p->dst;
	__u32 index, why;

	h = find_overlay(overlay, &index);
	if (!h)
		return verdict(p, WM_REASON_NO_HOST, DROP);
	/* Nobody can cut it here, and it opens no flow. */
	if (h->kind == WM_KIND_HOST && !fits_lan(p, h))
		return verdict(p, WM_REASON_NO_NEIGHBOUR, DROP);
	if (h->isolated) {
		why = towards_isolated(p, h, overlay, p->src);
		if (why != ALLOWED)
			return drop_of(p, index, why);
	}
	if (h->kind == WM_KIND_HOST && (quote_to_lan(p, h, overlay) || set_destination(p, h->local, false)))
		return verdict(p, WM_REASON_NO_NEIGHBOUR, DROP);
	if (h->kind == WM_KIND_HOST)
		return send_to_lan(p, h, index, reason == WM_REASON_LOCAL ? WM_REASON_TO_LAN : reason);
	count_to(p, index);
	return into_tunnel(p, reason == WM_REASON_HAIRPIN ? WM_REASON_TO_MESH : reason);
}

/* The stack's ICMP error about a packet that we had rewritten for a LAN: the mark says which. */
inline_ int own_quote(struct packet *p)
{
	__u32 mark = p->skb->mark, lan = mark & 0xff;
	const struct wm_lan_info *info;

	if (!is_icmp_error(p))
		return 0;
	for (__u32 i = 0; i < WM_LAN_SLOTS; i++) {
		__u32 slot = i;

		if ((mark & WM_MARK_MASK) == params.fwmark && lan && lan != i + 1)
			continue;
		info = bpf_map_lookup_elem(&lans, &slot);
		if (info && info->ifindex && quote_to_mesh(p, info->ifindex))
			return -1;
	}
	return 0;
}

/* From the gateway itself. */
inline_ int out_from_self(struct packet *p)
{
	if (p->src != params.gateway)
		return verdict(p, WM_REASON_UNTRANSLATED, DROP);
	if (own_quote(p))
		return verdict(p, WM_REASON_INVALID, DROP);
	if (in_subnet(p->dst))
		return out_to_own(p, WM_REASON_LOCAL);
	if (!in_supernet(p->dst) || is_supernet_edge(p->dst))
		return verdict(p, WM_REASON_NO_HOST, DROP);
	return into_tunnel(p, WM_REASON_LOCAL);
}

/* From a LAN of ours: LAN ingress has judged it (the mark says so: without its filter nothing gets out), the source is
 * still a LAN address. (What LAN ingress has translated as well does not come here.) */
inline_ int out_from_lan(struct packet *p, __u32 ifindex)
{
	__u32 index;

	/* LAN ingress made this one g's own already; no frame can carry a mark. */
	if (p->src == params.gateway && p->skb->mark == (params.fwmark | WM_MARK_ROUTER))
		return in_subnet(p->dst) ? out_to_own(p, WM_REASON_ROUTER_ERROR) :
					   verdict(p, WM_REASON_ROUTER_ERROR, PASS);
	if ((p->skb->mark & WM_MARK_MASK) != params.fwmark || !find_local(ifindex, p->src, &index))
		return verdict(p, WM_REASON_UNTRANSLATED, DROP);
	if (!in_supernet(p->dst))
		return verdict(p, WM_REASON_NO_HOST, DROP);
	if (quote_to_mesh(p, ifindex))
		return verdict(p, WM_REASON_INVALID, DROP);
	if (set_source(p, overlay_of(index), false))
		return verdict(p, WM_REASON_NO_NEIGHBOUR, DROP);
	if (in_subnet(p->dst))
		return out_to_own(p, WM_REASON_HAIRPIN);
	return into_tunnel(p, WM_REASON_TO_MESH);
}

inline_ int out_from_wg(struct packet *p)
{
	__u32 index;

	if (!in_supernet(p->src) || !params.hub || (p->skb->mark & WM_MARK_MASK) != params.fwmark)
		return verdict(p, WM_REASON_UNTRANSLATED, DROP);
	if (in_subnet(p->dst)) {
		const struct wm_host_info *h = find_overlay(p->dst, &index);
		__u32 why;

		if (!h || h->kind != WM_KIND_DEVICE)
			return verdict(p, WM_REASON_NO_HOST, DROP);
		if (h->isolated) {
			why = towards_isolated(p, h, p->dst, p->src);
			if (why != ALLOWED)
				return drop_of(p, index, why);
		}
		count_to(p, index);
	}
	return into_tunnel(p, WM_REASON_RELAY);
}

SEC("tc")
int wm_wg_out(struct __sk_buff *skb)
{
	__u32 from = skb->ingress_ifindex;
	struct packet p;

	/* By LAN ingress, or by the nftables back end. No frame can carry a mark, nor can what comes out of the tunnel; programs
	 * of this machine can give one to what they send. */
	if (from && skb->mark == (params.fwmark | WM_MARK_DONE))
		return PASS;
	if (!parse(&p, skb, WM_HOOK_WG_OUT, params.wg_l2_len) || skb->protocol != bpf_htons(ETH_P_IP))
		return verdict(&p, WM_REASON_UNTRANSLATED, DROP);
	if (is_icmp_error(&p) && p.icmp_type == ICMP_REDIRECT_TYPE)
		return verdict(&p, WM_REASON_REDIRECT, DROP);
	if (!from)
		return out_from_self(&p);
	if (from == params.wg_ifindex)
		return out_from_wg(&p);
	return out_from_lan(&p, from);
}

/* === from a LAN ============================================================================ */

/* No machine's, but what a frame that claims to come from it would make of us: a repeater to the whole LAN. */
inline_ bool is_group(__u64 mac)
{
	return *(const __u8 *)&mac & 1;
}

/* Remembers where the host was last heard; once a step at most, unless it moved. */
inline_ void learn(const struct wm_host_info *h, __u64 mac)
{
	struct wm_host_info *known = (struct wm_host_info *)h;
	__u32 now = step_now();

	if (is_group(mac) || (h->mac_word == mac && h->heard == now))
		return;
	known->mac_word = mac;
	known->heard = now;
}

/* To another host of this site by overlay address: both ends see overlay addresses of each other. */
inline_ int lan_hairpin(struct packet *p, __u32 from_index, const struct wm_host_info *h, __u32 index)
{
	__be32 overlay = p->dst;
	bool fits = fits_lan(p, h), fast = params.fastpath && !p->stack && fits;
	__u32 reason;

	if (p->ttl <= 1)
		return verdict(p, WM_REASON_LOCAL, PASS);
	if (h->isolated) {
		reason = towards_isolated(p, h, overlay, overlay_of(from_index));
		if (reason != ALLOWED)
			return drop_of(p, index, reason);
	}
	if (quote_to_mesh(p, p->skb->ifindex) || quote_to_lan(p, h, overlay))
		return verdict(p, WM_REASON_INVALID, DROP);
	if (set_addresses(p, overlay_of(from_index), h->local, fast))
		return verdict(p, WM_REASON_NO_NEIGHBOUR, DROP);
	if (fast)
		return send_to_lan(p, h, index, WM_REASON_HAIRPIN);
	/* To the LAN, with that LAN's MTU; the tunnel has no part in it. */
	mark_for_stack(p, 1 + h->lan);
	if (!fits && p->df)
		return verdict(p, WM_REASON_LOCAL, PASS);
	count_to(p, index);
	return verdict(p, WM_REASON_HAIRPIN, PASS);
}

enum { TO_ELSEWHERE, TO_DEVICE };

/* Into the tunnel, translated here and at once: wg egress lets it pass without another look. What quotes a packet or goes
 * to a device is for wg egress, as is all that comes through the stack. */
inline_ int lan_to_wg(struct packet *p, __u32 index, int to)
{
	if (p->ttl <= 1 || (p->df && wire_size(p) > params.wg_mtu))
		return verdict(p, WM_REASON_LOCAL, PASS); /* the stack answers, quoting it untouched */
	if (!params.fastpath || p->stack || wire_size(p) > params.wg_mtu)
		return PASS;
	if (to == TO_DEVICE || is_icmp_error(p)) {
		if (decrement_ttl(p))
			return verdict(p, WM_REASON_NO_NEIGHBOUR, DROP);
		return bpf_redirect(params.wg_ifindex, 0);
	}
	if (lower_mss(p))
		return verdict(p, WM_REASON_INVALID, DROP);
	if (set_source(p, overlay_of(index), true))
		return verdict(p, WM_REASON_NO_NEIGHBOUR, DROP);
	p->skb->mark = params.fwmark | WM_MARK_DONE;
	count(p, WM_REASON_TO_MESH);
	return bpf_redirect(params.wg_ifindex, 0);
}

/* From a registered host that may send this. */
inline_ int lan_from_host(struct packet *p, const struct wm_host_info *from, __u32 index)
{
	const struct wm_host_info *h;
	__u32 to;

	count_from(p, index);
	note_seen(from);
	/* For whatever the stack gets to see: it validates the source by the rules of the way back. */
	mark_for_stack(p, 1 + from->lan);
	if (p->dst == params.gateway) {
		if (quote_to_mesh(p, p->skb->ifindex))
			return verdict(p, WM_REASON_INVALID, DROP);
		if (set_source(p, overlay_of(index), false))
			return verdict(p, WM_REASON_NO_NEIGHBOUR, DROP);
		return verdict(p, WM_REASON_LOCAL, PASS);
	}
	if (is_supernet_edge(p->dst))
		return verdict(p, WM_REASON_NO_HOST, DROP);
	if (!in_subnet(p->dst))
		return lan_to_wg(p, index, TO_ELSEWHERE);
	h = find_overlay(p->dst, &to);
	if (!h)
		return verdict(p, WM_REASON_NO_HOST, DROP);
	return h->kind == WM_KIND_HOST ? lan_hairpin(p, index, h, to) : lan_to_wg(p, index, TO_DEVICE);
}

SEC("tc")
int wm_lan_in(struct __sk_buff *skb)
{
	const struct wm_host_info *h;
	struct packet p = { .skb = skb, .hook = WM_HOOK_LAN_IN, .len = skb->len };
	__u32 index, reason;
	__u64 mac = 0;
	int ours, error;

	if (skb->pkt_type == PACKET_OTHERHOST_)
		return PASS;
	ours = is_ours(skb);
	if (ours == OURS_NOT)
		return PASS;
	if (ours != OURS)
		return verdict(&p, WM_REASON_INVALID, DROP);
	if (!parse(&p, skb, WM_HOOK_LAN_IN, ETH_HLEN) || !in_supernet(p.dst) || skb->pkt_type != PACKET_HOST_ ||
	    read_bytes(skb, ETH_ALEN, &mac, ETH_ALEN))
		return verdict(&p, WM_REASON_INVALID, DROP);
	h = find_local(skb->ifindex, p.src, &index);
	if (!h) {
		error = router_error(&p, mac);
		return error == NOT_ONE ? verdict(&p, WM_REASON_UNREGISTERED, DROP) : error;
	}
	/* A bound host is never sent to at another MAC. */
	if (!h->has_mac || h->mac_word == mac)
		learn(h, mac);
	else if (!is_listed_router(h, mac))
		return drop_of(&p, index, WM_REASON_UNREGISTERED);
	if (h->isolated) {
		reason = from_isolated(&p, h, h->local, overlay_of(index));
		if (reason != ALLOWED)
			return drop_of(&p, index, reason);
	}
	return lan_from_host(&p, h, index);
}

char _license[] SEC("license") = "Dual BSD/GPL";
