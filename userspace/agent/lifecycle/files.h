/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where install puts programs and units, and what it finds of a package's.
 */
#pragma once

#include "agent/lifecycle/step.h"

/* Whether a package (or make install) has brought units and programs: then these are left to it. */
bool wm_files_packaged(const struct wm_life *l);

/* This program, and the directory in which it lies. ret: WM_PATH_SIZE */
int wm_own_path(char *ret, struct wm_error *err);
int wm_own_dir(char *ret, struct wm_error *err);

/* The directory of wm-agent and wm-gateway as services start them, without WM_ROOT. ret: WM_PATH_SIZE */
int wm_files_program_dir(const struct wm_life *l, char *ret, struct wm_error *err);

/* As steps: programs where there is no package; the unit or script of this instance's service. */
int wm_files_programs(struct wm_life *l, struct wm_error *err);
int wm_files_units(struct wm_life *l, struct wm_error *err);

/* Takes away what wm_files_units wrote, unless another instance is served by it; never a package's. */
int wm_files_remove_units(struct wm_life *l, struct wm_error *err);
