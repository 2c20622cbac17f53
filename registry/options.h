/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How wm-registry is told what to do: arguments and environment.
 */
#pragma once

#include "core/key.h"
#include "registry/store.h"

#define OPTIONS_LISTEN_MAX 15

struct options {
	const char *listen[OPTIONS_LISTEN_MAX]; /* borrowed from the arguments */
	unsigned int nlisten;
	char default_listen[32]; /* for when there is no other socket */
	struct store_options store;
	char *cert, *key;        /* PEM text, or NULL */
	char token[WM_TOKEN_MAX]; /* checked */
};

/* 0 go on; 1 it was --help or --version, all is said; -EINVAL and others with a sentence: exit code 2 for -EINVAL. */
int options_read(int argc, char **argv, struct options *ret, struct wm_error *err);
void options_clear(struct options *options); /* wipes token and key */
