/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/lifecycle/lxc_facts.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/lifecycle/lxc.h"
#include "core/env.h"
#include "core/util.h"
#include "kernel/forward.h"
#include "kernel/host.h"

int wm_lxc_path(const struct wm_life *l, const char *file, char *ret, struct wm_error *err)
{
	if (wm_format(ret, WM_PATH_SIZE, "%s/%s", l->inst.state_dir, file))
		return wm_fail(err, ENAMETOOLONG, "%s: the path is too long", l->inst.state_dir);
	return 0;
}

/* --- the file ------------------------------------------------------------------------------- */

static int take(const struct wm_env *env, struct wm_lxc_facts *f)
{
	const char *kind = wm_env_own(env, "KIND", "");
	unsigned long port;
	int behind, made, tamed;

	for (f->box.kind = 0; f->box.kind < WM_BOX_KINDS && strcmp(kind, wm_box_kinds[f->box.kind]);)
		f->box.kind++;
	/* What is exported by those names is somebody else's. */
	if (f->box.kind == WM_BOX_KINDS || !*wm_env_own(env, "BEHIND", "") || !*wm_env_own(env, "PORT", "") || wm_env_bool(env, "BEHIND", 0, &behind, NULL) ||
	    !*wm_env_own(env, "MADE", "") || wm_env_bool(env, "MADE", 0, &made, NULL) || !*wm_env_own(env, "TAMED", "") || wm_env_bool(env, "TAMED", 0, &tamed, NULL) ||
	    wm_env_uint(env, "PORT", 0, 1, 65535, &port, NULL) || wm_ip4_parse(wm_env_own(env, "ADDRESS", ""), &f->addr))
		return -EINVAL;
	f->behind = behind;
	f->made = made;
	f->tamed = tamed;
	f->port = (uint16_t)port;
	if (wm_copy(f->bridge, sizeof(f->bridge), wm_env_own(env, "BRIDGE", "")) || wm_copy(f->box.name, sizeof(f->box.name), wm_env_own(env, "NAME", "")) || !*f->box.name ||
	    wm_copy(f->box.path, sizeof(f->box.path), wm_env_own(env, "LXC_PATH", "")) ||
	    wm_copy(f->table, sizeof(f->table), wm_env_own(env, "TABLE", "")) || !*f->table ||
	    wm_copy(f->ifname, sizeof(f->ifname), wm_env_own(env, "INTERFACE", "")) || !wm_ifname_valid(f->ifname) ||
	    wm_copy(f->nics, sizeof(f->nics), wm_env_own(env, "NICS", "")))
		return -EINVAL;
	return 0;
}

int wm_lxc_facts_load(const char *path, struct wm_lxc_facts *ret, struct wm_error *err)
{
	struct wm_lxc_facts facts = { 0 };
	struct wm_env *env = NULL;
	int rc = wm_env_load(path, &env, err);

	if (rc == -ENOENT)
		return rc;
	if (rc == -EINVAL || (!rc && take(env, &facts)))
		rc = wm_fail(err, EINVAL, "%s: it does not say which container is the gateway, as 'wm-gateway install --lxc' wrote it; remove it, then 'wm-gateway install --lxc' with the container's LXC_CONTAINER (of Proxmox: LXC_VMID), if one was given, finds it by the mark in its config", path);
	wm_env_free(env);
	if (!rc)
		*ret = facts;
	return rc;
}

