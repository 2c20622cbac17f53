/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm's own data planes, brought into force by the same calls as wm-gateway makes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench/place.h"
#include "bench/rival.h"
#include "bench/world.h"
#include "core/util.h"
#include "kernel/link.h"

static void make_instance(struct rig *rig, unsigned int how, bool hub)
{
	static unsigned int number;

	rig->inst = (struct wm_instance){
		.tc_prio = 20000,
		.rule_prio = 22000,
		.fwmark = 0x574d0000,
		.mtu = RIG_WG_MTU,
		.hub = hub,
		.fastpath = !(how & PLANE_STACK),
		.xdp = how & PLANE_SHIELD ? WM_XDP_NATIVE : WM_XDP_OFF,
		.lans = { { "", rig->world.lan + 1 } },
		.nlans = 1,
	};
	wm_copy(rig->inst.nft_table, sizeof(rig->inst.nft_table), "wm");
	wm_copy(rig->inst.ifname, sizeof(rig->inst.ifname), RIG_WG);
	/* Rigs share the bpffs: to each a directory of its own. */
	wm_format(rig->inst.bpffs, sizeof(rig->inst.bpffs), PLACE_BPFFS "/%u", number++);
}

static int make_plan(struct rig *rig, bool hub, bool isolated)
{
	const struct wire_world *w = &rig->world;

	rig->plan = (struct wm_plan){
		.generation = 1,
		.supernet = world_supernet(w),
		.subnet = world_subnet(w),
		.gateway = w->subnet + 1,
		.hub = hub,
		.mtu = RIG_WG_MTU,
		.nends = w->hosts,
	};
	rig->plan.ends = calloc(w->hosts, sizeof(*rig->plan.ends));
	if (!rig->plan.ends)
		return -ENOMEM;
	for (uint32_t h = 0; h < w->hosts; h++) {
		struct wm_end *end = &rig->plan.ends[h];

		end->overlay = wire_near(w, h, 1);
		end->local = wire_near(w, h, 0);
		end->access = isolated ? WM_ACCESS_ISOLATED : WM_ACCESS_FULL;
		wm_format(end->name, sizeof(end->name), "h%u", h);
	}
	return 0;
}

static int find_lan(struct rig *rig, struct wm_error *err)
{
	struct wm_self self = { 0 };
	int rc = wm_link_find_lans(&rig->inst, &self, err);

	memcpy(rig->plan.lans, self.lans, sizeof(self.lans));
	rig->plan.nlans = self.nlans;
	return rc;
}

int plane_apply(struct rig *rig, unsigned int how, enum scope scope, struct wm_error *err)
{
	bool hub = scope == SCOPE_HUB;

	rig->plane = how & PLANE_NFT ? &wm_dataplane_nft : &wm_dataplane_bpf;
	make_instance(rig, how, hub);
	int rc = make_plan(rig, hub, scope == SCOPE_ISOLATED);
	if (rc < 0)
		return wm_fail(err, -rc, "no memory for a plan");
	rc = find_lan(rig, err);
	if (rc >= 0)
		rc = rig->plane->apply(&rig->inst, &rig->plan, rig->wg_ifindex, err);
	return rc < 0 ? rc : 0;
}

int plane_up(struct rig *rig, const struct rival *self, enum scope scope, struct wm_error *err)
{
	int rc = plane_apply(rig, self->how, scope, err);

	if (rc >= 0)
		rc = wm_link_up(&rig->inst, &rig->plan, rig->wg_ifindex, err);
	return rc < 0 ? rc : rig_neighbours(rig, err);
}
