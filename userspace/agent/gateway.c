/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/gateway.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "agent/removal.h"
#include "agent/report.h"
#include "core/log.h"
#include "core/util.h"
#include "kernel/link.h"

/* --- applying ------------------------------------------------------------------------ */

/* A problem is logged when it appears and when it changes, not at every try. */
static void note_problem(struct wm_error *kept, const struct wm_error *now, const char *gone)
{
	if (strcmp(kept->text, now->text)) {
		if (*now->text)
			wm_warning("%s", now->text);
		else
			wm_info("%s", gone);
	}
	*kept = *now;
}

int wm_gateway_find_self(const struct wm_instance *inst, struct wm_self *ret, struct wm_error *ret_missing, struct wm_error *err)
{
	*ret = (struct wm_self){
		.subnet = inst->subnet, .supernet = inst->supernet, .listen_port = inst->listen_port, .mtu = inst->mtu,
		.nlan_prefixes = inst->nlan_prefixes,
	};
	memcpy(ret->domain, inst->domain, sizeof(ret->domain));
	memcpy(ret->lan_prefixes, inst->lan_prefixes, sizeof(ret->lan_prefixes));
	return wm_link_find_lans_there(inst, ret, ret_missing, err);
}

static int look_at_self(struct wm_gateway *g, struct wm_self *ret, struct wm_error *err)
{
	int rc = wm_gateway_find_self(g->inst, ret, g->stays ? &g->missing : NULL, err);

	ret->private_key = g->id.private_key;
	return rc;
}

/* Whether it can be planned, before anything is given up for it. */
static int check_plan(struct wm_gateway *g, const struct wm_config *config, struct wm_error *err)
{
	struct wm_self self;
	int rc = look_at_self(g, &self, err);

	if (!rc)
		rc = wm_plan_check(config, &self, err);
	wm_wipe(&self, sizeof(self));
	return rc;
}

static void take_plan(struct wm_gateway *g, struct wm_plan *plan, struct wm_self *self)
{
	wm_plan_free(&g->plan);
	g->plan = *plan;
	g->self = *self;
	g->planned = true;
	wm_wipe(self, sizeof(*self));
}

/* Puts the plan into the kernel. since: all that is another in it than what is in force; NULL: not known. */
static int carry_out(struct wm_gateway *g, const struct wm_plan_diff *since, uint64_t before_generation)
{
	const struct wm_reconciled before = g->last;
	struct wm_error err = { 0 };
	int rc = wm_reconcile(g->inst, &g->plan, g->applied && !g->look_at_all ? since : NULL, &g->memory, &g->last, &err);
	bool news = g->last.changes || !g->applied || g->plan.generation != before_generation;

	if (!rc && news)
		wm_info("generation %" PRIu64 " in force: %d change%s in %" PRIu64 " ms, data plane %s", g->plan.generation,
			g->last.changes, g->last.changes == 1 ? "" : "s", g->last.took_ms, g->last.dataplane);
	if (!rc && *g->last.dataplane_note && strcmp(before.dataplane_note, g->last.dataplane_note))
		wm_warning("data plane %s: %s", g->last.dataplane, g->last.dataplane_note);
	g->report_due |= news || strcmp(g->problem.text, rc ? err.text : g->missing.text) != 0;
	g->applied = !rc;
	g->look_at_all &= rc != 0;
	/* The rest is in force without a LAN that is not there (yet); once for all that is wrong. */
	note_problem(&g->problem, rc ? &err : &g->missing, "the config is in force again");
	return rc;
}

/* The plan is the config's already, unless the machine has become another meanwhile. */
static int renew_plan(struct wm_gateway *g, bool *ret_same, struct wm_error *err)
{
	struct wm_self self;
	struct wm_plan plan;
	int rc = look_at_self(g, &self, err);

	*ret_same = !rc && g->planned && wm_self_equal(&self, &g->self);
	if (!rc && !*ret_same)
		rc = wm_plan_make(&g->config, &self, &plan, err);
	if (!rc && !*ret_same)
		take_plan(g, &plan, &self);
	wm_wipe(&self, sizeof(self));
	return rc;
}

