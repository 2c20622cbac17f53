/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What more hosts cost: a packet with the fewest of them, and how many times
 * that with more. The sizes are measured one after the other, not in turns.
 */
#include <math.h>
#include <string.h>

#include "bench/report_parts.h"
#include "core/output.h"
#include "core/util.h"

#define SIZES 8
#define LEAST_NS 5 /* of less, a ratio says nothing */
#define NAMED 4	   /* columns before those of the sizes */

/* The columns of a table that has one for each size. */
struct growth {
	uint32_t hosts[SIZES];
	size_t n;
	char key[SIZES][24], header[SIZES][24];
	struct wm_col col[NAMED + 2 * SIZES];
	size_t ncols;
};

static void note_size(struct growth *g, uint32_t hosts)
{
	size_t at = 0;

	while (at < g->n && g->hosts[at] < hosts)
		at++;
	if (g->n == SIZES || (at < g->n && g->hosts[at] == hosts))
		return;
	memmove(&g->hosts[at + 1], &g->hosts[at], (g->n - at) * sizeof(g->hosts[0]));
	g->hosts[at] = hosts;
	g->n++;
}

/* A column for people and one for programs; of the first size, which all are compared with, nanoseconds. */
static void name_columns(struct growth *g, const char *what, const char *title)
{
	g->col[0] = (struct wm_col){ what, NULL, 0 };
	g->col[1] = (struct wm_col){ NULL, title, 0 };
	g->col[2] = (struct wm_col){ "rival", NULL, 0 };
	g->col[3] = (struct wm_col){ NULL, "RIVAL", 0 };
	g->ncols = NAMED;
	for (size_t i = 0; i < g->n; i++) {
		snprintf(g->header[i], sizeof(g->header[i]), i ? "AT %u" : "NS AT %u", g->hosts[i]);
		snprintf(g->key[i], sizeof(g->key[i]), i ? "at_%u" : "ns_at_%u", g->hosts[i]);
		g->col[g->ncols++] = (struct wm_col){ NULL, g->header[i], WM_COL_RIGHT };
		g->col[g->ncols++] = (struct wm_col){ g->key[i], NULL, 0 };
	}
}

/* NAN where nothing was measured. */
static void row(struct wm_out *out, const struct growth *g, const char *const names[NAMED], const double ns[SIZES])
{
	wm_out_row(out);
	for (size_t i = 0; i < NAMED; i++)
		wm_out_cell_str(out, names[i]);
	for (size_t i = 0; i < g->n; i++) {
		double value = !i ? ns[0] : ns[0] >= LEAST_NS ? ns[i] / ns[0] : NAN;

		if (isnan(value))
			wm_out_cell_str(out, "-");
		else
			report_cell(out, i ? "%.2fx" : "%.0f", value);
		wm_out_cell_real(out, value);
	}
}

/* --- paths ------------------------------------------------------------------------------------ */

static bool grows(const struct measure *m)
{
	return !m->streams && m->flows > 1;
}

static double path_ns(const struct result *r, const char *load, const char *rival, uint32_t hosts)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct measure *m = &r->measure[i];
		const struct series *s =
			m->hosts == hosts && strcmp(m->name, load) == 0 ? measure_find(m, rival) : NULL;
		if (s && s->n)
			return spread_of(s->ns, s->n).median;
	}
	return NAN;
}

static void path_rows(struct wm_out *out, const struct growth *g, const struct result *r, const struct measure *m)
{
	for (size_t s = 0; s < m->nseries; s++) {
		const char *names[NAMED] = { m->name, m->title, m->series[s].rival, m->series[s].title };
		double ns[SIZES];

		for (size_t i = 0; i < g->n; i++)
			ns[i] = path_ns(r, m->name, m->series[s].rival, g->hosts[i]);
		row(out, g, names, ns);
	}
}

static void path_growth(struct wm_out *out, const struct result *r)
{
	struct growth g = { .n = 0 };

	for (size_t i = 0; i < r->n; i++)
		if (grows(&r->measure[i]))
			note_size(&g, r->measure[i].hosts);
	if (g.n < 2)
		return;
	name_columns(&g, "load", "GROWTH OF THE PATH");
	wm_out_table(out, "growth", NULL, g.col, g.ncols);
	for (size_t i = 0; i < r->n; i++)
		if (grows(&r->measure[i]) && r->measure[i].hosts == g.hosts[0])
			path_rows(out, &g, r, &r->measure[i]);
	wm_out_table_end(out, NULL);
}

/* --- programs --------------------------------------------------------------------------------- */

static double program_ns(const struct costs *c, const char *program, uint32_t hosts)
{
	for (unsigned int i = 0; i < c->n; i++)
		if (c->cost[i].hosts == hosts && strcmp(c->cost[i].program, program) == 0)
			return c->cost[i].ns.median;
	return NAN;
}

void report_cost_growth(struct wm_out *out, const struct costs *c)
{
	struct growth g = { .n = 0 };

	for (unsigned int i = 0; i < c->n; i++)
		note_size(&g, c->cost[i].hosts);
	if (g.n < 2)
		return;
	name_columns(&g, "program", "GROWTH OF THE PROGRAM");
	/* There are no rivals among programs. */
	g.col[2].key = g.col[3].header = NULL;
	wm_out_table(out, "program_growth", NULL, g.col, g.ncols);
	for (unsigned int p = 0; p < c->n; p++) {
		const char *names[NAMED] = { c->cost[p].program, c->cost[p].title, "", "" };
		double ns[SIZES];

		for (size_t i = 0; i < g.n; i++)
			ns[i] = program_ns(c, c->cost[p].program, g.hosts[i]);
		if (c->cost[p].hosts == g.hosts[0])
			row(out, &g, names, ns);
	}
	wm_out_table_end(out, NULL);
}

void report_growth(struct wm_out *out, const struct report *r)
{
	path_growth(out, &r->result);
	report_cost_growth(out, &r->costs);
}
