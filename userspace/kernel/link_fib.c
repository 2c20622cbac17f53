/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One route: as rtnetlink tells it, put in its place, taken away.
 */
#include "kernel/link_fib.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "core/util.h"
#include "kernel/link_priv.h"

void wm_routes_free(struct wm_routes *routes)
{
	free(routes->item);
}

/* RTA_METRICS: attributes of their own, type RTAX_x. */
static int read_mtu(const struct nlattr *attr, void *ret)
{
	if (mnl_attr_get_type(attr) == RTAX_MTU)
		*(uint32_t *)ret = wm_nl_u32(attr);
	return MNL_CB_OK;
}

static void parse(const struct nlmsghdr *nlh, struct wm_route *ret)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[RTA_VIA + 1];

	wm_nl_attrs(nlh, sizeof(*rtm), tb, WM_ARRAY_LEN(tb));
	*ret = (struct wm_route){
		.dst = { wm_nl_ip4(tb[RTA_DST]), rtm->rtm_dst_len },
		.table = tb[RTA_TABLE] ? wm_nl_u32(tb[RTA_TABLE]) : rtm->rtm_table,
		.metric = wm_nl_u32(tb[RTA_PRIORITY]),
		.oif = wm_nl_u32(tb[RTA_OIF]),
		.src = wm_nl_ip4(tb[RTA_PREFSRC]),
		.type = rtm->rtm_type,
		.protocol = rtm->rtm_protocol,
		.scope = rtm->rtm_scope,
		.tos = rtm->rtm_tos,
		.via = tb[RTA_GATEWAY] || tb[RTA_VIA] || tb[RTA_MULTIPATH],
	};
	if (tb[RTA_METRICS])
		mnl_attr_parse_nested(tb[RTA_METRICS], read_mtu, &ret->mtu);
}

static int read_route(const struct nlmsghdr *nlh, void *arg)
{
	struct wm_routes *all = arg;
	struct wm_route route;

	if (!nlh) {
		all->n = 0;
		return 0;
	}
	if (nlh->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(nlh) < sizeof(struct rtmsg))
		return 0;
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	if (rtm->rtm_family != AF_INET || rtm->rtm_flags & RTM_F_CLONED)
		return 0;
	parse(nlh, &route);
	if (route.table != all->table)
		return 0;
	if (all->oif ? route.oif != all->oif : route.protocol != WM_ROUTE_PROTOCOL)
		return 0;
	if (wm_grow((void **)&all->item, &all->cap, all->n + 1, sizeof(*all->item)) < 0)
		return -ENOMEM;
	all->item[all->n++] = route;
	return 0;
}

/* The kernel filters as well: a machine may carry the routes of the internet. */
int wm_routes_read(struct wm_nl *nl, struct wm_routes *ret, struct wm_error *err)
{
	struct rtmsg *rtm;
	struct nlmsghdr *nlh = wm_nl_begin(nl, RTM_GETROUTE, 0, sizeof(*rtm), &rtm);

	rtm->rtm_family = AF_INET;
	mnl_attr_put_u32(nlh, RTA_TABLE, ret->table);
	if (ret->oif)
		mnl_attr_put_u32(nlh, RTA_OIF, ret->oif);
	else
		rtm->rtm_protocol = WM_ROUTE_PROTOCOL;
	int rc = wm_nl_dump(nl, read_route, ret);
	if (rc == -ENOENT)
		return 0; /* nobody has ever put a route into this table */
	if (rc < 0)
		return wm_fail(err, -rc, "cannot read the routes of this machine: %s", wm_nl_why(nl, rc));
	return 0;
}

bool wm_route_is_default(const struct nlmsghdr *nlh, const struct nlattr **tb, unsigned int n)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);

	if (nlh->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm))
		return false;
	if (rtm->rtm_dst_len || rtm->rtm_type != RTN_UNICAST || rtm->rtm_table != RT_TABLE_MAIN)
		return false;
	wm_nl_attrs(nlh, sizeof(*rtm), tb, n);
	return true;
}

