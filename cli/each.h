/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Commands that look: over all configured meshes, or --mesh's, each under its
 * header. All that is needed of a mesh is fetched before its first line is
 * printed, so that a failure never looks like emptiness.
 */
#pragma once

#include "cli/reports.h"
#include "core/output.h"

enum {
	NEED_CONFIG = 1,
	NEED_REPORTS = 2, /* they only add to the picture: without them it goes on */
	NEED_HEALTH = 4,  /* health and whoami */
};

struct got {
	struct wm_config config;
	struct reports reports;
	struct whoami who;
};

/* Shows what was got of one mesh, as members of its JSON object; the exit code. */
typedef int (*show_mesh_fn)(struct cli *cli, struct wm_out *out, struct mesh *mesh, struct got *got, void *arg);
int each_mesh(struct cli *cli, unsigned int need, show_mesh_fn show, void *arg); /* the first failure's exit code */

/* --mesh's, or all, with their tokens: *ret_n of them from *ret on. */
int choose_meshes(struct cli *cli, struct mesh **ret, size_t *ret_n);
