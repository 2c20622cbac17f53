/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * `wm-gateway run`: one epoll loop that follows the registry, repairs the
 * kernel, reports, and answers the control socket, until SIGTERM or SIGINT.
 */
#pragma once

#include "agent/gateway.h"

/* The lock is held by the caller. Returns the exit code. Traffic keeps flowing after it. */
int wm_loop_run(struct wm_gateway *g, int ctl_fd);
