/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * `wm-gateway check`: looks for the usual causes of what does not work, and
 * says what to do. Changes nothing.
 */
#pragma once

#include <stdbool.h>

#include "core/error.h"
#include "core/instance.h"

/* Prints what was found; the exit code: 0 nothing, 1 something. */
int wm_check(const struct wm_instance *inst, bool json);
