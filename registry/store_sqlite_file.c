/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * store_file.h on SQLite, with connections of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#include "core/util.h"
#include "registry/migrations.h"
#include "registry/store_file.h"
#include "registry/store_sqlite.h"

#define BUSY_MS 10000

static void closep(sqlite3 **db)
{
	sqlite3_close(*db);
}
static void finalizep(sqlite3_stmt **stmt)
{
	sqlite3_finalize(*stmt);
}
#define AUTO_DB __attribute__((cleanup(closep)))
#define AUTO_STMT __attribute__((cleanup(finalizep)))

static int failed(sqlite3 *db, int rc, const char *path, struct wm_error *err)
{
	rc = sqlite_errno(rc);
	if (rc == -EBADMSG)
		return wm_fail(err, EBADMSG, "%s is not a database, or damaged: %s; restore it from a backup", path, sqlite3_errmsg(db));
	return wm_fail(err, -rc, "cannot read the database %s: %s", path, db ? sqlite3_errmsg(db) : strerror(-rc));
}

static int open_file(const char *path, sqlite3 **ret, struct wm_error *err)
{
	int rc = access(path, F_OK) ? -errno : 0;

	if (rc)
		return wm_fail(err, -rc, "there is no database %s: %s; give its directory with --data", path, strerror(-rc));
	rc = sqlite3_open_v2(path, ret, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK)
		return failed(*ret, rc, path, err);
	sqlite3_busy_timeout(*ret, BUSY_MS);
	sqlite3_exec(*ret, "PRAGMA trusted_schema=OFF", NULL, NULL, NULL);
	return 0;
}

static int number(sqlite3 *db, const char *sql, int *ret)
{
	AUTO_STMT sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW)
		return rc;
	*ret = sqlite3_column_int(stmt, 0);
	return SQLITE_OK;
}

int store_file_version(const char *path, unsigned int *ret, struct wm_error *err)
{
	AUTO_DB sqlite3 *db = NULL;
	int version = 0, id = 0, rc = open_file(path, &db, err);

	if (rc)
		return rc;
	rc = number(db, "PRAGMA application_id", &id);
	if (rc == SQLITE_OK)
		rc = number(db, "PRAGMA user_version", &version);
	if (rc != SQLITE_OK)
		return failed(db, rc, path, err);
	if (id != SQLITE_APPLICATION_ID)
		return wm_fail(err, EBADMSG, "%s is a database, but not of wm-registry", path);
	if (version < 1 || (size_t)version > nmigrations)
		return wm_fail(err, EBADMSG, "%s was made by a newer wm-registry (schema %d, this one knows %zu); install that one",
			       path, version, nmigrations);
	*ret = (unsigned int)version;
	return 0;
}

/* Rows of one check: each is something wrong, but for "ok". */
static int complaints(sqlite3 *db, const char *sql, const char *fmt, store_say_fn say, void *arg, int *io)
{
	AUTO_STMT sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		const char *text;
		char line[512];

		rc = sqlite3_step(stmt);
		if (rc != SQLITE_ROW)
			break;
		text = (const char *)sqlite3_column_text(stmt, 0);
		if (!text || !strcmp(text, "ok"))
			continue;
		sqlite3_snprintf(sizeof(line), line, fmt, text);
		say(arg, line);
		(*io)++;
	}
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int store_file_check(const char *path, store_say_fn say, void *arg, struct wm_error *err)
{
	AUTO_DB sqlite3 *db = NULL;
	int found = 0, rc = open_file(path, &db, err);

	if (rc)
		return rc;
	rc = complaints(db, "PRAGMA integrity_check(100)", "the file is damaged: %s", say, arg, &found);
	if (rc == SQLITE_OK)
		rc = complaints(db, "PRAGMA foreign_key_check", "a row of table %s refers to something that is not there", say, arg,
				&found);
	return rc == SQLITE_OK ? found : failed(db, rc, path, err);
}

static int sync_file(const char *path)
{
	WM_AUTO_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 || fsync(fd) ? -errno : 0;
}

int store_file_copy(const char *from, const char *to, struct wm_error *err)
{
	AUTO_DB sqlite3 *db = NULL;
	AUTO_STMT sqlite3_stmt *stmt = NULL;
	int rc = open_file(from, &db, err);

	if (rc)
		return rc;
	rc = sqlite3_prepare_v2(db, "VACUUM INTO ?1", -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 1, to, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	rc = rc == SQLITE_DONE ? sync_file(to) : sqlite_errno(rc);
	if (rc)
		return wm_fail(err, -rc, "cannot copy the database %s to %s: %s", from, to,
			       rc == -ENOSPC ? "the disk is full" : sqlite3_errmsg(db));
	return 0;
}

int store_file_settle(const char *path)
{
	AUTO_DB sqlite3 *db = NULL;
	int rc = open_file(path, &db, NULL);

	return rc ? rc : sqlite_errno(sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL));
}
