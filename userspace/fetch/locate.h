/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where this gateway is seen from outside: its name, the registry, services.
 */
#pragma once

#include "core/record.h"
#include "http/client.h"

/* registry: a client of it. ret->endpoint of family 0: nobody sees it at a public address. -errno with a sentence: it could not be
 * found out. */
int wm_fetch_locate(struct wm_http *registry, const struct wm_fetch_locate *request, struct wm_fetch_located *ret,
		    struct wm_error *err);

/* The first public one of n that two say; false: no two agree. */
bool wm_fetch_agree(const struct wm_endpoint *said, size_t n, struct wm_endpoint *ret);