int wm_lxc_others(const struct wm_life *l, int (*fn)(const char *path, const struct wm_lxc_facts *facts, void *arg), void *arg)
{
	static const char *const below[] = { "", "/*" };
	char own[WM_PATH_SIZE], base[WM_PATH_SIZE], pattern[WM_PATH_SIZE];
	struct wm_lxc_facts facts;
	glob_t found = { 0 };
	int rc = 0;

	strcpy(base, l->inst.state_dir);
	if (*l->inst.name)
		*strrchr(base, '/') = '\0';
	if (wm_lxc_path(l, "container.state", own, NULL))
		return 0;
	for (size_t i = 0; i < WM_ARRAY_LEN(below); i++) {
		if (!wm_format(pattern, sizeof(pattern), "%s%s/container.state", base, below[i]))
			glob(pattern, i ? GLOB_APPEND : 0, NULL, &found);
	}
	for (size_t i = 0; i < found.gl_pathc && !rc; i++) {
		if (strcmp(found.gl_pathv[i], own))
			rc = fn(found.gl_pathv[i], wm_lxc_facts_load(found.gl_pathv[i], &facts, NULL) ? NULL : &facts, arg);
	}
	globfree(&found);
	return rc;
}

int wm_step_lxc_facts(struct wm_life *l, const struct wm_lxc_facts *f, struct wm_error *err)
{
	char path[WM_PATH_SIZE], text[2048], addr[WM_IP4_TEXT];
	int rc = wm_lxc_path(l, "container.state", path, err);

	if (!rc && wm_format(text, sizeof(text), WM_LIFE_MARK " --lxc.\nKIND=%s\nNAME=%s\nLXC_PATH=%s\nMADE=%s\nTAMED=%s\nADDRESS=%s\nBEHIND=%s\nPORT=%u\nINTERFACE=%s\nTABLE=%s\nBRIDGE=%s\nNICS=%s\n",
			     wm_box_kinds[f->box.kind], f->box.name, f->box.path, f->made ? "true" : "false", f->tamed ? "true" : "false", wm_ip4_format(f->addr, addr), f->behind ? "true" : "false", f->port,
			     f->ifname, f->table, f->bridge, f->nics))
		rc = wm_fail(err, E2BIG, "%s: too much to remember", path);
	return rc ? rc : wm_step_file(l, path, 0600, text, strlen(text), err);
}

/* --- whose the container is ----------------------------------------------------------------- */

