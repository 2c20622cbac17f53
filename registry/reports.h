/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What gateways last said of themselves. In memory only: a gateway says it
 * again, and a report changes nothing of the mesh.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/model.h"

struct report {
	char domain[WM_NAME_SIZE];
	char seen[24]; /* RFC 3339, UTC */
	uint64_t generation; /* in force at the gateway */
	char instance[WM_INSTANCE_ID_SIZE];
	char dataplane[16];
	char problem[256]; /* "": all is well */
	char version[32];
	uint64_t applied_ms;
};

struct reports {
	struct report *list; /* sorted by domain */
	size_t n, capacity;
};

int reports_put(struct reports *reports, const struct report *report); /* 0 or -ENOMEM */
void reports_forget(struct reports *reports, const char *domain);
void reports_free(struct reports *reports);
