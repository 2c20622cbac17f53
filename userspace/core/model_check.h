/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Parts of the check of a whole config, for who changes a part of one
 * (delta.c). 0, or -EINVAL with a sentence.
 */
#pragma once

#include "core/model.h"

/* A host alone: its name, site and addresses. */
int wm_check_host(const struct wm_config *config, const struct wm_host *host, struct wm_error *err);
/* Nobody in the index has its name or LAN address. */
int wm_check_host_free(const struct wm_config *config, const struct wm_host *host, struct wm_error *err);
/* All sites and devices, among each other and against the hosts. */
int wm_check_peers(struct wm_config *config, struct wm_error *err);
