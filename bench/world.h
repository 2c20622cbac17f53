/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which addresses there are: a mesh 100.64.0.0/10, this site at its beginning,
 * the other sites near its end; a LAN at 10.0.0.0.
 */
#pragma once

#include "bench/wire.h"
#include "core/addr.h"

#define WORLD_PEERS 4
#define WORLD_MANY 50000 /* hosts: with one peer each, their flows still fit into conntrack's table */

void world_make(struct wire_world *ret, uint32_t hosts);
struct wm_prefix world_supernet(const struct wire_world *w);
struct wm_prefix world_subnet(const struct wire_world *w); /* just large enough */
