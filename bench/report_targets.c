/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is to be reached, what was found, and whether that is enough.
 */
#include "bench/report_parts.h"
#include "bench/target.h"
#include "core/output.h"
#include "core/util.h"

static const struct wm_col columns[] = {
	{ "what", "WHAT", 0 },
	{ "load", NULL, 0 },
	{ "hosts", NULL, 0 },
	{ NULL, "HOSTS", WM_COL_RIGHT },
	{ NULL, "TARGET", WM_COL_RIGHT },
	{ NULL, "MEASURED", WM_COL_RIGHT },
	{ "target", NULL, 0 },
	{ "measured", NULL, 0 },
	{ "reached", "REACHED", 0 },
};

static const char *unit_of(const struct target *t)
{
	return t->kind == TARGET_PROGRAM ? " ns" : "x";
}

static void number_cell(struct wm_out *out, const struct target *t, const char *before, double value)
{
	report_cell(out, t->kind == TARGET_PROGRAM ? "%s%.0f%s" : "%s%.2f%s", before, value, unit_of(t));
}

static void row(struct wm_out *out, const struct target *t, const struct report *r)
{
	double found = 0;
	bool is_found = target_find(t, &r->result, &r->costs, &found);

	wm_out_row(out);
	wm_out_cell_str(out, t->what);
	wm_out_cell_str(out, t->load);
	wm_out_cell_uint(out, t->hosts);
	t->hosts ? report_cell(out, "%u", t->hosts) : wm_out_cell_str(out, "");
	number_cell(out, t, target_at_most(t) ? "<= " : ">= ", t->want);
	is_found ? number_cell(out, t, "", found) : wm_out_cell_str(out, "-");
	wm_out_cell_real(out, t->want);
	is_found ? wm_out_cell_real(out, found) : wm_out_cell_str(out, NULL);
	wm_out_cell_str(out, !is_found ? "not measured" : target_reached(t, found) ? "yes" : "no");
}

void report_targets(struct wm_out *out, const struct report *r)
{
	wm_out_table(out, "targets", NULL, columns, WM_ARRAY_LEN(columns));
	for (unsigned int i = 0; i < ntargets; i++)
		row(out, &targets[i], r);
	wm_out_table_end(out, NULL);
}
