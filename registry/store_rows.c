/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rows of the database <-> objects.
 */
#include <errno.h>
#include <string.h>

#include "core/util.h"
#include "registry/store_internal.h"

static void read_site(struct db_query *q, struct object *ret)
{
	struct wm_site *s = &ret->site;
	char endpoint[WM_ENDPOINT_TEXT];

	*ret = (struct object){ .kind = OBJECT_SITE };
	db_text(q, 0, s->domain, sizeof(s->domain));
	s->subnet.addr = (wm_ip4)db_int(q, 1);
	s->subnet.len = (uint8_t)db_int(q, 2);
	db_blob(q, 3, s->public_key.byte, WM_KEY_LEN);
	db_text(q, 4, endpoint, sizeof(endpoint));
	if (*endpoint && wm_endpoint_parse(endpoint, &s->endpoint))
		s->endpoint = (struct wm_endpoint){ 0 };
	s->hub = db_int(q, 5) != 0;
	s->preshared = db_int(q, 6) != 0;
	ret->gateway = wm_site_gateway(s);
}

static void read_host(struct db_query *q, struct object *ret)
{
	struct wm_host *h = &ret->host;

	*ret = (struct object){ .kind = OBJECT_HOST };
	h->overlay = (wm_ip4)db_int(q, 0);
	db_text(q, 1, h->domain, sizeof(h->domain));
	db_text(q, 2, h->name, sizeof(h->name));
	h->local = (wm_ip4)db_int(q, 3);
	h->has_mac = db_blob(q, 4, h->mac.byte, sizeof(h->mac.byte));
	h->access = (uint8_t)db_int(q, 5);
}

static void read_device(struct db_query *q, struct object *ret)
{
	struct wm_device *d = &ret->device;

	*ret = (struct object){ .kind = OBJECT_DEVICE };
	d->overlay = (wm_ip4)db_int(q, 0);
	db_text(q, 1, d->name, sizeof(d->name));
	db_blob(q, 2, d->public_key.byte, WM_KEY_LEN);
	d->access = (uint8_t)db_int(q, 3);
}

static void (*const read_row[OBJECT_KINDS])(struct db_query *q, struct object *ret) = {
	[OBJECT_SITE] = read_site,
	[OBJECT_HOST] = read_host,
	[OBJECT_DEVICE] = read_device,
};

/* The first row of a query as an object; ends the query. */
static int first(struct db_query *query, enum object_kind kind, struct object *ret)
{
	DB_AUTO_DONE struct db_query *q = query;
	int rc = db_next(q);

	if (rc > 0)
		read_row[kind](q, ret);
	return rc;
}

int rows_hub(struct db *db, struct wm_site *ret)
{
	struct object hub;
	int rc = first(db_query(db, SQL_SITE_HUB, ""), OBJECT_SITE, &hub);

	if (rc > 0)
		*ret = hub.site;
	return rc;
}

static int derive(struct db *db, struct object *io)
{
	struct wm_site hub;
	int rc;

	if (io->kind != OBJECT_DEVICE)
		return 1;
	rc = rows_hub(db, &hub);
	if (rc > 0)
		memcpy(io->hub, hub.domain, sizeof(io->hub));
	return rc < 0 ? rc : 1;
}

int rows_get(struct db *db, const struct object_key *key, struct object *ret)
{
	struct db_query *q;
	int rc;

	if (key->kind == OBJECT_SITE)
		q = db_query(db, SQL_SITE_GET, "s", key->name);
	else if (key->kind == OBJECT_HOST)
		q = db_query(db, SQL_HOST_GET, "ss", key->domain, key->name);
	else
		q = db_query(db, SQL_DEVICE_GET, "s", key->name);
	rc = first(q, key->kind, ret);
	return rc > 0 ? derive(db, ret) : rc;
}

int rows_next(struct db *db, const char *hub, struct object *io)
{
	char after[WM_NAME_SIZE];
	int rc;

	if (io->kind == OBJECT_SITE) {
		memcpy(after, io->site.domain, sizeof(after));
		return first(db_query(db, SQL_SITE_NEXT, "s", after), OBJECT_SITE, io);
	}
	if (io->kind == OBJECT_HOST)
		return first(db_query(db, SQL_HOST_NEXT, "i", (int64_t)io->host.overlay), OBJECT_HOST, io);
	rc = first(db_query(db, SQL_DEVICE_NEXT, "i", (int64_t)io->device.overlay), OBJECT_DEVICE, io);
	if (rc > 0)
		wm_copy(io->hub, sizeof(io->hub), hub);
	return rc;
}

