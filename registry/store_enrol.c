/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The store's verbs on enrolments, and joining with one.
 */
#include <errno.h>
#include <string.h>

#include "core/util.h"
#include "registry/store_internal.h"
#include "registry/text.h"

#define SPENT_KEPT_S (30 * 24 * 3600) /* how long an enrolment is kept after its end */

static void read_subject(struct db_query *q, struct object_key *ret)
{
	*ret = (struct object_key){ .kind = OBJECT_SITE };
	db_text(q, 0, ret->name, sizeof(ret->name));
	if (*ret->name)
		return;
	ret->kind = OBJECT_DEVICE;
	db_text(q, 1, ret->name, sizeof(ret->name));
}

/* Into the audit: an enrolment that comes, or goes unused. */
static int note_enrolment(struct change *c, const char *what, const struct object_key *key, int64_t expires)
{
	WM_AUTO_FREE char *json = text_enrolment(NULL, key, expires);

	if (!json)
		return -ENOMEM;
	return change_note(c, what, "enrolment", key->name, strcmp(what, "add") ? json : NULL,
			   strcmp(what, "add") ? NULL : json);
}

/* One that nobody has used: 1, or 0 when there is none. */
static int unused(struct store *store, const struct object_key *key, struct wm_token_hash *ret, int64_t *ret_expires)
{
	DB_AUTO_DONE struct db_query *q = db_query(store->db, SQL_ENROLMENT_OF, "ss", SUBJECT(key));
	int rc = db_next(q);

	if (rc > 0) {
		db_blob(q, 0, ret->byte, sizeof(ret->byte));
		*ret_expires = db_int(q, 1);
	}
	return rc;
}

static int end_enrolments(struct change *c, const struct object_key *key)
{
	struct wm_token_hash hash;
	int64_t expires;
	int rc;

	while ((rc = unused(c->store, key, &hash, &expires)) > 0) {
		rc = db_do(c->store->db, SQL_ENROLMENT_REMOVE, "b", hash.byte, sizeof(hash.byte));
		if (rc >= 0)
			rc = note_enrolment(c, "remove", key, expires);
		if (rc < 0)
			return rc;
	}
	return rc;
}

int tokens_end(struct change *c, const struct object_key *subject)
{
	int rc = tokens_end_all(c, subject);

	return rc ? rc : end_enrolments(c, subject);
}

int store_enrolment_add(struct store *store, const char *who, const struct object_key *key,
			const struct wm_token_hash *hash, int64_t expires, struct wm_error *err)
{
	struct change c;
	int rc = change_begin(store, who, &c, err);

	if (rc)
		return rc;
	rc = tokens_check_subject(store, key, err);
	if (!rc)
		rc = end_enrolments(&c, key);
	if (!rc)
		rc = db_do(store->db, SQL_ENROLMENT_PRUNE, "i", c.now - SPENT_KEPT_S);
	if (rc >= 0)
		rc = db_do(store->db, SQL_ENROLMENT_ADD, "bssi", hash->byte, sizeof(hash->byte), SUBJECT(key), expires);
	if (rc >= 0)
		rc = note_enrolment(&c, "add", key, expires);
	return change_end(&c, rc, err);
}

int store_enrolments(struct store *store, int64_t now, int (*each)(void *arg, const struct object_key *key, int64_t expires),
		     void *arg, struct wm_error *err)
{
	struct db *db = store_reading(store);
	DB_AUTO_DONE struct db_query *q = db_query(db, SQL_ENROLMENT_OPEN, "i", now);
	struct object_key key;
	int rc;

	while ((rc = db_next(q)) > 0) {
		read_subject(q, &key);
		rc = each(arg, &key, db_int(q, 2));
		if (rc)
			return rc;
	}
	return rc ? store_fail_on(store, db, rc, err) : 0;
}

