/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * WireGuard devices: which way leads to one, and in which order a difference
 * is carried out. The ways themselves are wg_genl.c and wg_uapi.c.
 *
 * The overlay is IPv4: IPv6 allowed IPs that somebody else has put on a peer
 * are not read and not touched; the data plane lets nothing but IPv4 through.
 */
#include "kernel/wg.h"

#include <errno.h>
#include <string.h>

#include "core/util.h"
#include "kernel/link_priv.h"
#include "kernel/wg_priv.h"

static int find_way(const char *ifname, const struct wm_wg_way **ret, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	struct wm_link link;

	int rc = wm_nl_open(NETLINK_ROUTE, &nl, err);
	if (rc < 0)
		return rc;
	rc = wm_link_get(nl, ifname, &link);
	if (rc < 0)
		return wm_fail(err, -rc, "cannot find the WireGuard interface %s: %s", ifname, wm_nl_why(nl, rc));
	if (strcmp(link.kind, "wireguard") == 0) {
		*ret = &wm_wg_kernel;
		return 0;
	}
	WM_AUTO_CLOSE int fd = strcmp(link.kind, "tun") == 0 ? wm_uapi_connect(ifname) : -ENODEV;
	if (fd < 0)
		return wm_fail(err, ENODEV,
			       "the interface %s is not WireGuard: the kernel does not know it as such, and no "
			       "wireguard-go answers for it",
			       ifname);
	*ret = &wm_wg_go;
	return 0;
}

const char *wm_wg_implementation(const char *ifname)
{
	const struct wm_wg_way *way;

	return find_way(ifname, &way, NULL) < 0 ? NULL : way->name;
}

int wm_wg_read(const char *ifname, struct wm_wg_device *ret, struct wm_error *err)
{
	const struct wm_wg_way *way;
	struct wm_wg_device dev = { 0 };

	int rc = find_way(ifname, &way, err);
	if (rc == 0)
		rc = way->read(ifname, &dev, err);
	if (rc < 0) {
		wm_wg_device_free(&dev);
		return rc;
	}
	rc = wm_wg_finish(&dev);
	if (rc < 0) {
		wm_wg_device_free(&dev);
		return wm_fail(err, -rc, "%s was changed while it was read: %s", ifname, strerror(-rc));
	}
	*ret = dev;
	return 0;
}

static int add_step(struct wm_wg_steps *steps, enum wm_wg_step_kind kind, const struct wm_key *peer, bool create,
		    const struct wm_wg_op *op)
{
	if (wm_grow((void **)&steps->step, &steps->cap, steps->n + 1, sizeof(*steps->step)) < 0)
		return -ENOMEM;
	steps->step[steps->n++] = (struct wm_wg_step){ .kind = kind, .create = create, .peer = peer, .op = op };
	return 0;
}

static int add_peers(struct wm_wg_steps *steps, const struct wm_wg_diff *diff)
{
	int rc = 0;

	for (size_t i = 0; i < diff->n && rc == 0; i++) {
		const struct wm_wg_op *op = &diff->ops[i];
		const struct wm_key *key = &op->peer.public_key;

		if (op->kind == WM_WG_SET_PEER)
			rc = add_step(steps, WM_WG_STEP_SET, key, op->flags & WM_WG_OP_NEW, op);
		else if (op->kind == WM_WG_ADD_ALLOWED)
			rc = add_step(steps, WM_WG_STEP_ALLOW, key, false, op);
	}
	return rc;
}

static int add_removals(struct wm_wg_steps *steps, const struct wm_wg_diff *diff)
{
	size_t before = steps->n;
	int rc = 0;

	for (size_t i = 0; i < diff->n && rc == 0; i++)
		if (diff->ops[i].kind == WM_WG_REMOVE_ALLOWED)
			rc = add_step(steps, WM_WG_STEP_ALLOW, &steps->throw_away, true, &diff->ops[i]);
	if (rc == 0 && steps->n > before)
		rc = add_step(steps, WM_WG_STEP_REMOVE, &steps->throw_away, false, NULL);
	for (size_t i = 0; i < diff->n && rc == 0; i++)
		if (diff->ops[i].kind == WM_WG_REMOVE_PEER)
			rc = add_step(steps, WM_WG_STEP_REMOVE, &diff->ops[i].peer.public_key, false, &diff->ops[i]);
	return rc;
}

int wm_wg_write(const char *ifname, const struct wm_wg_diff *diff, struct wm_error *err)
{
	struct wm_wg_steps steps = { 0 };
	const struct wm_wg_way *way;

	if (diff->n == 0)
		return 0;
	int rc = find_way(ifname, &way, err);
	if (rc < 0)
		return rc;
	wm_random(&steps.throw_away, sizeof(steps.throw_away));
	for (size_t i = 0; i < diff->n; i++)
		if (diff->ops[i].kind == WM_WG_SET_DEVICE)
			steps.device = diff;
	rc = add_peers(&steps, diff);
	if (rc == 0)
		rc = add_removals(&steps, diff);
	if (rc < 0)
		wm_fail(err, -rc, "cannot configure %s: %s", ifname, strerror(-rc));
	else
		rc = way->write(ifname, &steps, err);
	free(steps.step);
	return rc;
}
