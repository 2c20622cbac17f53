/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it costs to look at the counters of a site: wm-bpf stats, as an operator
 * and as a collector of metrics call it, on both back ends.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bench/result.h"
#include "core/error.h"

#define STATS_MAX 16

struct stats_cost {
	const char *plane, *form, *title;
	uint32_t hosts;
	struct spread ms; /* processor time */
	uint64_t bytes;	  /* that it says */
};

struct stats {
	struct stats_cost cost[STATS_MAX];
	unsigned int n;
};

/* -EBADMSG: not all hosts were in what it said. */
int stats_measure(uint32_t hosts, uint32_t rounds, struct stats *ret, struct wm_error *err);
