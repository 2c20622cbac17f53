/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Frames on the LANs, and whose MAC is whose there.
 */
#pragma once

#include "packets/build.h"

bool rig_is_lan(enum place at); /* Ethernet: a LAN or the container */
void rig_host_mac(enum place at, wm_ip4 addr, uint8_t mac[6]); /* what the machine with that address there has */
void rig_gateway_mac(enum place at, uint8_t mac[6]);

/* The Ethernet header of p with its tags, to eth (FRAME_HEADER_MAX); its length. */
#define FRAME_HEADER_MAX (ETH_LEN + 16)
size_t build_frame_header(enum place at, const struct pkt *p, uint8_t *eth);
/* How many tags the frame begins with; priority: of VLAN 0 only, which say nothing else. */
size_t frame_tags(const uint8_t *frame, size_t len, bool priority);
