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
#include "agent/updater_priv.h"
#include "core/log.h"
#include "core/pace.h"
#include "core/util.h"

#define SILENT_MAX 3     /* looks, each of which waits for WM_UPDATE_PROVE, ... */
#define SILENT_REST_S 60 /* ... so far apart */
#define NEVER UINT64_MAX

/* --- the state ----------------------------------------------------------------------------- */

int wm_updater_names(const struct wm_updater *u, struct wm_instance *ret, struct wm_error *err)
{
	return wm_instance_names(ret, u->instance, err);
}

int wm_updater_load_state(const struct wm_updater *u, char *path, struct wm_update_state *ret)
{
	struct wm_instance inst;
	struct wm_error err;
	int rc = wm_updater_names(u, &inst, &err);

	if (!rc)
		rc = wm_releases_state(&inst, path);
	if (!rc)
		rc = wm_update_state_load(path, ret);
	if (rc)
		wm_error("update: what is remembered cannot be read: %s", strerror(-rc));
	return rc;
}

int wm_updater_save_state(const char *path, const struct wm_update_state *state)
{
	struct wm_error err;
	int rc = wm_update_state_save(path, state, &err);

	if (rc)
		wm_error("update: %s", err.text);
	return rc;
}

/* --- phases -------------------------------------------------------------------------------------- */

/* The settings may have changed since the last time. */
void wm_updater_rest(struct wm_updater *u, unsigned int most_s)
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

void wm_updater_run(struct wm_updater *u, const char *program)
{
	u->change = strcmp(u->program, program) != 0;
	snprintf(u->program, sizeof(u->program), "%s", program);
}

/* The proved one: of the package, when no release is newer than that. */
static int proved_program(const struct wm_updater *u, char *ret)
{
	struct wm_version own, current;
	struct wm_instance inst;

	if (!wm_version_parse(WM_VERSION, &own) && wm_version_compare(&u->proved, &own) > 0 && !wm_updater_names(u, &inst, NULL) &&
	    !wm_releases_current(&inst, &current) && !wm_version_compare(&current, &u->proved))
		return wm_releases_program(&inst, &current, WM_RELEASE_GATEWAY, ret);
	return wm_copy(ret, PATH_MAX, u->packaged);
}

void wm_updater_run_proved(struct wm_updater *u)
{
	char program[PATH_MAX];

	if (!proved_program(u, program))
		wm_updater_run(u, program);
}

void wm_updater_set_proved(struct wm_updater *u, const struct wm_version *version)
{
	u->proved = *version;
	u->ends = (struct wm_ends){ 0 };
}

static void begin_trial(struct wm_updater *u, bool sure)
{
	struct wm_update_state state = { 0 };
	char saved[PATH_MAX], path[PATH_MAX], text[WM_VERSION_TEXT];
	struct wm_instance inst;

	wm_updater_rest(u, UINT_MAX);
	if (wm_updater_names(u, &inst, NULL) || wm_updater_load_state(u, saved, &state) || wm_version_is_none(&state.staged) ||
	    wm_releases_program(&inst, &state.staged, WM_RELEASE_GATEWAY, path))
		return;
	u->trial = state.staged;
	u->sure = sure;
	u->known = !wm_version_compare(&state.proved, &state.staged);
	u->refused = false;
	/* Before anything is started: a release that takes the machine down with it is known by this. */
	wm_update_state_begun(&state, &u->trial);
	if (wm_updater_save_state(saved, &state))
		return;
	wm_info("starting wm-gateway %s, to be kept if it gets in sync", wm_version_format(&u->trial, text));
	u->phase = WM_UPDATER_TRYING;
	wm_updater_run(u, path);
}

void wm_updater_end_failed(struct wm_updater *u, bool bad)
{
	struct wm_update_state state;
	char path[PATH_MAX];

	if (!wm_updater_load_state(u, path, &state)) {
		if (bad && u->refused)
			wm_update_state_put_off(&state, &u->trial, wm_unix_time(), u->why);
		else
			wm_update_state_failed(&state, &u->trial, bad, wm_unix_time(), u->why);
		wm_updater_save_state(path, &state);
	}
	wm_updater_rest(u, UINT_MAX);
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
		wm_updater_end_failed(u, false);
	wm_updater_run_proved(u);
}

