/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/error.h"
#include "core/instance.h"

/* Takes device, routes, rules, filters and names of the instance off this machine, and nobody else's; its files stay. Fine if
 * nothing is there. -EBUSY while a run lives. */
int wm_gateway_down(const struct wm_instance *inst, struct wm_error *err);
