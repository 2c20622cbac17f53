/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Back from a release that was proved once and keeps ending, months later
 * perhaps, or hanging, with nobody there to look. The one before is started, to see whether
 * it is the release or the machine: when that one stays, it is put in force;
 * when it ends as well, nothing is wrong with the newer one.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/ctl.h"
#include "agent/releases.h"
#include "agent/update_work.h"
#include "agent/updater_priv.h"
#include "core/log.h"
#include "core/util.h"

#define COMPARE_AGAIN_MS 3600000 /* after it was not the release: the old one is not started all the time */
#define LONGER 2                 /* so many times what the newer one lasted has the older one to last */

/* Damaged on the disk since it was proved, or of another system than that has become. */
static bool cannot_be_run(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == 127;
}

bool wm_updater_ended_itself(int status)
{
	int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	if (sig)
		return sig != SIGTERM && sig != SIGKILL && sig != SIGINT;
	return WEXITSTATUS(status) != 0 && !cannot_be_run(status);
}

const char *wm_updater_says_end(int status, char *ret, size_t size)
{
	if (WIFEXITED(status))
		snprintf(ret, size, "ended with exit code %d", WEXITSTATUS(status));
	else
		snprintf(ret, size, "was ended by signal %d", WTERMSIG(status));
	return ret;
}

/* What ran before: false, that is of the package, or gone. */
static bool older_release(const struct wm_instance *inst, const struct wm_update_state *state, char *ret_program)
{
	struct wm_version own = { 0 };

	wm_version_parse(WM_VERSION, &own);
	return wm_version_compare(&state->before, &own) > 0 &&
	       !wm_releases_program(inst, &state->before, WM_RELEASE_GATEWAY, ret_program) && !access(ret_program, X_OK);
}

/* The package's, then; and who is typed as wm-gateway must not hand over to another. */
static void forget_releases(struct wm_updater *u, const struct wm_instance *inst)
{
	struct wm_version own = { 0 };

	wm_releases_forget(inst);
	wm_version_parse(WM_VERSION, &own);
	wm_updater_set_proved(u, &own);
}

static void put_in_force(struct wm_updater *u, const struct wm_instance *inst, const struct wm_version *before)
{
	struct wm_error err;

	if (!wm_releases_switch(inst, before, &err)) {
		wm_updater_set_proved(u, before);
		return;
	}
	wm_error("update: %s", err.text);
	forget_releases(u, inst);
}

/* Where it cannot be run it will be had anew, if it is offered. */
static void give_up_broken(struct wm_updater *u)
{
	struct wm_instance inst;
	char broken[PATH_MAX];

	wm_update_work_stop(u); /* who looks writes what is remembered, too */
	if (u->phase == WM_UPDATER_RETURNING)
		wm_updater_end_failed(u, false);
	wm_updater_rest(u, WM_UPDATER_FIRST_LOOK_S);
	snprintf(broken, sizeof(broken), "%s", u->program);
	if (wm_updater_names(u, &inst, NULL))
		return;
	forget_releases(u, &inst);
	wm_updater_run_proved(u);
	u->change = false; /* nothing runs */
	wm_error("%s cannot be run; starting %s", broken, u->program);
}

/* --- the older one instead, to compare ---------------------------------------------------------------- */

static void begin_comparing(struct wm_updater *u, const char *how, uint64_t longest_ms)
{
	char newer[PATH_MAX], older[PATH_MAX], path[PATH_MAX];
	struct wm_update_state state;
	struct wm_instance inst;

	wm_update_work_stop(u);
	if (u->phase == WM_UPDATER_RETURNING)
		wm_updater_end_failed(u, false);
	wm_updater_rest(u, WM_UPDATER_FIRST_LOOK_S);
	snprintf(u->why, sizeof(u->why), "%s", how);
	u->least_ms = LONGER * longest_ms;
	if (wm_updater_names(u, &inst, NULL) || wm_updater_load_state(u, path, &state))
		return;
	snprintf(newer, sizeof(newer), "%s", u->program);
	if (older_release(&inst, &state, older))
		wm_updater_run(u, older);
	else
		wm_updater_run(u, u->packaged);
	u->phase = WM_UPDATER_COMPARING;
	u->change = false; /* nothing runs */
	wm_error("%s keeps ending (it %s); starting %s, to see whether that stays", newer, u->why, u->program);
}

