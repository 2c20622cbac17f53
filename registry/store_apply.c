/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A plan becomes so in one change. Objects may take each other's places, so all that moves is taken out of the way
 * before anything is put where it shall be: hosts go and come again, devices and sites (to which tokens belong) are
 * parked. Each is checked against what is there when it comes, and what did not move against what did at the end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "registry/store_internal.h"

struct apply {
	struct change c;
	struct store *store;
	struct plan *plan;
	struct wm_error *err;
};

/* --- what is there -------------------------------------------------------------------- */

static int meet(struct plan_item *item, const struct object *there)
{
	if (item->gone)
		item->object = *there;
	else
		object_keep(&item->object, there, item->seen);
	item->same = !item->gone && object_equal(&item->object, there);
	if (item->same)
		return 0;
	item->before = malloc(sizeof(*item->before));
	if (!item->before)
		return -ENOMEM;
	*item->before = *there;
	return 0;
}

static int meet_each(struct apply *a, struct plan_list *list)
{
	char title[OBJECT_TITLE_SIZE];

	for (size_t i = 0; i < list->n; i++) {
		struct plan_item *item = &list->items[i];
		struct object_key key;
		struct object there;
		int rc;

		object_key_of(&item->object, &key);
		rc = rows_get(a->store->db, &key, &there);
		if (rc > 0)
			rc = meet(item, &there);
		else if (!rc && item->gone)
			rc = wm_fail(a->err, EEXIST, "%s is not there any more", object_title(&key, title));
		if (rc)
			return rc;
	}
	return 0;
}

/* Of a list that is complete: all that is there, and what is not in the list goes. */
static int meet_all(struct apply *a, enum object_kind kind)
{
	struct object there = { .kind = kind };
	struct wm_site hub = { 0 };
	int rc = rows_hub(a->store->db, &hub);

	while (rc >= 0 && (rc = rows_next(a->store->db, hub.domain, &there)) > 0) {
		struct plan_item gone = { .object = there, .gone = true, .place = PLAN_NOWHERE };
		struct plan_item *item;
		struct object_key key;

		object_key_of(&there, &key);
		item = plan_find(a->plan, &key);
		rc = meet(item ? item : &gone, &there);
		if (!rc && !item)
			rc = plan_add(a->plan, &gone);
	}
	return rc;
}

static int meet_mesh(struct apply *a)
{
	const struct wm_mesh *mesh = &a->store->mesh;
	struct plan *plan = a->plan;
	char text[WM_PREFIX_TEXT], other[WM_PREFIX_TEXT];

	plan->mesh_after = *mesh;
	if (plan->supernet.len && !wm_prefix_equal(plan->supernet, mesh->supernet)) {
		if (a->store->supernet_is_set)
			return wm_fail_field(a->err, EEXIST, "supernet", "the supernet is %s, and this registry was started with %s; start it with the other, or with none",
					     wm_prefix_format(plan->supernet, text), wm_prefix_format(mesh->supernet, other));
		plan->mesh_after.supernet = plan->supernet;
	}
	if (*plan->mesh_name && !a->store->name_is_set)
		memcpy(plan->mesh_after.name, plan->mesh_name, sizeof(plan->mesh_after.name));
	if (!strcmp(plan->mesh_after.name, mesh->name) && wm_prefix_equal(plan->mesh_after.supernet, mesh->supernet))
		return 0;
	plan->mesh_before = malloc(sizeof(*mesh));
	if (!plan->mesh_before)
		return -ENOMEM;
	*plan->mesh_before = *mesh;
	return wm_supernet_check(plan->mesh_after.supernet, a->err);
}

static int meet_plan(struct apply *a)
{
	int rc = meet_mesh(a);

	for (enum object_kind kind = 0; !rc && kind < OBJECT_KINDS; kind++)
		rc = a->plan->lists[kind].complete ? meet_all(a, kind) : meet_each(a, &a->plan->lists[kind]);
	return rc;
}

/* --- out of the way --------------------------------------------------------------------- */

static bool moves(const struct plan_item *item)
{
	return plan_does(item, PLAN_CHANGE);
}

static bool goes(const struct plan_item *item)
{
	return plan_does(item, PLAN_REMOVE);
}

/* The site's hosts have gone already, as far as they do. */
static int check_empty(struct apply *a, const struct wm_site *site)
{
	struct object host;
	int rc = rows_of_site(a->store->db, site->domain, &host);

	if (rc > 0)
		return wm_fail(a->err, ENOTEMPTY, "site '%s' still has host '%s.%s'; move or remove that too", site->domain,
			       host.host.name, host.host.domain);
	return rc;
}

