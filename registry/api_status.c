/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What gateways report of themselves: PUT /v1/sites/{}/status, GET /v1/status.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "registry/problem.h"
#include "registry/registry.h"

/* --- taken ------------------------------------------------------------------------------ */

struct reporter {
	struct store *store;
	const struct wm_site *site;
};

/* Who has gone meanwhile, or was never there, is nobody to remember. */
static bool is_known(void *arg, const char *kind, const char *name)
{
	const struct reporter *r = arg;
	struct object_key key = { 0 };
	struct object object;

	if (!object_kind_parse(kind, &key.kind) || (key.kind == OBJECT_SITE && !strcmp(name, r->site->domain)) ||
	    (key.kind == OBJECT_DEVICE && !r->site->hub))
		return false;
	wm_copy(key.name, sizeof(key.name), name);
	if (key.kind == OBJECT_HOST)
		memcpy(key.domain, r->site->domain, sizeof(key.domain));
	return !store_get(r->store, &key, &object, NULL);
}

/* Where others may be asked the same, it is kept where they look, as it is shown. */
static int keep(struct registry *registry, struct report *report, struct wm_error *err)
{
	WM_AUTO_FREE char *text = NULL;

	if (store_fd(registry->store) < 0)
		return reports_put(&registry->reports, report);
	text = report_encode(report, store_mesh(registry->store));
	return text ? store_report_put(registry->store, report->domain, report->seen, text, err) : -ENOMEM;
}

void api_status_put(struct call *call)
{
	struct report report = { 0 };
	struct wm_error err = { 0 };
	struct object_key key;
	struct object site;
	int rc = object_key_parse(OBJECT_SITE, call->arg, &key);

	if (rc)
		rc = wm_fail(&err, ENOENT, "'%.63s' is not a name that a site can have", call->arg);
	if (!rc)
		rc = store_get(call->registry->store, &key, &site, &err);
	if (!rc)
		rc = report_decode(call->request->body, call->request->len, &report, &err);
	if (!rc) {
		struct reporter reporter = { call->registry->store, &site.site };

		memcpy(report.domain, key.name, sizeof(report.domain));
		report.seen = wm_unix_time();
		report_sift(&report, is_known, &reporter);
		rc = keep(call->registry, &report, &err);
	}
	report_clear(&report);
	if (rc)
		answer_failure(call, rc, &err);
	else
		answer_none(call);
}

/* --- what others have taken -------------------------------------------------------------- */

/* One that another version of the registry took in may not be one here. */
static int take(void *reports, const char *domain, int64_t seen, const char *text)
{
	struct wm_error err = { 0 };
	struct report report;
	int rc;

	if (report_decode(text, strlen(text), &report, &err))
		return 0;
	wm_copy(report.domain, sizeof(report.domain), domain);
	report.seen = seen;
	rc = reports_put(reports, &report);
	if (rc)
		report_clear(&report);
	return rc;
}

int registry_reports(struct registry *registry, struct wm_error *err)
{
	if (store_fd(registry->store) < 0)
		return 0;
	reports_free(&registry->reports);
	return store_reports(registry->store, take, &registry->reports, err);
}

/* --- shown ------------------------------------------------------------------------------ */

/* Site by site, however long it takes: each as it is when its turn comes. */
struct status {
	struct registry *registry;
	char last[WM_NAME_SIZE]; /* the last site shown, or "" */
};

static int next_site(void *arg, FILE *f)
{
	struct status *s = arg;
	const struct report *report = reports_next(&s->registry->reports, s->last);
	WM_AUTO_FREE char *one = report ? report_encode(report, store_mesh(s->registry->store)) : NULL;

	if (report && !one)
		return -ENOMEM;
	if (!*s->last)
		fputs("{\"sites\":[", f);
	if (!report) {
		fputs("]}", f);
		return 0;
	}
	fprintf(f, "%s%s", *s->last ? "," : "", one);
	memcpy(s->last, report->domain, sizeof(s->last));
	return 1;
}

void api_status(struct call *call)
{
	struct wm_error err = { 0 };
	int rc = registry_reports(call->registry, &err);
	struct status *s;

	if (rc) {
		answer_failure(call, rc, &err);
		return;
	}
	s = calloc(1, sizeof(*s));
	if (s)
		s->registry = call->registry;
	answer_pieces(call, "application/json", next_site, s);
}
