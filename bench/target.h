/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What wm is to reach, beside what a run has found.
 */
#pragma once

#include "bench/cost.h"
#include "bench/result.h"

enum target_kind {
	TARGET_GROSS,	/* so many times faster than the rival, all in all */
	TARGET_NET,	/* the same without the floor */
	TARGET_STREAM,	/* a stream costs no more than so many times what it costs the rival */
	TARGET_GROWTH,	/* a packet costs no more than so many times what it costs with the fewest hosts */
	TARGET_PROGRAM, /* ns of the programs alone */
	TARGET_PROGRAM_GROWTH,
};

struct target {
	enum target_kind kind;
	const char *what;
	const char *load; /* or programs, with a '+' between those that a packet passes */
	const char *mine;
	const char *rivals; /* the fastest of those whose names are in here */
	uint32_t hosts;
	double want;
};

extern const struct target targets[];
extern const unsigned int ntargets;

bool target_at_most(const struct target *t); /* else at least */

/* What was found. False: this run has not measured it. */
bool target_find(const struct target *t, const struct result *r, const struct costs *c, double *ret);
bool target_reached(const struct target *t, double found);
