/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What ties the programs' maps and parameters, as bpf/maps.h declares them, to a plane.
 */
#include <linux/pkt_cls.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "native/native.h"

/* bpf/wm_tc.bpf.c and bpf/wm_xdp.bpf.c, compiled for this machine. Of the maps only the addresses matter. */
extern char hosts[], lan_hosts[], lan_hints[], lans[], shield[], counters[], host_stats[], host_drops[], flows_half[],
	flows[], frags[], router_errors[], drops[], drop_pace[], follow[], drop_events[];
extern struct wm_params params;
int wm_wg_in(struct __sk_buff *skb);
int wm_wg_out(struct __sk_buff *skb);
int wm_lan_in(struct __sk_buff *skb);
int wm_shield(struct xdp_md *ctx);

static const void *const declared[WM_BPF_MAPS] = {
	[WM_BPF_HOSTS] = hosts,           [WM_BPF_LAN_HOSTS] = lan_hosts,   [WM_BPF_LANS] = lans,
	[WM_BPF_COUNTERS] = counters,     [WM_BPF_HOST_STATS] = host_stats, [WM_BPF_HOST_DROPS] = host_drops,
	[WM_BPF_FLOWS_HALF] = flows_half, [WM_BPF_FLOWS] = flows,           [WM_BPF_FRAGS] = frags,
	[WM_BPF_ROUTER_ERRORS] = router_errors, [WM_BPF_DROPS] = drops,     [WM_BPF_DROP_PACE] = drop_pace,
	[WM_BPF_FOLLOW] = follow,         [WM_BPF_DROP_EVENTS] = drop_events,
	[WM_BPF_SHIELD] = shield,           [WM_BPF_LAN_HINTS] = lan_hints,
};

static struct native_plane *current;

void native_plane_init(struct native_plane *plane, const uint32_t size[WM_BPF_MAPS])
{
	for (size_t n = 0; n < WM_BPF_MAPS; n++) {
		struct native_map *map = &plane->map[n];

		map->type = wm_bpf_maps[n].type;
		map->key_size = wm_bpf_maps[n].key_size;
		map->value_size = wm_bpf_maps[n].value_size;
		map_init(map, size[n]);
	}
}

struct native_map *native_map_of(const void *map)
{
	for (size_t n = 0; n < WM_BPF_MAPS; n++)
		if (declared[n] == map)
			return &current->map[n];
	abort(); /* one that is missing above */
}

/* Read-only to the programs, as to the kernel's; a loader writes them before. */
static void set_params(const struct wm_params *to)
{
	static bool writable;
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)&params & ~(page - 1);
	uintptr_t end = ((uintptr_t)(&params + 1) + page - 1) & ~(page - 1);

	if (!writable && mprotect((void *)from, end - from, PROT_READ | PROT_WRITE))
		abort();
	writable = true;
	params = *to;
}

static void run_on(struct native_plane *plane)
{
	if (memcmp(&params, &plane->params, sizeof(params)) != 0)
		set_params(&plane->params);
	current = plane;
}

/* As the kernel's xdp_buff: its context has room for half an address only. */
struct xdp {
	struct xdp_md ctx; /* first */
	const uint8_t *data, *end;
};

const void *native_xdp_data(const struct xdp_md *ctx)
{
	return ((const struct xdp *)ctx)->data;
}

const void *native_xdp_end(const struct xdp_md *ctx)
{
	return ((const struct xdp *)ctx)->end;
}

int native_run_shield(struct native_plane *plane, uint32_t ifindex, const uint8_t *frame, size_t len)
{
	struct xdp xdp = { .ctx = { .ingress_ifindex = ifindex }, .data = frame, .end = frame + len };

	run_on(plane);
	return wm_shield(&xdp.ctx);
}

int native_run(struct native_plane *plane, enum wm_bpf_prog prog, struct skb *skb)
{
	static int (*const programs[WM_BPF_TC_PROGS])(struct __sk_buff *skb) = {
		[WM_BPF_WG_IN] = wm_wg_in, [WM_BPF_WG_OUT] = wm_wg_out, [WM_BPF_LAN_IN] = wm_lan_in,
	};
	int action;

	run_on(plane);
	action = programs[prog](&skb->ctx);
	if (action == TC_ACT_REDIRECT)
		native_take_redirect(skb);
	return action;
}
