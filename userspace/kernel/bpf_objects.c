/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The pinned maps and programs: what they are for, how full, how large.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"

#define LOOK_AT_MOST 65536 /* entries of an array that are asked one by one */
#define KEY_MAX 16

static const char *const purposes[WM_BPF_MAPS] = {
	[WM_BPF_HOSTS] = "who has an overlay address of this site, the MAC that it was last heard from, and when it was last seen",
	[WM_BPF_LAN_HOSTS] = "which of them has a LAN address, on which LAN",
	[WM_BPF_LAN_HINTS] = "the same, most often: where to look first, by the low half of the LAN address",
	[WM_BPF_LANS] = "the LANs of this gateway",
	[WM_BPF_SHIELD] = "whom the XDP shield lets pass: a bit for each address of a LAN; entries are 64 of them",
	[WM_BPF_COUNTERS] = "packets and bytes by what became of them",
	[WM_BPF_HOST_STATS] = "packets and bytes of each host and device, for each processor",
	[WM_BPF_HOST_DROPS] = "how many packets of each host and device were dropped",
	[WM_BPF_FLOWS_HALF] = "flows to isolated ends that are not confirmed yet",
	[WM_BPF_FLOWS] = "confirmed flows of isolated ends, in buckets of eight, a share for each end",
	[WM_BPF_FRAGS] = "first fragments of isolated ends that were let through",
	[WM_BPF_ROUTER_ERRORS] = "how many ICMP errors of each LAN's routers went on in this second",
	[WM_BPF_DROPS] = "what was dropped: who, to whom, why, where",
	[WM_BPF_DROP_PACE] = "what the list of drops and its followers have had of this second",
	[WM_BPF_FOLLOW] = "until when drops are told as they happen",
	[WM_BPF_DROP_EVENTS] = "drops that a follower has not read yet; entries are bytes",
};

static bool is_zero(const uint8_t *value, size_t len)
{
	return !len || (!value[0] && !memcmp(value, value + 1, len - 1));
}

/* Entries that say something: of arrays, those that are not all zeroes. */
static uint64_t count_entries(int fd, const struct wm_bpf_shape *shape, uint32_t size)
{
	int cpus = libbpf_num_possible_cpus();
	bool per_cpu = shape->type == BPF_MAP_TYPE_PERCPU_ARRAY, array = per_cpu || shape->type == BPF_MAP_TYPE_ARRAY;
	size_t len = per_cpu ? shape->value_size * (size_t)WM_MAX(cpus, 1) : shape->value_size;
	WM_AUTO_FREE uint8_t *value = malloc(len);
	uint8_t key[KEY_MAX], previous[KEY_MAX];
	uint64_t used = 0;

	if (!value || cpus < 1 || shape->type == BPF_MAP_TYPE_RINGBUF || (array && size > LOOK_AT_MOST))
		return WM_UNKNOWN;
	/* An entry that goes while we look makes a hash begin again: bounded by what it can hold. */
	for (uint32_t i = 0; i < size && !bpf_map_get_next_key(fd, i ? previous : NULL, key); i++) {
		memcpy(previous, key, shape->key_size);
		used += !array || (!bpf_map_lookup_elem(fd, key, value) && !is_zero(value, len));
	}
	return used;
}

/* As the kernel accounts it; of a ring it knew nothing from Linux 5.11 to 6.3. */
static uint64_t memory_of(int fd, const struct wm_bpf_shape *shape, uint32_t size)
{
	char path[64], line[128];
	unsigned long long bytes;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "memlock: %llu", &bytes) != 1)
			continue;
		fclose(f);
		return shape->type == BPF_MAP_TYPE_RINGBUF ? WM_MAX(bytes, size) : bytes;
	}
	if (f)
		fclose(f);
	return WM_UNKNOWN;
}

static int add_prog(const struct wm_bpf_set *set, int i, struct wm_objects *ret)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int rc = bpf_obj_get_info_by_fd(set->prog[i], &info, &len);
	const struct wm_prog_view view = {
		.name = wm_bpf_progs[i], .id = info.id, .instructions = info.xlated_prog_len / 8,
		.machine_bytes = info.jited_prog_len, .runs = info.run_cnt, .nanoseconds = info.run_time_ns,
	};

	return rc ? rc : wm_objects_add_prog(ret, &view);
}

int wm_bpf_objects(const struct wm_bpf_set *set, struct wm_objects *ret, struct wm_error *err)
{
	struct wm_objects objects = { 0 };
	int rc = 0;

	for (int i = 0; !rc && i < WM_BPF_MAPS; i++) {
		const struct wm_map_view view = {
			.name = wm_bpf_maps[i].name, .help = purposes[i] ? purposes[i] : "", .id = set->meta.map_id[i],
			.used = count_entries(set->map[i], &wm_bpf_maps[i], set->size[i]), .most = set->size[i],
			.bytes = memory_of(set->map[i], &wm_bpf_maps[i], set->size[i]),
		};

		rc = wm_objects_add_map(&objects, &view);
	}
	for (int i = 0; !rc && i < WM_BPF_PROGS; i++)
		rc = set->prog[i] < 0 ? 0 : add_prog(set, i, &objects); /* a shield that this kernel does not take */
	if (rc) {
		wm_objects_free(&objects);
		return wm_bpf_fail(err, rc, "cannot look at the data plane's maps and programs");
	}
	*ret = objects;
	return 0;
}
