/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The routes of an instance: O dev wg src g, unreachable O behind it, and where
 * a LAN takes less than the tunnel, S dev wg src g with that MTU. All are in the
 * main table and under our own protocol number. Everything else that is routed
 * to the wg device goes; all other routes are not ours.
 */
#include <errno.h>
#include <linux/rtnetlink.h>

#include "kernel/link_fib.h"
#include "kernel/link_priv.h"

static struct wm_route make_guard(struct wm_prefix dst)
{
	return (struct wm_route){
		.dst = dst,
		.table = RT_TABLE_MAIN,
		.metric = WM_UNREACHABLE_METRIC,
		.type = RTN_UNREACHABLE,
		.protocol = WM_ROUTE_PROTOCOL,
	};
}

static struct wm_route make_to(const struct wm_link_up *up, struct wm_prefix dst, uint32_t mtu)
{
	return (struct wm_route){
		.dst = dst,
		.table = RT_TABLE_MAIN,
		.oif = up->ifindex,
		.src = up->plan->gateway,
		.mtu = mtu,
		.type = RTN_UNICAST,
		.scope = RT_SCOPE_LINK,
		.protocol = WM_ROUTE_PROTOCOL,
	};
}

/* What this machine itself sends to a host of the site turns back to a LAN at the tunnel's mouth, where nobody can cut
 * it or answer any more. So the stack has to know of a LAN that takes less. 0: none does. */
static uint32_t site_mtu(const struct wm_link_up *up)
{
	uint32_t least = up->plan->mtu;

	for (unsigned int i = 0; i < up->plan->nlans; i++)
		if (up->plan->lans[i].mtu && up->plan->lans[i].mtu < least)
			least = up->plan->lans[i].mtu;
	return least < up->plan->mtu ? least : 0;
}

/* 1 or 2 of them. */
static unsigned int make_routes(const struct wm_link_up *up, struct wm_route ret[2])
{
	uint32_t mtu = site_mtu(up);
	bool all = wm_prefix_equal(up->plan->subnet, up->plan->supernet);

	ret[0] = make_to(up, up->plan->supernet, all ? mtu : 0);
	if (!mtu || all)
		return 1;
	ret[1] = make_to(up, up->plan->subnet, mtu);
	return 2;
}

/* Two meshes of one machine must not want the same addresses. */
int wm_link_check_overlap(struct wm_link_up *up, struct wm_error *err)
{
	WM_AUTO_ROUTES struct wm_routes have = { .table = RT_TABLE_MAIN };
	char ours[WM_PREFIX_TEXT], theirs[WM_PREFIX_TEXT];

	int rc = wm_routes_read(up->nl, &have, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < have.n; i++) {
		const struct wm_route *route = &have.item[i];

		if (route->oif && route->oif != up->ifindex && wm_prefix_overlaps(route->dst, up->plan->supernet))
			return wm_fail(err, EADDRINUSE,
				       "the mesh's %s overlaps with %s of another mesh on this machine: one machine "
				       "cannot be in both",
				       wm_prefix_format(up->plan->supernet, ours), wm_prefix_format(route->dst, theirs));
	}
	return 0;
}

int wm_link_set_guard(struct wm_link_up *up, struct wm_error *err)
{
	const struct wm_route want = make_guard(up->plan->supernet);

	return wm_route_put(up->nl, &want, up->inst->ifname, err);
}

int wm_link_set_route(struct wm_link_up *up, struct wm_error *err)
{
	struct wm_route want[2];
	unsigned int n = make_routes(up, want);
	int rc = 0;

	for (unsigned int i = 0; i < n && rc == 0; i++)
		rc = wm_route_put(up->nl, &want[i], up->inst->ifname, err);
	return rc;
}

static void add_guard(struct wm_link_guards *guards, struct wm_prefix prefix)
{
	for (unsigned int i = 0; i < guards->n; i++)
		if (wm_prefix_equal(guards->prefix[i], prefix))
			return;
	if (guards->n < WM_GUARDS_MAX)
		guards->prefix[guards->n++] = prefix;
}

int wm_link_find_guards(struct wm_nl *nl, uint32_t ifindex, const struct wm_prefix *supernet,
			struct wm_link_guards *ret, struct wm_error *err)
{
	WM_AUTO_ROUTES struct wm_routes have = { .table = RT_TABLE_MAIN, .oif = ifindex };

	ret->n = 0;
	if (supernet && supernet->len)
		add_guard(ret, *supernet);
	if (!ifindex)
		return 0;
	int rc = wm_routes_read(nl, &have, err);
	for (size_t i = 0; i < have.n && rc == 0; i++)
		if (have.item[i].protocol == WM_ROUTE_PROTOCOL)
			add_guard(ret, have.item[i].dst);
	return rc;
}

/* An unreachable route says nothing of whose it is; that its prefix was routed
 * to our device does. */
int wm_link_remove_guards(struct wm_nl *nl, const struct wm_link_guards *guards, struct wm_error *err)
{
	WM_AUTO_ROUTES struct wm_routes have = { .table = RT_TABLE_MAIN };

	int rc = wm_routes_read(nl, &have, err);
	for (size_t i = 0; i < have.n && rc == 0; i++)
		for (unsigned int g = 0; g < guards->n && rc == 0; g++) {
			const struct wm_route guard = make_guard(guards->prefix[g]);
			if (wm_route_equal(&have.item[i], &guard))
				rc = wm_route_drop(nl, &guard, err);
		}
	return rc;
}

int wm_link_sweep_routes(struct wm_link_up *up, struct wm_error *err)
{
	WM_AUTO_ROUTES struct wm_routes have = { .table = RT_TABLE_MAIN, .oif = up->ifindex };
	struct wm_link_guards old = { 0 };
	struct wm_route want[2];
	unsigned int n = make_routes(up, want);

	int rc = wm_routes_read(up->nl, &have, err);
	for (size_t i = 0; i < have.n && rc == 0; i++) {
		const struct wm_route *route = &have.item[i];

		if (wm_route_equal(route, &want[0]) || (n > 1 && wm_route_equal(route, &want[1])))
			continue;
		if (route->protocol == WM_ROUTE_PROTOCOL && !wm_prefix_equal(route->dst, up->plan->supernet))
			add_guard(&old, route->dst);
		rc = wm_route_drop(up->nl, route, err);
	}
	return rc == 0 && old.n ? wm_link_remove_guards(up->nl, &old, err) : rc;
}
