/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether a program that should stay keeps ending. Times are milliseconds, monotonic where they are points in time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WM_ENDS_ROW 3       /* so many in a row ... */
#define WM_ENDS_SOON_MS 60000 /* ... that soon after its start, ... */
#define WM_ENDS_MANY 6      /* or so many, however long it lasted, ... */
#define WM_ENDS_WITHIN_MS 3600000 /* ... within that time */
#define WM_ENDS_HUNG 3      /* or it hung so often, each of which takes minutes to be seen, ... */
#define WM_ENDS_HUNG_WITHIN_MS 86400000 /* ... within that time */

struct wm_ends {
	struct wm_end {
		uint64_t at, lasted;
	} end[WM_ENDS_MANY]; /* the newest last */
	size_t n;
	uint64_t hung[WM_ENDS_HUNG]; /* at; the newest last */
	size_t nhung;
};

/* It has ended at `now`, after it had run for `lasted`. True: too often; *ret_longest is what it lasted at most, of the ends
 * that say so, and no more than WM_ENDS_WITHIN_MS. */
bool wm_ends_add(struct wm_ends *ends, uint64_t now, uint64_t lasted, uint64_t *ret_longest);

/* It hung at `now`, and was ended therefore. True: too often. */
bool wm_ends_hang(struct wm_ends *ends, uint64_t now);