static int take_out(struct apply *a, enum object_kind kind)
{
	struct plan_list *list = &a->plan->lists[kind];
	struct object_key key;
	int rc = 0;

	for (size_t i = 0; !rc && i < list->n; i++) {
		struct plan_item *item = &list->items[i];

		object_key_of(&item->object, &key);
		if (goes(item) && kind == OBJECT_SITE)
			rc = check_empty(a, &item->object.site);
		if (!rc && goes(item))
			rc = objects_remove(&a->c, item->before);
		else if (!rc && moves(item))
			rc = kind == OBJECT_HOST ? rows_remove(a->store->db, &key) : rows_park(a->store->db, &key);
		if (rc)
			return plan_fail_at(item, rc, a->err);
	}
	return 0;
}

/* --- in its place ------------------------------------------------------------------------- */

static int set_moved(struct apply *a, struct plan_item *item)
{
	int rc = check_fill(a->store, &item->object, a->err);

	if (!rc)
		rc = check_object(a->store, &item->object, item->before, a->err);
	if (!rc)
		rc = item->object.kind == OBJECT_HOST ? rows_add(a->store->db, &item->object)
						      : rows_set(a->store->db, &item->object);
	return rc ? rc : change_object(&a->c, "change", item->before, &item->object);
}

/* Whose address is left to the registry must not take one that somebody behind it names. */
static bool is_left(const struct object *object)
{
	if (object->kind == OBJECT_SITE)
		return !object->site.subnet.len;
	return object->kind == OBJECT_HOST ? !object->host.overlay : !object->device.overlay;
}

static int place(struct apply *a, enum object_kind kind, bool left)
{
	struct plan_list *list = &a->plan->lists[kind];

	for (size_t i = 0; i < list->n; i++) {
		struct plan_item *item = &list->items[i];
		int rc = 0;

		if (is_left(&item->object) != left)
			continue;
		if (moves(item))
			rc = set_moved(a, item);
		else if (plan_does(item, PLAN_ADD))
			rc = objects_add(&a->c, &item->object, a->err);
		if (rc)
			return plan_fail_at(item, rc, a->err);
	}
	return 0;
}

static int place_all(struct apply *a)
{
	int rc = 0;

	for (enum object_kind kind = 0; !rc && kind < OBJECT_KINDS; kind++) {
		/* What was left is told apart only until it has been chosen. */
		rc = place(a, kind, false);
		if (!rc)
			rc = place(a, kind, true);
	}
	return rc;
}

/* --- what did not move, against what did ----------------------------------------------------- */

static bool is_hub(const struct object *object)
{
	return object && object->site.hub;
}

static int check_others(struct apply *a)
{
	struct plan_list *sites = &a->plan->lists[OBJECT_SITE];
	bool hub = false;
	int rc = 0;

	for (size_t i = 0; i < sites->n; i++) {
		struct plan_item *item = &sites->items[i];

		hub |= !item->same && (is_hub(&item->object) || is_hub(item->before));
		if (moves(item) && !wm_prefix_equal(item->object.site.subnet, item->before->site.subnet))
			rc = check_hosts_of(a->store, &item->object.site, a->err);
		if (rc)
			return plan_fail_at(item, rc, a->err);
	}
	if (hub)
		rc = check_devices(a->store, a->err);
	if (!rc && a->plan->mesh_before)
		rc = check_supernet(a->store, a->plan->mesh_after.supernet, a->err);
	return rc;
}

/* ------------------------------------------------------------------------------------------ */

static int carry_out(struct apply *a, const struct store_apply *how)
{
	const struct plan *plan = a->plan;
	int rc = meet_plan(a);

	if (!rc && plan->mesh_before)
		rc = mesh_set(&a->c, plan->mesh_before, &plan->mesh_after);
	if (!rc)
		a->store->mesh.supernet = plan->mesh_after.supernet; /* what is placed is checked against */
	if (!rc)
		rc = take_out(a, OBJECT_HOST);
	if (!rc)
		rc = take_out(a, OBJECT_DEVICE);
	if (!rc)
		rc = take_out(a, OBJECT_SITE);
	if (!rc)
		rc = place_all(a);
	if (!rc)
		rc = check_others(a);
	if (!rc && a->c.generation)
		rc = change_note(&a->c, how->what, "mesh", "", NULL, NULL);
	return rc;
}

int store_apply(struct store *store, const struct store_apply *how, struct plan *io, struct wm_error *err)
{
	struct apply a = { .store = store, .plan = io, .err = err };
	struct wm_prefix supernet;
	int rc = change_begin(store, how->who, &a.c, err);

	if (rc)
		return rc;
	supernet = store->mesh.supernet;
	if (how->still && !how->still(how->arg, &store->mesh))
		rc = -ESTALE;
	if (!rc)
		rc = carry_out(&a, how);
	if (!rc && how->dry_run)
		change_drop(&a.c);
	else
		rc = change_end(&a.c, rc, err);
	if (rc || how->dry_run)
		store->mesh.supernet = supernet;
	return rc;
}
