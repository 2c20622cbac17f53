/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm-gateway: brings this machine in line with the registry. Under the name
 * wm-bpf the same file looks into the data plane.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/check.h"
#include "agent/ctl.h"
#include "agent/down.h"
#include "agent/gateway.h"
#include "agent/gateway_options.h"
#include "agent/handover.h"
#include "agent/lifecycle/lxc.h"
#include "agent/lifecycle/verbs.h"
#include "agent/loop.h"
#include "agent/removal.h"
#include "agent/status.h"
#include "agent/update_cmd.h"
#include "agent/workable.h"
#include "core/log.h"
#include "core/util.h"
#include "tools/wm_bpf.h"

#define SYNC_TIMEOUT_S 120
#define SYNC_ROUNDS 12 /* enrolment, the config and what changes meanwhile; of whoever has more to say no end is in sight */

static int fail(const struct wm_error *err)
{
	fprintf(stderr, "wm-gateway: %s\n", err->text);
	return 1;
}

static int need_root(void)
{
	if (!geteuid())
		return 0;
	fprintf(stderr, "wm-gateway: this needs root (it configures WireGuard, routes and BPF); run it with sudo\n");
	return 1;
}

/* What the registry says is no use; changes: what it said first, if it was asked twice. */
static void complain(const struct wm_gateway *g, const char *changes)
{
	const char *now = g->registry.text, *first = *changes ? changes : now;
	bool both = strcmp(first, now) != 0;

	fprintf(stderr, "wm-gateway: %s%s%s%s\n", first, both ? "; and when asked for all: " : "", both ? now : "",
		g->applied ? "; the last known config is in force" : "");
}

/* The registry had something else each time. In a mesh that changes all the time what it said last is as good as any; two
 * registries that take turns are not. */
static int no_end(const struct wm_gateway *g, unsigned int turns)
{
	if (turns < SYNC_ROUNDS / 2)
		return 0;
	fprintf(stderr, "wm-gateway: the registry at %s is another one almost each time it is asked, as if there were two (a balancer?); what was said last is in force\n",
		g->inst->registry_url);
	return 1;
}

/* Asks until the registry has nothing more to say. */
static int sync_alone(struct wm_gateway *g)
{
	enum wm_gateway_next next = WM_NEXT_AGAIN;
	struct wm_error changes = { 0 }; /* why they were refused */
	bool asked_for_all = false;
	unsigned int turns = 0; /* how often it was another registry */
	struct wm_error err;

	for (int round = 0; next == WM_NEXT_AGAIN && round < SYNC_ROUNDS; round++) {
		char before[WM_INSTANCE_ID_SIZE];
		struct wm_answer answer;

		memcpy(before, g->config.mesh.instance, sizeof(before));
		if (wm_gateway_ask(g, 0, &err))
			return fail(&err);
		wm_fetcher_wait(&g->fetcher, SYNC_TIMEOUT_S, &answer);
		next = wm_gateway_take(g, &answer);
		turns += strcmp(before, g->config.mesh.instance) != 0;
		/* Who stays asks again by himself, after a while. */
		if (next == WM_NEXT_BACKOFF && g->need_whole && !asked_for_all) {
			asked_for_all = true;
			changes = g->registry;
			next = WM_NEXT_AGAIN;
		}
	}
	if ((next == WM_NEXT_BACKOFF && !*g->waits.text) || *g->registry.text) {
		/* The registry is away or talks nonsense: the last good config is what holds. */
		wm_gateway_apply(g);
		complain(g, changes.text);
		return 1;
	}
	if (wm_gateway_apply(g))
		return fail(&g->problem);
	if (*g->waits.text)
		return fail(&g->waits);
	if (next == WM_NEXT_AGAIN && no_end(g, turns))
		return 1;
	printf("in sync: generation %llu, data plane %s\n", (unsigned long long)g->config.mesh.generation, g->last.dataplane);
	if (*g->last.dataplane_note)
		fprintf(stderr, "wm-gateway: data plane %s: %s\n", g->last.dataplane, g->last.dataplane_note);
	return 0;
}

/* What a run has answered, for the operator. The exit code. */
static int tell_synced(const char *text, int code)
{
	const char *but = code ? NULL : strstr(text, "\n" WM_CTL_BUT);

	if (but)
		fprintf(stderr, "wm-gateway: %s", but + 1 + strlen(WM_CTL_BUT));
	else
		fprintf(code ? stderr : stdout, "%s%s", code ? "wm-gateway: " : "", text);
	return but ? 1 : code;
}

