/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All of a mesh from one database into another, which may be of the other
 * kind: objects, tokens, enrolments, audit. The log of changes begins anew,
 * so that followers fetch all of it.
 */
#include <errno.h>
#include <string.h>

#include "core/json.h"
#include "core/util.h"
#include "registry/store_internal.h"
#include "registry/text.h"

struct copy {
	struct db *from, *to;
	struct db *at; /* the one that was used last: what failed, if something did */
	struct wm_mesh mesh;
	int64_t living, ever; /* the highest number of a token that there is, and that there ever was */
};

static struct db *reads(struct copy *c)
{
	return c->at = c->from;
}
static struct db *writes(struct copy *c)
{
	return c->at = c->to;
}

static int done(int rc)
{
	return rc < 0 ? rc : 0;
}

static int copy_mesh(struct copy *c)
{
	const struct wm_mesh *m = &c->mesh;
	int64_t generation, addr, len;
	WM_AUTO_FREE char *body = NULL;
	int rc = rows_mesh(reads(c), &c->mesh);

	if (rc <= 0)
		return rc ? rc : -EBADMSG;
	generation = (int64_t)m->generation;
	addr = m->supernet.addr;
	len = m->supernet.len;
	body = text_mesh_settings(m);
	if (!body)
		return -ENOMEM;
	rc = db_do(writes(c), SQL_MESH_PUT, "sisiis", m->instance, generation, m->name, addr, len, m->mark);
	/* whole: who knows an earlier one cannot be told the difference */
	if (rc >= 0)
		rc = db_do(c->to, SQL_CHANGE_ADD, "iisssis", generation, (int64_t)0, "mesh", "", body, (int64_t)1, "");
	return done(rc);
}

/* Else all preshared keys would be others at once. */
static int copy_secret(struct copy *c)
{
	struct wm_key secret;
	int rc = rows_secret(reads(c), &secret);

	if (rc > 0)
		rc = done(db_do(writes(c), SQL_MESH_SECRET_SET, "b", secret.byte, sizeof(secret.byte)));
	wm_wipe(&secret, sizeof(secret));
	return rc;
}

static int copy_objects(struct copy *c, enum object_kind kind)
{
	struct object object = { .kind = kind };
	int rc;

	while ((rc = rows_next(reads(c), "", &object)) > 0) {
		rc = rows_add(writes(c), &object);
		if (rc)
			return rc;
	}
	return rc;
}

/* --- tokens ---------------------------------------------------------------------------- */

static int put_token(struct copy *c, struct db_query *q)
{
	char role[16], name[WM_NAME_SIZE];
	struct wm_token_hash hash;
	const char *site, *device;

	db_text(q, 1, role, sizeof(role));
	db_text(q, 2, name, sizeof(name));
	if (!db_blob(q, 5, hash.byte, sizeof(hash.byte)))
		return -EBADMSG;
	site = strcmp(role, "gateway") ? NULL : name;
	device = strcmp(role, "device") ? NULL : name;
	return done(db_do(writes(c), SQL_TOKEN_PUT, "ibssssii", c->living, hash.byte, sizeof(hash.byte), role,
			  site || device ? NULL : name, site, device, db_int(q, 3), db_int(q, 4)));
}

/* With its number, by which the audit names it. 1, 0 there is no more. */
static int copy_token(struct copy *c)
{
	DB_AUTO_DONE struct db_query *q = db_query(reads(c), SQL_TOKEN_NEXT, "i", c->living);
	int rc = db_next(q);

	if (rc <= 0)
		return rc;
	c->living = c->ever = db_int(q, 0);
	rc = put_token(c, q);
	return rc ? rc : 1;
}

static int copy_tokens(struct copy *c)
{
	int rc;

	do
		rc = copy_token(c);
	while (rc > 0);
	return rc;
}

static int copy_enrolments(struct copy *c)
{
	DB_AUTO_DONE struct db_query *q = db_query(reads(c), SQL_ENROLMENT_ALL, "");
	char site[WM_NAME_SIZE], device[WM_NAME_SIZE];
	struct wm_token_hash hash;
	int rc;

	while ((rc = db_next(q)) > 0) {
		if (!db_blob(q, 0, hash.byte, sizeof(hash.byte)))
			return -EBADMSG;
		db_text(q, 1, site, sizeof(site));
		db_text(q, 2, device, sizeof(device));
		rc = db_do(writes(c), SQL_ENROLMENT_PUT, "bssii", hash.byte, sizeof(hash.byte), *site ? site : NULL,
			   *device ? device : NULL, db_int(q, 3), db_int(q, 4));
		if (rc < 0)
			return rc;
		reads(c);
	}
	return rc;
}

