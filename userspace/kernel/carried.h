/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the instance's other back end had counted before this one took over, in
 * <state_dir>/counters, until the machine starts anew: so that counters go on
 * where they were. Each of the functions returns 0 or -errno.
 */
#pragma once

#include "core/counters.h"
#include "core/error.h"
#include "core/instance.h"
#include "core/plan.h"

/* Counters that do not go on are a pity, and no reason to call a change of the data plane failed: says so in the log. */
void wm_carried_tell(const struct wm_error *err);

/* A back end is out of force and has counted this to the end. source: a number that no other one of its kind has, until the
 * machine starts anew; doing it again with the same changes nothing. Ends that are not in the plan are forgotten. */
int wm_carried_add(const struct wm_instance *inst, const struct wm_plan *plan, uint64_t source,
		   const struct wm_counters *last, struct wm_error *err);

/* Adds it to what the one with the number `source` counts itself. Ends that this one does not know are left out. */
int wm_carried_merge(const struct wm_instance *inst, uint64_t source, struct wm_counters *counters, struct wm_error *err);

/* The plan has changed: what was counted for ends that are gone is forgotten. */
int wm_carried_prune(const struct wm_instance *inst, const struct wm_plan *plan, struct wm_error *err);
/* The same, for who has changed the data plane already: what fails is told. */
void wm_carried_forget(const struct wm_instance *inst, const struct wm_plan *plan);

int wm_carried_remove(const struct wm_instance *inst, struct wm_error *err); /* fine if there is nothing */
