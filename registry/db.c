/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/db.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "core/util.h"
#include "registry/db_impl.h"

const char *const db_sql[SQL_COUNT] = {
#define X(name, text) [SQL_##name] = text,
	SQL_LIST(X)
#undef X
};

int db_open(const char *where, struct db **ret, struct wm_error *err)
{
	return db_is_url(where) ? pg_open(where, ret, err) : sqlite_open(where, ret, err);
}

bool db_is_url(const char *where)
{
	return !strncmp(where, "postgresql://", 13) || !strncmp(where, "postgres://", 11);
}

int db_check_public(const char *where, struct wm_error *err)
{
	return db_is_url(where) ? pg_check_public(where, err) : 0;
}

int db_open_to_read(const char *where, struct db **ret, struct wm_error *err)
{
	return db_is_url(where) ? pg_open_to_read(where, ret, err) : sqlite_open_to_read(where, ret, err);
}

int db_open_reader(struct db *db, struct db **ret, struct wm_error *err)
{
	return db->ops->open_reader(db, ret, err);
}

void db_close(struct db *db)
{
	if (db)
		db->ops->close(db);
}

int db_begin(struct db *db)
{
	return db->ops->begin(db);
}

int db_commit(struct db *db)
{
	return db->ops->commit(db);
}

void db_rollback(struct db *db)
{
	db->ops->rollback(db);
}

bool db_is_open(const struct db *db)
{
	return db->ops->is_open(db);
}

bool db_has_parts(const struct db *db)
{
	return db->ops->part_begin != NULL;
}

int db_part_begin(struct db *db)
{
	return db->ops->part_begin(db);
}

int db_part_end(struct db *db, bool keep)
{
	return db->ops->part_end(db, keep);
}

void db_lazy(struct db *db, bool on)
{
	db->ops->lazy(db, on);
}

static struct db_query *query(struct db *db, enum sql sql, const char *types, va_list ap)
{
	struct db_value values[DB_PARAMS_MAX];

	for (size_t i = 0; types[i] && i < DB_PARAMS_MAX; i++) {
		struct db_value *v = &values[i];

		*v = (struct db_value){ 0 };
		if (types[i] == 'i') {
			v->i = va_arg(ap, int64_t);
		} else {
			v->p = va_arg(ap, const void *);
			v->len = types[i] == 'b' ? va_arg(ap, size_t) : v->p ? strlen(v->p) : 0;
		}
	}
	return db->ops->query(db, sql, types, values);
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
	return q->db->ops->next(q);
}

void db_done(struct db_query **q)
{
	if (*q)
		(*q)->db->ops->done(*q);
}

int64_t db_int(struct db_query *q, int column)
{
	return q->db->ops->number(q, column);
}

void db_text(struct db_query *q, int column, char *ret, size_t size)
{
	size_t len;
	const char *text = q->db->ops->bytes(q, column, &len);

	if (!text || len >= size)
		len = 0;
	memcpy(ret, len ? text : "", len);
	ret[len] = '\0';
}

bool db_blob(struct db_query *q, int column, void *ret, size_t size)
{
	size_t len;
	const void *blob = q->db->ops->bytes(q, column, &len);

	if (!blob || len != size) {
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
	return rc ? rc : db->ops->changed(q);
}

const char *db_reason(const struct db *db)
{
	return db->ops->reason(db);
}

const char *db_name(const struct db *db)
{
	return db->ops->name(db);
}

int db_fd(const struct db *db)
{
	return db->ops->fd ? db->ops->fd(db) : -1;
}

int db_follow(struct db *db)
{
	return db->ops->follow ? db->ops->follow(db) : 0;
}
