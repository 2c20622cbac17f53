/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The verbs of a gateway's life cycle, as wm-gateway's command line has them.
 * Each reads what it needs by itself: of install there is no gateway.env yet.
 */
#pragma once

#include "agent/lifecycle/step.h"

struct wm_life_verb {
	const char *name, *help;
	unsigned int most; /* arguments */
	const char *takes; /* of the options, as getopt gives them, besides those that all verbs take */
	int (*run)(const struct wm_life_options *opt); /* the exit code */
};

void wm_life_usage(FILE *f); /* them and their options */
/* Takes an option of these verbs (as getopt gives it: 'D' --dry-run, 'E' --env, 'K' --keep-site, 'L' --lxc, 'N' --native, f,
 * n, y); false:
 * it is none of theirs, or its value is none. */
bool wm_life_option(struct wm_life_options *io, int option, const char *value);

const struct wm_life_verb *wm_life_verb_find(const char *name); /* NULL: it is none of them */
