/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <string.h>

#include "bench/plot.h"
#include "bench/rival.h"
#include "core/util.h"

#define LEFT 52 /* of the numbers */
#define RIGHT 24
#define TOP 44
#define BOTTOM 96 /* of the sizes and of what the lines are */
#define TOP_NS 4000.0
#define STEP_NS 1000
#define SIZES 8

/* In this order; what is faster than another is mostly below it. */
static const struct line {
	const char *rival, *title, *colour, *dash;
	int width;
} lines[] = {
	{ RIVAL_FLOOR, "floor", "#999", "2 3", 2 },
	{ RIVAL_PLAIN, "plain forwarding", "#4a7fb5", "", 2 },
	{ RIVAL_BPF, "wm bpf", "#1f7a5c", "", 4 },
	{ RIVAL_NFT, "wm nft", "#7fb069", "", 3 },
	{ "nft_ct_maps", "nft, conntrack maps", "#c8553d", "", 2 },
	{ "nft_stateless", "nft, stateless maps", "#e0a030", "", 2 },
	{ "nft_rules", "nft, a rule per host", "#7b2d26", "7 4", 2 },
};

struct frame {
	int x, y;
	double least, most; /* hosts */
};

static double x_of(const struct frame *p, double hosts)
{
	double share = p->most > p->least ? log(hosts / p->least) / log(p->most / p->least) : 0;

	return p->x + LEFT + share * (PLOT_PANEL - LEFT - RIGHT);
}

static double y_of(const struct frame *p, double ns)
{
	return p->y + TOP + (1 - ns / TOP_NS) * (PLOT_LINES - TOP - BOTTOM);
}

static void axes(FILE *f, const struct frame *p, const struct result *r, const char *load)
{
	for (int ns = 0; ns <= (int)TOP_NS; ns += STEP_NS) {
		fprintf(f, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", p->x + LEFT,
			p->x + PLOT_PANEL - RIGHT, y_of(p, ns), y_of(p, ns));
		fprintf(f, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%d</text>\n", p->x + LEFT - 6,
			y_of(p, ns) + 4, ns);
	}
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->measure[i].name, load) == 0)
			fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%u</text>\n",
				x_of(p, r->measure[i].hosts), y_of(p, 0) + 15, r->measure[i].hosts);
	fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" fill=\"#666\">hosts</text>\n",
		x_of(p, sqrt(p->least * p->most)), y_of(p, 0) + 29);
}

/* From size to size; what goes beyond the top is cut off by the frame. */
static void draw(FILE *f, const struct frame *p, const struct result *r, const char *load, const struct line *l)
{
	fprintf(f,
		"<polyline clip-path=\"url(#c%d)\" fill=\"none\" stroke=\"%s\" stroke-width=\"%d\" "
		"stroke-dasharray=\"%s\" points=\"",
		p->x, l->colour, l->width, *l->dash ? l->dash : "none");
	for (size_t i = 0; i < r->n; i++) {
		const struct measure *m = &r->measure[i];
		const struct series *s = strcmp(m->name, load) == 0 ? measure_find(m, l->rival) : NULL;

		if (s && s->n)
			fprintf(f, "%.1f,%.1f ", x_of(p, m->hosts), y_of(p, spread_of(s->ns, s->n).median));
	}
	fprintf(f, "\"/>\n");
}

static void legend(FILE *f, const struct frame *p)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(lines); i++) {
		int x = p->x + LEFT + (int)(i % 3) * 146, y = p->y + PLOT_LINES - 42 + (int)(i / 3) * 15;

		fprintf(f,
			"<line x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\" stroke=\"%s\" stroke-width=\"%d\" "
			"stroke-dasharray=\"%s\"/>\n",
			x, x + 22, y - 4, y - 4, lines[i].colour, lines[i].width,
			*lines[i].dash ? lines[i].dash : "none");
		fprintf(f, "<text x=\"%d\" y=\"%d\">%s</text>\n", x + 27, y, lines[i].title);
	}
}

void plot_lines(FILE *f, const struct result *r, const char *load, const char *title, int x, int y)
{
	struct frame p = { x, y, INFINITY, 0 };

	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->measure[i].name, load) == 0) {
			p.least = fmin(p.least, r->measure[i].hosts);
			p.most = fmax(p.most, r->measure[i].hosts);
		}
	fprintf(f, "<text x=\"%d\" y=\"%d\" font-weight=\"bold\">", x + 4, y + 24);
	plot_text(f, title);
	fprintf(f, "</text>\n<clipPath id=\"c%d\"><rect x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%d\"/></clipPath>\n",
		x, x + LEFT - 4, y_of(&p, TOP_NS), PLOT_PANEL - LEFT - RIGHT + 8, PLOT_LINES - TOP - BOTTOM);
	axes(f, &p, r, load);
	for (size_t i = 0; i < WM_ARRAY_LEN(lines); i++)
		draw(f, &p, r, load, &lines[i]);
	legend(f, &p);
}
