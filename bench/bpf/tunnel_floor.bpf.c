/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The floor of a gateway with a real tunnel: a packet is handed from one device
 * to the other and not looked at.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 wg_ifindex, lan_ifindex;
const volatile __u16 header[ETH_HLEN / 2]; /* of what goes to the LAN: Ethernet's, as on the wire */

SEC("tc")
int tunnel_to_lan(struct __sk_buff *skb)
{
	__u16 eth[ETH_HLEN / 2];

	for (int i = 0; i < ETH_HLEN / 2; i++)
		eth[i] = header[i];
	if (bpf_skb_change_head(skb, ETH_HLEN, 0) || bpf_skb_store_bytes(skb, 0, eth, sizeof(eth), 0))
		return TC_ACT_SHOT;
	return bpf_redirect(lan_ifindex, 0);
}

/* What is no packet (ARP) is the stack's. */
SEC("tc")
int tunnel_to_wg(struct __sk_buff *skb)
{
	return skb->protocol == bpf_htons(ETH_P_IP) ? bpf_redirect(wg_ifindex, 0) : TC_ACT_UNSPEC;
}
