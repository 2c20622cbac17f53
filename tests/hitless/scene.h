/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A gateway under load, with its hosts: what an act is played on. Each function
 * returns 0 or -errno.
 */
#pragma once

#include "hitless/account.h"
#include "hitless/load.h"
#include "hitless/rig.h"
#include "hitless/town.h"

struct scene {
	struct rig rig;
	struct load load;
	struct town town;
	struct account account;
	enum rig_way way;
	uint64_t apply_us; /* what the longest apply took */
};

/* hosts: all together, of which a fifth changes; small: few that stay, for growing from. */
int scene_open(struct scene *s, enum rig_way way, uint32_t hosts, bool small, uint32_t seed, struct wm_error *err);
void scene_close(struct scene *s);

/* The plan as it stands, into the kernel by the back end in force. */
int scene_apply(struct scene *s, struct wm_error *err);
/* The same for a change that the sinks know of: then all of it has to be as it is after it. */
int scene_settle(struct scene *s, struct wm_error *err);

/* wm-gateway's own way from one back end to the other: the one that s->rig has chosen now takes over. */
int scene_switch(struct scene *s, struct wm_error *err);
int scene_retire(struct scene *s, struct wm_error *err); /* its second half */

/* Runs what may be killed in a process of its own and kills it within us microseconds, unless it has ended. */
int scene_killed(struct scene *s, int (*fn)(struct scene *s, struct wm_error *err), uint32_t us, struct wm_error *err);
