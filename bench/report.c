/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/report.h"

#include <errno.h>

#include "bench/report_parts.h"
#include "core/output.h"

int report_write(FILE *f, bool json, const struct report *whole, const struct machine *m)
{
	const struct result *r = &whole->result;
	struct wm_out *out = wm_out_new(f, json ? WM_OUT_JSON : WM_OUT_TEXT);

	if (!out)
		return -ENOMEM;
	machine_write(out, m);
	wm_out_uint(out, "rounds", "rounds", r->rounds);
	wm_out_uint(out, "packets", "packets of each in a round", r->packets);
	wm_out_array(out, "measures");
	for (size_t i = 0; i < r->n; i++)
		if (!r->measure[i].streams)
			report_measure(out, &r->measure[i]);
	wm_out_array_end(out);
	wm_out_array(out, "streams");
	for (size_t i = 0; i < r->n; i++)
		if (r->measure[i].streams)
			report_streams(out, &r->measure[i]);
	wm_out_array_end(out);
	wm_out_array(out, "transits");
	for (size_t i = 0; i < whole->transits.n; i++)
		report_transit(out, &whole->transits.transit[i]);
	wm_out_array_end(out);
	if (whole->transits.left_out)
		wm_out_line(out, whole->transits.left_out);
	report_costs(out, &whole->costs);
	report_growth(out, whole);
	report_stats(out, &whole->stats);
	report_targets(out, whole);
	return wm_out_end(out);
}

int report_summary(FILE *f, const struct report *r, const struct machine *m)
{
	struct wm_out *out = wm_out_new(f, WM_OUT_TEXT);

	if (!out)
		return -ENOMEM;
	machine_write(out, m);
	wm_out_uint(out, "rounds", "rounds", r->result.rounds);
	report_targets(out, r);
	return wm_out_end(out);
}
