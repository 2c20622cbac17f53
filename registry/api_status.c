/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What gateways report of themselves: PUT /v1/sites/{}/status, GET /v1/status.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
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

/* Of the newest generation alone it is known here since when it is to be in force; and not before this process knows what the
 * gateway had until then. */
static uint64_t delay_of(const struct registry *registry, const struct report *report)
{
	const struct report *before = reports_find(&registry->reports, report->domain);

	if (!before)
		return 0;
	if (before->generation == report->generation && !strcmp(before->instance, report->instance))
		return before->delay_ms;
	if (report->generation != registry->newest.generation)
		return 0;
	return WM_MAX(wm_monotonic_ms() - registry->newest.since_ms, (uint64_t)1);
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

static int set_preshared(void *arg, struct object *io, struct wm_error *err)
{
	(void)err;
	io->site.preshared = *(const bool *)arg;
	return 0;
}

/* Of a report this alone is kept for good, because others go by it: an earlier version of the gateway, put back, ends it.
 * While others make their changes it is left to the next report, so that what this one says besides is not lost. */
static int keep_preshared(struct call *call, const struct object_key *key, struct object *io_site, bool preshared,
			  struct wm_error *err)
{
	int rc;

	if (io_site->site.preshared == preshared)
		return 0;
	rc = store_change(call->registry->store, call->who.who, key, set_preshared, &preshared, io_site, err);
	if (rc != -EBUSY)
		return rc;
	*err = (struct wm_error){ 0 };
	return 0;
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
		report.delay_ms = delay_of(call->registry, &report);
		report_sift(&report, is_known, &reporter);
		rc = keep_preshared(call, &key, &site, report.preshared, &err);
	}
	if (!rc)
		rc = keep(call->registry, &report, &err);
	report_clear(&report);
	if (rc)
		answer_failure(call, rc, &err);
	else
		answer_none(call);
}

/* --- what others have taken -------------------------------------------------------------- */

/* One that another version of the registry took in may not be one here: 0. 1: it is. */
static int take(struct reports *reports, const struct store_report *is)
{
	struct wm_error err = { 0 };
	struct report report;
	int rc;

	if (report_decode(is->body, strlen(is->body), &report, &err)) {
		reports_forget(reports, is->domain);
		return 0;
	}
	memcpy(report.domain, is->domain, sizeof(report.domain));
	report.seen = is->seen;
	report.written = is->written;
	rc = reports_put(reports, &report);
	if (rc)
		report_clear(&report);
	return rc ? rc : 1;
}

/* Makes the first report behind io_domain what is in the store, and goes on to it: 1 it was that already, 2 it is now,
 * 3 it is none here, 0 there is no more. */
static int look_again(struct registry *registry, char *io_domain)
{
	struct reports *reports = &registry->reports;
	const struct report *known = reports_next(reports, io_domain);
	struct store_report was = { 0 }, is = { 0 };
	struct wm_error err = { 0 };
	int rc;

	if (known) {
		memcpy(was.domain, known->domain, sizeof(was.domain));
		was.written = known->written;
	}
	rc = store_report_next(registry->store, io_domain, &was, &is, &err);
	if (rc < 0) {
		wm_error("%s", err.text);
		return rc;
	}
	/* those before it are there no more */
	while ((known = reports_next(reports, io_domain)) && (!rc || strcmp(known->domain, is.domain) < 0))
		reports_forget(reports, known->domain);
	if (rc)
		memcpy(io_domain, is.domain, sizeof(is.domain));
	if (is.body) {
		rc = take(reports, &is);
		rc = rc < 0 ? rc : rc ? 2 : 3;
	}
	free(is.body);
	return rc;
}

int registry_report_next(struct registry *registry, const char *after, const struct report **ret)
{
	char domain[WM_NAME_SIZE];
	int rc;

	wm_copy(domain, sizeof(domain), after);
	do
		rc = store_fd(registry->store) < 0 ? 1 : look_again(registry, domain);
	while (rc == 3);
	if (rc == 2)
		return -EAGAIN;
	*ret = rc > 0 ? reports_next(&registry->reports, after) : NULL;
	return rc < 0 ? rc : *ret != NULL;
}

/* --- shown ------------------------------------------------------------------------------ */

/* Site by site, however long it takes: each as it is when its turn comes. */
struct status {
	struct registry *registry;
	char last[WM_NAME_SIZE]; /* the last site shown, or "" */
	bool brief;              /* without who talks with whom, and what a gateway says in words */
};

/* A sentence of a gateway's may name anything of its site, LAN addresses too. */
static char *encode(const struct report *report, bool brief, const struct wm_mesh *mesh)
{
	struct report shown = *report;

	if (brief) {
		shown.npeers = shown.nhosts = 0;
		*shown.note = '\0';
		if (*shown.problem)
			wm_copy(shown.problem, sizeof(shown.problem), "one that only an operator is shown");
	}
	return report_encode(&shown, mesh);
}

static int next_site(void *arg, FILE *f)
{
	struct status *s = arg;
	const struct report *report = NULL;
	WM_AUTO_FREE char *one = NULL;
	int rc = registry_report_next(s->registry, s->last, &report);

	if (rc < 0)
		return rc;
	if (report)
		one = encode(report, s->brief, store_mesh(s->registry->store));
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

	if (s) {
		s->registry = call->registry;
		s->brief = call->who.role == WM_TOKEN_DEVICE;
	}
	answer_pieces(call, "application/json", next_site, s);
}
