/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The devices of bulk.h: two at the gateway, and one for each of its sides.
 */
#include <errno.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/bulk.h"
#include "bench/place.h"
#include "bench/world.h"
#include "core/util.h"
#include "kernel/nl.h"
#include "packets/net.h"

#define AWAY "mesh0"
#define FAR_MTU 1500
#define FAR_BITS 8

unsigned int if_nametoindex(const char *name); /* <net/if.h> and <linux/if.h> do not go together */

/* With offloads: whoever sends into it may leave checksums and segments to be made. */
static int make_device(const char *name, unsigned int flags, struct wm_error *err)
{
	int fd = rig_tun(name, flags | IFF_VNET_HDR, err);

	if (fd >= 0 && ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN) < 0) {
		wm_fail(err, errno, "cannot set the offloads of %s: %s", name, strerror(errno));
		close(fd);
		return -EIO;
	}
	return fd;
}

static int set_mac(const char *name, const uint8_t mac[ETH_ALEN], struct wm_error *err)
{
	WM_AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_hwaddr.sa_family = ARPHRD_ETHER };

	wm_copy(ifr.ifr_name, sizeof(ifr.ifr_name), name);
	memcpy(ifr.ifr_hwaddr.sa_data, mac, ETH_ALEN);
	if (fd < 0 || ioctl(fd, SIOCSIFHWADDR, &ifr) < 0)
		return wm_fail(err, errno, "cannot set the MAC address of %s: %s", name, strerror(errno));
	return 0;
}

/* Streams that wait for the next turn begin as they ended. */
static int make_end(struct wm_error *err)
{
	int rc = net_up("lo", 0);

	if (rc == 0)
		rc = net_sysctl("ipv4/tcp_slow_start_after_idle", "0");
	if (rc == 0)
		rc = net_sysctl("ipv4/tcp_no_metrics_save", "1");
	return rc < 0 ? wm_fail(err, -rc, "cannot make a namespace ready: %s", strerror(-rc)) : 0;
}

static int make_away(struct rig *rig, struct wm_error *err)
{
	struct wm_prefix all_lans = { rig->world.lan, FAR_BITS };
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int rc = rig->ends.away_ns = place_net(err);

	if (rc >= 0)
		rc = make_end(err);
	if (rc == 0)
		rc = wm_nl_open(NETLINK_ROUTE, &nl, err);
	if (rc == 0)
		rc = rig->ends.away = make_device(AWAY, IFF_TUN, err);
	if (rc >= 0)
		rc = net_up(AWAY, RIG_WG_MTU);
	if (rc == 0)
		rc = net_address(nl, AWAY, rig->world.away + 2, world_supernet(&rig->world).len);
	/* For rivals that do not translate. */
	return rc < 0 ? rc : rig_route_to(nl, all_lans, if_nametoindex(AWAY), 0, err);
}

static int make_gateway(struct rig *rig, struct wm_error *err)
{
	static const uint8_t mac[ETH_ALEN] = WIRE_MAC_GATEWAY;
	int rc = rig->ends.lan = make_device(RIG_LAN, IFF_TAP | IFF_NAPI, err);

	if (rc >= 0)
		rc = set_mac(RIG_LAN, mac, err);
	if (rc == 0)
		rc = rig->tun = make_device(RIG_WG, IFF_TUN | IFF_NAPI, err);
	return rc < 0 ? rc : rig_gateway(rig, err);
}

/* One machine is all hosts that have a stream. */
static int make_far(struct rig *rig, struct wm_error *err)
{
	static const uint8_t mac[ETH_ALEN] = PIPE_FAR_MAC, gateway[ETH_ALEN] = WIRE_MAC_GATEWAY;
	const struct wire_world *w = &rig->world;
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int rc = make_end(err);

	if (rc == 0)
		rc = wm_nl_open(NETLINK_ROUTE, &nl, err);
	if (rc == 0)
		rc = rig->ends.far = make_device(RIG_FAR, IFF_TAP, err);
	if (rc >= 0)
		rc = set_mac(RIG_FAR, mac, err);
	if (rc == 0)
		rc = net_up(RIG_FAR, FAR_MTU);
	for (uint32_t i = 0; i < WM_MIN(BULK_STREAMS, w->hosts) && rc == 0; i++)
		rc = net_address(nl, RIG_FAR, wire_near(w, bulk_host(w, i), 0), FAR_BITS);
	if (rc == 0)
		rc = net_neighbour(nl, if_nametoindex(RIG_FAR), w->lan + 1, gateway);
	if (rc == 0)
		rc = rig_route_to(nl, world_supernet(w), if_nametoindex(RIG_FAR), w->lan + 1, err);
	return rc < 0 ? rc : make_away(rig, err);
}

int bulk_rig_open(struct rig *rig, const struct wire_world *world, struct wm_error *err)
{
	static const struct rig_shape shape = { make_gateway, make_far };

	return rig_open_as(rig, world, &shape, err);
}
