/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/sorted.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "core/util.h"

static char *at(const struct wm_sorted *s, size_t i)
{
	return (char *)*s->array + i * s->size;
}

/* The first of n elements at base that is not before key. */
static size_t from(const void *base, size_t n, const struct wm_sorted *s, const void *key)
{
	size_t low = 0;

	while (low < n) {
		size_t mid = low + (n - low) / 2;

		if (s->order((const char *)base + mid * s->size, key) < 0)
			low = mid + 1;
		else
			n = mid;
	}
	return low;
}

static bool has(const void *base, size_t n, const struct wm_sorted *s, const void *key)
{
	size_t i = from(base, n, s, key);

	return i < n && !s->order((const char *)base + i * s->size, key);
}

size_t wm_sorted_from(const struct wm_sorted *s, const void *key)
{
	return from(*s->array, *s->n, s, key);
}

void *wm_sorted_find(const struct wm_sorted *s, const void *key)
{
	size_t i = wm_sorted_from(s, key);

	return i < *s->n && !s->order(at(s, i), key) ? at(s, i) : NULL;
}

int wm_sorted_prepare(const struct wm_sorted *s, const struct wm_splice *splice, size_t *ret_at)
{
	const char *gone = splice->gone, *come = splice->come;

	for (size_t i = 0; i < splice->ngone; i++) {
		if (!wm_sorted_find(s, gone + i * s->size))
			return -ENOENT;
	}
	for (size_t i = 0; i < splice->ncome; i++) {
		const char *key = come + i * s->size;

		if ((i && !s->order(key - s->size, key)) ||
		    (wm_sorted_find(s, key) && !has(gone, splice->ngone, s, key))) {
			*ret_at = i;
			return -EEXIST;
		}
	}
	return wm_grow(s->array, s->cap, *s->n + splice->ncome, s->size);
}

/* Who stays where it is gets new contents; nothing moves. */
static void replace(const struct wm_sorted *s, const struct wm_splice *splice)
{
	const char *come = splice->come;

	for (size_t i = 0; i < splice->ncome; i++) {
		if (has(splice->gone, splice->ngone, s, come + i * s->size))
			memcpy(wm_sorted_find(s, come + i * s->size), come + i * s->size, s->size);
	}
}

/* What stands between two that go moves down over the first. */
static void take_out(const struct wm_sorted *s, const struct wm_splice *splice)
{
	const char *gone = splice->gone;
	size_t to = 0, begin = 0, left = 0;

	for (size_t i = 0; i < splice->ngone; i++) {
		size_t pos;

		if (has(splice->come, splice->ncome, s, gone + i * s->size))
			continue;
		/* What is behind the last hole has not moved yet, so that it can be searched. */
		pos = begin + from(at(s, begin), *s->n - begin, s, gone + i * s->size);
		if (left)
			memmove(at(s, to), at(s, begin), (pos - begin) * s->size);
		to = left ? to + pos - begin : pos;
		begin = pos + 1;
		left++;
	}
	if (left)
		memmove(at(s, to), at(s, begin), (*s->n - begin) * s->size);
	*s->n -= left;
}

/* From the back: each part moves once, to where it stays. */
static void put_in(const struct wm_sorted *s, const struct wm_splice *splice)
{
	const char *come = splice->come;
	size_t end = *s->n, entering = 0;

	for (size_t i = 0; i < splice->ncome; i++)
		entering += !has(splice->gone, splice->ngone, s, come + i * s->size);
	*s->n += entering;
	for (size_t i = splice->ncome; i-- > 0;) {
		size_t pos;

		if (has(splice->gone, splice->ngone, s, come + i * s->size))
			continue;
		pos = from(*s->array, end, s, come + i * s->size);
		memmove(at(s, pos + entering), at(s, pos), (end - pos) * s->size);
		entering--;
		memcpy(at(s, pos + entering), come + i * s->size, s->size);
		end = pos;
	}
}

void wm_sorted_splice(const struct wm_sorted *s, const struct wm_splice *splice)
{
	replace(s, splice);
	take_out(s, splice);
	put_in(s, splice);
}
