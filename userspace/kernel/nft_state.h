/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Our tables as the kernel has them (nft_table.c, nft_state.c), and the batch that
 * makes them as they should be (nft_change.c).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/counters.h"
#include "core/error.h"
#include "kernel/nft_batch.h"
#include "kernel/nft_expr.h"
#include "kernel/nft_rules.h"
#include "kernel/nft_sets.h"
#include "kernel/nl.h"

struct wm_nft_state {
	uint32_t generation;           /* of all rulesets of the network namespace */
	struct wm_nft_table table[WM_NFT_PARTS]; /* rules in the order of each chain; only if whole */
	bool whole[WM_NFT_PARTS];      /* active, with exactly our chains, sets and counters */
	struct wm_nft_content content; /* only of what is whole */
};

void wm_nft_state_free(struct wm_nft_state *state); /* frees what it holds */

/* Does this error say that the kernel has no nftables (or may not load it any more), and so no table of ours? */
bool wm_nft_has_none(int rc);

int wm_nft_generation(struct wm_nl *nl, uint32_t *ret);

/* What shall be; the fast part need not be there, and has no content then. */
struct wm_nft_want {
	struct wm_nft_table table[WM_NFT_PARTS];
	struct wm_nft_content content;
};

void wm_nft_want_free(struct wm_nft_want *want); /* frees what it holds */

/* 1: there is a table of that name and it carries our comment; 0: there is
 * none; -EEXIST: it is somebody else's. */
int wm_nft_table_exists(struct wm_nl *nl, enum wm_nft_part part, const char *table);

/* Which devices the fast path's chains are on: only ret->device. */
int wm_nft_devices_read(struct wm_nl *nl, const char *table, struct wm_nft_table *ret);
/* ... and is that as it was? Chains go with their devices, which changes no generation. 1, 0 or -errno. */
int wm_nft_devices_same(struct wm_nl *nl, const char *table, const struct wm_nft_state *state);

/* A number that no other table has had since the machine started: the main part's. -ENOENT, -EEXIST. */
int wm_nft_table_handle(struct wm_nl *nl, const char *table, uint64_t *ret);

/* One consistent look at everything: -EBUSY when others keep changing rulesets. Somebody else's table in the place of the
 * fast part is as none. */
int wm_nft_state_read(struct wm_nl *nl, const char *table, struct wm_nft_state *ret);

/* The named counters, one per reason: of a part (the fast one need not be there), of both. */
int wm_nft_part_reasons_read(struct wm_nl *nl, enum wm_nft_part part, const char *table, struct wm_count ret[WM_REASON_COUNT]);
int wm_nft_reasons_read(struct wm_nl *nl, const char *table, struct wm_counters *ret);

/* From `have` to `want`, changing only what differs. A table that is not whole is replaced by a new one within the batch. */
void wm_nft_state_diff(struct wm_nft_batch *batch, const char *table, const struct wm_nft_state *have,
		       const struct wm_nft_want *want, const struct wm_nft_keep *keep); /* keep: as of wm_nft_content_diff */

void wm_nft_rules_delete(struct wm_nft_batch *batch, enum wm_nft_part part, const char *table); /* all of them */
void wm_nft_table_delete(struct wm_nft_batch *batch, enum wm_nft_part part, const char *table);
