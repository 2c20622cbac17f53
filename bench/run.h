/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Comparisons: which rivals, which packets; and the rounds in which all of them
 * take turns, so that whatever else the machine does meets all alike.
 */
#pragma once

#include <stdbool.h>

#include "bench/result.h"
#include "bench/rival.h"
#include "core/error.h"

struct load {
	const char *name, *title;
	enum wire_way way;
	bool one; /* always the same flow */
};

#define LOADS_MAX 4

struct comparison {
	enum scope scope;
	const char *name;
	uint32_t hosts_max;	      /* 0: any number */
	struct load loads[LOADS_MAX]; /* up to one without a name */
};

extern const struct comparison comparisons[];
extern const unsigned int ncomparisons;

struct run {
	uint32_t rounds, packets;
	bool quick;	   /* only the rivals and loads that matter most */
	bool rules;	   /* rules per host also where they are more than 20,000 */
	const char *rival; /* only those with this in their name, and the floor and wm bpf; NULL: all */
	const char *load;  /* only those with this in their name; NULL: all */
};

/* On stderr: what it is at, and how far. */
void run_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Streams of TCP through a site's gateway (streams.c), as run_comparison. */
int run_streams(uint32_t hosts, const struct run *run, struct result *ret, struct wm_error *err);

/* Sets up all rivals of a comparison, measures, takes them down. -EBADMSG: one of them did its work wrong. */
int run_comparison(const struct comparison *c, uint32_t hosts, const struct run *run, struct result *ret,
		   struct wm_error *err);
