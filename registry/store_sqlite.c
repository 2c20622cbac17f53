/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * db.h on SQLite: WAL, synchronous=FULL (what was acknowledged is on disk),
 * foreign keys. The only file that knows sqlite3.h.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "registry/db.h"
#include "registry/migrations.h"
#include "registry/store_sqlite.h"

#define BUSY_MS 2000              /* somebody looks into the file with other tools */

static const char *const sql_text[SQL_COUNT] = {
#define X(name, text) [SQL_##name] = text,
	SQL_LIST(X)
#undef X
};

struct db_query {
	struct db *db;
	sqlite3_stmt *stmt; /* NULL: not prepared yet */
	int rc;             /* of preparing and binding */
};

struct db {
	sqlite3 *sqlite;
	bool reader;
	struct db_query queries[SQL_COUNT];
};

int sqlite_errno(int rc)
{
	static const struct {
		int sqlite, code;
	} table[] = {
		{ SQLITE_OK, 0 },	       { SQLITE_DONE, 0 },	   { SQLITE_ROW, 0 },
		{ SQLITE_CONSTRAINT, EEXIST }, { SQLITE_FULL, ENOSPC },	   { SQLITE_BUSY, EBUSY },
		{ SQLITE_LOCKED, EBUSY },      { SQLITE_NOMEM, ENOMEM },   { SQLITE_READONLY, EROFS },
		{ SQLITE_CORRUPT, EBADMSG },   { SQLITE_NOTADB, EBADMSG }, { SQLITE_CANTOPEN, ENOENT },
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(table); i++) {
		if (table[i].sqlite == (rc & 0xff))
			return -table[i].code;
	}
	return -EIO;
}

const char *db_reason(const struct db *db)
{
	return sqlite3_errmsg(db->sqlite);
}

static int run(struct db *db, const char *sql)
{
	return sqlite_errno(sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL));
}

int db_begin(struct db *db)
{
	return run(db, db->reader ? "BEGIN" : "BEGIN IMMEDIATE");
}

void db_rollback(struct db *db)
{
	if (!sqlite3_get_autocommit(db->sqlite))
		run(db, "ROLLBACK");
}

int db_commit(struct db *db)
{
	int rc = run(db, "COMMIT");

	if (rc)
		db_rollback(db);
	return rc;
}