/* generation: 0, or the one that the operator confirms. */
static int sync_or_confirm(const struct wm_instance *inst, const struct wm_gateway_options *opt, uint64_t generation)
{
	WM_AUTO_CLOSE int lock = -1;
	WM_AUTO_FREE char *text = NULL;
	struct wm_error err = { 0 };
	struct wm_gateway g;
	int code, rc;

	rc = wm_ctl_ask(inst, generation ? WM_CTL_CONFIRM : WM_CTL_SYNC, opt->json, generation, SYNC_TIMEOUT_S, &text, &code, &err);
	if (!rc)
		return tell_synced(text, code);
	if (rc != -ENOENT)
		return fail(&err);
	if (wm_ctl_lock(inst, &lock, &err) || wm_gateway_open(&g, inst, &err))
		return fail(&err);
	/* Kept, so that it holds also when the registry is away now. */
	rc = generation ? wm_gateway_confirm(&g, generation, &err) : 0;
	code = rc ? fail(&err) : sync_alone(&g);
	wm_gateway_close(&g);
	return code;
}

static int cmd_sync(const struct wm_instance *inst, const struct wm_gateway_options *opt)
{
	return sync_or_confirm(inst, opt, 0);
}

static int cmd_confirm(const struct wm_instance *inst, const struct wm_gateway_options *opt)
{
	const char *text = opt->generation ? opt->generation : "";
	char *end;
	uint64_t generation;

	errno = 0;
	generation = strtoull(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && !errno && generation)
		return sync_or_confirm(inst, opt, generation);
	fprintf(stderr, "wm-gateway: confirm takes the number of the generation that waits; 'wm-gateway status' says it\n");
	return 2;
}

static int cmd_run(const struct wm_instance *inst, const struct wm_gateway_options *opt)
{
	WM_AUTO_CLOSE int lock = -1, ctl = -1;
	struct wm_error err;
	struct wm_gateway g;
	int code;

	(void)opt;
	if (wm_ctl_lock(inst, &lock, &err) || wm_gateway_open(&g, inst, &err))
		return fail(&err);
	code = wm_ctl_listen(inst, &ctl, &err) ? fail(&err) : wm_loop_run(&g, ctl);
	wm_gateway_close(&g);
	return code;
}

/* The files of /etc/wm and what was fetched stay: the next sync puts everything back. */
static int cmd_down(const struct wm_instance *inst, const struct wm_gateway_options *opt)
{
	struct wm_error err;

	(void)opt;
	if (wm_gateway_down(inst, &err))
		return fail(&err);
	printf("down: nothing of %s is left in this machine's kernel; 'wm-gateway sync' brings it back\n", inst->ifname);
	return 0;
}

/* Without a live run, disk and kernel tell what they can. */
static int status_alone(const struct wm_instance *inst, const struct wm_gateway_options *opt)
{
	struct wm_gateway g = { .inst = inst, .fetcher.fd = -1, .teller.fd = -1 };
	struct wm_out *out = wm_out_new(stdout, opt->json ? WM_OUT_JSON : WM_OUT_TEXT);
	char path[WM_PATH_SIZE];
	int code;

	if (!out)
		return 1;
	wm_identity_peek(inst, &g.id, NULL);
	if (!wm_gateway_config_path(inst, path))
		g.have_config = !wm_config_load(path, &g.config, NULL);
	wm_gateway_removal_load(&g);
	wm_locating_load(&g.locating, inst);
	wm_status_print(out, &g, false, opt->json);
	code = wm_out_end(out) ? 1 : wm_status_exit_code(&g, false);
	wm_gateway_close(&g);
	return code;
}

static int cmd_status(const struct wm_instance *inst, const struct wm_gateway_options *opt)
{
	WM_AUTO_FREE char *text = NULL;
	struct wm_error err = { 0 };
	int code, rc;

	rc = wm_ctl_ask(inst, WM_CTL_STATUS, opt->json, 0, 10, &text, &code, &err);
	if (rc == -ENOENT)
		return status_alone(inst, opt);
	if (rc)
		return fail(&err);
	fputs(text, stdout);
	return code;
}

static int cmd_check(const struct wm_instance *inst, const struct wm_gateway_options *opt)
{
	return wm_check(inst, opt->json);
}

static int cmd_update(const struct wm_instance *inst, const struct wm_gateway_options *opt)
{
	return opt->check ? wm_update_check(inst) : wm_update_now(inst);
}

static int cmd_self_test(const struct wm_instance *inst, const struct wm_gateway_options *opt)
{
	(void)opt;
	return wm_workable(inst);
}

