/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A mesh as a whole: is all of it right, and a new instance for one that was
 * put back.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/util.h"
#include "registry/store_internal.h"

int store_renew(struct store *store, const char *who, bool secret, struct wm_error *err)
{
	char instance[WM_INSTANCE_ID_SIZE];
	struct change c;
	int rc = change_begin(store, who, &c, err);

	if (rc)
		return rc;
	store_make_instance(instance);
	rc = db_do(store->db, SQL_MESH_RENEW, "s", instance);
	if (rc >= 0 && secret)
		rc = mesh_set_secret(store);
	if (rc >= 0)
		rc = change_note(&c, "restore", "mesh", "", NULL, NULL);
	return change_end(&c, rc, err);
}

/* --- verification --------------------------------------------------------------------- */

struct verify {
	struct store store; /* only to read: db, mesh, path */
	char hub[WM_NAME_SIZE];
	store_say_fn say;
	void *arg;
	int found;
};

__attribute__((format(printf, 2, 3))) static void complain(struct verify *v, const char *fmt, ...)
{
	char text[640];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	v->say(v->arg, text);
	v->found++;
}

static bool has_names(const struct object *object)
{
	if (object->kind == OBJECT_SITE)
		return wm_label_valid(object->site.domain);
	if (object->kind == OBJECT_DEVICE)
		return wm_label_valid(object->device.name);
	return wm_label_valid(object->host.name) && wm_label_valid(object->host.domain);
}

/* A device has the hub's domain, where a host may not have its name. */
static int verify_twin(struct verify *v, const struct object *object)
{
	struct object_key twin = { .kind = OBJECT_HOST };
	struct object there;
	int rc;

	memcpy(twin.name, object->device.name, sizeof(twin.name));
	memcpy(twin.domain, v->hub, sizeof(twin.domain));
	rc = rows_get(v->store.db, &twin, &there);
	if (rc > 0)
		complain(v, "device '%s' and a host of the hub's site share a name", twin.name);
	return rc < 0 ? rc : 0;
}

/* By the rules of a change that changes nothing of it. */
static int verify_object(struct verify *v, const struct object *object)
{
	struct wm_error err = { 0 };
	char title[OBJECT_TITLE_SIZE];
	struct object_key key;
	int rc;

	object_key_of(object, &key);
	if (!has_names(object))
		complain(v, "%s has a name that cannot be", object_title(&key, title));
	rc = check_object(&v->store, object, object, &err);
	if (rc && !*err.text)
		return rc;
	if (rc)
		complain(v, "%s: %s", object_title(&key, title), err.text);
	return object->kind == OBJECT_DEVICE ? verify_twin(v, object) : 0;
}

static int verify_objects(struct verify *v, struct store_counts *counts)
{
	for (enum object_kind kind = OBJECT_SITE; kind < OBJECT_KINDS; kind++) {
		struct object object = { .kind = kind };
		int rc;

		while ((rc = rows_next(v->store.db, v->hub, &object)) > 0) {
			counts->objects[kind]++;
			rc = verify_object(v, &object);
			if (rc)
				return rc;
		}
		if (rc)
			return rc;
	}
	return 0;
}

static int verify_subnets(struct verify *v)
{
	DB_AUTO_DONE struct db_query *q = db_query(v->store.db, SQL_SITE_SUBNETS, "");
	struct wm_prefix before = { 0 };
	char text[WM_PREFIX_TEXT], other[WM_PREFIX_TEXT];
	int rc;

	while ((rc = db_next(q)) > 0) {
		struct wm_prefix subnet = { (wm_ip4)db_int(q, 0), (uint8_t)db_int(q, 1) };

		if (before.len && subnet.addr <= wm_prefix_last(before))
			complain(v, "the subnets %s and %s overlap", wm_prefix_format(before, text), wm_prefix_format(subnet, other));
		before = subnet;
	}
	return rc;
}

/* The log of changes ends with the generation that the mesh has: a change is written whole or not at all. */
static int verify_log(struct verify *v)
{
	DB_AUTO_DONE struct db_query *q = db_query(v->store.db, SQL_CHANGE_LAST, "");
	int rc = db_next(q);

	if (rc > 0 && (uint64_t)db_int(q, 0) != v->store.mesh.generation)
		complain(v, "the mesh is at generation %llu, but its log of changes at %llu",
			 (unsigned long long)v->store.mesh.generation, (unsigned long long)db_int(q, 0));
	return rc < 0 ? rc : 0;
}

static int verify(struct verify *v, struct store_counts *counts)
{
	struct wm_site hub;
	int rc = rows_mesh(v->store.db, &v->store.mesh);

	if (rc <= 0) {
		if (!rc)
			complain(v, "there is no mesh in it");
		return rc;
	}
	counts->mesh = v->store.mesh;
	rc = rows_hub(v->store.db, &hub);
	if (rc > 0)
		memcpy(v->hub, hub.domain, sizeof(v->hub));
	if (rc >= 0)
		rc = verify_subnets(v);
	if (!rc)
		rc = verify_objects(v, counts);
	return rc ? rc : verify_log(v);
}

int store_verify(const char *where, store_say_fn say, void *arg, struct store_counts *ret, struct wm_error *err)
{
	struct verify v = { .say = say, .arg = arg };
	struct store_counts counts = { 0 };
	int rc = db_open_to_read(where, &v.store.db, err);

	if (rc)
		return rc;
	rc = wm_copy(v.store.path, sizeof(v.store.path), db_name(v.store.db));
	if (!rc)
		rc = db_begin(v.store.db);
	if (!rc)
		rc = verify(&v, &counts);
	if (rc)
		wm_fail(err, -rc, "cannot read the database %s: %s", v.store.path, db_reason(v.store.db));
	db_rollback(v.store.db);
	db_close(v.store.db);
	if (rc)
		return rc;
	*ret = counts;
	return v.found;
}
