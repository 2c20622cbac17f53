/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What many objects shall be, all at once: what an import says, or what was
 * before a change that is undone. store_apply makes it so and fills in what was.
 */
#pragma once

#include <stdint.h>

#include "registry/objects.h"

#define PLAN_NOWHERE UINT32_MAX

struct plan_item {
	struct object object;  /* as it shall be; gone: as it was */
	struct object *before; /* malloc'd; NULL: was not there, or is the same */
	uint32_t seen;         /* members that are said (object_decode_wish) */
	uint32_t place;        /* in the list that it comes from; PLAN_NOWHERE */
	bool gone;
	bool same;             /* it is already */
};

struct plan_list {
	struct plan_item *items;
	size_t n, cap;
	uint32_t *order; /* of the first `sorted` items, by key */
	size_t sorted;
	bool complete;   /* what it does not have shall go */
};

struct plan {
	struct plan_list lists[OBJECT_KINDS];
	char mesh_name[WM_NAME_SIZE]; /* "": as it is */
	struct wm_prefix supernet;    /* len 0: as it is */
	struct wm_mesh *mesh_before;  /* malloc'd; NULL: the mesh itself is the same */
	struct wm_mesh mesh_after;
};

void plan_free(struct plan *plan); /* what it holds; NULL-safe */
int plan_add(struct plan *plan, const struct plan_item *item); /* takes item->before; 0 or -ENOMEM */
/* -EINVAL with field: an object is in it twice. */
int plan_sort(struct plan *plan, struct wm_error *err);
/* Of a sorted plan, without those added since; NULL: it is not in it. */
struct plan_item *plan_find(const struct plan *plan, const struct object_key *key);

/* Where an item stands, in front of what is said to be wrong with it: "hosts[3]", and for a field "hosts[3].wg_ip". */
int plan_fail_at(const struct plan_item *item, int rc, struct wm_error *err);

/* In the order of telling: what comes, what changes, what goes. */
enum plan_what { PLAN_ADD, PLAN_CHANGE, PLAN_REMOVE, PLAN_WHATS };
const char *plan_what_name(enum plan_what what); /* "add" */
bool plan_does(const struct plan_item *item, enum plan_what what);