/* Who runs once says in one sentence at the end what is wrong; who stays logs it when it happens. */
static const struct {
	const char *name, *help;
	enum wm_log_level level;
	int (*run)(const struct wm_instance *inst, const struct wm_gateway_options *opt);
	const char *takes; /* of the options, as getopt gives them, besides those that all take */
	bool inside; /* where a container of this machine is the gateway, it is for that */
} verbs[] = {
	{ "sync", "bring this machine in line with the registry once (the default)", WM_LOG_ERROR, cmd_sync, "", true },
	{ "run", "stay and follow changes", WM_LOG_INFO, cmd_run, "" },
	{ "confirm", "GEN: let that generation go into force although it removes most of the mesh", WM_LOG_ERROR, cmd_confirm, "", true },
	{ "down", "take device, routes and data plane off this machine; its files stay", WM_LOG_ERROR, cmd_down, "", true },
	{ "status", "show what is in force and what is wrong", WM_LOG_ERROR, cmd_status, "j", true },
	{ "check", "look for the usual causes of what does not work, and say what to do", WM_LOG_ERROR, cmd_check, "j", true },
	{ "update", "have wm-agent look for a newer release now; --check: only say what there is", WM_LOG_ERROR, cmd_update, "C", true },
	{ "self-test", "say whether this program can work on this machine; changes nothing", WM_LOG_ERROR, cmd_self_test, "" },
};

static void usage(FILE *f)
{
	fprintf(f, "usage: wm-gateway [options] [verb]\n\n");
	for (size_t i = 0; i < WM_ARRAY_LEN(verbs); i++)
		fprintf(f, "  %-9s %s\n", verbs[i].name, verbs[i].help);
	wm_life_usage(f);
	fprintf(f, "\noptions:\n"
		   "  -i, --instance NAME  one of several meshes on this machine (WM_INSTANCE)\n"
		   "  -c, --config FILE    instead of /etc/wm[/NAME]/gateway.env\n"
		   "  -j, --json           machine-readable status and check\n"
		   "  -v, --verbose        log more\n"
		   "      --check          update: only look, take nothing\n"
		   "      --help, --version\n\n"
		   "exit: 0 in sync, 1 not, 2 usage\n");
}

static int run_verb(const char *name, const struct wm_gateway_options *opt)
{
	const struct wm_life_options life = { .instance = opt->instance };
	struct wm_instance inst;
	struct wm_error err;
	char ident[WM_NAME_SIZE + 16];

	for (size_t i = 0; i < WM_ARRAY_LEN(verbs); i++) {
		if (strcmp(name, verbs[i].name))
			continue;
		if (!wm_gateway_options_allow(opt, name, verbs[i].takes))
			return 2;
		/* Asked first: only root may read gateway.env, and "permission denied" would not say so. */
		if (need_root())
			return 1;
		if (!opt->config && verbs[i].inside && wm_lxc_here(&life))
			return wm_lxc_ask(&life, name, opt->json, opt->check, opt->generation);
		if (wm_instance_load(&inst, opt->instance, opt->config, &err))
			return fail(&err);
		snprintf(ident, sizeof(ident), *inst.name ? "wm-gateway[%s]" : "wm-gateway", inst.name);
		wm_log_open(ident, opt->verbose ? WM_LOG_DEBUG : verbs[i].level);
		return verbs[i].run(&inst, opt);
	}
	fprintf(stderr, "wm-gateway: there is no verb '%s'; wm-gateway --help lists them\n", name);
	return 2;
}

static int too_much(const char *arg)
{
	fprintf(stderr, "wm-gateway: '%s' is too much; wm-gateway --help says what each verb takes\n", arg);
	return 2;
}

static int run_life(const struct wm_life_verb *verb, struct wm_gateway_options *opt, int n, char **args)
{
	if (n > (int)verb->most)
		return too_much(args[verb->most]);
	if (!wm_gateway_options_allow(opt, verb->name, verb->takes))
		return 2;
	if (need_root())
		return 1;
	opt->life.instance = opt->instance;
	opt->life.config = opt->config;
	opt->life.args = (const char *const *)args;
	opt->life.nargs = n > 0 ? (unsigned int)n : 0;
	wm_log_open("wm-gateway", opt->verbose ? WM_LOG_DEBUG : WM_LOG_ERROR);
	return verb->run(&opt->life);
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	struct wm_gateway_options opt = { 0 };
	int code;

	wm_handover(argc, argv);
	if (!strcmp(name, "wm-bpf"))
		return wm_bpf_main(argc, argv);
	if (argc > 2 && !strcmp(argv[1], "lxc-hook"))
		return wm_lxc_hook(argv[2]);
	if (wm_key_init()) {
		fprintf(stderr, "wm-gateway: the system has no randomness\n");
		return 1;
	}
	code = wm_gateway_options_parse(argc, argv, usage, &opt);
	if (code >= 0)
		return code;
	name = optind < argc ? argv[optind] : "sync";
	argc -= optind + 1; /* -1: not even a verb */
	argv += optind + 1;
	if (wm_life_verb_find(name))
		return run_life(wm_life_verb_find(name), &opt, argc, argv);
	if (argc == 1 && !strcmp(name, "confirm"))
		opt.generation = argv[0];
	else if (argc > 0)
		return too_much(argv[0]);
	return run_verb(name, &opt);
}
