/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What was measured, for people and for programs.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "bench/machine.h"
#include "bench/result.h"
#include "bench/transit.h"

/* All that a run has found. */
struct report {
	struct result result;
	struct transits transits;
};

int report_write(FILE *f, bool json, const struct report *r, const struct machine *m);
int plot_write(FILE *f, const struct result *r); /* SVG: bars of what a packet costs */
