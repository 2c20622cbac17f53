/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Isolation: an isolated end may answer and may not initiate. A flow is opened,
 * and its life prolonged, only by packets towards the end. Half-open flows live
 * in an LRU, confirmed ones (asked, answered, asked on) in slots of which each
 * end has a fixed share, so that no flood evicts a live flow, and no one end
 * takes another's room. Expired slots are reused right here: a dead agent
 * cannot let the table fill up.
 */
#pragma once

#include "maps.h"
#include "nat.h"
#include "packet.h"

enum flow_verdict { FLOW_OK, FLOW_NONE, FLOW_NO_ROOM };

/* A flow is told to the functions below in words of its own: they are global, so that the verifier walks each once and
 * not once per path that leads there, and such functions take no pointers on Linux 5.10. */
#define FLOW_ARGS __u32 share, __u32 owner, __u32 peer, __u32 ports, __u32 what

/* ports: the end's, and the peer's in the upper half; ICMP echo: its id alone. */
inline_ __u32 flow_ports(__be16 end_port, __be16 peer_port, __u8 proto)
{
	return proto == IPPROTO_ICMP ? end_port : end_port | (__u32)peer_port << 16;
}

/* what: the protocol, and in the upper half TCP's flags. */
inline_ __u32 flow_what(const struct packet *p)
{
	return p->proto | (__u32)p->tcp_flags << 16;
}

inline_ struct wm_flow_key flow_key(__u32 owner, __u32 peer, __u32 ports, __u32 what)
{
	return (struct wm_flow_key){ .owner = owner, .peer = peer, .end_port = ports & 0xffff, .peer_port = ports >> 16,
				     .proto = what & 0xff };
}

inline_ bool is_closed(__u8 flags)
{
	return WM_FLOW_IS_CLOSED(flags);
}

inline_ __u64 lifetime(__u8 proto, __u8 flags)
{
	return (__u64)WM_FLOW_SECONDS(proto, flags) * params.hz;
}

inline_ bool is_alive(__u8 proto, __u8 flags, __u64 last, __u64 now)
{
	return now - last <= lifetime(proto, flags);
}

inline_ struct wm_flow_bucket *bucket_of(__u32 share, const struct wm_flow_key *k)
{
	__u32 index = (share - 1) * WM_FLOW_BUCKETS + wm_flow_place(k);

	return bpf_map_lookup_elem(&flows, &index);
}

inline_ bool is_in(const struct wm_flow_slot *s, const struct wm_flow_key *k)
{
	return s->proto == k->proto && s->peer == k->peer && s->end_port == k->end_port && s->peer_port == k->peer_port;
}

