/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What was measured: nanoseconds of the gateway's processor per packet or per
 * thousand bytes, of each rival in each round. And what it comes to: medians,
 * quartiles, ratios.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spread {
	double q1, median, q3;
};

/* One rival in one measure. */
struct series {
	const char *rival, *title, *lacks;
	double *ns; /* a value a round */
	size_t n;
	/* Of streams, over all rounds: how large packets came out of the gateway, and what TCP has sent twice. */
	uint64_t packets, bytes, again;
};

/* What is compared round by round. */
struct measure {
	const char *name;  /* "wg_to_lan" */
	const char *title; /* "wg -> LAN" */
	uint32_t hosts, flows;
	bool streams; /* ns are for a thousand bytes */
	struct series *series;
	size_t nseries;
};

struct result {
	struct measure *measure;
	size_t n, capacity;
	uint32_t rounds, packets; /* packets of a rival in a round */
};

void result_free(struct result *r);

/* Adds one with so many series; NULL: no memory. Good until the next. */
struct measure *result_add(struct result *r, size_t nseries, size_t rounds);

struct spread spread_of(const double *values, size_t n);
/* Of a over b, round by round. */
struct spread spread_ratio(const struct series *a, const struct series *b);
const struct series *measure_find(const struct measure *m, const char *rival); /* NULL: it takes no part */
