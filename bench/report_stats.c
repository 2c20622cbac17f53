/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The table of what looking at the counters costs.
 */
#include "bench/report_parts.h"
#include "core/output.h"
#include "core/util.h"

static const struct wm_col columns[] = {
	{ "dataplane", "WM-BPF STATS OF", 0 },
	{ "form", NULL, 0 },
	{ NULL, "FORM", 0 },
	{ "hosts", "HOSTS", WM_COL_RIGHT },
	{ "ms", "MS", WM_COL_RIGHT },
	{ NULL, "SPREAD", WM_COL_RIGHT },
	{ "ms_q1", NULL, 0 },
	{ "ms_q3", NULL, 0 },
	{ "bytes", NULL, 0 },
	{ NULL, "KB", WM_COL_RIGHT },
};

void report_stats(struct wm_out *out, const struct stats *s)
{
	wm_out_table(out, "stats", NULL, columns, WM_ARRAY_LEN(columns));
	for (unsigned int i = 0; i < s->n; i++) {
		const struct stats_cost *c = &s->cost[i];

		wm_out_row(out);
		wm_out_cell_str(out, c->plane);
		wm_out_cell_str(out, c->form);
		wm_out_cell_str(out, c->title);
		wm_out_cell_uint(out, c->hosts);
		wm_out_cell_uint(out, report_whole(c->ms.median));
		report_cell(out, "%.0f-%.0f", c->ms.q1, c->ms.q3);
		wm_out_cell_uint(out, report_whole(c->ms.q1));
		wm_out_cell_uint(out, report_whole(c->ms.q3));
		wm_out_cell_uint(out, c->bytes);
		report_cell(out, "%llu", (unsigned long long)(c->bytes + 500) / 1000);
	}
	wm_out_table_end(out, NULL);
}