int wm_routes_dump_main(struct wm_nl *nl, wm_nl_fn fn, void *arg)
{
	struct rtmsg *rtm;
	struct nlmsghdr *nlh = wm_nl_begin(nl, RTM_GETROUTE, 0, sizeof(*rtm), &rtm);
	int rc;

	rtm->rtm_family = AF_INET;
	mnl_attr_put_u32(nlh, RTA_TABLE, RT_TABLE_MAIN);
	rc = wm_nl_dump(nl, fn, arg);
	return rc == -ENOENT ? 0 : rc; /* nobody has ever put a route into it */
}

static int change(struct wm_nl *nl, uint16_t type, uint16_t flags, const struct wm_route *route)
{
	struct rtmsg *rtm;
	struct nlmsghdr *nlh = wm_nl_begin(nl, type, flags, sizeof(*rtm), &rtm);

	rtm->rtm_family = AF_INET;
	rtm->rtm_dst_len = route->dst.len;
	rtm->rtm_type = route->type;
	rtm->rtm_protocol = route->protocol;
	rtm->rtm_scope = route->scope;
	rtm->rtm_tos = route->tos;
	mnl_attr_put_u32(nlh, RTA_TABLE, route->table);
	mnl_attr_put_u32(nlh, RTA_DST, htonl(route->dst.addr));
	if (route->metric)
		mnl_attr_put_u32(nlh, RTA_PRIORITY, route->metric);
	if (route->oif)
		mnl_attr_put_u32(nlh, RTA_OIF, route->oif);
	if (route->src)
		mnl_attr_put_u32(nlh, RTA_PREFSRC, htonl(route->src));
	if (route->mtu) {
		struct nlattr *metrics = mnl_attr_nest_start(nlh, RTA_METRICS);

		mnl_attr_put_u32(nlh, RTAX_MTU, route->mtu);
		mnl_attr_nest_end(nlh, metrics);
	}
	return wm_nl_write(nl);
}

/* What the kernel takes for the same route. */
static bool same_place(const struct wm_route *a, const struct wm_route *b)
{
	return wm_prefix_equal(a->dst, b->dst) && a->metric == b->metric && a->tos == b->tos;
}

bool wm_route_equal(const struct wm_route *a, const struct wm_route *b)
{
	return same_place(a, b) && a->table == b->table && a->oif == b->oif && a->src == b->src && a->mtu == b->mtu &&
	       a->type == b->type && a->protocol == b->protocol && a->scope == b->scope && a->via == b->via;
}

int wm_route_put(struct wm_nl *nl, const struct wm_route *want, const char *ifname, struct wm_error *err)
{
	WM_AUTO_ROUTES struct wm_routes have = { .table = want->table };
	uint16_t flags = NLM_F_CREATE | NLM_F_EXCL;
	char text[WM_PREFIX_TEXT];

	int rc = wm_routes_read(nl, &have, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < have.n; i++) {
		if (wm_route_equal(&have.item[i], want))
			return 0;
		if (same_place(&have.item[i], want))
			flags = NLM_F_CREATE | NLM_F_REPLACE;
	}
	rc = change(nl, RTM_NEWROUTE, flags, want);
	wm_prefix_format(want->dst, text);
	if (rc == -EEXIST)
		return wm_fail(err, EEXIST,
			       "this machine already has a route to %s that is not ours (see: ip route show %s): remove "
			       "it, or give the mesh another supernet",
			       text, text);
	if (rc < 0)
		return wm_fail(err, -rc, "cannot add the route to %s for %s: %s", text, ifname,
			       wm_nl_why(nl, rc));
	return 0;
}

int wm_route_drop(struct wm_nl *nl, const struct wm_route *route, struct wm_error *err)
{
	char text[WM_PREFIX_TEXT];
	int rc = change(nl, RTM_DELROUTE, 0, route);

	if (rc < 0 && rc != -ESRCH)
		return wm_fail(err, -rc, "cannot remove the route to %s: %s", wm_prefix_format(route->dst, text),
			       wm_nl_why(nl, rc));
	return 0;
}

