/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/updater.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/agent_lock.h"
#include "agent/releases.h"
#include "agent/update_work.h"
#include "core/log.h"
#include "core/pace.h"
#include "core/util.h"

#define FIRST_LOOK_S 60 /* after the start, at the latest */
#define CRASHES_MAX 3
#define NEVER UINT64_MAX

/* --- the state ----------------------------------------------------------------------------- */

static int names(const struct wm_updater *u, struct wm_instance *ret, struct wm_error *err)
{
	return wm_instance_names(ret, u->instance, err);
}

/* path: PATH_MAX bytes, where it is saved again. */
static int load_state(const struct wm_updater *u, char *path, struct wm_update_state *ret)
{
	struct wm_instance inst;
	struct wm_error err;
	int rc = names(u, &inst, &err);

	if (!rc)
		rc = wm_releases_state(&inst, path);
	if (!rc)
		rc = wm_update_state_load(path, ret);
	if (rc)
		wm_error("update: what is remembered cannot be read: %s", strerror(-rc));
	return rc;
}

static int save_state(const char *path, const struct wm_update_state *state)
{
	struct wm_error err;
	int rc = wm_update_state_save(path, state, &err);

	if (rc)
		wm_error("update: %s", err.text);
	return rc;
}

/* --- phases -------------------------------------------------------------------------------------- */

/* The settings may have changed since. */
static void rest(struct wm_updater *u, unsigned int most_s)
{
	struct wm_instance inst;
	struct wm_error err;
	unsigned int s = 600;

	if (!wm_instance_load(&inst, u->instance, u->config, &err)) {
		s = inst.update_interval_s;
		wm_wipe(&inst, sizeof(inst));
	}
	u->phase = WM_UPDATER_RESTING;
	u->next_ms = wm_monotonic_ms() + wm_jitter(1000ull * WM_MIN(s, most_s));
}

static void run_from_now(struct wm_updater *u, const char *program)
{
	u->change = strcmp(u->program, program) != 0;
	snprintf(u->program, sizeof(u->program), "%s", program);
}

/* The proved one: of the package, when no release is newer than that. */
static int proved_program(const struct wm_updater *u, char *ret)
{
	struct wm_version own, current;
	struct wm_instance inst;

	if (!wm_version_parse(WM_VERSION, &own) && wm_version_compare(&u->proved, &own) > 0 && !names(u, &inst, NULL) &&
	    !wm_releases_current(&inst, &current) && !wm_version_compare(&current, &u->proved))
		return wm_releases_program(&inst, &current, WM_RELEASE_GATEWAY, ret);
	return wm_copy(ret, PATH_MAX, u->packaged);
}

static void run_proved(struct wm_updater *u)
{
	char program[PATH_MAX];

	if (!proved_program(u, program))
		run_from_now(u, program);
}

static void begin_trial(struct wm_updater *u, bool sure)
{
	struct wm_update_state state = { 0 };
	char saved[PATH_MAX], path[PATH_MAX], text[WM_VERSION_TEXT];
	struct wm_instance inst;

	rest(u, UINT_MAX);
	if (names(u, &inst, NULL) || load_state(u, saved, &state) || wm_version_is_none(&state.staged) ||
	    wm_releases_program(&inst, &state.staged, WM_RELEASE_GATEWAY, path))
		return;
	u->trial = state.staged;
	u->sure = sure;
	/* Before anything is started: a release that takes the machine down with it is known by this. */
	wm_update_state_begun(&state, &u->trial);
	if (save_state(saved, &state))
		return;
	wm_info("starting wm-gateway %s, to be kept if it gets in sync", wm_version_format(&u->trial, text));
	u->phase = WM_UPDATER_TRYING;
	run_from_now(u, path);
}

static void end_failed(struct wm_updater *u, bool bad)
{
	struct wm_update_state state;
	char path[PATH_MAX];

	if (!load_state(u, path, &state)) {
		wm_update_state_failed(&state, &u->trial, bad, wm_unix_time(), u->why);
		save_state(path, &state);
	}
	rest(u, UINT_MAX);
}

/* itself: nobody else has ended it. Whether it is to blame is seen when the old one runs again: the registry, or the way to
 * it, may have gone meanwhile. */
