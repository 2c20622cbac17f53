/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Making the container, and giving it its networks.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/lifecycle/files.h"
#include "agent/lifecycle/lxc_own.h"
#include "core/util.h"

#define MAKE_S 1800 /* templates download a whole distribution */
#define FILE_MAX 65536
#define OS_RELEASE "/etc/os-release"

static int run(const struct wm_argv *w, const char *fed, const char *doing, struct wm_error *err)
{
	char text[WM_RUN_OUTPUT];
	int rc = wm_argv_whole(w, err);

	if (!rc)
		rc = fed ? wm_run_fed(w->word, fed, strlen(fed), MAKE_S, text, err) : wm_run(w->word, MAKE_S, text, err);
	return rc <= 0 ? rc : wm_fail(err, EIO, "%s: %s failed (exit code %d): %s", doing, w->word[0], rc, wm_box_last_words(text));
}

/* --- LXC ------------------------------------------------------------------------------------------ */

/* The host's release, so that its programs find the same libraries; else Debian's. */
static void host_release(const struct wm_life *l, char *distribution, char *release, size_t size)
{
	struct wm_env *env = NULL;
	char path[WM_PATH_SIZE];

	wm_copy(distribution, size, "debian");
	wm_copy(release, size, "bookworm");
	if (!wm_life_path(l, path, NULL, OS_RELEASE) && !wm_env_load(path, &env, NULL)) {
		const char *id = wm_env_own(env, "ID", ""), *name = wm_env_own(env, "VERSION_CODENAME", "");

		if ((!strcmp(id, "debian") || !strcmp(id, "ubuntu")) && *name && !wm_copy(release, size, name))
			wm_copy(distribution, size, id);
	}
	wm_env_free(env);
}

static const char *architecture(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#elif defined(__arm__)
	return "armhf";
#else
	return "amd64";
#endif
}

/* What LXC begins every container's config with, and the mark: so that from its first moment on it says whose it is. */
static int first_config(const struct wm_life *l, char **ret, struct wm_error *err)
{
	static const char *const argv[] = { "lxc-config", "lxc.default_config", NULL };
	WM_AUTO_FREE char *text = NULL;
	char mark[WM_PATH_SIZE], path[WM_RUN_OUTPUT];
	int rc = wm_lxc_mark(l, mark, err);

	if (!rc)
		rc = wm_run(argv, 30, path, err);
	if (rc < 0)
		return rc;
	path[strcspn(path, "\r\n")] = '\0';
	if (!rc && *path)
		rc = wm_read_file(path, FILE_MAX, &text, NULL);
	if (rc < 0 && rc != -ENOENT)
		return wm_fail(err, -rc, "%.200s: cannot read it: %s", path, strerror(-rc));
	if (asprintf(ret, "# wm-gateway %s\n%s", mark, text ? text : "") < 0)
		*ret = NULL;
	return *ret ? 0 : wm_fail(err, ENOMEM, "out of memory");
}

/* LXC_TEMPLATE: DISTRIBUTION:RELEASE of LXC's images, a file, or a template's name. */
static int make_lxc(struct wm_life *l, struct wm_error *err)
{
	const struct wm_box *box = &wm_lxc_own(l)->facts.box;
	const char *template = wm_lxc_value(l, "LXC_TEMPLATE", "");
	char distribution[64], release[64], copy[WM_PATH_SIZE], *colon;
	WM_AUTO_FREE char *config = NULL;
	struct wm_argv w = { 0 };
	int rc;

	host_release(l, distribution, release, sizeof(release));
	if (wm_copy(copy, sizeof(copy), template))
		return wm_fail(err, EINVAL, "LXC_TEMPLATE is too long");
	colon = strchr(copy, ':');
	rc = first_config(l, &config, err);
	if (rc)
		return rc;
	wm_argv_add(&w, "lxc-create");
	if (*box->path)
		wm_argv_add_all(&w, (const char *const[]){ "-P", box->path, NULL });
	wm_argv_add_all(&w, (const char *const[]){ "-n", box->name, "-f", "/dev/stdin", "-t", NULL });
	if (*copy && !colon) {
		wm_argv_add(&w, copy);
		return run(&w, config, "making the container", err);
	}
	if (colon)
		*colon = '\0';
	wm_argv_add_all(&w, (const char *const[]){ "download", "--", "-d", colon ? copy : distribution, "-r", colon ? colon + 1 : release, "-a",
						   architecture(), NULL });
	return run(&w, config, "making the container", err);
}

