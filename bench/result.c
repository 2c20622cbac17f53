/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/result.h"

#include <stdlib.h>
#include <string.h>

#include "core/util.h"

void result_free(struct result *r)
{
	for (size_t i = 0; i < r->n; i++) {
		for (size_t s = 0; s < r->measure[i].nseries; s++)
			free(r->measure[i].series[s].ns);
		free(r->measure[i].series);
	}
	free(r->measure);
	*r = (struct result){ 0 };
}

struct measure *result_add(struct result *r, size_t nseries, size_t rounds)
{
	if (wm_grow((void **)&r->measure, &r->capacity, r->n + 1, sizeof(*r->measure)) < 0)
		return NULL;
	struct measure *m = &r->measure[r->n];
	*m = (struct measure){ .series = calloc(nseries, sizeof(*m->series)), .nseries = nseries };
	if (!m->series)
		return NULL;
	r->n++;
	for (size_t s = 0; s < nseries; s++) {
		m->series[s].ns = calloc(rounds, sizeof(double));
		if (!m->series[s].ns)
			return NULL;
	}
	return m;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Between neighbours, in proportion. */
static double quantile(const double *sorted, size_t n, double q)
{
	double at = q * (double)(n - 1);
	size_t low = (size_t)at, high = WM_MIN(low + 1, n - 1);

	return sorted[low] + (sorted[high] - sorted[low]) * (at - (double)low);
}

struct spread spread_of(const double *values, size_t n)
{
	WM_AUTO_FREE double *sorted = malloc((n + 1) * sizeof(*sorted));

	if (!sorted || !n)
		return (struct spread){ 0 };
	memcpy(sorted, values, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare);
	return (struct spread){ quantile(sorted, n, 0.25), quantile(sorted, n, 0.5), quantile(sorted, n, 0.75) };
}

struct spread spread_ratio(const struct series *a, const struct series *b)
{
	size_t n = WM_MIN(a->n, b->n);
	WM_AUTO_FREE double *ratio = malloc((n + 1) * sizeof(*ratio));

	if (!ratio)
		return (struct spread){ 0 };
	for (size_t i = 0; i < n; i++)
		ratio[i] = a->ns[i] / b->ns[i];
	return spread_of(ratio, n);
}

const struct series *measure_find(const struct measure *m, const char *rival)
{
	for (size_t i = 0; i < m->nseries; i++)
		if (strcmp(m->series[i].rival, rival) == 0)
			return &m->series[i];
	return NULL;
}
