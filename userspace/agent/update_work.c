/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/update_work.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/ctl.h"
#include "agent/selftest.h"
#include "core/log.h"
#include "core/util.h"

#define ASK_S 20 /* a gateway that was asked whether it is in sync */

static bool is_in_sync(const struct wm_instance *inst, unsigned int timeout_s)
{
	WM_AUTO_FREE char *text = NULL;
	struct wm_error err;
	int code;

	return !wm_ctl_ask(inst, WM_CTL_SYNC, 0, 0, timeout_s, &text, &code, &err) && !code;
}

/* Of what runs or would, and of the package, which may have been replaced under a wm-agent that stayed: nothing older than
 * either is an update. */
static struct wm_version newest(const struct wm_updater *u)
{
	struct wm_version packaged;

	return !wm_selftest_version(u->packaged, &packaged) && wm_version_compare(&packaged, &u->proved) > 0 ? packaged : u->proved;
}

/* Whatever it says, within WM_UPDATE_PROVE. One that crashes is not there for moments; one that has no socket for all of that
 * time hangs, too, and wm-agent knows whether it is the same all along. */
static bool answers(const struct wm_instance *inst)
{
	uint64_t end = wm_monotonic_ms() + 1000ull * inst->update_prove_s, now;

	for (; (now = wm_monotonic_ms()) < end; usleep(200000)) {
		WM_AUTO_FREE char *text = NULL;
		struct wm_error err;
		int code;

		if (!wm_ctl_ask(inst, WM_CTL_STATUS, true, 0, (unsigned int)((end - now) / 1000 + 1), &text, &code, &err))
			return true;
	}
	return false;
}

static bool has_staged(const struct wm_updater *u, const struct wm_instance *inst)
{
	struct wm_version installed;

	if (!inst->update || access(inst->release_keys, F_OK))
		return false;
	installed = newest(u);
	return wm_update_round(inst, &u->proved, &installed, &u->args);
}

/* A newer release comes first: it may be what a gateway that crashes or hangs waits for. */
int wm_update_work_look(const struct wm_updater *u)
{
	struct wm_instance inst;
	struct wm_error err;

	/* wm-gateway says itself what is wrong with its settings; and where nobody is trusted there is nothing to look for. */
	if (wm_instance_load(&inst, u->instance, u->config, &err))
		return WM_UPDATE_NOTHING;
	if (has_staged(u, &inst))
		return is_in_sync(&inst, ASK_S) ? WM_UPDATE_STAGED_SURE : WM_UPDATE_STAGED_UNSURE;
	return answers(&inst) ? WM_UPDATE_NOTHING : WM_UPDATE_SILENT;
}

/* How long what is compared has to last besides. */
static uint64_t least(const struct wm_updater *u)
{
	return u->phase == WM_UPDATER_COMPARING ? u->least_ms : 0;
}

/* A sync that it answers is one with the registry, and with the kernel. */
int wm_update_work_prove(const struct wm_updater *u)
{
	struct wm_instance inst;
	struct wm_error err;
	uint64_t now, end;

	/* With such settings no release could run. */
	if (wm_instance_load(&inst, u->instance, u->config, &err))
		return u->phase == WM_UPDATER_COMPARING ? WM_UPDATE_NOTHING : WM_UPDATE_NOT_IN_SYNC;
	for (end = wm_monotonic_ms() + least(u); wm_monotonic_ms() < end;)
		usleep(200000);
	end = wm_monotonic_ms() + 1000ull * inst.update_prove_s;
	for (; (now = wm_monotonic_ms()) < end; usleep(200000)) {
		if (is_in_sync(&inst, (unsigned int)WM_MIN((end - now) / 1000 + 1, (uint64_t)ASK_S)))
			return WM_UPDATE_IN_SYNC;
	}
	/* One that hangs, too, is no better. */
	if (u->phase == WM_UPDATER_COMPARING && !answers(&inst))
		return WM_UPDATE_SILENT;
	return WM_UPDATE_NOT_IN_SYNC;
}

/* --- the process ------------------------------------------------------------------------------ */

int wm_update_work_start(struct wm_updater *u, int (*work)(const struct wm_updater *u))
{
	pid_t parent = getpid(), pid = fork();
	sigset_t none;

	if (pid < 0) {
		wm_error("update: fork: %s", strerror(errno));
		return -errno;
	}
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(WM_UPDATE_NOTHING);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		_exit(work(u));
	}
	u->worker = pid;
	return 0;
}

void wm_update_work_stop(struct wm_updater *u)
{
	if (!u->worker)
		return;
	kill(u->worker, SIGKILL);
	waitpid(u->worker, NULL, 0);
	u->worker = 0;
}
