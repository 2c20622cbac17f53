/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The store where its database fails in the middle of a group, and beside a long change: on SQLite.
 */
#include <unistd.h>

#include "core/util.h"
#include "registry/db_impl.h"
#include "registry/store_internal.h"
#include "unit/unit.h"

static struct store *store;

static int begin_test(void **state)
{
	static unsigned int n;
	char name[16], dir[PATH_MAX];
	struct store_options options = { .dir = dir, .audit_keep = 10 };

	unit_setup(state);
	wm_format(name, sizeof(name), "store%u", n++);
	wm_copy(dir, sizeof(dir), unit_path(name));
	return store_open(&options, &store, &err);
}

static int end_test(void **state)
{
	(void)state;
	store_close(store);
	return 0;
}

#define STORE_TEST(fn) cmocka_unit_test_setup_teardown(fn, begin_test, end_test)

static int add(struct store *to, const char *domain)
{
	struct object site = { .kind = OBJECT_SITE };

	wm_copy(site.site.domain, sizeof(site.site.domain), domain);
	return store_add(to, "somebody", &site, &err);
}

static bool has(const char *domain)
{
	struct object_key key = { .kind = OBJECT_SITE };
	struct object object;

	wm_copy(key.name, sizeof(key.name), domain);
	return !store_get(store, &key, &object, NULL);
}

static void none_of_a_group_is_kept_whose_transaction_has_ended(void **state)
{
	uint64_t before = store_mesh(store)->generation;

	(void)state;
	assert_ok(store_group(store, &err));
	assert_ok(add(store, "a"));
	db_rollback(store->db); /* as SQLite does by itself, where a file cannot be read or written */
	assert_refused(add(store, "b"), EIO, "", NULL);
	assert_refused(add(store, "c"), EIO, "", NULL);
	assert_refused(store_commit(store, &err), EIO, "", NULL);
	assert_false(has("a") || has("b") || has("c"));
	assert_int_equal(store_mesh(store)->generation, before);
	assert_ok(add(store, "d"));
	assert_ok(store_commit(store, &err));
	assert_true(has("d"));
	assert_int_equal(store_mesh(store)->generation, before + 1);
}

/* --- a database that cannot read one thing ------------------------------------------------ */

static enum sql unread; /* what cannot be read; SQL_COUNT: all can */
static const struct db_ops *whole;
static struct db_query *failing;

static struct db_query *query(struct db *db, enum sql sql, const char *types, const struct db_value *values)
{
	struct db_query *q = whole->query(db, sql, types, values);

	failing = sql == unread ? q : failing == q ? NULL : failing;
	return q;
}

static int next(struct db_query *q)
{
	return q == failing ? -EIO : whole->next(q);
}

static void cannot_read(enum sql sql)
{
	static struct db_ops ops;

	if (!whole)
		whole = store->db->ops;
	ops = *whole;
	ops.query = query;
	ops.next = next;
	unread = sql;
	store->db->ops = &ops;
}

static void a_change_after_which_the_mesh_cannot_be_read_is_none(void **state)
{
	uint64_t before = store_mesh(store)->generation;

	(void)state;
	assert_ok(store_group(store, &err));
	cannot_read(SQL_MESH_GET);
	assert_refused(add(store, "a"), EIO, "", NULL);
	assert_int_equal(store_waits(store), 0);
	cannot_read(SQL_COUNT);
	assert_ok(add(store, "b"));
	cannot_read(SQL_MESH_GET);
	assert_refused(add(store, "c"), EIO, "", NULL);
	cannot_read(SQL_COUNT);
	assert_refused(store_commit(store, &err), EIO, "", NULL);
	assert_false(has("a") || has("b") || has("c"));
	assert_int_equal(store_mesh(store)->generation, before);
}

static void a_database_that_cannot_be_opened_is_not_one_that_has_nothing(void **state)
{
	struct snapshot *snapshot;

	(void)state;
	assert_int_equal(unlink(store->path), 0); /* as where there are no more open files to be had */
	assert_refused(store_snapshot(store, &snapshot, &err), EIO, "", "cannot open the database");
}

/* --- beside a long change ------------------------------------------------------------------- */

static unsigned int count_audit(void)
{
	struct store_audit entry = { 0 };
	unsigned int n = 0;

	while (store_audit_before(store, &entry) > 0)
		n++;
	return n;
}

static void what_can_be_read_of_a_long_change_is_shown_before_it_is_over(void **state)
{
	uint64_t before = store_mesh(store)->generation, tokens = store_tokens_version(store);
	struct snapshot *earlier, *snapshot;
	struct store *other;

	(void)state;
	assert_ok(store_snapshot(store, &earlier, &err));
	assert_ok(store_open_beside(store, &other, &err));
	assert_ok(store_refresh(store, &err));
	assert_int_equal(store_tokens_version(store), tokens);
	assert_ok(add(other, "a"));
	assert_true(has("a"));
	assert_ok(store_refresh(store, &err));
	assert_int_equal(store_mesh(store)->generation, before + 1);
	assert_int_not_equal(store_tokens_version(store), tokens);
	assert_ok(store_snapshot(store, &snapshot, &err));
	assert_int_equal(snapshot_mesh(snapshot)->generation, before + 1);
	assert_int_equal(snapshot_mesh(earlier)->generation, before);
	snapshot_drop(earlier);
	snapshot_drop(snapshot);
	store_close(other);
	assert_ok(store_rejoin(store, &err));
}

static void what_a_long_change_adds_to_the_audit_goes_too(void **state)
{
	struct object host = { .kind = OBJECT_HOST };
	struct store *other;

	(void)state;
	assert_ok(add(store, "a"));
	assert_ok(add(store, "b"));
	assert_ok(store_open_beside(store, &other, &err));
	other->audit_keep = 0;
	wm_copy(host.host.domain, sizeof(host.host.domain), "a");
	for (unsigned int i = 0; i < 100; i++) {
		wm_format(host.host.name, sizeof(host.host.name), "h%u", i);
		host.host.overlay = 0;
		host.host.local = 0x0a000001 + i;
		assert_ok(store_add(other, "somebody", &host, &err));
	}
	store_close(other);
	assert_ok(store_rejoin(store, &err));
	assert_ok(add(store, "c"));
	assert_int_equal(count_audit(), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(none_of_a_group_is_kept_whose_transaction_has_ended),
		STORE_TEST(a_change_after_which_the_mesh_cannot_be_read_is_none),
		STORE_TEST(a_database_that_cannot_be_opened_is_not_one_that_has_nothing),
		STORE_TEST(what_can_be_read_of_a_long_change_is_shown_before_it_is_over),
		STORE_TEST(what_a_long_change_adds_to_the_audit_goes_too),
	};

	return UNIT_RUN("the store where its database fails", tests);
}
