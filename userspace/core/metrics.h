/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * OpenMetrics 1.0 as text: families one after another, each with all of its
 * samples, then the end. Written through a stream that nobody else writes to.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#define WM_METRICS_LABELS 512

/* "name=\"value\"" for label after label, escaped; what does not fit is left out whole. */
struct wm_metric_labels {
	char text[WM_METRICS_LABELS];
	size_t len;
};
void wm_metric_label(struct wm_metric_labels *labels, const char *name, const char *value);

/* Begins a family: "counter", "gauge", "histogram". unit: NULL, or how name ends. */
void wm_metric_family(FILE *f, const char *name, const char *type, const char *unit, const char *help);
/* A sample of it; suffix: "_total" of a counter, "_bucket", "_count", "_sum" of a histogram, else "". labels, more: as text of labels, or "". */
void wm_metric_sample(FILE *f, const char *name, const char *suffix, const char *labels, const char *more, uint64_t value);
/* The same of a time: it is written in seconds. */
void wm_metric_time(FILE *f, const char *name, const char *suffix, const char *labels, const char *more, uint64_t microseconds);
void wm_metrics_end(FILE *f);
