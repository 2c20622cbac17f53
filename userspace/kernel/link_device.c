/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Interfaces by rtnetlink: reading one, and the few things that are set.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "core/util.h"
#include "kernel/link_priv.h"

struct reading {
	struct wm_link *link;
	char *ifname; /* may be NULL */
	bool found;
};

static int read_link(const struct nlmsghdr *nlh, void *arg)
{
	struct reading *r = arg;
	const struct nlattr *tb[IFLA_IFALIAS + 1], *info[IFLA_INFO_KIND + 1];

	if (!nlh) {
		memset(r->link, 0, sizeof(*r->link));
		r->found = false;
		return 0;
	}
	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(struct ifinfomsg))
		return 0;
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	wm_nl_attrs(nlh, sizeof(*ifi), tb, WM_ARRAY_LEN(tb));
	wm_nl_nested(tb[IFLA_LINKINFO], info, WM_ARRAY_LEN(info));
	r->link->index = (uint32_t)ifi->ifi_index;
	r->link->up = ifi->ifi_flags & IFF_UP;
	r->link->loopback = ifi->ifi_flags & IFF_LOOPBACK;
	r->link->mtu = wm_nl_u32(tb[IFLA_MTU]);
	wm_copy(r->link->kind, sizeof(r->link->kind), wm_nl_str(info[IFLA_INFO_KIND]));
	wm_copy(r->link->alias, sizeof(r->link->alias), wm_nl_str(tb[IFLA_IFALIAS]));
	r->link->ethernet = ifi->ifi_type == ARPHRD_ETHER;
	if (r->link->ethernet && tb[IFLA_ADDRESS] &&
	    mnl_attr_get_payload_len(tb[IFLA_ADDRESS]) == sizeof(r->link->mac))
		memcpy(r->link->mac.byte, mnl_attr_get_payload(tb[IFLA_ADDRESS]), sizeof(r->link->mac));
	if (r->ifname)
		wm_copy(r->ifname, WM_IFNAME_SIZE, wm_nl_str(tb[IFLA_IFNAME]));
	r->found = true;
	return 0;
}

static int ask(struct wm_nl *nl, struct nlmsghdr *nlh, struct wm_link *ret, char *ret_ifname)
{
	struct wm_link link;
	struct reading r = { .link = &link, .ifname = ret_ifname };

	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	int rc = wm_nl_get(nl, read_link, &r);
	if (rc < 0)
		return rc;
	if (!r.found)
		return -ENODEV;
	*ret = link;
	return 0;
}

int wm_link_get(struct wm_nl *nl, const char *ifname, struct wm_link *ret)
{
	struct nlmsghdr *nlh = wm_nl_begin(nl, RTM_GETLINK, 0, sizeof(struct ifinfomsg), NULL);

	mnl_attr_put_strz(nlh, IFLA_IFNAME, ifname);
	return ask(nl, nlh, ret, NULL);
}

int wm_link_get_index(struct wm_nl *nl, uint32_t index, struct wm_link *ret, char *ret_ifname)
{
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh = wm_nl_begin(nl, RTM_GETLINK, 0, sizeof(*ifi), &ifi);

	ifi->ifi_index = (int)index;
	return ask(nl, nlh, ret, ret_ifname);
}

void wm_link_alias(const struct wm_instance *inst, char *ret, size_t size)
{
	wm_format(ret, size, "wm:%s", inst->name[0] ? inst->name : "default");
}

int wm_link_create(struct wm_nl *nl, const char *ifname)
{
	struct nlmsghdr *nlh =
		wm_nl_begin(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg), NULL);

	mnl_attr_put_strz(nlh, IFLA_IFNAME, ifname);
	struct nlattr *info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "wireguard");
	mnl_attr_nest_end(nlh, info);
	return wm_nl_write(nl);
}

static struct nlmsghdr *begin_change(struct wm_nl *nl, uint16_t type, uint32_t index, struct ifinfomsg **ret)
{
	struct nlmsghdr *nlh = wm_nl_begin(nl, type, 0, sizeof(**ret), ret);

	(*ret)->ifi_index = (int)index;
	return nlh;
}

int wm_link_set_alias(struct wm_nl *nl, uint32_t index, const char *alias)
{
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh = begin_change(nl, RTM_NEWLINK, index, &ifi);

	mnl_attr_put_strz(nlh, IFLA_IFALIAS, alias);
	return wm_nl_write(nl);
}

int wm_link_set_mtu(struct wm_nl *nl, uint32_t index, uint32_t mtu)
{
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh = begin_change(nl, RTM_NEWLINK, index, &ifi);

	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	return wm_nl_write(nl);
}

int wm_link_set_up(struct wm_nl *nl, uint32_t index)
{
	struct ifinfomsg *ifi;

	begin_change(nl, RTM_NEWLINK, index, &ifi);
	ifi->ifi_change = IFF_UP;
	ifi->ifi_flags = IFF_UP;
	return wm_nl_write(nl);
}

int wm_link_delete(struct wm_nl *nl, uint32_t index)
{
	struct ifinfomsg *ifi;

	begin_change(nl, RTM_DELLINK, index, &ifi);
	return wm_nl_write(nl);
}
