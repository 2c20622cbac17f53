/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What has changed, as the text that tells it, kept for all who ask the same:
 * thousands wait for each change, and are told nearly the same of it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "registry/stream.h"

#define NEWS_MAX 4096 /* bytes of a text; a longer one is made for each who asks */
#define NEWS_KEPT 4

struct news {
	struct news_text {
		struct wm_mesh mesh; /* what it is told of, up to where; zeroed: nothing yet */
		uint64_t after;      /* and since when */
		char mark[WM_MARK_SIZE];
		enum wm_token_kind role;
		char self[WM_NAME_SIZE]; /* the gateway that it is told to */
		size_t self_at;          /* where that stands in the text */
		bool own;                /* something in it is of its own site */
		char text[NEWS_MAX + 1];
		size_t len;
	} texts[NEWS_KEPT];
	unsigned int next;
};

/* The text as `who` is told it, malloc'd: 1. 0: it is not known, and to be made; -ENOMEM. mark: as it was asked for. */
int news_find(const struct news *news, const struct wm_mesh *mesh, const struct identity *who, uint64_t after, const char *mark,
	      char **ret, size_t *ret_len);
/* The whole text of stream_changes_new, made for `who`, of at most NEWS_MAX bytes. mesh: the snapshot's. */
void news_keep(struct news *news, const struct wm_mesh *mesh, const struct identity *who, uint64_t after, const char *mark,
	       const char *text, size_t len);