inline_ struct wm_flow_slot *find_slot(struct wm_flow_bucket *b, const struct wm_flow_key *k)
{
	struct wm_flow_slot *found = NULL;

	for (int i = 0; i < WM_FLOW_WAYS; i++) {
		struct wm_flow_slot *s = &b->slot[i];

		if (is_in(s, k))
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
inline_ __u8 flags_from_peer(__u8 flags, __u32 what)
{
	__u8 tcp = what >> 16;

	if ((tcp & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN)
		return is_closed(flags) ? 0 : flags; /* a new connection on an old tuple */
	if (tcp & TCP_ACK && flags & WM_FLOW_ANSWERED)
		flags |= WM_FLOW_ACKED;
	if (tcp & TCP_FIN)
		flags |= WM_FLOW_FIN_PEER;
	if (tcp & TCP_RST)
		flags |= WM_FLOW_RST;
	return flags;
}

inline_ __u8 flags_from_end(__u8 flags, __u32 what)
{
	__u8 tcp = what >> 16;

	flags |= WM_FLOW_ANSWERED;
	if (tcp & TCP_FIN)
		flags |= WM_FLOW_FIN_END;
	if (tcp & TCP_RST)
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

#ifdef __bpf__
#define look_again(slot) asm volatile("" ::: "memory") /* other processors may have written there */
#else /* tests/native */
#define look_again(slot) native_look_again(slot)
#endif

/* Takes a slot, s if that was the flow's before. Two processors may take the same one at once: what is then neither flow
 * is none, and whoever does not find its own there stays half-open, for its next packet to try again. */
inline_ bool confirm(struct wm_flow_bucket *b, struct wm_flow_slot *s, const struct wm_flow_key *k, __u8 flags, __u64 now)
{
	if (!s)
		s = free_slot(b, now);
	if (!s)
		return false;
	s->proto = 0;
	s->peer = k->peer;
	s->end_port = k->end_port;
	s->peer_port = k->peer_port;
	s->flags = flags;
	s->last = now;
	s->proto = k->proto;
	look_again(s);
	if (is_in(s, k))
		return true;
	s->proto = 0;
	return false;
}

/* Asked, answered, and asked on: a question alone and its answer fill no slot, nor does a scan. */
inline_ bool is_confirmed(__u8 proto, __u8 flags)
{
	if (proto == IPPROTO_TCP)
		return WM_FLOW_IS_LIVE(flags);
	return proto == IPPROTO_UDP && flags & WM_FLOW_ANSWERED;
}

/* A packet towards the isolated end. Returns nothing of use: a global function returns a number. */
__attribute__((noinline)) int open_flow(FLOW_ARGS)
{
	const struct wm_flow_key key = flow_key(owner, peer, ports, what), *k = &key;
	struct wm_flow_bucket *b = bucket_of(share, k);
	struct wm_flow_slot *s = b ? find_slot(b, k) : NULL;
	__u64 now = bpf_jiffies64();
	struct wm_flow fresh = { .last = now };
	struct wm_flow *half;
	__u8 flags;

	if (!b)
		return 0;
	if (s && is_alive(s->proto, s->flags, s->last, now)) {
		flags = flags_from_peer(s->flags, what);
		if (flags) {
			s->last = prolonged(s->last, s->flags, flags, now);
			s->flags = flags;
			return 0;
		}
		s->proto = 0; /* begins anew, unconfirmed */
	}
	half = bpf_map_lookup_elem(&flows_half, k);
	if (half && is_alive(k->proto, half->flags, half->last, now)) {
		flags = flags_from_peer(half->flags, what);
		half->last = prolonged(half->last, half->flags, flags, now);
		half->flags = flags;
		if (is_confirmed(k->proto, flags) && confirm(b, s, k, flags, now))
			bpf_map_delete_elem(&flows_half, k);
		return 0;
	}
	/* A reset opens nothing; a FIN does, and is remembered. */
	if (what >> 16 & TCP_RST)
		return 0;
	fresh.flags = flags_from_peer(0, what);
	bpf_map_update_elem(&flows_half, k, &fresh, BPF_ANY);
	return 0;
}

/* A packet from the isolated end: does it answer? A connection for which there would be no room is refused here, where
 * whoever asked learns it at once. Returns enum flow_verdict. */
__attribute__((noinline)) int answer_flow(FLOW_ARGS)
{
	const struct wm_flow_key key = flow_key(owner, peer, ports, what), *k = &key;
	struct wm_flow_bucket *b = bucket_of(share, k);
	struct wm_flow_slot *s = b ? find_slot(b, k) : NULL;
	__u64 now = bpf_jiffies64();
	struct wm_flow *half;
	__u8 flags;

	if (!b || (what >> 16 & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		return FLOW_NONE;
	if (s && is_alive(s->proto, s->flags, s->last, now)) {
		flags = flags_from_end(s->flags, what);
		/* A flow that starts to close lives its short rest from now; each flag does that once. */
		if (flags != s->flags)
			s->last = now;
		s->flags = flags;
		return FLOW_OK;
	}
	half = bpf_map_lookup_elem(&flows_half, k);
	if (!half || !is_alive(k->proto, half->flags, half->last, now))
		return FLOW_NONE;
	flags = flags_from_end(half->flags, what);
	if (k->proto == IPPROTO_TCP && !half->flags && !is_closed(flags) && !s && !free_slot(b, now))
		return FLOW_NO_ROOM;
	if ((flags ^ half->flags) & (WM_FLOW_FIN_END | WM_FLOW_RST))
		half->last = now; /* as above */
	half->flags = flags;
	return FLOW_OK;
}

/* Is this flow known at all? For ICMP errors that quote it; changes nothing. */
__attribute__((noinline)) int know_flow(FLOW_ARGS)
{
	const struct wm_flow_key key = flow_key(owner, peer, ports, what), *k = &key;
	struct wm_flow_bucket *b = bucket_of(share, k);
	struct wm_flow_slot *s = b ? find_slot(b, k) : NULL;
	__u64 now = bpf_jiffies64();
	struct wm_flow *half;

	if (s && is_alive(s->proto, s->flags, s->last, now))
		return true;
	half = bpf_map_lookup_elem(&flows_half, k);
	return half && is_alive(k->proto, half->flags, half->last, now);
}
