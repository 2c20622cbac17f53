/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (enum object_kind kind = 0; kind < OBJECT_KINDS; kind++) {
		struct plan_list *list = &plan->lists[kind];

		for (size_t i = 0; i < list->n; i++)
			free(list->items[i].before);
		free(list->items);
		free(list->order);
	}
	free(plan->mesh_before);
	*plan = (struct plan){ 0 };
}

int plan_add(struct plan *plan, const struct plan_item *item)
{
	struct plan_list *list = &plan->lists[item->object.kind];

	if (list->n == UINT32_MAX || wm_grow((void **)&list->items, &list->cap, list->n + 1, sizeof(*item)))
		return -ENOMEM;
	list->items[list->n++] = *item;
	return 0;
}

int plan_fail_at(const struct plan_item *item, int rc, struct wm_error *err)
{
	const char *plural = object_kind_plural(item->object.kind);
	char field[sizeof(err->field)];

	/* Without a sentence it is no fault of the item's: whose it is is said by who ends the change. */
	if (!err || !*err->text || item->place == PLAN_NOWHERE)
		return rc;
	if (wm_format(field, sizeof(field), "%s[%u]%s%s", plural, item->place, *err->field ? "." : "", err->field))
		*field = '\0';
	memcpy(err->field, field, sizeof(field));
	return wm_fail_in(err, rc, "%s[%u]", plural, item->place);
}

/* --- order ---------------------------------------------------------------------------- */

static const char *name_of(const struct object *o)
{
	return o->kind == OBJECT_SITE ? o->site.domain : o->kind == OBJECT_HOST ? o->host.name : o->device.name;
}

static const char *domain_of(const struct object *o)
{
	return o->kind == OBJECT_HOST ? o->host.domain : "";
}

static int order(const void *a, const void *b, void *arg)
{
	const struct plan_item *items = arg;
	const struct plan_item *x = &items[*(const uint32_t *)a], *y = &items[*(const uint32_t *)b];
	int c = strcmp(domain_of(&x->object), domain_of(&y->object));

	return c ? c : strcmp(name_of(&x->object), name_of(&y->object));
}

static int check_twice(const struct plan_list *list, struct wm_error *err)
{
	char title[OBJECT_TITLE_SIZE];
	struct object_key key;

	for (size_t i = 1; i < list->n; i++) {
		const struct plan_item *a = &list->items[list->order[i - 1]], *b = &list->items[list->order[i]];

		if (order(&list->order[i - 1], &list->order[i], list->items))
			continue;
		object_key_of(&b->object, &key);
		wm_fail(err, EINVAL, "%s is listed twice, also as number %u; take one of them out", object_title(&key, title),
			WM_MIN(a->place, b->place));
		return plan_fail_at(a->place > b->place ? a : b, -EINVAL, err);
	}
	return 0;
}

int plan_sort(struct plan *plan, struct wm_error *err)
{
	for (enum object_kind kind = 0; kind < OBJECT_KINDS; kind++) {
		struct plan_list *list = &plan->lists[kind];
		int rc;

		free(list->order);
		list->order = calloc(list->n + 1, sizeof(*list->order));
		if (!list->order)
			return wm_fail(err, ENOMEM, "out of memory");
		for (size_t i = 0; i < list->n; i++)
			list->order[i] = (uint32_t)i;
		if (list->n)
			qsort_r(list->order, list->n, sizeof(*list->order), order, list->items);
		rc = check_twice(list, err);
		if (rc)
			return rc;
		list->sorted = list->n;
	}
	return 0;
}

struct plan_item *plan_find(const struct plan *plan, const struct object_key *key)
{
	const struct plan_list *list = &plan->lists[key->kind];
	size_t low = 0, high = list->sorted;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct plan_item *item = &list->items[list->order[middle]];
		int c = strcmp(key->domain, domain_of(&item->object));

		c = c ? c : strcmp(key->name, name_of(&item->object));
		if (!c)
			return item;
		if (c < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* --- telling --------------------------------------------------------------------------- */

const char *plan_what_name(enum plan_what what)
{
	static const char *const names[] = { [PLAN_ADD] = "add", [PLAN_CHANGE] = "change", [PLAN_REMOVE] = "remove" };

	return names[what];
}

bool plan_does(const struct plan_item *item, enum plan_what what)
{
	if (item->same)
		return false;
	return what == (item->gone ? PLAN_REMOVE : item->before ? PLAN_CHANGE : PLAN_ADD);
}
