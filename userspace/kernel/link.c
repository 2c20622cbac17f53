/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The wg device of an instance: made, brought up behind a data plane that is in
 * force, and taken away. The alias "wm:<instance>" marks it as ours; a
 * WireGuard device of that name without the mark is somebody's VPN and is left
 * alone, unless it has no key yet or already has ours.
 */
#include "kernel/link.h"

#include <errno.h>
#include <string.h>

#include "core/util.h"
#include "kernel/link_priv.h"
#include "kernel/wg.h"
#include "kernel/wg_priv.h"

#define ALIAS_SIZE 128

static bool is_wireguard(const struct wm_link *link, const char *ifname)
{
	if (strcmp(link->kind, "wireguard") == 0)
		return true;
	if (strcmp(link->kind, "tun") != 0)
		return false;
	WM_AUTO_CLOSE int fd = wm_uapi_connect(ifname);
	return fd >= 0;
}

/* Makes the device by whatever this machine has. */
static int make(struct wm_nl *nl, const struct wm_instance *inst, struct wm_link *ret, struct wm_error *err)
{
	char alias[ALIAS_SIZE];

	int rc = wm_link_create(nl, inst->ifname);
	if (rc == -EOPNOTSUPP)
		rc = wm_link_start_go(inst->ifname, err);
	else if (rc == -EPERM)
		return wm_fail(err, EPERM, "not allowed to make the interface %s: run as root (CAP_NET_ADMIN)",
			       inst->ifname);
	else if (rc < 0)
		return wm_fail(err, -rc, "cannot make the interface %s: %s", inst->ifname, wm_nl_why(nl, rc));
	if (rc < 0)
		return rc;
	rc = wm_link_get(nl, inst->ifname, ret);
	wm_link_alias(inst, alias, sizeof(alias));
	if (rc == 0)
		rc = wm_link_set_alias(nl, ret->index, alias);
	if (rc < 0)
		return wm_fail(err, -rc, "the interface %s was made but cannot be marked as ours: %s", inst->ifname,
			       wm_nl_why(nl, rc));
	return 0;
}

static int check_key(const struct wm_instance *inst, const struct wm_plan *plan, struct wm_error *err)
{
	struct wm_wg_device dev = { 0 };

	int rc = wm_wg_read(inst->ifname, &dev, err);
	if (rc < 0)
		return rc;
	if ((!wm_key_is_zero(&dev.private_key) || dev.npeers) && !wm_key_equal(&dev.private_key, &plan->wg.private_key))
		rc = wm_fail(err, EEXIST,
			     "the WireGuard interface %s exists and is not ours: set WM_INTERFACE in %s to a free name, "
			     "or remove it (ip link delete %s)",
			     inst->ifname, inst->env_file, inst->ifname);
	wm_wg_device_free(&dev);
	return rc;
}

static const char *describe(const struct wm_link *link)
{
	if (strcmp(link->kind, "tun") == 0)
		return "a TUN device without a wireguard-go";
	return link->kind[0] ? link->kind : "a network card";
}

/* There is an interface of that name: 1 ours by now, 0 it was, -errno. */
static int adopt(struct wm_nl *nl, const struct wm_instance *inst, const struct wm_plan *plan,
		 const struct wm_link *link, struct wm_error *err)
{
	char alias[ALIAS_SIZE];

	wm_link_alias(inst, alias, sizeof(alias));
	if (!is_wireguard(link, inst->ifname))
		return wm_fail(err, EEXIST,
			       "the interface %s exists and is not WireGuard (%s): set WM_INTERFACE in %s to a free name, "
			       "or remove it (ip link delete %s)",
			       inst->ifname, describe(link), inst->env_file, inst->ifname);
	if (strcmp(link->alias, alias) == 0)
		return 0;
	if (strncmp(link->alias, "wm:", 3) == 0)
		return wm_fail(err, EEXIST,
			       "the interface %s belongs to the instance \"%s\": set WM_INTERFACE in %s to another name",
			       inst->ifname, link->alias + 3, inst->env_file);
	int rc = check_key(inst, plan, err);
	if (rc < 0)
		return rc;
	rc = wm_link_set_alias(nl, link->index, alias);
	if (rc < 0)
		return wm_fail(err, -rc, "cannot mark the interface %s as ours: %s", inst->ifname, wm_nl_why(nl, rc));
	return 1;
}

static int remove_device(struct wm_nl *nl, const char *ifname, uint32_t index, struct wm_error *err)
{
	int rc = wm_link_delete(nl, index);

	if (rc < 0 && rc != -ENODEV)
		return wm_fail(err, -rc, "cannot remove the interface %s: %s", ifname, wm_nl_why(nl, rc));
	return 0;
}

/* 1: a TUN device of ours whose wireguard-go is there no more. Only where that is certain: one that is busy, or that we have
 * no socket to ask, carries traffic. -errno: it is not. */
