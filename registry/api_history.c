/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What was done, taking it back, and the whole mesh out and in: /v1/audit, /v1/undo, /v1/export, /v1/import.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "core/json.h"
#include "core/util.h"
#include "registry/document.h"
#include "registry/plan_stream.h"
#include "registry/problem.h"
#include "registry/registry.h"
#include "registry/text.h"

#define AUDIT_DEFAULT 50
#define AUDIT_MOST 1000

/* --- audit -------------------------------------------------------------------------------- */

static int write_audit(struct store *store, uint64_t before, uint64_t limit, FILE *f)
{
	struct store_audit entry = { .id = before };
	int rc = 1;

	fputs("{\"audit\":[", f);
	for (uint64_t n = 0; n < limit && (rc = store_audit_before(store, &entry)) > 0; n++) {
		WM_AUTO_FREE char *one = text_audit(&entry);

		if (!one)
			return -ENOMEM;
		fprintf(f, "%s%s", n ? "," : "", one);
	}
	fputs("]}", f);
	return rc < 0 ? rc : ferror(f) ? -ENOMEM : 0;
}

void api_audit(struct call *call)
{
	struct wm_error err = { 0 };
	uint64_t before, limit;
	char *text = NULL;
	size_t len;
	FILE *f;
	int rc;

	if (!call_number(call, "before", (uint64_t)1 << 53, &before) || !call_number(call, "limit", AUDIT_MOST, &limit))
		return;
	f = open_memstream(&text, &len);
	rc = f ? write_audit(call->registry->store, before, limit ? limit : AUDIT_DEFAULT, f) : -ENOMEM;
	if (f && fclose(f))
		rc = -ENOMEM;
	answer_text(call, rc, text, &err);
}

/* What gateways said goes with their sites, also out of memory. */
static void forget_removed(struct call *call, const struct plan *plan)
{
	const struct plan_list *sites = &plan->lists[OBJECT_SITE];

	for (size_t i = 0; i < sites->n; i++) {
		if (plan_does(&sites->items[i], PLAN_REMOVE))
			reports_forget(&call->registry->reports, sites->items[i].object.site.domain);
	}
}

/* --- undo --------------------------------------------------------------------------------- */

/* A plan as the answer, 200; takes what it holds. */
static void answer_plan(struct call *call, struct plan *plan, uint64_t undone)
{
	struct http_stream stream;
	struct wm_error err = { 0 };
	int rc = plan_stream_new(plan, store_mesh(call->registry->store)->generation, undone, &stream);

	if (rc)
		answer_failure(call, rc, &err);
	else
		answer_with(call, &stream, "application/json");
}

struct undo_wish {
	uint64_t generation;
};

static const struct wm_field undo_fields[] = {
	WM_FIELD(undo_wish, generation, "generation", WM_FIELD_UINT, WM_FIELD_NULLABLE),
};

/* ret->generation 0: whichever is the last, which a request says by leaving it out or null, and not by 0. */
static int read_undo_wish(const struct http_request *request, struct undo_wish *ret, struct wm_error *err)
{
	static const struct wm_table table = WM_TABLE(undo_fields);
	struct wm_json *root = NULL;
	uint32_t seen = 0;
	int rc;

	*ret = (struct undo_wish){ 0 };
	rc = request->len ? wm_decode(&table, request->body, request->len, ret, &seen, err) : 0;
	if (rc || !seen || ret->generation)
		return rc;
	rc = wm_json_load(request->body, request->len, &root, err);
	if (!rc && !wm_json_is_null(wm_json_get(root, "generation")))
		rc = wm_fail_field(err, EINVAL, "generation",
				   "'generation' is 0, which no change ever was; leave it out to undo the last one, whichever that is");
	wm_json_free(root);
	return rc;
}

/* --- made beside the loop, where it can be ------------------------------------------------ */

/* What may change thousands of objects. */
struct long_change {
	struct call call;
	bool dry_run, keep;
	const char *match;            /* If-Match, or NULL: the request is there until it is answered */
	uint64_t generation, undone;  /* of undo: which is meant, which it was */
	void (*work)(struct long_change *change, struct store *store);
	void (*answer)(struct long_change *change);
	struct plan plan;
	struct wm_error err;
	int rc;
};

