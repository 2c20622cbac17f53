/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The site's dnsmasq serves the mesh's names: a link into its directory of
 * pieces of configuration.
 */
#pragma once

#include "agent/lifecycle/step.h"

/* Before anything is changed: nothing of somebody else's is in the place of the link. */
int wm_life_look_at_dns(struct wm_life *l, struct wm_error *err);

int wm_step_dns(struct wm_life *l, struct wm_error *err);
int wm_step_remove_dns(struct wm_life *l, struct wm_error *err);
