/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The dice of random traffic: the same seed gives the same throws.
 */
#pragma once

#include "core/util.h"
#include "packets/random.h"

/* splitmix64 */
static inline uint64_t next(struct traffic *t)
{
	uint64_t z = (t->state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static inline unsigned int below(struct traffic *t, unsigned int n)
{
	return (unsigned int)(next(t) % n);
}

static inline bool once_in(struct traffic *t, unsigned int n)
{
	return below(t, n) == 0;
}

#define ONE_OF(t, list) ((list)[below(t, WM_ARRAY_LEN(list))])
