/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The shield: before the kernel has made an skb of a frame, drops what LAN
 * ingress (wm_lan_in) would drop as unregistered and nothing else. It knows who
 * is certainly nobody there; whatever else, and whatever it cannot tell, passes
 * untouched and uncounted to LAN ingress, which judges. It never rewrites and
 * never redirects.
 *
 * Drivers give the first buffer of a large frame only: headers are all it reads.
 */
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>

#include "drops.h"

#define FRAG_OFFSET 0x1fff
#define PLAIN_HEADER 0x45 /* version 4, five words: source routes are LAN ingress' business */

/* A context has addresses of 32 bits, which the kernel makes whole. */
#ifdef __bpf__
#define data_of(ctx) ((const void *)(long)(ctx)->data)
#define end_of(ctx) ((const void *)(long)(ctx)->data_end)
#else /* tests/native */
#define data_of(ctx) native_xdp_data(ctx)
#define end_of(ctx) native_xdp_end(ctx)
#endif

/* The LAN that the device is. A few comparisons, the first of which hits where there is one LAN; a program for each LAN
 * would save them, and be loaded anew with each MAC and slot that changes. */
inline_ const struct wm_lan_info *lan_of(__u32 ifindex, __u32 *ret_slot)
{
	for (__u32 i = 0; i < WM_LAN_SLOTS; i++) {
		const struct wm_lan_info *lan;
		__u32 slot = i;

		lan = bpf_map_lookup_elem(&lans, &slot);
		if (lan && lan->ifindex == ifindex) {
			*ret_slot = i;
			return lan;
		}
	}
	return NULL;
}

/* By halves: what every processor can read there. */
inline_ bool is_to(const void *frame, const __u8 *mac)
{
	const __u16 *a = frame, *b = (const void *)mac;

	return a[0] == b[0] && a[1] == b[1] && a[2] == b[2];
}

inline_ bool may_be_registered(__u32 slot, __be32 addr)
{
	__u32 low = bpf_ntohl(addr) & 0xffff, index = slot * WM_SHIELD_WORDS + low / 64;
	const __u64 *word = bpf_map_lookup_elem(&shield, &index);

	return !word || *word >> low % 64 & 1;
}

/* For the list of drops, while this second's budget lasts: a look-up there would cost more than all the rest. */
inline_ void note(__u32 ifindex, const void *frame, const void *end, const struct wm_drop *amount)
{
	const struct iphdr *ip = frame + ETH_HLEN;
	const struct udphdr *ports = (const void *)(ip + 1);
	struct wm_drop one = *amount;
	struct wm_drop_key key = {
		.src = ip->saddr, .dst = ip->daddr, .ifindex = ifindex, .reason = WM_REASON_UNREGISTERED,
		.hook = WM_HOOK_LAN_IN, .proto = ip->protocol,
	};
	struct wm_drop_pace *pace = drop_pace_now(one.last);

	if (!pace || pace->shielded >= WM_DROPS_SHIELDED_PER_S)
		return;
	pace->shielded++;
	__builtin_memcpy(one.seen.mac, frame + ETH_ALEN, ETH_ALEN);
	if ((const void *)(ports + 1) <= end && !(ip->frag_off & bpf_htons(FRAG_OFFSET)) &&
	    (key.proto == IPPROTO_UDP || key.proto == IPPROTO_TCP))
		one.seen.dport = ports->dest;
	note_drop(&key, &one);
}

inline_ int judge(const struct xdp_md *ctx)
{
	const void *frame = data_of(ctx), *end = end_of(ctx);
	const struct iphdr *ip = frame + ETH_HLEN;
	__u32 reason = WM_REASON_UNREGISTERED, slot, len;
	struct wm_drop one = { .packets = 1 };
	const struct wm_lan_info *lan;
	struct wm_counter *c;

	if ((const void *)(ip + 1) > end || *(const __be16 *)(frame + 2 * ETH_ALEN) != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if ((ip->daddr & params.supernet_mask) != params.supernet)
		return XDP_PASS;
	/* Routers' errors may be about a host. */
	if (*(const __u8 *)ip != PLAIN_HEADER || ip->protocol == IPPROTO_ICMP)
		return XDP_PASS;
	len = bpf_ntohs(ip->tot_len);
	if (len < sizeof(*ip) || len > end - (const void *)ip)
		return XDP_PASS;
	lan = lan_of(ctx->ingress_ifindex, &slot);
	/* What is longer than a frame of this LAN stands for several, and counts as so many. */
	if (!lan || !is_to(frame, lan->mac) || len > lan->mtu)
		return XDP_PASS;
	if (may_be_registered(slot, ip->saddr))
		return XDP_PASS;
	one.bytes = len;
	one.last = bpf_jiffies64();
	c = bpf_map_lookup_elem(&counters, &reason);
	if (c) {
		c->packets++;
		c->bytes += len;
	}
	note(ctx->ingress_ifindex, frame, end, &one);
	return XDP_DROP;
}

/* For generic mode. (There a program that knows frames in several buffers gets copies, since 6.9, that have lost their
 * mac_len: tc programs behind it would look for the Ethernet header in the wrong place.) */
SEC("xdp")
int wm_shield(struct xdp_md *ctx)
{
	return judge(ctx);
}

/* For native mode, where the kernel has it (5.18): without it drivers refuse devices with a large MTU. */
SEC("xdp.frags")
int wm_shield_frags(struct xdp_md *ctx)
{
	return judge(ctx);
}

char _license[] SEC("license") = "Dual BSD/GPL";
