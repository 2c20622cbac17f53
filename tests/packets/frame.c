/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "packets/frame.h"

#include <linux/if_ether.h>
#include <string.h>

#include "core/util.h"

#define TAGS_AT 12 /* behind both MACs */

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
	const struct {
		uint16_t type, tag;
	} tags[] = { { ETH_P_8021AD, p->vlan2 }, { ETH_P_8021Q, p->vlan3 }, { ETH_P_8021AD, p->vlan4 }, { ETH_P_8021Q, p->vlan } };
	size_t n = TAGS_AT;

	rig_gateway_mac(at, eth);
	if (p->other_mac)
		rig_host_mac(at, ROUTER_L, eth);
	if (p->group_mac)
		memset(eth, 0xff, 6);
	rig_host_mac(at, p->from_mac_of ? p->from_mac_of : p->src, eth + 6);
	if (p->from_group)
		memset(eth + 6, 0x33, 6);
	for (size_t i = 0; i < WM_ARRAY_LEN(tags); i++) {
		if (!tags[i].tag)
			continue;
		put16(eth + n, tags[i].type);
		put16(eth + n + 2, tags[i].tag);
		n += 4;
	}
	put16(eth + n, p->ethertype ? p->ethertype : ETH_P_IP);
	return n + 2;
}

size_t frame_tags(const uint8_t *frame, size_t len, bool priority)
{
	size_t n = 0;

	for (const uint8_t *tag = frame + TAGS_AT; len >= TAGS_AT + 4 * (n + 1); tag += 4, n++) {
		if (get16(tag) != ETH_P_8021Q && get16(tag) != ETH_P_8021AD)
			break;
		if (priority && get16(tag + 2) & 0x0fff)
			break;
	}
	return n;
}
