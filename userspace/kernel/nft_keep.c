/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An end's counters of one kind (to it, from it, drops) may be in several
 * elements, of which one is as good as another: only their sum is told.
 */
#include "kernel/nft_keep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"

/* A counting element of an end. */
struct part {
	enum wm_nft_set_id id;
	const struct wm_nft_elem *elem;
	uint32_t overlay; /* as on the wire */
	struct wm_count count;
};

struct parts {
	struct part *v;
	size_t n, cap;
};

static int push(struct parts *parts, enum wm_nft_set_id id, const struct wm_nft_elem *elem)
{
	struct part p = { .id = id, .elem = elem, .overlay = elem->data };
	int rc = wm_grow((void **)&parts->v, &parts->cap, parts->n + 1, sizeof(p));

	if (rc)
		return rc;
	if (wm_nft_sets[id].key == WM_NFT_KEY_OVERLAY)
		memcpy(&p.overlay, elem->key, sizeof(p.overlay));
	parts->v[parts->n++] = p;
	return 0;
}

/* By end and kind; the order among those of one is that of sets and keys. */
static int part_order(const void *a, const void *b)
{
	const struct part *x = a, *y = b;
	int kinds = (int)wm_nft_sets[x->id].counts - (int)wm_nft_sets[y->id].counts;

	if (x->overlay != y->overlay)
		return x->overlay < y->overlay ? -1 : 1;
	return kinds ? kinds : x->id != y->id ? (int)x->id - (int)y->id : wm_nft_elem_order(x->elem, y->elem);
}

static void sort(struct parts *parts)
{
	if (parts->n)
		qsort(parts->v, parts->n, sizeof(*parts->v), part_order);
}

static bool of_one(const struct part *a, const struct part *b)
{
	return a->overlay == b->overlay && wm_nft_sets[a->id].counts == wm_nft_sets[b->id].counts;
}

/* The first of `sorted` that counts the same; NULL: none. */
static struct part *first_of(const struct parts *sorted, const struct part *part)
{
	size_t low = 0, high = sorted->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct part *at = &sorted->v[mid];
		bool before = at->overlay != part->overlay ? at->overlay < part->overlay :
							     wm_nft_sets[at->id].counts < wm_nft_sets[part->id].counts;

		if (before)
			low = mid + 1;
		else
			high = mid;
	}
	return low < sorted->n && of_one(&sorted->v[low], part) ? &sorted->v[low] : NULL;
}

static bool same(const struct wm_nft_elem *a, const struct wm_nft_elem *b)
{
	return a->data == b->data && a->owner == b->owner;
}

/* Those of `a` that are not in `b` or, with `common`, that are. */
static int pick(enum wm_nft_set_id id, const struct wm_nft_elems *a, const struct wm_nft_elems *b, bool common, struct parts *ret)
{
	int rc = 0;

	for (size_t i = 0, j = 0; !rc && i < a->n; i++) {
		int cmp = -1;

		while (j < b->n && (cmp = wm_nft_elem_order(&b->v[j], &a->v[i])) < 0)
			j++;
		if ((j < b->n && !cmp && same(&a->v[i], &b->v[j])) == common)
			rc = push(ret, id, &a->v[i]);
	}
	return rc;
}

static int pick_all(const struct wm_nft_content *a, const struct wm_nft_content *b, bool common, struct parts *ret)
{
	int rc = 0;

	for (int i = 0; !rc && i < WM_NFT_SETS; i++) {
		if (wm_nft_sets[i].counts)
			rc = pick((enum wm_nft_set_id)i, &a->set[i], &b->set[i], common, ret);
	}
	sort(ret);
	return rc;
}

/* Who goes, or is another one by now, leaves nothing. (A table of an older version does not say whose its elements are.) */
static void drop_strangers(struct parts *gone, const struct parts *stay, const struct parts *come)
{
	size_t n = 0;

	for (size_t i = 0; i < gone->n; i++) {
		const struct part *p = &gone->v[i], *s = first_of(stay, p), *c = first_of(come, p), *now = c ? c : s;

		if (now && (!p->elem->owner || p->elem->owner == now->elem->owner))
			gone->v[n++] = *p;
	}
	gone->n = n;
}

