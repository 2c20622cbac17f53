/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What must hold of whatever comes out, whatever came in and whichever data
 * plane carried it: by what was sent, not by what another one makes of it.
 */
#pragma once

#include "packets/expect.h"

/* A packet as it was sent. */
struct sent {
	enum place at;
	const uint8_t *mac; /* its frame's source; NULL: none */
	const uint8_t *ip;  /* NULL: no IPv4 behind its Ethernet header */
	size_t len;
	bool right;         /* all its checksums are, or would be when devices have done their part */
	bool quote_right;   /* and those of the packet that it quotes, and they are to stay so */
	bool mesh;          /* it is for a mesh, or came through a tunnel */
};

/* data: on a LAN a frame, else an IP packet. It is borrowed. */
struct sent rules_sent(enum place at, const uint8_t *data, size_t len);

/* The rule that a packet breaks which came out because of what was sent; NULL: none. */
const char *rules_broken(const struct sent *sent, const struct seen *s);

/* A whole IPv4 packet, by its own words. */
bool is_whole(const uint8_t *ip, size_t len);
/* Whole, with right checksums. */
bool has_right_sums(const uint8_t *ip, size_t len);
bool has_right_quote(const uint8_t *ip, size_t len);
/* The packet that an ICMP error quotes, if as much of it is there as an IPv4 header has; NULL: none. */
const uint8_t *quoted_in(const uint8_t *ip, size_t len, size_t *ret_len);

/* Who has this LAN address there, by overlay address; else the address itself. */
wm_ip4 overlay_at(enum place at, wm_ip4 addr);
/* Who has this overlay address on that LAN, by LAN address; else the address itself. */
wm_ip4 local_at(enum place at, wm_ip4 addr);
bool is_registered_at(enum place at, wm_ip4 local);
