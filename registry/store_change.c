/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One change: a transaction that bumps the generation and says who did what.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/util.h"
#include "registry/store_internal.h"
#include "registry/text.h"

#define LONG_STEPS 1000 /* of a change, each some milliseconds at most */
#define AUDIT_PRUNED 1024 /* rows at once: some milliseconds */
#define CHANGES_KEPT 100000 /* objects that have changed since, for a reader to be told the difference */

int store_fail_on(struct store *store, const struct db *db, int rc, struct wm_error *err)
{
	if (rc == -EREMCHG)
		return wm_fail(err, EREMCHG, "the mesh is another by now than the request's If-Match says; nothing was changed; look at it again");
	if (rc == -ENOSPC)
		return wm_fail(err, ENOSPC, "the disk that holds %s is full; nothing was changed; make room and try again",
			       store->path);
	if (rc == -EBUSY && store->beside)
		return wm_fail(err, EBUSY, "a long change is being made; nothing was changed; try again");
	if (rc == -EBUSY)
		return wm_fail(err, EBUSY, "the database %s is held by another program; nothing was changed; try again",
			       store->path);
	if (rc == -ENOTCONN)
		return wm_fail(err, ENOTCONN, "the database %s cannot be reached: %s; nothing was changed; try again", store->path,
			       db_reason(db));
	if (rc == -ECANCELED)
		return wm_fail(err, ECANCELED, "the registry is being stopped; nothing was changed; try again");
	if (rc == -EINPROGRESS)
		return wm_fail(err, EINPROGRESS,
			       "the connection to the database %s was lost while the change was being confirmed; whether it was made is not known: look before you make it again",
			       store->path);
	return wm_fail(err, -rc, "the database %s failed: %s; nothing was changed", store->path, db_reason(db));
}

int store_fail(struct store *store, int rc, struct wm_error *err)
{
	return store_fail_on(store, store->db, rc, err);
}

int store_take_in(struct store *store)
{
	struct wm_mesh mesh;
	int rc = rows_mesh(store->db, &mesh);

	if (rc <= 0)
		return rc;
	if (mesh.generation != store->mesh.generation || strcmp(mesh.mark, store->mesh.mark) ||
	    strcmp(mesh.instance, store->mesh.instance)) {
		store->commits++;
		check_forget(store);
	}
	store->mesh = store->shown = mesh;
	return 0;
}

void store_expect(struct store *store, bool (*is_meant)(void *arg, const struct wm_mesh *mesh), void *arg)
{
	store->is_meant = is_meant;
	store->is_meant_arg = arg;
}

static int look_whether_meant(const struct store *store)
{
	return !store->is_meant || store->is_meant(store->is_meant_arg, &store->mesh) ? 0 : -EREMCHG;
}

/* The first of a group is taken back by taking back all. */
static int begin(struct store *store)
{
	/* Where it has ended unnoticed, each of those that follow would be on disk alone. */
	if (store->waiting && !store->lost && !db_is_open(store->db))
		store->lost = -EIO;
	if (store->lost)
		return store->lost;
	if (store->beside)
		return -EBUSY;
	return store->waiting ? db_part_begin(store->db) : db_begin(store->db);
}

int change_begin(struct store *store, const char *who, struct change *ret, struct wm_error *err)
{
	bool shared = store_fd(store) >= 0;
	int rc = shared ? 0 : look_whether_meant(store);

	if (!rc)
		rc = begin(store);
	if (!rc && shared)
		rc = store_take_in(store);
	if (!rc && shared)
		rc = look_whether_meant(store);
	if (rc) {
		store_fail(store, rc, err);
		if (!store->waiting)
			db_rollback(store->db);
		return rc;
	}
	*ret = (struct change){ .store = store, .who = who, .now = wm_unix_time() };
	return 0;
}

/* Random: no two changes have the same, also not in copies of one database. */
static void make_mark(char *ret)
{
	uint64_t n;

	wm_random(&n, sizeof(n));
	wm_format(ret, WM_MARK_SIZE, "%016" PRIx64, n);
}

static int bump(struct change *c)
{
	DB_AUTO_DONE struct db_query *q = NULL;
	char mark[WM_MARK_SIZE];
	int rc;

	if (c->generation)
		return 0;
	make_mark(mark);
	q = db_query(c->store->db, SQL_MESH_BUMP, "s", mark);
	rc = db_next(q);
	if (rc <= 0)
		return rc ? rc : -EIO;
	c->generation = (uint64_t)db_int(q, 0);
	return db_next(q);
}

static int audit(struct change *c, const char *what, const char *kind, const char *name, const char *before,
		 const char *after)
{
	int rc = db_do(c->store->db, SQL_AUDIT_ADD, "issssiss", c->now, c->who, what, kind, name, (int64_t)c->generation,
		       before, after);

	c->store->audit_added++;
	return rc < 0 ? rc : 0;
}

