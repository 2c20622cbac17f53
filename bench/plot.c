/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The picture: what a reader wants to see first. At the left from the mesh to
 * a LAN, at the right the other way. All figures are in the table.
 */
#include <string.h>

#include "bench/plot.h"
#include "bench/report.h"
#include "core/util.h"

#define HOSTS 10000 /* of bars: this size, or the nearest below */
#define SECOND (PLOT_PANEL + 20)
#define WIDTH (SECOND + PLOT_PANEL + 16)

static const struct pair {
	const char *left, *right;
} pairs[] = {
	{ "wg_to_lan", "lan_to_wg" },
	{ "isolated_to_lan", "isolated_to_wg" },
	{ "relay", "flood" },
	{ "tcp_to_lan", "tcp_to_wg" },
};

static const struct measure *find_measure(const struct result *r, const char *load)
{
	const struct measure *best = NULL;

	for (size_t i = 0; i < r->n; i++) {
		const struct measure *m = &r->measure[i];

		if (strcmp(m->name, load) == 0 && (!best || (m->hosts <= HOSTS && m->hosts > best->hosts)))
			best = m;
	}
	return best;
}

static const struct transit *find_transit(const struct transits *t, const char *load)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->transit[i].name, load) == 0)
			return &t->transit[i];
	return NULL;
}

static int draw_pair(FILE *f, const struct result *r, const struct pair *p, int y)
{
	const struct measure *left = find_measure(r, p->left), *right = find_measure(r, p->right);

	if (left)
		plot_bars(f, left, 0, y);
	if (right)
		plot_bars(f, right, SECOND, y);
	return y + WM_MAX(plot_bars_height(left), plot_bars_height(right));
}

static int draw_transits(FILE *f, const struct transits *t, int y)
{
	const struct transit *left = find_transit(t, "transit_to_lan"), *right = find_transit(t, "transit_to_wg");

	if (left)
		plot_transit(f, left, 0, y);
	if (right)
		plot_transit(f, right, SECOND, y);
	return y + WM_MAX(plot_transit_height(left), plot_transit_height(right));
}

static int draw(FILE *f, const struct report *r)
{
	int y = 0;

	if (find_measure(&r->result, "wg_to_lan") && find_measure(&r->result, "lan_to_wg")) {
		plot_lines(f, &r->result, "wg_to_lan", "wg -> LAN: ns for a packet", 0, y);
		plot_lines(f, &r->result, "lan_to_wg", "LAN -> wg: ns for a packet", SECOND, y);
		y += PLOT_LINES;
	}
	for (size_t i = 0; i < WM_ARRAY_LEN(pairs); i++)
		y = draw_pair(f, &r->result, &pairs[i], y);
	return draw_transits(f, &r->transits, y);
}

int plot_write(FILE *f, const struct report *r)
{
	WM_AUTO_FREE char *inside = NULL;
	size_t len;
	FILE *body = open_memstream(&inside, &len);

	if (!body)
		return -1;
	int height = draw(body, r) + PLOT_BAR;
	fclose(body);
	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-8 0 %d %d\" font-family=\"sans-serif\" "
		"font-size=\"11\">\n<rect x=\"-8\" width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n%s</svg>\n",
		WIDTH, height, inside);
	return ferror(f) ? -1 : 0;
}