int wm_gateway_apply(struct wm_gateway *g)
{
	const struct wm_plan_diff nothing = { 0 };
	uint64_t before = g->plan.generation;
	struct wm_error err = { 0 };
	bool same;
	int rc;

	if (!g->have_config)
		return 0;
	rc = renew_plan(g, &same, &err);
	if (!rc)
		return carry_out(g, same ? &nothing : NULL, before);
	g->applied = false;
	note_problem(&g->problem, &err, "");
	return rc;
}

const char *wm_gateway_wrong(const struct wm_gateway *g)
{
	return *g->registry.text ? g->registry.text : *g->problem.text ? g->problem.text : g->waits.text;
}

/* --- following ------------------------------------------------------------------------- */

static int check_generation(const struct wm_gateway *g, const struct wm_config *config, struct wm_error *err)
{
	const struct wm_mesh *have = &g->config.mesh, *got = &config->mesh;

	if (g->have_config && !strcmp(have->instance, got->instance) && got->generation < have->generation)
		return wm_fail(err, EPROTO, "the registry has generation %" PRIu64 ", older than %" PRIu64 " which is in force here and is kept; a registry that was put back to an earlier state needs a new instance to be followed (docs/api.md)",
			       got->generation, have->generation);
	return 0;
}

static bool is_what_we_have(const struct wm_gateway *g, const struct wm_config *config)
{
	const struct wm_mesh *have = &g->config.mesh, *got = &config->mesh;

	return g->have_config && !strcmp(have->instance, got->instance) && have->generation == got->generation &&
	       !strcmp(have->mark, got->mark);
}

/* delta: what made the config out of the one that is on disk; NULL: nothing did. */
static void save(struct wm_gateway *g, const struct wm_delta *delta)
{
	char path[WM_PATH_SIZE];
	struct wm_error err;
	int rc = wm_gateway_config_path(g->inst, path);

	if (rc)
		rc = wm_fail(&err, -rc, "%s: the path is too long", g->inst->state_dir);
	else if (!delta || g->unsaved || (rc = wm_config_append(path, &g->journal, delta, &err)))
		rc = wm_config_save(path, &g->config, &g->journal, &err);
	g->unsaved = rc < 0;
	if (rc)
		wm_warning("%s; it will be fetched again after a restart", err.text);
}

static size_t objects(const struct wm_config *c)
{
	return c->nsites + c->nhosts + c->ndevices;
}

/* A config that cannot be planned is refused whole and the last good one stays. 1: it waits for the operator. */
static int accept_config(struct wm_gateway *g, struct wm_config *config, struct wm_error *err)
{
	int rc = check_generation(g, config, err);

	if (!rc)
		rc = check_plan(g, config, err);
	if (rc) {
		wm_config_free(config);
		return wm_fail_in(err, rc, "refused the registry's config");
	}
	if (g->have_config &&
	    !wm_gateway_may_remove(g, &config->mesh, wm_removal_count(&g->config, config), objects(&g->config), objects(config))) {
		wm_config_free(config);
		return 1;
	}
	wm_gateway_removal_accepted(g);
	/* What there was goes before the new plan is made: all hosts twice are much. */
	wm_plan_free(&g->plan);
	g->planned = false;
	wm_config_free(&g->config);
	g->config = *config;
	g->have_config = true;
	g->need_whole = false;
	save(g, NULL);
	g->tell_self = wm_gateway_self_differs(g);
	/* What the kernel says to it is g->problem, not the registry's fault. */
	wm_gateway_apply(g);
	return 0;
}

/* The plan follows the config: by parts (*ret_parts true and *ret what these are), or made anew. */
static int follow_plan(struct wm_gateway *g, const struct wm_config_diff *diff, bool *ret_parts, struct wm_plan_diff *ret,
		       struct wm_error *err)
{
	struct wm_self self;
	struct wm_plan plan;
	int rc = look_at_self(g, &self, err);

