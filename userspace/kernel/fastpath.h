/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether the nftables back end sends plain packets around the stack
 * (docs/dataplane-nft.md), for status.
 */
#pragma once

#include <stddef.h>

#include "core/instance.h"

/* "on wg0, eth0", or "off", and why if that is the kernel's fault. */
const char *wm_nft_fastpath(const struct wm_instance *inst, char *buf, size_t size);
