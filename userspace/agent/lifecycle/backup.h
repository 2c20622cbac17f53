/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What makes a gateway this gateway, in one file: private key, settings, token,
 * and whose releases it takes. All else is made anew from the registry.
 *
 *	wm-gateway backup 1
 *	private.key 45
 *	<45 bytes>
 *	gateway.env 120
 *	<120 bytes>
 *	end
 *
 * Each part is followed by a line break. Exit codes are returned.
 */
#pragma once

#include "agent/lifecycle/step.h"

/* Into a file (0600, replaced whole if it is a backup, else refused), or with none or "-" to standard output, if that is no
 * terminal. */
int wm_life_backup(const struct wm_life_options *opt);

/* All of it is checked before the first file is written. Another key that is there is replaced only when that is wanted. */
int wm_life_restore(const struct wm_life_options *opt);
