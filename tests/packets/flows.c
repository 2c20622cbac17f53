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
	struct wm_neighbour *neighbour = value;

	neighbour->heard -= by;
}

static const struct {
	enum wm_bpf_map map;
	void (*age)(void *value, uint64_t by);
} aged[] = {
	{ WM_BPF_FLOWS_HALF, age_flow },
	{ WM_BPF_FLOWS, age_bucket },
	{ WM_BPF_FRAGS, age_fragment },
	{ WM_BPF_NEIGHBOURS, age_neighbour },
};

/* Keys first: changing a map's elements may move its iteration. */
static int age_map(int fd, const struct wm_bpf_shape *shape, void (*age)(void *value, uint64_t by), uint64_t by)
{
	WM_AUTO_FREE void *keys = NULL;
	WM_AUTO_FREE void *value = malloc(shape->value_size);
	size_t cap = 0, n = 0;
	uint32_t key_size = shape->key_size;

	if (!value || wm_grow(&keys, &cap, 1, key_size) < 0)
		return -ENOMEM;
	while (bpf_map_get_next_key(fd, n ? (char *)keys + (n - 1) * key_size : NULL, (char *)keys + n * key_size) == 0) {
		n++;
		if (wm_grow(&keys, &cap, n + 1, key_size) < 0)
			return -ENOMEM;
	}
	for (size_t x = 0; x < n; x++) {
		const void *key = (const char *)keys + x * key_size;

		if (bpf_map_lookup_elem(fd, key, value) != 0)
			continue; /* an LRU may have let go of it */
		age(value, by);
		int rc = bpf_map_update_elem(fd, key, value, BPF_EXIST);
		if (rc != 0 && rc != -ENOENT)
			return rc;
	}
	return 0;
}

int flows_age(const struct wm_bpf_set *set, unsigned int seconds)
{
	int rc = 0;

	for (size_t n = 0; n < WM_ARRAY_LEN(aged) && rc == 0; n++)
		rc = age_map(set->map[aged[n].map], &wm_bpf_maps[aged[n].map], aged[n].age, (uint64_t)seconds * wm_bpf_hz());
	return rc;
}
