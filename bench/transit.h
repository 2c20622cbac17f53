/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How long a packet is on its way through a gateway that has other packets to
 * carry. They come one by one from the other processor, at moments of chance
 * (Poisson, the same for all rivals) and at a bounded rate; each says when it
 * was sent, and the sink in the kernel reads the same clock.
 */
#pragma once

#include <stdio.h>

#include "bench/result.h"
#include "bench/run.h"

#define TRANSIT_PARTS 4 /* per thousand: 500, 900, 990, 999 */
extern const unsigned int transit_parts[TRANSIT_PARTS];

struct transit_series {
	const char *rival, *title;
	double *ns[TRANSIT_PARTS]; /* a value a round */
	double *kpps;		   /* thousand packets a second, a value a round */
	size_t n;
	uint64_t sent, lost;
};

struct transit {
	const char *name, *title;
	uint32_t hosts;
	struct transit_series *series;
	size_t nseries;
};

struct transits {
	struct transit *transit;
	size_t n, capacity;
	const char *left_out; /* why there are none; NULL: there are, or nobody asked */
};

void transits_free(struct transits *t);

/* All rivals, both ways, at half of what each can carry and at a rate that is the same for all. */
int run_transits(uint32_t hosts, const struct run *run, struct transits *ret, struct wm_error *err);