int rows_at(struct db *db, wm_ip4 overlay, struct object *ret)
{
	int rc = first(db_query(db, SQL_HOST_AT, "i", (int64_t)overlay), OBJECT_HOST, ret);

	return rc ? rc : first(db_query(db, SQL_DEVICE_AT, "i", (int64_t)overlay), OBJECT_DEVICE, ret);
}

int rows_local(struct db *db, const char *domain, wm_ip4 local, struct object *ret)
{
	return first(db_query(db, SQL_HOST_LOCAL, "si", domain, (int64_t)local), OBJECT_HOST, ret);
}

int rows_subnet(struct db *db, struct wm_prefix subnet, struct object *ret)
{
	struct object below;
	int rc;

	/* Sites do not overlap each other: of those that begin at or before its end, the last ends last. */
	rc = first(db_query(db, SQL_SITE_BELOW, "i", (int64_t)wm_prefix_last(subnet)), OBJECT_SITE, &below);
	if (rc > 0 && !wm_prefix_overlaps(below.site.subnet, subnet))
		return 0;
	if (rc > 0)
		*ret = below;
	return rc;
}

int rows_key_owner(struct db *db, const struct wm_key *key, struct object_key *ret)
{
	DB_AUTO_DONE struct db_query *q = db_query(db, SQL_KEY_OWNER, "b", key->byte, (size_t)WM_KEY_LEN);
	char kind[8];
	int rc = db_next(q);

	if (rc <= 0)
		return rc;
	db_text(q, 0, kind, sizeof(kind));
	*ret = (struct object_key){ .kind = strcmp(kind, "site") ? OBJECT_DEVICE : OBJECT_SITE };
	db_text(q, 1, ret->name, sizeof(ret->name));
	return 1;
}

int rows_of_site(struct db *db, const char *domain, struct object *ret)
{
	return first(db_query(db, SQL_HOST_OF_SITE, "s", domain), OBJECT_HOST, ret);
}

int rows_outside(struct db *db, const struct wm_site *site, struct object *ret)
{
	return first(db_query(db, SQL_HOST_OUTSIDE, "sii", site->domain, (int64_t)site->subnet.addr + 2,
			      (int64_t)wm_prefix_last(site->subnet) - 1), OBJECT_HOST, ret);
}

int rows_mesh(struct db *db, struct wm_mesh *ret)
{
	DB_AUTO_DONE struct db_query *q = db_query(db, SQL_MESH_GET, "");
	int rc = db_next(q);

	if (rc <= 0)
		return rc;
	*ret = (struct wm_mesh){ .generation = (uint64_t)db_int(q, 1) };
	db_text(q, 0, ret->instance, sizeof(ret->instance));
	db_text(q, 2, ret->name, sizeof(ret->name));
	ret->supernet.addr = (wm_ip4)db_int(q, 3);
	ret->supernet.len = (uint8_t)db_int(q, 4);
	db_text(q, 5, ret->mark, sizeof(ret->mark));
	return 1;
}

int rows_secret(struct db *db, struct wm_key *ret)
{
	DB_AUTO_DONE struct db_query *q = db_query(db, SQL_MESH_SECRET, "");
	int rc = db_next(q);

	return rc > 0 ? db_blob(q, 0, ret->byte, sizeof(ret->byte)) : rc;
}

/* The first number of a query's only row; ends the query. */
static int one_number(struct db_query *query, uint64_t *ret)
{
	DB_AUTO_DONE struct db_query *q = query;
	int rc = db_next(q);

	if (rc > 0)
		*ret = (uint64_t)db_int(q, 0);
	return rc;
}

/* The first row of a generation, and the mark of the one before. */
static int first_change(struct db *db, uint64_t generation, uint64_t *ret_seq, char *ret_base)
{
	DB_AUTO_DONE struct db_query *q = db_query(db, SQL_CHANGE_FIRST, "i", (int64_t)generation);
	int rc = db_next(q);

	if (rc > 0) {
		*ret_seq = (uint64_t)db_int(q, 0);
		db_text(q, 1, ret_base, WM_MARK_SIZE);
	}
	return rc;
}

