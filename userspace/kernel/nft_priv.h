/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the verbs of the nftables back end share (nft.c, nft_apply.c).
 */
#pragma once

#include "core/error.h"
#include "core/instance.h"
#include "core/plan.h"
#include "kernel/nft_batch.h"

/* nft.c: why it failed, as people are told: -rc's errno, and what the kernel has refused, where it answered. Returns rc, or
 * what says the same to who calls. */
int wm_nft_explain(struct wm_error *err, const char *table, int rc, const struct wm_nft_answer *answer);

/* nft_apply.c: the verbs of dataplane.h: changes made, or -errno. */
int wm_nft_apply(const struct wm_instance *inst, const struct wm_plan *plan, uint32_t wg_ifindex, struct wm_error *err);
int wm_nft_change(const struct wm_instance *inst, const struct wm_plan *plan, const struct wm_plan_diff *since,
		  uint32_t wg_ifindex, struct wm_error *err);
/* Somebody else in this process is about to write our tables: what was seen of them is not true any more. */
void wm_nft_forget(void);