static void trial_failed(struct wm_updater *u, bool itself, const char *why)
{
	char text[WM_VERSION_TEXT], before[WM_VERSION_TEXT];

	wm_update_work_stop(u);
	wm_error("update: wm-gateway %s %s; going back to %s", wm_version_format(&u->trial, text), why,
		 wm_version_format(&u->proved, before));
	snprintf(u->why, sizeof(u->why), "%s", why);
	if (u->sure && itself)
		u->phase = WM_UPDATER_RETURNING;
	else
		end_failed(u, false);
	run_proved(u);
}

static void note_proved(const struct wm_updater *u, const struct wm_version *before, const char *but)
{
	struct wm_update_state state;
	char path[PATH_MAX];

	if (load_state(u, path, &state))
		return;
	wm_update_state_proved(&state, before, wm_unix_time(), but);
	save_state(path, &state);
}

static void trial_proved(struct wm_updater *u)
{
	struct wm_version before = u->proved;
	char text[WM_VERSION_TEXT], old[WM_VERSION_TEXT];
	struct wm_instance inst;
	struct wm_error err;

	u->proved = u->trial;
	rest(u, UINT_MAX);
	if (names(u, &inst, &err) || wm_releases_switch(&inst, &u->trial, &err)) {
		/* It runs and works; after a restart it is proved again. */
		wm_error("update: %s", err.text);
		note_proved(u, &before, err.text);
		return;
	}
	wm_info("wm-gateway %s is in force instead of %s", wm_version_format(&u->trial, text), wm_version_format(&before, old));
	note_proved(u, &before, NULL);
	wm_releases_prune(&inst, &u->trial, &before);
}

/* --- what the loop calls ----------------------------------------------------------------------------- */

static int lock_instance(const struct wm_updater *u)
{
	struct wm_instance inst;
	struct wm_error err;
	int lock, rc = names(u, &inst, &err);

	if (!rc)
		rc = wm_agent_lock(&inst, &lock, &err);
	if (!rc)
		return lock;
	wm_warning("%s; this wm-agent does not update", err.text);
	return -1;
}

void wm_updater_open(struct wm_updater *u)
{
	struct wm_instance inst;
	int rc = -ENOENT;

	u->lock = lock_instance(u);
	wm_version_parse(WM_VERSION, &u->proved);
	if (!names(u, &inst, NULL))
		rc = wm_releases_proved(&inst, &u->proved);
	if (rc && rc != -ENOENT)
		wm_warning("%s/current: %s; starting what the package has installed", inst.releases, strerror(-rc));
	run_proved(u);
	u->change = false;
	rest(u, FIRST_LOOK_S);
}

void wm_updater_stop(struct wm_updater *u)
{
	struct wm_update_state state;
	char path[PATH_MAX];

	wm_update_work_stop(u);
	if (u->phase == WM_UPDATER_TRYING && !load_state(u, path, &state)) {
		wm_update_state_given_up(&state);
		save_state(path, &state);
	}
	if (u->phase == WM_UPDATER_RETURNING)
		end_failed(u, false);
	u->phase = WM_UPDATER_RESTING;
	u->change = false;
}

void wm_updater_close(struct wm_updater *u)
{
	if (u->lock >= 0)
		close(u->lock);
}

uint64_t wm_updater_next_ms(const struct wm_updater *u)
{
	return u->phase == WM_UPDATER_RESTING && u->lock >= 0 ? u->next_ms : NEVER;
}

void wm_updater_on_time(struct wm_updater *u)
{
	if (wm_monotonic_ms() < wm_updater_next_ms(u))
		return;
	if (wm_update_work_start(u, wm_update_work_look))
		rest(u, UINT_MAX);
	else
		u->phase = WM_UPDATER_LOOKING;
}

void wm_updater_look_now(struct wm_updater *u)
{
	u->next_ms = 0;
}

