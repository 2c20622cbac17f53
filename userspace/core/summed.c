/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/summed.h"

#include <errno.h>
#include <string.h>

void wm_summed_begin(struct wm_summed *s, FILE *f)
{
	s->f = f;
	wm_digest_begin(&s->state);
	s->len = 0;
	s->at = s->end = 0;
}

/* Keeps what has not been taken. How much more there is now; 0: that was all, or it cannot be read. */
static size_t read_on(struct wm_summed *s)
{
	size_t rest = s->end - s->at, n;

	memmove(s->part, s->part + s->at, rest);
	n = fread(s->part + rest, 1, sizeof(s->part) - rest, s->f);
	wm_digest_add(&s->state, s->part + rest, n);
	s->len += n;
	s->at = 0;
	s->end = rest + n;
	return n;
}

int wm_summed_record(struct wm_summed *s, struct wm_record *ret, struct wm_error *err)
{
	size_t used;
	int rc;

	_Static_assert(sizeof(s->part) >= WM_RECORD_PACKED, "a record fits");
	do
		rc = wm_record_parse(s->part + s->at, s->end - s->at, ret, &used, err);
	while (rc == 1 && read_on(s));
	if (rc == 1)
		return wm_fail(err, EBADMSG, s->at < s->end ? "a record is cut short" : "the config ends before its end record");
	if (!rc)
		s->at += used;
	return rc;
}

int wm_summed_end(struct wm_summed *s, struct wm_token_hash *ret)
{
	do
		s->at = s->end;
	while (read_on(s));
	wm_digest_end(&s->state, ret);
	return ferror(s->f) ? -EIO : 0;
}
