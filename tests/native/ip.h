/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The IP header of a packet that the stack has.
 */
#pragma once

#include "native/world.h"

static inline uint8_t *ip_of(const struct flight *f)
{
	return f->skb->data;
}

static inline uint32_t header_of(const struct flight *f)
{
	return (ip_of(f)[0] & 15u) * 4;
}

static inline void sum_header(uint8_t *ip, uint32_t header)
{
	put16(ip + 10, 0);
	put16(ip + 10, (uint16_t)~csum_fold(csum_add(0, ip, header)));
}
