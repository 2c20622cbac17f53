/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * db.h on PostgreSQL. Writers take turns, by a lock that each holds from its
 * beginning to its commit, so that each sees all that others have done. A
 * reader has a transaction that sees one moment.
 *
 * Every look costs a way to the server and back, so a reader remembers: what
 * it asked last by each statement, and of statements that walk (SQL_WALKS) the
 * rows that follow. It may, because what it sees does not change.
 */
#include <endian.h>
#include <errno.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/util.h"
#include "registry/db_impl.h"
#include "registry/migrations.h"
#include "registry/store_pg.h"

#define AHEAD 256        /* rows that a reader's walk fetches at once */
#define REMEMBER_MAX 512 /* bytes of parameters; what has more is asked anew */
#define SQL_MAX 1024
#define FIND_OUT_MS 2000 /* how long to ask what became of a commit; everybody else waits meanwhile */
#define LIMIT_ONE " LIMIT 1"

/* Which transaction of which history this is: to find out later what became of it. */
#define TRANSACTION "substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)"

struct params {
	const char *values[DB_PARAMS_MAX]; /* as they are sent: numbers in network order, text, bytes */
	int lengths[DB_PARAMS_MAX], formats[DB_PARAMS_MAX], n;
	int64_t numbers[DB_PARAMS_MAX];
};

struct pg_query {
	struct db_query base;
	uint64_t made;     /* the connection that it is prepared in */
	PGresult *result;
	int row, left;     /* the row that was told last, and how many follow */
	int rc;
	uint64_t seen;     /* by a reader: its transaction that the result belongs to */
	char asked[REMEMBER_MAX]; /* and what was asked */
	size_t asked_len;  /* 0: is not remembered */
};

struct pg_db {
	struct db base;
	struct pg_link link;
	bool open;             /* a transaction is */
	uint64_t transactions; /* of a reader, counted */
	char line[16], id[24]; /* of the write transaction: the history's number and its own */
	struct pg_query queries[SQL_COUNT];
};

static const bool walks[SQL_COUNT] = {
#define X(name) [SQL_##name] = true,
	SQL_WALKS(X)
#undef X
};

static struct pg_db *of(struct db *db)
{
	return (struct pg_db *)db;
}

static struct pg_query *of_query(struct db_query *q)
{
	return (struct pg_query *)q;
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
	PGresult *result = NULL;
	int rc;

