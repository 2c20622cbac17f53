/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A long answer as pieces of text, each made when it is time to send it.
 */
#pragma once

#include <stdio.h>

#include "registry/http.h"

struct pieces_ops {
	/* 1: *ret is the next piece, malloc'd; 0 the end; -EAGAIN: as http_stream's; -errno: break off. */
	int (*next)(void *arg, char **ret);
	void (*free)(void *arg);
};

/* Takes arg, also on failure: 0 or -ENOMEM. *ret is handed to http. */
int pieces_new(const struct pieces_ops *ops, void *arg, struct http_stream *ret);

/* For ops->next: 1, or -ENOMEM. */
__attribute__((format(printf, 2, 3))) int pieces_say(char **ret, const char *fmt, ...);

/* The same of pieces that are written. Writes the next one: 1 there is more behind it, 0 that was the last, -errno. */
typedef int (*pieces_write_fn)(void *arg, FILE *f);
int pieces_written(pieces_write_fn write, void *arg, struct http_stream *ret); /* arg is freed with free() */
