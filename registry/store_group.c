/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Many changes, one commit; and a long one beside the others.
 */
#include <errno.h>
#include <string.h>

#include "core/util.h"
#include "registry/store_internal.h"

int store_group(struct store *store, struct wm_error *err)
{
	int rc;

	if (!db_has_parts(store->db))
		return 0;
	rc = db_open_reader(store->db, &store->look, err);
	store->grouped = !rc;
	return rc;
}

unsigned int store_waits(const struct store *store)
{
	return store->waiting;
}

struct db *store_reading(struct store *store)
{
	return store->waiting ? store->look : store->db;
}

void store_settled(struct store *store)
{
	store->commits++;
	store->shown = store->mesh;
	store->tokens_version += store->tokens_changed;
	store->tokens_changed = false;
}

int store_commit(struct store *store, struct wm_error *err)
{
	int rc = store->lost;

	if (!store->waiting)
		return 0;
	if (!rc)
		rc = db_commit(store->db);
	if (rc)
		store_fail(store, rc, err);
	store->waiting = 0;
	store->lost = 0;
	if (!rc) {
		store_settled(store);
		return 0;
	}
	db_rollback(store->db);
	store->mesh = store->shown;
	check_forget(store);
	return rc;
}

/* --- beside the others ------------------------------------------------------------------ */

int store_open_beside(struct store *store, struct store **ret, struct wm_error *err)
{
	struct store *other = calloc(1, sizeof(*other));
	int rc;

	if (!other)
		return wm_fail(err, ENOMEM, "out of memory");
	other->lock = -1;
	other->mesh = other->shown = store->shown;
	other->name_is_set = store->name_is_set;
	other->supernet_is_set = store->supernet_is_set;
	other->audit_keep = store->audit_keep;
	other->audit_added = store->audit_added;
	memcpy(other->path, store->path, sizeof(other->path));
	rc = db_open(store->path, &other->db, err);
	if (rc) {
		store_close(other);
		return rc;
	}
	store->beside = true;
	*ret = other;
	return 0;
}

int store_rejoin(struct store *store, struct wm_error *err)
{
	int rc = store_take_in(store);

	store->beside = false;
	store->tokens_version++;
	store->audit_added = AUDIT_STEP; /* or more: that one has counted its own */
	return rc ? store_fail(store, rc, err) : 0;
}
