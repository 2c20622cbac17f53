/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/throttle.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/key.h"
#include "core/util.h"

static void read_from(const char *client, uint8_t *ret)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct in6_addr six;
	struct in_addr four;

	memset(ret, 0, 16);
	if (inet_pton(AF_INET, client, &four) == 1) {
		memcpy(ret, mapped, sizeof(mapped));
		memcpy(ret + sizeof(mapped), &four, sizeof(four));
	} else if (inet_pton(AF_INET6, client, &six) == 1) {
		memcpy(ret, &six, IN6_IS_ADDR_V4MAPPED(&six) ? 16 : 8);
	}
}

/* Its own entry, or the one of its set that has been quiet longest, made its own. */
static struct throttle_entry *entry_of(struct throttle *t, const uint8_t *from)
{
	struct throttle_entry *set = t->entries[wm_keyed_hash(from, 16) % THROTTLE_SETS], *oldest = set;

	for (struct throttle_entry *e = set; e < set + THROTTLE_WAYS; e++) {
		if (!memcmp(e->from, from, sizeof(e->from)))
			return e;
		if (e->paid_ms < oldest->paid_ms)
			oldest = e;
	}
	*oldest = (struct throttle_entry){ 0 };
	memcpy(oldest->from, from, sizeof(oldest->from));
	return oldest;
}

unsigned int throttle_strike(struct throttle *t, const char *client, uint64_t now_ms, bool *ret_first)
{
	const uint64_t most = (uint64_t)(THROTTLE_BURST - 1) * THROTTLE_EVERY_MS;
	struct throttle_entry *e;
	uint8_t from[16];

	read_from(client, from);
	e = entry_of(t, from);
	*ret_first = false;
	if (e->paid_ms <= now_ms) {
		e->paid_ms = now_ms;
		e->refused = false;
	}
	if (e->paid_ms - now_ms > most) {
		*ret_first = !e->refused;
		e->refused = true;
		return (unsigned int)((e->paid_ms - now_ms - most + 999) / 1000);
	}
	e->paid_ms += THROTTLE_EVERY_MS;
	return 0;
}
