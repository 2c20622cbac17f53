/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Text in very many small pieces: they are gathered, and go to their stream a block at a time. What is said about 100,000
 * hosts is a million numbers between five million pieces, which through stdio and printf one by one would take most of
 * the time. And numbers as text, as printf has them, for such places.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define WM_WRITER_BLOCK 32768

struct wm_writer {
	FILE *f;    /* its owner's; whether it was written is its ferror's to say */
	size_t len; /* of what waits */
	char block[WM_WRITER_BLOCK];
};

static inline void wm_writer_open(struct wm_writer *w, FILE *f)
{
	w->f = f;
	w->len = 0;
}

void wm_writer_flush(struct wm_writer *w); /* hands what waits to the stream, which may keep it */
void wm_put_long(struct wm_writer *w, const char *s, size_t len);
/* The beginning of s that is plain ASCII without quotes and backslashes, which stands in any form as it is. What is behind. */
const char *wm_put_plain(struct wm_writer *w, const char *s);
const char *wm_skip_plain(const char *s); /* only what is behind */
void wm_put_uint(struct wm_writer *w, uint64_t value);

static inline void wm_put(struct wm_writer *w, const char *s, size_t len)
{
	if (len > sizeof(w->block) - w->len) {
		wm_put_long(w, s, len);
		return;
	}
	memcpy(w->block + w->len, s, len);
	w->len += len;
}

static inline void wm_puts(struct wm_writer *w, const char *s)
{
	wm_put(w, s, strlen(s));
}

/* --- into memory ---------------------------------------------------------------------------- */

#define WM_UINT_TEXT 21
#define WM_REAL_TEXT 352 /* the largest double has 309 digits before its point */

/* Decimal, ends in a NUL. Returns where that is. */
char *wm_uint_format(uint64_t value, char buf[WM_UINT_TEXT]);
/* With so many digits behind the point, at most three: what printf makes of %.*f, digit for digit. */
char *wm_real_format(double value, unsigned int digits, char buf[WM_REAL_TEXT]);
