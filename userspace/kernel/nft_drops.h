/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The list of drops: a set in each table that packets write themselves into where
 * they are dropped, each element with a counter and a timeout of its own.
 */
#pragma once

#include "core/drops.h"
#include "kernel/nft_expr.h"
#include "kernel/nl.h"

struct nlattr;

#define WM_NFT_DROPS_SIZE 4096

/* The chain that notes, counts and drops for a reason: where nft_drop goes. */
const char *wm_nft_drop_chain(enum wm_reason reason);
void wm_nft_drop_rules(struct wm_nft_rules *b, enum wm_reason reason); /* the rules of one */
void wm_nft_drop_chains(struct wm_nft_rules *b); /* ... of all */

const char *wm_nft_drops_name(enum wm_nft_part part); /* of the set */
/* Creates the set, empty. */
void wm_nft_drops_create(struct wm_nft_batch *batch, const char *table);
/* The attributes of a set of ours, from a dump: is it this one, as we make it? */
bool wm_nft_is_drops(enum wm_nft_part part, const struct nlattr **tb);

/* What it holds, sorted; -ENOENT: there is no such table. wg: index of the wg device. */
int wm_nft_drops(struct wm_nl *nl, const char *table, uint32_t wg, struct wm_drop_views *ret);
