/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Statements on PostgreSQL.
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

#include "core/util.h"
#include "registry/store_pg.h"

#define AHEAD 256 /* rows that a reader's walk fetches at once */
#define SQL_MAX 1024
#define LIMIT_ONE " LIMIT 1"

struct params {
	const char *values[DB_PARAMS_MAX]; /* as they are sent: numbers in network order, text, bytes */
	int lengths[DB_PARAMS_MAX], formats[DB_PARAMS_MAX], n;
	int64_t numbers[DB_PARAMS_MAX];
};

static const bool walks[SQL_COUNT] = {
#define X(name) [SQL_##name] = true,
	SQL_WALKS(X)
#undef X
};

static struct pg_query *of_query(struct db_query *q)
{
	return (struct pg_query *)q;
}

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

		if (n + sizeof(len) + (size_t)WM_MAX(len, 0) > PG_REMEMBER_MAX)
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
	char asked[PG_REMEMBER_MAX];
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

struct db_query *pg_query(struct db *db, enum sql sql, const char *types, const struct db_value *values)
{
	struct pg_db *pg = (struct pg_db *)db;
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

int pg_next(struct db_query *query)
{
	struct pg_query *q = of_query(query);

	if (q->rc || !q->left)
		return q->rc;
	q->left--;
	q->row++;
	return 1;
}

void pg_done(struct db_query *query)
{
	struct pg_query *q = of_query(query);

	if (!((struct pg_db *)query->db)->link.reader)
		forget(q);
}

int pg_changed(struct db_query *q)
{
	return atoi(PQcmdTuples(of_query(q)->result));
}

int64_t pg_number(struct db_query *query, int column)
{
	const struct pg_query *q = of_query(query);
	uint64_t value = 0;

	if (PQgetlength(q->result, q->row, column) != sizeof(value))
		return 0;
	memcpy(&value, PQgetvalue(q->result, q->row, column), sizeof(value));
	return (int64_t)be64toh(value);
}

const void *pg_bytes(struct db_query *query, int column, size_t *ret_len)
{
	const struct pg_query *q = of_query(query);

	*ret_len = (size_t)PQgetlength(q->result, q->row, column);
	return PQgetisnull(q->result, q->row, column) ? NULL : PQgetvalue(q->result, q->row, column);
}
