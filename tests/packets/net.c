/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "packets/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/util.h"

static int said(int rc, const char *what, const char *name)
{
	if (rc < 0)
		printf("# %s %s: %s\n", what, name, strerror(-rc));
	return rc;
}

int net_veth(struct wm_nl *nl, const char *name, const uint8_t mac[6], const char *peer, int far_fd)
{
	struct ifinfomsg none = { 0 };
	struct nlmsghdr *nlh =
		wm_nl_begin(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg), NULL);

	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put(nlh, IFLA_ADDRESS, 6, mac);
	struct nlattr *info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "veth");
	struct nlattr *data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	/* The peer is an attribute that holds a whole message. */
	struct nlattr *inner = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
	memcpy(mnl_nlmsg_get_payload_tail(nlh), &none, sizeof(none));
	nlh->nlmsg_len += sizeof(none);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, peer);
	mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)far_fd);
	mnl_attr_nest_end(nlh, inner);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	return said(wm_nl_write(nl), "cannot make veth", name);
}

/* An interface ioctl. */
static int request(const char *name, unsigned long what, struct ifreq *ifr)
{
	WM_AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	wm_copy(ifr->ifr_name, sizeof(ifr->ifr_name), name);
	return fd < 0 || ioctl(fd, what, ifr) < 0 ? -errno : 0;
}

int net_up(const char *name, uint32_t mtu)
{
	struct ifreq size = { .ifr_mtu = (int)mtu }, up = { .ifr_flags = IFF_UP };
	int rc = mtu ? request(name, SIOCSIFMTU, &size) : 0;

	if (rc == 0)
		rc = request(name, SIOCSIFFLAGS, &up);
	return said(rc, "cannot bring up", name);
}

int net_down(const char *name)
{
	struct ifreq down = { .ifr_flags = 0 };

	return said(request(name, SIOCSIFFLAGS, &down), "cannot take down", name);
}

int net_address(struct wm_nl *nl, const char *name, wm_ip4 addr, uint8_t len)
{
	struct ifaddrmsg *ifa;
	struct nlmsghdr *nlh = wm_nl_begin(nl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(*ifa), &ifa);

	ifa->ifa_family = AF_INET;
	ifa->ifa_prefixlen = len;
	ifa->ifa_index = if_nametoindex(name);
	mnl_attr_put_u32(nlh, IFA_LOCAL, htonl(addr));
	mnl_attr_put_u32(nlh, IFA_ADDRESS, htonl(addr));
	return said(wm_nl_write(nl), "cannot set the address of", name);
}

int net_neighbour(struct wm_nl *nl, uint32_t ifindex, wm_ip4 addr, const uint8_t mac[6])
{
	struct ndmsg *ndm;
	struct nlmsghdr *nlh = wm_nl_begin(nl, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*ndm), &ndm);
	char text[WM_IP4_TEXT];

	ndm->ndm_family = AF_INET;
	ndm->ndm_ifindex = (int)ifindex;
	ndm->ndm_state = NUD_PERMANENT;
	mnl_attr_put_u32(nlh, NDA_DST, htonl(addr));
	mnl_attr_put(nlh, NDA_LLADDR, 6, mac);
	return said(wm_nl_write(nl), "cannot set the neighbour", wm_ip4_format(addr, text));
}

int net_no_offload(const char *name)
{
	struct ethtool_value off = { .cmd = ETHTOOL_STXCSUM };
	struct ifreq ifr = { .ifr_data = (char *)&off };

	return said(request(name, SIOCETHTOOL, &ifr), "cannot turn off the checksum offload of", name);
}

int net_sysctl(const char *path, const char *value)
{
	char full[128];

	if (wm_format(full, sizeof(full), "/proc/sys/net/%s", path) < 0)
		return -E2BIG;
	WM_AUTO_CLOSE int fd = open(full, O_WRONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	return said(fd < 0 || write(fd, value, strlen(value)) < 0 ? -errno : 0, "cannot write", full);
}

int net_tun(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
	WM_AUTO_CLOSE int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	wm_copy(ifr.ifr_name, sizeof(ifr.ifr_name), name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0)
		return said(-errno, "cannot make TUN", name);
	/* No offload in this direction: what is read is what would be on a wire. */
	if (ioctl(fd, TUNSETOFFLOAD, 0) < 0)
		return said(-errno, "cannot turn off the offloads of", name);
	return wm_steal_fd(&fd);
}
