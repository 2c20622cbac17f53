/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "packets/plane.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/util.h"
#include "kernel/dataplane.h"
#include "kernel/link.h"
#include "packets/expect.h"
#include "packets/rig.h"

#define ENDS_MAX 32

#define HOST(n, at, mode) { .overlay = n, .local = n##_L, .lan = (at) - LAN0, .access = WM_ACCESS_##mode, .name = #n }
#define DEVICE(n, mode) { .overlay = n, .kind = WM_END_DEVICE, .access = WM_ACCESS_##mode, .name = #n }

/* Sorted by overlay address, as a plan's are. */
static const struct wm_end hosts[] = {
	HOST(ANN, LAN0, FULL),	  HOST(BOB, LAN0, FULL),	HOST(CARL, LAN1, FULL),	 HOST(TWIN, LAN2, FULL),
	HOST(ISO, LAN0, ISOLATED), HOST(ISO1, LAN1, ISOLATED), HOST(ISO2, LAN0, ISOLATED), HOST(BOUND, LAN0, FULL),
	HOST(MOVER, LAN0, FULL),   HOST(MARK0, LAN0, FULL),	HOST(MARK1, LAN1, FULL), HOST(MARK2, LAN2, FULL),
	HOST(EDGE, LAN0, FULL),
};

static const struct wm_end devices[] = { DEVICE(ROAM, FULL), DEVICE(IDEV, ISOLATED) };

#define ANNX_L ANN_L
#define MARKX_L MARK0_L
static const struct wm_end hosts_x[] = {
	HOST(ANNX, LAN0, FULL),
	HOST(ONLYX, LAN0, FULL),
	HOST(MARKX, LAN0, FULL),
};

struct mesh {
	enum place wg;
	struct wm_instance inst;
	struct wm_plan plan;
	struct wm_end ends[ENDS_MAX];
};

static struct mesh meshes[2];
static unsigned int nmeshes;
static enum config config_now;
static unsigned int mode_now;

static const struct wm_dataplane *plane(void)
{
	return mode_now & NFT ? &wm_dataplane_nft : &wm_dataplane_bpf;
}

/* --- plans -------------------------------------------------------------------------- */

struct wm_end *plan_find(struct wm_plan *plan, wm_ip4 overlay)
{
	for (size_t n = 0; n < plan->nends; n++)
		if (plan->ends[n].overlay == overlay)
			return &plan->ends[n];
	return NULL;
}

void plan_drop(struct wm_plan *plan, wm_ip4 overlay)
{
	struct wm_end *end = plan_find(plan, overlay);

	if (!end)
		return;
	plan->nends--;
	memmove(end, end + 1, (size_t)(plan->ends + plan->nends - end) * sizeof(*end));
}

void plan_add(struct wm_plan *plan, struct wm_end end)
{
	size_t at = plan->nends++;

	while (at > 0 && plan->ends[at - 1].overlay > end.overlay) {
		plan->ends[at] = plan->ends[at - 1];
		at--;
	}
	plan->ends[at] = end;
}

static void add_all(struct wm_plan *plan, const struct wm_end *ends, size_t n)
{
	for (size_t x = 0; x < n; x++)
		plan_add(plan, ends[x]);
}

static void make_plan(struct mesh *m, bool second)
{
	struct wm_plan *plan = &m->plan;

	plan->ends = m->ends;
	plan->nends = 0;
	plan->generation = 1;
	plan->mtu = WG_MTU;
	plan->hub = config_now == HUB;
	if (second) {
		plan->supernet = (struct wm_prefix){ IP(10, 50, 0, 0), 16 };
		plan->subnet = (struct wm_prefix){ IP(10, 50, 2, 0), 24 };
		plan->gateway = GWX;
		add_all(plan, hosts_x, WM_ARRAY_LEN(hosts_x));
		return;
	}
	plan->supernet = (struct wm_prefix){ IP(172, 30, 0, 0), 16 };
	plan->subnet = (struct wm_prefix){ IP(172, 30, 2, 0), 24 };
	plan->gateway = GW;
	add_all(plan, hosts, WM_ARRAY_LEN(hosts));
	rig_host_mac(LAN0, BOUND_L, plan_find(plan, BOUND)->mac.byte);
	plan_find(plan, BOUND)->has_mac = true;
	if (plan->hub)
		add_all(plan, devices, WM_ARRAY_LEN(devices));
}

