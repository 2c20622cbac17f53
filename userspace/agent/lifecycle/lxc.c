/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/lifecycle/lxc.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/lifecycle/lxc_own.h"
#include "core/util.h"
#include "kernel/host.h"

#define INSIDE_S 300

static int verb(const struct wm_life_options *opt, const struct wm_step *steps, size_t n)
{
	struct wm_lxc_own own = { 0 };
	int code = wm_life_run(opt, steps, n, &own);

	wm_env_free(own.env);
	wm_settings_free(&own.settings);
	return code;
}

/* --- install ------------------------------------------------------------------------------------- */

#define MODULES "/etc/modules-load.d/wm-gateway.conf"
static const char modules[] = WM_LIFE_MARK " --lxc: a container cannot load it.\nwireguard\n";

/* A container shares the kernel, and cannot load its modules. */
static int module(struct wm_life *l, struct wm_error *err)
{
	char path[WM_PATH_SIZE];
	int rc = wm_life_path(l, path, err, MODULES);

	if (rc)
		return rc;
	if (wm_host_has_wireguard())
		return wm_step_file(l, path, 0644, modules, strlen(modules), err);
	wm_life_note(l, "this machine's kernel has no WireGuard: the container uses wireguard-go, which is slower");
	return 0;
}

static int is_one(const char *path, const struct wm_lxc_facts *facts, void *arg)
{
	(void)path;
	(void)facts;
	(void)arg;
	return 1;
}

/* With the last container, and only as we wrote it. */
static int module_gone(struct wm_life *l, struct wm_error *err)
{
	WM_AUTO_FREE char *text = NULL;
	char path[WM_PATH_SIZE];
	int rc = wm_life_path(l, path, err, MODULES);

	if (rc || wm_lxc_others(l, is_one, NULL) || wm_read_file(path, 4096, &text, NULL) || strcmp(text, modules))
		return rc;
	return wm_step_remove(l, path, err);
}

/* Networks of LXC's containers are theirs from their start. */
static int up(struct wm_life *l, struct wm_error *err)
{
	struct wm_lxc_own *own = wm_lxc_own(l);
	int rc = 0;

	if (own->rewired) {
		wm_life_note(l, "the container's networks are others now: it is started anew");
		rc = wm_step_box_stop(l, wm_lxc_box(l), err);
	}
	/* Who asks for its state is told that there is none. */
	if (!rc && own->made && l->dry_run) {
		wm_life_change(l, "started", "start", "container %s", wm_lxc_box(l)->name);
		return 0;
	}
	if (!rc)
		rc = wm_step_box_start(l, wm_lxc_box(l), err);
	if (!rc)
		rc = wm_box_running(wm_lxc_box(l), err);
	own->there = rc > 0 && !(l->dry_run && own->rewired);
	return rc < 0 ? rc : wm_lxc_keep_networks(l, err);
}

/* Until its services are up: what is started before may be stopped again by what comes up. */
static int settle(struct wm_life *l, struct wm_error *err)
{
	static const char wait[] = "i=0; while [ $i -lt 240 ]; do "
				   "case $(systemctl is-system-running 2>/dev/null) in running|degraded) exit;; esac; "
				   "[ ! -e /run/openrc/softlevel ] || exit 0; "
				   "command -v systemctl >/dev/null || command -v rc-service >/dev/null || exit 0; "
				   "sleep 0.5; i=$((i + 1)); done";
	int rc = !l->dry_run ? wm_box_run(wm_lxc_box(l), NULL, 0, 120, NULL, err, "/bin/sh", "-c", wait, NULL) : 0;

	/* One that never comes to rest is used all the same. */
	return rc == -ETIMEDOUT ? 0 : WM_MIN(rc, 0);
}

static int settle_new(struct wm_life *l, struct wm_error *err)
{
	return wm_lxc_own(l)->there ? settle(l, err) : 0;
}

static int host_part(struct wm_life *l, struct wm_error *err)
{
	int rc = wm_step_lxc_host(l, &wm_lxc_own(l)->facts, err);

	if (!rc && !l->dry_run)
		wm_lxc_host_look(&wm_lxc_own(l)->facts, l->out);
	return rc;
}