	if (pg->link.reader) {
		pg->transactions++;
		return open_by(pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL);
	}
	rc = open_by(pg, "BEGIN; " PG_LOCK "; SELECT " TRANSACTION ", pg_current_xact_id()", &result);
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

/* --- statements ------------------------------------------------------------------------ */

static void encode(struct params *p, const char *types, const struct db_value *values)
{
	for (p->n = 0; types[p->n]; p->n++) {
		const struct db_value *v = &values[p->n];

		if (types[p->n] == 'i') {
			p->numbers[p->n] = (int64_t)htobe64((uint64_t)v->i);
			p->values[p->n] = (const char *)&p->numbers[p->n];
			p->lengths[p->n] = sizeof(int64_t);
		} else {
			p->values[p->n] = v->p;
			p->lengths[p->n] = (int)v->len;
		}
		p->formats[p->n] = types[p->n] != 's';
	}
}

/* Parameters as one string of bytes; 0: too long. */
static size_t flatten(const struct params *p, char *ret)
{
	size_t n = 1;

	*ret = 'p';
	for (int i = 0; i < p->n; i++) {
		int len = p->values[i] ? p->lengths[i] : -1;

		if (n + sizeof(len) + (size_t)WM_MAX(len, 0) > REMEMBER_MAX)
			return 0;
		memcpy(ret + n, &len, sizeof(len));
		n += sizeof(len);
		if (len > 0)
			memcpy(ret + n, p->values[i], (size_t)len);
		n += (size_t)WM_MAX(len, 0);
	}
	return n;
}

static void tell_from(struct pg_query *q, enum sql sql, int row)
{
	q->row = row - 1;
	q->left = PQntuples(q->result) - row;
	if (walks[sql])
		q->left = WM_MIN(q->left, 1);
}

/* A walk goes on behind the row whose first column is its parameter. */
static bool walk_on(struct pg_query *q, enum sql sql, const struct params *p)
{
	int n = PQntuples(q->result), i = WM_MAX(q->row, 0);

	for (int tried = 0; tried < n; tried++, i = (i + 1) % n) {
		if (PQgetlength(q->result, i, 0) != p->lengths[0] ||
		    memcmp(PQgetvalue(q->result, i, 0), p->values[0], (size_t)p->lengths[0]))
			continue;
		if (i + 1 == n && n == AHEAD)
			return false;
		tell_from(q, sql, i + 1);
		return true;
	}
	return false;
}

/* Is the answer known already? */
static bool recall(struct pg_db *pg, struct pg_query *q, enum sql sql, const struct params *p)
{
	char asked[REMEMBER_MAX];
	size_t len;

	if (!pg->link.reader || !pg->open || !q->result || q->seen != pg->transactions)
		return false;
	len = flatten(p, asked);
	if (len && len == q->asked_len && !memcmp(asked, q->asked, len)) {
		tell_from(q, sql, 0);
		return true;
	}
	return walks[sql] && walk_on(q, sql, p);
}

/* The text of sql.h in this database's spelling. */
static int spell(const struct pg_db *pg, enum sql sql, char *ret)
{
	size_t len = strlen(db_sql[sql]), cut = strlen(LIMIT_ONE);
	bool ahead = pg->link.reader && walks[sql];

	if (ahead)
		len -= cut;
	if (wm_format(ret, SQL_MAX, "%.*s", (int)len, db_sql[sql]))
		return -E2BIG;
	for (char *c = ret; *c; c++) {
		if (*c == '?')
			*c = '$';
	}
	return ahead ? wm_format(ret + len, SQL_MAX - len, " LIMIT %d", AHEAD) : 0;
}

static int prepare(struct pg_db *pg, struct pg_query *q, enum sql sql, const char *types, const char *label)
{
	char text[SQL_MAX];
	int rc;

	if (q->made == pg->link.made)
		return 0;
	rc = spell(pg, sql, text);
	if (!rc)
		rc = link_prepare(&pg->link, label, text, types);
	if (!rc)
		q->made = pg->link.made;
	return rc;
}

static int execute(struct pg_db *pg, struct pg_query *q, enum sql sql, const char *types, const struct params *p)
{
	char label[16];
	int rc;

	wm_format(label, sizeof(label), "s%d", (int)sql);
	rc = prepare(pg, q, sql, types, label);
	return rc ? rc : link_execute(&pg->link, label, p->n, p->values, p->lengths, p->formats, &q->result);
}

static void forget(struct pg_query *q)
{
	PQclear(q->result);
	q->result = NULL;
	q->row = -1;
	q->left = 0;
	q->asked_len = 0;
}

static struct db_query *query(struct db *db, enum sql sql, const char *types, const struct db_value *values)
{
	struct pg_db *pg = of(db);
	struct pg_query *q = &pg->queries[sql];
	struct params p;

	encode(&p, types, values);
	q->rc = 0;
	if (recall(pg, q, sql, &p))
		return &q->base;
	forget(q);
	/* Within a transaction another connection would be none of it. */
	q->rc = pg->open ? 0 : link_up(&pg->link);
	if (!q->rc)
		q->rc = execute(pg, q, sql, types, &p);
	if (q->rc == -ENOTCONN && !pg->open && !strncmp(db_sql[sql], "SELECT", 6) && !link_up(&pg->link))
		q->rc = execute(pg, q, sql, types, &p);
	if (!q->rc) {
		tell_from(q, sql, 0);
		q->seen = pg->transactions;
		q->asked_len = pg->link.reader ? flatten(&p, q->asked) : 0;
	}
	return &q->base;
}

static int next(struct db_query *query)
{
	struct pg_query *q = of_query(query);

	if (q->rc || !q->left)
		return q->rc;
	q->left--;
	q->row++;
	return 1;
}

static void done(struct db_query *query)
{
	struct pg_query *q = of_query(query);

	if (!of(query->db)->link.reader)
		forget(q);
}

static int changed(struct db_query *q)
{
	return atoi(PQcmdTuples(of_query(q)->result));
}

static int64_t number(struct db_query *query, int column)
{
	const struct pg_query *q = of_query(query);
	uint64_t value = 0;

	if (PQgetlength(q->result, q->row, column) != sizeof(value))
		return 0;
	memcpy(&value, PQgetvalue(q->result, q->row, column), sizeof(value));
	return (int64_t)be64toh(value);
}

static const void *bytes(struct db_query *query, int column, size_t *ret_len)
{
	const struct pg_query *q = of_query(query);

	*ret_len = (size_t)PQgetlength(q->result, q->row, column);
	return PQgetisnull(q->result, q->row, column) ? NULL : PQgetvalue(q->result, q->row, column);
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
	.open_reader = open_reader, .close = pg_close, .begin = begin,	   .commit = commit, .rollback = rollback,
	.lazy = lazy,		    .query = query,    .next = next,	   .done = done,     .changed = changed,
	.number = number,	    .bytes = bytes,    .reason = reason, .name = name,	     .fd = watch_fd,
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
