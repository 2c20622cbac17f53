/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The little of a database that the store needs: named statements (sql.h) in
 * transactions, on SQLite or PostgreSQL (db_impl.h says what each implements).
 * One thread. -ENOTCONN: there is no connection to the server; nothing was done.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "registry/sql.h"

struct db;
struct db_query; /* a statement being run; one run of each at a time */

/* where: the path of an SQLite file, which is created when it is not there, or the URL of a PostgreSQL database. Brings
 * the schema up to date. */
int db_open(const char *where, struct db **ret, struct wm_error *err);
bool db_is_url(const char *where);
/* -EINVAL with a sentence: an URL that holds a password must not be where others can read it. */
int db_check_public(const char *where, struct wm_error *err);
/* A connection that cannot write, to a database whose schema is up to date. */
int db_open_to_read(const char *where, struct db **ret, struct wm_error *err);
/* Another one to the same database: for snapshots. */
int db_open_reader(struct db *db, struct db **ret, struct wm_error *err);
void db_close(struct db *db); /* NULL-safe */

/* A write transaction has the database to itself from db_begin on. For a
 * reader: what it sees stays as it was at its first query. */
int db_begin(struct db *db);
int db_commit(struct db *db);    /* on disk when it returns 0; on failure rolled back; -EINPROGRESS: that is not known */
void db_rollback(struct db *db); /* nothing when no transaction is open */

/* A part of a write transaction that can be taken back without the rest; one at a time. Only where db_has_parts. */
bool db_has_parts(const struct db *db);
bool db_is_open(const struct db *db); /* a transaction: what fails badly enough ends it by itself */
int db_part_begin(struct db *db);
int db_part_end(struct db *db, bool keep); /* -errno: db_is_open tells whether the rest is still there */

/* Writes that may be lost when the machine fails, until `off`; only outside a transaction. */
void db_lazy(struct db *db, bool on);

/* types: one letter for each parameter: 'i' int64_t, 's' text (NULL: null),
 * 'b' pointer (NULL: null) and size_t. They must live until db_done. Errors
 * are reported by db_next. */
struct db_query *db_query(struct db *db, enum sql sql, const char *types, ...);
int db_next(struct db_query *q); /* 1 a row, 0 no more, -errno */
void db_done(struct db_query **q);
#define DB_AUTO_DONE __attribute__((cleanup(db_done)))

/* Of the current row; columns from 0. */
int64_t db_int(struct db_query *q, int column);               /* null: 0 */
void db_text(struct db_query *q, int column, char *ret, size_t size); /* null or too long: "" */
bool db_blob(struct db_query *q, int column, void *ret, size_t size); /* false, zeroes: null or of another size */

/* Runs a statement to its end: rows changed, or -errno (-EEXIST: a constraint, -ENOSPC: disk full). */
int db_do(struct db *db, enum sql sql, const char *types, ...);

/* Other registries may share a PostgreSQL database, and the connection to it be lost and made again.
 * db_fd: readable when db_follow has something to do; -1: nobody else writes here. */
int db_fd(const struct db *db);
int db_follow(struct db *db); /* 1 somebody else has committed something, or may have; 0 nobody; -errno not connected */

const char *db_name(const struct db *db); /* where it is, for messages: without secrets */

const char *db_reason(const struct db *db); /* of the last failure, in the database's words */
