/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Which packets are sent, and what may become of each: one code for the
 * programs in the kernel and for userspace. The packet and its checksums are
 * the benchmark's (bench/wire.h); it says itself who sends it to whom.
 *
 * Addresses are counted: index i is the overlay address subnet + 2 + i, and the
 * LAN address lan0 + 2 + i, or lan1 + 2 + i from lan1_from on. A machine's MAC
 * goes with its LAN address. Stable indexes belong to hosts that nothing is done
 * to: host i has overlay and LAN address i. The others, on both LANs, are those
 * among which hosts come, go and move.
 *
 *      0        stable0 ... lan1_from      ... stable1      ... all
 *      | stable, LAN 0 | changing, LAN 0 | stable, LAN 1 | changing, LAN 1 |
 */
#pragma once

#include "wire.h"

#define PROOF_BURST 192 /* packets each way at once; a veth has room for 256 */
#define PROOF_LAN1 0x10000u /* lan1 is a /16 behind lan0 */
#define PROOF_BEYOND 1000   /* addresses of other sites that are relayed to */

struct proof_world {
	__u32 subnet, lan, away, beyond; /* host order */
	__u32 stable0, lan1_from, stable1, all;
	__u32 isolated; /* each so-manieth stable host is; 0: none */
};

/* Ways a packet takes; WIRE_TO_LAN, WIRE_TO_WG and WIRE_RELAY are the first. */
#define PROOF_HAIRPIN WIRE_WAYS
#define PROOF_WAY 0xffu
#define PROOF_MUST 0x100u /* in a packet's way: whatever happens, it has to come out */

/* What is excused while something is done to a device. */
enum {
	PROOF_NO_LAN1 = 1,  /* LAN 1 */
	PROOF_NO_WG = 2,    /* the tunnel: everything */
};

enum proof_set { PROOF_ALL, PROOF_LAN_0, PROOF_LAN_1, PROOF_EACH };

/* What is sent next. */
struct proof_order {
	__u32 next;    /* number of the packet: it says whose it is */
	__u32 way;     /* WIRE_TO_LAN, _TO_WG, _RELAY */
	__u32 set;     /* enum proof_set; PROOF_EACH: index `next`, no other */
	__u32 excused; /* PROOF_NO_... */
};

/* Who has an address, + 1; 0: nobody. Before the change that is under way, and after it. Written by userspace. */
struct proof_pair {
	__u32 to[2];   /* overlay address: the LAN address that it leads to */
	__u32 from[2]; /* LAN address: the overlay address that it speaks as */
};

/* Packets to an overlay address and from a LAN address. */
struct proof_count {
	__u64 to, from;
};

#define PROOF_FAULTS(X)                                                                                                \
	X(UNTRANSLATED, "untranslated")                                                                                \
	X(OTHER, "to or from somebody else")                                                                           \
	X(TTL, "handled twice (TTL)")                                                                                  \
	X(SUM, "with a wrong checksum")                                                                                \
	X(MAC, "at somebody else's MAC")                                                                               \
	X(STRANGE, "broken")

enum proof_fault {
	PROOF_GOOD,
#define PROOF_ENUM(name, text) PROOF_##name,
	PROOF_FAULTS(PROOF_ENUM)
#undef PROOF_ENUM
		PROOF_FAULTS_END,
};

/* Written by the sinks. */
struct proof_tally {
	__u64 must; /* came out right, and had to */
	__u64 may;
	__u64 fault[8]; /* by enum proof_fault */
	struct wire_packet first; /* that was wrong */
};
_Static_assert(PROOF_FAULTS_END <= 8, "fault has no room");

wire_inline int proof_is_stable(const volatile struct proof_world *w, __u32 i)
{
	return i < w->stable0 || (i >= w->lan1_from && i < w->stable1);
}

wire_inline int proof_is_isolated(const volatile struct proof_world *w, __u32 i)
{
	return w->isolated && proof_is_stable(w, i) && i % w->isolated == w->isolated - 1;
}

wire_inline __u32 proof_overlay(const volatile struct proof_world *w, __u32 i)
{
	return w->subnet + 2 + i;
}

wire_inline __u32 proof_local(const volatile struct proof_world *w, __u32 i)
{
	return w->lan + (i >= w->lan1_from ? PROOF_LAN1 : 0) + 2 + i;
}

/* The n-th of the stable indexes of a set, or of the others; n is any number. */
wire_inline __u32 proof_pick(const volatile struct proof_world *w, __u32 set, int stable, __u32 n)
{
	__u32 zero = stable ? 0 : w->stable0, zero_n = stable ? w->stable0 : w->lan1_from - w->stable0;
	__u32 one = stable ? w->lan1_from : w->stable1, one_n = stable ? w->stable1 - w->lan1_from : w->all - w->stable1;
	__u32 n0 = set == PROOF_LAN_1 ? 0 : zero_n, n1 = set == PROOF_LAN_0 ? 0 : one_n, at;

	if (!(n0 + n1))
		return 0;
	at = (__u64)n * WIRE_STRIDE % (n0 + n1);
	return at < n0 ? zero + at : one + at - n0;
}

