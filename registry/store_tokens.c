/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The store's verbs on tokens and enrolments. Only hashes come here. A look-up
 * by hash leaks at most something about a hash of what was presented; the
 * whole is compared once more in constant time.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/util.h"
#include "registry/store_internal.h"

#define TOUCH_EVERY_S 3600                  /* how exact last_used is */
#define SPENT_KEPT_S (30 * 24 * 3600)       /* how long an enrolment is kept after its end */

static const char *const role_names[] = {
	[WM_TOKEN_ADMIN] = "admin",
	[WM_TOKEN_READ] = "read",
	[WM_TOKEN_GATEWAY] = "gateway",
	[WM_TOKEN_DEVICE] = "device",
};

static enum wm_token_kind role_parse(const char *name)
{
	for (size_t i = WM_TOKEN_ADMIN; i < WM_ARRAY_LEN(role_names); i++) {
		if (!strcmp(role_names[i], name))
			return (enum wm_token_kind)i;
	}
	return WM_TOKEN_OTHER;
}

static void read_token(struct db_query *q, struct store_token *ret)
{
	char role[16];

	*ret = (struct store_token){ .id = (uint64_t)db_int(q, 0), .created = db_int(q, 3), .last_used = db_int(q, 4) };
	db_text(q, 1, role, sizeof(role));
	ret->role = role_parse(role);
	db_text(q, 2, ret->name, sizeof(ret->name));
}

int snapshot_next_token(struct snapshot *snapshot, struct store_token *io)
{
	DB_AUTO_DONE struct db_query *q = NULL;
	int rc;

	if (!snapshot->store)
		return -ESTALE;
	q = db_query(snapshot->db, SQL_TOKEN_NEXT, "i", (int64_t)io->id);
	rc = db_next(q);
	if (rc > 0)
		read_token(q, io);
	return rc;
}

static bool hash_matches(struct db_query *q, int column, const struct wm_token_hash *hash)
{
	struct wm_token_hash there;

	return db_blob(q, column, there.byte, sizeof(there.byte)) && wm_token_hash_equal(&there, hash);
}

static int find(struct store *store, const struct wm_token_hash *hash, struct store_token *ret)
{
	DB_AUTO_DONE struct db_query *q = db_query(store->db, SQL_TOKEN_FIND, "b", hash->byte, sizeof(hash->byte));
	int rc = db_next(q);

	if (rc <= 0)
		return rc ? rc : -EACCES;
	if (!hash_matches(q, 5, hash))
		return -EACCES;
	read_token(q, ret);
	return 0;
}

int store_token_find(struct store *store, const struct wm_token_hash *hash, int64_t now, struct store_token *ret)
{
	int rc = find(store, hash, ret);

	if (rc)
		return rc;
	if (ret->last_used + TOUCH_EVERY_S <= now) {
		/* Nobody waits for this to be on disk, and a full disk must not lock anyone out. */
		db_lazy(store->db, true);
		db_do(store->db, SQL_TOKEN_USED, "ii", (int64_t)ret->id, now);
		db_lazy(store->db, false);
	}
	return 0;
}

/* What a token of a role speaks for must exist. */
static int check_subject(struct store *store, const struct object_key *key, struct wm_error *err)
{
	char title[OBJECT_TITLE_SIZE];
	struct object object;
	int rc = rows_get(store->db, key, &object);

	if (!rc)
		return wm_fail_field(err, ENODEV, "name", "there is no %s; add it first", object_title(key, title));
	return rc < 0 ? rc : 0;
}

static int add_token(struct change *c, enum wm_token_kind role, const char *name, const struct wm_token_hash *hash,
		     uint64_t *ret_id)
{
	DB_AUTO_DONE struct db_query *q = NULL;
	const char *site = role == WM_TOKEN_GATEWAY ? name : NULL, *device = role == WM_TOKEN_DEVICE ? name : NULL;
	int rc;

	q = db_query(c->store->db, SQL_TOKEN_ADD, "bssssi", hash->byte, sizeof(hash->byte), role_names[role],
		     site || device ? NULL : name, site, device, c->now);
	rc = db_next(q);
	if (rc <= 0)
		return rc ? rc : -EIO;
	*ret_id = (uint64_t)db_int(q, 0);
	return db_next(q);
}

