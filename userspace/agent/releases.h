/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The releases of wm-gateway on this machine's disk:
 *
 *   <state>/releases/0.3.0/wm-gateway, wm-fetch   whole: made under 0.3.0.new, synced, renamed
 *   <state>/releases/current -> 0.3.0              the one that was proved; replaced by rename
 *   <state>/releases/state                         what is remembered (core/update_state.h)
 *
 * What `current` names, or else what the package has installed, can be started
 * whatever instant the machine stops at.
 */
#pragma once

#include "core/instance.h"
#include "core/release.h"

/* The version that `current` names, if its program can be run: 0, -ENOENT none, -EBADMSG not by us. */
int wm_releases_current(const struct wm_instance *inst, struct wm_version *ret);

/* What is proved: this program's own version, or the release that `current` names where that is newer. *ret is set in any case;
 * the result is that of wm_releases_current. */
int wm_releases_proved(const struct wm_instance *inst, struct wm_version *ret);

/* Of a program of a version; ret: PATH_MAX bytes. */
int wm_releases_program(const struct wm_instance *inst, const struct wm_version *version, int program, char *ret);
int wm_releases_state(const struct wm_instance *inst, char *ret); /* the state's path; ret: PATH_MAX */

/* Makes an empty place for a version: *ret_dir is where its files are put. What was left of an earlier try goes. */
int wm_releases_begin(const struct wm_instance *inst, const struct wm_version *version, int *ret_dir, struct wm_error *err);
/* The files are all there, and each is on disk: so is the version, when this returns. */
int wm_releases_finish(const struct wm_instance *inst, const struct wm_version *version, int dir, struct wm_error *err);

int wm_releases_switch(const struct wm_instance *inst, const struct wm_version *version, struct wm_error *err);
/* From now on no release is the one that was proved. */
void wm_releases_forget(const struct wm_instance *inst);
/* Takes away all but these two (the same twice for one). */
void wm_releases_prune(const struct wm_instance *inst, const struct wm_version *one, const struct wm_version *other);
