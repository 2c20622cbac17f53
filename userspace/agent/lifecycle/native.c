/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/lifecycle/native.h"

#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/ctl.h"
#include "agent/down.h"
#include "agent/gateway.h"
#include "agent/lifecycle/dns.h"
#include "agent/lifecycle/files.h"
#include "agent/lifecycle/register.h"
#include "agent/lifecycle/service.h"
#include "agent/lifecycle/settings.h"
#include "core/util.h"
#include "kernel/dataplane.h"

#define BPFFS "/sys/fs/bpf"
#define SYNC_S 60
#define START_TRIES 100 /* for the socket of what was started to be there */
#define START_LOOK_US 100000

struct own {
	struct wm_settings settings;
	unsigned int before_files; /* changes before what a service has to be started again for */
	bool renewed;              /* there were some */
	struct wm_error no_bpf;    /* why the data plane will be nftables */
	bool was_active;
};

static struct own *own(const struct wm_life *l)
{
	return l->own;
}

/* --- install: what is looked at before anything is changed ------------------------------------------ */

static int collect(struct wm_life *l, struct wm_error *err)
{
	return wm_settings_collect(l, &own(l)->settings, err);
}

/* That the machine has the LANs which the settings name. */
static int look_at_lans(struct wm_life *l, struct wm_error *err)
{
	struct wm_self self;
	int rc = wm_gateway_find_self(&l->inst, &self, NULL, err);

	wm_wipe(&self, sizeof(self));
	return rc;
}

/* Where BPF only lacks its file system, which will be mounted. */
static bool lacks_bpffs(const struct wm_life *l)
{
	char parent[WM_PATH_SIZE];
	struct statfs fs;

	strcpy(parent, l->inst.bpffs);
	return l->inst.dataplane != WM_DATAPLANE_NFT && !*l->root && !strcmp(dirname(parent), BPFFS) && !statfs(BPFFS, &fs) &&
	       (unsigned long)fs.f_type != BPF_FS_MAGIC;
}

/* At least one of the two can be used; which one it is, status says. */
static int look_at_kernel(struct wm_life *l, struct wm_error *err)
{
	struct wm_error *bpf = &own(l)->no_bpf, nft = { 0 };

	if (access(l->inst.fetch_path, X_OK))
		return wm_fail(err, ENOENT, "%s: cannot run it: %s; copy wm-fetch and wm-agent beside wm-gateway", l->inst.fetch_path, strerror(errno));
	if (lacks_bpffs(l) || (l->inst.dataplane != WM_DATAPLANE_NFT && !wm_dataplane_bpf.probe(&l->inst, bpf)))
		return 0;
	if (l->inst.dataplane == WM_DATAPLANE_BPF)
		return wm_fail(err, EOPNOTSUPP, "%s", bpf->text);
	if (wm_dataplane_nft.probe(&l->inst, &nft))
		return wm_fail(err, EOPNOTSUPP, "this kernel has no data plane for it: %s", nft.text);
	return 0;
}

/* Once it is enough: a gateway without anything to get accepted by would be made in vain. */
static int look_at_token(struct wm_life *l, struct wm_error *err)
{
	char path[WM_PATH_SIZE];

	if (*l->inst.registry_token || (!wm_format(path, sizeof(path), "%s/token", l->inst.state_dir) && !access(path, F_OK)))
		return 0;
	return wm_fail(err, EACCES, "WM_REGISTRY_TOKEN is missing; give what 'wm add-site %s' or 'wm enrol %s' printed, or an admin token, by the environment, by --env FILE or on a terminal when asked",
		       l->inst.domain, l->inst.domain);
}

/* --- install: what it is made of --------------------------------------------------------------------- */

static int directories(struct wm_life *l, struct wm_error *err)
{
	char etc[WM_PATH_SIZE];
	int rc = wm_copy(etc, sizeof(etc), l->inst.env_file) ? -ENAMETOOLONG : wm_step_dir(l, dirname(etc), 0755, err);

	return rc ? rc : wm_step_dir(l, l->inst.state_dir, 0700, err);
}

