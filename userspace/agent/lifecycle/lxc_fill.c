/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What goes into the container: packages, programs, daily upgrades.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/lifecycle/files.h"
#include "agent/lifecycle/lxc_own.h"
#include "core/util.h"
#include "kernel/host.h"

#define FILE_MAX (64u << 20)
#define INSTALL_S 1800 /* packages come over the network */
#define ASK_S 60
#define PROGRAMS "/usr/local/lib/wm"
#define UPGRADE PROGRAMS "/upgrade"

/* Runs a program in it that has to succeed. */
#define must(l, doing, err, ...) must_(l, doing, err, (const char *const[]){ __VA_ARGS__, NULL })
static int must_(const struct wm_life *l, const char *doing, struct wm_error *err, const char *const argv[])
{
	char text[WM_RUN_OUTPUT];
	int rc = wm_box_run_argv(wm_lxc_box(l), NULL, 0, INSTALL_S, text, err, argv);

	return rc <= 0 ? rc : wm_fail(err, EIO, "container %s: %s: %s failed (exit code %d): %s", wm_lxc_box(l)->name, doing, argv[0], rc,
				      wm_box_last_words(text));
}

static bool has(const struct wm_life *l, const char *program)
{
	return wm_box_run(wm_lxc_box(l), NULL, 0, ASK_S, NULL, NULL, "/bin/sh", "-c", "command -v \"$1\" >/dev/null", "sh", program, NULL) == 0;
}

/* --- whom it asks for names ------------------------------------------------------------------------ */

/* What this machine asks, but for itself: that it is not in there. */
static int read_resolvers(const struct wm_life *l, char *ret, size_t size, struct wm_error *err)
{
	static const char *const files[] = { "/run/systemd/resolve/resolv.conf", "/etc/resolv.conf" };
	WM_AUTO_FREE char *text = NULL;
	char path[WM_PATH_SIZE], word[WM_IP4_TEXT], *save = NULL;
	size_t len = 0;
	wm_ip4 addr;
	int rc = -ENOENT;

	for (size_t i = 0; i < WM_ARRAY_LEN(files) && rc; i++)
		rc = wm_life_path(l, path, err, "%s", files[i]) ? -ENAMETOOLONG : wm_read_file(path, FILE_MAX, &text, NULL);
	*ret = '\0';
	for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "nameserver %15s", word) != 1 || wm_ip4_parse(word, &addr) || addr >> 24 == 127)
			continue;
		if (!wm_format(ret + len, size - len, "nameserver %s\n", word))
			len += strlen(ret + len);
	}
	return 0;
}

/* Proxmox does this itself. */
int wm_lxc_basics(struct wm_life *l, struct wm_error *err)
{
	const struct wm_container_net *net = &wm_lxc_own(l)->net;
	char text[512], addr[WM_IP4_TEXT];
	int rc;

	if (wm_lxc_box(l)->kind == WM_BOX_PCT || !wm_lxc_own(l)->there)
		return 0;
	rc = read_resolvers(l, text, sizeof(text), err);
	/* The router of a LAN mostly answers; lxc-net's does. */
	for (unsigned int i = 0; i < net->n && !rc && !*text; i++)
		if (net->nic[i].gateway)
			rc = wm_format(text, sizeof(text), "nameserver %s\n", wm_ip4_format(net->nic[i].gateway, addr));
	return rc ? rc : wm_step_box_file(l, wm_lxc_box(l), "/etc/resolv.conf", "644", text, strlen(text), err);
}

/* --- packages ------------------------------------------------------------------------------------------ */

static const char *const debian_packages[] = {
	"dnsmasq", "ca-certificates", "libbpf1", "libelf1", "zlib1g", "libnftnl11", "libmnl0", "libsodium23", "libsmartcols1", "libcurl3-gnutls",
	"libjansson4", "libseccomp2", NULL,
};
static const char *const alpine_packages[] = {
	"dnsmasq", "ca-certificates", "libbpf", "libelf", "zlib", "libnftnl", "libmnl", "libsodium", "libsmartcols", "libcurl", "jansson",
	"libseccomp", NULL,
};

/* Without WireGuard in the kernel, which it shares, it takes the one that is a program. */
static void add_packages(struct wm_argv *io, const char *const packages[])
{
	wm_argv_add_all(io, packages);
	wm_argv_add(io, wm_host_has_wireguard() ? NULL : "wireguard-go");
}

