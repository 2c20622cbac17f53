/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Most of a mesh gone at once: a registry that was emptied by mistake, restored
 * from the wrong backup or taken over looks like that. A gateway keeps what it
 * has until the operator says that this generation is meant. What goes by and
 * by within a series of generations counts together: no steps lead round it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/key.h"
#include "core/model.h"

/* One that waits for the operator, or is allowed by him. generation 0: none. */
struct wm_removal {
	uint64_t generation;
	uint64_t removed, known; /* sites, hosts and devices: that go, of so many that are known */
	bool confirmed;
	struct wm_token_hash whose; /* of registry instance, generation and mark: the number alone is not unique */
};
#define WM_REMOVAL_TEXT 160

/* More than half and more than three. */
bool wm_removal_is_mass(size_t removed, size_t known);

struct wm_config_diff;
/* How many sites, hosts and devices of `before` are in `after` no more, under any address. Both are finished. */
size_t wm_removal_count(const struct wm_config *before, const struct wm_config *after);
/* The same of a config that diff has made `after`. *ret_known: how many there were. Cheap when it cannot be a mass removal,
 * and then not exact. */
size_t wm_removal_count_diff(const struct wm_config_diff *diff, const struct wm_config *after, size_t *ret_known);

void wm_removal_of(const struct wm_mesh *mesh, size_t removed, size_t known, struct wm_removal *ret);
bool wm_removal_same(const struct wm_removal *a, const struct wm_removal *b); /* the same generation of the same registry */

/* Removals of which each follows the one before within an hour. All zero: none lately. It is about how many there are: who is
 * replaced by another is no loss. */
struct wm_removal_series {
	uint64_t known; /* sites, hosts and devices at most, since before the first of them */
	int64_t last;   /* unix seconds of the last one */
};

/* A generation makes `left` of `before`. What the series is with it; goes_on: it does, however long ago the last one was. A
 * clock that was put back ends none. */
struct wm_removal_series wm_removal_series_next(const struct wm_removal_series *series, size_t before, size_t left, int64_t now,
						bool goes_on);

/* A line, as it lies on disk. -EBADMSG: it is none. */
const char *wm_removal_series_format(const struct wm_removal_series *series, char *buf); /* buf: WM_REMOVAL_TEXT */
int wm_removal_series_parse(const char *text, struct wm_removal_series *ret);
const char *wm_removal_format(const struct wm_removal *removal, char *buf); /* buf: WM_REMOVAL_TEXT */
int wm_removal_parse(const char *text, struct wm_removal *ret);
