/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sorted arrays of plain structs that a few elements leave and others enter:
 * one pass over the array in all, whatever their number.
 */
#pragma once

#include <stddef.h>

typedef int (*wm_order_fn)(const void *a, const void *b);

/* An array, seen as one: element i is *array + i * size, sorted by order, each key once. */
struct wm_sorted {
	void **array;
	size_t *n, *cap;
	size_t size;
	wm_order_fn order;
};

/* Elements that leave and that come, each sorted; one that stays with other contents is in both. */
struct wm_splice {
	const void *gone, *come;
	size_t ngone, ncome;
};

/* Can it be done? 0, and there is room for it; -ENOENT one that should go is not there, -EEXIST one that
 * should come is there already (*ret_at: its index in `come`), -ENOMEM. The array is as it was. */
int wm_sorted_prepare(const struct wm_sorted *s, const struct wm_splice *splice, size_t *ret_at);
/* Does what was prepared. */
void wm_sorted_splice(const struct wm_sorted *s, const struct wm_splice *splice);

/* Index of the first element that is not before key. */
size_t wm_sorted_from(const struct wm_sorted *s, const void *key);
void *wm_sorted_find(const struct wm_sorted *s, const void *key); /* NULL: not there */
