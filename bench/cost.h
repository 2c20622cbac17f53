/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What wm's programs cost alone, by BPF_PROG_TEST_RUN: another host with each
 * run. What the harness costs is measured in turns with it and taken off.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "bench/machine.h"
#include "bench/result.h"
#include "core/error.h"

struct cost {
	const char *program, *title;
	uint32_t hosts;
	struct spread ns; /* without the harness */
	double harness_ns;
};

#define COSTS_MAX 64

struct costs {
	struct cost cost[COSTS_MAX];
	unsigned int n;
};

/* All programs with so many hosts. -EBADMSG: one did not do what it should. */
int cost_measure(uint32_t hosts, uint32_t rounds, struct costs *ret, struct wm_error *err);
/* In a run that measures nothing else. */
int cost_write(FILE *f, bool json, const struct costs *c, const struct machine *m);
