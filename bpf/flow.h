/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Isolation: an isolated end may answer and may not initiate. A flow is opened,
 * and its life prolonged, only by packets towards the end. Half-open flows live
 * in an LRU, confirmed ones in slots of which each end has a fixed share, so
 * that no flood evicts a live flow. Expired slots are reused right here: a dead
 * agent cannot let the table fill up.
 *
 * Two processors may race for a slot; the loser's flow stays half-open and is
 * confirmed by its next answer.
 */
#pragma once

#include "maps.h"
#include "nat.h"
#include "packet.h"

#define S_FRAGMENTS 30

enum flow_verdict { FLOW_OK, FLOW_NONE, FLOW_NO_ROOM };

inline_ bool is_closed(__u8 flags)
{
	return WM_FLOW_IS_CLOSED(flags);
}

inline_ __u64 lifetime(__u8 proto, __u8 flags)
{
	__u32 seconds = WM_S_ICMP;

	if (proto == IPPROTO_UDP)
		seconds = flags & WM_FLOW_ANSWERED ? WM_S_UDP_ANSWERED : WM_S_UDP;
	else if (proto == IPPROTO_TCP && is_closed(flags))
		seconds = WM_S_TCP_CLOSED;
	else if (proto == IPPROTO_TCP)
		seconds = WM_FLOW_IS_LIVE(flags) ? WM_S_TCP_LIVE : WM_S_TCP_OPENING;
	return (__u64)seconds * params.hz;
}

inline_ bool is_alive(__u8 proto, __u8 flags, __u64 last, __u64 now)
{
	return now - last <= lifetime(proto, flags);
}

inline_ struct wm_flow_bucket *bucket_of(__u32 share, const struct wm_flow_key *k)
{
	__u32 h = k->peer * 0x9e3779b1u ^ ((__u32)k->peer_port << 16 | k->end_port) * 0x85ebca6bu ^ k->proto;
	__u32 index;

	h ^= h >> 15;
	h *= 0x2c1b3c6du;
	h ^= h >> 13;
	index = (share - 1) * WM_FLOW_BUCKETS + h % WM_FLOW_BUCKETS;
	return bpf_map_lookup_elem(&flows, &index);
}

inline_ struct wm_flow_slot *find_slot(struct wm_flow_bucket *b, const struct wm_flow_key *k)
{
	struct wm_flow_slot *found = NULL;

	for (int i = 0; i < WM_FLOW_WAYS; i++) {
		struct wm_flow_slot *s = &b->slot[i];

		if (s->proto == k->proto && s->peer == k->peer && s->end_port == k->end_port &&
		    s->peer_port == k->peer_port)
			found = s;
	}
	return found;
}

inline_ struct wm_flow_slot *free_slot(struct wm_flow_bucket *b, __u64 now)
{
	struct wm_flow_slot *found = NULL;

	for (int i = 0; i < WM_FLOW_WAYS; i++) {
		struct wm_flow_slot *s = &b->slot[i];

		if (!s->proto || !is_alive(s->proto, s->flags, s->last, now))
			found = s;
	}
	return found;
}

