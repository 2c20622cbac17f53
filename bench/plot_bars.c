/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "bench/plot.h"
#include "bench/rival.h"
#include "core/util.h"

#define LABELS 256 /* width of what stands at the left */
#define BARS 150
#define CUT_AT 1.6 /* so many times the slowest that has no rules for each host: what is longer ends there */
#define GREY "#c4c4c4"

const char *plot_colour(const char *rival)
{
	if (strncmp(rival, "wm_bpf", 6) == 0)
		return "#1f7a5c";
	if (strncmp(rival, "wm_", 3) == 0)
		return "#7fb069";
	return strncmp(rival, RIVAL_FLOOR, strlen(RIVAL_FLOOR)) == 0 ? GREY
	       : strcmp(rival, RIVAL_PLAIN) == 0		     ? "#4a7fb5"
								     : "#c8553d";
}

void plot_text(FILE *f, const char *text)
{
	for (; *text; text++)
		*text == '>' ? fputs("&gt;", f) : *text == '<' ? fputs("&lt;", f) : fputc(*text, f);
}

static double median_of(const struct series *s)
{
	return s && s->n ? spread_of(s->ns, s->n).median : 0;
}

static bool has_rules(const char *rival)
{
	return strstr(rival, "_rules");
}

static double scale_of(const struct measure *m)
{
	double most = 1, all = 1;

	for (size_t i = 0; i < m->nseries; i++) {
		all = WM_MAX(all, median_of(&m->series[i]));
		if (!has_rules(m->series[i].rival))
			most = WM_MAX(most, median_of(&m->series[i]));
	}
	return WM_MIN(all, CUT_AT * most);
}

static void heading(FILE *f, int x, int y, const char *title, uint32_t hosts, const char *unit)
{
	fprintf(f, "<text x=\"%d\" y=\"%d\" font-weight=\"bold\">", x + 4, y + 24);
	plot_text(f, title);
	fprintf(f, "; %u hosts</text><text x=\"%d\" y=\"%d\" fill=\"#666\">%s</text>\n", hosts, x + 4, y + 38, unit);
}

static void label(FILE *f, int x, int y, const char *title, const char *rival)
{
	bool ours = strncmp(rival, "wm_", 3) == 0;

	fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\"%s>", x + LABELS - 6, y + PLOT_BAR - 4,
		ours ? " font-weight=\"bold\"" : "");
	plot_text(f, title);
	fprintf(f, "</text>\n");
}

static void rectangle(FILE *f, int x, int y, int width, int height, const char *colour)
{
	fprintf(f, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"/>\n", x, y, WM_MAX(width, 1), height,
		colour);
}

/* --- what it costs ---------------------------------------------------------------------------- */

int plot_bars_height(const struct measure *m)
{
	int height = PLOT_HEAD;

	for (size_t i = 0; m && i < m->nseries; i++)
		height += m->series[i].n ? PLOT_BAR : 0;
	return m ? height : 0;
}

static void bar(FILE *f, const struct measure *m, const struct series *s, double scale, int x, int y)
{
	double ns = median_of(s), low = WM_MIN(ns, median_of(measure_find(m, RIVAL_FLOOR)));
	int width = (int)(WM_MIN(ns / scale, 1.0) * BARS), grey = (int)(low / scale * BARS);

	label(f, x, y, s->title, s->rival);
	rectangle(f, x + LABELS, y + 1, width, PLOT_BAR - 3, plot_colour(s->rival));
	rectangle(f, x + LABELS, y + 1, WM_MIN(grey, width), PLOT_BAR - 3, GREY);
	fprintf(f, "<text x=\"%d\" y=\"%d\">%.*f%s</text>\n", x + LABELS + width + 5, y + PLOT_BAR - 4,
		ns<200, ns, ns> scale ? " (cut)" : "");
}

void plot_bars(FILE *f, const struct measure *m, int x, int y)
{
	double scale = scale_of(m);

	heading(f, x, y, m->title, m->hosts,
		m->streams ? "ns of one processor for a thousand bytes; grey: the floor"
			   : "ns of one processor for a packet; grey: the floor");
	y += PLOT_HEAD;
	for (size_t i = 0; i < m->nseries; i++) {
		if (!m->series[i].n)
			continue;
		bar(f, m, &m->series[i], scale, x, y);
		y += PLOT_BAR;
	}
}

/* --- how long it takes ------------------------------------------------------------------------ */

enum { P50, P90, P99 }; /* of transit_parts */

int plot_transit_height(const struct transit *t)
{
	return t ? PLOT_HEAD + PLOT_BAR * (int)t->nseries : 0;
}

static double part_of(const struct transit_series *s, int part)
{
	return s->n ? spread_of(s->ns[part], s->n).median / 1000 : 0;
}

void plot_transit(FILE *f, const struct transit *t, int x, int y)
{
	double most = 0.001;

	for (size_t i = 0; i < t->nseries; i++)
		most = WM_MAX(most, part_of(&t->series[i], P99));
	heading(f, x, y, t->title, t->hosts, "µs on its way: the median, and the line ends at the 99th of a hundred");
	y += PLOT_HEAD;
	for (size_t i = 0; i < t->nseries; i++, y += PLOT_BAR) {
		const struct transit_series *s = &t->series[i];
		double half = part_of(s, P50), late = part_of(s, P99);
		int end = x + LABELS + (int)(late / most * BARS);

		label(f, x, y, s->title, s->rival);
		rectangle(f, x + LABELS, y + 1, (int)(half / most * BARS), PLOT_BAR - 3, plot_colour(s->rival));
		rectangle(f, x + LABELS, y + PLOT_BAR / 2 - 1, end - x - LABELS, 2, "#444");
		fprintf(f, "<text x=\"%d\" y=\"%d\">%.1f, %.0f</text>\n", end + 5, y + PLOT_BAR - 4, half, late);
	}
}