int store_enrolment_end(struct store *store, const char *who, const struct object_key *key, struct wm_error *err)
{
	struct wm_token_hash hash;
	struct change c;
	int64_t expires;
	int rc = change_begin(store, who, &c, err);

	if (rc)
		return rc;
	rc = unused(store, key, &hash, &expires);
	if (!rc)
		rc = wm_fail(err, ENOENT, "%s '%s' has no enrolment that nobody has used; see what there is in /v1/enrolments",
			     key->kind == OBJECT_SITE ? "site" : "device", key->name);
	else if (rc > 0)
		rc = end_enrolments(&c, key);
	return change_end(&c, rc, err);
}

int store_enrolment_find(struct store *store, const struct wm_token_hash *hash, int64_t now, struct object_key *ret,
			 struct wm_error *err)
{
	struct db *db = store_reading(store);
	DB_AUTO_DONE struct db_query *q = db_query(db, SQL_ENROLMENT_FIND, "bi", hash->byte, sizeof(hash->byte), now);
	int rc = db_next(q);

	if (rc <= 0)
		return rc ? store_fail_on(store, db, rc, err) : -EACCES;
	if (!tokens_hash_matches(q, 2, hash))
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

/* *ret_first: the site has never had a gateway. */
static int join(struct change *c, const struct store_enrol *enrol, const struct object_key *key, bool *ret_first, struct wm_error *err)
{
	struct object old, object;
	int rc = rows_get(c->store->db, key, &old);

	if (rc < 0)
		return rc;
	*ret_first = key->kind == OBJECT_SITE && (!rc || wm_key_is_zero(&old.site.public_key));
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
		object.site.preshared = enrol->site.preshared;
		if (enrol->site.endpoint.family)
			object.site.endpoint = enrol->site.endpoint;
	} else {
		object.device.public_key = enrol->public_key;
	}
	return objects_set(c, &old, &object, err);
}

/* The machine that carries the gateway. That it cannot be a host keeps no gateway out. */
static int add_carrier(struct change *c, const struct store_enrol *enrol, const char *domain)
{
	struct object object = { .kind = OBJECT_HOST, .host = enrol->carrier };
	struct object_key key;
	struct object there;
	int rc;

	memcpy(object.host.domain, domain, sizeof(object.host.domain));
	object.host.access = WM_ACCESS_FULL;
	object_key_of(&object, &key);
	rc = rows_get(c->store->db, &key, &there);
	if (rc)
		return rc < 0 ? rc : 0;
	/* What the rules refuse has changed nothing yet. */
	rc = check_fill(c->store, &object, NULL);
	if (!rc)
		rc = check_object(c->store, &object, NULL, NULL);
	if (rc == -EEXIST || rc == -EINVAL || rc == -EADDRNOTAVAIL || rc == -EADDRINUSE)
		return 0;
	return rc ? rc : objects_add(c, &object, NULL);
}

static int enter(struct change *c, const struct store_enrol *enrol, struct object_key *ret, struct wm_error *err)
{
	struct store_token token;
	bool first = false;
	int rc = 0;

	if (enrol->enrolment) {
		rc = spend(c, enrol->enrolment, ret);
	} else {
		*ret = (struct object_key){ .kind = OBJECT_SITE };
		memcpy(ret->name, enrol->site.domain, sizeof(ret->name));
	}
	if (!rc)
		rc = join(c, enrol, ret, &first, err);
	/* Once: an operator who has removed it meant that. */
	if (!rc && first && *enrol->carrier.name)
		rc = add_carrier(c, enrol, ret->name);
	if (!rc)
		rc = tokens_end_all(c, ret);
	if (!rc)
		rc = tokens_add(c, ret->kind == OBJECT_SITE ? WM_TOKEN_GATEWAY : WM_TOKEN_DEVICE, ret->name, &enrol->token, &token);
	if (rc == -EEXIST && err && !*err->text)
		return wm_fail_field(err, EEXIST, "token", "this token is in use already; make another");
	return rc ? rc : change_note(c, "enrol", object_kind_name(ret->kind), ret->name, NULL, NULL);
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
