/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * <run_dir>/agent: which wm-agent updates an instance, and whom to tell that it should look.
 */
#pragma once

#include <sys/types.h>

#include "core/error.h"
#include "core/instance.h"

/* For this process, not its children: *ret_fd holds it until it is closed. -EBUSY: another wm-agent has it. */
int wm_agent_lock(const struct wm_instance *inst, int *ret_fd, struct wm_error *err);
pid_t wm_agent_find(const struct wm_instance *inst); /* who has it; 0: nobody */
