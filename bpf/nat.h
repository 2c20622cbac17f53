/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Translation. L4 checksums are changed by bpf_l4_csum_replace, which knows
 * CHECKSUM_PARTIAL and GSO; arithmetic on packet bytes is right only where
 * they are as on the wire, and of the IP header. Every function returns 0, or
 * -1 when the packet could not be written and must be dropped: it may be half
 * translated.
 */
#pragma once

#include "packet.h"

#define IP_TTL_AT 8
#define IP_CSUM_AT 10
#define IP_SRC_AT 12
#define IP_DST_AT 16

/* Offset of the checksum that covers the addresses, from the L4 header; 0: none. */
inline_ __u32 csum_at(__u8 proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return 16;
	case IPPROTO_UDP:
	case IPPROTO_DCCP:
	case IPPROTO_UDPLITE:
		return 6;
	default:
		return 0;
	}
}

/* UDP: 0 means no checksum and stays; a sum of 0 is sent as 0xffff (RFC 768). UDP-Lite must have one: receivers refuse
 * a 0 (RFC 3828 3.1). */
inline_ bool has_no_zero(__u8 proto)
{
	return proto == IPPROTO_UDP || proto == IPPROTO_UDPLITE;
}

/* RFC 1624, equation 3: the words of `from` leave a checksum, those of `to` enter it. */
inline_ __u16 csum_moved(__u16 csum, __be32 from, __be32 to)
{
	__u32 sum = (__u16)~csum;

	sum += (__u16)~(from & 0xffff);
	sum += (__u16)~(from >> 16);
	sum += to & 0xffff;
	sum += to >> 16;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

/* The same of a complete checksum of L4. */
inline_ __u16 l4_csum_moved(__u8 proto, __u16 csum, __be32 from, __be32 to)
{
	csum = csum_moved(csum, from, to);
	return csum || !has_no_zero(proto) ? csum : 0xffff;
}

/* What is left to the device has the sum of the pseudo-header in the checksum's place (virtio 1.2, 5.1.6.2; Linux,
 * skbuff.h). Whatever has another value is complete; of complete ones, one of 65,536 has that value too. 0 may be UDP's for
 * none. */
inline_ bool is_complete(const struct packet *p, __u16 check)
{
	__u64 sum = (__u64)p->src + p->dst + bpf_htons(p->proto) + bpf_htons((__u16)(p->end - p->l4)) + (__u16)~check;

	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return check && sum != 0xffff;
}

/* An address in the checksums: of L4 by the kernel, which knows what is left to the device, and corrects what a device has
 * summed up of the whole packet (CHECKSUM_COMPLETE). It takes half as long as all the rest of a program. So a hop does
 * arithmetic where the packet shows that this is right: no sum of a device's is looked at in front of a tunnel, and behind
 * one there is none. */
inline_ int move_address(struct packet *p, __be32 from, __be32 to, bool hop)
{
	__u64 flags = BPF_F_PSEUDO_HDR | 4 | (has_no_zero(p->proto) ? BPF_F_MARK_MANGLED_0 : 0);
	__u32 at = csum_at(p->proto);
	__u16 check;

	p->check = csum_moved(p->check, from, to);
	if (!at || p->frag || p->l4 + at + 2 > p->end)
		return 0;
	at += p->l4;
	if (hop && !p->more && !segment_size(p)) {
		if (read_bytes(p->skb, at, &check, sizeof(check)))
			return -1;
		if (is_complete(p, check)) {
			check = l4_csum_moved(p->proto, check, from, to);
			return write_bytes(p->skb, at, &check, sizeof(check)) ? -1 : 0;
		}
	}
	return bpf_l4_csum_replace(p->skb, at, from, to, flags) ? -1 : 0;
}

/* The header from its TTL on, at once. No device computes its checksum, so arithmetic is right. hop: this is one of its
 * hops, between tunnel and LAN, around the stack. */
inline_ int write_header(struct packet *p, bool hop)
{
	__u8 ttl = p->ttl - 1;
	struct {
		__u8 ttl, proto;
		__u16 check;
		__be32 src, dst;
	} now;

	if (hop) {
		p->check = csum_moved(p->check, bpf_htons((__u16)(p->ttl << 8 | p->proto)), bpf_htons((__u16)(ttl << 8 | p->proto)));
		p->ttl = ttl;
	}
	now.ttl = p->ttl;
	now.proto = p->proto;
	now.check = p->check;
	now.src = p->src;
	now.dst = p->dst;
	return write_bytes(p->skb, p->off + IP_TTL_AT, &now, sizeof(now)) ? -1 : 0;
}

inline_ int set_addresses(struct packet *p, __be32 src, __be32 dst, bool hop)
{
	if (move_address(p, p->src, src, false) || move_address(p, p->dst, dst, false))
		return -1;
	p->src = src;
	p->dst = dst;
	return write_header(p, hop);
}

inline_ int set_source(struct packet *p, __be32 src, bool hop)
{
	if (move_address(p, p->src, src, hop))
		return -1;
	p->src = src;
	return write_header(p, hop);
}

inline_ int set_destination(struct packet *p, __be32 dst, bool hop)
{
	if (move_address(p, p->dst, dst, hop))
		return -1;
	p->dst = dst;
	return write_header(p, hop);
}

inline_ int decrement_ttl(struct packet *p)
{
	return write_header(p, true);
}

/* --- the packet that an ICMP error quotes --------------------------------------- */

struct quote {
	__u32 off, l4;   /* of its headers in the skb */
	__be32 src, dst;
	__u8 proto;
	bool first;      /* not a later fragment: the L4 header is its own */
	bool ports_known;
	__be16 sport, dport; /* ICMP echo: both the id */
	__u8 icmp_type;
};

/* false: too short, or no IPv4 header: the error is malformed. */
inline_ bool parse_quote(const struct packet *p, struct quote *q)
{
	struct iphdr ip;
	__be16 word[4];

	__builtin_memset(q, 0, sizeof(*q));
	q->off = p->l4 + 8;
	if (q->off + sizeof(ip) > p->end || bpf_skb_load_bytes(p->skb, q->off, &ip, sizeof(ip)))
		return false;
	if (ip.version != 4 || ip.ihl < 5)
		return false;
	q->l4 = q->off + ip.ihl * 4;
	q->src = ip.saddr;
	q->dst = ip.daddr;
	q->proto = ip.protocol;
	q->first = !(bpf_ntohs(ip.frag_off) & 0x1fff);
	if (!q->first || q->l4 + sizeof(word) > p->end)
		return q->l4 <= p->end;
	if (bpf_skb_load_bytes(p->skb, q->l4, word, sizeof(word)))
		return false;
	q->sport = q->proto == IPPROTO_ICMP ? word[2] : word[0];
	q->dport = q->proto == IPPROTO_ICMP ? word[2] : word[1];
	q->icmp_type = bpf_ntohs(word[0]) >> 8;
	q->ports_known = true;
	return true;
}

/* The quoted L4 checksum, if it was quoted: strict stacks look at it. It is plain
 * data inside ICMP, whatever the state of the packet around it, and what it
 * changes by the ICMP checksum must follow. */
inline_ int move_quoted_csum(struct packet *p, const struct quote *q, __be32 from, __be32 to)
{
	__u32 at = csum_at(q->proto);
	__u16 was, is;

	if (!at || !q->first || q->l4 + at + 2 > p->end)
		return 0;
	if (bpf_skb_load_bytes(p->skb, q->l4 + at, &was, sizeof(was)))
		return -1;
	if (has_no_zero(q->proto) && !was)
		return 0;
	is = l4_csum_moved(q->proto, was, from, to);
	if (bpf_l4_csum_replace(p->skb, p->l4 + 2, was, is, 2))
		return -1;
	return bpf_skb_store_bytes(p->skb, q->l4 + at, &is, sizeof(is), 0) ? -1 : 0;
}

/* field IP_SRC_AT or IP_DST_AT of the quoted header. Address and header checksum change
 * together, so that the ICMP checksum around them stays right by itself. */
inline_ int set_quoted(struct packet *p, const struct quote *q, __u32 field, __be32 from, __be32 to)
{
	if (bpf_l3_csum_replace(p->skb, q->off + IP_CSUM_AT, from, to, 4) ||
	    bpf_skb_store_bytes(p->skb, q->off + field, &to, sizeof(to), 0))
		return -1;
	return move_quoted_csum(p, q, from, to);
}
