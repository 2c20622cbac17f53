/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The schema on PostgreSQL: numbered files of their own, because types and
 * ways to change a table are another than SQLite's. Several registries may
 * start at once on one database: each step is taken by one of them.
 */
#include <errno.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "registry/migrations.h"
#include "registry/store_pg.h"

#define BEGIN "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s'; " PG_LOCK
#define STEP_MS 600000 /* what the longest step may take on the largest mesh */

/* One row: is the table that holds the version there; are there any tables; the database's encoding. */
#define LOOK \
	"SELECT to_regclass(quote_ident(current_schema()) || '.wm_registry') IS NOT NULL," \
	" EXISTS (SELECT FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v'))," \
	" current_setting('server_encoding') WHERE current_schema() IS NOT NULL"

static bool is_true(const PGresult *result, int column)
{
	return !strcmp(PQgetvalue(result, 0, column), "t");
}

static int failed(struct pg_link *link, int rc, struct wm_error *err)
{
	return wm_fail(err, -rc, "cannot use the database %s: %s; docs/registry.md says what wm-registry needs", link->name,
		       link->reason);
}

/* 1 wm_registry is there, 0 nothing is there, -errno with a sentence. */
static int look(struct pg_link *link, struct wm_error *err)
{
	PGresult *result = NULL;
	int rc = link_run(link, LOOK, &result);

	if (rc)
		return failed(link, rc, err);
	if (PQntuples(result) != 1)
		rc = wm_fail(err, ENOENT, "no schema of the database %s can be used: create one, or set the user's search_path",
			     link->name);
	else if (strcmp(PQgetvalue(result, 0, 2), "UTF8"))
		rc = wm_fail(err, EBADMSG, "the database %s has the encoding %s; create it with: createdb -E UTF8 -T template0",
			     link->name, PQgetvalue(result, 0, 2));
	else if (!is_true(result, 0) && is_true(result, 1))
		rc = wm_fail(err, EBADMSG, "the database %s holds something else; give wm-registry one of its own", link->name);
	else
		rc = is_true(result, 0);
	PQclear(result);
	return rc;
}

static int read_version(struct pg_link *link, int64_t *ret, struct wm_error *err)
{
	PGresult *result = NULL;
	int rc = link_run(link, "SELECT schema FROM wm_registry", &result);

	if (rc)
		return failed(link, rc, err);
	if (PQntuples(result) == 1)
		*ret = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	else
		rc = wm_fail(err, EBADMSG, "the database %s does not say which schema it has; restore it from a backup", link->name);
	PQclear(result);
	return rc;
}

/* Within a transaction: the next step, if there is one. 1 taken, 0 all is done. */
static int step(struct pg_link *link, struct wm_error *err)
{
	int64_t version = 0;
	char done[96];
	int rc = look(link, err);

	if (rc > 0)
		rc = read_version(link, &version, err);
	else if (!rc && link_run(link, "CREATE TABLE wm_registry (schema bigint NOT NULL); INSERT INTO wm_registry VALUES (0)", NULL))
		return failed(link, -EIO, err);
	if (rc)
		return rc;
	if (version < 0 || (uint64_t)version > nmigrations_postgresql)
		return wm_fail(err, EBADMSG,
			       "the database %s was made by a newer wm-registry (schema %lld, this one knows %zu); install that one",
			       link->name, (long long)version, nmigrations_postgresql);
	link->schema = version;
	if ((uint64_t)version == nmigrations_postgresql)
		return 0;
	wm_format(done, sizeof(done), "UPDATE wm_registry SET schema = %lld", (long long)version + 1);
	rc = link_run(link, migrations_postgresql[version], NULL);
	if (!rc)
		rc = link_run(link, done, NULL);
	if (rc)
		return wm_fail(err, -rc, "cannot bring the database %s to schema %lld: %s; it is as it was", link->name,
			       (long long)version + 1, link->reason);
	return 1;
}

int pg_migrate(struct pg_link *link, struct wm_error *err)
{
	unsigned int answer_ms = link->answer_ms, look_ms = link->look_ms;
	int rc, more;

	link->answer_ms = link->look_ms = STEP_MS;
	do {
		rc = link_run(link, BEGIN, NULL);
		if (rc) {
			failed(link, rc, err);
			break;
		}
		more = step(link, err);
		rc = link_run(link, more > 0 ? "COMMIT" : "ROLLBACK", NULL);
		if (more < 0)
			rc = more;
		else if (rc)
			failed(link, rc, err);
	} while (!rc && more);
	link->answer_ms = answer_ms;
	link->look_ms = look_ms;
	return rc;
}
