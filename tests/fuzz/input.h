/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What an input of fuzz_plane is: a byte that chooses config and mode, then
 * records, each a packet or a pause. Whatever the bytes are, they mean something.
 */
#pragma once

#include "packets/packets.h"

#define INPUT_MOST 8192 /* bytes of a packet */

enum {
	RECORD_PARTIAL = 1, /* the L4 checksum is left to the device */
	RECORD_GSO = 2,     /* TCP: it stands for several, each of `size` bytes */
	RECORD_REPAIR = 4,  /* its checksums are made right before it is sent, however it was mutated */
};

/* size and len little endian. at: a place from WG to LOCAL; TAP: time passes, so many seconds as len says. */
struct record {
	uint8_t at, flags, size[2], len[2];
};
_Static_assert(sizeof(struct record) == 6, "a record's header has no holes");

/* The first byte: config, fast path or stack, and whether the shield is on the LANs. */
static inline uint8_t input_choice(enum config config, unsigned int mode)
{
	return (uint8_t)((mode & SHIELD ? 2 * CONFIGS : 0) + config * 2 + (mode == STACK));
}

static inline enum config input_config(uint8_t choice)
{
	return (enum config)(choice % (2 * CONFIGS) / 2);
}

static inline unsigned int input_mode(uint8_t choice)
{
	return (choice % 2 ? STACK : FAST) | (choice / (2 * CONFIGS) % 2 ? SHIELD : 0);
}