/* --- Proxmox ------------------------------------------------------------------------------------------ */

static int make_pct(struct wm_life *l, struct wm_error *err)
{
	const struct wm_lxc_own *own = wm_lxc_own(l);
	char host[WM_NAME_SIZE + 16], rootfs[96], nics[WM_LANS_MAX][WM_PCT_NIC_TEXT], names[WM_LANS_MAX][16], mark[WM_PATH_SIZE], notes[WM_PATH_SIZE + 16];
	struct wm_argv w = { 0 };
	int rc = wm_lxc_mark(l, mark, err);

	if (rc)
		return rc;
	wm_format(notes, sizeof(notes), "wm-gateway %s", mark);
	wm_format(host, sizeof(host), "wm-gw-%s", l->inst.domain);
	wm_format(rootfs, sizeof(rootfs), "%s:4", wm_lxc_value(l, "LXC_STORAGE", "local-lvm"));
	wm_argv_add_all(&w, (const char *const[]){ "pct", "create", own->facts.box.name, wm_lxc_value(l, "LXC_TEMPLATE", ""), "--hostname", host, "--unprivileged",
						   "1", "--features", "nesting=1", "--onboot", "1", "--memory", "512", "--swap", "256", "--cores", "1",
						   "--rootfs", rootfs, "--description", notes, NULL });
	for (unsigned int i = 0; i < own->net.n; i++) {
		wm_format(names[i], sizeof(names[i]), "--net%u", i);
		wm_argv_add_all(&w, (const char *const[]){ names[i], wm_container_pct_nic(&own->net.nic[i], i, nics[i]), NULL });
	}
	return run(&w, NULL, "making the container", err);
}

/* Before anything is kept or made. */
int wm_lxc_look(struct wm_life *l, struct wm_error *err)
{
	struct wm_lxc_own *own = wm_lxc_own(l);
	int rc = own->known ? 0 : wm_box_exists(&own->facts.box, err);

	if (rc < 0)
		return rc;
	if (rc)
		return wm_fail(err, EEXIST, "there is a container %s already, and it is not of wm-gateway's making; say another name by LXC_CONTAINER (of Proxmox: LXC_VMID), or destroy it",
			       own->facts.box.name);
	if (!own->known && own->facts.box.kind == WM_BOX_PCT && !*wm_lxc_value(l, "LXC_TEMPLATE", ""))
		return wm_fail_field(err, EINVAL, "LXC_TEMPLATE", "LXC_TEMPLATE is needed on Proxmox: a Debian template of this node, like local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst ('pveam list local' shows them, 'pveam download local NAME' gets one)");
	own->made = !own->known;
	return 0;
}

int wm_lxc_make(struct wm_life *l, struct wm_error *err)
{
	static int (*const make[WM_BOX_KINDS])(struct wm_life *, struct wm_error *) = { [WM_BOX_LXC] = make_lxc, [WM_BOX_PCT] = make_pct };
	struct wm_lxc_own *own = wm_lxc_own(l);
	int rc;

	if (!own->made || !wm_life_change(l, "made", "make", "container %s", own->facts.box.name))
		return 0;
	rc = make[own->facts.box.kind](l, err);
	if (rc)
		return rc;
	own->facts.made = true;
	return wm_step_lxc_facts(l, &own->facts, err);
}

/* --- networks -------------------------------------------------------------------------------------------- */

/* What LXC runs: this program, where it stays; else a copy of it that stays. */
static int hook_line(struct wm_life *l, char *ret, size_t size, struct wm_error *err)
{
	char self[WM_PATH_SIZE], hook[WM_PATH_SIZE], facts[WM_PATH_SIZE];
	int rc = wm_lxc_path(l, "container.hook", hook, err);

	*ret = '\0';
	if (rc || !wm_lxc_own(l)->net.behind)
		return rc;
	rc = wm_lxc_mark(l, facts, err); /* LXC has a shell read this line */
	if (!rc)
		rc = wm_own_path(self, err);
	if (!rc && (!strcmp(self, "/usr/bin/wm-gateway") || !strcmp(self, "/usr/local/bin/wm-gateway")))
		strcpy(hook, self);
	else if (!rc)
		rc = wm_step_copy(l, self, hook, 0755, err);
	/* LXC starts no container whose hook fails, also where the program has gone with its package or does not find its libraries. */
	if (!rc && wm_format(ret, size, "/bin/sh -c 'test -x %s && %s lxc-hook %s; exit 0'", hook, hook, facts))
		rc = wm_fail(err, ENAMETOOLONG, "%s: the path is too long", facts);
	return rc;
}