	*ret_parts = !rc && g->planned && wm_self_equal(&self, &g->self) &&
		     !wm_plan_change(&g->plan, &g->config, &self, diff, ret);
	if (!rc && !*ret_parts) {
		rc = wm_plan_make(&g->config, &self, &plan, err);
		if (!rc)
			take_plan(g, &plan, &self);
	}
	wm_wipe(&self, sizeof(self));
	return rc;
}

/* Asked before the plan follows: the config has changed by diff already. */
static bool may_change(struct wm_gateway *g, const struct wm_config_diff *diff)
{
	size_t known, removed = wm_removal_count_diff(diff, &g->config, &known);

	/* Without our own site it will be refused. */
	return !wm_config_site(&g->config, g->inst->domain) || wm_gateway_may_remove(g, &g->config.mesh, removed, known, objects(&g->config));
}

/* The same with what has changed. If it does not fit, the whole is asked for: that may. */
static int accept_changes(struct wm_gateway *g, const struct wm_delta *delta, struct wm_error *err)
{
	uint64_t before = g->plan.generation;
	struct wm_plan_diff parts = { 0 };
	struct wm_config_diff diff;
	bool by_parts = false;
	int rc = wm_config_change(&g->config, delta, &diff, err);

	if (!rc && !may_change(g, &diff)) {
		wm_config_undo(&g->config, &diff);
		wm_config_diff_free(&diff);
		return 1;
	}
	if (!rc) {
		rc = follow_plan(g, &diff, &by_parts, &parts, err);
		if (rc)
			wm_config_undo(&g->config, &diff);
	}
	wm_config_diff_free(&diff);
	if (rc) {
		g->need_whole = true;
		return wm_fail_in(err, rc, "refused the registry's changes");
	}
	wm_gateway_removal_accepted(g);
	save(g, delta);
	g->tell_self = wm_gateway_self_differs(g);
	carry_out(g, by_parts ? &parts : NULL, before);
	wm_plan_diff_free(&parts);
	return 0;
}

/* --- asking ------------------------------------------------------------------------------ */

static int ask_enrol(struct wm_gateway *g, struct wm_error *err)
{
	const struct wm_instance *inst = g->inst;
	struct wm_fetch_enrol req = {
		.public_key = g->id.public_key, .endpoint = inst->locate.given, .subnet = inst->subnet, .hub = inst->hub,
		.preshared = true,
	};
	int rc;

	wm_fetcher_target(inst, g->id.enrolment, &req.target);
	memcpy(req.domain, inst->domain, sizeof(req.domain));
	memcpy(req.carrier, inst->carrier, sizeof(req.carrier));
	req.carrier_ip = inst->carrier_ip;
	memcpy(req.new_token, g->id.token, sizeof(req.new_token));
	rc = wm_fetcher_send(&g->fetcher, inst, WM_RECORD_ENROL, &req, sizeof(req), err);
	wm_wipe(&req, sizeof(req));
	g->enrolling = !rc;
	return rc;
}

int wm_gateway_ask(struct wm_gateway *g, unsigned int wait_s, struct wm_error *err)
{
	struct wm_fetch_request req = { .wait_s = wait_s };
	int rc;

	if (g->need_enrol)
		return ask_enrol(g, err);
	g->enrolling = false;
	wm_fetcher_target(g->inst, g->id.token, &req.target);
	if (g->have_config) {
		memcpy(req.instance, g->config.mesh.instance, sizeof(req.instance));
		req.after = g->need_whole ? 0 : g->config.mesh.generation;
		memcpy(req.mark, g->config.mesh.mark, sizeof(req.mark));
	}
	rc = wm_fetcher_send(&g->fetcher, g->inst, WM_RECORD_FETCH, &req, sizeof(req), err);
	wm_wipe(&req, sizeof(req));
	return rc;
}

/* What was asked is refused or makes no sense, by whoever answers there: the whole may be had all the same. Not when the
 * registry is away or busy, which the whole would only make worse. */
static bool may_help_to_ask_for_all(long status)
{
	return status == 200 || status == 501 || (status >= 400 && status < 500 && status != 401 && status != 408 && status != 429);
}

