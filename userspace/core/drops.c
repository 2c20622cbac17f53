/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/drops.h"

#include <stdlib.h>

#include "core/util.h"

void wm_drop_views_free(struct wm_drop_views *views)
{
	free(views->item);
	*views = (struct wm_drop_views){ 0 };
}

int wm_drop_views_add(struct wm_drop_views *views, const struct wm_drop_view *view)
{
	int rc = wm_grow((void **)&views->item, &views->cap, views->n + 1, sizeof(*view));

	if (!rc)
		views->item[views->n++] = *view;
	return rc;
}

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* Who, to whom, why, where. */
static int by_key(const void *a, const void *b)
{
	const struct wm_drop_view *x = a, *y = b;
	int cmp = compare((uint64_t)x->src << 32 | x->dst, (uint64_t)y->src << 32 | y->dst);

	if (!cmp)
		cmp = compare((uint32_t)x->reason << 16 | (uint32_t)x->place << 8 | x->proto,
			      (uint32_t)y->reason << 16 | (uint32_t)y->place << 8 | y->proto);
	return cmp ? cmp : compare(x->ifindex, y->ifindex);
}

static int by_time(const void *a, const void *b)
{
	const struct wm_drop_view *x = a, *y = b;
	int cmp = compare((uint64_t)y->last, (uint64_t)x->last);

	if (!cmp)
		cmp = compare(y->count.packets, x->count.packets);
	return cmp ? cmp : by_key(a, b);
}

void wm_drop_views_sort(struct wm_drop_views *views)
{
	if (views->n)
		qsort(views->item, views->n, sizeof(*views->item), by_time);
}

void wm_drop_views_join(struct wm_drop_views *views)
{
	size_t n = 0;

	if (views->n)
		qsort(views->item, views->n, sizeof(*views->item), by_key);
	for (size_t i = 0; i < views->n; i++) {
		struct wm_drop_view *last = n ? &views->item[n - 1] : NULL;

		if (!last || by_key(last, &views->item[i])) {
			views->item[n++] = views->item[i];
			continue;
		}
		last->count.packets += views->item[i].count.packets;
		last->count.bytes += views->item[i].count.bytes;
		last->last = WM_MAX(last->last, views->item[i].last);
	}
	views->n = n;
	wm_drop_views_sort(views);
}

int wm_drop_views_risen(const struct wm_drop_views *before, const struct wm_drop_views *now, struct wm_drop_views *ret)
{
	struct wm_drop_views old = { 0 }, risen = { 0 };
	int rc = 0;

	for (size_t i = 0; !rc && i < before->n; i++)
		rc = wm_drop_views_add(&old, &before->item[i]);
	if (old.n)
		qsort(old.item, old.n, sizeof(*old.item), by_key);
	for (size_t i = 0; !rc && i < now->n; i++) {
		struct wm_drop_view view = now->item[i];
		const struct wm_drop_view *was = old.n ? bsearch(&view, old.item, old.n, sizeof(view), by_key) : NULL;

		/* One that has fewer is another entry: the old one made room in between. */
		if (was && was->count.packets <= view.count.packets) {
			view.count.packets -= was->count.packets;
			view.count.bytes -= was->count.bytes;
		}
		if (view.count.packets)
			rc = wm_drop_views_add(&risen, &view);
	}
	wm_drop_views_free(&old);
	if (rc) {
		wm_drop_views_free(&risen);
		return rc;
	}
	wm_drop_views_sort(&risen);
	*ret = risen;
	return 0;
}

const char *wm_drop_place_name(unsigned int place)
{
	static const char *const names[WM_DROP_PLACES] = {
		[WM_DROP_FROM_LAN] = "lan", [WM_DROP_FROM_WG] = "wg", [WM_DROP_GOING_OUT] = "out",
	};

	return place < WM_DROP_PLACES ? names[place] : "?";
}