int store_token_add(struct store *store, const char *who, enum wm_token_kind role, const char *name,
		    const struct wm_token_hash *hash, struct store_token *ret, struct wm_error *err)
{
	struct object_key subject = { .kind = role == WM_TOKEN_GATEWAY ? OBJECT_SITE : OBJECT_DEVICE };
	struct store_token token = { .role = role };
	struct change c;
	int rc = change_begin(store, who, &c, err);

	if (rc)
		return rc;
	rc = wm_copy(token.name, sizeof(token.name), name);
	if (!rc && (role == WM_TOKEN_GATEWAY || role == WM_TOKEN_DEVICE)) {
		memcpy(subject.name, token.name, sizeof(subject.name));
		rc = check_subject(store, &subject, err);
	}
	if (!rc)
		rc = add_token(&c, role, name, hash, &token.id);
	if (!rc)
		rc = change_note(&c, "add", "token", name);
	token.created = c.now;
	rc = change_end(&c, rc, err);
	if (!rc)
		*ret = token;
	return rc;
}

static int token_by_id(struct store *store, uint64_t id, struct store_token *ret, struct wm_error *err)
{
	DB_AUTO_DONE struct db_query *q = db_query(store->db, SQL_TOKEN_GET, "i", (int64_t)id);
	int rc = db_next(q);

	if (!rc)
		return wm_fail(err, ENOENT, "there is no token %llu; see what there is in /v1/tokens",
			       (unsigned long long)id);
	if (rc > 0)
		read_token(q, ret);
	return rc < 0 ? rc : 0;
}

int store_token_remove(struct store *store, const char *who, uint64_t id, struct wm_error *err)
{
	struct store_token token;
	struct change c;
	int rc = change_begin(store, who, &c, err);

	if (rc)
		return rc;
	rc = token_by_id(store, id, &token, err);
	if (!rc)
		rc = db_do(store->db, SQL_TOKEN_REMOVE, "i", (int64_t)id);
	if (rc >= 0)
		rc = change_note(&c, "remove", "token", token.name);
	return change_end(&c, rc, err);
}

/* --- enrolments --------------------------------------------------------------------- */

static void read_subject(struct db_query *q, struct object_key *ret)
{
	*ret = (struct object_key){ .kind = OBJECT_SITE };
	db_text(q, 0, ret->name, sizeof(ret->name));
	if (*ret->name)
		return;
	ret->kind = OBJECT_DEVICE;
	db_text(q, 1, ret->name, sizeof(ret->name));
}

/* The key as the two columns (site, device), one of them null. */
#define SUBJECT(key) (key)->kind == OBJECT_SITE ? (key)->name : NULL, (key)->kind == OBJECT_DEVICE ? (key)->name : NULL

int store_enrolment_add(struct store *store, const char *who, const struct object_key *key,
			const struct wm_token_hash *hash, int64_t expires, struct wm_error *err)
{
	struct change c;
	int rc = change_begin(store, who, &c, err);

	if (rc)
		return rc;
	rc = check_subject(store, key, err);
	if (!rc)
		rc = db_do(store->db, SQL_ENROLMENT_END, "ss", SUBJECT(key));
	if (rc >= 0)
		rc = db_do(store->db, SQL_ENROLMENT_PRUNE, "i", c.now - SPENT_KEPT_S);
	if (rc >= 0)
		rc = db_do(store->db, SQL_ENROLMENT_ADD, "bssi", hash->byte, sizeof(hash->byte), SUBJECT(key), expires);
	if (rc >= 0)
		rc = change_note(&c, "add", "enrolment", key->name);
	return change_end(&c, rc, err);
}

int store_enrolment_find(struct store *store, const struct wm_token_hash *hash, int64_t now, struct object_key *ret)
{
	DB_AUTO_DONE struct db_query *q = db_query(store->db, SQL_ENROLMENT_FIND, "bi", hash->byte, sizeof(hash->byte), now);
	int rc = db_next(q);

	if (rc <= 0)
		return rc ? rc : -EACCES;
	if (!hash_matches(q, 2, hash))
		return -EACCES;
	read_subject(q, ret);
	return 0;
}

