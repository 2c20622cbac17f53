/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Random traffic: conversations with answers, errors and ends, and packets that
 * belong to none, valid and not. The same seed gives the same packets.
 */
#pragma once

#include "packets/packets.h"

#define TALKS 40
#define TRAIN 8

/* Two machines that talk: who asks, and who is asked. */
struct talk {
	const struct party *peer, *end;
	uint8_t proto;
	uint16_t peer_port, end_port;
	struct pkt last[2]; /* what the end was asked last, what the peer was answered; proto 0: nothing yet */
};

/* Fragments of one packet that are still to be sent, one after the other. */
struct train {
	struct pkt piece[TRAIN];
	enum place at;
	unsigned int n;
};

struct traffic {
	uint64_t state;
	enum config config;
	struct talk talk[TALKS];
	struct train train;
	struct pkt quoted; /* of the packet that was made last */
};

void traffic_begin(struct traffic *t, uint64_t seed, enum config config);

/* The next packet, which comes so many seconds later; it may quote one that stays as it is until the next call. Returns
 * where it comes in. */
enum place traffic_next(struct traffic *t, struct pkt *ret, unsigned int *ret_age_s);
