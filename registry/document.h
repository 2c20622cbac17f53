/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A whole mesh as one JSON document: what GET /v1/export and GET /config say,
 * read back as a plan. Object by object: it may be tens of megabytes, of which
 * a parser's tree would take ten times as much.
 */
#pragma once

#include <stddef.h>

#include "registry/plan.h"

/* 0 and a sorted plan in *ret (zeroed before), whose lists are complete as far as the document has them, unless `keep`.
 * -EINVAL names the field: "hosts[3].local_ip". plan_free in any case. */
int document_read(const char *json, size_t len, bool keep, struct plan *ret, struct wm_error *err);
