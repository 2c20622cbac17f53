/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What wm-agent's worker does, a process of its own that may take its time
 * (updater.h): looks for a release, or asks the wm-gateway that runs whether it
 * is in sync, or answers. What it found is its exit code.
 */
#pragma once

#include "agent/updater.h"

enum wm_update_said {
	WM_UPDATE_NOTHING, /* no release is there to be started */
	WM_UPDATE_STAGED_SURE, /* one is, and the gateway that runs is in sync */
	WM_UPDATE_STAGED_UNSURE, /* one is, but that one does not answer that it is */
	WM_UPDATE_IN_SYNC,
	WM_UPDATE_NOT_IN_SYNC, /* not within WM_UPDATE_PROVE */
	WM_UPDATE_SILENT, /* the gateway that runs does not answer at all, for as long; of a trial, that is not in sync */
};

int wm_update_work_look(const struct wm_updater *u);
int wm_update_work_prove(const struct wm_updater *u);

/* Has one of them done in a new process, u->worker; -errno, and said so. */
int wm_update_work_start(struct wm_updater *u, int (*work)(const struct wm_updater *u));
void wm_update_work_stop(struct wm_updater *u); /* with nothing said; there may be none */
