/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What gateways report of themselves: PUT /v1/sites/{}/status, GET /v1/status.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "core/util.h"
#include "registry/problem.h"
#include "registry/registry.h"
#include "registry/text.h"

#define FIELD(member, flags, type) \
	{ #member, type, offsetof(struct report, member), sizeof(((struct report *)0)->member), flags }

static const struct wm_field fields[] = {
	FIELD(generation, WM_FIELD_REQUIRED, WM_FIELD_UINT), FIELD(instance, 0, WM_FIELD_STRING),
	FIELD(dataplane, 0, WM_FIELD_STRING),		     FIELD(problem, WM_FIELD_NULLABLE, WM_FIELD_STRING),
	FIELD(version, 0, WM_FIELD_STRING),		     FIELD(applied_ms, 0, WM_FIELD_UINT),
};
static const struct wm_table table = { fields, WM_ARRAY_LEN(fields) };

void api_status_put(struct call *call)
{
	struct report report = { 0 };
	struct wm_error err = { 0 };
	struct object_key key;
	struct object site;
	int rc = object_key_parse(OBJECT_SITE, call->arg, &key);

	if (rc)
		rc = wm_fail(&err, ENOENT, "'%.63s' is not a name that a site can have", call->arg);
	if (!rc)
		rc = store_get(call->registry->store, &key, &site, &err);
	if (!rc)
		rc = wm_decode(&table, call->request->body, call->request->len, &report, NULL, &err);
	if (!rc) {
		memcpy(report.domain, key.name, sizeof(report.domain));
		text_time(wm_unix_time(), report.seen);
		rc = reports_put(&call->registry->reports, &report);
	}
	if (rc)
		answer_failure(call, rc, &err);
	else
		answer_none(call);
}

static int write_reports(const struct reports *reports, FILE *f)
{
	fputs("{\"sites\":[", f);
	for (size_t i = 0; i < reports->n; i++) {
		WM_AUTO_FREE char *one = text_report(&reports->list[i]);

		if (!one)
			return -ENOMEM;
		fprintf(f, "%s%s", i ? "," : "", one);
	}
	fputs("]}", f);
	return ferror(f) ? -ENOMEM : 0;
}

void api_status(struct call *call)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	int rc = f ? write_reports(&call->registry->reports, f) : -ENOMEM;

	if (f && fclose(f))
		rc = -ENOMEM;
	if (rc) {
		free(text);
		text = NULL;
	}
	answer_json(call, 200, text);
}
