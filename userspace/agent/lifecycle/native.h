/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The verbs where the machine itself is the gateway (--native). Exit codes.
 */
#pragma once

#include "agent/lifecycle/step.h"

int wm_native_install(const struct wm_life_options *opt);
int wm_native_start(const struct wm_life_options *opt);
int wm_native_stop(const struct wm_life_options *opt);
int wm_native_uninstall(const struct wm_life_options *opt);
int wm_native_destroy(const struct wm_life_options *opt);
