/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the files that implement db.h on PostgreSQL share. For store_pg*.c
 * only, which are also the only ones that know libpq.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "registry/db_impl.h"

struct pg_conn;   /* libpq's PGconn */
struct pg_result; /* and PGresult */

/* Writers of one registry take turns: the second number is the schema's. */
#define PG_LOCK "SELECT pg_advisory_xact_lock(1464685127, hashtext(current_schema()::text))"
#define PG_CHANNEL "wm_registry" /* each commit is told there */

/* --- a connection that is made again when it was lost (store_pg_link.c) ------------------
 * Nothing waits longer than a few seconds for the server: then the connection is given up. */
struct pg_link {
	char *url;            /* may hold a password */
	char name[256];       /* the same for messages, which it may not be in */
	bool reader;          /* cannot write and is told nothing */
	struct pg_conn *conn; /* NULL: there is none */
	uint64_t made;        /* counts connections: what was prepared belongs to one of them */
	uint64_t retry_ms;    /* no other is tried before */
	int64_t schema;       /* that the database must have; 0: any */
	unsigned int answer_ms; /* how long an answer may take within a transaction */
	unsigned int look_ms;   /* and outside, its beginning too */
	unsigned int patience_ms; /* of what was sent last */
	char reason[256];     /* of the last failure */
	int epoll, timer;     /* see link_follow; -1 for a reader */
	bool lost, news;
};

int link_open(const char *url, bool reader, struct pg_link *ret, struct wm_error *err);
void link_close(struct pg_link *link);
int link_up(struct pg_link *link); /* connects when there is no connection: 0 or -ENOTCONN */

/* -ENOTCONN: the connection is lost, and whether it was done is not known. Other failures left it as it was. */
int link_run(struct pg_link *link, const char *sql, struct pg_result **ret); /* statements without parameters; ret: NULL, or the last one's rows */
int link_prepare(struct pg_link *link, const char *name, const char *sql, const char *types);
int link_execute(struct pg_link *link, const char *name, int n, const char *const *values, const int *lengths,
		 const int *formats, struct pg_result **ret);

/* link->epoll is readable when there is something to do here: 1 somebody else has committed something, or may have
 * while there was no connection; 0 nothing; -ENOTCONN. */
int link_follow(struct pg_link *link);

/* --- statements (store_pg_query.c) ----------------------------------------------------------- */
#define PG_REMEMBER_MAX 512 /* bytes of parameters; what has more is asked anew */

struct pg_query {
	struct db_query base;
	uint64_t made;            /* the connection that it is prepared in */
	struct pg_result *result;
	int row, left;            /* the row that was told last, and how many follow */
	int rc;
	uint64_t seen;            /* by a reader: its transaction that the result belongs to */
	char asked[PG_REMEMBER_MAX]; /* and what was asked */
	size_t asked_len;         /* 0: is not remembered */
};

struct pg_db {
	struct db base;
	struct pg_link link;
	bool open;             /* a transaction is */
	uint64_t transactions; /* of a reader, counted */
	uint64_t busy_ms;      /* of the writer: until then it does not wait for its turn */
	char line[16], id[24]; /* of the write transaction: the history's number and its own */
	struct pg_query queries[SQL_COUNT];
};

/* As struct db_ops has them. */
struct db_query *pg_query(struct db *db, enum sql sql, const char *types, const struct db_value *values);
int pg_next(struct db_query *q);
void pg_done(struct db_query *q);
int pg_changed(struct db_query *q);
int64_t pg_number(struct db_query *q, int column);
const void *pg_bytes(struct db_query *q, int column, size_t *ret_len);

/* --- the schema (store_pg_migrate.c) --------------------------------------------------------- */
int pg_migrate(struct pg_link *link, struct wm_error *err);
