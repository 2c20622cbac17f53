/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Records of a stream that is read once and summed up meanwhile: what is taken from it is good when its end has been seen
 * and the sum is right. (It is not kept in memory until then: the config of a million hosts is 150 MB.)
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/key.h"
#include "core/record.h"

struct wm_summed {
	FILE *f; /* its owner's */
	struct wm_digest_state state;
	uint64_t len;   /* bytes summed up */
	size_t at, end; /* what of part has not been taken */
	char part[32 * 1024];
};

void wm_summed_begin(struct wm_summed *s, FILE *f); /* from where f is */
/* The next record: 0, -EBADMSG for what is none, and where there is no whole one any more. */
int wm_summed_record(struct wm_summed *s, struct wm_record *ret, struct wm_error *err);
/* Reads what is left: 0 and the sum of all of it (s->len bytes), or -EIO. */
int wm_summed_end(struct wm_summed *s, struct wm_token_hash *ret);