bool wm_updater_on_end(struct wm_updater *u, pid_t pid, int status)
{
	int said = WIFEXITED(status) ? WEXITSTATUS(status) : WM_UPDATE_NOTHING;

	if (!pid || pid != u->worker)
		return false;
	u->worker = 0;
	if (WIFSIGNALED(status))
		wm_warning("update: the process that looks for releases was ended by signal %d", WTERMSIG(status));
	if (u->phase == WM_UPDATER_TRYING) {
		if (said == WM_UPDATE_IN_SYNC)
			trial_proved(u);
		else if (said == WM_UPDATE_NOT_IN_SYNC)
			trial_failed(u, true, "was not in sync in time (WM_UPDATE_PROVE)");
		else
			trial_failed(u, false, "cannot be watched: who did was ended");
	} else if (u->phase == WM_UPDATER_RETURNING) {
		end_failed(u, said == WM_UPDATE_IN_SYNC);
	} else if (said == WM_UPDATE_STAGED_SURE || said == WM_UPDATE_STAGED_UNSURE) {
		begin_trial(u, said == WM_UPDATE_STAGED_SURE);
	} else {
		rest(u, UINT_MAX);
	}
	return true;
}

void wm_updater_started(struct wm_updater *u)
{
	bool trying = u->phase == WM_UPDATER_TRYING;

	if ((!trying && u->phase != WM_UPDATER_RETURNING) || u->worker || !wm_update_work_start(u, wm_update_work_prove))
		return;
	if (trying)
		trial_failed(u, false, "cannot be watched");
	else
		end_failed(u, false);
}

static bool has_crashed(int status)
{
	int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	return sig && sig != SIGTERM && sig != SIGKILL && sig != SIGINT;
}

/* Damaged on the disk since it was proved, or of another system than that has become. */
static bool cannot_be_run(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == 127;
}

/* To what ran before. False: that is of the package, or gone. */
static bool go_back(struct wm_updater *u, const struct wm_instance *inst)
{
	struct wm_version own = { 0 }, before;
	struct wm_update_state state;
	char path[PATH_MAX], program[PATH_MAX];
	struct wm_error err;

	if (load_state(u, path, &state))
		return false;
	before = state.before;
	wm_update_state_crashed(&state, &u->proved);
	wm_version_parse(WM_VERSION, &own);
	if (save_state(path, &state) || wm_version_compare(&before, &own) <= 0 ||
	    wm_releases_program(inst, &before, WM_RELEASE_GATEWAY, program) || access(program, X_OK))
		return false;
	if (wm_releases_switch(inst, &before, &err)) {
		wm_error("update: %s", err.text);
		return false;
	}
	u->proved = before;
	return true;
}

/* Who is typed as wm-gateway must not hand over to it, either. Where it cannot be run it will be had anew, if it is offered. */
static void give_up_release(struct wm_updater *u, bool crashed)
{
	struct wm_instance inst;
	char broken[PATH_MAX];

	wm_update_work_stop(u); /* who looks writes what is remembered, too */
	if (u->phase == WM_UPDATER_RETURNING)
		end_failed(u, false);
	rest(u, FIRST_LOOK_S);
	snprintf(broken, sizeof(broken), "%s", u->program);
	if (names(u, &inst, NULL))
		return;
	if (!crashed || !go_back(u, &inst)) {
		wm_releases_forget(&inst);
		wm_version_parse(WM_VERSION, &u->proved);
	}
	run_proved(u);
	u->crashes = 0;
	wm_error("%s %s; starting %s", broken, crashed ? "crashed three times in a row" : "cannot be run", u->program);
}

void wm_updater_ended(struct wm_updater *u, int status, bool soon)
{
	char why[64];

	if (u->phase == WM_UPDATER_TRYING) {
		if (WIFEXITED(status))
			snprintf(why, sizeof(why), "ended with exit code %d", WEXITSTATUS(status));
		else
			snprintf(why, sizeof(why), "was ended by signal %d", WTERMSIG(status));
		trial_failed(u, has_crashed(status) || (WIFEXITED(status) && !cannot_be_run(status)), why);
		u->change = false; /* nothing runs */
		return;
	}
	u->crashes = has_crashed(status) ? (soon ? u->crashes : 0) + 1 : 0;
	if (strcmp(u->program, u->packaged) && (u->crashes >= CRASHES_MAX || cannot_be_run(status))) {
		give_up_release(u, !cannot_be_run(status));
		u->change = false; /* nothing runs */
	}
}
