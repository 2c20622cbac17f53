/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A moment as text, and back: RFC 3339, UTC, whole seconds.
 */
#pragma once

#include <stdint.h>

#define WM_TIME_TEXT 24 /* "2026-01-02T03:04:05Z" */
#define WM_AGE_TEXT 32

const char *wm_time_format(int64_t unix_time, char *buf); /* "" for 0 and what is before 1970; buf: WM_TIME_TEXT */
/* "12 s ago", "5 min ago", "3 h ago", "2 d ago"; "never" for 0. Unix seconds; buf: WM_AGE_TEXT */
const char *wm_time_age(int64_t then, int64_t now, char *buf);
int wm_time_parse(const char *text, int64_t *ret);        /* only as above, years 1970..9999; 0 or -EINVAL */
