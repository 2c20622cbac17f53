/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Programs and filters of others that get a device's packets before those of the
 * BPF back end. They stay where they are; but what one of them does not let go
 * on, ours neither judge nor translate. For those who look.
 */
#pragma once

#include <stddef.h>

#include "core/error.h"
#include "core/instance.h"

struct wm_front {
	char ifname[WM_IFNAME_SIZE];
	const char *side; /* "ingress", "egress" */
	char what[64];    /* "tcx program NAME, id 12"; "tc filter, priority 3, u32" */
};
#define WM_FRONTS_MAX 32

/* The first of them in order: how many, 0 with another back end or with none; -errno. */
int wm_fronts_read(const struct wm_instance *inst, struct wm_front ret[WM_FRONTS_MAX], struct wm_error *err);
