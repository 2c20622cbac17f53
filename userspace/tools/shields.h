/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where the XDP shield is, and who is in front of our programs, for every status
 * screen alike.
 */
#pragma once

#include "core/instance.h"
#include "core/output.h"

/* A table "shields", a row for each LAN; without rows where the data plane has no shield. */
void wm_shields_print(struct wm_out *out, const struct wm_instance *inst);
/* A table "in_front", a row for each program or filter of somebody else that gets packets before ours (kernel/front.h). */
void wm_fronts_print(struct wm_out *out, const struct wm_instance *inst);
