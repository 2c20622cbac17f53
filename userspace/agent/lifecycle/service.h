/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Services, by whichever manager runs this machine: systemd (systemctl),
 * OpenRC (rc-update, rc-service), or none, where it is said what to do by hand.
 */
#pragma once

#include "agent/lifecycle/step.h"

enum wm_manager { WM_MANAGER_NONE, WM_MANAGER_SYSTEMD, WM_MANAGER_OPENRC };

enum wm_manager wm_service_manager(const struct wm_life *l); /* which has booted this machine (below WM_ROOT) */

bool wm_service_known(const struct wm_life *l, const char *name);  /* there is such a unit or script */
bool wm_service_active(const struct wm_life *l, const char *name); /* it runs */

/* name without ".service": "wm-gateway@lab" of systemd; its OpenRC spelling is the caller's (wm_service_own). */
int wm_step_enable(struct wm_life *l, const char *name, struct wm_error *err);
int wm_step_disable(struct wm_life *l, const char *name, struct wm_error *err);
int wm_step_start(struct wm_life *l, const char *name, struct wm_error *err);
int wm_step_stop(struct wm_life *l, const char *name, struct wm_error *err);
int wm_step_restart(struct wm_life *l, const char *name, struct wm_error *err); /* always a change */
int wm_step_reload_units(struct wm_life *l, struct wm_error *err); /* systemd reads its units again, where that is owed (owed.h) */

/* The gateway's own runs, with what it is to run with: a restart that is owed is done. */
int wm_step_renew(struct wm_life *l, struct wm_error *err);

/* The service of this instance: "wm-gateway", "wm-gateway@NAME", of OpenRC "wm-gateway.NAME". ret: WM_PATH_SIZE */
void wm_service_own(const struct wm_life *l, char *ret);
