/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How many connections each address has. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define PEERS_MAX 1000 /* connections from one address; of IPv6, from one /64, which is one customer's */
#define PEERS_BUCKETS 4096

struct peer {
	uint8_t from[16];
	unsigned int n;
	struct peer *next;
};

struct peers {
	struct peer *buckets[PEERS_BUCKETS];
};

/* One more from there: who has to be told by peers_leave when it ends. NULL with *ret_full: there are enough;
 * NULL without: it is not counted (this machine, which is where a tunnel or proxy is; a local socket; no memory). */
struct peer *peers_enter(struct peers *peers, const struct sockaddr *addr, bool *ret_full);
void peers_leave(struct peers *peers, struct peer *peer); /* NULL-safe */
