/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/report_parts.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "bench/rival.h"
#include "core/output.h"
#include "core/util.h"

#define NET_MAX 100 /* beyond, the floor's own work is most of what is divided by */

static const struct wm_col columns[] = {
	{ "rival", NULL, 0 },	       { "title", "RIVAL", 0 },
	{ NULL, "NS", WM_COL_RIGHT },  { NULL, "SPREAD", WM_COL_RIGHT },
	{ NULL, "NET", WM_COL_RIGHT }, { NULL, "WM BPF IS FASTER", 0 },
	{ NULL, "NET", WM_COL_RIGHT }, { NULL, "WM NFT IS FASTER", 0 },
	{ "lacks", "IT LACKS", 0 },    { "ns", NULL, 0 },
	{ "ns_q1", NULL, 0 },	       { "ns_q3", NULL, 0 },
	{ "rounds", NULL, 0 },	       { "bpf_percent", NULL, 0 },
	{ "bpf_percent_q1", NULL, 0 }, { "bpf_percent_q3", NULL, 0 },
	{ "nft_percent", NULL, 0 },    { "nft_percent_q1", NULL, 0 },
	{ "nft_percent_q3", NULL, 0 },
};

void report_cell(struct wm_out *out, const char *fmt, ...)
{
	char text[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	wm_out_cell_str(out, text);
}

uint64_t report_whole(double value)
{
	return value > 0 ? (uint64_t)lround(value) : 0;
}

void report_ratio_cell(struct wm_out *out, struct spread ratio)
{
	report_cell(out, "%.2fx (%.2f-%.2f)", ratio.median, ratio.q1, ratio.q3);
}

static void ratio_cell(struct wm_out *out, const struct series *s, const struct series *base)
{
	!base || base == s ? wm_out_cell_str(out, "") : report_ratio_cell(out, spread_ratio(s, base));
}

static void percent_cells(struct wm_out *out, const struct series *s, const struct series *base)
{
	struct spread r = base ? spread_ratio(s, base) : (struct spread){ 0 };

	wm_out_cell_uint(out, report_whole(100 * r.median));
	wm_out_cell_uint(out, report_whole(100 * r.q1));
	wm_out_cell_uint(out, report_whole(100 * r.q3));
}

/* Over the floor, in medians. */
static double net_of(const struct measure *m, const struct series *s)
{
	const struct series *low = measure_find(m, RIVAL_FLOOR);

	return low && s ? spread_of(s->ns, s->n).median - spread_of(low->ns, low->n).median : 0;
}

static void net_ratio_cell(struct wm_out *out, const struct measure *m, const struct series *s,
			   const struct series *bpf)
{
	double base = net_of(m, bpf), net = net_of(m, s);

	if (s == bpf || base <= 0 || net <= 0)
		wm_out_cell_str(out, "");
	else if (net / base >= NET_MAX)
		wm_out_cell_str(out, "-");
	else
		report_cell(out, "%.1fx", net / base);
}

/* Of a rival that was left out: `lacks` says why. */
static void absent_row(struct wm_out *out, const struct series *s)
{
	wm_out_row(out);
	for (size_t i = 0; i < WM_ARRAY_LEN(columns); i++) {
		const char *key = columns[i].key ? columns[i].key : "";

		if (strcmp(key, "rounds") == 0)
			wm_out_cell_uint(out, 0);
		else
			wm_out_cell_str(out, strcmp(key, "rival") == 0	 ? s->rival
					     : strcmp(key, "title") == 0 ? s->title
					     : strcmp(key, "lacks") == 0 ? s->lacks
									 : NULL);
	}
}

static void row(struct wm_out *out, const struct measure *m, const struct series *s)
{
	const struct series *bpf = measure_find(m, RIVAL_BPF), *nft = measure_find(m, RIVAL_NFT);
	struct spread ns = spread_of(s->ns, s->n);

	wm_out_row(out);
	wm_out_cell_str(out, s->rival);
	wm_out_cell_str(out, s->title);
	report_cell(out, "%.0f", ns.median);
	report_cell(out, "%.0f-%.0f", ns.q1, ns.q3);
	report_cell(out, "%.0f", net_of(m, s));
	ratio_cell(out, s, bpf);
	net_ratio_cell(out, m, s, bpf);
	ratio_cell(out, s, nft);
	wm_out_cell_str(out, s->lacks);
	wm_out_cell_uint(out, report_whole(ns.median));
	wm_out_cell_uint(out, report_whole(ns.q1));
	wm_out_cell_uint(out, report_whole(ns.q3));
	wm_out_cell_uint(out, s->n);
	percent_cells(out, s, bpf);
	percent_cells(out, s, nft);
}

void report_measure(struct wm_out *out, const struct measure *m)
{
	char heading[128];

	wm_format(heading, sizeof(heading), "%s; %u hosts, %u flow%s", m->title, m->hosts, m->flows,
		  m->flows == 1 ? "" : "s");
	wm_out_object(out, NULL, heading);
	wm_out_str(out, "name", NULL, m->name);
	wm_out_uint(out, "hosts", NULL, m->hosts);
	wm_out_uint(out, "flows", NULL, m->flows);
	wm_out_table(out, "rivals", NULL, columns, WM_ARRAY_LEN(columns));
	for (size_t i = 0; i < m->nseries; i++)
		m->series[i].n ? row(out, m, &m->series[i]) : absent_row(out, &m->series[i]);
	wm_out_table_end(out, NULL);
	wm_out_object_end(out);
}
