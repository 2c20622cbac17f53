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
		rc = reports_put(&call->registry->reports, &report);
	}
	if (!rc) {
		answer_none(call);
		return;
	}
	report_clear(&report);
	answer_failure(call, rc, &err);
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
	struct status *s = calloc(1, sizeof(*s));

	if (s)
		s->registry = call->registry;
	answer_pieces(call, "application/json", next_site, s);
}
