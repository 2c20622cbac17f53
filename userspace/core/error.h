/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One sentence for the person who has to act on a failure.
 *
 * Functions return 0 or -errno. Where a user will read why, they also take a
 * struct wm_error and fill it once, at the place that knows what failed, on
 * which object, and what to do about it. Whoever owns the operation prints or
 * logs it, once. Parts of it may come from a registry: what a terminal would
 * obey, or would be a line of its own in a log, stands in it as '?'.
 */
#pragma once

struct wm_error {
	char field[64]; /* the input field at fault ("local_ip"), or "" */
	char text[512];
};

/* Fills err (may be NULL) and returns -code; code is a positive errno. */
int wm_fail(struct wm_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same, naming the field of the input that is at fault. */
int wm_fail_field(struct wm_error *err, int code, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Puts "<context>: " in front of what is there; returns rc unchanged. */
int wm_fail_in(struct wm_error *err, int rc, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
