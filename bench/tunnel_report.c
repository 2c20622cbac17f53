/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What was measured with a tunnel, for people and for programs.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "bench/machine.h"
#include "bench/rival.h"
#include "bench/tunnel.h"
#include "core/output.h"
#include "core/util.h"

static const struct wm_col columns[] = {
	{ "rival", NULL, 0 },		  { "title", "RIVAL", 0 },
	{ NULL, "COST", WM_COL_RIGHT },	  { NULL, "SPREAD", WM_COL_RIGHT },
	{ NULL, "NET", WM_COL_RIGHT },	  { NULL, "WM BPF IS CHEAPER", WM_COL_RIGHT },
	{ NULL, "NET", WM_COL_RIGHT },	  { NULL, "WM NFT IS CHEAPER", WM_COL_RIGHT },
	{ "cost", NULL, 0 },		  { "cost_q1", NULL, 0 },
	{ "cost_q3", NULL, 0 },		  { "net", NULL, 0 },
	{ "rounds", NULL, 0 },		  { "bpf_percent", NULL, 0 },
	{ "bpf_percent_q1", NULL, 0 },	  { "bpf_percent_q3", NULL, 0 },
	{ "nft_percent", NULL, 0 },	  { "nft_percent_q1", NULL, 0 },
	{ "nft_percent_q3", NULL, 0 },
};

static void cell(struct wm_out *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void cell(struct wm_out *out, const char *fmt, ...)
{
	char text[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	wm_out_cell_str(out, text);
}

/* What a rival takes beyond the floor, round by round: which work is not the rival's differs less within a round. */
static double net_of(const struct measure *m, const struct series *s)
{
	const struct series *low = measure_find(m, RIVAL_FLOOR);
	WM_AUTO_FREE double *over = calloc(s->n + 1, sizeof(*over));

	if (!low || !over)
		return 0;
	for (size_t i = 0; i < s->n; i++)
		over[i] = s->ns[i] - low->ns[i];
	return spread_of(over, s->n).median;
}

static void ratio_cell(struct wm_out *out, const struct series *s, const struct series *base)
{
	if (!base || base == s)
		return wm_out_cell_str(out, "");
	struct spread r = spread_ratio(s, base);
	cell(out, "%.3fx (%.3f-%.3f)", r.median, r.q1, r.q3);
}

static void percent_cells(struct wm_out *out, const struct series *s, const struct series *base)
{
	struct spread r = base ? spread_ratio(s, base) : (struct spread){ 0 };

	wm_out_cell_real(out, 100 * r.median);
	wm_out_cell_real(out, 100 * r.q1);
	wm_out_cell_real(out, 100 * r.q3);
}

static void row(struct wm_out *out, const struct measure *m, const struct series *s)
{
	const struct series *bpf = measure_find(m, RIVAL_BPF), *nft = measure_find(m, RIVAL_NFT);
	struct spread cost = spread_of(s->ns, s->n);
	double net = net_of(m, s), base = bpf ? net_of(m, bpf) : 0;

	wm_out_row(out);
	wm_out_cell_str(out, s->rival);
	wm_out_cell_str(out, s->title);
	cell(out, "%.0f", cost.median);
	cell(out, "%.0f-%.0f", cost.q1, cost.q3);
	cell(out, "%.0f", net);
	ratio_cell(out, s, bpf);
	if (s == bpf || base <= 0 || net <= 0)
		wm_out_cell_str(out, "");
	else
		cell(out, "%.1fx", net / base);
	ratio_cell(out, s, nft);
	wm_out_cell_uint(out, (uint64_t)lround(cost.median));
	wm_out_cell_uint(out, (uint64_t)lround(cost.q1));
	wm_out_cell_uint(out, (uint64_t)lround(cost.q3));
	wm_out_cell_real(out, net);
	wm_out_cell_uint(out, s->n);
	percent_cells(out, s, bpf);
	percent_cells(out, s, nft);
}

static void write_measure(struct wm_out *out, const struct measure *m)
{
	char heading[128];

	wm_format(heading, sizeof(heading), "%s; %u hosts, %u flow%s", m->title, m->hosts, m->flows, m->flows == 1 ? "" : "s");
	wm_out_object(out, NULL, heading);
	wm_out_str(out, "name", NULL, m->name);
	wm_out_uint(out, "hosts", NULL, m->hosts);
	wm_out_uint(out, "flows", NULL, m->flows);
	wm_out_table(out, "rivals", NULL, columns, WM_ARRAY_LEN(columns));
	for (size_t i = 0; i < m->nseries; i++)
		row(out, m, &m->series[i]);
	wm_out_table_end(out, NULL);
	wm_out_object_end(out);
}

int tunnel_report(FILE *f, bool json, const struct tunnel_wish *wish, const struct result *r, const struct machine *m)
{
	struct wm_out *out = wm_out_new(f, json ? WM_OUT_JSON : WM_OUT_TEXT);

	if (!out)
		return -ENOMEM;
	machine_write(out, m);
	wm_out_str(out, "wireguard", "WireGuard", wish->kernel ? "the kernel's" : "wireguard-go");
	wm_out_str(out, "of", "cost of", wish->kernel ? "the whole machine: both ends, gateway, host" : "the gateway");
	wm_out_str(out, "unit", "in", wish->instructions ? "instructions" : "ns of processor time");
	wm_out_uint(out, "rounds", "rounds", wish->rounds);
	wm_out_uint(out, "packets", "packets in a turn", wish->packets);
	wm_out_uint(out, "kilobytes", "kB of TCP in a turn", wish->kilobytes);
	wm_out_array(out, "measures");
	for (size_t i = 0; i < r->n; i++)
		write_measure(out, &r->measure[i]);
	wm_out_array_end(out);
	return wm_out_end(out);
}
