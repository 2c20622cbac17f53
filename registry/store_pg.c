/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * db.h on PostgreSQL. Writers take turns, by a lock that each holds from its
 * beginning to its commit, so that each sees all that others have done. A
 * reader has a transaction that sees one moment.
 */
#include <errno.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/util.h"
#include "registry/migrations.h"
#include "registry/store_pg.h"

#define TURN_MS 300 /* how long a writer waits for its turn, and everybody else here with it */
#define BUSY_MS 1000 /* and how long nobody does after one that waited in vain */
#define FIND_OUT_MS 2000 /* how long to ask what became of a commit; everybody else waits meanwhile */

/* Which transaction of which history this is: to find out later what became of it. */
#define TRANSACTION "substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)"

static struct pg_db *of(struct db *db)
{
	return (struct pg_db *)db;
}

static const char *reason(const struct db *db)
{
	return ((const struct pg_db *)db)->link.reason;
}

static const char *name(const struct db *db)
{
	return ((const struct pg_db *)db)->link.name;
}

/* --- transactions --------------------------------------------------------------------- */

/* A connection may have died while it was not used: what has done nothing yet is tried again. */
static int open_by(struct pg_db *pg, const char *sql, PGresult **ret)
{
	int rc = link_up(&pg->link);

	if (!rc)
		rc = link_run(&pg->link, sql, ret);
	if (rc == -ENOTCONN && !link_up(&pg->link))
		rc = link_run(&pg->link, sql, ret);
	if (rc && pg->link.conn)
		link_run(&pg->link, "ROLLBACK", NULL);
	pg->open = !rc;
	return rc;
}

static int begin(struct db *db)
{
	struct pg_db *pg = of(db);
	bool waits = wm_monotonic_ms() >= pg->busy_ms;
	PGresult *result = NULL;
	char sql[512];
	int rc;

	if (pg->link.reader) {
		pg->transactions++;
		return open_by(pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL);
	}
	wm_format(sql, sizeof(sql),
		  "BEGIN; SET LOCAL lock_timeout = %d; " PG_LOCK "; SET LOCAL lock_timeout = '2s'; SELECT " TRANSACTION
		  ", pg_current_xact_id()", waits ? TURN_MS : 1);
	rc = open_by(pg, sql, &result);
	if (rc == -EBUSY && waits)
		pg->busy_ms = wm_monotonic_ms() + BUSY_MS;
	if (!rc) {
		wm_copy(pg->line, sizeof(pg->line), PQgetvalue(result, 0, 0));
		wm_copy(pg->id, sizeof(pg->id), PQgetvalue(result, 0, 1));
	}
	PQclear(result);
	return rc;
}

static void rollback(struct db *db)
{
	struct pg_db *pg = of(db);

	if (pg->open && pg->link.conn)
		link_run(&pg->link, "ROLLBACK", NULL);
	pg->open = false;
}

/* What became of a commit that was sent but not answered: 0 it was made, -ENOTCONN it was not, -EINPROGRESS unknown. */
static int outcome(struct pg_db *pg)
{
	const char *state = "";
	PGresult *result = NULL;
	char sql[160];
	int rc;

	wm_format(sql, sizeof(sql), "SELECT pg_xact_status('%s'::xid8) WHERE " TRANSACTION " = '%s'", pg->id, pg->line);
	rc = link_run(&pg->link, sql, &result);
	if (!rc && PQntuples(result))
		state = PQgetvalue(result, 0, 0);
	rc = !strcmp(state, "committed") ? 0 : !strcmp(state, "aborted") ? -ENOTCONN : -EINPROGRESS;
	PQclear(result);
	return rc;
}

/* The server may be starting again, or still be about it. */
static int find_out(struct pg_db *pg)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	uint64_t until = wm_monotonic_ms() + FIND_OUT_MS;
	int rc;

	for (;;) {
		pg->link.retry_ms = 0;
		rc = link_up(&pg->link) ? -EINPROGRESS : outcome(pg);
		if (rc != -EINPROGRESS || wm_monotonic_ms() >= until)
			return rc;
		nanosleep(&pause, NULL);
	}
}

