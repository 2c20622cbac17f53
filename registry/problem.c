/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/problem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/codec.h"
#include "core/log.h"
#include "core/util.h"

#define BUSY_S 1 /* after which what was held may be free */

struct document {
	char title[48];
	uint64_t status;
	char detail[512];
	char field[64];
};

#define FIELD(member, type) { #member, type, offsetof(struct document, member), sizeof(((struct document *)0)->member), 0 }
static const struct wm_field fields[] = {
	FIELD(title, WM_FIELD_STRING),
	FIELD(status, WM_FIELD_UINT),
	FIELD(detail, WM_FIELD_STRING),
	FIELD(field, WM_FIELD_STRING), /* last: left out when there is none */
};
static const struct wm_table table = { fields, WM_ARRAY_LEN(fields) };

static const struct {
	unsigned int status;
	const char *title;
} titles[] = {
	{ 400, "The request is not valid" },
	{ 401, "Not authenticated" },
	{ 403, "Not permitted" },
	{ 404, "Not found" },
	{ 405, "Not a method of this resource" },
	{ 409, "In conflict with what is there" },
	{ 410, "Not known any more" },
	{ 412, "Not what is there any more" },
	{ 413, "The request is too large" },
	{ 429, "Too many at a time" },
	{ 431, "The headers are too large" },
	{ 501, "Not implemented" },
	{ 503, "Not possible at the moment" },
	{ 505, "Not a version that is served" },
	{ 507, "No room left" },
};

static const char *title_of(unsigned int status)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(titles); i++) {
		if (titles[i].status == status)
			return titles[i].title;
	}
	return "The registry failed";
}

void problem_set(struct http_answer *answer, unsigned int status, const char *field, const char *fmt, ...)
{
	struct document d = { .status = status };
	va_list ap;

	wm_copy(d.title, sizeof(d.title), title_of(status));
	wm_copy(d.field, sizeof(d.field), field);
	va_start(ap, fmt);
	vsnprintf(d.detail, sizeof(d.detail), fmt, ap);
	va_end(ap);
	free(answer->body);
	answer->status = status;
	answer->type = "application/problem+json";
	answer->body = wm_encode(&table, &d, *d.field ? ~0u : ~(1u << (WM_ARRAY_LEN(fields) - 1)));
	answer->len = answer->body ? strlen(answer->body) : 0;
}

void problem_from(struct http_answer *answer, int rc, const struct wm_error *err)
{
	static const struct {
		int code;
		unsigned int status;
	} map[] = {
		{ EINVAL, 400 },    { EACCES, 401 },	   { EPERM, 403 },  { ENOENT, 404 }, { EEXIST, 409 }, { ENODEV, 409 },
		{ ENOTEMPTY, 409 }, { EADDRNOTAVAIL, 409 }, { E2BIG, 400 }, { EBUSY, 503 },  { ENOMEM, 503 }, { ENOSPC, 507 },
		{ ENOTCONN, 503 },  { ETIMEDOUT, 503 },	   { EINPROGRESS, 503 }, { EROFS, 503 },
		{ EREMCHG, 412 },   { ECANCELED, 503 },
	};
	unsigned int status = 500;

	for (size_t i = 0; i < WM_ARRAY_LEN(map); i++) {
		if (map[i].code == -rc)
			status = map[i].status;
	}
	if (status >= 500)
		wm_error("%s", *err->text ? err->text : strerror(-rc));
	problem_set(answer, status, err->field, "%s", *err->text ? err->text : strerror(-rc));
	answer->retry_after = rc == -EBUSY ? BUSY_S : 0;
}
