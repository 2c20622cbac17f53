/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The table of streams: what a thousand bytes cost, beside plain forwarding.
 */
#include "bench/report_parts.h"
#include "bench/rival.h"
#include "core/output.h"
#include "core/util.h"

static const struct wm_col columns[] = {
	{ "rival", NULL, 0 },
	{ "title", "RIVAL", 0 },
	{ NULL, "NS/KB", WM_COL_RIGHT },
	{ NULL, "SPREAD", WM_COL_RIGHT },
	{ NULL, "OF PLAIN FORWARDING", 0 },
	{ "packet_bytes", "BYTES A PACKET", WM_COL_RIGHT },
	{ "sent_again", "SENT AGAIN", WM_COL_RIGHT },
	{ "lacks", "IT LACKS", 0 },
	{ "ns_per_kb", NULL, 0 },
	{ "ns_per_kb_q1", NULL, 0 },
	{ "ns_per_kb_q3", NULL, 0 },
	{ "rounds", NULL, 0 },
	{ "of_plain", NULL, 0 },
	{ "of_plain_q1", NULL, 0 },
	{ "of_plain_q3", NULL, 0 },
};

static void absent_row(struct wm_out *out, const struct series *s)
{
	wm_out_row(out);
	wm_out_cell_str(out, s->rival);
	wm_out_cell_str(out, s->title);
	for (int i = 0; i < 5; i++)
		wm_out_cell_str(out, NULL);
	wm_out_cell_str(out, s->lacks);
	for (int i = 0; i < 3; i++)
		wm_out_cell_str(out, NULL);
	wm_out_cell_uint(out, 0);
	for (int i = 0; i < 3; i++)
		wm_out_cell_str(out, NULL);
}

static void row(struct wm_out *out, const struct measure *m, const struct series *s)
{
	const struct series *plain = measure_find(m, RIVAL_PLAIN);
	struct spread ns = spread_of(s->ns, s->n), of_plain = plain ? spread_ratio(s, plain) : (struct spread){ 0 };
	const double numbers[] = { of_plain.median, of_plain.q1, of_plain.q3 };

	wm_out_row(out);
	wm_out_cell_str(out, s->rival);
	wm_out_cell_str(out, s->title);
	report_cell(out, "%.1f", ns.median);
	report_cell(out, "%.1f-%.1f", ns.q1, ns.q3);
	plain &&s != plain ? report_ratio_cell(out, of_plain) : wm_out_cell_str(out, "");
	wm_out_cell_uint(out, s->packets ? s->bytes / s->packets : 0);
	wm_out_cell_uint(out, s->again);
	wm_out_cell_str(out, s->lacks);
	wm_out_cell_real(out, ns.median);
	wm_out_cell_real(out, ns.q1);
	wm_out_cell_real(out, ns.q3);
	wm_out_cell_uint(out, s->n);
	for (size_t i = 0; i < WM_ARRAY_LEN(numbers); i++)
		plain ? wm_out_cell_real(out, numbers[i]) : wm_out_cell_str(out, NULL);
}

void report_streams(struct wm_out *out, const struct measure *m)
{
	char heading[128];

	wm_format(heading, sizeof(heading), "%s; %u hosts", m->title, m->hosts);
	wm_out_object(out, NULL, heading);
	wm_out_str(out, "name", NULL, m->name);
	wm_out_uint(out, "hosts", NULL, m->hosts);
	wm_out_uint(out, "streams", NULL, m->flows);
	wm_out_table(out, "rivals", NULL, columns, WM_ARRAY_LEN(columns));
	for (size_t i = 0; i < m->nseries; i++)
		m->series[i].n ? row(out, m, &m->series[i]) : absent_row(out, &m->series[i]);
	wm_out_table_end(out, NULL);
	wm_out_object_end(out);
}
