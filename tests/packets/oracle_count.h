/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The reasons' counters, cheaply: what they rose by between two packets.
 */
#pragma once

#include "kernel/bpf_priv.h"
#include "kernel/nft_state.h"
#include "packets/oracle.h"

struct counting {
	struct wm_bpf_set set[MESHES];
	struct wm_nl *nl;
	uint64_t last[MESHES][WM_REASON_COUNT];
};

/* Of the planes that are up; what is wrong is said. 0 or -errno. */
int counting_begin(struct counting *c);
/* What each has risen by since it was last asked. */
int counting_read(struct counting *c, uint64_t ret[MESHES][WM_REASON_COUNT]);
void counting_end(struct counting *c);
