/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/texts.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK ((size_t)64 * 1024)

struct wm_texts_block {
	struct wm_texts_block *before;
	size_t used;
	char text[BLOCK - 2 * sizeof(size_t)];
};

void wm_texts_free(struct wm_texts *texts)
{
	while (texts->newest) {
		struct wm_texts_block *block = texts->newest;

		texts->newest = block->before;
		free(block);
	}
	*texts = (struct wm_texts){ 0 };
}

/* Room for len bytes; NULL: no memory. */
static char *room(struct wm_texts *texts, size_t len)
{
	struct wm_texts_block *block = texts->newest;

	if (len > WM_TEXT_SIZE)
		return NULL;
	if (!block || sizeof(block->text) - block->used < len) {
		block = malloc(sizeof(*block));
		if (!block)
			return NULL;
		block->before = texts->newest;
		block->used = 0;
		texts->newest = block;
	}
	block->used += len;
	texts->bytes += len;
	return block->text + block->used - len;
}

const char *wm_texts_add(struct wm_texts *texts, const char *text)
{
	size_t len = strlen(text) + 1;
	char *at = room(texts, len);

	return at ? memcpy(at, text, len) : NULL;
}

const char *wm_texts_add_dotted(struct wm_texts *texts, const char *a, const char *b)
{
	size_t before = strlen(a), behind = strlen(b) + 1;
	char *at = room(texts, before + 1 + behind);

	if (!at)
		return NULL;
	memcpy(at, a, before);
	at[before] = '.';
	memcpy(at + before + 1, b, behind);
	return at;
}

void wm_texts_drop(struct wm_texts *texts, const char *text)
{
	texts->wasted += strlen(text) + 1;
}

bool wm_texts_wasteful(const struct wm_texts *texts)
{
	return texts->wasted > BLOCK && texts->wasted > texts->bytes / 2;
}
