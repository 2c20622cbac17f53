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

/* bpf/wm_tc.bpf.c, compiled for this machine. Of the maps only the addresses matter. */
extern char hosts[], lan_hosts[], lans[], counters[], host_stats[], neighbours[], flows_half[], flows[], frags[],
	router_errors[], drops[], drop_pace[], follow[], drop_events[];
extern struct wm_params params;
int wm_wg_in(struct __sk_buff *skb);
int wm_wg_out(struct __sk_buff *skb);
int wm_lan_in(struct __sk_buff *skb);

static const void *const declared[WM_BPF_MAPS] = {
	[WM_BPF_HOSTS] = hosts,           [WM_BPF_LAN_HOSTS] = lan_hosts,   [WM_BPF_LANS] = lans,
	[WM_BPF_COUNTERS] = counters,     [WM_BPF_HOST_STATS] = host_stats, [WM_BPF_NEIGHBOURS] = neighbours,
	[WM_BPF_FLOWS_HALF] = flows_half, [WM_BPF_FLOWS] = flows,           [WM_BPF_FRAGS] = frags,
	[WM_BPF_ROUTER_ERRORS] = router_errors, [WM_BPF_DROPS] = drops,     [WM_BPF_DROP_PACE] = drop_pace,
	[WM_BPF_FOLLOW] = follow,         [WM_BPF_DROP_EVENTS] = drop_events,
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

int native_run(struct native_plane *plane, enum wm_bpf_prog prog, struct skb *skb)
{
	static int (*const programs[WM_BPF_PROGS])(struct __sk_buff *skb) = {
		[WM_BPF_WG_IN] = wm_wg_in, [WM_BPF_WG_OUT] = wm_wg_out, [WM_BPF_LAN_IN] = wm_lan_in,
	};
	int action;

	if (memcmp(&params, &plane->params, sizeof(params)) != 0)
		set_params(&plane->params);
	current = plane;
	action = programs[prog](&skb->ctx);
	if (action == TC_ACT_REDIRECT)
		native_take_redirect(skb);
	return action;
}
