/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Is this the packet that was to come out?
 */
#pragma once

#include "packets/expect.h"

/* What is wrong with the checksums of a whole packet, as an end would find out
 * that knows nothing of this test; NULL: nothing. */
const char *verify_sums(const uint8_t *ip, size_t len);

/* The same packet: every byte, but for what want says is not known (any_id),
 * and but for 0x0000 and 0xffff, which are the same sum. */
bool verify_same(const struct seen *want, const struct seen *got);

/* Matches all that was seen with all that must be; says each difference in a
 * line of diagnosis. Returns whether there was none. */
bool verify_all(const struct seen_list *want, const struct seen_list *got, const char *where);
