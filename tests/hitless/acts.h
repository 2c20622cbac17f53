/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is done to a gateway under load, a row each.
 */
#pragma once

#include "hitless/scene.h"

struct act {
	const char *name; /* what is done, with a %u for how often */
	int (*play)(struct scene *s, unsigned int times, struct wm_error *err);
	unsigned int ways; /* bits of enum rig_way */
	unsigned int times, times_whole;
	bool small;
	unsigned int without; /* ACCOUNT_NO_... */
	/* Of a fault that is made on purpose: the finding that it must lead to; else ACCOUNT_FINDINGS_END. */
	enum account_finding found;
};

extern const struct act acts[];
extern const unsigned int nacts;

/* faults.c */
extern const struct act faults[];
extern const unsigned int nfaults;
