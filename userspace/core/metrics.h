/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * OpenMetrics 1.0 as text: families one after another, each with all of its
 * samples, then the end.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/writer.h"

#define WM_METRICS_LABELS 512

/* "name=\"value\"" for label after label, escaped; what does not fit is left out whole. Up to a smaller len it is as it was. */
struct wm_metric_labels {
	char text[WM_METRICS_LABELS];
	size_t len;
};
void wm_metric_label(struct wm_metric_labels *labels, const char *name, const char *value);

/* Begins a family: "counter", "gauge", "histogram". unit: NULL, or how name ends. */
void wm_metric_family(struct wm_writer *w, const char *name, const char *type, const char *unit, const char *help);

/* What stands before a sample's value. Inline, so that the length of what is constant is. */
__attribute__((always_inline)) static inline void wm_metric_begin(struct wm_writer *w, const char *name, const char *suffix,
								  const char *labels, const char *more)
{
	wm_puts(w, name);
	wm_puts(w, suffix);
	if (*labels || *more) {
		wm_puts(w, "{");
		wm_puts(w, labels);
		wm_puts(w, *labels && *more ? "," : "");
		wm_puts(w, more);
		wm_puts(w, "}");
	}
	wm_puts(w, " ");
}

/* A sample of it; suffix: "_total" of a counter, "_bucket", "_count", "_sum" of a histogram, else "". labels, more: as text of labels, or "". */
__attribute__((always_inline)) static inline void wm_metric_sample(struct wm_writer *w, const char *name, const char *suffix,
								   const char *labels, const char *more, uint64_t value)
{
	wm_metric_begin(w, name, suffix, labels, more);
	wm_put_uint(w, value);
	wm_puts(w, "\n");
}

/* The same of a time: it is written in seconds. */
void wm_metric_time(struct wm_writer *w, const char *name, const char *suffix, const char *labels, const char *more, uint64_t microseconds);
void wm_metrics_end(struct wm_writer *w);
