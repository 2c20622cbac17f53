/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The command line of wm-gateway: its options, and which of them a verb takes.
 * One that a verb has no use for is refused: `down --dry-run` would take the
 * gateway down.
 */
#pragma once

#include <stdio.h>

#include "agent/lifecycle/step.h"

struct wm_gateway_options {
	const char *instance, *config;
	struct wm_life_options life;
	const char *generation; /* of `confirm`, as it was typed */
	bool json, verbose, check;
	char given[16]; /* as getopt gives them, each once, but for those that every verb takes */
};

/* As getopt: the verb is argv[optind]. -1: go on; else the exit code, and all is said. usage: for --help. */
int wm_gateway_options_parse(int argc, char **argv, void (*usage)(FILE *f), struct wm_gateway_options *ret);

/* takes: those that the verb does, as getopt gives them. False, and said so: there is another among those that were given. */
bool wm_gateway_options_allow(const struct wm_gateway_options *opt, const char *verb, const char *takes);
