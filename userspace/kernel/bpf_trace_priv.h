/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One trace: the programs and the packet's way through them (bpf_trace.c), and
 * what they run on (bpf_trace_copy.c).
 */
#pragma once

#include "kernel/bpf_priv.h"

struct wm_bpf_tracing {
	struct wm_bpf_set live, set; /* set: the copies, and one program */
	struct wm_bpf_content content;
	const struct wm_trace_in *in;
	uint32_t ifindex;            /* of the LAN, if it comes in there */
	struct wm_trace *ret;
	struct wm_error *err;
};

/* NULL: nobody's address. */
const struct wm_host_info *wm_bpf_trace_host(const struct wm_bpf_tracing *job, wm_ip4 overlay);

/* Makes the set: copies, with what is remembered of these two addresses, and a program on them. 0 or -errno, told. */
int wm_bpf_trace_copy(struct wm_bpf_tracing *job, enum wm_bpf_prog prog, wm_ip4 src, wm_ip4 dst);
/* Another program on the same copies. */
int wm_bpf_trace_load(struct wm_bpf_tracing *job, enum wm_bpf_prog prog);
