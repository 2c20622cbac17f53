/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From a row's short note of what must come out to the whole packet.
 */
#pragma once

#include "packets/build.h"

/* A packet as it came out somewhere, or must. */
struct seen {
	enum place at;
	uint8_t eth[ETH_LEN]; /* on a LAN; else zero */
	uint8_t *data;        /* malloc'd: the IP packet, or what follows the Ethernet header */
	size_t len;
	bool ip;              /* data is an IPv4 packet */
	bool unfinished;      /* left to a device: no checksum yet, or not yet cut into segments */
	bool any_id;          /* must: whatever IP id and "don't fragment" the stack chose */
	bool wrong_sum;       /* must: a wrong or unfinished L4 checksum, or a header that lies, as it was */
};

struct seen_list {
	struct seen *item;
	size_t n, cap;
};

struct seen *seen_add(struct seen_list *list);
void seen_clear(struct seen_list *list); /* frees all it holds */

/* Everything that step must bring out once. */
/* NFT: what netfilter cannot do alike is expected as it does it (docs/dataplane-nft.md). Else: FAST, STACK. */
void expect_mode(unsigned int mode);

void expect_step(const struct step *step, unsigned int row, struct seen_list *ret);
