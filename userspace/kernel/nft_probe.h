/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What this kernel can: found out by trying, never assumed from its version.
 */
#pragma once

#include <stdint.h>

#include "core/instance.h"
#include "kernel/nft_batch.h"
#include "kernel/nl.h"

/* Does the kernel take all that this part can be made of? 0 or -errno; nothing stays. */
int wm_nft_try(struct wm_nl *nl, enum wm_nft_part part, struct wm_nft_answer *ret);

/* Shall there be a table of the fast path? 1, 0 or -errno. wg: index of the wg device, or 0. One that is there stays as long
 * as the other, for what it has counted. */
int wm_nft_fast_wanted(struct wm_nl *nl, const struct wm_instance *inst, uint32_t wg);
