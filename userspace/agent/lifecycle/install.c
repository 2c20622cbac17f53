/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A machine becomes a gateway, or the one that it is is brought up to date.
 */
#include "agent/lifecycle/native.h"

#include <errno.h>
#include <libgen.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/ctl.h"
#include "agent/gateway.h"
#include "agent/lifecycle/dns.h"
#include "agent/lifecycle/files.h"
#include "agent/lifecycle/owed.h"
#include "agent/lifecycle/register.h"
#include "agent/lifecycle/service.h"
#include "agent/lifecycle/settings.h"
#include "core/util.h"
#include "kernel/dataplane.h"

#define BPFFS "/sys/fs/bpf"
#define SYNC_S 60
#define START_S 10 /* for the socket of what was started to be there; WM_START_WAIT says another number */
#define START_LOOK_US 100000

struct own {
	struct wm_settings settings;
	struct wm_error no_bpf;    /* why the data plane will be nftables */
	bool was_active;
};

static struct own *own(const struct wm_life *l)
{
	return l->own;
}

/* --- install: what is looked at before anything is changed ------------------------------------------ */

/* They would share the site, its state and the port. */
static int no_container(struct wm_life *l, struct wm_error *err)
{
	char path[WM_PATH_SIZE];

	if (!wm_native_container(l, path))
		return 0;
	return wm_fail(err, EEXIST, "a container of this machine is this gateway (%s); 'wm-gateway destroy --lxc --keep-site' ends that, --instance NAME makes another gateway",
		       path);
}

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
	wm_life_owe(l, WM_OWED_RESTART, true);
	return wm_settings_write(l, &own(l)->settings, wm_token_kind(own(l)->settings.token) == WM_TOKEN_GATEWAY, err);
}

static int sysctls(struct wm_life *l, struct wm_error *err)
{
	char path[WM_PATH_SIZE];
	int rc;

	wm_life_owe(l, WM_OWED_RESTART, false);
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
	return wm_step_renew(l, err);
}

static unsigned int start_wait(void)
{
	const char *text = getenv("WM_START_WAIT");

	return text && *text >= '0' && *text <= '9' ? (unsigned int)WM_MIN(strtoul(text, NULL, 10), 600ul) : START_S;
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
	for (unsigned int tries = 10 * start_wait(); tries && rc == -ENOENT; tries--) {
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
	{ NULL, no_container },
	{ NULL, collect },
	{ "LANs", look_at_lans },
	{ "kernel", look_at_kernel },
	{ NULL, look_at_token },
	{ "names", wm_life_look_at_dns },
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

int wm_native_install(const struct wm_life_options *opt)
{
	struct own mine = { 0 };
	int code = wm_life_run(opt, install_steps, WM_ARRAY_LEN(install_steps), &mine);

	wm_settings_free(&mine.settings);
	return code;
}
