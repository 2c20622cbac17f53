/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench/place.h"
#include "bench/tunnel.h"
#include "core/util.h"
#include "kernel/nl.h"
#include "packets/net.h"
#include "tunnel_floor.skel.h"

#define LAN_MTU 1500
#define LAN_BITS 16
#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))
#define UNDER_PEER IP(198, 18, 0, 1)
#define UNDER_GATEWAY IP(198, 18, 0, 2)
#define UNDER_BITS 30

static const uint8_t gateway_mac[] = WIRE_MAC_GATEWAY, peer_mac[] = { 2, 3, 0, 0, 0, 1 }, far_mac[] = { 2, 2, 0, 0, 0, 1 };

/* Everybody who is not the gateway. */
static unsigned int other_cpu(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN) > 1 ? RIG_CPU + 1 : RIG_CPU;
}

static struct wm_prefix lan_of(const struct tunnel *t)
{
	return (struct wm_prefix){ t->rig.world.lan, LAN_BITS };
}

/* --- small things ----------------------------------------------------------------------------- */

/* type: RTN_UNICAST, or RTN_LOCAL: all of it is this machine. */
static int add_route(struct wm_nl *nl, struct wm_prefix to, const char *ifname, uint8_t type, struct wm_error *err)
{
	struct rtmsg *rtm;
	struct nlmsghdr *nlh = wm_nl_begin(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*rtm), &rtm);

	rtm->rtm_family = AF_INET;
	rtm->rtm_dst_len = to.len;
	rtm->rtm_table = type == RTN_LOCAL ? RT_TABLE_LOCAL : RT_TABLE_MAIN;
	rtm->rtm_protocol = RTPROT_STATIC;
	rtm->rtm_scope = type == RTN_LOCAL ? RT_SCOPE_HOST : RT_SCOPE_LINK;
	rtm->rtm_type = type;
	mnl_attr_put_u32(nlh, RTA_DST, htonl(to.addr));
	mnl_attr_put_u32(nlh, RTA_OIF, if_nametoindex(ifname));
	int rc = wm_nl_write(nl);
	return rc < 0 ? wm_fail(err, -rc, "cannot set a route to %s: %s", ifname, wm_nl_why(nl, rc)) : 0;
}

static int give_thread(const char *name, unsigned int cpu, struct napi *ret, struct wm_error *err)
{
	int rc = napi_on(name, err);

	return rc < 0 ? rc : napi_thread(name, cpu, ret, err);
}

static int set_mac(const char *name, const uint8_t mac[ETH_ALEN], struct wm_error *err)
{
	struct ifreq ifr = { .ifr_hwaddr.sa_family = 1 };
	WM_AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	wm_copy(ifr.ifr_name, sizeof(ifr.ifr_name), name);
	memcpy(ifr.ifr_hwaddr.sa_data, mac, ETH_ALEN);
	if (fd < 0 || ioctl(fd, SIOCSIFHWADDR, &ifr) < 0)
		return wm_fail(err, errno, "cannot set the MAC address of %s: %s", name, strerror(errno));
	return 0;
}

/* --- the three machines ----------------------------------------------------------------------- */

