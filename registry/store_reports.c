/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What gateways report, where several registries share a store: each must be
 * able to tell what a gateway said to another. No change of the mesh: neither
 * generation nor audit, and a transaction only where they end with their site.
 */
#include <errno.h>
#include <stdlib.h>

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

int store_report_next(struct store *store, const char *after, const struct store_report *known, struct store_report *ret,
		      struct wm_error *err)
{
	DB_AUTO_DONE struct db_query *q = NULL;
	WM_AUTO_FREE char *body = malloc(REPORT_TEXT_MAX);
	int rc;

	if (!body)
		return wm_fail(err, ENOMEM, "out of memory");
	q = db_query(store->db, SQL_REPORT_NEXT, "ssi", after, known->domain, known->written);
	rc = db_next(q);
	if (rc <= 0)
		return rc ? store_fail(store, rc, err) : 0;
	*ret = (struct store_report){ .seen = db_int(q, 1), .written = db_int(q, 2) };
	db_text(q, 0, ret->domain, sizeof(ret->domain));
	db_text(q, 3, body, REPORT_TEXT_MAX);
	ret->body = *body ? WM_STEAL(body) : NULL;
	return 1;
}
