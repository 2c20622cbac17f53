/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The two routes of an instance, O dev wg src g and unreachable O behind it,
 * both in the main table and under our own protocol number. Everything else
 * that is routed to the wg device goes; all other routes are not ours.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "core/util.h"
#include "kernel/link_priv.h"

struct route {
	struct wm_prefix dst;
	uint32_t metric;
	uint32_t oif;
	wm_ip4 src;
	uint8_t type, protocol, scope, tos;
	bool via; /* has a gateway or several hops */
};

struct routes {
	uint32_t oif; /* whose routes are read; 0: those of our protocol */
	struct route *item;
	size_t n, cap;
};

static void free_routes(struct routes *routes)
{
	free(routes->item);
}

#define AUTO_ROUTES __attribute__((cleanup(free_routes)))

static void parse(const struct nlmsghdr *nlh, struct route *ret)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[RTA_VIA + 1];

	wm_nl_attrs(nlh, sizeof(*rtm), tb, WM_ARRAY_LEN(tb));
	*ret = (struct route){
		.dst = { wm_nl_ip4(tb[RTA_DST]), rtm->rtm_dst_len },
		.metric = wm_nl_u32(tb[RTA_PRIORITY]),
		.oif = wm_nl_u32(tb[RTA_OIF]),
		.src = wm_nl_ip4(tb[RTA_PREFSRC]),
		.type = rtm->rtm_type,
		.protocol = rtm->rtm_protocol,
		.scope = rtm->rtm_scope,
		.tos = rtm->rtm_tos,
		.via = tb[RTA_GATEWAY] || tb[RTA_VIA] || tb[RTA_MULTIPATH],
	};
}

static int read_route(const struct nlmsghdr *nlh, void *arg)
{
	struct routes *all = arg;
	struct route route;

	if (!nlh) {
		all->n = 0;
		return 0;
	}
	if (nlh->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(nlh) < sizeof(struct rtmsg))
		return 0;
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	if (rtm->rtm_family != AF_INET || rtm->rtm_table != RT_TABLE_MAIN || rtm->rtm_flags & RTM_F_CLONED)
		return 0;
	parse(nlh, &route);
	if (all->oif ? route.oif != all->oif : route.protocol != WM_ROUTE_PROTOCOL)
		return 0;
	if (wm_grow((void **)&all->item, &all->cap, all->n + 1, sizeof(*all->item)) < 0)
		return -ENOMEM;
	all->item[all->n++] = route;
	return 0;
}

/* The kernel filters as well: a machine may carry the routes of the internet. */
static int read_routes(struct wm_nl *nl, uint32_t oif, struct routes *ret, struct wm_error *err)
{
	struct rtmsg *rtm;
	struct nlmsghdr *nlh = wm_nl_begin(nl, RTM_GETROUTE, 0, sizeof(*rtm), &rtm);

	ret->oif = oif;
	rtm->rtm_family = AF_INET;
	mnl_attr_put_u32(nlh, RTA_TABLE, RT_TABLE_MAIN);
	if (oif)
		mnl_attr_put_u32(nlh, RTA_OIF, oif);
	else
		rtm->rtm_protocol = WM_ROUTE_PROTOCOL;
	int rc = wm_nl_dump(nl, read_route, ret);
	if (rc == -ENOENT)
		return 0; /* nobody has ever put a route into the main table */
	if (rc < 0)
		return wm_fail(err, -rc, "cannot read the routes of this machine: %s", wm_nl_why(nl, rc));
	return 0;
}

static int change(struct wm_nl *nl, uint16_t type, uint16_t flags, const struct route *route)
{
	struct rtmsg *rtm;
	struct nlmsghdr *nlh = wm_nl_begin(nl, type, flags, sizeof(*rtm), &rtm);

	rtm->rtm_family = AF_INET;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_dst_len = route->dst.len;
	rtm->rtm_type = route->type;
	rtm->rtm_protocol = route->protocol;
	rtm->rtm_scope = route->scope;
	rtm->rtm_tos = route->tos;
	mnl_attr_put_u32(nlh, RTA_DST, htonl(route->dst.addr));
	if (route->metric)
		mnl_attr_put_u32(nlh, RTA_PRIORITY, route->metric);
	if (route->oif)
		mnl_attr_put_u32(nlh, RTA_OIF, route->oif);
	if (route->src)
		mnl_attr_put_u32(nlh, RTA_PREFSRC, htonl(route->src));
	return wm_nl_write(nl);
}

static struct route make_guard(struct wm_prefix dst)
{
	return (struct route){
		.dst = dst,
		.metric = WM_UNREACHABLE_METRIC,
		.type = RTN_UNREACHABLE,
		.protocol = WM_ROUTE_PROTOCOL,
	};
}

