/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One request record in, its answer's records out (core/record.h says which; a report
 * comes in several records, of which the last is answered).
 */
#pragma once

#include "core/record.h"

struct wm_answerer; /* the socket to the gateway, and the connection to the registry while its target stays the same */

struct wm_answerer *wm_answerer_new(int fd); /* fd stays the caller's; NULL: no memory */
void wm_answerer_free(struct wm_answerer *a); /* NULL-safe */

/* 0 answered (be it with a PROBLEM record), -errno when the gateway is gone or
 * sent what is no request. */
int wm_answer(struct wm_answerer *a, const struct wm_record *request);
