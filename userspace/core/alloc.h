/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which address or subnet is free: the lowest. Pure; the store feeds what is
 * taken in ascending order and stops as soon as a gap has shown itself.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"

/* Addresses of a site's subnet, never the network, gateway or broadcast address. */
struct alloc_addr {
	wm_ip4 next; /* lowest that may still be free */
	wm_ip4 last; /* highest a machine may have */
};

void alloc_addr_start(struct alloc_addr *a, struct wm_prefix subnet);
bool alloc_addr_used(struct alloc_addr *a, wm_ip4 used);     /* false: a gap was found, feed no more */
int alloc_addr_result(const struct alloc_addr *a, wm_ip4 *ret); /* -EADDRNOTAVAIL: all taken */

/* Subnets of a supernet: /24, or halves of a supernet that is a /24 or
 * smaller. The first is given out last, so that "172.30.0.x" names no site. */
struct alloc_net {
	struct wm_prefix supernet;
	uint64_t next;   /* lowest candidate that may still be free; 2^32 and above: none */
	uint8_t len;
	bool first_free;
};

void alloc_net_start(struct alloc_net *a, struct wm_prefix supernet);
bool alloc_net_used(struct alloc_net *a, struct wm_prefix used);
int alloc_net_result(const struct alloc_net *a, struct wm_prefix *ret); /* -EADDRNOTAVAIL */
