/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The data plane's maps and programs as one set of pinned objects.
 *
 * A set is pinned in <bpffs>/<instance or "default">/v<WM_LAYOUT>/, each object
 * under its own name. Its meta map is pinned last and names the others by id:
 * without it, or when an id differs, the set is not whole and is built anew. A
 * new set is built in v<WM_LAYOUT>_new and renamed into place, so that kill -9
 * at any instant leaves either set whole.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/instance.h"
#include "wm_shared.h"

enum wm_bpf_map {
	WM_BPF_HOSTS,
	WM_BPF_LAN_HOSTS,
	WM_BPF_LAN_HINTS,
	WM_BPF_LANS,
	WM_BPF_SHIELD,
	WM_BPF_COUNTERS,
	WM_BPF_HOST_STATS,
	WM_BPF_HOST_DROPS,
	WM_BPF_FLOWS_HALF,
	WM_BPF_FLOWS,
	WM_BPF_FRAGS,
	WM_BPF_ROUTER_ERRORS,
	WM_BPF_DROPS,
	WM_BPF_DROP_PACE,
	WM_BPF_FOLLOW,
	WM_BPF_DROP_EVENTS,
	WM_BPF_MAPS,
};

/* The tc programs, without which there is no data plane, and the shield, without which there is:
 * for generic mode and, where the kernel takes it, for native mode. */
enum wm_bpf_prog { WM_BPF_WG_IN, WM_BPF_WG_OUT, WM_BPF_LAN_IN, WM_BPF_XDP, WM_BPF_XDP_FRAGS, WM_BPF_PROGS };
#define WM_BPF_TC_PROGS WM_BPF_XDP

/* bpf_shape.c */
struct wm_bpf_shape {
	const char *name;
	uint32_t type, key_size, value_size, flags;
};
extern const struct wm_bpf_shape wm_bpf_maps[WM_BPF_MAPS];
extern const char *const wm_bpf_progs[WM_BPF_PROGS];
/* Where each processor has a place by its number: one more than the highest that this machine may have, where numbers may
 * be left out. (The kernel's own maps per processor leave out no place: libbpf_num_possible_cpus.) Or -errno. */
int wm_bpf_processor_places(void);

/* Devices that may carry a filter of ours: those of the plan, and those of
 * earlier plans until ours is off them. */
#define WM_BPF_DEVICES 32
enum {
	WM_BPF_MADE_CLSACT = 1, /* its clsact qdisc is of our making */
	WM_BPF_ATTACHED = 2,    /* our filters have been there */
};
/* Why there is no shield, as people are told; "" where there is one. */
#define WM_NO_SHIELD_SIZE 160
struct wm_bpf_device {
	uint32_t ifindex;
	uint32_t flags;
	/* What the kernel has refused to attach here: it is not asked again for the same. */
	uint32_t refused_prog, refused_mode, refused_mtu;
	char no_shield[WM_NO_SHIELD_SIZE];
};

/* The value of the meta map. */
struct wm_bpf_meta {
	uint32_t object;                /* hash of the programs' object file */
	uint32_t prio;                  /* of the filters */
	uint32_t ndevices;
	struct wm_params params;        /* what the programs were loaded with */
	uint32_t map_id[WM_BPF_MAPS];
	uint32_t prog_id[WM_BPF_PROGS]; /* of a shield 0 when it could not be loaded */
	char no_shield[WM_NO_SHIELD_SIZE]; /* why there is none at all, then */
	struct wm_bpf_device device[WM_BPF_DEVICES];
};

struct wm_bpf_set {
	bool whole;
	int map[WM_BPF_MAPS];           /* owned; -1: not there, or not of our shape */
	uint32_t size[WM_BPF_MAPS];     /* max_entries */
	bool fresh[WM_BPF_MAPS];        /* made with this set, by wm_bpf_load */
	int prog[WM_BPF_PROGS];
	int meta_fd;
	struct wm_bpf_meta meta;
};

/* --- bpf_set.c --- */

void wm_bpf_set_init(struct wm_bpf_set *set); /* all closed */
void wm_bpf_set_close(struct wm_bpf_set *set);
#define WM_AUTO_BPF_SET __attribute__((cleanup(wm_bpf_set_close)))

/* What is pinned; fine if nothing is. The caller closes. */
int wm_bpf_set_open(const struct wm_instance *inst, struct wm_bpf_set *ret, struct wm_error *err);
/* The one whose place it took, in an apply that was killed before all filters were the new one's. */
int wm_bpf_set_open_old(const struct wm_instance *inst, struct wm_bpf_set *ret, struct wm_error *err);
/* Pins set and makes it the instance's, the one before it the old one; set->meta must be complete but for the ids. */
int wm_bpf_set_pin(const struct wm_instance *inst, struct wm_bpf_set *set, struct wm_error *err);
int wm_bpf_meta_write(const struct wm_bpf_set *set, struct wm_error *err);

/* --- bpf_pins.c --- */

/* A bpffs is where the instance wants one: 0, or -ENOENT and what to do. */
int wm_bpf_check_bpffs(const struct wm_instance *inst, struct wm_error *err);
/* Finishes or clears away what a killed apply has left. Changes made or -errno. */
int wm_bpf_pins_heal(const struct wm_instance *inst, struct wm_error *err);
int wm_bpf_old_remove(const struct wm_instance *inst, struct wm_error *err); /* its filters are gone; fine if it is not there */
/* Sets of other layouts. Changes made. */
int wm_bpf_pins_prune(const struct wm_instance *inst);
/* One at a time follows an instance's drops: -EBUSY. The lock goes with the descriptor. */
int wm_bpf_lock_following(const struct wm_instance *inst, int *ret_fd, struct wm_error *err);
int wm_bpf_pins_remove(const struct wm_instance *inst, struct wm_error *err);
/* Programs are pinned, of whatever layout: they may be in force, and are not once they were retired. Asks the file
 * system alone. */
bool wm_bpf_pins_in_force(const struct wm_instance *inst);
/* All but the meta, which knows what is still to be taken away. */
int wm_bpf_pins_retire(const struct wm_instance *inst, struct wm_error *err);
