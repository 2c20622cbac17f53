/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The store's verbs on tokens. Only hashes come here. A look-up
 * by hash leaks at most something about a hash of what was presented; the
 * whole is compared once more in constant time.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/util.h"
#include "registry/store_internal.h"
#include "registry/text.h"

#define TOUCH_EVERY_S 3600                  /* how exact last_used is */

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

bool tokens_hash_matches(struct db_query *q, int column, const struct wm_token_hash *hash)
{
	struct wm_token_hash there;

	return db_blob(q, column, there.byte, sizeof(there.byte)) && wm_token_hash_equal(&there, hash);
}

static int find(struct store *store, const struct wm_token_hash *hash, struct store_token *ret)
{
	DB_AUTO_DONE struct db_query *q = db_query(store_reading(store), SQL_TOKEN_FIND, "b", hash->byte, sizeof(hash->byte));
	int rc = db_next(q);

	if (rc <= 0)
		return rc ? rc : -EACCES;
	if (!tokens_hash_matches(q, 5, hash))
		return -EACCES;
	read_token(q, ret);
	return 0;
}

int store_token_find(struct store *store, const struct wm_token_hash *hash, int64_t now, struct store_token *ret,
		     struct wm_error *err)
{
	int rc = find(store, hash, ret);

	if (rc)
		return rc == -EACCES ? rc : store_fail_on(store, store_reading(store), rc, err);
	if (ret->last_used + TOUCH_EVERY_S <= now && !store->waiting && !store->beside) {
		/* Nobody waits for this to be on disk, and a full disk must not lock anyone out; nor may it fail a group, whose
		 * transaction this would be in: then the next use is as good. */
		db_lazy(store->db, true);
		db_do(store->db, SQL_TOKEN_USED, "ii", (int64_t)ret->id, now);
		db_lazy(store->db, false);
	}
	return 0;
}

uint64_t store_tokens_version(const struct store *store)
{
	return store_fd(store) < 0 ? store->tokens_version + 1 : 0;
}

int tokens_check_subject(struct store *store, const struct object_key *key, struct wm_error *err)
{
	char title[OBJECT_TITLE_SIZE];
	struct object object;
	int rc = rows_get(store->db, key, &object);

	if (!rc)
		return wm_fail_field(err, ENODEV, "name", "there is no %s; add it first", object_title(key, title));
	return rc < 0 ? rc : 0;
}

/* Into the audit: a token that comes or goes. */
static int note_token(struct change *c, const char *what, const struct store_token *token)
{
	WM_AUTO_FREE char *json = text_token(token, NULL);

	if (!json)
		return -ENOMEM;
	return change_note(c, what, "token", token->name, strcmp(what, "add") ? json : NULL, strcmp(what, "add") ? NULL : json);
}

static int insert_token(struct change *c, enum wm_token_kind role, const char *name, const struct wm_token_hash *hash,
			uint64_t *ret_id)
{
	DB_AUTO_DONE struct db_query *q = NULL;
	const char *site = role == WM_TOKEN_GATEWAY ? name : NULL, *device = role == WM_TOKEN_DEVICE ? name : NULL;
	int rc;

	c->store->tokens_changed = true;
	q = db_query(c->store->db, SQL_TOKEN_ADD, "bssssi", hash->byte, sizeof(hash->byte), role_names[role],
		     site || device ? NULL : name, site, device, c->now);
	rc = db_next(q);
	if (rc <= 0)
		return rc ? rc : -EIO;
	*ret_id = (uint64_t)db_int(q, 0);
	return db_next(q);
}

int tokens_add(struct change *c, enum wm_token_kind role, const char *name, const struct wm_token_hash *hash,
	       struct store_token *ret)
{
	int rc;

	*ret = (struct store_token){ .role = role, .created = c->now };
	rc = wm_copy(ret->name, sizeof(ret->name), name);
	if (!rc)
		rc = insert_token(c, role, name, hash, &ret->id);
	return rc ? rc : note_token(c, "add", ret);
}

int store_token_add(struct store *store, const char *who, enum wm_token_kind role, const char *name,
		    const struct wm_token_hash *hash, struct store_token *ret, struct wm_error *err)
{
	struct object_key subject = { .kind = role == WM_TOKEN_GATEWAY ? OBJECT_SITE : OBJECT_DEVICE };
	struct store_token token;
	struct change c;
	int rc = change_begin(store, who, &c, err);

	if (rc)
		return rc;
	if (role == WM_TOKEN_GATEWAY || role == WM_TOKEN_DEVICE) {
		rc = wm_copy(subject.name, sizeof(subject.name), name);
		if (!rc)
			rc = tokens_check_subject(store, &subject, err);
	}
	if (!rc)
		rc = tokens_add(&c, role, name, hash, &token);
	rc = change_end(&c, rc, err);
	if (!rc)
		*ret = token;
	return rc;
}

static int drop_token(struct change *c, const struct store_token *token)
{
	int rc = db_do(c->store->db, SQL_TOKEN_REMOVE, "i", (int64_t)token->id);

	c->store->tokens_changed = true;
	return rc < 0 ? rc : note_token(c, "remove", token);
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
		rc = drop_token(&c, &token);
	return change_end(&c, rc, err);
}

static int token_of(struct store *store, const struct object_key *key, struct store_token *ret)
{
	DB_AUTO_DONE struct db_query *q = db_query(store->db, SQL_TOKEN_OF, "ss", SUBJECT(key));
	int rc = db_next(q);

	if (rc > 0)
		read_token(q, ret);
	return rc;
}

int tokens_end_all(struct change *c, const struct object_key *key)
{
	struct store_token token;
	int rc;

	while ((rc = token_of(c->store, key, &token)) > 0) {
		rc = drop_token(c, &token);
		if (rc)
			return rc;
	}
	return rc;
}
