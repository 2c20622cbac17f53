/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/link_nic.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "core/util.h"
#include "kernel/nl.h"

#define SEVERAL UINT32_MAX

/* --- rtnetlink ------------------------------------------------------------------------- */

static void read_xdp(const struct nlattr *nest, struct wm_nic *ret)
{
	static const uint32_t modes[] = {
		[XDP_ATTACHED_DRV] = XDP_FLAGS_DRV_MODE, [XDP_ATTACHED_SKB] = XDP_FLAGS_SKB_MODE,
		[XDP_ATTACHED_HW] = XDP_FLAGS_HW_MODE,
	};
	const struct nlattr *xdp[IFLA_XDP_PROG_ID + 1];
	uint8_t attached;

	wm_nl_nested(nest, xdp, WM_ARRAY_LEN(xdp));
	attached = xdp[IFLA_XDP_ATTACHED] ? mnl_attr_get_u8(xdp[IFLA_XDP_ATTACHED]) : XDP_ATTACHED_NONE;
	if (attached == XDP_ATTACHED_NONE)
		return;
	ret->mode = attached < WM_ARRAY_LEN(modes) ? modes[attached] : 0;
	ret->prog = ret->mode ? wm_nl_u32(xdp[IFLA_XDP_PROG_ID]) : SEVERAL;
}

/* 1: it is one; 0: some other message. */
static int read_nic(const struct nlmsghdr *nlh, struct wm_nic *ret)
{
	const struct nlattr *tb[IFLA_XDP + 1], *info[IFLA_INFO_KIND + 1];
	const struct ifinfomsg *ifi;

	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi))
		return 0;
	ifi = mnl_nlmsg_get_payload(nlh);
	wm_nl_attrs(nlh, sizeof(*ifi), tb, WM_ARRAY_LEN(tb));
	wm_nl_nested(tb[IFLA_LINKINFO], info, WM_ARRAY_LEN(info));
	*ret = (struct wm_nic){
		.ifindex = (uint32_t)ifi->ifi_index, .mtu = wm_nl_u32(tb[IFLA_MTU]), .ethernet = ifi->ifi_type == ARPHRD_ETHER,
		.port = tb[IFLA_MASTER] != NULL,
	};
	wm_copy(ret->name, sizeof(ret->name), wm_nl_str(tb[IFLA_IFNAME]));
	wm_copy(ret->kind, sizeof(ret->kind), wm_nl_str(info[IFLA_INFO_KIND]));
	read_xdp(tb[IFLA_XDP], ret);
	return 1;
}

static int see_nic(const struct nlmsghdr *nlh, void *arg)
{
	struct wm_nic *nic = arg;

	if (nlh)
		(void)read_nic(nlh, nic);
	return 0;
}

struct vlan_search {
	uint32_t below;
	bool found;
};

static int see_vlan(const struct nlmsghdr *nlh, void *arg)
{
	struct vlan_search *search = arg;
	const struct nlattr *tb[IFLA_LINK_NETNSID + 1], *info[IFLA_INFO_KIND + 1];

	if (!nlh) {
		search->found = false;
		return 0;
	}
	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(struct ifinfomsg))
		return 0;
	wm_nl_attrs(nlh, sizeof(struct ifinfomsg), tb, WM_ARRAY_LEN(tb));
	wm_nl_nested(tb[IFLA_LINKINFO], info, WM_ARRAY_LEN(info));
	search->found |= !strcmp(wm_nl_str(info[IFLA_INFO_KIND]), "vlan") && !tb[IFLA_LINK_NETNSID] &&
			 wm_nl_u32(tb[IFLA_LINK]) == search->below;
	return 0;
}

static int find_vlans(struct wm_nl *nl, struct wm_nic *nic)
{
	struct vlan_search search = { .below = nic->ifindex };
	struct nlmsghdr *nlh = wm_nl_begin(nl, RTM_GETLINK, 0, sizeof(struct ifinfomsg), NULL);
	struct nlattr *info;
	int rc;

	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "vlan");
	mnl_attr_nest_end(nlh, info);
	rc = wm_nl_dump(nl, see_vlan, &search);
	nic->vlans = search.found;
	return rc;
}

/* --- ethtool ----------------------------------------------------------------------------- */

/* What cannot be asked: no hardware, and tags may go beside the frame. */
static void ask_ethtool(struct wm_nic *nic)
{
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
	struct ethtool_value flags = { .cmd = ETHTOOL_GFLAGS };
	WM_AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_data = (void *)&driver };

	wm_copy(ifr.ifr_name, sizeof(ifr.ifr_name), nic->name);
	nic->takes_tags = true;
	if (fd < 0)
		return;
	if (!ioctl(fd, SIOCETHTOOL, &ifr)) {
		snprintf(nic->driver, sizeof(nic->driver), "%.31s", driver.driver);
		nic->hardware = !*nic->kind && *driver.bus_info;
	}
	ifr.ifr_data = (void *)&flags;
	/* A virtual device hands on whatever its sender has put beside the frame. */
	nic->takes_tags = !nic->hardware || ioctl(fd, SIOCETHTOOL, &ifr) || flags.data & ETH_FLAG_RXVLAN;
}

/* --- the whole ------------------------------------------------------------------------------ */

int wm_nic_read(uint32_t ifindex, bool ask_vlans, struct wm_nic *ret, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	struct wm_nic nic = { 0 };
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh;
	int rc = wm_nl_open(NETLINK_ROUTE, &nl, err);

	if (rc)
		return rc;
	nlh = wm_nl_begin(nl, RTM_GETLINK, 0, sizeof(*ifi), &ifi);
	ifi->ifi_index = (int)ifindex;
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	rc = wm_nl_get(nl, see_nic, &nic);
	if (!rc && !nic.ifindex)
		rc = -ENODEV;
	if (!rc && ask_vlans)
		rc = find_vlans(nl, &nic);
	if (rc)
		return wm_fail(err, -rc, "cannot look at interface %u: %s", ifindex, wm_nl_why(nl, rc));
	ask_ethtool(&nic);
	*ret = nic;
	return 0;
}

struct nic_list {
	struct wm_nic *item;
	size_t n, cap;
};

static int see_nic_of_many(const struct nlmsghdr *nlh, void *arg)
{
	struct nic_list *list = arg;
	struct wm_nic nic = { 0 };
	int rc;

	if (!nlh) {
		list->n = 0;
		return 0;
	}
	if (!read_nic(nlh, &nic) || !nic.prog)
		return 0;
	rc = wm_grow((void **)&list->item, &list->cap, list->n + 1, sizeof(*list->item));
	if (!rc)
		list->item[list->n++] = nic;
	return rc;
}

int wm_nics_with_xdp(struct wm_nic **ret, size_t *ret_n, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	struct nic_list list = { 0 };
	struct nlmsghdr *nlh;
	int rc = wm_nl_open(NETLINK_ROUTE, &nl, err);

	if (rc)
		return rc;
	nlh = wm_nl_begin(nl, RTM_GETLINK, 0, sizeof(struct ifinfomsg), NULL);
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	rc = wm_nl_dump(nl, see_nic_of_many, &list);
	if (rc) {
		free(list.item);
		return wm_fail(err, -rc, "cannot list the interfaces: %s", wm_nl_why(nl, rc));
	}
	*ret = list.item;
	*ret_n = list.n;
	return 0;
}
