/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/lifecycle/register.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/gateway.h"
#include "core/util.h"

#define ANSWER_S 60
#define LEFT_SIZE (WM_NAME_SIZE + WM_PATH_SIZE + 2)

/* As much of a gateway as asks the registry. A run may live beside it: nothing is written but what wm_identity_load makes. */
static int open_client(struct wm_life *l, struct wm_gateway *g, struct wm_error *err)
{
	char path[WM_PATH_SIZE];
	int rc;

	*g = (struct wm_gateway){ .inst = &l->inst, .fetcher.fd = -1, .teller.fd = -1 };
	rc = wm_identity_load(&l->inst, &g->id, err);
	if (rc)
		return rc;
	/* With it the answer is short: that nothing is new. */
	g->have_config = !wm_gateway_config_path(&l->inst, path) && !wm_config_load(path, &g->config, NULL);
	g->need_enrol = g->id.fresh && *g->id.enrolment;
	return 0;
}

static int ask(struct wm_gateway *g, struct wm_answer *ret, struct wm_error *err)
{
	int rc = wm_gateway_ask(g, 0, err);

	if (!rc)
		wm_fetcher_wait(&g->fetcher, ANSWER_S, ret);
	return rc;
}

static bool is_refusal(const struct wm_answer *answer)
{
	return answer->kind == WM_ANSWER_PROBLEM && answer->http_status == 401;
}

static int unknown_to(const struct wm_gateway *g, struct wm_error *err)
{
	const char *domain = g->inst->domain;

	return wm_fail(err, EACCES, "the registry at %s takes neither this gateway's token nor the one that was given; get an enrolment by 'wm enrol %s' ('wm add-site %s' if there is no such site) and give it as WM_REGISTRY_TOKEN",
		       g->inst->registry_url, domain, domain);
}

/* What came of it, once nothing more is to be asked. */
static int conclude(struct wm_life *l, const struct wm_gateway *g, const struct wm_answer *answer, struct wm_error *err)
{
	if (answer->kind != WM_ANSWER_PROBLEM) {
		if (g->enrolling)
			wm_life_change(l, "registered", "register", "site '%s' at %s", l->inst.domain, l->inst.registry_url);
		return 0;
	}
	if (is_refusal(answer))
		return unknown_to(g, err);
	/* It was registered before, and is not now that the registry is away. */
	if (!g->enrolling && !g->id.fresh && (!answer->http_status || answer->http_status >= 500)) {
		wm_life_note(l, "%s; this gateway was registered before, so that is left as it is", answer->err.text);
		return 0;
	}
	*err = answer->err;
	return -answer->code;
}

static int ask_until_known(struct wm_life *l, struct wm_gateway *g, struct wm_error *err)
{
	struct wm_answer answer = { 0 };
	int rc = ask(g, &answer, err);

	if (!rc && is_refusal(&answer) && !g->need_enrol && *g->id.enrolment) {
		g->need_enrol = true;
		rc = ask(g, &answer, err);
	}
	if (!rc)
		rc = conclude(l, g, &answer, err);
	wm_answer_free(&answer);
	return rc;
}

static void say_files(struct wm_life *l, const char *token, bool had_key, bool had_token)
{
	if (!had_key)
		wm_life_change(l, "created", "create", "%s", l->inst.key_file);
	if (!had_token && wm_token_kind(l->inst.registry_token) != WM_TOKEN_GATEWAY)
		wm_life_change(l, "created", "create", "%s", token);
}

int wm_step_register(struct wm_life *l, struct wm_error *err)
{
	char token[WM_PATH_SIZE], left[WM_PATH_SIZE];
	struct wm_gateway g;
	bool had_key = !access(l->inst.key_file, F_OK), had_token;
	int rc;

	if (wm_format(token, sizeof(token), "%s/token", l->inst.state_dir))
		return wm_fail(err, ENAMETOOLONG, "%s: the path is too long", l->inst.state_dir);
	had_token = !access(token, F_OK);
	if (l->dry_run) {
		say_files(l, token, had_key, had_token);
		if (!had_token && wm_token_kind(l->inst.registry_token) != WM_TOKEN_GATEWAY)
			wm_life_change(l, "registered", "register", "site '%s' at %s", l->inst.domain, l->inst.registry_url);
		return 0;
	}
	if (!wm_format(left, sizeof(left), "%s/left", l->inst.state_dir))
		unlink(left); /* it comes back */
	rc = open_client(l, &g, err);
	if (!rc) {
		say_files(l, token, had_key, had_token);
		rc = ask_until_known(l, &g, err);
	}
	wm_gateway_close(&g);
	return rc;
}

