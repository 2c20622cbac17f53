/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What was done, and taking back the last of it: each object of that generation becomes what it was before.
 */
#include <errno.h>
#include <string.h>

#include "core/util.h"
#include "registry/store_internal.h"
#include "registry/text.h"

static void read_audit(struct db_query *q, struct store_audit *ret)
{
	ret->id = (uint64_t)db_int(q, 0);
	ret->at = db_int(q, 1);
	db_text(q, 2, ret->who, sizeof(ret->who));
	db_text(q, 3, ret->what, sizeof(ret->what));
	db_text(q, 4, ret->kind, sizeof(ret->kind));
	db_text(q, 5, ret->name, sizeof(ret->name));
	ret->generation = (uint64_t)db_int(q, 6);
	db_text(q, 7, ret->before, sizeof(ret->before));
	db_text(q, 8, ret->after, sizeof(ret->after));
}

/* The only row of a query; ends it. */
static int one_row(struct db_query *query, struct store_audit *ret)
{
	DB_AUTO_DONE struct db_query *q = query;
	int rc = db_next(q);

	if (rc > 0)
		read_audit(q, ret);
	return rc;
}

int audit_next(struct db *db, struct store_audit *io)
{
	return one_row(db_query(db, SQL_AUDIT_NEXT, "i", (int64_t)io->id), io);
}

int store_audit_before(struct store *store, struct store_audit *io)
{
	return one_row(db_query(store_reading(store), SQL_AUDIT_BEFORE, "i", io->id ? (int64_t)io->id : INT64_MAX), io);
}

static int unknown(uint64_t generation, struct wm_error *err)
{
	return wm_fail(err, EEXIST, "what generation %llu changed is not known here any more; change it by hand",
		       (unsigned long long)generation);
}

static int plan_mesh_back(struct store *store, struct plan *plan, const struct store_audit *entry, struct wm_error *err)
{
	struct wm_mesh mesh = { 0 };

	if (store->name_is_set || store->supernet_is_set)
		return wm_fail(err, EEXIST, "the last change is one of the mesh's name or supernet, with which this registry was started; change them there");
	if (text_mesh_settings_read(entry->before, &mesh))
		return unknown(entry->generation, err);
	memcpy(plan->mesh_name, mesh.name, sizeof(plan->mesh_name));
	plan->supernet = mesh.supernet;
	return 0;
}

/* What an entry's object was before, as what it shall be. */
static int plan_back(struct store *store, struct plan *plan, const struct store_audit *entry, struct wm_error *err)
{
	struct plan_item item = { .place = PLAN_NOWHERE };
	const char *text = *entry->before ? entry->before : entry->after;
	enum object_kind kind;

	if (!strcmp(entry->kind, "mesh") && *text)
		return plan_mesh_back(store, plan, entry, err);
	if (!*text || !object_kind_parse(entry->kind, &kind))
		return 0;
	item.gone = !*entry->before;
	if (object_decode_wish(kind, text, strlen(text), &item.object, &item.seen, NULL))
		return unknown(entry->generation, err);
	return plan_add(plan, &item) ? wm_fail(err, ENOMEM, "out of memory") : 0;
}

static int plan_generation(struct store *store, uint64_t generation, struct plan *plan, struct wm_error *err)
{
	struct store_audit entry = { 0 };
	int rc;

	while ((rc = one_row(db_query(store->db, SQL_AUDIT_OF, "ii", (int64_t)generation, (int64_t)entry.id), &entry)) > 0) {
		rc = plan_back(store, plan, &entry, err);
		if (rc)
			return rc;
	}
	if (rc < 0)
		return store_fail(store, rc, err);
	if (!plan->lists[OBJECT_SITE].n && !plan->lists[OBJECT_HOST].n && !plan->lists[OBJECT_DEVICE].n && !plan->supernet.len)
		return unknown(generation, err);
	return plan_sort(plan, err);
}

/* What a gateway says of itself stays as it says it, whoever takes back what. */
static bool takes_back(const struct plan *plan)
{
	bool differs = plan->mesh_before != NULL;

	for (enum object_kind kind = 0; kind < OBJECT_KINDS; kind++) {
		for (size_t i = 0; i < plan->lists[kind].n; i++)
			differs |= !plan->lists[kind].items[i].same;
	}
	return differs;
}

static bool is_generation(void *arg, const struct wm_mesh *mesh)
{
	return mesh->generation == *(const uint64_t *)arg;
}

int store_undo(struct store *store, const char *who, uint64_t generation, bool dry_run, struct plan *ret,
	       uint64_t *ret_undone, struct wm_error *err)
{
	struct store_apply how = { .who = who, .what = "undo", .dry_run = dry_run, .still = is_generation, .arg = &generation };
	uint64_t last = store->mesh.generation;
	int rc = -ESTALE;

	generation = generation ? generation : last;
	*ret_undone = generation;
	if (generation == last)
		rc = plan_generation(store, generation, ret, err);
	if (!rc)
		rc = store_apply(store, &how, ret, err);
	if (rc == -ESTALE)
		return wm_fail(err, EEXIST, "generation %llu is not the last change, which is %llu; only that can be undone",
			       (unsigned long long)generation, (unsigned long long)last);
	if (!rc && !takes_back(ret))
		return wm_fail(err, EEXIST, "generation %llu changed only what a gateway says of itself; there is nothing to take back",
			       (unsigned long long)generation);
	/* What another one holds by now, or would be too much: it is not the request that is wrong. */
	return rc == -EINVAL || rc == -ENODEV ? -EEXIST : rc;
}
