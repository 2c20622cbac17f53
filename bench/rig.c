/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bench/programs.h"
#include "bench/place.h"
#include "core/util.h"
#include "kernel/bpf_priv.h"
#include "kernel/nl.h"
#include "packets/net.h"

#define LAN_MTU 1500
#define LAN_BITS 16 /* of its prefix, while it holds all hosts */
#define LAN_BITS_LARGE 8

static const uint8_t gateway_mac[] = WIRE_MAC_GATEWAY;

/* --- devices ------------------------------------------------------------------------------- */

int rig_tun(const char *name, unsigned int flags, struct wm_error *err)
{
	struct ifreq ifr = { .ifr_flags = (short)(flags | IFF_NO_PI) };
	WM_AUTO_CLOSE int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	wm_copy(ifr.ifr_name, sizeof(ifr.ifr_name), name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0)
		return wm_fail(err, errno, "cannot make TUN %s: %s", name, strerror(errno));
	return wm_steal_fd(&fd);
}

int rig_gateway(struct rig *rig, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int rc = wm_nl_open(NETLINK_ROUTE, &nl, err);

	if (rc == 0)
		rc = net_up("lo", 0);
	if (rc == 0)
		rc = net_up(RIG_LAN, LAN_MTU);
	if (rc == 0)
		rc = net_address(nl, RIG_LAN, rig->world.lan + 1,
				 rig->world.hosts + 2 < 0xffff ? LAN_BITS : LAN_BITS_LARGE);
	if (rc == 0)
		rc = net_up(RIG_WG, RIG_WG_MTU);
	rig->wg_ifindex = if_nametoindex(RIG_WG);
	rig->lan_ifindex = if_nametoindex(RIG_LAN);
	if (rc == 0)
		rc = napi_thread(RIG_WG, RIG_CPU, &rig->wg, err);
	return rc < 0 ? rc : napi_thread(RIG_LAN, RIG_CPU, &rig->lan, err);
}

static int make_gateway(struct rig *rig, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int rc = wm_nl_open(NETLINK_ROUTE, &nl, err);

	if (rc == 0)
		rc = net_veth(nl, RIG_LAN, gateway_mac, RIG_FAR, rig->far_ns);
	if (rc == 0)
		rc = napi_on(RIG_LAN, err);
	if (rc == 0)
		rc = rig->tun = rig_tun(RIG_WG, IFF_TUN | IFF_NAPI, err);
	return rc < 0 ? rc : rig_gateway(rig, err);
}

int rig_verify_at_once(struct rig *rig, struct wm_error *err)
{
	int fd = bpf_program__fd(rig->progs->progs.bench_wg_sink);

	return ioctl(rig->tun, TUNSETFILTEREBPF, &fd) < 0
		       ? wm_fail(err, errno, "cannot set the filter of %s: %s", RIG_WG, strerror(errno))
		       : 0;
}

static int make_far(struct rig *rig, struct wm_error *err)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int rc = net_up(RIG_FAR, LAN_MTU);

	rig->far_ifindex = if_nametoindex(RIG_FAR);
	/* A program that is on no device waits twice for all processors whenever it is run. */
	if (rc == 0)
		rc = wm_nl_open(NETLINK_ROUTE, &nl, err);
	if (rc == 0)
		rc = net_veth(nl, "spare0", gateway_mac, "spare1", rig->far_ns);
	if (rc == 0)
		rc = rig_xdp(rig, "spare0", "bench_gen", err);
	if (rc == 0)
		rc = rig_xdp(rig, RIG_FAR, "bench_lan_sink", err);
	return rc < 0 ? rc : napi_thread(RIG_FAR, RIG_CPU, &rig->far, err);
}

/* --- programs ------------------------------------------------------------------------------ */

