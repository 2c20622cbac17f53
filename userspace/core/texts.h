/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Many short texts that live together: one behind the other, as long as they
 * are and no longer, and freed all at once. Where a text lies it stays.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define WM_TEXT_SIZE 256 /* of the longest, with its NUL */

struct wm_texts {
	struct wm_texts_block *newest;
	size_t bytes, wasted; /* of all, with their NULs; and of those of them that nobody needs any more */
};

void wm_texts_free(struct wm_texts *texts);
const char *wm_texts_add(struct wm_texts *texts, const char *text); /* NULL: no memory, or too long */
const char *wm_texts_add_dotted(struct wm_texts *texts, const char *a, const char *b); /* "a.b"; the same */
/* Nobody needs it any more. Its place is lost until all are freed. */
void wm_texts_drop(struct wm_texts *texts, const char *text);
bool wm_texts_wasteful(const struct wm_texts *texts); /* making them anew would be worth it */
