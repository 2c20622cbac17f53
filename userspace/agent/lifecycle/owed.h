/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What has to follow a change: a restart of what runs, units that systemd has
 * to read again. That the change was made in this run is not enough to know
 * it by: a run may end between the two. So a mark in the state directory is
 * there before the first such change is made, until what follows was done.
 */
#pragma once

#include "agent/lifecycle/step.h"

enum wm_owed {
	WM_OWED_RESTART, /* of the gateway: program, unit, settings or key are others than those it runs with */
	WM_OWED_UNITS,   /* systemd has to read them again */
	WM_OWED_USER,    /* systemd-sysusers has to make wm-fetch's */
	WM_OWED_DNS,     /* dnsmasq has to be started anew */
	WM_OWED_KINDS
};

/* Changes from now on need it, until they are said not to. */
void wm_life_owe(struct wm_life *l, enum wm_owed what, bool on);

/* There was such a change, in this run (with dry_run: there would be) or in one that did not get to it. */
bool wm_life_owed(const struct wm_life *l, enum wm_owed what);

/* It was done, or there is nobody to do it to. Nothing with dry_run. */
int wm_life_paid(struct wm_life *l, enum wm_owed what, struct wm_error *err);

/* The mark's file. ret: WM_PATH_SIZE. 0, -E2BIG */
int wm_owed_path(const struct wm_life *l, enum wm_owed what, char *ret);

/* For wm_life_change: the marks of what is owed are there, or are made. */
int wm_owed_mark(struct wm_life *l);
