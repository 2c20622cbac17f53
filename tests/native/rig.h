/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The rig of tests/packets with the programs in this process, and what it has
 * noted of each packet that a row sent.
 */
#pragma once

#include "native/world.h"
#include "packets/rig.h"

/* What one packet of a row did. */
struct trace {
	enum place at;
	const struct pkt *pkt;
	uint64_t path;      /* of the branches that were taken, in all programs that it met */
	uint64_t verdict;   /* of programs, actions and reasons, in order */
	bool zero_sum;      /* a checksum came to 0 */
	uint32_t reasons;   /* bits: 1 << enum wm_reason that was given; 1 << WM_REASON_COUNT: none */
};

/* Of all packets sent but the markers, since the list was last emptied. */
extern struct trace_list {
	struct trace *item;
	size_t n, cap;
} traces;

/* As rig_send; ran is called for each program that the packet meets. Nothing is noted. */
void rig_send_noting(enum place at, const struct pkt *p, unsigned int row, void (*ran)(const struct program_run *run));

/* Is it one of the known-good packets that the runner sends behind each step's? */
bool is_marker_packet(const struct pkt *p);

/* --- paths.c: which branches the programs take ------------------------------------------ */

void path_begin(void);
uint64_t path_end(void); /* a hash; the same for the same set of branches */
uint64_t hash_more(uint64_t hash, uint64_t value);