static struct route make_main(const struct wm_link_up *up)
{
	return (struct route){
		.dst = up->plan->supernet,
		.oif = up->ifindex,
		.src = up->plan->gateway,
		.type = RTN_UNICAST,
		.scope = RT_SCOPE_LINK,
		.protocol = WM_ROUTE_PROTOCOL,
	};
}

/* What the kernel takes for the same route. */
static bool same_place(const struct route *a, const struct route *b)
{
	return wm_prefix_equal(a->dst, b->dst) && a->metric == b->metric && a->tos == b->tos;
}

static bool equal(const struct route *a, const struct route *b)
{
	return same_place(a, b) && a->oif == b->oif && a->src == b->src && a->type == b->type &&
	       a->protocol == b->protocol && a->scope == b->scope && a->via == b->via;
}

/* Replacing in place is atomic, but only for what is ours: a foreign route in
 * the same place is an error that its owner has to solve. */
static int put(struct wm_link_up *up, const struct route *want, struct wm_error *err)
{
	AUTO_ROUTES struct routes have = { 0 };
	uint16_t flags = NLM_F_CREATE | NLM_F_EXCL;
	char text[WM_PREFIX_TEXT];

	int rc = read_routes(up->nl, 0, &have, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < have.n; i++) {
		if (equal(&have.item[i], want))
			return 0;
		if (same_place(&have.item[i], want))
			flags = NLM_F_CREATE | NLM_F_REPLACE;
	}
	rc = change(up->nl, RTM_NEWROUTE, flags, want);
	wm_prefix_format(want->dst, text);
	if (rc == -EEXIST)
		return wm_fail(err, EEXIST,
			       "this machine already has a route to %s that is not ours (see: ip route show %s): remove "
			       "it, or give the mesh another supernet",
			       text, text);
	if (rc < 0)
		return wm_fail(err, -rc, "cannot add the route to %s for %s: %s", text, up->inst->ifname,
			       wm_nl_why(up->nl, rc));
	return 0;
}

/* Two meshes of one machine must not want the same addresses. */
int wm_link_check_overlap(struct wm_link_up *up, struct wm_error *err)
{
	AUTO_ROUTES struct routes have = { 0 };
	char ours[WM_PREFIX_TEXT], theirs[WM_PREFIX_TEXT];

	int rc = read_routes(up->nl, 0, &have, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < have.n; i++) {
		const struct route *route = &have.item[i];

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
	const struct route want = make_guard(up->plan->supernet);

	return put(up, &want, err);
}

int wm_link_set_route(struct wm_link_up *up, struct wm_error *err)
{
	const struct route want = make_main(up);

	return put(up, &want, err);
}

static int drop(struct wm_nl *nl, const struct route *route, struct wm_error *err)
{
	char text[WM_PREFIX_TEXT];
	int rc = change(nl, RTM_DELROUTE, 0, route);

	if (rc < 0 && rc != -ESRCH)
		return wm_fail(err, -rc, "cannot remove the route to %s: %s", wm_prefix_format(route->dst, text),
			       wm_nl_why(nl, rc));
	return 0;
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
	AUTO_ROUTES struct routes have = { 0 };

	ret->n = 0;
	if (supernet && supernet->len)
		add_guard(ret, *supernet);
	if (!ifindex)
		return 0;
	int rc = read_routes(nl, ifindex, &have, err);
	for (size_t i = 0; i < have.n && rc == 0; i++)
		if (have.item[i].protocol == WM_ROUTE_PROTOCOL)
			add_guard(ret, have.item[i].dst);
	return rc;
}

/* An unreachable route says nothing of whose it is; that its prefix was routed
 * to our device does. */
int wm_link_remove_guards(struct wm_nl *nl, const struct wm_link_guards *guards, struct wm_error *err)
{
	AUTO_ROUTES struct routes have = { 0 };

	int rc = read_routes(nl, 0, &have, err);
	for (size_t i = 0; i < have.n && rc == 0; i++)
		for (unsigned int g = 0; g < guards->n && rc == 0; g++) {
			const struct route guard = make_guard(guards->prefix[g]);
			if (equal(&have.item[i], &guard))
				rc = drop(nl, &guard, err);
		}
	return rc;
}

int wm_link_sweep_routes(struct wm_link_up *up, struct wm_error *err)
{
	AUTO_ROUTES struct routes have = { 0 };
	struct wm_link_guards old = { 0 };
	const struct route want = make_main(up);

	int rc = read_routes(up->nl, up->ifindex, &have, err);
	for (size_t i = 0; i < have.n && rc == 0; i++) {
		const struct route *route = &have.item[i];

		if (equal(route, &want))
			continue;
		if (route->protocol == WM_ROUTE_PROTOCOL && !wm_prefix_equal(route->dst, want.dst))
			add_guard(&old, route->dst);
		rc = drop(up->nl, route, err);
	}
	return rc == 0 && old.n ? wm_link_remove_guards(up->nl, &old, err) : rc;
}
