/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The registry's side of install and destroy, by way of wm-fetch.
 */
#pragma once

#include "agent/lifecycle/step.h"

/* This gateway has a key and a token that the registry takes: made, and the site registered, where it is not so. l->inst has
 * the settings. A registry that is away is no failure once that was done. */
int wm_step_register(struct wm_life *l, struct wm_error *err);

/* The site and its hosts are no more in the registry, as it has said itself; where it takes this gateway for nobody, that is no
 * proof (-EACCES, -ENOENT). Nothing where an earlier run got as far. */
int wm_step_leave(struct wm_life *l, struct wm_error *err);
