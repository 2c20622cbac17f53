/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -fsanitize-coverage=inline-8bit-counters gives bpf/ a counter for each
 * edge of its control flow, and tells us where they are.
 */
#include <string.h>

#include "native/rig.h"

static uint8_t *first, *end;

void __sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *stop);

void __sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *stop)
{
	first = start;
	end = stop;
}

uint64_t hash_more(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 29;
}

void path_begin(void)
{
	memset(first, 0, (size_t)(end - first));
}

uint64_t path_end(void)
{
	uint64_t hash = 1;

	for (const uint8_t *at = first; at < end; at++)
		if (*at)
			hash = hash_more(hash, (uint64_t)(at - first));
	return hash;
}
