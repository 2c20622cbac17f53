/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the registry counts of itself, since it was started.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "registry/store.h"

#define COUNTS_ROUTES 64 /* more than there are; 0: what fits none */
#define COUNTS_STATUS_MIN 100
#define COUNTS_STATUSES 500
#define COUNTS_STEPS 6

extern const uint64_t counts_step_us[COUNTS_STEPS]; /* upper bounds */

/* How long things took. */
struct counts_times {
	uint64_t within[COUNTS_STEPS]; /* as long as that at most */
	uint64_t n, sum_us;
};

/* a GET, all else until it waits for the disk, and making all that waits durable */
enum counts_what { COUNTS_READ, COUNTS_WRITE, COUNTS_COMMIT, COUNTS_WHATS };

struct counts {
	uint64_t answers[COUNTS_ROUTES][COUNTS_STATUSES];
	struct counts_times handling[COUNTS_WHATS];
	struct store_counts objects; /* as of objects.mesh */
	bool counted;
};

uint64_t counts_now_us(void); /* monotonic */
void counts_took(struct counts *counts, enum counts_what what, uint64_t began_us);
void counts_answered(struct counts *counts, unsigned int route, unsigned int status);
/* Objects now; counts them anew only when the mesh is another. 0 or -errno. */
int counts_objects(struct counts *counts, struct store *store, struct wm_error *err);
