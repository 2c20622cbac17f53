/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Names as this machine resolves them, many at a time.
 */
#pragma once

#include <stddef.h>

#include "core/addr.h"
#include "core/name.h"

struct lookup {
	char name[WM_FQDN_SIZE];
	wm_ip4 addr[4]; /* 0: no more */
	int failure;    /* of getaddrinfo(), 0: found */
};

void resolve(struct lookup *lookup, size_t n); /* IPv4 only: the overlay is */
bool resolve_is(const struct lookup *lookup, wm_ip4 addr);
const char *resolve_why(const struct lookup *lookup); /* what its failure means */
