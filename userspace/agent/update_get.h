/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A file from where releases are had, by way of wm-fetch: without a token,
 * without redirects, bounded in size and time.
 */
#pragma once

#include "agent/fetcher.h"

/* Gets each part in turn; a negative return ends it and is returned (err is then the taker's to fill). */
typedef int (*wm_update_take_fn)(void *arg, const void *data, size_t len);

/* f: for one or more files, stopped by the caller at the end. -ENOENT: there is no such file; -EFBIG: it is longer than max
 * bytes, of which no more than that were given to take. */
int wm_update_get(struct wm_fetcher *f, const struct wm_instance *inst, const char *name, uint64_t max,
		  unsigned int timeout_s, wm_update_take_fn take, void *arg, struct wm_error *err);

/* The same into memory, with a NUL behind it, which none of its own may be: it is text. *ret is malloc'd. */
int wm_update_get_text(struct wm_fetcher *f, const struct wm_instance *inst, const char *name, size_t max,
		       unsigned int timeout_s, char **ret, size_t *ret_len, struct wm_error *err);
