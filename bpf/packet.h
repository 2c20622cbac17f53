/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What a packet says: read once into a struct by copying helpers, which work on
 * the non-linear packets that WireGuard's GRO makes and leave no pointer that a
 * later write would invalidate.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "maps.h"

#define ICMP_ECHO_REPLY 0
#define ICMP_UNREACHABLE 3
#define ICMP_FRAG_NEEDED 4 /* code of UNREACHABLE */
#define ICMP_QUENCH 4
#define ICMP_REDIRECT_TYPE 5
#define ICMP_ECHO_REQUEST 8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETER 12

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

struct packet {
	struct __sk_buff *skb;
	__u8 hook;      /* enum wm_hook */
	__u32 off;      /* of the IP header in the skb */
	__u32 l4;       /* of what follows the IP header */
	__u32 end;      /* behind the last byte of the packet */
	__u32 len;      /* IP total length, host order; of a GSO packet, of the whole */
	__be32 src, dst;
	__be16 id;
	__u16 frag;     /* offset in 8 bytes, host order */
	bool more;      /* fragments follow */
	bool df;
	__u32 stack;    /* not 0: the stack's to carry, with IP options or padding that is not ours to take off */
	__u8 ihl;       /* bytes */
	__u8 ttl, proto;
	__u16 check;    /* of the IP header */
	/* of the first or only fragment, when l4_known */
	bool l4_known;
	__be16 sport, dport; /* ICMP echo: both the id */
	__u8 tcp_flags;
	__u8 tcp_doff;  /* bytes */
	__u8 icmp_type, icmp_code;
};

/* What is read in several places is not read in C: the compiler shares the address between them, and the verifier wants
 * an offset from ctx. */
#ifdef __bpf__
#define ctx_word(skb, field) \
	({ \
		__u64 word_; \
		asm volatile("%0 = *(u32 *)(%1 + %2)" \
			     : "=r"(word_) \
			     : "r"(skb), "i"(__builtin_offsetof(struct __sk_buff, field))); \
		(__u32)word_; \
	})
#define ctx_pointer(skb, field) \
	({ \
		const __u8 *pointer_; \
		asm volatile("%0 = *(u32 *)(%1 + %2)" \
			     : "=r"(pointer_) \
			     : "r"(skb), "i"(__builtin_offsetof(struct __sk_buff, field))); \
		pointer_; \
	})

/* As bpf_skb_load_bytes, but without a call where the bytes lie in the packet's linear part, as they nearly always do.
 * off is even and less than 128. */
inline_ int read_bytes(struct __sk_buff *skb, __u32 off, void *to, __u32 len)
{
	const __u8 *at = ctx_pointer(skb, data), *end = ctx_pointer(skb, data_end);
	__u64 bounded = off;

	asm volatile("%0 &= 127" : "+r"(bounded)); /* changes nothing; the verifier wants to see it */
	at += bounded;
	if (at + len > end)
		return bpf_skb_load_bytes(skb, off, to, len);
	__builtin_memcpy(to, __builtin_assume_aligned(at, 2), len);
	return 0;
}
/* The same for writing. The kernel has made a packet of a program that does this the program's own before it begins; what
 * is written here no checksum of the skb's covers, or covers together with another change. */
inline_ int write_bytes(struct __sk_buff *skb, __u32 off, const void *from, __u32 len)
{
	__u8 *at = (__u8 *)ctx_pointer(skb, data), *end = (__u8 *)ctx_pointer(skb, data_end);
	__u64 bounded = off;

	asm volatile("%0 &= 127" : "+r"(bounded)); /* as above */
	at += bounded;
	if (at + len > end)
		return bpf_skb_store_bytes(skb, off, from, len, 0);
	__builtin_memcpy(__builtin_assume_aligned(at, 2), from, len);
	return 0;
}
#else /* tests/native */
#define ctx_word(skb, field) ((skb)->field)
#define read_bytes bpf_skb_load_bytes
#define write_bytes(skb, off, from, len) bpf_skb_store_bytes(skb, off, from, len, 0)
#endif

/* Of a GSO packet, L4 payload bytes of each segment; else 0. Not kept in the struct: the
 * verifier would tell apart all that comes after (twice the work). */
inline_ __u32 segment_size(const struct packet *p)
{
	return ctx_word(p->skb, gso_size);
}

/* LSRR and SSRR let a packet choose its way behind the filter (RFC 7126 4.3); so does a list that lies. first: offset
 * of the options. A global function: the verifier walks its loop once, not once per path that leads here. */