static int debian(struct wm_life *l, struct wm_error *err)
{
	static const char *const look[] = { "apt-get", "-q", "-s", "install", "--no-install-recommends", NULL };
	static const char *const install[] = { "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y", "install", "--no-install-recommends", NULL };
	struct wm_argv w = { 0 };
	char text[WM_RUN_OUTPUT];
	int rc;

	wm_argv_add_all(&w, look);
	add_packages(&w, debian_packages);
	rc = wm_box_run_argv(wm_lxc_box(l), NULL, 0, ASK_S, text, err, w.word);
	if (rc < 0 || (!rc && strstr(text, " 0 newly installed")))
		return rc;
	if (!wm_life_change(l, "installed", "install", "packages in container %s: dnsmasq and libraries", wm_lxc_box(l)->name))
		return 0;
	rc = must(l, "reading the lists of packages", err, "apt-get", "-q", "update");
	w = (struct wm_argv){ 0 };
	wm_argv_add_all(&w, install);
	add_packages(&w, debian_packages);
	return rc ? rc : must_(l, "installing packages", err, w.word);
}

static int alpine(struct wm_life *l, struct wm_error *err)
{
	static const char *const look[] = { "apk", "info", "-e", NULL };
	static const char *const install[] = { "apk", "add", "--update-cache", "-q", NULL };
	struct wm_argv w = { 0 };
	int rc;

	wm_argv_add_all(&w, look);
	add_packages(&w, alpine_packages);
	rc = wm_box_run_argv(wm_lxc_box(l), NULL, 0, ASK_S, NULL, err, w.word);
	if (rc <= 0)
		return rc;
	if (!wm_life_change(l, "installed", "install", "packages in container %s: dnsmasq and libraries", wm_lxc_box(l)->name))
		return 0;
	w = (struct wm_argv){ 0 };
	wm_argv_add_all(&w, install);
	add_packages(&w, alpine_packages);
	return must_(l, "installing packages", err, w.word);
}

int wm_lxc_packages(struct wm_life *l, struct wm_error *err)
{
	if (!wm_lxc_own(l)->there)
		return 0;
	if (has(l, "apt-get"))
		return debian(l, err);
	if (has(l, "apk"))
		return alpine(l, err);
	wm_life_note(l, "container %s has neither apt-get nor apk: dnsmasq and the libraries that the programs need have to be in it already", wm_lxc_box(l)->name);
	return 0;
}

/* --- programs ---------------------------------------------------------------------------------------------- */

/* LXC_PROGRAMS, or where this program is. */
static int program_dir(const struct wm_life *l, char *ret, struct wm_error *err)
{
	const char *given = wm_lxc_value(l, "LXC_PROGRAMS", "");

	if (!*given)
		return wm_own_dir(ret, err);
	return wm_copy(ret, WM_PATH_SIZE, given) ? wm_fail(err, ENAMETOOLONG, "LXC_PROGRAMS is too long") : 0;
}

static int push(struct wm_life *l, const char *from, const char *name, struct wm_error *err)
{
	WM_AUTO_FREE char *data = NULL;
	char to[WM_PATH_SIZE];
	size_t len;
	int rc = wm_read_file(from, FILE_MAX, &data, &len);

	if (rc)
		return wm_fail(err, -rc, "%s: cannot read it: %s; the programs of wm that are to run in the container lie together in one directory (LXC_PROGRAMS)",
			       from, strerror(-rc));
	wm_format(to, sizeof(to), PROGRAMS "/%s", name);
	return wm_step_box_file(l, wm_lxc_box(l), to, "755", data, len, err);
}

/* They lie apart from where they run from: `install` in the container compares, and starts what is another anew. */
int wm_lxc_programs(struct wm_life *l, struct wm_error *err)
{
	static const char *const names[] = { "wm-agent", "wm-gateway" };
	char dir[WM_PATH_SIZE], path[WM_PATH_SIZE], text[WM_RUN_OUTPUT];
	int rc = program_dir(l, dir, err);

	if (rc || !wm_lxc_own(l)->there)
		return rc;
	if (wm_format(path, sizeof(path), "%s/wm-fetch", dir))
		return wm_fail(err, ENAMETOOLONG, "%s: the path is too long", dir);
	rc = push(l, access(path, F_OK) ? l->inst.fetch_path : path, "wm-fetch", err);
	for (size_t i = 0; i < WM_ARRAY_LEN(names) && !rc; i++) {
		wm_format(path, sizeof(path), "%s/%s", dir, names[i]);
		rc = push(l, path, names[i], err);
	}
	if (rc || l->dry_run)
		return rc;
	rc = wm_box_run(wm_lxc_box(l), NULL, 0, ASK_S, text, err, PROGRAMS "/wm-gateway", "--version", NULL);
	return rc <= 0 ? rc : wm_fail(err, ENOEXEC, "container %s: the programs of %s do not run in it: %.200s; say by LXC_PROGRAMS where some are that were built for its distribution",
				      wm_lxc_box(l)->name, dir, text);
}