/* Nobody in it has had a chance to put links in the way yet: it has never run. Its own network manager must leave eth0 alone from the first start
 * on: it would ask the LAN for another address. */
static int write_tame(const char *dir, struct wm_error *err)
{
	static const struct {
		const char *in, *file, *text;
	} files[] = {
		{ "etc/systemd", "network/10-wm.network", "[Match]\nName=eth*\n\n[Link]\nUnmanaged=yes\n" },
		{ "etc/systemd", "resolved.conf.d/wm.conf", "[Resolve]\nDNSStubListener=no\n" },
		{ "etc/network", "interfaces", "auto lo\niface lo inet loopback\n" },
	};
	char path[WM_PATH_SIZE], parent[WM_PATH_SIZE];
	int rc = 0;

	for (size_t i = 0; i < WM_ARRAY_LEN(files) && !rc; i++) {
		if (wm_format(path, sizeof(path), "%s/rootfs/%s", dir, files[i].in) || access(path, F_OK))
			continue;
		rc = wm_format(path, sizeof(path), "%s/rootfs/%s/%s", dir, files[i].in, files[i].file);
		strcpy(parent, path);
		*strrchr(parent, '/') = '\0';
		if (!rc)
			rc = wm_make_dirs(parent, 0755);
		if (!rc)
			rc = wm_replace_file(path, 0644, files[i].text, strlen(files[i].text));
	}
	return rc ? wm_fail(err, -rc, "%s: cannot write it: %s", path, strerror(-rc)) : 0;
}

/* Whoever makes it, of several that were broken off. */
static int tame(struct wm_life *l, const char *dir, struct wm_error *err)
{
	struct wm_lxc_own *own = wm_lxc_own(l);
	char etc[WM_PATH_SIZE];
	int rc = own->facts.tamed || l->dry_run ? 1 : wm_box_running(&own->facts.box, err);

	if (rc)
		return WM_MIN(rc, 0);
	if (wm_format(etc, sizeof(etc), "%s/rootfs/etc", dir) || access(etc, F_OK))
		wm_life_note(l, "%s is not there, where container %s would be told to leave its interfaces alone: if it has a network manager of its own, tell that, or it may ask the LAN for another address",
			     etc, own->facts.box.name);
	else
		rc = write_tame(dir, err);
	if (rc)
		return rc;
	own->facts.tamed = true;
	return wm_step_lxc_facts(l, &own->facts, err);
}

/* LXC's file of it. path: WM_PATH_SIZE */
static int read_config(const struct wm_life *l, char *path, char **ret, mode_t *ret_mode, struct wm_error *err)
{
	struct stat st;
	int rc = wm_box_lxc_config(&wm_lxc_own(l)->facts.box, path, err);

	if (rc || (wm_lxc_own(l)->made && l->dry_run)) /* not there yet */
		return rc;
	rc = wm_read_file(path, FILE_MAX, ret, NULL);
	if (!rc && stat(path, &st))
		rc = -errno;
	*ret_mode = rc ? 0 : st.st_mode & 07777;
	return rc ? wm_fail(err, -rc, "%s: cannot read it: %s", path, strerror(-rc)) : 0;
}

static int wire_lxc(struct wm_life *l, struct wm_error *err)
{
	struct wm_lxc_own *own = wm_lxc_own(l);
	WM_AUTO_FREE char *old = NULL, *text = NULL;
	char path[WM_PATH_SIZE], hook[3 * WM_PATH_SIZE + 64];
	mode_t mode;
	int rc = hook_line(l, hook, sizeof(hook), err);

	if (!rc)
		rc = read_config(l, path, &old, &mode, err);
	if (rc)
		return rc;
	if (!old) {
		wm_life_change(l, "changed", "change", "%s", path);
		return 0;
	}
	rc = wm_container_lxc_config(old, &own->net, hook, &text);
	if (!rc)
		rc = wm_step_file(l, path, mode, text, strlen(text), err);
	*strrchr(path, '/') = '\0';
	return rc ? rc : tame(l, path, err);
}