/* --- the audit ---------------------------------------------------------------------------- */

/* A token that has ended is in no table any more; its number is nobody else's all the same. */
static void learn_token(struct copy *c, const struct store_audit *entry)
{
	const char *text = *entry->before ? entry->before : entry->after;
	struct wm_json *root = NULL;
	uint64_t id;

	if (strcmp(entry->kind, "token") || wm_json_load(text, strlen(text), &root, NULL))
		return;
	if (wm_json_uint(wm_json_get(root, "id"), &id))
		c->ever = WM_MAX(c->ever, (int64_t)id);
	wm_json_free(root);
}

static int copy_audit(struct copy *c, int64_t *ret_last)
{
	struct store_audit e = { 0 };
	int rc;

	while ((rc = audit_next(reads(c), &e)) > 0) {
		learn_token(c, &e);
		rc = db_do(writes(c), SQL_AUDIT_PUT, "iissssiss", (int64_t)e.id, e.at, e.who, e.what, e.kind, e.name,
			   (int64_t)e.generation, *e.before ? e.before : NULL, *e.after ? e.after : NULL);
		if (rc < 0)
			return rc;
	}
	*ret_last = (int64_t)e.id;
	return rc;
}

/* --- all of it ------------------------------------------------------------------------------ */

/* Numbers go on behind the last. SQLite goes by the highest that was ever put in; PostgreSQL has to be told. */
static int go_on(struct copy *c, bool postgresql, int64_t last_entry)
{
	struct wm_token_hash nobody;
	int rc = 0;

	writes(c);
	if (postgresql) {
		if (c->ever)
			rc = db_do(c->to, SQL_TOKEN_GO_ON, "i", c->ever);
		return rc >= 0 && last_entry ? db_do(c->to, SQL_AUDIT_GO_ON, "i", last_entry) : rc;
	}
	if (c->ever == c->living)
		return 0;
	wm_random(nobody.byte, sizeof(nobody.byte));
	rc = db_do(c->to, SQL_TOKEN_PUT, "ibssssii", c->ever, nobody.byte, sizeof(nobody.byte), "read", "nobody", NULL, NULL,
		   (int64_t)0, (int64_t)0);
	return rc < 0 ? rc : db_do(c->to, SQL_TOKEN_REMOVE, "i", c->ever);
}

static int copy_all(struct copy *c, bool postgresql)
{
	int64_t last_entry = 0;
	int rc = copy_mesh(c);

	if (!rc)
		rc = copy_secret(c);
	for (enum object_kind kind = OBJECT_SITE; !rc && kind < OBJECT_KINDS; kind++)
		rc = copy_objects(c, kind);
	if (!rc)
		rc = copy_tokens(c);
	if (!rc)
		rc = copy_enrolments(c);
	if (!rc)
		rc = copy_audit(c, &last_entry);
	return rc ? rc : done(go_on(c, postgresql, last_entry));
}

/* Nobody else can put a mesh there from here on: that, too, is a write. */
static int begin(struct copy *c, struct wm_error *err)
{
	struct wm_mesh there;
	int rc = db_begin(reads(c));

	if (!rc)
		rc = db_begin(writes(c));
	if (!rc)
		rc = rows_mesh(c->to, &there);
	if (rc > 0)
		return wm_fail(err, EEXIST, "the database %s holds a mesh already, '%s'; give one that is empty", db_name(c->to), there.name);
	return rc;
}

int store_copy(const char *from, const char *to, struct wm_error *err)
{
	struct copy c = { 0 };
	int rc = db_open_to_read(from, &c.from, err);

	if (!rc)
		rc = db_open(to, &c.to, err);
	if (!rc) {
		rc = begin(&c, err);
		if (!rc)
			rc = copy_all(&c, db_is_url(to));
		if (!rc)
			rc = db_commit(writes(&c));
		if (rc && (!err || !*err->text))
			wm_fail(err, -rc, "cannot copy the mesh from %s to %s: %s: %s", db_name(c.from), db_name(c.to), db_name(c.at),
				rc == -ENOSPC ? "the disk is full" : db_reason(c.at));
		db_rollback(c.from);
		db_rollback(c.to);
	}
	db_close(c.to);
	db_close(c.from);
	return rc;
}
