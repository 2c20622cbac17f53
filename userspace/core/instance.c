/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The names and places of an instance's objects on this machine.
 */
#include "core/instance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/util.h"

#define RELEASES "releases" /* a directory beside the states of instances */
#define FWMARK 0x574d0000u

/* A mark that no other instance has, nor another program that is known to be used beside VPNs: bits 14 and 15 are
 * Kubernetes', and the third byte never is what Tailscale marks with (0x04, 0x08). */
static uint32_t make_fwmark(uint32_t hash)
{
	return 0x57000000u | ((hash & 0xff) | 0x10) << 16 | (1 + (hash >> 8) % 63) << 8;
}

void wm_ifname_make(char ret[WM_IFNAME_SIZE], const char *prefix, const char *name)
{
	if (!wm_format(ret, WM_IFNAME_SIZE, "%s%s", prefix, name))
		return;
	/* Head of the name for people, hash for uniqueness. */
	snprintf(ret, WM_IFNAME_SIZE, "%.4s%.4s-%06x", prefix, name, wm_hash32(name, strlen(name)) & 0xffffff);
}

bool wm_ifname_valid(const char *name)
{
	size_t len = strlen(name);

	return len && len < WM_IFNAME_SIZE && strcmp(name, ".") && strcmp(name, "..") && !strpbrk(name, "/:% \t\n\v\f\r");
}

static const char *from_env(const char *key, const char *fallback)
{
	const char *value = getenv(key);

	return value && *value ? value : fallback;
}

/* <base>[/<instance>]<file>; WM_ROOT stands before a base that nobody has moved. */
static int make_path(char *ret, const struct wm_instance *inst, const char *base_key, const char *base,
		     const char *file)
{
	const char *moved = from_env(base_key, NULL), *root = moved ? "" : from_env("WM_ROOT", "");

	return wm_format(ret, WM_PATH_SIZE, "%s%s%s%s%s", root, moved ? moved : base, *inst->name ? "/" : "", inst->name, file);
}

/* Where the program itself lies; a checkout and an installed release both have wm-fetch beside it or in libexec. */
static int find_fetch(char *ret)
{
	const char *libexec = getenv("WM_LIBEXEC");
	char self[WM_PATH_SIZE];
	ssize_t n;
	char *slash;

	if (libexec && *libexec)
		return wm_format(ret, WM_PATH_SIZE, "%s/wm-fetch", libexec);
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash)
			*slash = '\0';
		if (!wm_format(ret, WM_PATH_SIZE, "%s/wm-fetch", self) && !access(ret, X_OK))
			return 0;
		if (!wm_format(ret, WM_PATH_SIZE, "%s/../libexec/wm/wm-fetch", self) && !access(ret, X_OK))
			return 0;
	}
	return wm_copy(ret, WM_PATH_SIZE, "/usr/libexec/wm/wm-fetch");
}

int wm_instance_names(struct wm_instance *ret, const char *name, struct wm_error *err)
{
	struct wm_instance inst = { 0 };
	const char *wanted = name && *name ? name : from_env("WM_INSTANCE", "");
	uint32_t hash = wm_hash32(wanted, strlen(wanted));
	int rc;

	if (*wanted && !wm_label_valid(wanted))
		return wm_fail(err, EINVAL, "instance '%.80s': a name of a-z, 0-9 and '-' is needed, at most 63 characters", wanted);
	if (!strcmp(wanted, RELEASES))
		return wm_fail(err, EINVAL, "instance '%s': that name is taken by the directory of releases", wanted);
	strcpy(inst.name, wanted);
	if (*wanted)
		wm_ifname_make(inst.ifname, "wg-", wanted);
	else
		strcpy(inst.ifname, "wg0");
	/* Instances on one LAN device must not share a filter's priority; hashes rarely do. */
	inst.tc_prio = (uint16_t)(*wanted ? 20001 + hash % 9999 : 20000);
	inst.fwmark = *wanted ? make_fwmark(hash) : FWMARK;
	inst.rule_prio = *wanted ? 22002 + 2 * (hash % 4999) : 22000;
	rc = wm_format(inst.nft_table, sizeof(inst.nft_table), "wm%s%s", *wanted ? "_" : "", wanted);
	if (!rc)
		rc = make_path(inst.env_file, &inst, "WM_ETC", "/etc/wm", "/gateway.env");
	if (!rc)
		rc = make_path(inst.key_file, &inst, "WM_ETC", "/etc/wm", "/private.key");
	if (!rc)
		rc = make_path(inst.hosts_file, &inst, "WM_ETC", "/etc/wm", "/hosts");
	if (!rc)
		rc = make_path(inst.servers_file, &inst, "WM_ETC", "/etc/wm", "/dnsmasq-servers");
	if (!rc)
		rc = make_path(inst.dnsmasq_conf, &inst, "WM_ETC", "/etc/wm", "/dnsmasq.conf");
	if (!rc)
		rc = make_path(inst.state_dir, &inst, "WM_STATE", "/var/lib/wm", "");
	if (!rc)
		rc = make_path(inst.releases, &inst, "WM_STATE", "/var/lib/wm", "/" RELEASES);
	if (!rc)
		rc = make_path(inst.release_keys, &inst, "WM_ETC", "/etc/wm", "/release.pub");
	if (!rc)
		rc = make_path(inst.run_dir, &inst, "WM_RUN", "/run/wm", "");
	if (!rc)
		rc = wm_copy(inst.bpffs, sizeof(inst.bpffs), from_env("WM_BPFFS", "/sys/fs/bpf/wm"));
	if (!rc)
		rc = find_fetch(inst.fetch_path);
	if (rc)
		return wm_fail(err, ENAMETOOLONG, "a path from WM_ROOT, WM_ETC, WM_STATE, WM_RUN or WM_BPFFS is too long");
	*ret = inst;
	return 0;
}
