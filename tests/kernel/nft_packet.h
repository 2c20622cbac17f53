/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * IPv4 packets made and judged by hand: sums here are computed in the plainest
 * way there is, and owe nothing to the code that is tested with them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"

/* An IPv4 packet with what is to be known of it for sending. */
struct packet {
	uint8_t byte[4096];
	size_t len;
	bool partial;      /* its L4 checksum is the pseudo-header's sum only */
	uint16_t gso_size; /* TCP payload bytes a segment; 0: one packet */
};

/* Building. Checksums are right; rig tests spoil them themselves. */
struct packet udp(wm_ip4 src, wm_ip4 dst, size_t payload);
struct packet tcp(wm_ip4 src, wm_ip4 dst, uint8_t flags, const uint8_t *options, size_t noptions, size_t payload);
struct packet icmp(wm_ip4 src, wm_ip4 dst, uint8_t type, uint8_t code, size_t payload);
struct packet raw(wm_ip4 src, wm_ip4 dst, uint8_t protocol, size_t payload);
void with_options(struct packet *p, const uint8_t *options, size_t len); /* IP options, len % 4 == 0 */
void fix_ip(struct packet *p); /* total length and header checksum, after changes by hand */

wm_ip4 src_of(const struct packet *p);
wm_ip4 dst_of(const struct packet *p);
bool sums_right(const struct packet *p); /* IP header, and TCP, UDP or ICMP unless a fragment */

/* For whoever hands a packet to a device in parts. */
size_t header_len(const struct packet *p);     /* bytes of IP header */
int sum_offset(const struct packet *p);        /* of the checksum in the L4 header; -1: none that we know */
void leave_unfinished(struct packet *p);       /* puts the pseudo-header's sum where the checksum goes */
