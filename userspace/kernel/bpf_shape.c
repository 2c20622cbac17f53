/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The maps and programs of bpf/ by name, what each map is made of, and for how
 * many processors.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"

const struct wm_bpf_shape wm_bpf_maps[WM_BPF_MAPS] = {
	[WM_BPF_HOSTS] = { "hosts", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct wm_host_info), BPF_F_MMAPABLE },
	[WM_BPF_LAN_HOSTS] = { "lan_hosts", BPF_MAP_TYPE_HASH, sizeof(struct wm_lan_key), 4 },
	[WM_BPF_LAN_HINTS] = { "lan_hints", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct wm_hint_line), BPF_F_MMAPABLE },
	[WM_BPF_LANS] = { "lans", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct wm_lan_info) },
	[WM_BPF_SHIELD] = { "shield", BPF_MAP_TYPE_ARRAY, 4, 8, BPF_F_MMAPABLE },
	[WM_BPF_COUNTERS] = { "counters", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(struct wm_counter) },
	[WM_BPF_HOST_STATS] = { "host_stats", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct wm_host_stats), BPF_F_MMAPABLE },
	[WM_BPF_HOST_DROPS] = { "host_drops", BPF_MAP_TYPE_ARRAY, 4, 8, BPF_F_MMAPABLE },
	[WM_BPF_FLOWS_HALF] = { "flows_half", BPF_MAP_TYPE_LRU_HASH, sizeof(struct wm_flow_key),
				sizeof(struct wm_flow) },
	[WM_BPF_FLOWS] = { "flows", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct wm_flow_bucket) },
	[WM_BPF_FRAGS] = { "frags", BPF_MAP_TYPE_LRU_HASH, sizeof(struct wm_frag_key), 8 },
	[WM_BPF_ROUTER_ERRORS] = { "router_errors", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct wm_rate) },
	[WM_BPF_DROPS] = { "drops", BPF_MAP_TYPE_LRU_HASH, sizeof(struct wm_drop_key), sizeof(struct wm_drop) },
	[WM_BPF_DROP_PACE] = { "drop_pace", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(struct wm_drop_pace) },
	[WM_BPF_FOLLOW] = { "follow", BPF_MAP_TYPE_ARRAY, 4, 8 },
	[WM_BPF_DROP_EVENTS] = { "drop_events", BPF_MAP_TYPE_RINGBUF },
};

const char *const wm_bpf_progs[WM_BPF_PROGS] = {
	[WM_BPF_WG_IN] = "wm_wg_in",
	[WM_BPF_WG_OUT] = "wm_wg_out",
	[WM_BPF_LAN_IN] = "wm_lan_in",
	[WM_BPF_XDP] = "wm_shield",
	[WM_BPF_XDP_FRAGS] = "wm_shield_frags",
};

/* "0-3", or with gaps "0,2-3": the last is the highest. */
int wm_bpf_processor_places(void)
{
	WM_AUTO_FREE char *text = NULL;
	unsigned long highest = 0;
	char *at, *end;
	int rc = wm_read_file("/sys/devices/system/cpu/possible", 65536, &text, NULL);

	if (rc)
		return rc;
	for (at = text; *at && *at != '\n'; at = end + strspn(end, "-,")) {
		highest = strtoul(at, &end, 10);
		if (end == at || highest >= 65536)
			return -EBADMSG;
	}
	return at == text ? -EBADMSG : (int)highest + 1;
}
