/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/name.h"

/* Whoever prints or logs it need not ask where its parts came from. */
static void fill(struct wm_error *err, const char *field, const char *fmt, va_list args)
{
	if (!err)
		return;
	snprintf(err->field, sizeof(err->field), "%s", field ? field : "");
	vsnprintf(err->text, sizeof(err->text), fmt, args);
	wm_printable(err->field);
	wm_printable(err->text);
}

int wm_fail(struct wm_error *err, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fill(err, NULL, fmt, args);
	va_end(args);
	return -code;
}

int wm_fail_field(struct wm_error *err, int code, const char *field, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fill(err, field, fmt, args);
	va_end(args);
	return -code;
}

int wm_fail_in(struct wm_error *err, int rc, const char *fmt, ...)
{
	char inner[sizeof(err->text)], outer[160];
	va_list args;

	if (!err)
		return rc;
	va_start(args, fmt);
	vsnprintf(outer, sizeof(outer), fmt, args);
	va_end(args);
	memcpy(inner, err->text, sizeof(inner));
	/* A sentence that does not fit loses its end, never the context. */
	if (snprintf(err->text, sizeof(err->text), "%s: %s", outer, inner) >= (int)sizeof(err->text))
		memcpy(err->text + sizeof(err->text) - 4, "...", 4);
	wm_printable(err->text);
	return rc;
}
