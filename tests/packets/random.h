/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Random traffic: conversations with answers, errors and ends, and packets that
 * belong to none, valid and not. The same seed gives the same packets.
 */
#pragma once

#include "packets/packets.h"

#define TALKS 40

/* Two machines that talk: who asks, and who is asked. */
struct talk {
	const struct party *peer, *end;
	uint8_t proto;
	uint16_t peer_port, end_port;
};

struct traffic {
	uint64_t state;
	enum config config;
	struct talk talk[TALKS];
	struct pkt quoted; /* of the packet that was made last */
};

void traffic_begin(struct traffic *t, uint64_t seed, enum config config);

/* The next packet; it may quote one that stays as it is until the next call. Returns where it comes in. */
enum place traffic_next(struct traffic *t, struct pkt *ret);
