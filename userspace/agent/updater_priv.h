/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the two files of wm-agent's updater have of each other: updater.c, how it
 * comes to a newer release, and updater_back.c, how back from one that was
 * proved and does not stay.
 */
#pragma once

#include "agent/updater.h"
#include "core/update_state.h"

#define WM_UPDATER_FIRST_LOOK_S 60 /* after the start, at the latest */

int wm_updater_names(const struct wm_updater *u, struct wm_instance *ret, struct wm_error *err);
/* path: PATH_MAX bytes, where it is saved again. Who fails has said so. */
int wm_updater_load_state(const struct wm_updater *u, char *path, struct wm_update_state *ret);
int wm_updater_save_state(const char *path, const struct wm_update_state *state);

/* Until the next look, so many seconds at most. */
void wm_updater_rest(struct wm_updater *u, unsigned int most_s);
/* That program is to run. */
void wm_updater_run(struct wm_updater *u, const char *program);
void wm_updater_run_proved(struct wm_updater *u);
/* Another is proved now: what the one before did is no business of it. */
void wm_updater_set_proved(struct wm_updater *u, const struct wm_version *version);
/* u->trial was taken back; bad: by its own fault. */
void wm_updater_end_failed(struct wm_updater *u, bool bad);

/* What has ended did so by itself: nobody has told it to, or killed it, and it could be run. */
bool wm_updater_ended_itself(int status);
const char *wm_updater_says_end(int status, char *ret, size_t size); /* "ended with exit code 3" */

/* What was proved, or is compared with it, has ended. */
void wm_updater_proved_ended(struct wm_updater *u, int status, uint64_t lasted_ms);
/* said: of enum wm_update_said, about the older one that runs instead. */
void wm_updater_compared(struct wm_updater *u, int said);
