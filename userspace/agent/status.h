/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * `wm-gateway status`: one screen, or the same as JSON.
 */
#pragma once

#include <stdbool.h>

#include "agent/gateway.h"
#include "core/output.h"

/* What a live run knows (g), or, with running false, what disk and kernel tell. whole: tables too; else what fits a screen. */
void wm_status_print(struct wm_out *out, const struct wm_gateway *g, bool running, bool whole);
/* 0 in force and the registry answers, 1 otherwise. */
int wm_status_exit_code(const struct wm_gateway *g, bool running);
