/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What was sent, what came out and what the gateway has counted, between two
 * moments at which nothing was under way: they have to be the same.
 */
#pragma once

#include <stdio.h>

#include "core/counters.h"
#include "hitless/load.h"
#include "hitless/town.h"

enum {
	ACCOUNT_NO_COUNTERS = 1, /* a device was deleted, or the counters with their layout */
	ACCOUNT_NO_REASONS = 2,
};

/* A moment. */
struct account_moment {
	uint64_t sent, lost;
	uint64_t fault[PROOF_FAULTS_END];
	struct proof_count *sent_all, *sent_must, *came, *came_must;
	struct wm_counters counters;
};

struct account {
	struct account_moment start;
	unsigned int changes; /* of configuration, or whatever is done again and again */
	uint64_t during;      /* packets that were sent while they were made */
	uint64_t behind;      /* ... and until they were looked at, each of them */
};

/* Packets, or hosts, that are not as they should be. */
#define ACCOUNT_FINDINGS(X)                                                                                            \
	X(LOST, "packets lost")                                                                                        \
	X(DOUBLED, "packets doubled")                                                                                  \
	X(WRONG, "packets wrong")                                                                                      \
	X(COUNTERS, "hosts with wrong counters")                                                                       \
	X(REASONS, "packets too many or too few in all counters")                                                      \
	X(ROLL, "changed hosts not as they should be in the end")                                                      \
	X(IDLE, "changes without load")

enum account_finding {
#define ACCOUNT_ENUM(name, text) ACCOUNT_##name,
	ACCOUNT_FINDINGS(ACCOUNT_ENUM)
#undef ACCOUNT_ENUM
		ACCOUNT_FINDINGS_END,
};

struct account_result {
	uint64_t finding[ACCOUNT_FINDINGS_END];
	uint64_t sent;
	char detail[600]; /* of what is wrong */
};

/* Both put the load on hold. 0 or -errno: what is wrong is no error. */
int account_start(struct account *a, struct load *load, struct wm_error *err);
int account_end(struct account *a, struct load *load, struct town *town, unsigned int without, struct account_result *ret,
		struct wm_error *err);
void account_free(struct account *a);
