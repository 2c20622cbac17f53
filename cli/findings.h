/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What check and deepcheck find: a line each, and in JSON an object each of
 * the list "checks".
 */
#pragma once

#include "core/output.h"

enum state { STATE_OK, STATE_NOTE, STATE_WRONG };

struct findings {
	struct wm_out *out;
	unsigned int n[STATE_WRONG + 1];
};

void findings_begin(struct findings *f, struct wm_out *out);
/* "wrong  gateway b: has not reported for 3 h. Look there: wm-gateway status". todo may be NULL. */
void finding(struct findings *f, enum state state, const char *check, const char *object, const char *todo,
	     const char *fmt, ...) __attribute__((format(printf, 6, 7)));
int findings_end(struct findings *f); /* says how many; the exit code */
