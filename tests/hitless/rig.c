/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hitless/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench/napi.h"
#include "bench/place.h"
#include "core/util.h"
#include "hitless.skel.h"
#include "kernel/link.h"
#include "kernel/nl.h"
#include "packets/net.h"

#define LAN_MTU 1500
#define LAN_BITS 16

static const uint8_t gateway_mac[] = WIRE_MAC_GATEWAY;
static const char *const near_name[] = { "lan0", "lan1" }, *const far_name[] = { "far0", "far1" };

const char *const rig_ways[RIG_WAYS] = {
	[RIG_BPF] = "bpf",
	[RIG_BPF_STACK] = "bpf through the stack",
	[RIG_BPF_SHIELD] = "bpf behind its shield",
	[RIG_NFT] = "nft",
};

/* --- the tunnel ------------------------------------------------------------------------------ */

static int make_tun(const struct rig *rig, struct wm_error *err)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	WM_AUTO_CLOSE int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int sink = bpf_program__fd(rig->progs->progs.hitless_wg_sink);

	wm_copy(ifr.ifr_name, sizeof(ifr.ifr_name), RIG_WG);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0 || ioctl(fd, TUNSETFILTEREBPF, &sink) < 0)
		return wm_fail(err, errno, "cannot make TUN " RIG_WG ": %s", strerror(errno));
	return wm_steal_fd(&fd);
}

int rig_tun_open(const struct rig *rig, struct wm_error *err)
{
	int rc = place_enter(rig->gateway_ns, err), fd = rc < 0 ? rc : make_tun(rig, err);

	rc = place_enter(rig->far_ns, err);
	return rc < 0 ? rc : fd;
}

int rig_tun_ready(struct rig *rig, struct wm_error *err)
{
	int rc = net_up(RIG_WG, RIG_WG_MTU);

	rig->wg_ifindex = if_nametoindex(RIG_WG);
	return rc < 0 ? wm_fail(err, -rc, "cannot bring up " RIG_WG) : 0;
}

/* --- a LAN ----------------------------------------------------------------------------------- */

static int attach(const char *ifname, const struct bpf_program *prog, struct wm_error *err)
{
	int rc = bpf_xdp_attach((int)if_nametoindex(ifname), bpf_program__fd(prog), XDP_FLAGS_DRV_MODE, NULL);

	return rc < 0 ? wm_fail(err, -rc, "cannot attach to %s: %s", ifname, strerror(-rc)) : 0;
}

static int make_near(struct rig *rig, unsigned int lan, struct wm_nl *nl, struct wm_error *err)
{
	const struct proof_world *w = &rig->world;
	int rc = net_veth(nl, near_name[lan], gateway_mac, far_name[lan], rig->far_ns);

	if (rc == 0)
		rc = napi_on(near_name[lan], err);
	if (rc == 0)
		rc = net_up(near_name[lan], LAN_MTU);
	if (rc == 0)
		rc = net_address(nl, near_name[lan], w->lan + lan * PROOF_LAN1 + 1, LAN_BITS);
	for (uint32_t i = lan ? w->lan1_from : 0; i < (lan ? w->all : w->lan1_from) && rc == 0; i++) {
		uint8_t mac[6];

		wire_host_mac(i, mac);
		rc = net_neighbour(nl, if_nametoindex(near_name[lan]), proof_local(w, i), mac);
	}
	return rc;
}

int rig_lan_make(struct rig *rig, unsigned int lan, struct wm_error *err)
{
	const struct bpf_program *const sinks[] = { rig->progs->progs.hitless_lan0_sink, rig->progs->progs.hitless_lan1_sink };
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int rc = wm_nl_open(NETLINK_ROUTE, &nl, err);

	if (rc == 0)
		rc = make_near(rig, lan, nl, err);
	if (rc == 0)
		rc = place_enter(rig->far_ns, err);
	if (rc == 0)
		rc = net_up(far_name[lan], LAN_MTU);
	if (rc == 0)
		rc = attach(far_name[lan], sinks[lan], err);
	return place_enter(rig->gateway_ns, rc < 0 ? NULL : err) < 0 && rc == 0 ? -EINVAL : rc;
}

int rig_lan_delete(const struct rig *rig, unsigned int lan, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	struct ifinfomsg *ifi;
	int rc = wm_nl_open(NETLINK_ROUTE, &nl, err);

	(void)rig;
	if (rc < 0)
		return rc;
	wm_nl_begin(nl, RTM_DELLINK, 0, sizeof(*ifi), &ifi);
	ifi->ifi_index = (int)if_nametoindex(near_name[lan]);
	rc = wm_nl_write(nl);
	return rc < 0 ? wm_fail(err, -rc, "cannot delete %s: %s", near_name[lan], strerror(-rc)) : 0;
}

/* A program that is on no device waits twice for all processors whenever it is run. */
static int make_spare(const struct rig *rig, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int rc = wm_nl_open(NETLINK_ROUTE, &nl, err);

	if (rc == 0)
		rc = net_veth(nl, "spare0", gateway_mac, "spare1", rig->far_ns);
	return rc < 0 ? rc : attach("spare0", rig->progs->progs.hitless_gen, err);
}