/* --- upgrades ------------------------------------------------------------------------------------------------- */

/* Nothing is started anew: what runs goes on as it is until the container is. */
static const char debian_upgrade[] =
	"#!/bin/sh\n"
	WM_LIFE_MARK " --lxc: upgrades the packages of this container and starts nothing anew.\n"
	"set -eu\n"
	"policy=/usr/sbin/policy-rc.d\n"
	"export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1\n"
	"if [ ! -e $policy ] || grep -q '^# wm-upgrade' $policy; then\n"
	"\ttrap 'rm -f $policy' EXIT\n"
	"\tprintf '#!/bin/sh\\n# wm-upgrade\\nexit 101\\n' >$policy\n"
	"\tchmod 755 $policy\n"
	"fi\n"
	"apt-get -q update\n"
	"apt-get -q -y -o Dpkg::Options::=--force-confold upgrade\n"
	"apt-get -q clean\n";
static const char systemd_service[] = WM_LIFE_MARK " --lxc.\n[Unit]\nDescription=Upgrade of the container's packages\n\n"
				      "[Service]\nType=oneshot\nExecStart=" UPGRADE "\n";
static const char systemd_timer[] = WM_LIFE_MARK " --lxc.\n[Unit]\nDescription=Daily upgrade of the container's packages\n\n"
				    "[Timer]\nOnCalendar=daily\nRandomizedDelaySec=6h\nPersistent=true\n\n[Install]\nWantedBy=timers.target\n";
static const char alpine_upgrade[] = "#!/bin/sh\n" WM_LIFE_MARK " --lxc. OpenRC starts nothing anew when packages are upgraded.\n"
				     "exec apk upgrade --update-cache -q\n";

static int file(struct wm_life *l, const char *path, const char *mode, const char *text, struct wm_error *err)
{
	return wm_step_box_file(l, wm_lxc_box(l), path, mode, text, strlen(text), err);
}

/* What is asked is how it is, and not what this run has changed: one before may have got no further than that. */
static int timed(struct wm_life *l, const char *words, const char *said, bool *ret, struct wm_error *err)
{
	int rc = wm_box_run(wm_lxc_box(l), NULL, 0, ASK_S, NULL, err, "/bin/sh", "-c", words, NULL);

	*ret = rc <= 0 || !wm_life_change(l, "enabled", "enable", "%s in container %s", said, wm_lxc_box(l)->name);
	return WM_MIN(rc, 0);
}

static int by_systemd(struct wm_life *l, struct wm_error *err)
{
	static const char is[] = "systemctl is-enabled -q wm-upgrade.timer && systemctl is-active -q wm-upgrade.timer && "
				 "! systemctl show -p NeedDaemonReload wm-upgrade.timer wm-upgrade.service | grep -q yes";
	bool done = true;
	int rc = file(l, UPGRADE, "755", debian_upgrade, err);

	if (!rc)
		rc = file(l, "/etc/systemd/system/wm-upgrade.service", "644", systemd_service, err);
	if (!rc)
		rc = file(l, "/etc/systemd/system/wm-upgrade.timer", "644", systemd_timer, err);
	if (!rc)
		rc = timed(l, is, "wm-upgrade.timer", &done, err);
	if (rc || done)
		return rc;
	rc = must(l, "daily upgrades", err, "systemctl", "daemon-reload");
	return rc ? rc : must(l, "daily upgrades", err, "systemctl", "enable", "--now", "wm-upgrade.timer");
}

static int by_cron(struct wm_life *l, struct wm_error *err)
{
	bool done = true;
	int rc = file(l, "/etc/periodic/daily/wm-upgrade", "755", alpine_upgrade, err);

	if (!rc)
		rc = timed(l, "rc-update show default | grep -qw crond && rc-service -q crond status", "crond", &done, err);
	if (rc || done)
		return rc;
	rc = must(l, "daily upgrades", err, "rc-update", "add", "crond", "default");
	return rc ? rc : must(l, "daily upgrades", err, "rc-service", "crond", "start");
}

int wm_lxc_upgrades(struct wm_life *l, struct wm_error *err)
{
	if (!wm_lxc_own(l)->there)
		return 0;
	if (has(l, "apk") && has(l, "rc-service"))
		return by_cron(l, err);
	if (has(l, "apt-get") && has(l, "systemctl"))
		return by_systemd(l, err);
	return 0;
}
