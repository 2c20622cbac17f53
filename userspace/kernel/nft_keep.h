/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Counters that go on although the element that they are in is replaced: the
 * one that takes its place begins with what the old one has counted.
 */
#pragma once

#include "core/counters.h"
#include "kernel/nft_sets.h"
#include "kernel/nl.h"

/* An element to be written, although it may be there already, with what it begins with. */
struct wm_nft_kept {
	enum wm_nft_set_id id;
	struct wm_nft_elem elem;
	struct wm_count count;
};

struct wm_nft_keep {
	struct wm_nft_kept *v; /* sorted by set and key */
	size_t n, cap;
};

void wm_nft_keep_free(struct wm_nft_keep *keep); /* frees what it holds */

/* On the way from `have`, which is in the kernel, to `want`: what ends that stay, as whom they are and with their address,
 * have counted in elements that do not. What is counted from here on until these are gone is lost. 0, -ENOMEM or -errno. */
int wm_nft_keep_find(struct wm_nl *nl, const char *table, const struct wm_nft_content *have, const struct wm_nft_content *want,
		     struct wm_nft_keep *ret);

/* NULL: it begins at nothing. */
const struct wm_nft_kept *wm_nft_keep_of(const struct wm_nft_keep *keep, enum wm_nft_set_id id, const struct wm_nft_elem *elem);
