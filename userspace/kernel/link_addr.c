/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * IPv4 addresses: reading them, and the one that the wg device has.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "core/util.h"
#include "kernel/link_priv.h"

struct reading {
	struct wm_link_addrs *all;
	uint32_t ifindex;
};

static int read_addr(const struct nlmsghdr *nlh, void *arg)
{
	const struct reading *r = arg;
	struct wm_link_addrs *all = r->all;
	const struct nlattr *tb[IFA_LOCAL + 1];

	if (!nlh) {
		all->n = 0;
		return 0;
	}
	if (nlh->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(nlh) < sizeof(struct ifaddrmsg))
		return 0;
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	if (ifa->ifa_family != AF_INET || (r->ifindex && ifa->ifa_index != r->ifindex))
		return 0;
	if (wm_grow((void **)&all->item, &all->cap, all->n + 1, sizeof(*all->item)) < 0)
		return -ENOMEM;
	wm_nl_attrs(nlh, sizeof(*ifa), tb, WM_ARRAY_LEN(tb));
	all->item[all->n++] = (struct wm_link_addr){
		.ifindex = ifa->ifa_index,
		.addr = wm_nl_ip4(tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS]),
		.len = ifa->ifa_prefixlen,
		.secondary = ifa->ifa_flags & IFA_F_SECONDARY,
	};
	return 0;
}

int wm_link_read_addrs(struct wm_nl *nl, uint32_t ifindex, struct wm_link_addrs *ret)
{
	struct reading r = { .all = ret, .ifindex = ifindex };
	struct ifaddrmsg *ifa;

	wm_nl_begin(nl, RTM_GETADDR, 0, sizeof(*ifa), &ifa);
	ifa->ifa_family = AF_INET;
	ifa->ifa_index = ifindex;
	return wm_nl_dump(nl, read_addr, &r);
}

void wm_link_addrs_free(struct wm_link_addrs *addrs)
{
	free(addrs->item);
}

static int change(struct wm_nl *nl, uint16_t type, uint16_t flags, const struct wm_link_addr *a)
{
	struct ifaddrmsg *ifa;
	struct nlmsghdr *nlh = wm_nl_begin(nl, type, flags, sizeof(*ifa), &ifa);

	ifa->ifa_family = AF_INET;
	ifa->ifa_prefixlen = a->len;
	ifa->ifa_index = a->ifindex;
	mnl_attr_put_u32(nlh, IFA_LOCAL, htonl(a->addr));
	mnl_attr_put_u32(nlh, IFA_ADDRESS, htonl(a->addr));
	if (type == RTM_NEWADDR) /* the route to S is the one to O, or ours (link_route.c) */
		mnl_attr_put_u32(nlh, IFA_FLAGS, IFA_F_NOPREFIXROUTE);
	return wm_nl_write(nl);
}

/* With the length of S: a name server knows by it who asks from within (local-service), and what such can reach
 * (localise-queries). */
static struct wm_link_addr own(const struct wm_link_up *up)
{
	return (struct wm_link_addr){ .ifindex = up->ifindex, .addr = up->plan->gateway, .len = up->plan->subnet.len };
}

static bool is_wanted(const struct wm_link_up *up, const struct wm_link_addr *a)
{
	const struct wm_link_addr g = own(up);

	return a->addr == g.addr && a->len == g.len;
}

static int read_own(struct wm_link_up *up, struct wm_link_addrs *ret, struct wm_error *err)
{
	int rc = wm_link_read_addrs(up->nl, up->ifindex, ret);

	if (rc < 0)
		return wm_fail(err, -rc, "cannot read the addresses of %s: %s", up->inst->ifname, wm_nl_why(up->nl, rc));
	return 0;
}

int wm_link_add_address(struct wm_link_up *up, struct wm_error *err)
{
	const struct wm_link_addr g = own(up);
	WM_AUTO_LINK_ADDRS struct wm_link_addrs have = { 0 };
	char text[WM_IP4_TEXT];

	int rc = read_own(up, &have, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < have.n; i++)
		if (is_wanted(up, &have.item[i]))
			return 0;
	rc = change(up->nl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &g);
	if (rc < 0)
		return wm_fail(err, -rc, "cannot give %s the address %s: %s", up->inst->ifname,
			       wm_ip4_format(g.addr, text), wm_nl_why(up->nl, rc));
	return 0;
}

int wm_link_sweep_addresses(struct wm_link_up *up, struct wm_error *err)
{
	WM_AUTO_LINK_ADDRS struct wm_link_addrs have = { 0 };
	char text[WM_IP4_TEXT];

	int rc = read_own(up, &have, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < have.n; i++) {
		if (is_wanted(up, &have.item[i]))
			continue;
		rc = change(up->nl, RTM_DELADDR, 0, &have.item[i]);
		if (rc < 0 && rc != -EADDRNOTAVAIL)
			return wm_fail(err, -rc, "cannot take the address %s off %s: %s",
				       wm_ip4_format(have.item[i].addr, text), up->inst->ifname, wm_nl_why(up->nl, rc));
	}
	return 0;
}
