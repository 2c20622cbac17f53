/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/lifecycle/service.h"

#include <errno.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/lifecycle/owed.h"
#include "agent/lifecycle/run.h"
#include "core/util.h"

#define ASK_S 60
#define OPENRC_STOPPED 3 /* of "status"; starting, crashed and the like have others */

enum verb { ENABLED, ACTIVE, STATE, KNOWN, ENABLE, DISABLE, START, STOP, RESTART, RELOAD_UNITS };

/* Where %s stands comes the service, where %l its runlevel. NULL: the manager has no such thing. */
static const char *const commands[][3][5] = {
	[ENABLED] = { [WM_MANAGER_SYSTEMD] = { "systemctl", "is-enabled", "--quiet", "%s" } },
	[ACTIVE] = { [WM_MANAGER_SYSTEMD] = { "systemctl", "is-active", "--quiet", "%s" },
		     [WM_MANAGER_OPENRC] = { "rc-service", "%s", "status" } },
	[STATE] = { [WM_MANAGER_SYSTEMD] = { "systemctl", "show", "--property=ActiveState", "%s" },
		    [WM_MANAGER_OPENRC] = { "rc-service", "%s", "status" } },
	[KNOWN] = { [WM_MANAGER_SYSTEMD] = { "systemctl", "cat", "%s" }, [WM_MANAGER_OPENRC] = { "rc-service", "--exists", "%s" } },
	[ENABLE] = { [WM_MANAGER_SYSTEMD] = { "systemctl", "enable", "%s" }, [WM_MANAGER_OPENRC] = { "rc-update", "add", "%s", "%l" } },
	[DISABLE] = { [WM_MANAGER_SYSTEMD] = { "systemctl", "disable", "%s" }, [WM_MANAGER_OPENRC] = { "rc-update", "--all", "del", "%s" } },
	[START] = { [WM_MANAGER_SYSTEMD] = { "systemctl", "start", "%s" }, [WM_MANAGER_OPENRC] = { "rc-service", "%s", "start" } },
	[STOP] = { [WM_MANAGER_SYSTEMD] = { "systemctl", "stop", "%s" }, [WM_MANAGER_OPENRC] = { "rc-service", "%s", "stop" } },
	[RESTART] = { [WM_MANAGER_SYSTEMD] = { "systemctl", "restart", "%s" }, [WM_MANAGER_OPENRC] = { "rc-service", "%s", "restart" } },
	[RELOAD_UNITS] = { [WM_MANAGER_SYSTEMD] = { "systemctl", "daemon-reload" } },
};

/* "/run/systemd/system" is how sd_booted(3) knows; rc-service works only where OpenRC has made its directory. */
enum wm_manager wm_service_manager(const struct wm_life *l)
{
	static const struct {
		const char *sign, *program;
		enum wm_manager is;
	} managers[] = {
		{ "/run/systemd/system", "systemctl", WM_MANAGER_SYSTEMD },
		{ "/run/openrc", "rc-service", WM_MANAGER_OPENRC },
	};
	char path[WM_PATH_SIZE];
	struct stat st;

	for (size_t i = 0; i < WM_ARRAY_LEN(managers); i++) {
		if (!wm_life_path(l, path, NULL, "%s", managers[i].sign) && !stat(path, &st) && S_ISDIR(st.st_mode) &&
		    wm_run_found(managers[i].program))
			return managers[i].is;
	}
	return WM_MANAGER_NONE;
}

void wm_service_own(const struct wm_life *l, char *ret)
{
	const char *between = !*l->inst.name ? "" : wm_service_manager(l) == WM_MANAGER_OPENRC ? "." : "@";

	wm_format(ret, WM_PATH_SIZE, "wm-gateway%s%s", between, l->inst.name);
}

/* Ours is there before the network is set up; others need that. */
static const char *runlevel(const char *name)
{
	return strncmp(name, "wm-gateway", strlen("wm-gateway")) ? "default" : "boot";
}

/* False: that manager has no such command. argv: 6 */
static bool command(const struct wm_life *l, enum verb verb, const char *name, const char *argv[])
{
	const char *const *words = commands[verb][wm_service_manager(l)];
	size_t n;

	for (n = 0; n < 5 && words[n]; n++)
		argv[n] = !strcmp(words[n], "%s") ? name : !strcmp(words[n], "%l") ? runlevel(name) : words[n];
	argv[n] = NULL;
	return n > 0;
}