static const struct wm_step install_steps[] = {
	{ NULL, wm_lxc_collect },  { NULL, wm_lxc_look },	{ NULL, wm_lxc_plan_networks }, { NULL, wm_lxc_plan_port },
	{ NULL, wm_lxc_keep },
	{ NULL, module },	   { NULL, wm_lxc_make },	{ NULL, wm_lxc_wire },	        { NULL, up },
	{ NULL, settle_new },	   { NULL, wm_lxc_basics },	{ "packages", wm_lxc_packages }, { "programs", wm_lxc_programs },
	{ NULL, wm_lxc_upgrades }, { NULL, host_part },	{ NULL, wm_lxc_restore_into },
	{ NULL, wm_lxc_gateway },
};

int wm_lxc_install(const struct wm_life_options *opt)
{
	return verb(opt, install_steps, WM_ARRAY_LEN(install_steps));
}

/* --- what there is ----------------------------------------------------------------------------------- */

int wm_lxc_know(struct wm_life *l, struct wm_error *err)
{
	char path[WM_PATH_SIZE];
	int rc = wm_lxc_path(l, "container.state", path, err);

	if (!rc)
		rc = wm_lxc_facts_load(path, &wm_lxc_own(l)->facts, err);
	if (!rc) {
		rc = wm_lxc_ours(l, &wm_lxc_own(l)->facts, err);
		wm_lxc_own(l)->known = rc > 0;
		return WM_MIN(rc, 0);
	}
	if (rc != -ENOENT)
		return rc;
	return wm_fail(err, ENOENT, "this machine carries no gateway in a container (%s is not there); 'wm-gateway install --lxc' makes one", path);
}

bool wm_lxc_here(const struct wm_life_options *opt)
{
	struct wm_life life;
	char path[WM_PATH_SIZE];

	return !wm_life_begin(&life, opt, NULL) && !wm_lxc_path(&life, "container.state", path, NULL) && !access(path, F_OK);
}

int wm_lxc_need_box(const struct wm_life *l, struct wm_error *err)
{
	return wm_lxc_own(l)->known ? 0 : wm_fail(err, ENOENT, "container %s is not there; 'wm-gateway install' makes it", wm_lxc_box(l)->name);
}

/* --- start, stop --------------------------------------------------------------------------------------- */

static int box_up(struct wm_life *l, struct wm_error *err)
{
	int rc = wm_lxc_need_box(l, err);

	if (rc)
		return rc;
	if (wm_lxc_box(l)->kind == WM_BOX_LXC && !wm_lxc_own(l)->facts.tamed)
		return wm_fail(err, EINVAL, "the making of container %s was broken off; 'wm-gateway install' goes on with it", wm_lxc_box(l)->name);
	return wm_step_box_start(l, wm_lxc_box(l), err);
}

static int box_down(struct wm_life *l, struct wm_error *err)
{
	return wm_lxc_own(l)->known ? wm_step_box_stop(l, wm_lxc_box(l), err) : 0;
}

/* Its service comes up with it, unless somebody has stopped that alone. */
static int service_up(struct wm_life *l, struct wm_error *err)
{
	char text[WM_RUN_OUTPUT];
	int rc = l->dry_run ? 0 : wm_box_run(wm_lxc_box(l), NULL, 0, INSIDE_S, text, err, WM_LXC_PROGRAM, "start", NULL);

	if (rc <= 0)
		return rc;
	return wm_fail(err, EIO, "container %s runs, but its gateway does not start: %s", wm_lxc_box(l)->name, wm_box_last_words(text));
}

static const struct wm_step start_steps[] = { { NULL, wm_lxc_know }, { NULL, box_up }, { NULL, wm_lxc_boot }, { NULL, settle }, { NULL, service_up }, { NULL, host_part } };
static const struct wm_step stop_steps[] = { { NULL, wm_lxc_know }, { NULL, box_down } };

int wm_lxc_start(const struct wm_life_options *opt)
{
	return verb(opt, start_steps, WM_ARRAY_LEN(start_steps));
}

int wm_lxc_stop(const struct wm_life_options *opt)
{
	return verb(opt, stop_steps, WM_ARRAY_LEN(stop_steps));
}