static int commit(struct db *db)
{
	struct pg_db *pg = of(db);
	PGresult *result = NULL;
	int rc = link_run(&pg->link, "NOTIFY " PG_CHANNEL "; COMMIT", &result);

	pg->open = false;
	/* The commit of a transaction that has failed is a rollback. */
	if (!rc && strcmp(PQcmdStatus(result), "COMMIT"))
		rc = -EIO;
	PQclear(result);
	if (rc == -ENOTCONN || rc == -ETIMEDOUT)
		return find_out(pg);
	if (rc && pg->link.conn)
		link_run(&pg->link, "ROLLBACK", NULL);
	return rc;
}

/* Reports nothing: what is written so may be lost. */
static void lazy(struct db *db, bool on)
{
	struct pg_db *pg = of(db);

	if (on) {
		open_by(pg, "BEGIN; SET LOCAL synchronous_commit = off", NULL);
	} else if (pg->open) {
		link_run(&pg->link, "COMMIT", NULL);
		pg->open = false;
	}
}

/* --- from beginning to end ----------------------------------------------------------------- */

static int watch_fd(const struct db *db)
{
	return ((const struct pg_db *)db)->link.epoll;
}

static int follow(struct db *db)
{
	return link_follow(&of(db)->link);
}

static void pg_close(struct db *db)
{
	struct pg_db *pg = of(db);

	for (size_t i = 0; i < SQL_COUNT; i++)
		PQclear(pg->queries[i].result);
	link_close(&pg->link);
	free(pg);
}

static int make(const struct db_ops *ops, const char *url, bool reader, struct pg_db **ret, struct wm_error *err)
{
	struct pg_db *pg = calloc(1, sizeof(*pg));
	int rc;

	if (!pg)
		return wm_fail(err, ENOMEM, "out of memory");
	pg->base.ops = ops;
	for (size_t i = 0; i < SQL_COUNT; i++)
		pg->queries[i].base.db = &pg->base;
	rc = link_open(url, reader, &pg->link, err);
	if (rc) {
		pg_close(&pg->base);
		return rc;
	}
	*ret = pg;
	return 0;
}

static int open_reader(struct db *db, struct db **ret, struct wm_error *err)
{
	struct pg_db *pg = of(db), *reader;
	int rc = make(db->ops, pg->link.url, true, &reader, err);

	if (rc)
		return rc;
	reader->link.schema = pg->link.schema;
	*ret = &reader->base;
	return 0;
}

static const struct db_ops ops = {
	.open_reader = open_reader, .close = pg_close,	 .begin = begin,     .commit = commit,	    .rollback = rollback,
	.lazy = lazy,		    .query = pg_query,	 .next = pg_next,    .done = pg_done,	    .changed = pg_changed,
	.number = pg_number,	    .bytes = pg_bytes,	 .reason = reason,   .name = name,	    .fd = watch_fd,
	.follow = follow,
};

int pg_open(const char *url, struct db **ret, struct wm_error *err)
{
	struct pg_db *pg;
	int rc = make(&ops, url, false, &pg, err);

	if (rc)
		return rc;
	rc = link_up(&pg->link);
	if (rc)
		rc = wm_fail(err, -rc, "cannot reach the database %s: %s", pg->link.name, pg->link.reason);
	else
		rc = pg_migrate(&pg->link, err);
	if (rc) {
		pg_close(&pg->base);
		return rc;
	}
	*ret = &pg->base;
	return 0;
}

int pg_open_to_read(const char *url, struct db **ret, struct wm_error *err)
{
	struct pg_db *pg;
	int rc = make(&ops, url, true, &pg, err);

	if (rc)
		return rc;
	pg->link.schema = (int64_t)nmigrations_postgresql;
	rc = link_up(&pg->link);
	if (rc) {
		wm_fail(err, -rc, "cannot reach the database %s: %s", pg->link.name, pg->link.reason);
		pg_close(&pg->base);
		return rc;
	}
	*ret = &pg->base;
	return 0;
}

int pg_check_public(const char *url, struct wm_error *err)
{
	PQconninfoOption *options = PQconninfoParse(url, NULL);
	bool secret = false;

	for (PQconninfoOption *o = options; o && o->keyword; o++)
		secret |= o->val && strstr(o->keyword, "password");
	PQconninfoFree(options);
	if (secret)
		return wm_fail(err, EINVAL, "a password on the command line can be read by everybody on this machine; put the URL into WM_REGISTRY_STORE, or the password into a file (PGPASSFILE)");
	return 0;
}
