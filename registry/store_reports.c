/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What gateways report, where several registries share a store: each must be
 * able to tell what a gateway said to another. No change of the mesh: neither
 * generation nor audit, and a transaction only where they end with their site.
 */
#include <errno.h>

#include "core/util.h"
#include "registry/store_internal.h"

#define REPORT_TEXT_MAX (256 * 1024) /* bytes; WM_REPORT_PEERS and WM_REPORT_HOSTS rows, and more */

int store_report_put(struct store *store, const char *domain, int64_t seen, const char *body, struct wm_error *err)
{
	int rc = db_do(store->db, SQL_REPORT_PUT, "sis", domain, seen, body);

	return rc < 0 ? store_fail(store, rc, err) : 0;
}

int reports_end(struct store *store, const char *domain)
{
	int rc = store_fd(store) < 0 ? 0 : db_do(store->db, SQL_REPORT_END, "s", domain);

	return rc < 0 ? rc : 0;
}

/* The next hundred or so: how many, or -errno. */
static int some(struct store *store, char *io_domain, char *body, store_report_fn each, void *arg)
{
	DB_AUTO_DONE struct db_query *q = NULL;
	char after[WM_NAME_SIZE];
	int rc, n = 0;

	wm_copy(after, sizeof(after), io_domain);
	q = db_query(store->db, SQL_REPORT_NEXT, "s", after);
	while ((rc = db_next(q)) > 0) {
		db_text(q, 0, io_domain, WM_NAME_SIZE);
		db_text(q, 2, body, REPORT_TEXT_MAX);
		rc = each(arg, io_domain, db_int(q, 1), body);
		if (rc)
			return rc;
		n++;
	}
	return rc ? rc : n;
}

int store_reports(struct store *store, store_report_fn each, void *arg, struct wm_error *err)
{
	WM_AUTO_FREE char *body = malloc(REPORT_TEXT_MAX);
	char domain[WM_NAME_SIZE] = "";
	int rc;

	if (!body)
		return wm_fail(err, ENOMEM, "out of memory");
	do
		rc = some(store, domain, body, each, arg);
	while (rc > 0);
	return rc ? store_fail(store, rc, err) : 0;
}
