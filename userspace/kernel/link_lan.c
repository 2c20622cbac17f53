/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Finding the LANs of this gateway among the machine's interfaces. Reads only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "core/util.h"
#include "kernel/link.h"
#include "kernel/link_fib.h"
#include "kernel/link_priv.h"

/* The best route to everywhere. */
struct default_route {
	uint32_t ifindex; /* 0: none */
	uint32_t metric;
};

static int read_default(const struct nlmsghdr *nlh, void *arg)
{
	struct default_route *best = arg;
	const struct nlattr *tb[RTA_TABLE + 1];

	if (!nlh) {
		best->ifindex = 0;
		return 0;
	}
	if (!wm_route_is_default(nlh, tb, WM_ARRAY_LEN(tb)))
		return 0;
	uint32_t oif = wm_nl_u32(tb[RTA_OIF]), metric = wm_nl_u32(tb[RTA_PRIORITY]);
	if (tb[RTA_MULTIPATH] && mnl_attr_get_payload_len(tb[RTA_MULTIPATH]) >= sizeof(struct rtnexthop))
		oif = (uint32_t)((const struct rtnexthop *)mnl_attr_get_payload(tb[RTA_MULTIPATH]))->rtnh_ifindex;
	if (oif && (!best->ifindex || metric < best->metric))
		*best = (struct default_route){ .ifindex = oif, .metric = metric };
	return 0;
}

static int find_default(struct wm_nl *nl, uint32_t *ret_ifindex)
{
	struct default_route best = { 0 };
	int rc = wm_routes_dump_main(nl, read_default, &best);

	if (rc < 0)
		return rc;
	*ret_ifindex = best.ifindex;
	return 0;
}

static const struct wm_link_addr *by_addr(const struct wm_link_addrs *all, wm_ip4 addr)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->item[i].addr == addr)
			return &all->item[i];
	return NULL;
}

static const struct wm_link_addr *by_ifindex(const struct wm_link_addrs *all, uint32_t ifindex)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->item[i].ifindex == ifindex && !all->item[i].secondary)
			return &all->item[i];
	return NULL;
}

/* Adds the interface that has `a` as a LAN of self. */
static int add_lan(struct wm_nl *nl, const struct wm_instance *inst, const struct wm_link_addr *a, struct wm_self *self,
		   struct wm_error *err)
{
	struct wm_lan lan = { .ifindex = a->ifindex, .addr = a->addr };
	struct wm_link link;
	char text[WM_IP4_TEXT];

	int rc = wm_link_get_index(nl, a->ifindex, &link, lan.ifname);
	if (rc < 0)
		return wm_fail(err, -rc, "cannot read the interface that has %s: %s", wm_ip4_format(a->addr, text),
			       wm_nl_why(nl, rc));
	if (link.loopback || strcmp(lan.ifname, inst->ifname) == 0)
		return wm_fail(err, EINVAL, "LXC_IFACES: %s is on %s, which cannot be a LAN", wm_ip4_format(a->addr, text),
			       lan.ifname);
	if (!link.ethernet)
		return wm_fail(err, EINVAL,
			       "LXC_IFACES: %s is on %s, which is no Ethernet device (%s): a LAN is one whose hosts have MACs, "
			       "so name the interface that they are on",
			       wm_ip4_format(a->addr, text), lan.ifname, link.kind[0] ? link.kind : "of another kind");
	for (unsigned int i = 0; i < self->nlans; i++)
		if (self->lans[i].ifindex == a->ifindex)
			return wm_fail(err, EINVAL, "LXC_IFACES: %s is named twice: one address per interface", lan.ifname);
	if (self->nlans == WM_LANS_MAX)
		return wm_fail(err, E2BIG, "LXC_IFACES: more than %d LANs", WM_LANS_MAX);
	lan.prefix = (struct wm_prefix){ a->addr & wm_prefix_mask(a->len), a->len };
	lan.mac = link.mac;
	lan.mtu = (uint16_t)WM_MIN(link.mtu, UINT16_MAX);
	self->lans[self->nlans++] = lan;
	return 0;
}