static void end_comparing(struct wm_updater *u)
{
	wm_update_work_stop(u);
	u->ends = (struct wm_ends){ 0 };
	wm_updater_rest(u, WM_UPDATER_FIRST_LOOK_S);
}

static void not_the_release(struct wm_updater *u, const char *why)
{
	char older[PATH_MAX];

	end_comparing(u);
	u->compare_at_ms = wm_monotonic_ms() + COMPARE_AGAIN_MS;
	snprintf(older, sizeof(older), "%s", u->program);
	wm_updater_run_proved(u);
	wm_error("%s %s: the release is not blamed for it; starting %s again", older, why, u->program);
}

static void blame_release(struct wm_updater *u)
{
	char path[PATH_MAX], text[WM_VERSION_TEXT], program[PATH_MAX], compared[PATH_MAX];
	struct wm_update_state state;
	struct wm_version blamed = u->proved, before;
	struct wm_instance inst;
	bool older;

	end_comparing(u);
	if (wm_updater_names(u, &inst, NULL) || wm_updater_load_state(u, path, &state))
		return;
	snprintf(compared, sizeof(compared), "%s", u->program);
	older = older_release(&inst, &state, program);
	before = state.before;
	/* First: whoever is killed here, or cannot write, knows the one before, and tries the newer one once more at most. */
	if (older)
		put_in_force(u, &inst, &before);
	else
		forget_releases(u, &inst);
	wm_updater_run_proved(u); /* as it does already, unless that one could not be put in force */
	wm_update_state_ended(&state, &blamed, wm_unix_time(), u->why);
	wm_updater_save_state(path, &state);
	wm_version_format(&blamed, text);
	if (u->change)
		wm_error("%s stays, but %s is in force instead of %s, which kept ending", compared, u->program, text);
	else
		wm_error("%s stays, and is in force again instead of %s, which kept ending", compared, text);
}

void wm_updater_compared(struct wm_updater *u, int said)
{
	/* Also where it is not in sync: it stays, and the other did not. */
	if (said == WM_UPDATE_IN_SYNC || said == WM_UPDATE_NOT_IN_SYNC)
		blame_release(u);
	else if (said == WM_UPDATE_SILENT)
		not_the_release(u, "stays, but does not answer");
	else
		not_the_release(u, "cannot be judged (gateway.env is not valid, or who watched it was ended)");
}

/* --- the end of a process -------------------------------------------------------------------------------- */

static void older_ended(struct wm_updater *u, int status)
{
	char why[64];

	if (!wm_updater_ended_itself(status) && !cannot_be_run(status))
		return;
	wm_updater_says_end(status, why, sizeof(why));
	not_the_release(u, why);
	u->change = false; /* nothing runs */
}

/* Another wm-agent, or a run that somebody has started by hand: as long as that has the lock, nobody's release could stay. */
static bool is_in_the_way(const struct wm_updater *u)
{
	struct wm_instance inst;
	int lock;

	if (u->lock < 0 || wm_updater_names(u, &inst, NULL) || wm_ctl_lock(&inst, &lock, NULL))
		return true;
	close(lock);
	return false;
}

void wm_updater_proved_ended(struct wm_updater *u, int status, uint64_t lasted_ms)
{
	uint64_t now = wm_monotonic_ms(), longest;
	char how[64];

	if (u->phase == WM_UPDATER_COMPARING) {
		older_ended(u, status);
		return;
	}
	/* With nothing to go back to it is only started again. */
	if (!strcmp(u->program, u->packaged))
		return;
	if (cannot_be_run(status)) {
		give_up_broken(u);
		return;
	}
	if (is_in_the_way(u))
		return;
	if (wm_updater_ended_itself(status) && wm_ends_add(&u->ends, now, lasted_ms, &longest) && now >= u->compare_at_ms)
		begin_comparing(u, wm_updater_says_end(status, how, sizeof(how)), longest);
}

void wm_updater_hung(struct wm_updater *u, uint64_t lasted_ms)
{
	uint64_t now = wm_monotonic_ms();

	if (!strcmp(u->program, u->packaged) || (u->phase != WM_UPDATER_RESTING && u->phase != WM_UPDATER_LOOKING))
		return;
	if (wm_ends_hang(&u->ends, now) && now >= u->compare_at_ms)
		begin_comparing(u, "was killed, as it did not answer", WM_MIN(lasted_ms, (uint64_t)WM_ENDS_WITHIN_MS));
}
