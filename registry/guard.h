/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a request must look like before anything of ours believes it. Pure.
 *
 * HTTP libraries disagree about where a doubtful request ends, and whoever
 * stands between (a proxy) may disagree too: a request that could be read in
 * two ways is refused and its connection closed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUARD_BODY_MAX (64u * 1024)
#define GUARD_HEADERS_MAX (8u * 1024) /* names, values and separators of one header block */

struct guard {
	unsigned int hosts, lengths, encodings, authorizations;
	size_t bytes;
	uint64_t body_max; /* bytes; 0: GUARD_BODY_MAX */
	uint64_t length;   /* Content-Length */
	unsigned int status; /* 0: nothing wrong so far */
	const char *why;     /* a sentence, static */
};

/* The first that is found wrong counts; why is static. */
void guard_refuse(struct guard *g, unsigned int status, const char *why);

/* Each header of the request, in order; lengths because a value may hold a NUL. */
void guard_header(struct guard *g, const char *name, size_t name_len, const char *value, size_t value_len);

/* After the last header. False: refuse with g->status and g->why. */
bool guard_request(struct guard *g, const char *method, const char *target, const char *version);
