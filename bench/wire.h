/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The packet that everything here sends, and what must have become of it: one
 * code for the programs in the kernel and for userspace. It says itself who
 * sends it to whom, so whoever gets it can tell whether the gateway was right.
 */
#pragma once

#include <linux/types.h>
#include <bpf/bpf_endian.h>

#define wire_inline static inline __attribute__((always_inline))

#define WIRE_MAGIC 0x776d6265u
#define WIRE_TTL_IN 64
#define WIRE_HOST_PORT 7000
#define WIRE_PEER_PORT 40000 /* and up, one for each peer */
#define WIRE_ETH 14
#define WIRE_MAC_GATEWAY                                                                                               \
	{                                                                                                              \
		2, 0, 0, 0, 0, 1                                                                                       \
	}
#define WIRE_STRIDE 7919 /* prime */
#define WIRE_STRANGERS 200
#define WIRE_TRANSITS 16384 /* times that are kept */

enum wire_way {
	WIRE_TO_LAN, /* from the mesh to a host */
	WIRE_TO_WG,  /* from a host to the mesh */
	WIRE_RELAY,  /* from one site to another, at the hub */
	WIRE_FLOOD,  /* from the LAN, by machines that nobody registered */
	WIRE_WAYS,
};

/* Who is where, in host order. Constant while a rig lives. */
struct wire_world {
	__u32 hosts;	  /* at this site */
	__u32 peers;	  /* elsewhere in the mesh: so many flows a host has */
	__u32 subnet;	  /* host h has the overlay address subnet + 2 + h */
	__u32 lan;	  /* and the LAN address lan + 2 + h */
	__u32 away;	  /* peer p has away + 2 + p */
	__u32 beyond;	  /* behind another tunnel: beyond + 2 + h */
	__u32 translates; /* else hosts are known by their LAN addresses everywhere */
	__u32 ttl;	  /* of what comes out */
	__u32 twist;	  /* of the order of hosts: divisible by every prime that divides their number */
};

/* What is to be sent next. */
struct wire_order {
	__u32 next; /* number of the packet: it says whose it is */
	__u32 way;  /* enum wire_way */
	__u32 one;  /* always the same flow */
	__u32 sent; /* what it says of when it was sent */
};

/* Why a packet that came out is wrong. */
#define WIRE_FAULTS(X)                                                                                                 \
	X(STRANGE, "none of those that were sent")                                                                     \
	X(ADDRESS, "a wrong address or port")                                                                          \
	X(TTL, "a wrong TTL")                                                                                          \
	X(IP_SUM, "a wrong IP checksum")                                                                               \
	X(UDP_SUM, "a wrong UDP checksum")                                                                             \
	X(MAC, "a wrong MAC address")

enum wire_fault {
	WIRE_GOOD,
#define WIRE_ENUM(name, text) WIRE_##name,
	WIRE_FAULTS(WIRE_ENUM)
#undef WIRE_ENUM
		WIRE_VERDICTS,
};

/* What came out. */
struct wire_tally {
	__u64 count[8]; /* by enum wire_fault */
};
_Static_assert(WIRE_VERDICTS <= 8, "count has no room");

struct wire_packet {
	__u8 version, tos;
	__be16 len, id, frag;
	__u8 ttl, proto;
	__u16 ip_sum;
	__be32 src, dst;
	__be16 sport, dport, udp_len;
	__u16 udp_sum;
	__u32 magic, way, host, peer;
	__u32 sent; /* when, in ns of the monotonic clock, the low half; 0: nobody asks */
};
_Static_assert(sizeof(struct wire_packet) == 48, "wire_packet has a gap");

typedef __u32 __attribute__((may_alias)) wire_word;

wire_inline __u16 wire_fold(__u64 sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (sum >> 16) + (sum & 0xffff);
}

/* Not complemented: with a right checksum inside, 0xffff. */
wire_inline __u16 wire_ip_sum(const struct wire_packet *p)
{
	const wire_word *word = (const wire_word *)p;

	return wire_fold((__u64)word[0] + word[1] + word[2] + word[3] + word[4]);
}