static bool is(const struct wm_life *l, enum verb verb, const char *name)
{
	const char *argv[6];

	return command(l, verb, name, argv) && wm_run(argv, ASK_S, NULL, NULL) == 0;
}

bool wm_service_known(const struct wm_life *l, const char *name)
{
	return is(l, KNOWN, name);
}

bool wm_service_active(const struct wm_life *l, const char *name)
{
	return is(l, ACTIVE, name);
}

/* Not only what runs: also what waits to be started again, or is about to, would be there again a moment later. Where that cannot be
 * told, it is told to stop. */
static bool stopped(const struct wm_life *l, const char *name)
{
	char text[WM_RUN_OUTPUT];
	const char *argv[6];
	int rc;

	if (!command(l, STATE, name, argv))
		return true;
	rc = wm_run(argv, ASK_S, text, NULL);
	if (wm_service_manager(l) == WM_MANAGER_OPENRC)
		return rc == OPENRC_STOPPED || !wm_service_known(l, name);
	return !rc && (!strcmp(text, "ActiveState=inactive\n") || !strcmp(text, "ActiveState=failed\n"));
}

static bool enabled(const struct wm_life *l, const char *name)
{
	char path[WM_PATH_SIZE];
	glob_t found;
	bool any;

	if (wm_service_manager(l) != WM_MANAGER_OPENRC)
		return is(l, ENABLED, name);
	/* rc-update lists all; a link in whichever runlevel is what it makes. */
	if (wm_life_path(l, path, NULL, "/etc/runlevels/*/%s", name) || glob(path, GLOB_NOSORT, NULL, &found))
		return false;
	any = found.gl_pathc > 0;
	globfree(&found);
	return any;
}

static int step(struct wm_life *l, enum verb verb, const char *done, const char *would, const char *name, struct wm_error *err)
{
	const char *argv[6];
	char said[WM_PATH_SIZE];

	if (!command(l, verb, name, argv))
		return 0;
	wm_format(said, sizeof(said), "service %s", name);
	return wm_step_run(l, done, would, said, argv, err);
}

/* Where nobody manages services it is said once what to do instead. */
int wm_step_enable(struct wm_life *l, const char *name, struct wm_error *err)
{
	if (wm_service_manager(l) == WM_MANAGER_NONE) {
		wm_life_note(l, "neither systemd nor OpenRC runs here: have '%s%s%s' started at each boot by what does", "wm-agent",
			     *l->inst.name ? " --instance " : "", l->inst.name);
		return 0;
	}
	return enabled(l, name) ? 0 : step(l, ENABLE, "enabled", "enable", name, err);
}

int wm_step_disable(struct wm_life *l, const char *name, struct wm_error *err)
{
	return enabled(l, name) ? step(l, DISABLE, "disabled", "disable", name, err) : 0;
}

int wm_step_start(struct wm_life *l, const char *name, struct wm_error *err)
{
	return wm_service_active(l, name) ? 0 : step(l, START, "started", "start", name, err);
}

int wm_step_stop(struct wm_life *l, const char *name, struct wm_error *err)
{
	return stopped(l, name) ? 0 : step(l, STOP, "stopped", "stop", name, err);
}

int wm_step_restart(struct wm_life *l, const char *name, struct wm_error *err)
{
	return step(l, RESTART, "restarted", "restart", name, err);
}

int wm_step_renew(struct wm_life *l, struct wm_error *err)
{
	char name[WM_PATH_SIZE];
	int rc;

	wm_service_own(l, name);
	if (wm_life_owed(l, WM_OWED_RESTART) && wm_service_active(l, name))
		rc = wm_step_restart(l, name, err);
	else
		rc = wm_step_start(l, name, err);
	return rc ? rc : wm_life_paid(l, WM_OWED_RESTART, err);
}

int wm_step_reload_units(struct wm_life *l, struct wm_error *err)
{
	const char *argv[6];

	int rc;

	if (!wm_life_owed(l, WM_OWED_UNITS))
		return 0;
	rc = command(l, RELOAD_UNITS, "", argv) ? wm_step_run(l, "had", "have", "systemd read its units again", argv, err) : 0;
	return rc ? rc : wm_life_paid(l, WM_OWED_UNITS, err);
}