static int load_programs(struct rig *rig, struct wm_error *err)
{
	struct bench *b = rig->progs = bench__open();

	if (!b)
		return wm_fail(err, errno, "cannot open bench's programs: %s", strerror(errno));
	b->rodata->world = rig->world;
	b->rodata->wg_ifindex = rig->wg_ifindex;
	b->rodata->lan_ifindex = rig->lan_ifindex;
	int rc = bpf_map__set_max_entries(b->maps.got, rig->world.hosts);
	if (rc == 0)
		rc = bench__load(b);
	if (rc < 0)
		return wm_fail(err, -rc, "cannot load bench's programs: %s", strerror(-rc));
	size_t size = rig->world.hosts * sizeof(*rig->got);
	rig->want = calloc(1, size);
	rig->got = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(b->maps.got), 0);
	if (!rig->want || rig->got == MAP_FAILED)
		return wm_fail(err, ENOMEM, "no memory for what %u hosts get", rig->world.hosts);
	return 0;
}

static int program_fd(struct rig *rig, const char *program)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(rig->progs->obj, program);

	return prog ? bpf_program__fd(prog) : -1;
}

int rig_attach(uint32_t ifindex, int prog)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1, .prog_fd = prog);
	int rc;

	if (wm_bpf_tcx_is_there())
		return wm_bpf_tcx_put(ifindex, WM_BPF_IN, prog, 0);
	rc = bpf_tc_hook_create(&hook);
	return rc == 0 || rc == -EEXIST ? bpf_tc_attach(&hook, &opts) : rc;
}

int rig_tc(struct rig *rig, const char *ifname, const char *program, struct wm_error *err)
{
	int rc = rig_attach(if_nametoindex(ifname), program_fd(rig, program));

	return rc < 0 ? wm_fail(err, -rc, "cannot attach %s to %s: %s", program, ifname, strerror(-rc)) : 0;
}

int rig_xdp(struct rig *rig, const char *ifname, const char *program, struct wm_error *err)
{
	int rc = bpf_xdp_attach((int)if_nametoindex(ifname), program_fd(rig, program), XDP_FLAGS_DRV_MODE, NULL);

	return rc < 0 ? wm_fail(err, -rc, "cannot attach %s to %s: %s", program, ifname, strerror(-rc)) : 0;
}

/* --- all of it ------------------------------------------------------------------------------ */

static const struct rig nothing = {
	.gateway_ns = -1, .far_ns = -1, .tun = -1, .got = MAP_FAILED, .ends = { -1, -1, -1, -1 }
};

int rig_open_as(struct rig *rig, const struct wire_world *world, const struct rig_shape *shape, struct wm_error *err)
{
	*rig = nothing;
	rig->world = *world;
	rig->far_ns = place_net(err);
	if (rig->far_ns < 0)
		return rig->far_ns;
	int rc = rig->gateway_ns = place_net(err);
	if (rc >= 0)
		rc = shape->gateway(rig, err);
	if (rc == 0)
		rc = load_programs(rig, err);
	if (rc == 0)
		rc = place_enter(rig->far_ns, err);
	if (rc == 0)
		rc = shape->far(rig, err);
	rc = place_leave(rc, err);
	if (rc < 0)
		rig_close(rig);
	return rc;
}

int rig_open(struct rig *rig, const struct wire_world *world, struct wm_error *err)
{
	static const struct rig_shape shape = { make_gateway, make_far };

	return rig_open_as(rig, world, &shape, err);
}

void rig_close(struct rig *rig)
{
	int *fds[] = { &rig->tun,	&rig->gateway_ns, &rig->far_ns,	 &rig->ends.away_ns,
		       &rig->ends.away, &rig->ends.lan,	  &rig->ends.far };

	napi_close(&rig->wg);
	napi_close(&rig->lan);
	napi_close(&rig->far);
	if (rig->got != MAP_FAILED)
		munmap((void *)rig->got, rig->world.hosts * sizeof(*rig->got));
	bench__destroy(rig->progs);
	for (size_t i = 0; i < WM_ARRAY_LEN(fds); i++)
		if (*fds[i] >= 0)
			close(*fds[i]);
	free(rig->want);
	wm_plan_free(&rig->plan);
	*rig = nothing;
}
