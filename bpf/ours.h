/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Which frames of a LAN are ours, whatever tags they carry.
 */
#pragma once

#include "site.h"

/* linux/if_packet.h, linux/if_vlan.h */
#define PACKET_HOST_ 0
#define PACKET_OTHERHOST_ 3
#define VLAN_ID 0x0fff
#define PRIORITY_TAGS_MAX 2
#define TAGS_MAX 3 /* that are looked behind, beside the first: whatever has more nobody sends */

enum { OURS_NOT, OURS, OURS_TAGGED_TOO_OFTEN };

/* Ours is what a host sent to us for the mesh: everything else is none of our business, whatever it is. Of frames to
 * everybody IP forwards nothing, but delivers what is for this machine. at: of the IP header. */
inline_ bool is_to_mesh(struct __sk_buff *skb, __u32 at)
{
	__be32 dst; /* the header's last field: where it can be read, all of it can */

	/* One that cannot be read, though it is there, passes for ours: to be judged, and dropped if it is not. */
	if (read_bytes(skb, at + __builtin_offsetof(struct iphdr, daddr), &dst, sizeof(dst)))
		return skb->len >= at + sizeof(struct iphdr);
	return skb->pkt_type == PACKET_HOST_ ? in_supernet(dst) : dst == params.gateway;
}

/* A tag of VLAN 0 says only a priority: the stack takes off what there is of them and treats the packet as any other.
 * So do we with what is ours, before we judge it; of other frames they stay. The first tag stands beside the frame, the
 * others in it. A global function: rarely called, and walked once. */
__attribute__((noinline)) int take_off_priority_tags(struct __sk_buff *skb)
{
	__u32 at = 2 * ETH_ALEN, tags = 0;
	__be16 word[2]; /* a type, and the tag that follows, if it is one's */

	if (skb->vlan_tci & VLAN_ID)
		return OURS_NOT;
	for (int i = 0; i < TAGS_MAX; i++) {
		if (bpf_skb_load_bytes(skb, at, word, sizeof(word)))
			return skb->len >= at + sizeof(word) ? OURS_TAGGED_TOO_OFTEN : OURS_NOT;
		if (word[0] != bpf_htons(ETH_P_8021Q) && word[0] != bpf_htons(ETH_P_8021AD))
			break;
		if (word[1] & bpf_htons(VLAN_ID))
			return OURS_NOT;
		at += sizeof(word);
		tags++;
	}
	if (tags < TAGS_MAX && (word[0] != bpf_htons(ETH_P_IP) || !is_to_mesh(skb, at + sizeof(__be16))))
		return OURS_NOT;
	if (tags >= PRIORITY_TAGS_MAX)
		return OURS_TAGGED_TOO_OFTEN;
	for (int i = 0; i < PRIORITY_TAGS_MAX; i++)
		if (skb->vlan_present && bpf_skb_vlan_pop(skb))
			return OURS_TAGGED_TOO_OFTEN;
	return OURS;
}

inline_ int is_ours(struct __sk_buff *skb)
{
	if (skb->vlan_present)
		return take_off_priority_tags(skb);
	return skb->protocol == bpf_htons(ETH_P_IP) && is_to_mesh(skb, ETH_HLEN) ? OURS : OURS_NOT;
}