/* --- in force ----------------------------------------------------------------------- */

static int failed(int rc, const char *what, const struct wm_error *err)
{
	if (rc < 0)
		printf("# %s: %s (%s)\n", what, err->text, strerror(-rc));
	return rc;
}

static void make_instance(struct mesh *m, bool second)
{
	m->wg = second ? WG2 : WG;
	m->inst = (struct wm_instance){
		.tc_prio = second ? 20007 : 20000,
		.rule_prio = second ? 22010 : 22000,
		.fwmark = second ? 0x57100100 : 0x574d0000,
		.mtu = WG_MTU,
		.hub = config_now == HUB,
		.fastpath = mode_now & (FAST | NFT_FAST),
		.xdp = mode_now & SHIELD ? WM_XDP_GENERIC : WM_XDP_OFF,
		.lans = { { "", GW0 }, { "", GW1 }, { "", GW2 } },
		.nlans = 3,
		.nrouters = 2,
	};
	rig_host_mac(LAN0, LISTED_L, m->inst.routers[0].byte);
	rig_host_mac(LAN0, ROUTER_L, m->inst.routers[1].byte);
	wm_copy(m->inst.name, sizeof(m->inst.name), second ? "second" : "");
	wm_copy(m->inst.nft_table, sizeof(m->inst.nft_table), second ? "wm_second" : "wm");
	wm_copy(m->inst.ifname, sizeof(m->inst.ifname), second ? RIG_WG2 : RIG_WG);
	wm_copy(m->inst.bpffs, sizeof(m->inst.bpffs), RIG_BPFFS "/wm");
}

static int apply(struct mesh *m)
{
	struct wm_error err = { 0 };

	return failed(plane()->apply(&m->inst, &m->plan, rig_ifindex(m->wg), &err), "apply", &err);
}

static int find_lans(struct mesh *m)
{
	struct wm_self self = { 0 };
	struct wm_error err = { 0 };
	int rc = wm_link_find_lans(&m->inst, &self, &err);

	memcpy(m->plan.lans, self.lans, sizeof(self.lans));
	m->plan.nlans = self.nlans;
	m->plan.lans[LAN1 - LAN0].nrouters = 0; /* where none is listed, any machine may be one */
	return failed(rc, "LANs", &err);
}

static int mesh_up(struct mesh *m, bool second)
{
	struct wm_error err = { 0 };

	make_instance(m, second);
	make_plan(m, second);
	int rc = find_lans(m);
	if (rc == 0)
		rc = apply(m);
	if (rc < 0)
		return rc;
	return failed(wm_link_up(&m->inst, &m->plan, rig_ifindex(m->wg), &err), "link", &err);
}

int plane_up(enum config config, unsigned int mode)
{
	int rc = 0;

	config_now = config;
	mode_now = mode;
	expect_mode(mode);
	nmeshes = config == PAIR ? 2 : 1;
	for (unsigned int n = 0; n < nmeshes && rc >= 0; n++)
		rc = mesh_up(&meshes[n], n == 1);
	return rc < 0 ? rc : 0;
}

void plane_down(void)
{
	for (unsigned int n = 0; n < nmeshes; n++) {
		struct wm_error err = { 0 };

		rig_wg_down(meshes[n].wg);
		failed(plane()->remove(&meshes[n].inst, &err), "remove", &err);
	}
	nmeshes = 0;
}

int plane_change(void (*change)(struct wm_plan *plan))
{
	change(&meshes[0].plan);
	meshes[0].plan.generation++;
	int rc = apply(&meshes[0]);
	return rc < 0 ? rc : 0;
}

int plane_restore(void)
{
	make_plan(&meshes[0], false);
	int rc = apply(&meshes[0]);
	return rc < 0 ? rc : 0;
}

unsigned int plane_mode(void)
{
	return mode_now;
}

enum config plane_config(void)
{
	return config_now;
}

unsigned int plane_meshes(void)
{
	return nmeshes;
}

const struct wm_instance *plane_instance(unsigned int mesh)
{
	return &meshes[mesh].inst;
}

int plane_read(unsigned int mesh, struct wm_counters *ret)
{
	struct wm_error err = { 0 };

	return failed(plane()->read(&meshes[mesh].inst, ret, &err), "read", &err);
}
