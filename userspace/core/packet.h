/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An IPv4 packet from a description: its bytes, checksums right.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"

#define WM_PACKET_MAX 3000 /* what a test run of a program takes on every kernel */

struct wm_packet {
	wm_ip4 src, dst;
	uint8_t proto;
	uint8_t ttl;
	uint16_t sport, dport;  /* ICMP echo: the id, a sequence number */
	uint8_t tcp_flags;
	uint8_t icmp_type;
	uint16_t size;          /* of the whole; 0: the headers alone */
	uint16_t frag;          /* offset in bytes, a multiple of 8 */
	bool more, df;
};

/* Writes it; *ret_len bytes. -EINVAL: a size that its headers do not fit into, or above WM_PACKET_MAX; an offset that is
 * no multiple of 8. */
int wm_packet_make(const struct wm_packet *packet, uint8_t ret[WM_PACKET_MAX], size_t *ret_len);
/* The same backwards, as far as it can be read. -EBADMSG: not IPv4, or cut. */
int wm_packet_read(const uint8_t *data, size_t len, struct wm_packet *ret);
/* The header's checksum anew; for whoever changed it. */
void wm_packet_sum_header(uint8_t *data);

/* "S", "SA", "FPU", "0" for none; -EINVAL */
int wm_tcp_flags_parse(const char *text, uint8_t *ret);
#define WM_TCP_FLAGS_TEXT 9
const char *wm_tcp_flags_format(uint8_t flags, char buf[WM_TCP_FLAGS_TEXT]); /* "SA"; "0" */
