/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm-bpf stats as text and as JSON.
 */
#include <math.h>
#include <stdio.h>

#include "core/output.h"
#include "core/util.h"
#include "tools/stats.h"
#include "tools/tools.h"

/* Columns that are in neither form. */
static void hide(struct wm_col *cols, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cols[i].key = cols[i].header = NULL;
}

static void show_reasons(struct wm_out *out, const struct stats_view *view, struct stats_form form)
{
	struct wm_col cols[] = {
		{ "name", "REASON", 0 }, { "drop", NULL, 0 }, { NULL, "", 0 }, { "packets", "PACKETS", WM_COL_RIGHT },
		{ "bytes", "BYTES", WM_COL_RIGHT }, { "packets_per_second", "PACKETS/S", WM_COL_RIGHT },
		{ "bytes_per_second", "BYTES/S", WM_COL_RIGHT }, { "help", "MEANING", WM_COL_TRUNC },
	};

	if (!form.watched)
		hide(cols + 5, 2);
	wm_out_table(out, "reasons", NULL, cols, WM_ARRAY_LEN(cols));
	for (unsigned int r = 0; r < WM_REASON_COUNT; r++) {
		const struct stats_reason *reason = &view->reason[r];

		if (form.brief && !reason->count.packets)
			continue;
		wm_out_row(out);
		wm_out_cell_str(out, wm_reason_name(r));
		wm_out_cell_bool(out, wm_reason_is_drop(r));
		wm_out_cell_str(out, wm_reason_is_drop(r) ? "drop" : "pass");
		wm_out_cell_uint(out, reason->count.packets);
		wm_out_cell_uint(out, reason->count.bytes);
		wm_out_cell_real(out, reason->rated ? reason->packets : NAN);
		wm_out_cell_real(out, reason->rated ? reason->bytes : NAN);
		wm_out_cell_str(out, wm_reason_help(r));
	}
	wm_out_table_end(out, "no packet was counted");
}

static void show_host(struct wm_out *out, const struct stats_view *view, const struct stats_row *row)
{
	char name[WM_FQDN_SIZE], addr[WM_IP4_TEXT], age[TOOL_AGE];
	double rate[WM_END_FIELDS];
	bool rated = stats_rates(view, row, rate);

	wm_out_row(out);
	wm_out_cell_str(out, stats_name(view, row, name));
	wm_out_cell_str(out, wm_ip4_format(row->end->overlay, addr));
	wm_out_cell_str(out, stats_type(view, row));
	for (int f = 0; f < WM_END_FIELDS; f++)
		wm_out_cell_uint(out, wm_end_field(row->end, (enum wm_end_field)f));
	for (int f = 0; f < WM_END_FIELDS; f++)
		wm_out_cell_real(out, rated ? rate[f] : NAN);
	if (view->seen)
		wm_out_cell_uint(out, (uint64_t)row->end->last_seen);
	else
		wm_out_cell_str(out, NULL);
	wm_out_cell_str(out, view->seen ? tool_age(row->end->last_seen, age) : NULL);
}

/* In text either what was counted or what is counted in a second: both would not fit into a line. */
static void show_hosts(struct wm_out *out, const struct stats_view *view, struct stats_form form)
{
	struct wm_col cols[] = {
		{ "name", "HOST", 0 }, { "wg_ip", "OVERLAY", 0 }, { "type", NULL, 0 },
		{ "to_packets", "PACKETS TO", WM_COL_RIGHT }, { "to_bytes", "BYTES TO", WM_COL_RIGHT },
		{ "from_packets", "PACKETS FROM", WM_COL_RIGHT }, { "from_bytes", "BYTES FROM", WM_COL_RIGHT },
		{ "drops", "DROPS", WM_COL_RIGHT },
		{ "to_packets_per_second", "PACKETS/S TO", WM_COL_RIGHT },
		{ "to_bytes_per_second", "BYTES/S TO", WM_COL_RIGHT },
		{ "from_packets_per_second", "PACKETS/S FROM", WM_COL_RIGHT },
		{ "from_bytes_per_second", "BYTES/S FROM", WM_COL_RIGHT },
		{ "drops_per_second", "DROPS/S", WM_COL_RIGHT },
		{ "last_seen", NULL, 0 }, { NULL, "LAST SEEN", WM_COL_RIGHT },
	};
	struct wm_col *totals = cols + 3, *rates = totals + WM_END_FIELDS;
	char more[64];

	if (!form.watched)
		hide(rates, WM_END_FIELDS);
	for (int f = 0; form.watched && f < WM_END_FIELDS; f++)
		totals[f].header = NULL;
	wm_out_table(out, "hosts", NULL, cols, WM_ARRAY_LEN(cols));
	for (size_t i = 0; i < view->n; i++) {
		stats_ahead(view, i);
		show_host(out, view, &view->rows[i]);
	}
	wm_out_table_end(out, view->filtered ? "no host or device of this site is like that" : "no registered host or device");
	wm_out_uint(out, "not_shown", NULL, view->more);
	snprintf(more, sizeof(more), "... %zu more", view->more);
	if (view->more)
		wm_out_line(out, more);
}

void stats_show(struct wm_out *out, const struct stats_view *view, struct stats_form form)
{
	wm_out_str(out, "dataplane", NULL, view->dataplane);
	wm_out_uint(out, "time", NULL, (uint64_t)view->unix_time);
	if (form.watched)
		wm_out_real(out, "seconds", NULL, view->seconds > 0 ? view->seconds : NAN);
	show_reasons(out, view, form);
	wm_out_line(out, "");
	show_hosts(out, view, form);
}

size_t stats_height(const struct wm_counters *counters)
{
	size_t reasons = 0;

	for (unsigned int r = 0; r < WM_REASON_COUNT; r++)
		reasons += counters->reason[r].packets != 0;
	return (reasons ? 1 + reasons : 1) + 2;
}
