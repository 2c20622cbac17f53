/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/update_cmd.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent_lock.h"
#include "agent/releases.h"
#include "agent/update.h"
#include "core/time.h"
#include "core/util.h"

#define ROUND_S 900 /* a download over a slow line, and a trial */

static int fail(const struct wm_error *err)
{
	fprintf(stderr, "wm-gateway: update: %s\n", err->text);
	return 1;
}

static int load_state(const struct wm_instance *inst, struct wm_update_state *ret, struct wm_error *err)
{
	char path[PATH_MAX];
	int rc = wm_releases_state(inst, path);

	if (!rc)
		rc = wm_update_state_load(path, ret);
	return rc ? wm_fail(err, -rc, "%s/state: cannot read it: %s", inst->releases, strerror(-rc)) : 0;
}

static int check_settings(const struct wm_instance *inst, struct wm_error *err)
{
	if (!inst->update)
		return wm_fail(err, EPERM, "WM_UPDATE_URL is 'off' in %s", inst->env_file);
	if (access(inst->release_keys, F_OK))
		return wm_fail(err, errno, "%s: %s; the publisher's public key belongs there (docs/updates.md)", inst->release_keys,
			       strerror(errno));
	return 0;
}

int wm_update_check(const struct wm_instance *inst)
{
	struct wm_fetcher fetcher = { .fd = -1 };
	struct wm_version now;
	struct wm_update_state state;
	struct wm_release release;
	struct wm_error err;
	char text[WM_VERSION_TEXT], new[WM_VERSION_TEXT], when[WM_TIME_TEXT];
	int rc = check_settings(inst, &err);

	if (!rc)
		rc = load_state(inst, &state, &err);
	if (rc)
		return fail(&err);
	wm_releases_proved(inst, &now);
	rc = wm_update_look(inst, &fetcher, &now, &state, &release, &err);
	wm_fetcher_stop(&fetcher);
	if (rc < 0)
		return fail(&err);
	wm_version_format(&now, text);
	if (rc)
		printf("%s is available (until %s), %s is installed\n", wm_version_format(&release.version, new),
		       wm_time_format(release.expires, when), text);
	else
		printf("%s is installed; %s offers nothing newer\n", text, inst->update_url);
	return 0;
}

static int wait_round(const struct wm_instance *inst, uint64_t before, struct wm_update_state *ret, struct wm_error *err)
{
	uint64_t end = wm_monotonic_ms() + 1000ull * ROUND_S;

	while (wm_monotonic_ms() < end) {
		int rc = load_state(inst, ret, err);

		if (rc || ret->rounds != before)
			return rc;
		if (!wm_agent_find(inst))
			return wm_fail(err, ESRCH, "wm-agent ended meanwhile");
		usleep(200000);
	}
	return wm_fail(err, ETIMEDOUT, "wm-agent is still at it; 'wm-gateway status' will show what came of it");
}

int wm_update_now(const struct wm_instance *inst)
{
	struct wm_update_state state;
	struct wm_version now;
	struct wm_error err;
	char text[WM_VERSION_TEXT];
	pid_t agent = wm_agent_find(inst);
	int rc = check_settings(inst, &err);

	if (!rc)
		rc = load_state(inst, &state, &err);
	if (!rc && (!agent || kill(agent, SIGUSR1)))
		rc = wm_fail(&err, ESRCH, "no wm-agent runs for this instance: start it, it is the one that updates");
	if (!rc)
		rc = wait_round(inst, state.rounds, &state, &err);
	if (!rc && *state.why)
		rc = wm_fail(&err, EPERM, "%s", state.why);
	if (rc)
		return fail(&err);
	wm_releases_proved(inst, &now);
	printf("%s is in force; nothing newer is offered\n", wm_version_format(&now, text));
	return 0;
}

/* --- for status --------------------------------------------------------------------------------- */

static const char *where_from(const struct wm_instance *inst)
{
	if (!inst->update)
		return "off (WM_UPDATE_URL)";
	return access(inst->release_keys, F_OK) ? "off (no key in release.pub)" : inst->update_url;
}

void wm_update_print(struct wm_out *out, const struct wm_instance *inst)
{
	struct wm_update_state state;
	struct wm_error err;
	struct wm_version now;
	char text[WM_VERSION_TEXT], when[WM_TIME_TEXT];
	bool newer;

	if (load_state(inst, &state, &err))
		state = (struct wm_update_state){ 0 };
	wm_releases_proved(inst, &now);
	newer = wm_version_compare(&state.highest, &now) > 0;
	wm_out_object(out, "update", "updates");
	wm_out_str(out, "from", "from", where_from(inst));
	wm_out_str(out, "checked", "looked at", state.checked ? wm_time_format(state.checked, when) : NULL);
	wm_out_str(out, "available", newer ? "available" : NULL, newer ? wm_version_format(&state.highest, text) : NULL);
	wm_out_str(out, "refused", *state.why ? "refused" : NULL, *state.why ? state.why : NULL);
	wm_out_str(out, "refused_at", NULL, *state.why ? wm_time_format(state.refused_at, when) : NULL);
	wm_out_object_end(out);
}
