/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * `wm-gateway logs [-n N] [-f]`: what the service has said, from wherever this
 * machine keeps it.
 */
#pragma once

#include "agent/lifecycle/step.h"

int wm_life_logs(const struct wm_life_options *opt);
