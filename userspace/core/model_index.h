/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which host has a name, which a LAN address: beside a config's array, which is
 * sorted by overlay address. An entry is the overlay address, so that nothing
 * here has to move when the array does. For model*.c and delta.c.
 */
#pragma once

#include "core/model.h"

/* Room for so many hosts in all; 0 or -ENOMEM. */
int wm_index_reserve(struct wm_config *config, size_t nhosts);
/* All hosts of a sorted config. Nobody is checked. */
int wm_index_all(struct wm_config *config);
/* Enters and strikes a host; there is room, and it is there. */
void wm_index_put(struct wm_config *config, const struct wm_host *host);
void wm_index_drop(struct wm_config *config, const struct wm_host *host);
void wm_index_free(struct wm_config *config);

/* NULL: nobody. The host is in the index and in the array. */
const struct wm_host *wm_index_name(const struct wm_config *config, const char *name, const char *domain);
const struct wm_host *wm_index_local(const struct wm_config *config, wm_ip4 local, const char *domain);
