/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Updates as an operator sees them: `wm-gateway update`, and what `status` says of them.
 */
#pragma once

#include "core/instance.h"
#include "core/output.h"

/* Has the wm-agent of the instance look at once, and waits for what comes of it: 0 the newest release runs, 1 not (stderr
 * says why). */
int wm_update_now(const struct wm_instance *inst);
/* Looks by itself, takes nothing, leaves nothing: 0 and what there is, 1 what is offered is refused. */
int wm_update_check(const struct wm_instance *inst);

void wm_update_print(struct wm_out *out, const struct wm_instance *inst);
