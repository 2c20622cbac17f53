/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/counters.h"
#include "packets/build.h"
#include "packets/expect.h"
#include "packets/run.h"

#define MARKER_LEN 6 /* bytes behind the UDP header */

/* One row on its way. */
struct run {
	const struct row *row;
	unsigned int number;
	const struct step *step;
	char where[96];
	struct seen_list all; /* of the whole row, for the pcap */
	bool good;
};

struct counters {
	struct wm_counters mesh[2];
	uint64_t around; /* the stack, of mesh 0; NFT_FAST */
};

void free_counters(struct counters *all); /* what they hold */
#define AUTO_COUNTERS __attribute__((cleanup(free_counters)))
int read_counters(struct counters *ret); /* of the planes that are up */

/* What rose between the two; what is wrong is said, and r->good is false then. */
void judge_counters(struct run *r, const struct counters *before, const struct counters *after);
void judge_end(struct run *r, const struct counters *before, const struct counters *after);
void judge_way(struct run *r, const struct counters *before, const struct counters *after);

/* run.c: how many of the markers of each step are counted there. */
unsigned int markers_of(unsigned int mesh, unsigned int reason);