wire_inline int proof_is_excused(const volatile struct proof_world *w, const struct proof_order *o, __u32 way, __u32 index,
				 __u32 peer)
{
	if (o->excused & PROOF_NO_WG)
		return 1;
	if (way == WIRE_RELAY)
		return 0;
	return o->excused & PROOF_NO_LAN1 && (index >= w->lan1_from || (way == PROOF_HAIRPIN && peer >= w->lan1_from));
}

/* Way, host and peer of the packet with this number. Every fourth is of an address that changes, never the last. */
wire_inline void proof_who(const volatile struct proof_world *w, const struct proof_order *o, __u32 number,
			   struct wire_packet *p)
{
	int stable = number % 4 || w->stable0 + w->stable1 == w->all;
	__u32 turn = number / 4 * 3 + number % 4;

	p->way = o->way;
	p->peer = 0;
	if (o->way == WIRE_RELAY) {
		p->host = number % PROOF_BEYOND;
	} else if (o->set == PROOF_EACH) {
		p->host = number;
		return;
	} else {
		p->host = proof_pick(w, o->set, stable, turn);
		if (!proof_is_stable(w, p->host))
			return;
		if (o->way == WIRE_TO_WG && number % 4 == 2 && !proof_is_isolated(w, p->host)) {
			p->way = PROOF_HAIRPIN;
			p->peer = proof_pick(w, PROOF_ALL, 1, turn + 1);
		}
	}
	if (!proof_is_excused(w, o, p->way, p->host, p->peer))
		p->way |= PROOF_MUST;
}

wire_inline int proof_from_lan(__u32 way)
{
	return way == WIRE_TO_WG || way == PROOF_HAIRPIN;
}

/* Its addresses as it is sent. */
wire_inline void proof_ends(const volatile struct proof_world *w, struct wire_packet *p)
{
	__u32 way = p->way & PROOF_WAY, away = w->away + 2 + p->peer, src = away, dst = away;

	if (way == WIRE_TO_LAN)
		dst = proof_overlay(w, p->host);
	else if (way == WIRE_RELAY)
		dst = w->beyond + 2 + p->host;
	else
		src = proof_local(w, p->host);
	if (way == PROOF_HAIRPIN)
		dst = proof_overlay(w, p->peer);
	p->src = bpf_htonl(src);
	p->dst = bpf_htonl(dst);
	p->sport = bpf_htons(proof_from_lan(way) ? WIRE_HOST_PORT : WIRE_PEER_PORT);
	p->dport = bpf_htons(proof_from_lan(way) ? WIRE_PEER_PORT : WIRE_HOST_PORT);
}

wire_inline void proof_build(const volatile struct proof_world *w, const struct proof_order *o, __u32 number,
			     struct wire_packet *p)
{
	__builtin_memset(p, 0, sizeof(*p));
	p->version = 0x45;
	p->len = bpf_htons(sizeof(*p));
	p->frag = bpf_htons(0x4000);
	p->ttl = WIRE_TTL_IN;
	p->proto = 17;
	p->udp_len = bpf_htons(sizeof(*p) - 20);
	p->magic = WIRE_MAGIC;
	proof_who(w, o, number, p);
	proof_ends(w, p);
	p->ip_sum = ~wire_ip_sum(p);
	p->udp_sum = ~wire_udp_sum(p);
	if (!p->udp_sum)
		p->udp_sum = 0xffff;
}

/* One that came out unchanged is nobody's. */
wire_inline enum proof_fault proof_addresses(const volatile struct proof_world *w, const struct wire_packet *p, __u32 src,
					     __u32 dst)
{
	struct wire_packet sent = *p;

	proof_ends(w, &sent);
	if (p->sport != sent.sport || p->dport != sent.dport)
		return PROOF_STRANGE;
	if (p->src == bpf_htonl(src) && p->dst == bpf_htonl(dst))
		return PROOF_GOOD;
	if ((p->src == sent.src && src != bpf_ntohl(sent.src)) || (p->dst == sent.dst && dst != bpf_ntohl(sent.dst)))
		return PROOF_UNTRANSLATED;
	return PROOF_OTHER;
}

/* How it was treated on the way, whoever it is for. */
wire_inline enum proof_fault proof_state(const struct wire_packet *p)
{
	if (p->ttl != WIRE_TTL_IN - 1)
		return PROOF_TTL;
	return wire_ip_sum(p) == 0xffff && p->udp_sum && wire_udp_sum(p) == 0xffff ? PROOF_GOOD : PROOF_SUM;
}