static void work_on(void *job, struct store *store)
{
	struct long_change *change = job;

	store_expect(store, call_is_meant, (void *)(uintptr_t)change->match);
	change->work(change, store);
}

static void answer_change(struct long_change *change)
{
	if (!change->rc && !change->dry_run)
		forget_removed(&change->call, &change->plan);
	change->answer(change);
	plan_free(&change->plan);
	free(change);
}

static void answer_held(void *job)
{
	struct long_change *change = job;
	struct http_request *request = change->call.request;
	struct identity who = change->call.who;

	answer_change(change);
	group_log(request, who.who);
	http_resume(request);
}

/* What was changed before it is on disk then, and nothing else is changed until it is done. Takes what it gets. */
static void make_change(struct call *call, const struct long_change *wish)
{
	struct registry *registry = call->registry;
	struct long_change *change = malloc(sizeof(*change));
	struct wm_error err = { 0 };
	int rc = change ? 0 : wm_fail(&err, ENOMEM, "out of memory");

	group_end(registry);
	if (change)
		*change = *wish;
	if (!rc && registry->aside.open)
		rc = aside_begin(&registry->aside, work_on, answer_held, change, &err);
	if (rc) {
		free(change);
		answer_failure(call, rc, &err);
	} else if (registry->aside.open) {
		http_hold(call->request);
	} else {
		change->work(change, registry->store);
		answer_change(change);
	}
}

static void make_undo(struct long_change *c, struct store *store)
{
	c->rc = store_undo(store, c->call.who.who, c->generation, c->dry_run, &c->plan, &c->undone, &c->err);
}

static void answer_undo(struct long_change *c)
{
	if (c->rc)
		answer_failure(&c->call, c->rc, &c->err);
	else
		answer_plan(&c->call, &c->plan, c->undone);
}

void api_undo(struct call *call)
{
	struct long_change change = {
		.call = *call, .work = make_undo, .answer = answer_undo, .match = http_header(call->request, "If-Match"),
	};
	struct undo_wish wish;
	struct wm_error err = { 0 };
	int rc;

	if (!call_asks(call, "dry_run", &change.dry_run))
		return;
	rc = read_undo_wish(call->request, &wish, &err);
	change.generation = wish.generation;
	if (rc)
		answer_failure(call, rc, &err);
	else
		make_change(call, &change);
}

/* --- the whole mesh ------------------------------------------------------------------------- */

void api_export(struct call *call)
{
	struct http_answer *answer = &call->request->answer;

	answer_stream(call, STREAM_EXPORT, "application/json");
	if (answer->status == 200)
		call_tag(store_mesh(call->registry->store), answer->etag);
}

/* Where the document is at fault with what it says itself, it is not in conflict with anything. */
static int fault(int rc, bool keep, const struct wm_error *err)
{
	bool conflict = rc == -EEXIST || rc == -ENODEV || rc == -ENOTEMPTY || rc == -EADDRNOTAVAIL;

	return conflict && !keep && strchr(err->field, '[') ? -EINVAL : rc;
}

static void make_import(struct long_change *c, struct store *store)
{
	const struct http_request *request = c->call.request;
	struct store_apply how = {
		.who = c->call.who.who, .what = "import", .dry_run = c->dry_run, .still = call_is_meant, .arg = (void *)(uintptr_t)c->match,
	};

	c->rc = document_read(request->body, request->len, c->keep, &c->plan, &c->err);
	if (!c->rc)
		c->rc = store_apply(store, &how, &c->plan, &c->err);
}

static void answer_import(struct long_change *c)
{
	struct call *call = &c->call;

	if (!c->rc) {
		answer_plan(call, &c->plan, 0);
		call_tag(store_mesh(call->registry->store), call->request->answer.etag);
	} else if (c->rc == -ESTALE || c->rc == -EREMCHG) {
		problem_set(&call->request->answer, 412, "", "the mesh has changed since; look at what the import would do now (?dry_run=1)");
	} else {
		answer_failure(call, fault(c->rc, c->keep, &c->err), &c->err);
	}
}

void api_import(struct call *call)
{
	struct long_change change = {
		.call = *call, .work = make_import, .answer = answer_import, .match = http_header(call->request, "If-Match"),
	};

	if (call_asks(call, "dry_run", &change.dry_run) && call_asks(call, "keep", &change.keep))
		make_change(call, &change);
}
