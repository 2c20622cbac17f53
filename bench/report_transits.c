/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The table of transits: how long packets are on their way.
 */
#include "bench/report_parts.h"
#include "core/output.h"
#include "core/util.h"

static const struct wm_col columns[] = {
	{ "rival", NULL, 0 },
	{ "title", "RIVAL", 0 },
	{ "kpps", "KPPS", WM_COL_RIGHT },
	{ "p50_ns", "P50 NS", WM_COL_RIGHT },
	{ NULL, "SPREAD", WM_COL_RIGHT },
	{ "p90_ns", "P90", WM_COL_RIGHT },
	{ "p99_ns", "P99", WM_COL_RIGHT },
	{ NULL, "SPREAD", WM_COL_RIGHT },
	{ "p999_ns", "P99.9", WM_COL_RIGHT },
	{ NULL, "SPREAD", WM_COL_RIGHT },
	{ "lost", "LOST", WM_COL_RIGHT },
	{ "sent", "OF", WM_COL_RIGHT },
};

static void row(struct wm_out *out, const struct transit_series *s)
{
	static const bool with_spread[TRANSIT_PARTS] = { true, false, true, true };

	wm_out_row(out);
	wm_out_cell_str(out, s->rival);
	wm_out_cell_str(out, s->title);
	wm_out_cell_uint(out, report_whole(spread_of(s->kpps, s->n).median));
	for (size_t i = 0; i < TRANSIT_PARTS; i++) {
		struct spread ns = spread_of(s->ns[i], s->n);

		wm_out_cell_uint(out, report_whole(ns.median));
		if (with_spread[i])
			report_cell(out, "%.0f-%.0f", ns.q1, ns.q3);
	}
	wm_out_cell_uint(out, s->lost);
	wm_out_cell_uint(out, s->sent);
}

void report_transit(struct wm_out *out, const struct transit *t)
{
	char heading[128];

	wm_format(heading, sizeof(heading), "%s; %u hosts", t->title, t->hosts);
	wm_out_object(out, NULL, heading);
	wm_out_str(out, "name", NULL, t->name);
	wm_out_uint(out, "hosts", NULL, t->hosts);
	wm_out_table(out, "rivals", NULL, columns, WM_ARRAY_LEN(columns));
	for (size_t i = 0; i < t->nseries; i++)
		row(out, &t->series[i]);
	wm_out_table_end(out, NULL);
	wm_out_object_end(out);
}
