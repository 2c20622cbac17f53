/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "packets/frame.h"

#include <linux/if_ether.h>
#include <string.h>

bool rig_is_lan(enum place at)
{
	return at >= LAN0 && at <= BOX;
}

void rig_host_mac(enum place at, wm_ip4 addr, uint8_t mac[6])
{
	mac[0] = 0x02;
	mac[1] = (uint8_t)at;
	put32(mac + 2, addr);
}

void rig_gateway_mac(enum place at, uint8_t mac[6])
{
	rig_host_mac(at, 0, mac);
}

size_t build_frame_header(enum place at, const struct pkt *p, uint8_t *eth)
{
	size_t n = 12;

	rig_gateway_mac(at, eth);
	if (p->other_mac)
		rig_host_mac(at, ROUTER_L, eth);
	if (p->group_mac)
		memset(eth, 0xff, 6);
	rig_host_mac(at, p->from_mac_of ? p->from_mac_of : p->src, eth + 6);
	if (p->from_group)
		memset(eth + 6, 0x33, 6);
	if (p->vlan2) {
		put16(eth + n, ETH_P_8021AD);
		put16(eth + n + 2, p->vlan2);
		n += 4;
	}
	if (p->vlan3) {
		put16(eth + n, ETH_P_8021Q);
		put16(eth + n + 2, p->vlan3);
		n += 4;
	}
	if (p->vlan4) {
		put16(eth + n, ETH_P_8021AD);
		put16(eth + n + 2, p->vlan4);
		n += 4;
	}
	if (p->vlan) {
		put16(eth + n, ETH_P_8021Q);
		put16(eth + n + 2, p->vlan);
		n += 4;
	}
	put16(eth + n, p->ethertype ? p->ethertype : ETH_P_IP);
	return n + 2;
}