__attribute__((noinline)) int is_source_routed(struct __sk_buff *skb, __u32 first, __u32 len)
{
	__u32 at = 0;

	for (int i = 0; i < 40; i++) {
		__u8 type, size;

		at &= 63; /* changes nothing; every path then looks alike to the verifier */
		if (at >= len)
			return 0;
		if (bpf_skb_load_bytes(skb, first + at, &type, 1))
			return 1;
		if (type == 0) /* end of list */
			return 0;
		if (type == 1) { /* no operation */
			at++;
			continue;
		}
		if ((type & 0x7f) == 3 || (type & 0x7f) == 9)
			return 1;
		if (at + 1 >= len || bpf_skb_load_bytes(skb, first + at + 1, &size, 1) || size < 2)
			return 1;
		at += size & 63;
	}
	return 0;
}

/* false: it could not be read, though it is there. */
inline_ bool parse_l4(struct packet *p)
{
	__u32 room = p->end - p->l4;
	__be16 word[2];

	if (p->frag || room < 8)
		return true;
	if (read_bytes(p->skb, p->l4, word, sizeof(word)))
		return false;
	switch (p->proto) {
	case IPPROTO_TCP: {
		__u8 flags[2];

		if (room < 20)
			return true;
		if (read_bytes(p->skb, p->l4 + 12, flags, sizeof(flags)))
			return false;
		p->tcp_doff = (flags[0] >> 4) * 4;
		p->tcp_flags = flags[1];
		break;
	}
	case IPPROTO_UDP:
		break;
	case IPPROTO_ICMP: {
		__be16 id;

		if (read_bytes(p->skb, p->l4 + 4, &id, sizeof(id)))
			return false;
		p->icmp_type = bpf_ntohs(word[0]) >> 8;
		p->icmp_code = bpf_ntohs(word[0]) & 0xff;
		word[0] = word[1] = id;
		break;
	}
	default:
		return true;
	}
	p->sport = word[0];
	p->dport = word[1];
	p->l4_known = true;
	return true;
}

/* Reads the packet whose IP header is at off and takes off what is behind it (Ethernet pads short
 * frames). false: it lies about itself, or is source-routed. */
inline_ bool parse(struct packet *p, struct __sk_buff *skb, enum wm_hook hook, __u32 off)
{
	__u32 have = skb->len - off;
	struct iphdr ip;
	__u16 frag;

	__builtin_memset(p, 0, sizeof(*p));
	p->skb = skb;
	p->hook = hook;
	p->off = off;
	p->len = have;
	if (read_bytes(skb, off, &ip, sizeof(ip)))
		return false;
	p->ihl = ip.ihl * 4;
	/* BIG TCP has no length that fits (kernel 6.3). */
	p->len = ip.tot_len || !segment_size(p) ? bpf_ntohs(ip.tot_len) : have;
	p->src = ip.saddr;
	p->dst = ip.daddr;
	if (ip.version != 4 || p->ihl < 20 || p->len < p->ihl || p->len > have)
		return false;
	/* Fails where GRO has looked for a tunnel's inner headers in Ethernet's padding. The stack takes that off. */
	if (p->len < have && bpf_skb_change_tail(skb, off + p->len, 0) && hook != WM_HOOK_LAN_IN)
		return false;
	frag = bpf_ntohs(ip.frag_off);
	p->frag = frag & 0x1fff;
	p->more = frag & 0x2000;
	p->df = frag & 0x4000;
	p->id = ip.id;
	p->ttl = ip.ttl;
	p->proto = ip.protocol;
	p->check = ip.check;
	p->l4 = off + p->ihl;
	p->end = off + p->len;
	/* Computed, not decided: the verifier would tell apart all that comes after. */
	p->stack = hook == WM_HOOK_LAN_IN ? (ctx_word(skb, len) - p->end) | (p->ihl - 20u) : p->ihl > 20;
	if (p->ihl > 20 && is_source_routed(skb, off + 20, p->ihl - 20))
		return false;
	return parse_l4(p);
}

inline_ bool is_icmp_error(const struct packet *p)
{
	if (p->proto != IPPROTO_ICMP || !p->l4_known)
		return false;
	return p->icmp_type == ICMP_UNREACHABLE || p->icmp_type == ICMP_QUENCH || p->icmp_type == ICMP_REDIRECT_TYPE ||
	       p->icmp_type == ICMP_TIME_EXCEEDED || p->icmp_type == ICMP_PARAMETER;
}

/* What goes over the wire at once: of a GSO packet, one segment with its headers. */
inline_ __u32 wire_size(const struct packet *p)
{
	__u32 segment = segment_size(p);

	if (!segment)
		return p->len;
	return segment + p->ihl + (p->proto == IPPROTO_TCP ? p->tcp_doff : 8);
}
