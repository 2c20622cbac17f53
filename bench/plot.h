/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The parts of the picture. Each draws at a place and says nothing else.
 */
#pragma once

#include <stdio.h>

#include "bench/result.h"
#include "bench/transit.h"

#define PLOT_BAR 15    /* height, with the space below */
#define PLOT_HEAD 44   /* of a group, with the space above */
#define PLOT_PANEL 480 /* width */
#define PLOT_LINES 300 /* height of lines */

const char *plot_colour(const char *rival);
void plot_text(FILE *f, const char *text); /* with what XML wants */

/* What a packet costs, with the floor as the grey part of it; lower is better. */
int plot_bars_height(const struct measure *m);
void plot_bars(FILE *f, const struct measure *m, int x, int y);

/* How long it is on its way: the median, and a line to the 99th. */
int plot_transit_height(const struct transit *t);
void plot_transit(FILE *f, const struct transit *t, int x, int y);

/* What it costs with more and more hosts. */
void plot_lines(FILE *f, const struct result *r, const char *load, const char *title, int x, int y);