/* The last row about a site; 0: there is none. */
static int last_of_site(struct db *db, const char *domain, uint64_t *ret)
{
	*ret = 0;
	return *domain ? one_number(db_query(db, SQL_CHANGE_OF_SITE, "s", domain), ret) : 0;
}

/* The oldest rows go first: where a generation's first row is, all after it are. */
int rows_changes(struct db *db, uint64_t after, const char *mark, const char *self, uint64_t *ret_seq)
{
	char base[WM_MARK_SIZE];
	uint64_t first, whole, own;
	int rc = first_change(db, after + 1, &first, base);

	if (rc > 0 && *mark && strcmp(mark, base))
		return 0;
	if (rc <= 0)
		return rc;
	rc = last_of_site(db, self, &own);
	if (rc < 0 || own >= first)
		return rc < 0 ? rc : 0;
	rc = one_number(db_query(db, SQL_CHANGE_WHOLE, "i", (int64_t)first), &whole);
	*ret_seq = first - 1;
	return rc < 0 ? rc : !rc;
}

int rows_next_change(struct db *db, uint64_t *io_seq, struct object_key *ret)
{
	DB_AUTO_DONE struct db_query *q = db_query(db, SQL_CHANGE_NEXT, "i", (int64_t)*io_seq);
	char name[OBJECT_NAME_SIZE], kind_name[16];
	enum object_kind kind;
	int rc = db_next(q);

	if (rc <= 0)
		return rc;
	*io_seq = (uint64_t)db_int(q, 0);
	if ((uint64_t)db_int(q, 3) > *io_seq)
		return 2;
	db_text(q, 1, kind_name, sizeof(kind_name));
	db_text(q, 2, name, sizeof(name));
	return object_kind_parse(kind_name, &kind) && !object_key_parse(kind, name, ret) ? 1 : -EBADMSG;
}

static const void *key_or_null(const struct wm_key *key)
{
	return wm_key_is_zero(key) ? NULL : key->byte;
}

static int write_site(struct db *db, enum sql sql, const struct wm_site *s)
{
	char endpoint[WM_ENDPOINT_TEXT];

	wm_endpoint_format(&s->endpoint, endpoint);
	return db_do(db, sql, "siibsii", s->domain, (int64_t)s->subnet.addr, (int64_t)s->subnet.len,
		     key_or_null(&s->public_key), (size_t)WM_KEY_LEN, *endpoint ? endpoint : NULL, (int64_t)s->hub,
		     (int64_t)s->preshared);
}

static int write_host(struct db *db, enum sql sql, const struct wm_host *h)
{
	return db_do(db, sql, "issibi", (int64_t)h->overlay, h->domain, h->name, (int64_t)h->local,
		     h->has_mac ? h->mac.byte : NULL, sizeof(h->mac.byte), (int64_t)h->access);
}

static int write_device(struct db *db, enum sql sql, const struct wm_device *d)
{
	return db_do(db, sql, "isbi", (int64_t)d->overlay, d->name, key_or_null(&d->public_key), (size_t)WM_KEY_LEN,
		     (int64_t)d->access);
}

static int written(int rc)
{
	return rc < 0 ? rc : 0;
}

int rows_add(struct db *db, const struct object *object)
{
	if (object->kind == OBJECT_SITE)
		return written(write_site(db, SQL_SITE_ADD, &object->site));
	if (object->kind == OBJECT_HOST)
		return written(write_host(db, SQL_HOST_ADD, &object->host));
	return written(write_device(db, SQL_DEVICE_ADD, &object->device));
}

int rows_set(struct db *db, const struct object *object)
{
	if (object->kind == OBJECT_SITE)
		return written(write_site(db, SQL_SITE_SET, &object->site));
	if (object->kind == OBJECT_HOST)
		return written(write_host(db, SQL_HOST_SET, &object->host));
	return written(write_device(db, SQL_DEVICE_SET, &object->device));
}

int rows_remove(struct db *db, const struct object_key *key)
{
	if (key->kind == OBJECT_SITE)
		return written(db_do(db, SQL_SITE_REMOVE, "s", key->name));
	if (key->kind == OBJECT_HOST)
		return written(db_do(db, SQL_HOST_REMOVE, "ss", key->domain, key->name));
	return written(db_do(db, SQL_DEVICE_REMOVE, "s", key->name));
}

int rows_park(struct db *db, const struct object_key *key)
{
	return written(db_do(db, key->kind == OBJECT_SITE ? SQL_SITE_PARK : SQL_DEVICE_PARK, "s", key->name));
}