void db_lazy(struct db *db, bool on)
{
	run(db, on ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL");
}

static int bind(struct db_query *q, const char *types, va_list ap)
{
	int rc = SQLITE_OK;

	for (int i = 1; *types && rc == SQLITE_OK; i++, types++) {
		if (*types == 'i') {
			rc = sqlite3_bind_int64(q->stmt, i, va_arg(ap, int64_t));
		} else if (*types == 's') {
			rc = sqlite3_bind_text(q->stmt, i, va_arg(ap, const char *), -1, SQLITE_STATIC);
		} else {
			const void *blob = va_arg(ap, const void *);
			size_t len = va_arg(ap, size_t);

			rc = sqlite3_bind_blob(q->stmt, i, blob, (int)len, SQLITE_STATIC);
		}
	}
	return rc;
}

static struct db_query *query(struct db *db, enum sql sql, const char *types, va_list ap)
{
	struct db_query *q = &db->queries[sql];

	q->rc = SQLITE_OK;
	if (!q->stmt)
		q->rc = sqlite3_prepare_v3(db->sqlite, sql_text[sql], -1, SQLITE_PREPARE_PERSISTENT, &q->stmt, NULL);
	if (q->rc == SQLITE_OK)
		q->rc = bind(q, types, ap);
	return q;
}

struct db_query *db_query(struct db *db, enum sql sql, const char *types, ...)
{
	struct db_query *q;
	va_list ap;

	va_start(ap, types);
	q = query(db, sql, types, ap);
	va_end(ap);
	return q;
}

int db_next(struct db_query *q)
{
	if (q->rc == SQLITE_OK || q->rc == SQLITE_ROW)
		q->rc = sqlite3_step(q->stmt);
	return q->rc == SQLITE_ROW ? 1 : sqlite_errno(q->rc);
}

void db_done(struct db_query **q)
{
	if (!*q || !(*q)->stmt)
		return;
	sqlite3_reset((*q)->stmt);
	sqlite3_clear_bindings((*q)->stmt);
}

int64_t db_int(struct db_query *q, int column)
{
	return sqlite3_column_int64(q->stmt, column);
}

void db_text(struct db_query *q, int column, char *ret, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(q->stmt, column);

	if (wm_copy(ret, size, text ? text : ""))
		*ret = '\0';
}

bool db_blob(struct db_query *q, int column, void *ret, size_t size)
{
	const void *blob = sqlite3_column_blob(q->stmt, column);

	if (!blob || (size_t)sqlite3_column_bytes(q->stmt, column) != size) {
		memset(ret, 0, size);
		return false;
	}
	memcpy(ret, blob, size);
	return true;
}

int db_do(struct db *db, enum sql sql, const char *types, ...)
{
	DB_AUTO_DONE struct db_query *q = NULL;
	va_list ap;
	int rc;

	va_start(ap, types);
	q = query(db, sql, types, ap);
	va_end(ap);
	do
		rc = db_next(q);
	while (rc > 0);
	return rc ? rc : sqlite3_changes(db->sqlite);
}

static int pragma_int(struct db *db, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	int value = -1;

	if (sqlite3_prepare_v2(db->sqlite, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
		value = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	return value;
}

static int migrate_one(struct db *db, size_t from)
{
	char done[96];
	int rc = db_begin(db);

	if (!rc)
		rc = run(db, migrations[from]);
	if (!rc)
		rc = wm_format(done, sizeof(done), "PRAGMA user_version=%zu; PRAGMA application_id=%d", from + 1,
			       SQLITE_APPLICATION_ID);
	if (!rc)
		rc = run(db, done);
	if (rc) {
		db_rollback(db);
		return rc;
	}
	return db_commit(db);
}

static int migrate(struct db *db, const char *path, struct wm_error *err)
{
	int version = pragma_int(db, "PRAGMA user_version");
	int id = pragma_int(db, "PRAGMA application_id");
	int tables = pragma_int(db, "SELECT count(*) FROM sqlite_schema");

	if (version < 0 || id < 0 || tables < 0)
		return wm_fail(err, EBADMSG, "cannot read the database %s: %s; restore it from a backup", path, db_reason(db));
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
				       db_reason(db));
	}
	return 0;
}

static int open_sqlite(const char *path, int flags, struct db **ret, struct wm_error *err)
{
	struct db *db = calloc(1, sizeof(*db));
	int rc;

	if (!db)
		return wm_fail(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < SQL_COUNT; i++)
		db->queries[i].db = db;
	rc = sqlite3_open_v2(path, &db->sqlite, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	if (rc != SQLITE_OK) {
		rc = wm_fail(err, -sqlite_errno(rc), "cannot open the database %s: %s; check that its directory is writable", path,
			     sqlite3_errmsg(db->sqlite));
		db_close(db);
		return rc;
	}
	sqlite3_busy_timeout(db->sqlite, BUSY_MS);
	sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	*ret = db;
	return 0;
}

int db_open(const char *path, struct db **ret, struct wm_error *err)
{
	struct db *db;
	int rc = open_sqlite(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &db, err);

	if (rc)
		return rc;
	rc = run(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
		     "PRAGMA journal_size_limit=67108864; PRAGMA trusted_schema=OFF");
	if (rc)
		rc = wm_fail(err, -rc, "cannot use the database %s: %s; restore it from a backup", path, db_reason(db));
	else
		rc = migrate(db, path, err);
	if (rc) {
		db_close(db);
		return rc;
	}
	*ret = db;
	return 0;
}

int db_open_reader(const char *path, struct db **ret, struct wm_error *err)
{
	int rc = open_sqlite(path, SQLITE_OPEN_READWRITE, ret, err);

	if (rc)
		return rc;
	(*ret)->reader = true;
	run(*ret, "PRAGMA query_only=ON; PRAGMA cache_size=-1024; PRAGMA trusted_schema=OFF");
	return 0;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	for (size_t i = 0; i < SQL_COUNT; i++)
		sqlite3_finalize(db->queries[i].stmt);
	sqlite3_close(db->sqlite);
	free(db);
}