/* Where only an element that would stay is left to take what others have counted, it is replaced by itself. */
static int involve(const struct parts *stay, struct parts *gone, struct parts *come)
{
	size_t ngone = gone->n, ncome = come->n;
	int rc = 0;

	for (size_t i = 0; !rc && i < ngone; i++) {
		const struct parts old = { gone->v, ngone, 0 }, new = { come->v, ncome, 0 };
		const struct part p = old.v[i];
		struct part *s = i && of_one(&old.v[i - 1], &p) ? NULL : first_of(stay, &p);

		if (!s || first_of(&new, &p))
			continue;
		rc = push(gone, s->id, s->elem);
		if (!rc)
			rc = push(come, s->id, s->elem);
	}
	sort(gone);
	sort(come);
	return rc;
}

static int by_set(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	return x->id != y->id ? (int)x->id - (int)y->id : wm_nft_elem_order(x->elem, y->elem);
}

#define AT_ONCE 64 /* answers that fit into a socket's buffer */

/* Asks the kernel what they have counted. */
static int count(struct wm_nl *nl, const char *table, struct parts *gone)
{
	int rc = 0;

	if (gone->n)
		qsort(gone->v, gone->n, sizeof(*gone->v), by_set);
	for (size_t i = 0, n; !rc && i < gone->n; i += n) {
		const struct wm_nft_elem *elem[AT_ONCE];
		struct wm_count counted[AT_ONCE] = { { 0 } };

		for (n = 0; n < AT_ONCE && i + n < gone->n && gone->v[i + n].id == gone->v[i].id; n++)
			elem[n] = gone->v[i + n].elem;
		rc = wm_nft_elems_count(nl, table, gone->v[i].id, elem, n, counted);
		for (size_t k = 0; k < n; k++)
			gone->v[i + k].count = counted[k];
	}
	return rc;
}

static int kept_order(const void *a, const void *b)
{
	const struct wm_nft_kept *x = a, *y = b;

	return x->id != y->id ? (int)x->id - (int)y->id : wm_nft_elem_order(&x->elem, &y->elem);
}

/* The first of those that come takes all. */
static int hand_over(const struct parts *gone, struct parts *come, struct wm_nft_keep *ret)
{
	int rc = 0;

	for (size_t i = 0; i < gone->n; i++) {
		struct part *to = first_of(come, &gone->v[i]);

		to->count.packets += gone->v[i].count.packets;
		to->count.bytes += gone->v[i].count.bytes;
	}
	for (size_t i = 0; !rc && i < come->n; i++) {
		const struct part *p = &come->v[i];

		if (!p->count.packets)
			continue;
		rc = wm_grow((void **)&ret->v, &ret->cap, ret->n + 1, sizeof(*ret->v));
		if (!rc)
			ret->v[ret->n++] = (struct wm_nft_kept){ p->id, *p->elem, p->count };
	}
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), kept_order);
	return rc;
}

void wm_nft_keep_free(struct wm_nft_keep *keep)
{
	free(keep->v);
	*keep = (struct wm_nft_keep){ 0 };
}

int wm_nft_keep_find(struct wm_nl *nl, const char *table, const struct wm_nft_content *have, const struct wm_nft_content *want,
		     struct wm_nft_keep *ret)
{
	struct parts gone = { 0 }, come = { 0 }, stay = { 0 };
	int rc = pick_all(have, want, false, &gone);

	if (!rc && gone.n)
		rc = pick_all(want, have, false, &come);
	if (!rc && gone.n)
		rc = pick_all(want, have, true, &stay);
	if (!rc && gone.n) {
		drop_strangers(&gone, &stay, &come);
		rc = involve(&stay, &gone, &come);
	}
	if (!rc)
		rc = count(nl, table, &gone);
	if (!rc)
		rc = hand_over(&gone, &come, ret);
	free(gone.v);
	free(come.v);
	free(stay.v);
	return rc;
}

const struct wm_nft_kept *wm_nft_keep_of(const struct wm_nft_keep *keep, enum wm_nft_set_id id, const struct wm_nft_elem *elem)
{
	const struct wm_nft_kept key = { .id = id, .elem = *elem };

	return keep && keep->n ? bsearch(&key, keep->v, keep->n, sizeof(key), kept_order) : NULL;
}
