/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a gateway by the kernel's own means needs besides rules: addresses,
 * routes, forwarding. And neighbours, for whoever asks the kernel for them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "bench/rig.h"
#include "bench/world.h"
#include "kernel/nl.h"
#include "core/util.h"
#include "packets/net.h"

int rig_route_to(struct wm_nl *nl, struct wm_prefix to, uint32_t ifindex, wm_ip4 via, struct wm_error *err)
{
	char text[WM_PREFIX_TEXT];
	struct rtmsg *rtm;
	struct nlmsghdr *nlh = wm_nl_begin(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*rtm), &rtm);

	rtm->rtm_family = AF_INET;
	rtm->rtm_dst_len = to.len;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_protocol = RTPROT_STATIC;
	rtm->rtm_scope = via ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	rtm->rtm_type = RTN_UNICAST;
	mnl_attr_put_u32(nlh, RTA_DST, htonl(to.addr));
	mnl_attr_put_u32(nlh, RTA_OIF, ifindex);
	if (via)
		mnl_attr_put_u32(nlh, RTA_GATEWAY, htonl(via));
	int rc = wm_nl_write(nl);
	return rc < 0 ? wm_fail(err, -rc, "cannot set the route of %s: %s", wm_prefix_format(to, text),
				wm_nl_why(nl, rc))
		      : 0;
}

int rig_route(struct rig *rig, struct wm_error *err)
{
	static const struct {
		const char *path, *value;
	} table[] = {
		{ "ipv4/ip_forward", "1" },
		{ "ipv4/conf/all/rp_filter", "0" },
		{ "ipv4/conf/" RIG_WG "/rp_filter", "0" },
		{ "ipv4/conf/" RIG_LAN "/rp_filter", "0" },
		{ "ipv4/conf/all/send_redirects", "0" },
		{ "ipv4/conf/" RIG_WG "/send_redirects", "0" },
	};
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int rc = wm_nl_open(NETLINK_ROUTE, &nl, err);

	for (size_t i = 0; i < WM_ARRAY_LEN(table) && rc == 0; i++)
		rc = net_sysctl(table[i].path, table[i].value);
	if (rc == 0)
		rc = net_address(nl, RIG_WG, rig->world.subnet + 1, 32);
	/* Everything of the mesh goes to wg. */
	return rc < 0 ? rc : rig_route_to(nl, world_supernet(&rig->world), rig->wg_ifindex, 0, err);
}

int rig_neighbours(struct rig *rig, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int rc = wm_nl_open(NETLINK_ROUTE, &nl, err);

	for (uint32_t h = 0; h < rig->world.hosts && rc == 0; h++) {
		uint8_t mac[6];

		wire_host_mac(h, mac);
		rc = net_neighbour(nl, rig->lan_ifindex, wire_near(&rig->world, h, 0), mac);
	}
	return rc;
}