int wm_lxc_mark(const struct wm_life *l, char *ret, struct wm_error *err)
{
	int rc = wm_lxc_path(l, "container.state", ret, err);

	if (!rc && ret[strspn(ret, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/+-")])
		rc = wm_fail(err, EINVAL, "%s: a path with other characters than letters, digits and ._/+- cannot be given to LXC; move it by WM_STATE", ret);
	return rc;
}

/* Where its directory is not there all is: a disk that is not mounted looks like that. */
static int look_at_place(const struct wm_box *box, struct wm_error *err)
{
	char dir[WM_PATH_SIZE];
	int rc = box->kind == WM_BOX_LXC ? wm_box_lxc_dir(box, dir, err) : 0;

	if (rc || box->kind != WM_BOX_LXC)
		return rc;
	*strrchr(dir, '/') = '\0';
	return access(dir, F_OK) ? wm_fail(err, errno, "%s, where container %s was made: %s; mount it, or make the directory if all that was in it is gone",
					   dir, box->name, strerror(errno)) : 0;
}

int wm_lxc_ours(const struct wm_life *l, const struct wm_lxc_facts *f, struct wm_error *err)
{
	char mark[WM_PATH_SIZE];
	int rc = wm_lxc_mark(l, mark, err), marked = 0;

	if (!rc)
		rc = wm_box_exists(&f->box, err);
	if (rc > 0)
		marked = wm_box_marked(&f->box, mark, err);
	if (rc < 0 || marked < 0)
		return WM_MIN(rc, marked);
	if (!rc && f->made)
		return look_at_place(&f->box, err);
	if (rc && !marked && f->made)
		return wm_fail(err, EEXIST, "container %s has no mark of this gateway any more and may be somebody else's by now, so it is left alone; if it is this gateway's, put '%swm-gateway %s' into its %s; if not, remove %s",
			       f->box.name, f->box.kind == WM_BOX_LXC ? "# " : "", mark, f->box.kind == WM_BOX_LXC ? "config, a line of its own" : "notes", mark);
	return marked;
}

/* --- what the host does ------------------------------------------------------------------------ */

/* 1: the port leads in now; 0: it did; -errno. */
static int lead_in(const struct wm_lxc_facts *f, struct wm_error *err)
{
	int rc = wm_forward_set(f->table, f->port, f->addr, err), forgotten = 0;

	/* Also where it led in already: whoever set it may have got no further. */
	if (rc >= 0)
		forgotten = wm_forward_forget(f->port, f->addr, err);
	return forgotten < 0 ? forgotten : rc;
}

static int not_lead_in(const struct wm_lxc_facts *f, struct wm_error *err)
{
	int rc = wm_forward_remove(f->table, err);

	if (rc > 0)
		rc = wm_forward_forget(f->port, 0, err) < 0 ? -EIO : 1;
	return rc;
}

void wm_lxc_host_look(const struct wm_lxc_facts *f, FILE *out)
{
	char chain[WM_FORWARD_CHAIN_TEXT];

	if (!f->behind)
		return;
	if (wm_forward_dropped(chain, NULL) > 0)
		fprintf(out, "note: on this machine %s drops what is forwarded and no rule of its own lets through: the container may not reach anything, nor be reached; let %s through there, both ways\n",
			chain, f->bridge);
	if (!wm_host_has_wireguard() && wm_forward_there(f->table, NULL) <= 0)
		fprintf(out, "note: UDP port %u of this machine does not lead into the container: nftables table ip %s is gone; 'wm-gateway start' puts it back\n", f->port, f->table);
}

/* Where the kernel has WireGuard the hook has made the container's device, and its socket is the host's already. */
int wm_step_lxc_host(struct wm_life *l, const struct wm_lxc_facts *f, struct wm_error *err)
{
	char addr[WM_IP4_TEXT];
	int rc;

	if (!f->behind || wm_host_has_wireguard())
		return wm_step_lxc_host_gone(l, f, err);
	if (l->dry_run) {
		rc = wm_forward_there(f->table, err);
		if (!rc)
			wm_life_change(l, "led", "lead", "UDP port %u of this machine into the container (nftables table ip %s)", f->port, f->table);
		return WM_MIN(rc, 0);
	}
	rc = lead_in(f, err);
	if (rc > 0)
		wm_life_change(l, "led", "lead", "UDP port %u of this machine to %s (nftables table ip %s)", f->port, wm_ip4_format(f->addr, addr), f->table);
	return WM_MIN(rc, 0);
}

int wm_step_lxc_host_gone(struct wm_life *l, const struct wm_lxc_facts *f, struct wm_error *err)
{
	int rc = wm_forward_there(f->table, err);

	if (rc <= 0 || !wm_life_change(l, "removed", "remove", "nftables table ip %s", f->table))
		return WM_MIN(rc, 0);
	return WM_MIN(not_lead_in(f, err), 0);
}

/* --- by LXC, when it starts -------------------------------------------------------------------- */

static int at_start(const char *path, struct wm_error *err)
{
	struct wm_lxc_facts facts;
	const char *pid = getenv("LXC_PID");
	int rc = wm_lxc_facts_load(path, &facts, err);

	if (rc)
		return rc;
	if (!facts.behind)
		return 0;
	if (!wm_host_has_wireguard())
		return lead_in(&facts, err);
	long number = pid ? strtol(pid, NULL, 10) : 0;
	if (number <= 1)
		return wm_fail(err, EINVAL, "lxc-hook is run by LXC, which says the container's process (LXC_PID)");
	rc = wm_host_make_device((pid_t)number, facts.ifname, "wireguard", err);
	return rc < 0 ? rc : not_lead_in(&facts, err);
}

int wm_lxc_hook(const char *path)
{
	struct wm_error err = { 0 };
	int rc = at_start(path, &err);

	if (rc < 0)
		fprintf(stderr, "wm-gateway: %s\n", *err.text ? err.text : strerror(-rc));
	return 0;
}
