/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Fragments that are for the gateway itself wait until a datagram is whole.
 */
#include <string.h>

#include "native/ip.h"
#include "native/world.h"

#define WAITING_MAX 16

static struct flight waiting[WAITING_MAX];
static unsigned int nwaiting;

void stack_reset(void)
{
	for (unsigned int n = 0; n < nwaiting; n++)
		skb_free(waiting[n].skb);
	nwaiting = 0;
}

static bool is_same_datagram(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a + 4, b + 4, 2) == 0 && a[9] == b[9] && memcmp(a + 12, b + 12, 8) == 0;
}

/* The fragment that begins at `at` of what `first` is part of. */
static struct flight *fragment_at(const uint8_t *like, uint32_t at)
{
	for (unsigned int n = 0; n < nwaiting; n++)
		if (is_same_datagram(waiting[n].skb->data, like) && (get16(waiting[n].skb->data + 6) & 0x1fffu) * 8 == at)
			return &waiting[n];
	return NULL;
}

/* The whole datagram, if its fragments fit together end to end; else NULL. */
static struct skb *reassembled(const uint8_t *like)
{
	static uint8_t buf[BYTES_MAX + 2048];
	struct flight *part = fragment_at(like, 0);
	uint32_t header, at = 0;
	bool more = true;

	if (!part)
		return NULL;
	header = header_of(part);
	memcpy(buf, part->skb->data, header);
	for (; part && more && header + at < BYTES_MAX; part = fragment_at(like, at)) {
		uint32_t n = part->skb->ctx.len - header_of(part);

		if (!n || header + at + n > BYTES_MAX)
			return NULL;
		memcpy(buf + header + at, part->skb->data + header_of(part), n);
		more = get16(part->skb->data + 6) & 0x2000;
		at += n;
	}
	if (more || header + at > 0xffff)
		return NULL;
	put16(buf + 2, (uint16_t)(header + at));
	put16(buf + 6, 0);
	sum_header(buf, header);
	return skb_new(buf, header + at);
}

bool reassemble(struct flight *f)
{
	struct skb *whole;
	uint32_t mark = f->skb->ctx.mark;
	struct packet_in in = f->in;

	if (!(get16(ip_of(f) + 6) & 0x3fff))
		return true;
	if (nwaiting == WAITING_MAX)
		stack_reset();
	waiting[nwaiting] = *f;
	waiting[nwaiting++].skb = skb_copy(f->skb);
	flight_end(f, FATE_LOCAL);
	whole = reassembled(waiting[nwaiting - 1].skb->data);
	if (!whole)
		return false;
	stack_reset();
	*f = (struct flight){ whole, in };
	f->skb->ctx.mark = mark;
	return true;
}