wire_inline __u16 wire_udp_sum(const struct wire_packet *p)
{
	const wire_word *word = (const wire_word *)p;
	__u64 sum = (__u64)word[3] + word[4] + bpf_htons(17) + p->udp_len;

	for (int i = 5; i < 12; i++)
		sum += word[i];
	return wire_fold(sum);
}

/* All hosts, in an order that no cache guesses: a * i + b * i^2 modulo n comes to each once, if a has no prime in common
 * with n and b has all of n's. Without the square the distance is always the same, and a processor fetches ahead. */
wire_inline __u32 wire_host_of(const volatile struct wire_world *w, const struct wire_order *o, __u32 number)
{
	__u64 i = number % w->hosts;

	return o->one ? w->hosts / 2 : (i * WIRE_STRIDE + i * i % w->hosts * w->twist) % w->hosts;
}

wire_inline __u32 wire_peer_of(const volatile struct wire_world *w, const struct wire_order *o, __u32 number)
{
	return o->one ? 0 : number / w->hosts % w->peers;
}

wire_inline __u32 wire_near(const volatile struct wire_world *w, __u32 host, int translated)
{
	return (translated && w->translates ? w->subnet : w->lan) + 2 + host;
}

/* The addresses of a packet as it comes in (out 0) or must come out. */
wire_inline void wire_ends(const volatile struct wire_world *w, struct wire_packet *p, int out)
{
	__u32 away = w->away + 2 + p->peer, near;
	__be16 here = bpf_htons(WIRE_HOST_PORT), there = bpf_htons(WIRE_PEER_PORT + p->peer);
	int from_lan = p->way == WIRE_TO_WG || p->way == WIRE_FLOOD;

	if (p->way == WIRE_RELAY)
		near = w->beyond + 2 + p->host;
	else
		near = wire_near(w, p->host, from_lan ? out : !out);
	p->src = bpf_htonl(from_lan ? near : away);
	p->dst = bpf_htonl(from_lan ? away : near);
	p->sport = from_lan ? here : there;
	p->dport = from_lan ? there : here;
}

/* The packet with this number. */
wire_inline void wire_build(const volatile struct wire_world *w, const struct wire_order *o, __u32 number,
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
	p->way = o->way;
	p->host = wire_host_of(w, o, number);
	p->peer = wire_peer_of(w, o, number);
	p->sent = o->sent;
	if (o->way == WIRE_FLOOD)
		p->host = w->hosts + (o->one ? 0 : number % WIRE_STRANGERS);
	wire_ends(w, p, 0);
	p->ip_sum = ~wire_ip_sum(p);
	p->udp_sum = ~wire_udp_sum(p);
	if (!p->udp_sum)
		p->udp_sum = 0xffff;
}

/* host: whose it is, set when it is one of ours. */
wire_inline enum wire_fault wire_check(const volatile struct wire_world *w, const struct wire_packet *p, __u32 *host)
{
	struct wire_packet want;

	if (p->version != 0x45 || p->proto != 17 || p->magic != WIRE_MAGIC || p->host >= w->hosts ||
	    p->peer >= w->peers || p->way >= WIRE_FLOOD || p->len != bpf_htons(sizeof(*p)))
		return WIRE_STRANGE;
	*host = p->host;
	want.way = p->way;
	want.host = p->host;
	want.peer = p->peer;
	wire_ends(w, &want, 1);
	if (p->src != want.src || p->dst != want.dst || p->sport != want.sport || p->dport != want.dport)
		return WIRE_ADDRESS;
	if (p->ttl != w->ttl)
		return WIRE_TTL;
	if (wire_ip_sum(p) != 0xffff)
		return WIRE_IP_SUM;
	return p->udp_sum && wire_udp_sum(p) == 0xffff ? WIRE_GOOD : WIRE_UDP_SUM;
}

/* 02:01 and the host's number. */
wire_inline void wire_host_mac(__u32 host, __u8 mac[6])
{
	mac[0] = 2;
	mac[1] = 1;
	mac[2] = host >> 24;
	mac[3] = host >> 16;
	mac[4] = host >> 8;
	mac[5] = host;
}
