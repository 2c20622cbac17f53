/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a kind of database implements of db.h. For db.c and the databases' own files.
 */
#pragma once

#include "registry/db.h"

#define DB_PARAMS_MAX 12

/* A parameter: what its type's letter says of `i`, or of `p` (NULL: null) and `len`. */
struct db_value {
	int64_t i;
	const void *p;
	size_t len;
};

struct db_ops {
	int (*open_reader)(struct db *db, struct db **ret, struct wm_error *err);
	void (*close)(struct db *db);
	int (*begin)(struct db *db);
	int (*commit)(struct db *db);
	void (*rollback)(struct db *db);
	/* NULL, all three: it has no parts. */
	bool (*is_open)(const struct db *db);
	int (*part_begin)(struct db *db);
	int (*part_end)(struct db *db, bool keep);
	void (*lazy)(struct db *db, bool on);
	/* Never NULL: what went wrong is told by next. */
	struct db_query *(*query)(struct db *db, enum sql sql, const char *types, const struct db_value *values);
	int (*next)(struct db_query *q);
	void (*done)(struct db_query *q);
	int (*changed)(struct db_query *q); /* rows, by a statement that was run to its end */
	int64_t (*number)(struct db_query *q, int column);
	const void *(*bytes)(struct db_query *q, int column, size_t *ret_len); /* of a text or blob; NULL: null */
	const char *(*reason)(const struct db *db);
	const char *(*name)(const struct db *db);
	int (*fd)(const struct db *db); /* NULL: nobody else writes there */
	int (*follow)(struct db *db);
};

/* Each kind's own begin with these. */
struct db {
	const struct db_ops *ops;
};
struct db_query {
	struct db *db;
};

extern const char *const db_sql[SQL_COUNT]; /* the texts of sql.h */

int sqlite_open(const char *path, struct db **ret, struct wm_error *err);
int sqlite_open_to_read(const char *path, struct db **ret, struct wm_error *err);
int pg_open(const char *url, struct db **ret, struct wm_error *err);
int pg_open_to_read(const char *url, struct db **ret, struct wm_error *err);
int pg_check_public(const char *url, struct wm_error *err);
