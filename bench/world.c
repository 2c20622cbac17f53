/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/world.h"

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

#define TWIST 97 /* any prime */

/* All primes that divide n, once each. */
static uint32_t primes_of(uint32_t n)
{
	uint32_t product = 1;

	for (uint32_t p = 2; p <= n / p; p++) {
		if (n % p == 0)
			product *= p;
		while (n % p == 0)
			n /= p;
	}
	return product * n;
}

void world_make(struct wire_world *ret, uint32_t hosts)
{
	*ret = (struct wire_world){
		.hosts = hosts,
		.peers = hosts > WORLD_MANY ? 1 : WORLD_PEERS,
		.subnet = IP(100, 64, 0, 0),
		.lan = IP(10, 0, 0, 0),
		.away = IP(100, 112, 0, 0),
		.beyond = IP(100, 96, 0, 0),
		.translates = 1,
		.ttl = WIRE_TTL_IN - 1,
		.twist = (uint32_t)((uint64_t)primes_of(hosts) * TWIST % hosts),
	};
}

struct wm_prefix world_supernet(const struct wire_world *w)
{
	return (struct wm_prefix){ w->subnet, 10 };
}

/* Network, gateway and broadcast are nobody's. */
struct wm_prefix world_subnet(const struct wire_world *w)
{
	uint8_t len = 30;

	while ((1u << (32 - len)) < w->hosts + 3)
		len--;
	return (struct wm_prefix){ w->subnet, len };
}
