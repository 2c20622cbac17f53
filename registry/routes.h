/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The table of what the registry serves: for the walk in routes.c, for what is
 * counted by route, and for the tests that hold it against roles and document.
 */
#pragma once

#include "registry/registry.h"

struct route {
	const char *method;
	const char *path; /* {} stands for one segment */
	unsigned int roles;
	void (*handle)(struct call *call);
	enum object_kind kind;
	const char *query; /* the parameters that it takes, separated by blanks; NULL: none */
};

extern const struct route registry_routes[];
extern const size_t registry_nroutes;