static int make_gateway(struct tunnel *t, bool kernel, struct wm_error *err)
{
	const struct wm_prefix away = { t->rig.world.away, 24 };
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int rc = wm_nl_open(NETLINK_ROUTE, &nl, err);

	if (rc == 0)
		rc = net_up("lo", 0);
	if (rc == 0)
		rc = net_veth(nl, RIG_LAN, gateway_mac, RIG_FAR, t->rig.far_ns);
	if (rc == 0)
		rc = net_up(RIG_LAN, LAN_MTU);
	if (rc == 0)
		rc = net_address(nl, RIG_LAN, t->rig.world.lan + 1, LAN_BITS);
	if (rc == 0)
		rc = net_veth(nl, TUNNEL_UNDER_GATEWAY, gateway_mac, TUNNEL_UNDER_PEER, t->peer_ns);
	if (rc == 0)
		rc = net_up(TUNNEL_UNDER_GATEWAY, LAN_MTU);
	if (rc == 0)
		rc = net_address(nl, TUNNEL_UNDER_GATEWAY, UNDER_GATEWAY, UNDER_BITS);
	if (rc == 0)
		rc = tunnel_wg_make(&t->gateway, kernel, RIG_CPU, err);
	if (rc == 0)
		rc = tunnel_wg_meet(&t->gateway, &t->peer, UNDER_PEER, &away, 1, err);
	if (rc == 0)
		rc = net_up(RIG_WG, RIG_WG_MTU);
	t->rig.wg_ifindex = if_nametoindex(RIG_WG);
	t->rig.lan_ifindex = if_nametoindex(RIG_LAN);
	if (rc == 0 && !kernel)
		rc = give_thread(RIG_LAN, RIG_CPU, &t->rig.lan, err);
	if (rc == 0 && !kernel)
		rc = give_thread(TUNNEL_UNDER_GATEWAY, RIG_CPU, &t->under_gateway, err);
	return rc;
}

/* Is all other sites at once. */
static int make_peer(struct tunnel *t, bool kernel, struct wm_error *err)
{
	const struct wm_prefix near[] = { world_supernet(&t->rig.world), lan_of(t) };
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int rc = wm_nl_open(NETLINK_ROUTE, &nl, err);

	if (rc == 0)
		rc = net_up("lo", 0);
	if (rc == 0)
		rc = set_mac(TUNNEL_UNDER_PEER, peer_mac, err);
	if (rc == 0)
		rc = net_up(TUNNEL_UNDER_PEER, LAN_MTU);
	if (rc == 0)
		rc = net_address(nl, TUNNEL_UNDER_PEER, UNDER_PEER, UNDER_BITS);
	if (rc == 0)
		rc = tunnel_wg_make(&t->peer, kernel, other_cpu(), err);
	if (rc == 0)
		rc = tunnel_wg_meet(&t->peer, &t->gateway, UNDER_GATEWAY, near, WM_ARRAY_LEN(near), err);
	if (rc == 0)
		rc = net_up(RIG_WG, RIG_WG_MTU);
	for (uint32_t p = 0; p < t->rig.world.peers && rc == 0; p++)
		rc = net_address(nl, RIG_WG, t->rig.world.away + 2 + p, 32);
	for (size_t i = 0; i < WM_ARRAY_LEN(near) && rc == 0; i++)
		rc = add_route(nl, near[i], RIG_WG, RTN_UNICAST, err);
	if (rc == 0 && !kernel)
		rc = give_thread(TUNNEL_UNDER_PEER, other_cpu(), &t->under_peer, err);
	return rc;
}

/* Is all hosts at once. It asks nobody for a MAC address, and nobody asks it. */
static int make_far(struct tunnel *t, bool kernel, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int rc = wm_nl_open(NETLINK_ROUTE, &nl, err);

	t->rig.far_ifindex = if_nametoindex(RIG_FAR);
	if (rc == 0)
		rc = net_up("lo", 0);
	if (rc == 0)
		rc = set_mac(RIG_FAR, far_mac, err);
	if (rc == 0)
		rc = net_up(RIG_FAR, LAN_MTU);
	if (rc == 0)
		rc = add_route(nl, lan_of(t), "lo", RTN_LOCAL, err);
	if (rc == 0)
		rc = add_route(nl, world_supernet(&t->rig.world), RIG_FAR, RTN_UNICAST, err);
	for (uint32_t p = 0; p < t->rig.world.peers && rc == 0; p++)
		rc = net_neighbour(nl, t->rig.far_ifindex, t->rig.world.away + 2 + p, gateway_mac);
	if (rc == 0 && !kernel)
		rc = give_thread(RIG_FAR, other_cpu(), &t->rig.far, err);
	return rc;
}

/* --- the floor --------------------------------------------------------------------------------- */

