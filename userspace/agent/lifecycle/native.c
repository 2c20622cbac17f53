/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A gateway is started, stopped, and taken off the machine.
 */
#include "agent/lifecycle/native.h"

#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/down.h"
#include "agent/gateway.h"
#include "agent/lifecycle/dns.h"
#include "agent/lifecycle/files.h"
#include "agent/lifecycle/owed.h"
#include "agent/lifecycle/register.h"
#include "agent/lifecycle/service.h"
#include "core/key.h"
#include "core/util.h"
#include "kernel/link.h"

bool wm_native_container(const struct wm_life *l, char *ret_path)
{
	struct stat st;

	if (wm_format(ret_path, WM_PATH_SIZE, "%s/container.state", l->inst.state_dir))
		return true;
	return !lstat(ret_path, &st) || (errno != ENOENT && errno != ENOTDIR);
}

/* --- start, stop --------------------------------------------------------------------------------------- */

static int need_installed(struct wm_life *l, struct wm_error *err)
{
	char name[WM_PATH_SIZE];

	if (wm_service_manager(l) == WM_MANAGER_NONE)
		return wm_fail(err, EOPNOTSUPP, "neither systemd nor OpenRC runs here: start and stop 'wm-agent%s%s' by what does", *l->inst.name ? " --instance " : "",
			       l->inst.name);
	wm_service_own(l, name);
	if (access(l->inst.env_file, F_OK) || !wm_service_known(l, name))
		return wm_fail(err, ENOENT, "no gateway is installed here as %s: %s; 'wm-gateway install' makes one", name,
			       access(l->inst.env_file, F_OK) ? "its gateway.env is missing" : "there is no such service");
	return 0;
}

static int just_start(struct wm_life *l, struct wm_error *err)
{
	return wm_step_renew(l, err);
}

static int just_stop(struct wm_life *l, struct wm_error *err)
{
	char name[WM_PATH_SIZE];

	wm_service_own(l, name);
	return wm_step_stop(l, name, err);
}

static const struct wm_step start_steps[] = { { NULL, need_installed }, { NULL, just_start } };
static const struct wm_step stop_steps[] = { { NULL, need_installed }, { NULL, just_stop } };

/* --- uninstall, destroy ----------------------------------------------------------------------------------- */

static int disable(struct wm_life *l, struct wm_error *err)
{
	char name[WM_PATH_SIZE];

	wm_service_own(l, name);
	return wm_step_disable(l, name, err);
}

/* What is ours in the kernel. Whether something is there is known only to who looks at all of it: the interface tells. */
static int down(struct wm_life *l, struct wm_error *err)
{
	if (!wm_link_index(l->inst.ifname, NULL))
		return l->dry_run ? 0 : wm_gateway_down(&l->inst, err);
	if (!wm_life_change(l, "took", "take", "%s, its routes and its data plane off this machine", l->inst.ifname))
		return 0;
	return wm_gateway_down(&l->inst, err);
}

static int remove_files(struct wm_life *l, struct wm_error *err)
{
	char path[WM_PATH_SIZE];
	int rc = wm_step_remove_dns(l, err);

	if (!rc)
		rc = wm_life_path(l, path, err, "/etc/sysctl.d/60-wm%s%s.conf", *l->inst.name ? "-" : "", l->inst.name);
	if (!rc)
		rc = wm_step_remove(l, path, err);
	return rc ? rc : wm_files_remove_units(l, err);
}

static int say_kept(struct wm_life *l, struct wm_error *err)
{
	(void)err;
	if (!access(l->inst.env_file, F_OK))
		wm_life_note(l, "kept: %s, %s and %s; 'wm-gateway install' puts it back, 'wm-gateway destroy' removes them and the site",
			     l->inst.env_file, l->inst.key_file, l->inst.state_dir);
	return 0;
}

/* Interface, supernet and site; none where there is no gateway.env. */
static int take_settings(struct wm_life *l, struct wm_error *err)
{
	struct wm_instance inst;
	int rc;

	if (access(l->inst.env_file, F_OK))
		return 0;
	rc = wm_instance_load(&inst, l->opt->instance, l->opt->config, err);
	if (!rc)
		l->inst = inst;
	wm_wipe(&inst, sizeof(inst));
	return rc;
}

/* Settings that cannot be read are no reason to stay. */
static int know_interface(struct wm_life *l, struct wm_error *err)
{
	if (take_settings(l, err))
		wm_life_note(l, "%s; the interface is taken to be %s", err->text, l->inst.ifname);
	return 0;
}

static const struct wm_step uninstall_steps[] = {
	{ NULL, know_interface }, { NULL, just_stop }, { NULL, disable }, { NULL, down }, { NULL, remove_files }, { NULL, say_kept },
};

