/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whose program is it? The kernel keeps the parameters that a program was loaded
 * with; those of ours tell the instance, whatever layout they are of.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"

#define MAPS_MOST 32 /* of a program of ours */

/* The fields that stay where they are in every layout; older ones have fewer. */
static bool read_params(uint32_t map_id, struct wm_bpf_owner *ret)
{
	WM_AUTO_CLOSE int fd = bpf_map_get_fd_by_id(map_id);
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info), zero = 0;
	struct wm_params params = { 0 };
	uint8_t value[512];

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) || !strstr(info.name, ".rodata") ||
	    info.type != BPF_MAP_TYPE_ARRAY || info.value_size > sizeof(value) ||
	    info.value_size < offsetof(struct wm_params, fwmark) + sizeof(params.fwmark) ||
	    bpf_map_lookup_elem(fd, &zero, value))
		return false;
	memcpy(&params, value, WM_MIN((size_t)info.value_size, sizeof(params)));
	ret->fwmark = params.fwmark;
	ret->tc_prio = params.tc_prio;
	return true;
}

int wm_bpf_may_ask(void)
{
	uint32_t id;
	int rc = bpf_prog_get_next_id(0, &id);

	return rc == -ENOENT ? 0 : rc;
}

bool wm_bpf_owner_of(uint32_t id, struct wm_bpf_owner *ret)
{
	WM_AUTO_CLOSE int fd = bpf_prog_get_fd_by_id(id);
	uint32_t map_id[MAPS_MOST];
	struct bpf_prog_info info = { .nr_map_ids = MAPS_MOST, .map_ids = (uintptr_t)map_id };
	struct wm_bpf_owner owner = { .prog = -1 };
	uint32_t len = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		return false;
	for (int i = 0; i < WM_BPF_PROGS; i++) {
		if (!strcmp(info.name, wm_bpf_progs[i]))
			owner.prog = i;
	}
	for (uint32_t i = 0; owner.prog >= 0 && i < info.nr_map_ids && i < MAPS_MOST; i++) {
		if (read_params(map_id[i], &owner))
			break;
	}
	*ret = owner;
	return owner.prog >= 0;
}
