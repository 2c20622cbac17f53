/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Time for the flow table without waiting: what it remembers is made older in
 * its maps.
 */
#include "packets/flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "core/util.h"

static void age_flow(void *value, uint64_t by)
{
	struct wm_flow *flow = value;

	flow->last -= by;
}

static void age_bucket(void *value, uint64_t by)
{
	struct wm_flow_bucket *bucket = value;

	for (int n = 0; n < WM_FLOW_WAYS; n++)
		bucket->slot[n].last -= by;
}

static void age_fragment(void *value, uint64_t by)
{
	*(uint64_t *)value -= by;
}

static void age_neighbour(void *value, uint64_t by)
{
	struct wm_host_info *host = value;

	if (host->heard)
		host->heard -= (uint32_t)(by >> WM_STEP_SHIFT);
}

static const struct {
	enum wm_bpf_map map;
	void (*age)(void *value, uint64_t by);
} aged[] = {
	{ WM_BPF_FLOWS_HALF, age_flow },
	{ WM_BPF_FLOWS, age_bucket },
	{ WM_BPF_FRAGS, age_fragment },
	{ WM_BPF_HOSTS, age_neighbour },
};

/* All of a map in one call, and all of it back: a flood has left tens of
 * thousands of entries, and while they are made older one by one on a slow
 * machine, seconds pass that make them older still. Nobody sends meanwhile, so
 * nothing is put back that an LRU has let go of. */
static int age_map(int fd, const struct wm_bpf_shape *shape, void (*age)(void *value, uint64_t by), uint64_t by)
{
	struct bpf_map_info info = { 0 };
	uint32_t info_size = sizeof(info);
	uint64_t next; /* where a second call would go on: of the size of a key or of a number */

	if (bpf_obj_get_info_by_fd(fd, &info, &info_size) != 0)
		return -errno;
	WM_AUTO_FREE char *keys = calloc(info.max_entries, shape->key_size);
	WM_AUTO_FREE char *values = calloc(info.max_entries, shape->value_size);
	uint32_t n = info.max_entries;

	if (!keys || !values)
		return -ENOMEM;
	/* ENOENT: that was the last. */
	if (bpf_map_lookup_batch(fd, NULL, &next, keys, values, &n, NULL) != 0 && errno != ENOENT)
		return -errno;
	for (uint32_t x = 0; x < n; x++)
		age(values + x * (size_t)shape->value_size, by);
	return n && bpf_map_update_batch(fd, keys, values, &n, NULL) != 0 ? -errno : 0;
}

int flows_age(const struct wm_bpf_set *set, unsigned int seconds)
{
	int rc = 0;

	for (size_t n = 0; n < WM_ARRAY_LEN(aged) && rc == 0; n++)
		rc = age_map(set->map[aged[n].map], &wm_bpf_maps[aged[n].map], aged[n].age, (uint64_t)seconds * wm_bpf_hz());
	return rc;
}
