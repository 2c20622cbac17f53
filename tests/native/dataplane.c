/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm_dataplane_bpf as tests/packets/plane.c knows it, with maps of this process:
 * what stands in them comes from the same plan of content, shares and parameters
 * (userspace/kernel/bpf_plan.c) as wm-gateway's. How the kernel's maps are
 * changed while they are in use is bpf_maps.c's business and tested elsewhere.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "kernel/dataplane.h"
#include "kernel/link.h"
#include "native/world.h"
#include "packets/frame.h"
#include "packets/plane.h"
#include "packets/rig.h"

static struct mesh {
	bool up, made; /* made: its maps are there; they stay, empty, for the next time */
	struct native_plane plane;
	struct wm_bpf_content have;
	wm_ip4 subnet;
} meshes[2];

struct plane_hooks plane_hooks;

struct native_plane *plane_of(unsigned int mesh)
{
	return mesh < 2 && meshes[mesh].up ? &meshes[mesh].plane : NULL;
}

uint32_t wm_bpf_hz(void)
{
	return NATIVE_HZ;
}

static struct mesh *mesh_of(const struct wm_instance *inst)
{
	return &meshes[*inst->name != '\0'];
}

/* --- into the maps ---------------------------------------------------------------------- */

static void *entry(struct mesh *m, enum wm_bpf_map map, uint32_t index)
{
	return m->plane.map[map].values + (size_t)index * m->plane.map[map].value_size;
}

static void zero(struct mesh *m, enum wm_bpf_map map, uint32_t index)
{
	memset(entry(m, map, index), 0, m->plane.map[map].value_size);
}

/* What an earlier owner of an address has left is nobody's. */
static void hand_over(struct mesh *m, const struct wm_bpf_content *want)
{
	for (uint32_t n = 0; n < want->naddrs; n++) {
		const struct wm_host_info *is = &want->hosts[n], *was = &m->have.hosts[n];

		if (wm_bpf_same_owner(is, was))
			continue;
		zero(m, WM_BPF_HOST_STATS, n);
		zero(m, WM_BPF_HOST_DROPS, n);
		for (uint32_t b = 0; is->share && b < WM_FLOW_BUCKETS; b++)
			zero(m, WM_BPF_FLOWS, (is->share - 1) * WM_FLOW_BUCKETS + b);
	}
}

static void fill(struct mesh *m, const struct wm_bpf_content *want)
{
	memcpy(m->plane.map[WM_BPF_HOSTS].values, want->hosts, want->naddrs * sizeof(*want->hosts));
	memcpy(m->plane.map[WM_BPF_LAN_HINTS].values, want->lan_hints, WM_HINT_LINES * sizeof(*want->lan_hints));
	memcpy(m->plane.map[WM_BPF_LANS].values, want->lans, sizeof(want->lans));
	memcpy(m->plane.map[WM_BPF_SHIELD].values, want->shield, WM_SHIELD_SIZE * sizeof(*want->shield));
	map_clear(&m->plane.map[WM_BPF_LAN_HOSTS]);
	for (size_t n = 0; n < want->nlan_hosts; n++)
		if (map_update(&m->plane.map[WM_BPF_LAN_HOSTS], &want->lan_hosts[n].key, &want->lan_hosts[n].index))
			abort();
}

static void start(struct mesh *m, const struct wm_bpf_content *want)
{
	uint32_t sizes[WM_BPF_MAPS];

	wm_bpf_sizes(want, 1, sizes);
	sizes[WM_BPF_FLOWS] = ENDS * WM_FLOW_BUCKETS;
	if (!m->made)
		native_plane_init(&m->plane, sizes);
	m->made = m->up = true;
}

static void forget(struct mesh *m)
{
	for (unsigned int map = 0; m->made && map < WM_BPF_MAPS; map++)
		map_clear(&m->plane.map[map]);
	wm_bpf_content_free(&m->have);
}

/* --- verbs ------------------------------------------------------------------------------ */

static int native_apply(const struct wm_instance *inst, const struct wm_plan *plan, uint32_t wg_ifindex,
			struct wm_error *err)
{
	WM_AUTO_BPF_CONTENT struct wm_bpf_content want = { 0 };
	struct mesh *m = mesh_of(inst);
	int rc = wm_bpf_content_plan(plan, &want, err);

