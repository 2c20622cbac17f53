/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Preshared keys on trial (core/psk.h), with what is known of them on disk:
 * <state_dir>/preshared, which keeps keys and is root's alone.
 */
#pragma once

#include "core/instance.h"
#include "core/psk.h"

struct wm_preshared {
	struct wm_psk psk;
	bool stays;  /* this process looks every few seconds; one that looks once cannot try anything, and has what is wanted */
	bool loaded;
	bool unreadable; /* the file: it stays as it is */
	/* what could not be written: seconds since the machine started, and from one try to the next; 0: all could */
	int64_t save_at, save_pause;
};

/* *ret: as want, but with the preshared keys that are to be in the kernel now; only its peers may be a copy, which
 * wm_preshared_end frees. -ENOMEM. */
int wm_preshared_begin(struct wm_preshared *p, const struct wm_instance *inst, const struct wm_wg_device *have,
		       const struct wm_wg_device *want, struct wm_wg_device *ret);
void wm_preshared_end(const struct wm_wg_device *want, struct wm_wg_device *copy);

/* Of the operations of a difference from what is there, those that only go on with a trial: nobody is told of each. */
size_t wm_preshared_quiet(const struct wm_preshared *p, const struct wm_wg_device *have, const struct wm_wg_diff *diff);

void wm_preshared_free(struct wm_preshared *p);
