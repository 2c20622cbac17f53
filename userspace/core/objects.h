/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a data plane is made of in the kernel: its maps or sets, its programs.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define WM_UNKNOWN UINT64_MAX

struct wm_map_view {
	const char *name, *help; /* static: "hosts", one sentence */
	uint32_t id;          /* 0: has none */
	uint64_t used, most;  /* entries; WM_UNKNOWN: cannot be told, or there is no limit */
	uint64_t bytes;       /* of memory; WM_UNKNOWN */
};

struct wm_prog_view {
	const char *name;     /* static */
	uint32_t id;
	uint64_t instructions, machine_bytes; /* machine_bytes 0: not compiled, interpreted */
	uint64_t runs, nanoseconds; /* 0 unless the kernel counts them (sysctl kernel.bpf_stats_enabled=1) */
};

struct wm_objects {
	struct wm_map_view *maps;
	size_t nmaps, cap_maps;
	struct wm_prog_view *progs;
	size_t nprogs, cap_progs;
};

void wm_objects_free(struct wm_objects *objects); /* frees what it holds */
int wm_objects_add_map(struct wm_objects *objects, const struct wm_map_view *map);   /* 0, -ENOMEM */
int wm_objects_add_prog(struct wm_objects *objects, const struct wm_prog_view *prog);