/* What a packet towards the end does to a flow's flags. */
inline_ __u8 flags_from_peer(__u8 flags, const struct packet *p)
{
	if (p->proto != IPPROTO_TCP)
		return flags;
	if ((p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN)
		return is_closed(flags) ? 0 : flags; /* a new connection on an old tuple */
	if (p->tcp_flags & TCP_ACK && flags & WM_FLOW_ANSWERED)
		flags |= WM_FLOW_ACKED;
	if (p->tcp_flags & TCP_FIN)
		flags |= WM_FLOW_FIN_PEER;
	if (p->tcp_flags & TCP_RST)
		flags |= WM_FLOW_RST;
	return flags;
}

inline_ __u8 flags_from_end(__u8 flags, const struct packet *p)
{
	flags |= WM_FLOW_ANSWERED;
	if (p->proto == IPPROTO_TCP && p->tcp_flags & TCP_FIN)
		flags |= WM_FLOW_FIN_END;
	if (p->proto == IPPROTO_TCP && p->tcp_flags & TCP_RST)
		flags |= WM_FLOW_RST;
	return flags;
}

/* Prolongs at most once a second, so that a busy flow does not write per packet; a closed one not at all. */
inline_ __u64 prolonged(__u64 last, __u8 was, __u8 is, __u64 now)
{
	if (was != is)
		return now;
	return !is_closed(is) && now - last >= params.hz ? now : last;
}

/* A packet towards the isolated end; k is in the end's view. */
inline_ void open_flow(__u32 share, const struct wm_flow_key *k, const struct packet *p)
{
	struct wm_flow_bucket *b = bucket_of(share, k);
	struct wm_flow_slot *s = b ? find_slot(b, k) : NULL;
	__u64 now = bpf_jiffies64();
	struct wm_flow fresh = { .last = now };
	struct wm_flow *half;
	__u8 flags;

	if (s && is_alive(s->proto, s->flags, s->last, now)) {
		flags = flags_from_peer(s->flags, p);
		if (!flags) {
			s->proto = 0; /* begins anew, unconfirmed */
		} else {
			s->last = prolonged(s->last, s->flags, flags, now);
			s->flags = flags;
			return;
		}
	}
	half = bpf_map_lookup_elem(&flows_half, k);
	if (half && is_alive(k->proto, half->flags, half->last, now)) {
		flags = flags_from_peer(half->flags, p);
		half->last = prolonged(half->last, half->flags, flags, now);
		half->flags = flags;
		return;
	}
	/* A reset opens nothing; a FIN does, and is remembered. */
	if (p->proto == IPPROTO_TCP && p->tcp_flags & TCP_RST)
		return;
	fresh.flags = flags_from_peer(0, p);
	bpf_map_update_elem(&flows_half, k, &fresh, BPF_ANY);
}

/* A packet from the isolated end: does it answer? Its first answer confirms the flow. */
inline_ enum flow_verdict answer_flow(__u32 share, const struct wm_flow_key *k, const struct packet *p)
{
	struct wm_flow_bucket *b = bucket_of(share, k);
	struct wm_flow_slot *s = b ? find_slot(b, k) : NULL;
	__u64 now = bpf_jiffies64();
	struct wm_flow *half;
	__u8 flags;

	if (!b || (p->proto == IPPROTO_TCP && p->tcp_flags & TCP_SYN && !(p->tcp_flags & TCP_ACK)))
		return FLOW_NONE;
	if (s && is_alive(s->proto, s->flags, s->last, now)) {
		flags = flags_from_end(s->flags, p);
		/* A flow that starts to close lives its short rest from now; each flag does that once. */
		if (flags != s->flags)
			s->last = now;
		s->flags = flags;
		return FLOW_OK;
	}
	half = bpf_map_lookup_elem(&flows_half, k);
	if (!half || !is_alive(k->proto, half->flags, half->last, now))
		return FLOW_NONE;
	if (!s)
		s = free_slot(b, now);
	if (!s)
		return FLOW_NO_ROOM;
	s->proto = 0;
	s->peer = k->peer;
	s->end_port = k->end_port;
	s->peer_port = k->peer_port;
	s->flags = flags_from_end(half->flags, p);
	/* One that closes right away lives its short rest from now, as above. */
	s->last = s->flags & ~half->flags & (WM_FLOW_FIN_END | WM_FLOW_RST) ? now : half->last;
	s->proto = k->proto;
	bpf_map_delete_elem(&flows_half, k);
	return FLOW_OK;
}

/* Is this flow known at all? For ICMP errors that quote it; changes nothing. */
inline_ bool know_flow(__u32 share, const struct wm_flow_key *k)
{
	struct wm_flow_bucket *b = bucket_of(share, k);
	struct wm_flow_slot *s = b ? find_slot(b, k) : NULL;
	__u64 now = bpf_jiffies64();
	struct wm_flow *half;

	if (s && is_alive(s->proto, s->flags, s->last, now))
		return true;
	half = bpf_map_lookup_elem(&flows_half, k);
	return half && is_alive(k->proto, half->flags, half->last, now);
}
