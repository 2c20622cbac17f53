/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Our table as the kernel has it, and the batch that makes it as it should be.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/counters.h"
#include "core/error.h"
#include "kernel/nft_batch.h"
#include "kernel/nft_expr.h"
#include "kernel/nft_sets.h"
#include "kernel/nl.h"

struct wm_nft_state {
	uint32_t generation;           /* of all rulesets of the network namespace */
	bool table;                    /* it exists */
	bool whole;                    /* active, with exactly our chains, sets and counters */
	struct wm_nft_rules rules;     /* in the order of each chain; only if whole */
	struct wm_nft_content content; /* only if whole */
};

void wm_nft_state_free(struct wm_nft_state *state); /* frees what it holds */

int wm_nft_generation(struct wm_nl *nl, uint32_t *ret);

/* 1: there is a table of that name and it carries our comment; 0: there is
 * none; -EEXIST: it is somebody else's. */
int wm_nft_table_exists(struct wm_nl *nl, const char *table);

/* One consistent look at everything: -EBUSY when others keep changing rulesets. */
int wm_nft_state_read(struct wm_nl *nl, const char *table, struct wm_nft_state *ret);

/* The named counters, one per reason. */
int wm_nft_reasons_read(struct wm_nl *nl, const char *table, struct wm_counters *ret);

/* From `have` to rules and content, changing only what differs. A table that is
 * not whole is replaced by a new one within the batch. */
void wm_nft_state_diff(struct wm_nft_batch *batch, const char *table, const struct wm_nft_state *have,
		       const struct wm_nft_rules *rules, const struct wm_nft_content *content);

void wm_nft_table_delete(struct wm_nft_batch *batch, const char *table);
