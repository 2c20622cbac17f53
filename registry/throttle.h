/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How often somebody may come with a bad token. Pure, of fixed size.
 *
 * Only answers to bad tokens depend on it: behind one address there may be
 * many people, and none of them can shut out the others. When the table is
 * full, those are forgotten who have been quiet longest.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define THROTTLE_BURST 100     /* bad tokens at once */
#define THROTTLE_EVERY_MS 1000 /* and then one in so many */
#define THROTTLE_SETS 1024
#define THROTTLE_WAYS 4

struct throttle_entry {
	uint8_t from[16];    /* IPv6, or IPv4 mapped into it; of IPv6 the first half, which is one customer's */
	uint64_t paid_ms;    /* when all that was taken is made good; past: nothing is remembered */
	bool refused;        /* since then */
};

struct throttle {
	struct throttle_entry entries[THROTTLE_SETS][THROTTLE_WAYS];
};

/* A bad token from there: 0, or the seconds after which another would not be too many. *ret_first: it is the first that is
 * too many, worth a line in the log. client: an address as text, or "". */
unsigned int throttle_strike(struct throttle *t, const char *client, uint64_t now_ms, bool *ret_first);
