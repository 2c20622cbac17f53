/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * db.h on SQLite: WAL, synchronous=FULL (what was acknowledged is on disk),
 * foreign keys. The only file that knows sqlite3.h.
 */
#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "core/util.h"
#include "registry/db_impl.h"
#include "registry/migrations.h"
#include "registry/store_sqlite.h"

#define BUSY_MS 2000              /* somebody looks into the file with other tools */

struct sqlite_query {
	struct db_query base;
	sqlite3_stmt *stmt; /* NULL: not prepared yet */
	int rc;             /* of preparing and binding */
};

struct sqlite_db {
	struct db base;
	sqlite3 *sqlite;
	bool reader;
	char path[PATH_MAX];
	struct sqlite_query queries[SQL_COUNT];
};

static struct sqlite_db *of(struct db *db)
{
	return (struct sqlite_db *)db;
}

static struct sqlite_query *of_query(struct db_query *q)
{
	return (struct sqlite_query *)q;
}

int sqlite_errno(int rc)
{
	static const struct {
		int sqlite, code;
	} table[] = {
		{ SQLITE_OK, 0 },	       { SQLITE_DONE, 0 },	   { SQLITE_ROW, 0 },
		{ SQLITE_CONSTRAINT, EEXIST }, { SQLITE_FULL, ENOSPC },	   { SQLITE_BUSY, EBUSY },
		{ SQLITE_LOCKED, EBUSY },      { SQLITE_NOMEM, ENOMEM },   { SQLITE_READONLY, EROFS },
		{ SQLITE_CORRUPT, EBADMSG },   { SQLITE_NOTADB, EBADMSG },
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(table); i++) {
		if (table[i].sqlite == (rc & 0xff))
			return -table[i].code;
	}
	return -EIO;
}

static const char *reason(const struct db *db)
{
	return sqlite3_errmsg(((const struct sqlite_db *)db)->sqlite);
}

static const char *name(const struct db *db)
{
	return ((const struct sqlite_db *)db)->path;
}

static int run(struct db *db, const char *sql)
{
	return sqlite_errno(sqlite3_exec(of(db)->sqlite, sql, NULL, NULL, NULL));
}

static int begin(struct db *db)
{
	return run(db, of(db)->reader ? "BEGIN" : "BEGIN IMMEDIATE");
}

static void rollback(struct db *db)
{
	if (!sqlite3_get_autocommit(of(db)->sqlite))
		run(db, "ROLLBACK");
}

static int commit(struct db *db)
{
	int rc = run(db, "COMMIT");

	if (rc)
		rollback(db);
	return rc;
}

static bool is_open(const struct db *db)
{
	return !sqlite3_get_autocommit(((const struct sqlite_db *)db)->sqlite);
}

static int part_begin(struct db *db)
{
	return run(db, "SAVEPOINT part");
}

static int part_end(struct db *db, bool keep)
{
	return run(db, keep ? "RELEASE part" : "ROLLBACK TO part; RELEASE part");
}

