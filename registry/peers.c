/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/peers.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/key.h"

/* False: from this machine. */
static bool read_from(const struct sockaddr *addr, uint8_t *ret)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const uint8_t *six;

	memset(ret, 0, 16);
	if (addr && addr->sa_family == AF_INET) {
		memcpy(ret, mapped, sizeof(mapped));
		memcpy(ret + sizeof(mapped), &((const struct sockaddr_in *)(const void *)addr)->sin_addr, 4);
		return ret[12] != 127;
	}
	if (!addr || addr->sa_family != AF_INET6)
		return false;
	six = ((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr.s6_addr;
	if (!memcmp(six, mapped, sizeof(mapped))) {
		memcpy(ret, six, 16);
		return ret[12] != 127;
	}
	memcpy(ret, six, 8);
	return !IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)(const void *)six);
}

static struct peer **place_of(struct peers *peers, const uint8_t *from)
{
	struct peer **p = &peers->buckets[wm_keyed_hash(from, 16) % PEERS_BUCKETS];

	while (*p && memcmp((*p)->from, from, 16))
		p = &(*p)->next;
	return p;
}

struct peer *peers_enter(struct peers *peers, const struct sockaddr *addr, bool *ret_full)
{
	uint8_t from[16];
	struct peer **place;

	*ret_full = false;
	if (!read_from(addr, from))
		return NULL;
	place = place_of(peers, from);
	if (!*place) {
		*place = calloc(1, sizeof(**place));
		if (!*place)
			return NULL;
		memcpy((*place)->from, from, sizeof(from));
	}
	if ((*place)->n == PEERS_MAX) {
		*ret_full = true;
		return NULL;
	}
	(*place)->n++;
	return *place;
}

void peers_leave(struct peers *peers, struct peer *peer)
{
	struct peer **place;

	if (!peer || --peer->n)
		return;
	place = place_of(peers, peer->from);
	*place = peer->next;
	free(peer);
}
