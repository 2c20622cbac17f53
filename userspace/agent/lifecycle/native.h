/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The verbs where the machine itself is the gateway (--native). Exit codes.
 */
#pragma once

#include "agent/lifecycle/step.h"

/* A container of this machine is this instance's gateway: it was begun, at least. ret_path: WM_PATH_SIZE, what says so. True also where
 * that cannot be told. */
bool wm_native_container(const struct wm_life *l, char *ret_path);

int wm_native_install(const struct wm_life_options *opt);
int wm_native_start(const struct wm_life_options *opt);
int wm_native_stop(const struct wm_life_options *opt);
int wm_native_uninstall(const struct wm_life_options *opt);
int wm_native_destroy(const struct wm_life_options *opt);
