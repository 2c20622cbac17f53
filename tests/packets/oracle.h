/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The parts of the oracle: what was sent, what each back end made of it, what
 * is wrong with that by itself, and what is wrong between the two.
 */
#pragma once

#include "core/reason.h"
#include "packets/rules.h"

#define MESHES 2

struct input {
	enum place at;
	unsigned int age_s;   /* so much later than the one before */
	struct pkt pkt, quoted;
	uint8_t *data;        /* malloc'd; as sent, frame or IP packet */
	size_t len;
	struct sent sent;     /* borrows data */
};

enum back_end { BY_BPF, BY_NFT, BACK_ENDS };

/* In seen.any_id: the stack made it, as an answer. */
struct outcome {
	int rc;               /* of sending: what the kernel does not let a socket send is no more */
	uint64_t when;        /* ms */
	uint64_t asked_ago;   /* isolation_age() of what was sent, before it was */
	struct seen_list out; /* IPv4 that came out of a place other than TAP, and whatever else that is no ARP */
	uint64_t reason[MESHES][WM_REASON_COUNT]; /* how much each rose */
	const char *wrong;    /* a rule that it breaks, whatever the other back end does */
};

unsigned int reasons_of(const struct outcome *o);              /* all that rose */
unsigned int rose(const struct outcome *o, unsigned int reason); /* in both meshes together */
unsigned int drops_of(const struct outcome *o);
/* Of what came out, what the stack did not make: the packet itself, or pieces of it. */
unsigned int derived_of(const struct outcome *o);

/* --- oracle_rules.c: one back end by itself -------------------------------------------------- */

void outcome_rules_begin(enum back_end by);
/* Marks what the stack made, and sets asked_ago and wrong. One after the other, in the order in which they were sent. */
void outcome_rules(const struct input *in, struct outcome *o);

/* --- oracle_differences.c: both ---------------------------------------------------------------- */

/* NULL: they do the same, or differ as docs/dataplane-nft.md says, which is counted in used[]. Else what is wrong. */
const char *outcomes_differ(const struct input *in, const struct outcome *bpf, const struct outcome *nft, unsigned int *used);
#define DIFFERENCES_MAX 32
extern const size_t ndifferences;
const char *difference_name(size_t n);