static int is_stale(const struct wm_instance *inst, const struct wm_link *link)
{
	char alias[ALIAS_SIZE];

	wm_link_alias(inst, alias, sizeof(alias));
	if (strcmp(link->alias, alias) != 0 || strcmp(link->kind, "tun") != 0)
		return 0;

	WM_AUTO_CLOSE int fd = wm_uapi_connect(inst->ifname);
	if (fd >= 0)
		return 0;
	return fd == -ENOENT || fd == -ECONNREFUSED ? 1 : fd;
}

int wm_link_prepare(const struct wm_instance *inst, const struct wm_plan *plan, uint32_t *ret_ifindex,
		    struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	struct wm_link link;
	int changes = 0;

	int rc = wm_nl_open(NETLINK_ROUTE, &nl, err);
	if (rc < 0)
		return rc;
	int there = wm_link_get(nl, inst->ifname, &link);
	int stale = there == 0 ? is_stale(inst, &link) : 0;
	if (stale < 0)
		return wm_fail(err, -stale, "cannot tell whether the wireguard-go of %s is there: %s", inst->ifname,
			       strerror(-stale));
	if (stale) {
		rc = remove_device(nl, inst->ifname, link.index, err);
		if (rc < 0)
			return rc;
		there = -ENODEV;
	}
	if (there == -ENODEV) {
		rc = make(nl, inst, &link, err);
		changes = 1;
	} else if (there < 0) {
		return wm_fail(err, -there, "cannot look for the interface %s: %s", inst->ifname, wm_nl_why(nl, there));
	} else {
		rc = changes = adopt(nl, inst, plan, &link, err);
	}
	if (rc < 0)
		return rc;
	*ret_ifindex = link.index;
	return changes;
}

static int set_device(struct wm_link_up *up, struct wm_error *err)
{
	const char *ifname = up->inst->ifname;
	struct wm_link link;
	char name[WM_IFNAME_SIZE] = "";

	int rc = wm_link_get_index(up->nl, up->ifindex, &link, name);
	if (rc < 0 || strcmp(name, ifname) != 0)
		return wm_fail(err, rc < 0 ? -rc : ENODEV, "the interface %s (index %u) has gone", ifname, up->ifindex);
	if (link.mtu != up->plan->mtu) {
		rc = wm_link_set_mtu(up->nl, up->ifindex, up->plan->mtu);
		if (rc < 0)
			return wm_fail(err, -rc, "cannot set the MTU of %s to %u: %s", ifname, up->plan->mtu,
				       wm_nl_why(up->nl, rc));
	}
	rc = wm_link_add_address(up, err);
	if (rc < 0 || link.up)
		return rc;
	rc = wm_link_set_up(up->nl, up->ifindex);
	if (rc < 0)
		return wm_fail(err, -rc, "cannot bring %s up: %s", ifname, wm_nl_why(up->nl, rc));
	return 0;
}

/* What must not leak is closed before the device opens; what is old goes last. */
static int (*const up_steps[])(struct wm_link_up *up, struct wm_error *err) = {
	wm_link_check_overlap,
	wm_link_sysctls,
	wm_link_set_guard,
	wm_link_set_twins,
	wm_link_set_rules,
	wm_link_sweep_twins,
	set_device,
	wm_link_set_route,
	wm_link_sweep_routes,
	wm_link_sweep_addresses,
};

int wm_link_up(const struct wm_instance *inst, const struct wm_plan *plan, uint32_t ifindex, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;

	int rc = wm_nl_open(NETLINK_ROUTE, &nl, err);
	struct wm_link_up up = { .inst = inst, .plan = plan, .ifindex = ifindex, .nl = nl };
	for (size_t i = 0; i < WM_ARRAY_LEN(up_steps) && rc == 0; i++)
		rc = up_steps[i](&up, err);
	return rc < 0 ? rc : (int)(up.changes + wm_nl_changes(nl));
}

int wm_link_remove(const struct wm_instance *inst, const struct wm_prefix *supernet, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	struct wm_link_guards guards;
	struct wm_link link;
	char alias[ALIAS_SIZE];

	int rc = wm_nl_open(NETLINK_ROUTE, &nl, err);
	if (rc < 0)
		return rc;
	wm_link_alias(inst, alias, sizeof(alias));
	int there = wm_link_get(nl, inst->ifname, &link);
	if (there < 0 && there != -ENODEV)
		return wm_fail(err, -there, "cannot look for the interface %s: %s", inst->ifname, wm_nl_why(nl, there));
	bool ours = there == 0 && strcmp(link.alias, alias) == 0;
	rc = wm_link_find_guards(nl, ours ? link.index : 0, supernet, &guards, err);
	if (rc == 0 && ours)
		rc = remove_device(nl, inst->ifname, link.index, err);
	if (rc == 0)
		rc = wm_link_remove_rules(nl, inst, err);
	if (rc == 0)
		rc = wm_link_remove_twins(nl, inst, err);
	if (rc == 0)
		rc = wm_link_remove_guards(nl, &guards, err);
	return rc;
}

uint32_t wm_link_index(const char *ifname, bool *ret_up)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	struct wm_link link;

	if (wm_nl_open(NETLINK_ROUTE, &nl, NULL) < 0 || wm_link_get(nl, ifname, &link) < 0)
		return 0;
	if (ret_up)
		*ret_up = link.up;
	return link.index;
}