/* --- uninstall, destroy ---------------------------------------------------------------------------------- */

static int host_part_gone(struct wm_life *l, struct wm_error *err)
{
	return wm_step_lxc_host_gone(l, &wm_lxc_own(l)->facts, err);
}

static int say_kept(struct wm_life *l, struct wm_error *err)
{
	(void)err;
	wm_life_note(l, "kept: container %s, with the gateway's key in it; 'wm-gateway install --lxc' or 'start' brings it back, 'wm-gateway destroy' removes it and the site",
		     wm_lxc_box(l)->name);
	return 0;
}

static int sure(struct wm_life *l, struct wm_error *err)
{
	char question[WM_PATH_SIZE];

	wm_format(question, sizeof(question), "%s container %s, with the gateway's private key?",
		  l->opt->keep_site ? "Destroy" : "Remove the site from the registry, and destroy", wm_lxc_box(l)->name);
	return wm_life_sure(l, question, err) ? 0 : -ECANCELED;
}

static int tell_to_leave(struct wm_life *l, struct wm_error *err)
{
	char text[WM_RUN_OUTPUT];
	int rc = wm_box_running(wm_lxc_box(l), err);

	if (rc <= 0 || !wm_life_change(l, "told", "tell", "the gateway in container %s to destroy itself", wm_lxc_box(l)->name))
		return WM_MIN(rc, 0);
	rc = wm_box_run(wm_lxc_box(l), NULL, 0, INSIDE_S, text, err, WM_LXC_PROGRAM, "destroy", "--yes", NULL);
	return rc <= 0 ? rc : wm_fail(err, EIO, "container %s: %s", wm_lxc_box(l)->name, wm_box_last_words(text));
}

/* Only it has the token by which it may. One that was never finished has none, and is not started for that. */
static int leave(struct wm_life *l, struct wm_error *err)
{
	const struct wm_lxc_own *own = wm_lxc_own(l);
	int rc;

	if (l->opt->keep_site || (own->known && own->facts.box.kind == WM_BOX_LXC && !own->facts.tamed))
		return 0;
	if (!own->known && own->facts.made)
		wm_life_note(l, "container %s is not there any more, and with it the token: if its site is still in the registry, 'wm remove-site' takes it out", own->facts.box.name);
	if (!own->known)
		return 0;
	rc = wm_step_box_start(l, wm_lxc_box(l), err);
	if (!rc)
		rc = tell_to_leave(l, err);
	return rc ? wm_fail_in(err, rc, "the site was not deregistered, and nothing was destroyed (--keep-site does without)") : 0;
}

static int destroy_box(struct wm_life *l, struct wm_error *err)
{
	return wm_lxc_own(l)->known ? wm_step_box_destroy(l, wm_lxc_box(l), err) : 0;
}

static int forget(struct wm_life *l, struct wm_error *err)
{
	static const char *const files[] = { "container.hook", WM_LXC_BACKUP, "container.env", "container.state" };
	char path[WM_PATH_SIZE];
	int rc = 0;

	for (size_t i = 0; i < WM_ARRAY_LEN(files) && !rc; i++) {
		rc = wm_lxc_path(l, files[i], path, err);
		if (!rc)
			rc = wm_step_remove(l, path, err);
	}
	return rc;
}

static const struct wm_step uninstall_steps[] = { { NULL, wm_lxc_know }, { NULL, wm_lxc_no_boot }, { NULL, box_down }, { NULL, host_part_gone }, { NULL, say_kept } };
static const struct wm_step destroy_steps[] = {
	{ NULL, wm_lxc_know }, { NULL, sure }, { NULL, leave }, { NULL, box_down }, { NULL, destroy_box }, { NULL, host_part_gone }, { NULL, module_gone },
	{ NULL, forget },
};

int wm_lxc_uninstall(const struct wm_life_options *opt)
{
	return verb(opt, uninstall_steps, WM_ARRAY_LEN(uninstall_steps));
}

int wm_lxc_destroy(const struct wm_life_options *opt)
{
	return verb(opt, destroy_steps, WM_ARRAY_LEN(destroy_steps));
}
