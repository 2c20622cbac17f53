/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Refusals as problem documents (RFC 9457).
 */
#pragma once

#include "core/error.h"
#include "registry/http.h"

/* detail: one sentence: what, on which object, why, what to do. field: the member of the request at fault, or "". */
void problem_set(struct http_answer *answer, unsigned int status, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The same from what a function of ours returned: -errno and its sentence. */
void problem_from(struct http_answer *answer, int rc, const struct wm_error *err);