/* Settings that are broken do for taking away, but not for deregistering. */
static int know_site(struct wm_life *l, struct wm_error *err)
{
	char question[WM_PATH_SIZE];
	int rc = l->opt->keep_site ? know_interface(l, err) : take_settings(l, err);

	if (rc)
		return wm_fail_in(err, rc, "the site cannot be deregistered with these settings; --keep-site does without");
	if (l->opt->keep_site)
		*l->inst.domain = '\0';
	if (*l->inst.domain)
		wm_format(question, sizeof(question), "Remove site '%s' with its hosts from the registry, and this gateway with its private key from this machine?", l->inst.domain);
	else
		wm_format(question, sizeof(question), "Remove this gateway with its private key from this machine?");
	return wm_life_sure(l, question, err) ? 0 : -ECANCELED;
}

/* Before anything is taken away: without key and token nobody but an operator could. */
static int leave(struct wm_life *l, struct wm_error *err)
{
	return *l->inst.domain ? wm_step_leave(l, err) : 0;
}

/* Other instances lie below the default one's directories, and stay; of releases, any instance could be the user. */
static bool others_have_state(const struct wm_life *l)
{
	WM_AUTO_FREE char *pattern = NULL;
	size_t releases = 0;
	glob_t found;
	bool others;
	int rc;

	if (asprintf(&pattern, "%s/*/", l->inst.state_dir) < 0) {
		pattern = NULL;
		return true;
	}
	/* Not to know is no leave to take it all away. */
	rc = glob(pattern, GLOB_NOSORT | GLOB_ERR, NULL, &found);
	if (rc)
		return rc != GLOB_NOMATCH;
	for (size_t i = 0; i < found.gl_pathc; i++)
		releases += !strncmp(found.gl_pathv[i], l->inst.releases, strlen(l->inst.releases));
	others = found.gl_pathc > releases;
	globfree(&found);
	return others;
}

static int remove_state(struct wm_life *l, const char *name, struct wm_error *err)
{
	char path[WM_PATH_SIZE];

	return wm_format(path, sizeof(path), "%s/%s", l->inst.state_dir, name) ? -ENAMETOOLONG : wm_step_remove(l, path, err);
}

static int remove_own(struct wm_life *l, struct wm_error *err)
{
	const char *const files[] = { l->inst.env_file, l->inst.key_file, l->inst.hosts_file, l->inst.servers_file, l->inst.dnsmasq_conf,
				      l->inst.release_keys };
	char path[WM_PATH_SIZE];
	int rc = 0;

	for (size_t i = 0; !rc && i < WM_ARRAY_LEN(files); i++)
		rc = wm_step_remove(l, files[i], err);
	for (size_t i = 0; !rc && i < WM_GATEWAY_STATE; i++)
		rc = remove_state(l, wm_gateway_state[i], err);
	if (!rc)
		rc = remove_state(l, "left", err);
	for (int owed = 0; !rc && owed < WM_OWED_KINDS; owed++)
		rc = wm_owed_path(l, (enum wm_owed)owed, path) ? -ENAMETOOLONG : wm_step_remove(l, path, err);
	if (!rc && wm_native_container(l, path))
		wm_life_note(l, "kept: %s, of the gateway in a container; 'wm-gateway destroy --lxc' removes it", l->inst.state_dir);
	else if (!rc && (*l->inst.name || !others_have_state(l)))
		rc = wm_step_remove_tree(l, l->inst.state_dir, err);
	/* What is left in there is somebody else's, a registry's settings say. */
	strcpy(path, l->inst.env_file);
	if (!rc && !l->dry_run && !rmdir(dirname(path)))
		wm_life_change(l, "removed", "remove", "%s", path);
	return rc;
}

static const struct wm_step destroy_steps[] = {
	{ NULL, know_site }, { NULL, leave }, { NULL, just_stop }, { NULL, disable }, { NULL, down }, { NULL, remove_files }, { NULL, remove_own },
};

/* --- verbs ------------------------------------------------------------------------------------------------- */

int wm_native_start(const struct wm_life_options *opt)
{
	return wm_life_run(opt, start_steps, WM_ARRAY_LEN(start_steps), NULL);
}

int wm_native_stop(const struct wm_life_options *opt)
{
	return wm_life_run(opt, stop_steps, WM_ARRAY_LEN(stop_steps), NULL);
}

int wm_native_uninstall(const struct wm_life_options *opt)
{
	return wm_life_run(opt, uninstall_steps, WM_ARRAY_LEN(uninstall_steps), NULL);
}

int wm_native_destroy(const struct wm_life_options *opt)
{
	return wm_life_run(opt, destroy_steps, WM_ARRAY_LEN(destroy_steps), NULL);
}