static int load_floor(struct tunnel *t, struct wm_error *err)
{
	struct tunnel_floor *b = t->progs = tunnel_floor__open();

	if (!b)
		return wm_fail(err, errno, "cannot open the floor's programs: %s", strerror(errno));
	b->rodata->wg_ifindex = t->rig.wg_ifindex;
	b->rodata->lan_ifindex = t->rig.lan_ifindex;
	memcpy(b->rodata->header, far_mac, ETH_ALEN);
	memcpy(b->rodata->header + ETH_ALEN / 2, gateway_mac, ETH_ALEN);
	b->rodata->header[ETH_ALEN] = htons(ETH_P_IP);
	int rc = tunnel_floor__load(b);
	return rc < 0 ? wm_fail(err, -rc, "cannot load the floor's programs: %s", strerror(-rc)) : 0;
}

static int attach(uint32_t ifindex, const struct bpf_program *prog, struct wm_error *err)
{
	int rc = rig_attach(ifindex, bpf_program__fd(prog));

	return rc < 0 ? wm_fail(err, -rc, "cannot attach the floor: %s", strerror(-rc)) : 0;
}

int tunnel_floor(struct tunnel *t, struct wm_error *err)
{
	int rc = load_floor(t, err);

	if (rc == 0)
		rc = attach(t->rig.wg_ifindex, t->progs->progs.tunnel_to_lan, err);
	return rc < 0 ? rc : attach(t->rig.lan_ifindex, t->progs->progs.tunnel_to_wg, err);
}

int tunnel_neighbours(struct tunnel *t, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int rc = wm_nl_open(NETLINK_ROUTE, &nl, err);

	for (uint32_t h = 0; h < t->rig.world.hosts && rc == 0; h++)
		rc = net_neighbour(nl, t->rig.lan_ifindex, wire_near(&t->rig.world, h, 0), far_mac);
	return rc;
}

/* --- all of it ---------------------------------------------------------------------------------- */

int tunnel_open(struct tunnel *t, const struct wire_world *world, bool kernel, struct wm_error *err)
{
	*t = (struct tunnel){ .rig = { .world = *world, .gateway_ns = -1, .far_ns = -1, .tun = -1, .got = MAP_FAILED },
			      .peer_ns = -1, .udp_host = -1, .tcp_host = -1, .tcp_peer = -1 };
	for (unsigned int p = 0; p < WORLD_PEERS; p++)
		t->udp_peer[p] = -1;
	t->rig.want = calloc(world->hosts, sizeof(*t->rig.want));
	t->heard = calloc(world->hosts, sizeof(*t->heard));
	if (!t->rig.want || !t->heard)
		return wm_fail(err, ENOMEM, "no memory for %u hosts", world->hosts);
	int rc = tunnel_wg_keys(&t->gateway, err);
	if (rc == 0)
		rc = tunnel_wg_keys(&t->peer, err);
	if (rc == 0)
		rc = t->rig.far_ns = place_net(err);
	if (rc >= 0)
		rc = t->peer_ns = place_net(err);
	if (rc >= 0)
		rc = t->rig.gateway_ns = place_net(err);
	if (rc >= 0)
		rc = make_gateway(t, kernel, err);
	if (rc == 0)
		rc = place_enter(t->peer_ns, err);
	if (rc == 0)
		rc = make_peer(t, kernel, err);
	if (rc == 0)
		rc = place_enter(t->rig.far_ns, err);
	if (rc == 0)
		rc = make_far(t, kernel, err);
	return place_leave(rc, err);
}

void tunnel_close(struct tunnel *t)
{
	tunnel_part(t);
	tunnel_wg_end(&t->gateway);
	tunnel_wg_end(&t->peer);
	napi_close(&t->under_gateway);
	napi_close(&t->under_peer);
	tunnel_floor__destroy(t->progs);
	if (t->peer_ns >= 0)
		close(t->peer_ns);
	free(t->heard);
	rig_close(&t->rig);
	*t = (struct tunnel){ .peer_ns = -1 };
}