/* --- joining -------------------------------------------------------------------------- */

/* Of any number that try, the one whose UPDATE finds it unused has it. */
static int spend(struct change *c, const struct wm_token_hash *hash, struct object_key *ret)
{
	DB_AUTO_DONE struct db_query *q = NULL;
	int rc;

	q = db_query(c->store->db, SQL_ENROLMENT_USE, "bi", hash->byte, sizeof(hash->byte), c->now);
	rc = db_next(q);
	if (rc <= 0)
		return rc ? rc : -EACCES;
	read_subject(q, ret);
	return db_next(q);
}

/* What a gateway says of itself must be what the registry has: neither gives way silently. */
static int check_claims(const struct wm_site *said, const struct wm_site *site, struct wm_error *err)
{
	char text[WM_PREFIX_TEXT], other[WM_PREFIX_TEXT];

	if (*said->domain && strcmp(said->domain, site->domain))
		return wm_fail_field(err, EEXIST, "domain", "this enrolment is for site '%s', not for '%s'; use the one made for it",
				     site->domain, said->domain);
	if (said->subnet.len && !wm_prefix_equal(said->subnet, site->subnet))
		return wm_fail_field(err, EEXIST, "subnet", "site '%s' has subnet %s, not %s; correct SITE_SUBNET of its gateway",
				     site->domain, wm_prefix_format(site->subnet, other), wm_prefix_format(said->subnet, text));
	if (said->hub && !site->hub)
		return wm_fail_field(err, EEXIST, "is_hub", "site '%s' is not the hub; correct IS_HUB of its gateway",
				     site->domain);
	return 0;
}

static int join(struct change *c, const struct store_enrol *enrol, const struct object_key *key, struct wm_error *err)
{
	struct object old, object;
	int rc = rows_get(c->store->db, key, &old);

	if (rc < 0)
		return rc;
	if (!rc && key->kind == OBJECT_SITE) {
		object = (struct object){ .kind = OBJECT_SITE, .site = enrol->site };
		object.site.public_key = enrol->public_key;
		return objects_add(c, &object, err);
	}
	if (!rc) /* cannot be: it goes with its device */
		return -EACCES;
	object = old;
	if (key->kind == OBJECT_SITE) {
		rc = check_claims(&enrol->site, &old.site, err);
		if (rc)
			return rc;
		object.site.public_key = enrol->public_key;
		if (enrol->site.endpoint.family)
			object.site.endpoint = enrol->site.endpoint;
	} else {
		object.device.public_key = enrol->public_key;
	}
	return objects_set(c, &old, &object, err);
}

static int enter(struct change *c, const struct store_enrol *enrol, struct object_key *ret, struct wm_error *err)
{
	uint64_t id;
	int rc = 0;

	if (enrol->enrolment) {
		rc = spend(c, enrol->enrolment, ret);
	} else {
		*ret = (struct object_key){ .kind = OBJECT_SITE };
		memcpy(ret->name, enrol->site.domain, sizeof(ret->name));
	}
	if (!rc)
		rc = join(c, enrol, ret, err);
	if (!rc)
		rc = db_do(c->store->db, SQL_TOKEN_END, "ss", SUBJECT(ret));
	if (rc >= 0)
		rc = add_token(c, ret->kind == OBJECT_SITE ? WM_TOKEN_GATEWAY : WM_TOKEN_DEVICE, ret->name, &enrol->token, &id);
	if (rc == -EEXIST && err && !*err->text)
		return wm_fail_field(err, EEXIST, "token", "this token is in use already; make another");
	return rc ? rc : change_note(c, "enrol", object_kind_name(ret->kind), ret->name);
}

int store_enrol(struct store *store, const char *who, const struct store_enrol *enrol, struct object_key *ret,
		struct wm_error *err)
{
	struct object_key key;
	struct change c;
	int rc = change_begin(store, who, &c, err);

	if (rc)
		return rc;
	rc = change_end(&c, enter(&c, enrol, &key, err), err);
	if (!rc)
		*ret = key;
	return rc;
}