/* Proxmox gives them to a container that runs, too. */
static int wire_pct(struct wm_life *l, struct wm_error *err)
{
	struct wm_lxc_own *own = wm_lxc_own(l);
	char text[WM_RUN_OUTPUT], value[WM_PCT_NIC_TEXT], name[16], said[96];
	int rc;

	own->rewired = false;
	if (own->made)
		return 0;
	rc = wm_box_pct_config(&own->facts.box, text, err);
	for (unsigned int i = 0; i < own->net.n && !rc; i++) {
		if (wm_container_pct_has(text, &own->net.nic[i], i))
			continue;
		wm_format(name, sizeof(name), "--net%u", i);
		wm_format(said, sizeof(said), "network %u of container %s", i, own->facts.box.name);
		const char *const argv[] = { "pct", "set", own->facts.box.name, name, wm_container_pct_nic(&own->net.nic[i], i, value), NULL };
		rc = wm_step_run(l, "changed", "change", said, argv, err);
	}
	for (unsigned int i = own->net.n; i < 32 && !rc; i++) {
		wm_format(name, sizeof(name), "\nnet%u: ", i);
		if (!strstr(text, name))
			continue;
		wm_format(name, sizeof(name), "net%u", i);
		wm_format(said, sizeof(said), "network %u of container %s", i, own->facts.box.name);
		const char *const argv[] = { "pct", "set", own->facts.box.name, "--delete", name, NULL };
		rc = wm_step_run(l, "removed", "remove", said, argv, err);
	}
	return rc;
}

/* --- at boot ----------------------------------------------------------------------------------------- */

static int boot_lxc(struct wm_life *l, bool wanted, struct wm_error *err)
{
	static const char words[] = "\nlxc.start.auto = ";
	WM_AUTO_FREE char *text = NULL;
	char path[WM_PATH_SIZE], *at;
	mode_t mode;
	int rc = read_config(l, path, &text, &mode, err);

	if (rc)
		return rc;
	at = strstr(text, words);
	if (!at || at[strlen(words)] == (wanted ? '1' : '0'))
		return 0;
	at[strlen(words)] = wanted ? '1' : '0';
	return wm_step_file(l, path, mode, text, strlen(text), err);
}

static int boot_pct(struct wm_life *l, bool wanted, struct wm_error *err)
{
	const char *name = wm_lxc_own(l)->facts.box.name, *number = wanted ? "1" : "0";
	const char *const set[] = { "pct", "set", name, "--onboot", number, NULL };
	char text[WM_RUN_OUTPUT], said[WM_NAME_SIZE + 32];
	int rc = wm_box_pct_config(&wm_lxc_own(l)->facts.box, text, err);

	if (rc)
		return rc;
	if ((strstr(text, "onboot: 1") != NULL) == wanted)
		return 0;
	wm_format(said, sizeof(said), "the start of container %s at boot", name);
	return wm_step_run(l, wanted ? "enabled" : "disabled", wanted ? "enable" : "disable", said, set, err);
}

static int boot(struct wm_life *l, bool wanted, struct wm_error *err)
{
	static int (*const by[WM_BOX_KINDS])(struct wm_life *, bool, struct wm_error *) = { [WM_BOX_LXC] = boot_lxc, [WM_BOX_PCT] = boot_pct };

	return wm_lxc_own(l)->known ? by[wm_lxc_own(l)->facts.box.kind](l, wanted, err) : 0;
}

int wm_lxc_boot(struct wm_life *l, struct wm_error *err)
{
	return boot(l, true, err);
}

int wm_lxc_no_boot(struct wm_life *l, struct wm_error *err)
{
	return boot(l, false, err);
}

int wm_lxc_wire(struct wm_life *l, struct wm_error *err)
{
	int rc;

	if (wm_lxc_own(l)->facts.box.kind == WM_BOX_LXC)
		return wire_lxc(l, err);
	rc = wire_pct(l, err);
	return rc || wm_lxc_own(l)->made ? rc : boot_pct(l, true, err);
}