static int find_wish(struct wm_nl *nl, const struct wm_link_addrs *all, const struct wm_lan_wish *wish,
		     const struct wm_link_addr **ret, struct wm_error *err)
{
	char text[WM_IP4_TEXT];
	struct wm_link link;

	if (wish->addr) {
		*ret = by_addr(all, wish->addr);
		if (!*ret)
			return wm_fail(err, ENODEV,
				       "no interface of this machine has the address %s: correct LXC_IFACES or "
				       "configure the interface",
				       wm_ip4_format(wish->addr, text));
		return 0;
	}
	int rc = wm_link_get(nl, wish->ifname, &link);
	if (rc < 0)
		return wm_fail(err, -rc, "there is no interface %s on this machine (LXC_IFACES): %s", wish->ifname,
			       wm_nl_why(nl, rc));
	*ret = by_ifindex(all, link.index);
	if (!*ret)
		return wm_fail(err, ENODEV, "interface %s (LXC_IFACES) has no IPv4 address", wish->ifname);
	return 0;
}

/* Nobody has said: the interface of the default route, if it can be a LAN (a modem's ppp0 or a VPN cannot). */
static int find_unasked(struct wm_nl *nl, const struct wm_instance *inst, const struct wm_link_addrs *all,
			struct wm_self *self, struct wm_error *err)
{
	struct wm_link link;
	uint32_t ifindex;

	int rc = find_default(nl, &ifindex);
	if (rc < 0)
		return wm_fail(err, -rc, "cannot read the routes of this machine: %s", wm_nl_why(nl, rc));
	const struct wm_link_addr *a = ifindex ? by_ifindex(all, ifindex) : NULL;
	if (!a || (wm_link_get(nl, inst->ifname, &link) == 0 && link.index == ifindex))
		return 0;
	if (wm_link_get_index(nl, ifindex, &link, NULL) == 0 && !link.ethernet)
		return 0;
	return add_lan(nl, inst, a, self, err);
}

int wm_link_find_lans(const struct wm_instance *inst, struct wm_self *self, struct wm_error *err)
{
	return wm_link_find_lans_there(inst, self, NULL, err);
}

int wm_link_find_lans_there(const struct wm_instance *inst, struct wm_self *self, struct wm_error *ret_missing,
			    struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	WM_AUTO_LINK_ADDRS struct wm_link_addrs all = { 0 };
	struct wm_error missing = { 0 };
	struct wm_self found = { 0 };

	int rc = wm_nl_open(NETLINK_ROUTE, &nl, err);
	if (rc < 0)
		return rc;
	rc = wm_link_read_addrs(nl, 0, &all);
	if (rc < 0)
		return wm_fail(err, -rc, "cannot read the addresses of this machine: %s", wm_nl_why(nl, rc));
	if (inst->nlans == 0)
		rc = find_unasked(nl, inst, &all, &found, err);
	for (unsigned int i = 0; i < inst->nlans && rc == 0; i++) {
		const struct wm_link_addr *a;
		struct wm_error why = { 0 };
		rc = find_wish(nl, &all, &inst->lans[i], &a, &why);
		if (rc == 0) {
			rc = add_lan(nl, inst, a, &found, err);
		} else if (rc == -ENODEV && ret_missing) {
			missing = *missing.text ? missing : why;
			rc = 0;
		} else if (err) {
			*err = why;
		}
	}
	if (rc < 0)
		return rc;
	for (unsigned int i = 0; i < found.nlans; i++) {
		memcpy(found.lans[i].routers, inst->routers, sizeof(inst->routers));
		found.lans[i].nrouters = inst->nrouters;
	}
	memcpy(self->lans, found.lans, sizeof(self->lans));
	self->nlans = found.nlans;
	if (ret_missing)
		*ret_missing = missing;
	return 0;
}