	if (rc == 0)
		rc = wm_bpf_shares(&m->have, &want, ENDS);
	if (rc < 0)
		return rc;
	if (!m->up)
		start(m, &want);
	if (m->have.naddrs)
		hand_over(m, &want);
	fill(m, &want);
	wm_bpf_params(inst, plan, wg_ifindex, &m->plane.params);
	/* A device has one place for it: the first mesh's. */
	m->plane.shield = inst->xdp == WM_XDP_GENERIC && m == meshes;
	m->plane.params.wg_l2_len = world.wg_has_ethernet ? ETH_LEN : 0;
	m->subnet = plan->subnet.addr;
	if (plane_hooks.applied)
		rc = plane_hooks.applied((unsigned int)(m - meshes), &m->plane.params, m->have.naddrs ? &m->have : NULL, &want);
	wm_bpf_content_free(&m->have);
	m->have = want;
	want = (struct wm_bpf_content){ 0 };
	return rc < 0 ? rc : 1;
}

static int native_remove(const struct wm_instance *inst, struct wm_error *err)
{
	struct mesh *m = mesh_of(inst);

	(void)err;
	forget(m);
	m->up = false;
	world_reset();
	return 1;
}

void plane_forget(void)
{
	forget(&meshes[0]);
	forget(&meshes[1]);
	world_reset();
}

static int read_ends(struct mesh *m, struct wm_counters *ret)
{
	ret->ends = calloc(m->have.naddrs, sizeof(*ret->ends));
	if (!ret->ends)
		return -ENOMEM;
	for (uint32_t n = 0; n < m->have.naddrs; n++) {
		const struct wm_host_stats *s = entry(m, WM_BPF_HOST_STATS, n);
		const struct wm_host_info *h = entry(m, WM_BPF_HOSTS, n);

		if (m->have.hosts[n].kind != WM_KIND_NOBODY)
			ret->ends[ret->nends++] = (struct wm_end_counters){
				.overlay = m->subnet + n, .to = { s->to_packets, s->to_bytes },
				.from = { s->from_packets, s->from_bytes }, .drops = *(const uint64_t *)entry(m, WM_BPF_HOST_DROPS, n),
				.last_seen = h->seen,
			};
	}
	return 0;
}

static int native_read(const struct wm_instance *inst, struct wm_counters *ret, struct wm_error *err)
{
	struct mesh *m = mesh_of(inst);

	(void)err;
	*ret = (struct wm_counters){ 0 };
	for (uint32_t n = 0; n < WM_REASON_COUNT; n++) {
		const struct wm_counter *c = entry(m, WM_BPF_COUNTERS, n);

		ret->reason[n] = (struct wm_count){ c->packets, c->bytes };
	}
	return read_ends(m, ret);
}

static int native_probe(const struct wm_instance *inst, struct wm_error *err)
{
	(void)inst;
	(void)err;
	return 0;
}

static int native_present(const struct wm_instance *inst, struct wm_error *err)
{
	(void)err;
	return mesh_of(inst)->up;
}

const struct wm_dataplane wm_dataplane_bpf = {
	.name = "native", .probe = native_probe, .apply = native_apply, .read = native_read,
	.present = native_present, .remove = native_remove,
};

/* Rows of nftables are not run here. */
const struct wm_dataplane wm_dataplane_nft = { .name = "nft" };

int plane_read_around(uint64_t *ret)
{
	(void)ret;
	return -ENOENT;
}

/* --- the machine as wm_link_* would find and make it: stack.c has its routes --------------- */

int wm_link_find_lans(const struct wm_instance *inst, struct wm_self *self, struct wm_error *err)
{
	static const uint16_t mtus[] = { LAN_MTU, LAN1_MTU, LAN_MTU };

	(void)err;
	self->nlans = inst->nlans;
	for (unsigned int n = 0; n < inst->nlans; n++) {
		struct wm_lan *lan = &self->lans[n];

		lan->ifindex = rig_ifindex(LAN0 + n);
		lan->addr = inst->lans[n].addr;
		lan->prefix = (struct wm_prefix){ lan->addr & 0xffffff00, 24 };
		lan->mtu = mtus[n];
		rig_gateway_mac(LAN0 + n, lan->mac.byte);
		memcpy(lan->routers, inst->routers, sizeof(inst->routers));
		lan->nrouters = inst->nrouters;
	}
	return 0;
}

int wm_link_up(const struct wm_instance *inst, const struct wm_plan *plan, uint32_t ifindex, struct wm_error *err)
{
	(void)inst;
	(void)plan;
	(void)ifindex;
	(void)err;
	return 0;
}

/* The clock goes on, which is the same as everything having been earlier. */
int plane_age(unsigned int seconds)
{
	native_now += (uint64_t)seconds * NATIVE_HZ;
	return plane_hooks.aged ? plane_hooks.aged(seconds) : 0;
}
