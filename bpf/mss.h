/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The TCP MSS, lowered to what the tunnel takes, so that connections need no
 * ICMP error to find it out. Never raised, never added.
 */
#pragma once

#include "maps.h"
#include "packet.h"

#define TCP_MIN 20
#define TCP_CSUM_AT 16
#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_MSS 2
#define OPTION_MSS_LEN 4
#define OPTIONS_MOST 40

inline_ int set_mss(struct __sk_buff *skb, __u32 l4, __u32 at, __be16 from, __be16 to)
{
	bool odd = at & 1;
	/* A value at an odd offset enters the sum with its bytes swapped. */
	__u16 leaves = odd ? __builtin_bswap16(from) : from;
	__u16 enters = odd ? __builtin_bswap16(to) : to;

	if (bpf_l4_csum_replace(skb, l4 + TCP_CSUM_AT, leaves, enters, 2))
		return -1;
	return bpf_skb_store_bytes(skb, l4 + TCP_MIN + at, &to, sizeof(to), 0) ? -1 : 0;
}

/* len: bytes of options. A list that lies is left as it is. A global function: the verifier walks its loop once.
 * 0, or -1 when the packet could not be read or written. */
__attribute__((noinline)) int lower_mss_option(struct __sk_buff *skb, __u32 l4, __u32 len, __u32 most)
{
	__u32 at = 0;

	for (int i = 0; i <= OPTIONS_MOST - OPTION_MSS_LEN; i++) {
		__u8 kind, size;
		__be16 mss;

		at &= 63; /* changes nothing; every path then looks alike to the verifier */
		if (at + OPTION_MSS_LEN > len)
			return 0;
		if (bpf_skb_load_bytes(skb, l4 + TCP_MIN + at, &kind, 1))
			return -1;
		if (kind == OPTION_END)
			return 0;
		if (kind == OPTION_NOP) {
			at++;
			continue;
		}
		if (bpf_skb_load_bytes(skb, l4 + TCP_MIN + at + 1, &size, 1))
			return -1;
		if (size < 2)
			return 0;
		if (kind != OPTION_MSS || size != OPTION_MSS_LEN) {
			at += size & 63;
			continue;
		}
		if (bpf_skb_load_bytes(skb, l4 + TCP_MIN + at + 2, &mss, sizeof(mss)))
			return -1;
		if (bpf_ntohs(mss) <= most)
			return 0;
		return set_mss(skb, l4, at + 2, mss, bpf_htons((__u16)most));
	}
	return 0;
}

/* 0, or -1 when the packet could not be written. */
inline_ int lower_mss(const struct packet *p)
{
	__u32 room = p->end - p->l4;

	if (p->proto != IPPROTO_TCP || !p->l4_known || !(p->tcp_flags & TCP_SYN))
		return 0;
	if (p->tcp_doff <= TCP_MIN || p->tcp_doff > room)
		return 0;
	return lower_mss_option(p->skb, p->l4, p->tcp_doff - TCP_MIN, params.wg_mtu - p->ihl - TCP_MIN);
}
