/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What runs under callgrind: rows that do one thing each with the same input
 * each time, counted from the first instruction of it to the last.
 */
#pragma once

#include <stddef.h>

#include "core/model.h"
#include "core/plan.h"

/* A row of a program. Rows may be run alone, so each makes what it needs. */
struct guard_row {
	const char *name;
	long (*prepare)(void); /* not counted; negative: failed. NULL: nothing to do */
	long (*run)(void);     /* counted */
	long want;             /* what run returns when it has done its work */
};

/* Runs the rows whose name contains `only` (NULL: all), each to a dump of callgrind's under its name. Outside callgrind it
 * only runs them. 0, or 1 after saying which has not done what it should. (guard.c) */
int guard_run(const struct guard_row *rows, size_t n, const char *only);

/* What it is made of. Between begin and end nothing is counted but what is between two toggles. */
void guard_begin(void);
void guard_toggle(void);
void guard_end(const char *name);

/* --- the mesh of the userspace rows (hot_mesh.c) ------------------------------------------ */

#define HOSTS 10000u      /* in all, half of them at our site, s0, which is the hub */
#define SITES 51u         /* with ours */
#define DEVICES 50u
#define OBJECTS (SITES + HOSTS + DEVICES)
#define PEERS (SITES - 1 + DEVICES)

/* Made at the first call, finished; the process ends when it cannot be. */
const struct wm_config *mesh(void);
/* Its last host of our site has another LAN address. */
const struct wm_config *mesh_changed(void);
const struct wm_self *mesh_self(void);
const struct wm_plan *mesh_plan(const struct wm_config *config); /* a new one; never freed */

/* Of the same seed the same each time. */
uint32_t guard_random(uint32_t *state);

/* --- the rows of userspace ---------------------------------------------------------------- */

extern const struct guard_row config_rows[], kernel_rows[], stats_rows[], stream_rows[];
extern const size_t nconfig_rows, nkernel_rows, nstats_rows, nstream_rows;
