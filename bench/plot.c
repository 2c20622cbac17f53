/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Bars, a group for each measure. Written by hand: it is a few rectangles.
 */
#include <string.h>

#include "bench/report.h"
#include "bench/rival.h"
#include "core/util.h"

#define WIDTH 900
#define BAR 16	   /* height, with the space below */
#define LABELS 300 /* width of what stands at the left */
#define NUMBERS 80 /* and at the right */
#define GROUP 34   /* of a heading */
#define CUT_AT 4.0 /* so many times wm nft: longer bars end there, and say so */

static const char *colour_of(const char *rival)
{
	if (strncmp(rival, "wm_bpf", 6) == 0)
		return "#2a7f62";
	if (strncmp(rival, "wm_", 3) == 0)
		return "#7fb069";
	return strncmp(rival, "floor", 5) == 0 ? "#b8b8b8" : "#c8553d";
}

/* What is as wide as the picture. */
static double scale_of(const struct measure *m)
{
	const struct series *nft = measure_find(m, RIVAL_NFT);
	double most = 0, cut = nft ? CUT_AT * spread_of(nft->ns, nft->n).median : 0;

	for (size_t i = 0; i < m->nseries; i++)
		most = WM_MAX(most, spread_of(m->series[i].ns, m->series[i].n).median);
	return cut && most > cut ? cut : most;
}

static void draw_bar(FILE *f, const struct series *s, double scale, int y)
{
	double ns = spread_of(s->ns, s->n).median, share = scale > 0 ? WM_MIN(ns / scale, 1.0) : 0;
	int width = (int)(share * (WIDTH - LABELS - NUMBERS));

	fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", LABELS - 6, y + BAR - 5, s->title);
	fprintf(f, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"/>\n", LABELS, y + 1,
		WM_MAX(width, 1), BAR - 3, colour_of(s->rival));
	fprintf(f, "<text x=\"%d\" y=\"%d\">%.0f%s</text>\n", LABELS + width + 5, y + BAR - 5, ns,
		ns > scale ? " (cut)" : "");
}

static int draw_measure(FILE *f, const struct measure *m, int y)
{
	double scale = scale_of(m);

	fprintf(f, "<text x=\"%d\" y=\"%d\" font-weight=\"bold\">", LABELS, y + GROUP - 10);
	for (const char *c = m->title; *c; c++)
		*c == '>' ? fputs("&gt;", f) : fputc(*c, f);
	fprintf(f, "; %u hosts, %u flows: ns of one processor per packet</text>\n", m->hosts, m->flows);
	y += GROUP;
	for (size_t i = 0; i < m->nseries; i++, y += BAR)
		if (m->series[i].n)
			draw_bar(f, &m->series[i], scale, y);
	return y;
}

int plot_write(FILE *f, const struct result *r)
{
	int y = 0, height = BAR;

	for (size_t i = 0; i < r->n; i++)
		height += GROUP + BAR * (int)r->measure[i].nseries;
	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
		"font-size=\"11\">\n",
		WIDTH, height);
	fprintf(f, "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n");
	for (size_t i = 0; i < r->n; i++)
		y = draw_measure(f, &r->measure[i], y);
	fprintf(f, "</svg>\n");
	return ferror(f) ? -1 : 0;
}