/* --- programs -------------------------------------------------------------------------------- */

static void *shared(const struct bpf_map *map, size_t len, int prot)
{
	void *at = mmap(NULL, len, prot, MAP_SHARED, bpf_map__fd(map), 0);

	return at == MAP_FAILED ? NULL : at;
}

static int load_programs(struct rig *rig, struct wm_error *err)
{
	struct hitless *h = rig->progs = hitless__open();
	uint32_t n = rig->world.all;

	if (!h)
		return wm_fail(err, errno, "cannot open the programs: %s", strerror(errno));
	h->rodata->world = rig->world;
	int rc = bpf_map__set_max_entries(h->maps.pairs, n);
	if (rc == 0)
		rc = bpf_map__set_max_entries(h->maps.came, n);
	if (rc == 0)
		rc = bpf_map__set_max_entries(h->maps.came_must, n);
	if (rc == 0)
		rc = hitless__load(h);
	if (rc < 0)
		return wm_fail(err, -rc, "cannot load the programs: %s", strerror(-rc));
	rig->pairs = shared(h->maps.pairs, n * sizeof(*rig->pairs), PROT_READ | PROT_WRITE);
	rig->came = shared(h->maps.came, n * sizeof(*rig->came), PROT_READ);
	rig->came_must = shared(h->maps.came_must, n * sizeof(*rig->came_must), PROT_READ);
	return rig->pairs && rig->came && rig->came_must ? 0 : wm_fail(err, errno, "cannot map: %s", strerror(errno));
}

/* --- all of it ------------------------------------------------------------------------------- */

static unsigned int rigs;

void rig_choose(struct rig *rig, enum rig_way way)
{
	rig->plane = way == RIG_NFT ? &wm_dataplane_nft : &wm_dataplane_bpf;
	rig->inst.fastpath = way != RIG_BPF_STACK;
	rig->inst.xdp = way == RIG_BPF_SHIELD ? WM_XDP_NATIVE : WM_XDP_OFF;
}

static void make_instance(struct rig *rig, enum rig_way way)
{
	rig->inst = (struct wm_instance){
		.tc_prio = 20000,
		.rule_prio = 22000,
		.fwmark = 0x574d0000,
		.mtu = RIG_WG_MTU,
		.hub = true,
		.lans = { { "", rig->world.lan + 1 }, { "", rig->world.lan + PROOF_LAN1 + 1 } },
		.nlans = 2,
	};
	wm_copy(rig->inst.nft_table, sizeof(rig->inst.nft_table), "wm");
	wm_copy(rig->inst.ifname, sizeof(rig->inst.ifname), RIG_WG);
	wm_format(rig->inst.bpffs, sizeof(rig->inst.bpffs), PLACE_BPFFS "/%u", rigs++);
	wm_format(rig->inst.state_dir, sizeof(rig->inst.state_dir), PLACE_RUN "/state%u", rigs);
	rig_choose(rig, way);
}

int rig_find_lans(const struct rig *rig, struct wm_plan *plan, struct wm_error *err)
{
	struct wm_self self = { 0 };
	int rc = wm_link_find_lans(&rig->inst, &self, err);

	memcpy(plan->lans, self.lans, sizeof(self.lans));
	plan->nlans = self.nlans;
	return rc;
}

int rig_open(struct rig *rig, const struct proof_world *world, enum rig_way way, struct wm_error *err)
{
	*rig = (struct rig){ .world = *world, .gateway_ns = -1, .far_ns = -1 };
	make_instance(rig, way);
	int rc = rig->far_ns = place_net(err);
	if (rc >= 0)
		rc = load_programs(rig, err);
	if (rc >= 0)
		rc = make_spare(rig, err);
	if (rc >= 0)
		rc = rig->gateway_ns = place_net(err);
	if (rc >= 0)
		rc = net_up("lo", 0);
	for (unsigned int lan = 0; lan < 2 && rc >= 0; lan++)
		rc = rig_lan_make(rig, lan, err);
	return rc < 0 ? rc : 0;
}

void rig_close(struct rig *rig)
{
	struct wm_error left;
	size_t n = rig->world.all;

	if (rig->pairs)
		munmap(rig->pairs, n * sizeof(*rig->pairs));
	if (rig->came)
		munmap((void *)rig->came, n * sizeof(*rig->came));
	if (rig->came_must)
		munmap((void *)rig->came_must, n * sizeof(*rig->came_must));
	hitless__destroy(rig->progs);
	if (rig->inst.bpffs[0])
		(void)wm_dataplane_bpf.remove(&rig->inst, &left);
	(void)place_leave(0, &left);
	if (rig->gateway_ns >= 0)
		close(rig->gateway_ns);
	if (rig->far_ns >= 0)
		close(rig->far_ns);
	*rig = (struct rig){ .gateway_ns = -1, .far_ns = -1 };
}
