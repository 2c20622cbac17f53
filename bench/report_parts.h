/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The parts of a report, and what they share. Each writes one table.
 */
#pragma once

#include <stdint.h>

#include "bench/report.h"

struct wm_out;

/* A text that is made as by printf. */
void report_cell(struct wm_out *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void report_ratio_cell(struct wm_out *out, struct spread ratio); /* "1.23x (1.20-1.25)" */
uint64_t report_whole(double value);				 /* rounded; 0 below */

void report_measure(struct wm_out *out, const struct measure *m); /* small packets */
void report_streams(struct wm_out *out, const struct measure *m);
void report_transit(struct wm_out *out, const struct transit *t);
void report_costs(struct wm_out *out, const struct costs *c);
void report_cost_growth(struct wm_out *out, const struct costs *c);
void report_growth(struct wm_out *out, const struct report *r); /* of paths and programs */
void report_stats(struct wm_out *out, const struct stats *s);
void report_targets(struct wm_out *out, const struct report *r);
