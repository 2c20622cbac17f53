/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The store's verbs on sites, hosts and devices: the same walk for all three.
 */
#include <errno.h>
#include <string.h>

#include "core/util.h"
#include "registry/store_internal.h"

static int not_there(const struct object_key *key, struct wm_error *err)
{
	char title[OBJECT_TITLE_SIZE];

	return wm_fail(err, ENOENT, "there is no %s; see what there is in /v1/%s", object_title(key, title),
		       object_kind_plural(key->kind));
}

static int load_from(struct store *store, struct db *db, const struct object_key *key, struct object *ret, struct wm_error *err)
{
	int rc = rows_get(db, key, ret);

	if (rc < 0)
		return store_fail_on(store, db, rc, err);
	return rc ? 0 : not_there(key, err);
}

static int load(struct store *store, const struct object_key *key, struct object *ret, struct wm_error *err)
{
	return load_from(store, store->db, key, ret, err);
}

int store_get(struct store *store, const struct object_key *key, struct object *ret, struct wm_error *err)
{
	return load_from(store, store_reading(store), key, ret, err);
}

int objects_add(struct change *c, struct object *io, struct wm_error *err)
{
	int rc = check_fill(c->store, io, err);

	if (!rc)
		rc = check_object(c->store, io, NULL, err);
	if (!rc)
		rc = rows_add(c->store->db, io);
	/* One that came in while a site of that name was being removed is not this one's. */
	if (!rc && io->kind == OBJECT_SITE)
		rc = reports_end(c->store, io->site.domain);
	return rc ? rc : change_object(c, "add", NULL, io);
}

int objects_set(struct change *c, const struct object *old, struct object *io, struct wm_error *err)
{
	int rc;

	if (io->kind == OBJECT_SITE && !wm_prefix_equal(io->site.subnet, old->site.subnet))
		return wm_fail_field(err, EINVAL, "subnet",
				     "the subnet of site '%s' cannot change; remove the site and add it again", old->site.domain);
	/* A patch may ask for another address by taking the old one away. */
	rc = io->kind == OBJECT_SITE ? 0 : check_fill(c->store, io, err);
	if (!rc)
		rc = check_object(c->store, io, old, err);
	if (!rc)
		rc = rows_set(c->store->db, io);
	return rc ? rc : change_object(c, "change", old, io);
}

int store_add(struct store *store, const char *who, struct object *io, struct wm_error *err)
{
	struct object object = *io;
	struct change c;
	int rc = change_begin(store, who, &c, err);

	if (rc)
		return rc;
	rc = change_end(&c, objects_add(&c, &object, err), err);
	if (!rc)
		*io = object;
	return rc;
}

int store_change(struct store *store, const char *who, const struct object_key *key, store_patch_fn patch, void *arg,
		 struct object *ret, struct wm_error *err)
{
	struct object old, object;
	struct change c;
	int rc = change_begin(store, who, &c, err);

	if (rc)
		return rc;
	rc = load(store, key, &old, err);
	object = old;
	if (!rc)
		rc = patch(arg, &object, err);
	if (!rc)
		rc = objects_set(&c, &old, &object, err);
	rc = change_end(&c, rc, err);
	if (!rc)
		*ret = object;
	return rc;
}

int objects_remove(struct change *c, const struct object *object)
{
	struct object_key key;
	int rc;

	object_key_of(object, &key);
	rc = key.kind == OBJECT_HOST ? 0 : tokens_end(c, &key);
	if (!rc)
		rc = rows_remove(c->store->db, &key);
	if (!rc && key.kind == OBJECT_SITE)
		rc = reports_end(c->store, key.name);
	return rc ? rc : change_object(c, "remove", object, NULL);
}

/* One of the objects that a site carries: its hosts, the hub's devices. */
static int carried(struct store *store, const struct wm_site *site, struct object *ret)
{
	int rc = rows_of_site(store->db, site->domain, ret);

	if (rc || !site->hub)
		return rc;
	*ret = (struct object){ .kind = OBJECT_DEVICE };
	return rows_next(store->db, site->domain, ret);
}

static int empty_site(struct change *c, const struct wm_site *site, enum store_cascade cascade, struct wm_error *err)
{
	char title[OBJECT_TITLE_SIZE];
	struct object_key key;
	struct object object;
	int rc;

	while ((rc = carried(c->store, site, &object)) > 0) {
		object_key_of(&object, &key);
		if (cascade < (key.kind == OBJECT_HOST ? STORE_CASCADE_HOSTS : STORE_CASCADE_ALL))
			return wm_fail(err, ENOTEMPTY,
				       "site '%s' still has %s; remove what it has first, or it all at once with --cascade (?cascade=1)",
				       site->domain, object_title(&key, title));
		rc = objects_remove(c, &object);
		if (rc)
			return rc;
	}
	return rc;
}

int store_remove(struct store *store, const char *who, const struct object_key *key, enum store_cascade cascade,
		 struct wm_error *err)
{
	struct object object;
	struct change c;
	int rc = change_begin(store, who, &c, err);

	if (rc)
		return rc;
	rc = load(store, key, &object, err);
	if (!rc && key->kind == OBJECT_SITE)
		rc = empty_site(&c, &object.site, cascade, err);
	if (!rc)
		rc = objects_remove(&c, &object);
	return change_end(&c, rc, err);
}

int store_count(struct store *store, struct store_counts *ret, struct wm_error *err)
{
	struct db *db = store_reading(store);
	DB_AUTO_DONE struct db_query *q = db_query(db, SQL_OBJECTS, "");
	int rc = db_next(q);

	if (rc <= 0)
		return store_fail_on(store, db, rc ? rc : -EIO, err);
	ret->mesh = store->shown;
	for (int kind = 0; kind < OBJECT_KINDS; kind++)
		ret->objects[kind] = (uint64_t)db_int(q, kind);
	return 0;
}
