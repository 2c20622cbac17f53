/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "bench/machine.h"
#include "bench/report_parts.h"
#include "core/output.h"
#include "core/util.h"

static const struct wm_col columns[] = {
	{ "program", NULL, 0 },
	{ "title", "PROGRAM", 0 },
	{ "hosts", "HOSTS", WM_COL_RIGHT },
	{ "ns", "NS", WM_COL_RIGHT },
	{ NULL, "SPREAD", WM_COL_RIGHT },
	{ "ns_q1", NULL, 0 },
	{ "ns_q3", NULL, 0 },
	{ "harness_ns", "HARNESS, TAKEN OFF", WM_COL_RIGHT },
};

static void row(struct wm_out *out, const struct cost *c)
{
	char spread[48];

	wm_format(spread, sizeof(spread), "%.0f-%.0f", c->ns.q1, c->ns.q3);
	wm_out_row(out);
	wm_out_cell_str(out, c->program);
	wm_out_cell_str(out, c->title);
	wm_out_cell_uint(out, c->hosts);
	wm_out_cell_uint(out, report_whole(c->ns.median));
	wm_out_cell_str(out, spread);
	wm_out_cell_uint(out, report_whole(c->ns.q1));
	wm_out_cell_uint(out, report_whole(c->ns.q3));
	wm_out_cell_uint(out, report_whole(c->harness_ns));
}

/* A program's sizes together. */
void report_costs(struct wm_out *out, const struct costs *c)
{
	wm_out_table(out, "programs", NULL, columns, WM_ARRAY_LEN(columns));
	for (unsigned int i = 0; i < c->n; i++) {
		bool first = true;

		for (unsigned int j = 0; j < i; j++)
			first &= c->cost[j].program != c->cost[i].program;
		for (unsigned int j = i; first && j < c->n; j++)
			if (c->cost[j].program == c->cost[i].program)
				row(out, &c->cost[j]);
	}
	wm_out_table_end(out, NULL);
}

int cost_write(FILE *f, bool json, const struct costs *c, const struct machine *m)
{
	struct wm_out *out = wm_out_new(f, json ? WM_OUT_JSON : WM_OUT_TEXT);

	if (!out)
		return -ENOMEM;
	machine_write(out, m);
	report_costs(out, c);
	report_cost_growth(out, c);
	return wm_out_end(out);
}
