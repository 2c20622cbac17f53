/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What was measured, for people and for programs.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "bench/cost.h"
#include "bench/machine.h"
#include "bench/result.h"
#include "bench/stats.h"
#include "bench/transit.h"

/* All that a run has found. */
struct report {
	struct result result;
	struct transits transits;
	struct costs costs;
	struct stats stats;
};

int report_write(FILE *f, bool json, const struct report *r, const struct machine *m);
int report_summary(FILE *f, const struct report *r, const struct machine *m); /* only what is to be reached */
int plot_write(FILE *f, const struct report *r);			      /* SVG: lines and bars */