static enum wm_gateway_next failed(struct wm_gateway *g, const struct wm_answer *answer)
{
	struct wm_error err = answer->err;

	/* Our token is not accepted (yet, or no longer): what gateway.env holds may get it accepted. */
	if (answer->http_status == 401 && !g->enrolling && !g->enrolled && *g->id.enrolment) {
		g->need_enrol = true;
		return WM_NEXT_AGAIN;
	}
	g->enrolled = false;
	g->need_whole |= !g->enrolling && g->have_config && may_help_to_ask_for_all(answer->http_status);
	if (answer->http_status == 401) {
		wm_fail(&err, EACCES, "the registry accepts neither this gateway's token nor WM_REGISTRY_TOKEN of %s; run 'wm enrol %s' ('wm add-site %s' if the site was removed) and put what it prints there",
			g->inst->env_file, g->inst->domain, g->inst->domain);
		g->need_enrol = false; /* the token may have come through although its answer was lost */
	}
	note_problem(&g->registry, &err, "");
	return WM_NEXT_BACKOFF;
}

/* "Enrolled" to who asked for the config, "nothing new" to who has nothing: asking again at once would have no end. */
static bool is_no_answer(const struct wm_gateway *g, enum wm_answer_kind kind)
{
	return kind == WM_ANSWER_LOCATED || (kind == WM_ANSWER_DONE && !g->enrolling) ||
	       ((kind == WM_ANSWER_UNCHANGED || kind == WM_ANSWER_CHANGES) && (g->enrolling || !g->have_config));
}

enum wm_gateway_next wm_gateway_take(struct wm_gateway *g, struct wm_answer *answer)
{
	const struct wm_error fine = { 0 };
	struct wm_error err = { 0 };
	int rc = 0;

	if (is_no_answer(g, answer->kind)) {
		wm_answer_free(answer);
		wm_fail(&err, EPROTO, "the registry's answer is none to what it was asked");
		note_problem(&g->registry, &err, "");
		return WM_NEXT_BACKOFF;
	}
	switch (answer->kind) {
	case WM_ANSWER_NONE:
	case WM_ANSWER_LOCATED:
		return WM_NEXT_WAIT;
	case WM_ANSWER_PROBLEM:
		return failed(g, answer);
	case WM_ANSWER_DONE:
		wm_info("enrolled as the gateway of site '%s'", g->inst->domain);
		g->need_enrol = false;
		g->enrolled = true;
		return WM_NEXT_AGAIN;
	case WM_ANSWER_UNCHANGED:
		break;
	case WM_ANSWER_CONFIG:
		/* A registry or proxy that does not know `after` would have us ask without end. */
		if (is_what_we_have(g, &answer->config)) {
			wm_config_free(&answer->config);
			g->need_whole = false;
			answer->kind = WM_ANSWER_UNCHANGED;
			break;
		}
		rc = accept_config(g, &answer->config, &err);
		break;
	case WM_ANSWER_CHANGES:
		rc = accept_changes(g, &answer->delta, &err);
		wm_delta_free(&answer->delta);
		break;
	}
	if (rc < 0) {
		note_problem(&g->registry, &err, "");
		return WM_NEXT_BACKOFF;
	}
	if (answer->kind == WM_ANSWER_UNCHANGED)
		wm_gateway_removal_done(g); /* the registry has taken it back */
	/* Key and PUBLIC_IP may be others than when we ran last, in a mesh that is the same. */
	if (!g->registry_seen && g->have_config)
		g->tell_self |= wm_gateway_self_differs(g);
	/* A registry that was away may be a new process, which has no reports. */
	g->report_due |= *g->registry.text != '\0';
	note_problem(&g->registry, &fine, "the registry answers again");
	g->registry_seen = wm_unix_time();
	if (rc == 1)
		return WM_NEXT_BACKOFF;
	return answer->kind == WM_ANSWER_CONFIG || answer->kind == WM_ANSWER_CHANGES ? WM_NEXT_AGAIN : WM_NEXT_IDLE;
}
