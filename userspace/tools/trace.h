/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A packet that wm-bpf trace tries.
 */
#pragma once

#include "tools/tools.h"

struct trace_request {
	struct tool_who from, to;
	struct wm_trace_in in;
	struct wm_packet packet;
	uint8_t bytes[WM_PACKET_MAX];
};

/* By the options, and by the saved config, which knows who is called what. 0, or -errno as tool_misuse says it. */
int tool_trace_request(struct context *ctx, struct trace_request *r, struct wm_error *err);