/* --- leaving ---------------------------------------------------------------------------------- */

static int leave(struct wm_gateway *g, struct wm_answer *ret, struct wm_error *err)
{
	struct wm_fetch_leave req = { 0 };
	int rc;

	wm_fetcher_target(g->inst, g->id.token, &req.target);
	memcpy(req.domain, g->inst->domain, sizeof(req.domain));
	rc = wm_fetcher_send(&g->fetcher, g->inst, WM_RECORD_LEAVE, &req, sizeof(req), err);
	wm_wipe(&req, sizeof(req));
	if (!rc)
		wm_fetcher_wait(&g->fetcher, ANSWER_S, ret);
	return rc;
}

/* Neither 401 nor 404 is proof that the site is gone: a token ends with each new enrolment, a proxy knows no path of ours, and
 * a registry that was set up anew knows nobody. With the key the last means to find out would be gone too. */
static int refused(const struct wm_life *l, const struct wm_answer *answer, struct wm_error *err)
{
	const char *domain = l->inst.domain;

	*err = answer->err;
	if (answer->http_status != 401 && answer->http_status != 404)
		return wm_fail_in(err, -answer->code, "nothing was taken away; --keep-site does without the registry");
	return wm_fail(err, answer->code, "the registry at %s %s: site '%s' may still be there, and nothing was taken away; 'wm list-sites' shows it, 'wm remove-site %s' removes it, and then 'wm-gateway destroy --keep-site' what is here",
		       l->inst.registry_url, answer->http_status == 401 ? "does not take this gateway's token (any more)" : "does not know this site, or is not where that address leads",
		       domain, domain);
}

/* That it has left, for a destroy that did not get further: the token is of no use then. */
static int left_text(const struct wm_life *l, char *ret_path, char *ret, size_t size)
{
	int rc = wm_format(ret_path, WM_PATH_SIZE, "%s/left", l->inst.state_dir);

	return rc ? rc : wm_format(ret, size, "%s %s\n", l->inst.domain, l->inst.registry_url);
}

static bool left_before(const struct wm_life *l)
{
	WM_AUTO_FREE char *have = NULL;
	char path[WM_PATH_SIZE], text[LEFT_SIZE];

	return !left_text(l, path, text, sizeof(text)) && !wm_read_file(path, sizeof(text), &have, NULL) && !strcmp(have, text);
}

static void remember_left(const struct wm_life *l)
{
	char path[WM_PATH_SIZE], text[LEFT_SIZE];
	int rc = left_text(l, path, text, sizeof(text));

	if (!rc) {
		wm_remove_unfinished(path);
		rc = wm_replace_file(path, 0600, text, strlen(text));
	}
	if (rc)
		wm_life_note(l, "%s: cannot be written (%s); if this ends early, --keep-site goes on", path, strerror(-rc));
}

static bool say_left(struct wm_life *l)
{
	return wm_life_change(l, "deregistered", "deregister", "site '%s' at %s", l->inst.domain, l->inst.registry_url);
}

int wm_step_leave(struct wm_life *l, struct wm_error *err)
{
	struct wm_gateway g = { .fetcher.fd = -1, .teller.fd = -1 };
	struct wm_answer answer = { 0 };
	int rc;

	if (left_before(l))
		return 0;
	if (l->dry_run) {
		say_left(l);
		return 0;
	}
	rc = open_client(l, &g, err);
	if (rc)
		rc = wm_fail_in(err, rc, "nothing was taken away; --keep-site does without the registry");
	else
		rc = leave(&g, &answer, err);
	if (!rc && answer.kind == WM_ANSWER_PROBLEM)
		rc = refused(l, &answer, err);
	wm_answer_free(&answer);
	wm_gateway_close(&g);
	if (rc)
		return rc;
	remember_left(l);
	say_left(l);
	return 0;
}