static void note_proved(const struct wm_updater *u, const struct wm_version *before, const char *but)
{
	struct wm_update_state state;
	char path[PATH_MAX];

	if (wm_updater_load_state(u, path, &state))
		return;
	wm_update_state_proved(&state, &u->proved, before, wm_unix_time(), but);
	wm_updater_save_state(path, &state);
}

static void trial_proved(struct wm_updater *u)
{
	struct wm_version before = u->proved;
	char text[WM_VERSION_TEXT], old[WM_VERSION_TEXT];
	struct wm_instance inst;
	struct wm_error err;

	wm_updater_set_proved(u, &u->trial);
	wm_updater_rest(u, UINT_MAX);
	if (wm_updater_names(u, &inst, &err) || wm_releases_switch(&inst, &u->trial, &err)) {
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
	int lock, rc = wm_updater_names(u, &inst, &err);

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
	if (!wm_updater_names(u, &inst, NULL))
		rc = wm_releases_proved(&inst, &u->proved);
	if (rc && rc != -ENOENT)
		wm_warning("%s/current: %s; starting what the package has installed", inst.releases, strerror(-rc));
	wm_updater_run_proved(u);
	u->change = false;
	wm_updater_rest(u, WM_UPDATER_FIRST_LOOK_S);
}

void wm_updater_stop(struct wm_updater *u)
{
	struct wm_update_state state;
	char path[PATH_MAX];

	wm_update_work_stop(u);
	if (u->phase == WM_UPDATER_TRYING && !wm_updater_load_state(u, path, &state)) {
		wm_update_state_given_up(&state);
		wm_updater_save_state(path, &state);
	}
	if (u->phase == WM_UPDATER_RETURNING)
		wm_updater_end_failed(u, false);
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
	if (u->phase != WM_UPDATER_RESTING || u->lock < 0)
		return NEVER;
	return u->asked ? 0 : u->next_ms;
}

void wm_updater_on_time(struct wm_updater *u)
{
	if (wm_monotonic_ms() < wm_updater_next_ms(u))
		return;
	u->asked = false;
	if (wm_update_work_start(u, wm_update_work_look))
		wm_updater_rest(u, UINT_MAX);
	else
		u->phase = WM_UPDATER_LOOKING;
}

void wm_updater_look_now(struct wm_updater *u)
{
	u->asked = true;
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
		/* Where the old one was not in sync either, what was in sync once is as good as that. */
		u->refused = said == WM_UPDATE_NOT_IN_SYNC && u->known;
		if (said == WM_UPDATE_IN_SYNC || (u->refused && !u->sure))
			trial_proved(u);
		else if (said == WM_UPDATE_NOT_IN_SYNC)
			trial_failed(u, true, "was not in sync in time (WM_UPDATE_PROVE)");
		else
			trial_failed(u, false, "cannot be watched: who did was ended");
	} else if (u->phase == WM_UPDATER_RETURNING) {
		wm_updater_end_failed(u, said == WM_UPDATE_IN_SYNC);
	} else if (u->phase == WM_UPDATER_COMPARING) {
		wm_updater_compared(u, said);
	} else if (said == WM_UPDATE_STAGED_SURE || said == WM_UPDATE_STAGED_UNSURE) {
		begin_trial(u, said == WM_UPDATE_STAGED_SURE);
	} else if (said == WM_UPDATE_SILENT) {
		u->hangs = ++u->silent == SILENT_MAX;
		wm_updater_rest(u, SILENT_REST_S);
	} else {
		u->silent = 0;
		wm_updater_rest(u, UINT_MAX);
	}
	return true;
}

void wm_updater_started(struct wm_updater *u)
{
	u->silent = 0;
	if (u->phase == WM_UPDATER_RESTING || u->phase == WM_UPDATER_LOOKING || u->worker ||
	    !wm_update_work_start(u, wm_update_work_prove))
		return;
	if (u->phase == WM_UPDATER_TRYING)
		trial_failed(u, false, "cannot be watched");
	else if (u->phase == WM_UPDATER_RETURNING)
		wm_updater_end_failed(u, false);
	else
		wm_updater_compared(u, WM_UPDATE_NOTHING);
}

void wm_updater_ended(struct wm_updater *u, int status, uint64_t lasted_ms)
{
	char why[64];

	if (u->phase != WM_UPDATER_TRYING) {
		wm_updater_proved_ended(u, status, lasted_ms);
		return;
	}
	wm_updater_says_end(status, why, sizeof(why));
	trial_failed(u, wm_updater_ended_itself(status), why);
	u->change = false; /* nothing runs */
}
