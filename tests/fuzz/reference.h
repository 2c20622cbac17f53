/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How somebody reads HTTP who takes RFC 9112 at its word: the second opinion
 * of fuzz_request.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* How many requests there are in these bytes, up to the first that is not one by the letter, is not whole, or has a body
 * in chunks (that one counts: nothing may be read behind it). */
size_t reference_requests(const uint8_t *data, size_t len);