/* In steps that nobody feels, and faster than it grows; what is left over goes with the next change. */
static int prune_audit(struct store *store)
{
	int rc;

	if (!store->audit_keep || store->audit_added < AUDIT_STEP)
		return 0;
	rc = db_do(store->db, SQL_AUDIT_PRUNE, "ii", (int64_t)store->audit_keep, (int64_t)AUDIT_PRUNED);
	if (rc >= 0 && rc < AUDIT_PRUNED)
		store->audit_added = 0;
	return rc < 0 ? rc : 0;
}

void store_on_long_change(struct store *store, bool (*still_here)(void *arg), void *arg)
{
	store->still_here = still_here;
	store->still_arg = arg;
}

/* whole: what others are shown changes with it. */
static int log_change(struct change *c, const char *kind, const char *name, const char *body, bool whole)
{
	int rc = bump(c);

	if (c->store->still_here && c->step % LONG_STEPS == LONG_STEPS - 1 && !c->store->still_here(c->store->still_arg))
		return -ECANCELED;
	if (!rc)
		rc = db_do(c->store->db, SQL_CHANGE_ADD, "iisssis", (int64_t)c->generation, c->step++, kind, name, body,
			   (int64_t)whole, c->store->mesh.mark);
	return rc < 0 ? rc : 0;
}

/* Who the hub is decides who is shown the devices' keys, and what their domain is. */
static bool changes_hub(const struct object *before, const struct object *after)
{
	const struct object *any = after ? after : before;

	return any->kind == OBJECT_SITE && (before && before->site.hub) != (after && after->site.hub);
}

static wm_ip4 overlay_of(const struct object *object)
{
	if (!object || object->kind == OBJECT_SITE)
		return 0;
	return object->kind == OBJECT_HOST ? object->host.overlay : object->device.overlay;
}

int change_object(struct change *c, const char *what, const struct object *before, const struct object *after)
{
	WM_AUTO_FREE char *was = before ? object_encode(before) : NULL;
	WM_AUTO_FREE char *is = after ? object_encode(after) : NULL;
	char name[OBJECT_NAME_SIZE];
	struct object_key key;
	int rc;

	if ((before && !was) || (after && !is))
		return -ENOMEM;
	if (was && is && !strcmp(was, is))
		return 0;
	if (overlay_of(before) && overlay_of(before) != overlay_of(after))
		check_freed(c->store, overlay_of(before));
	object_key_of(after ? after : before, &key);
	object_name(&key, name);
	rc = log_change(c, object_kind_name(key.kind), name, is, changes_hub(before, after));
	return rc ? rc : audit(c, what, object_kind_name(key.kind), name, was, is);
}

int change_mesh(struct change *c, const struct wm_mesh *before, const struct wm_mesh *after)
{
	WM_AUTO_FREE char *was = before ? text_mesh_settings(before) : NULL;
	WM_AUTO_FREE char *is = text_mesh_settings(after);
	int rc;

	if (!is || (before && !was))
		return -ENOMEM;
	rc = log_change(c, "mesh", "", is, true);
	return rc ? rc : audit(c, before ? "change" : "create", "mesh", "", was, is);
}

int change_note(struct change *c, const char *what, const char *kind, const char *name, const char *before,
		const char *after)
{
	return audit(c, what, kind, name, before, after);
}

void change_drop(struct change *c)
{
	/* What was written is not; before the first write nothing was taken or freed. */
	if (c->step)
		check_forget(c->store);
	if (!c->store->waiting)
		db_rollback(c->store->db);
	else if (db_part_end(c->store->db, false) || !db_is_open(c->store->db))
		c->store->lost = c->store->lost ? c->store->lost : -EIO;
}

/* Kept for the group, whose transaction may have ended with what failed: then none of it is. */
static int finish_part(struct store *store)
{
	int rc = store->waiting ? db_part_end(store->db, true) : 0;

	if (rc)
		return rc;
	rc = rows_mesh(store->db, &store->mesh);
	if (rc <= 0)
		return rc ? rc : -EIO;
	store->waiting++;
	return 0;
}

/* Kept for the group, or on disk. */
static int finish(struct store *store)
{
	int rc;

	if (store->grouped)
		return finish_part(store);
	rc = db_commit(store->db);
	if (rc)
		return rc;
	/* It is on disk, whatever this says. Where the store is shared, the mesh is read again before it is shown or changed. */
	rows_mesh(store->db, &store->mesh);
	store_settled(store);
	return 0;
}

int change_end(struct change *c, int rc, struct wm_error *err)
{
	struct store *store = c->store;
	bool said = err && *err->text;

	if (!rc && c->step)
		rc = db_do(store->db, SQL_CHANGE_PRUNE, "i", (int64_t)CHANGES_KEPT);
	if (rc >= 0)
		rc = prune_audit(store);
	rc = rc < 0 ? rc : finish(store);
	if (!rc)
		return 0;
	if (!said)
		store_fail(store, rc, err);
	/* The disk may be so full that the database has taken back all of the group. */
	if (store->waiting && !db_is_open(store->db))
		store->lost = rc;
	change_drop(c);
	return rc;
}