/* An enrolment is spent and a master token nothing to leave about, once this gateway has a token of its own. */
static int settings_file(struct wm_life *l, struct wm_error *err)
{
	own(l)->before_files = l->changes;
	return wm_settings_write(l, &own(l)->settings, wm_token_kind(own(l)->settings.token) == WM_TOKEN_GATEWAY, err);
}

static int sysctls(struct wm_life *l, struct wm_error *err)
{
	char path[WM_PATH_SIZE];
	int rc;

	own(l)->renewed = l->changes > own(l)->before_files;
	rc = wm_life_path(l, path, err, "/etc/sysctl.d/60-wm%s%s.conf", *l->inst.name ? "-" : "", l->inst.name);
	return rc ? rc : wm_step_sysctl(l, path, "net.ipv4.ip_forward", "1", err);
}

/* systemd has it mounted, and so has our script of OpenRC; where neither does, it is done now and said how it is kept. */
static int bpffs(struct wm_life *l, struct wm_error *err)
{
	(void)err;
	if (*own(l)->no_bpf.text)
		wm_life_note(l, "the data plane will be nftables: %s", own(l)->no_bpf.text);
	if (!lacks_bpffs(l) || !wm_life_change(l, "mounted", "mount", BPFFS))
		return 0;
	if (mount("bpf", BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		wm_life_note(l, BPFFS " cannot be mounted (%s): the data plane will be nftables", strerror(errno));
	else if (wm_service_manager(l) == WM_MANAGER_NONE)
		wm_life_note(l, "have it mounted at each boot: add 'bpf " BPFFS " bpf mode=0700 0 0' to /etc/fstab");
	return 0;
}

static int enable(struct wm_life *l, struct wm_error *err)
{
	char name[WM_PATH_SIZE];

	wm_service_own(l, name);
	return wm_step_enable(l, name, err);
}

/* A gateway that runs is left alone, unless its program, unit or settings are others: then it is started anew, and the data
 * plane carries on meanwhile. */
static int start(struct wm_life *l, struct wm_error *err)
{
	char name[WM_PATH_SIZE];

	wm_service_own(l, name);
	own(l)->was_active = wm_service_active(l, name);
	if (own(l)->was_active && own(l)->renewed)
		return wm_step_restart(l, name, err);
	return wm_step_start(l, name, err);
}

/* So that names are there when dnsmasq reads them first, and what does not work is said now. */
static int first_sync(struct wm_life *l, struct wm_error *err)
{
	WM_AUTO_FREE char *text = NULL;
	char name[WM_PATH_SIZE];
	struct wm_error why = { 0 };
	int rc = -ENOENT, code = 0;

	(void)err;
	wm_service_own(l, name);
	if (l->dry_run || own(l)->was_active || !wm_service_active(l, name))
		return 0;
	for (int tries = 0; tries < START_TRIES && rc == -ENOENT; tries++) {
		free(text);
		text = NULL;
		rc = wm_ctl_ask(&l->inst, WM_CTL_SYNC, 0, 0, SYNC_S, &text, &code, &why);
		if (rc == -ENOENT)
			usleep(START_LOOK_US);
	}
	if (rc || code)
		wm_life_note(l, "it is not in sync yet: %s; 'wm-gateway check' looks for the cause",
			     rc == -ENOENT ? "it does not answer" : rc ? why.text : strtok(text, "\n"));
	else
		fputs(text, l->out);
	wm_life_note(l, "UDP port %u has to reach this machine from outside, unless other sites need not come to it: a port forward on the router, a gap in the firewall",
		     l->inst.listen_port);
	return 0;
}

static const struct wm_step install_steps[] = {
	{ NULL, collect },
	{ "LANs", look_at_lans },
	{ "kernel", look_at_kernel },
	{ NULL, look_at_token },
	{ NULL, directories },
	{ "registration", wm_step_register },
	{ NULL, settings_file },
	{ NULL, wm_files_programs },
	{ NULL, wm_files_units },
	{ NULL, sysctls },
	{ NULL, bpffs },
	{ NULL, enable },
	{ NULL, start },
	{ NULL, first_sync },
	{ "names", wm_step_dns },
};

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
	char name[WM_PATH_SIZE];

	wm_service_own(l, name);
	return wm_step_start(l, name, err);
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
	char path[WM_PATH_SIZE];
	struct stat st;

	if (wm_format(path, sizeof(path), "/sys/class/net/%s", l->inst.ifname) || stat(path, &st))
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

static const struct wm_step uninstall_steps[] = {
	{ NULL, just_stop }, { NULL, disable }, { NULL, down }, { NULL, remove_files }, { NULL, say_kept },
};

/* Settings where there are any that can be read: what is broken is removed all the same, but not deregistered. */
static int know_site(struct wm_life *l, struct wm_error *err)
{
	char question[WM_PATH_SIZE];
	struct wm_instance inst;
	int rc = 0;

	if (!l->opt->keep_site && !access(l->inst.env_file, F_OK)) {
		rc = wm_instance_load(&inst, l->opt->instance, l->opt->config, err);
		if (rc)
			return wm_fail_in(err, rc, "the site cannot be deregistered with these settings; --keep-site does without");
		l->inst = inst;
		wm_wipe(&inst, sizeof(inst));
	}
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

	if (asprintf(&pattern, "%s/*/", l->inst.state_dir) < 0 || glob(pattern, GLOB_NOSORT, NULL, &found))
		return false;
	for (size_t i = 0; i < found.gl_pathc; i++)
		releases += !strncmp(found.gl_pathv[i], l->inst.releases, strlen(l->inst.releases));
	others = found.gl_pathc > releases;
	globfree(&found);
	return others;
}


static int remove_own(struct wm_life *l, struct wm_error *err)
{
	const char *const files[] = { l->inst.env_file, l->inst.key_file, l->inst.hosts_file, l->inst.servers_file, l->inst.dnsmasq_conf,
				      l->inst.release_keys };
	static const char *const state[] = { "token", "config", "config.changes", "counters", "endpoint", "removal", "removals" };
	char path[WM_PATH_SIZE];
	int rc = 0;

	for (size_t i = 0; !rc && i < WM_ARRAY_LEN(files); i++)
		rc = wm_step_remove(l, files[i], err);
	for (size_t i = 0; !rc && i < WM_ARRAY_LEN(state); i++) {
		rc = wm_format(path, sizeof(path), "%s/%s", l->inst.state_dir, state[i]) ? -ENAMETOOLONG : wm_step_remove(l, path, err);
	}
	if (!rc && (*l->inst.name || !others_have_state(l)))
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

static int verb(const struct wm_life_options *opt, const struct wm_step *steps, size_t n)
{
	struct own mine = { 0 };
	struct wm_error err = { 0 };
	struct wm_life life;
	int rc = wm_life_begin(&life, opt, &err);

	life.own = &mine;
	if (!rc)
		rc = wm_life_do(&life, steps, n, &err);
	wm_settings_free(&mine.settings);
	return wm_life_end(&life, rc, &err);
}

int wm_native_install(const struct wm_life_options *opt)
{
	return verb(opt, install_steps, WM_ARRAY_LEN(install_steps));
}

int wm_native_start(const struct wm_life_options *opt)
{
	return verb(opt, start_steps, WM_ARRAY_LEN(start_steps));
}

int wm_native_stop(const struct wm_life_options *opt)
{
	return verb(opt, stop_steps, WM_ARRAY_LEN(stop_steps));
}

int wm_native_uninstall(const struct wm_life_options *opt)
{
	return verb(opt, uninstall_steps, WM_ARRAY_LEN(uninstall_steps));
}

int wm_native_destroy(const struct wm_life_options *opt)
{
	return verb(opt, destroy_steps, WM_ARRAY_LEN(destroy_steps));
}