static void lazy(struct db *db, bool on)
{
	run(db, on ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL");
}

static int bind(struct sqlite_query *q, const char *types, const struct db_value *v)
{
	int rc = SQLITE_OK;

	for (int i = 1; *types && rc == SQLITE_OK; i++, types++, v++) {
		if (*types == 'i')
			rc = sqlite3_bind_int64(q->stmt, i, v->i);
		else if (*types == 's')
			rc = sqlite3_bind_text(q->stmt, i, v->p, (int)v->len, SQLITE_STATIC);
		else
			rc = sqlite3_bind_blob(q->stmt, i, v->p, (int)v->len, SQLITE_STATIC);
	}
	return rc;
}

static struct db_query *query(struct db *db, enum sql sql, const char *types, const struct db_value *values)
{
	struct sqlite_query *q = &of(db)->queries[sql];

	q->rc = SQLITE_OK;
	if (!q->stmt)
		q->rc = sqlite3_prepare_v3(of(db)->sqlite, db_sql[sql], -1, SQLITE_PREPARE_PERSISTENT, &q->stmt, NULL);
	if (q->rc == SQLITE_OK)
		q->rc = bind(q, types, values);
	return &q->base;
}

static int next(struct db_query *query)
{
	struct sqlite_query *q = of_query(query);

	if (q->rc == SQLITE_OK || q->rc == SQLITE_ROW)
		q->rc = sqlite3_step(q->stmt);
	return q->rc == SQLITE_ROW ? 1 : sqlite_errno(q->rc);
}

static void done(struct db_query *q)
{
	sqlite3_stmt *stmt = of_query(q)->stmt;

	if (!stmt)
		return;
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
}

static int changed(struct db_query *q)
{
	return sqlite3_changes(of(q->db)->sqlite);
}

static int64_t number(struct db_query *q, int column)
{
	return sqlite3_column_int64(of_query(q)->stmt, column);
}

static const void *bytes(struct db_query *q, int column, size_t *ret_len)
{
	sqlite3_stmt *stmt = of_query(q)->stmt;
	const void *p = sqlite3_column_blob(stmt, column);

	*ret_len = (size_t)sqlite3_column_bytes(stmt, column);
	return p;
}

static int pragma_int(struct db *db, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	int value = -1;

	if (sqlite3_prepare_v2(of(db)->sqlite, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
		value = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	return value;
}

static int migrate_one(struct db *db, size_t from)
{
	char done[96];
	int rc = begin(db);

	if (!rc)
		rc = run(db, migrations[from]);
	if (!rc)
		rc = wm_format(done, sizeof(done), "PRAGMA user_version=%zu; PRAGMA application_id=%d", from + 1,
			       SQLITE_APPLICATION_ID);
	if (!rc)
		rc = run(db, done);
	if (rc) {
		rollback(db);
		return rc;
	}
	return commit(db);
}

static int migrate(struct db *db, const char *path, struct wm_error *err)
{
	int version = pragma_int(db, "PRAGMA user_version");
	int id = pragma_int(db, "PRAGMA application_id");
	int tables = pragma_int(db, "SELECT count(*) FROM sqlite_schema");

	if (version < 0 || id < 0 || tables < 0)
		return wm_fail(err, EBADMSG, "cannot read the database %s: %s; restore it from a backup", path, reason(db));
	if (tables && id != SQLITE_APPLICATION_ID)
		return wm_fail(err, EBADMSG, "%s is a database, but not of wm-registry; give another --data directory", path);
	if ((size_t)version > nmigrations)
		return wm_fail(err, EBADMSG,
			       "the database %s was made by a newer wm-registry (schema %d, this one knows %zu); install that one",
			       path, version, nmigrations);
	for (size_t i = (size_t)version; i < nmigrations; i++) {
		int rc = migrate_one(db, i);

		if (rc)
			return wm_fail(err, -rc, "cannot bring the database %s to schema %zu: %s; it is as it was", path, i + 1,
				       reason(db));
	}
	return 0;
}

static void sqlite_close(struct db *db)
{
	for (size_t i = 0; i < SQL_COUNT; i++)
		sqlite3_finalize(of(db)->queries[i].stmt);
	sqlite3_close(of(db)->sqlite);
	free(db);
}

static int open_file(const struct db_ops *ops, const char *path, int flags, struct db **ret, struct wm_error *err)
{
	struct sqlite_db *db = calloc(1, sizeof(*db));
	int rc;

	if (!db)
		return wm_fail(err, ENOMEM, "out of memory");
	db->base.ops = ops;
	for (size_t i = 0; i < SQL_COUNT; i++)
		db->queries[i].base.db = &db->base;
	rc = sqlite3_open_v2(path, &db->sqlite, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	if (rc != SQLITE_OK || wm_copy(db->path, sizeof(db->path), path)) {
		rc = wm_fail(err, rc == SQLITE_OK ? ENAMETOOLONG : -sqlite_errno(rc),
			     "cannot open the database %s: %s; check that its directory is writable", path,
			     sqlite3_errmsg(db->sqlite));
		sqlite_close(&db->base);
		return rc;
	}
	sqlite3_busy_timeout(db->sqlite, BUSY_MS);
	sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	*ret = &db->base;
	return 0;
}

static int open_to_read(const struct db_ops *ops, const char *path, struct db **ret, struct wm_error *err)
{
	int rc = open_file(ops, path, SQLITE_OPEN_READWRITE, ret, err);

	if (rc)
		return rc;
	of(*ret)->reader = true;
	run(*ret, "PRAGMA query_only=ON; PRAGMA cache_size=-1024; PRAGMA trusted_schema=OFF");
	return 0;
}

static int open_reader(struct db *db, struct db **ret, struct wm_error *err)
{
	return open_to_read(db->ops, of(db)->path, ret, err);
}

static const struct db_ops ops = {
	.open_reader = open_reader, .close = sqlite_close,    .begin = begin,	    .commit = commit, .rollback = rollback,
	.is_open = is_open,	    .part_begin = part_begin, .part_end = part_end, .lazy = lazy,     .query = query,
	.next = next,		    .done = done,	      .changed = changed,   .number = number, .bytes = bytes,
	.reason = reason,	    .name = name,
};

int sqlite_open_to_read(const char *path, struct db **ret, struct wm_error *err)
{
	return open_to_read(&ops, path, ret, err);
}

int sqlite_open(const char *path, struct db **ret, struct wm_error *err)
{
	struct db *db;
	int rc = open_file(&ops, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &db, err);

	if (rc)
		return rc;
	rc = run(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
		     "PRAGMA journal_size_limit=67108864; PRAGMA trusted_schema=OFF");
	if (rc)
		rc = wm_fail(err, -rc, "cannot use the database %s: %s; restore it from a backup", path, reason(db));
	else
		rc = migrate(db, path, err);
	if (rc) {
		sqlite_close(db);
		return rc;
	}
	*ret = db;
	return 0;
}
