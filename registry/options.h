/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How wm-registry is told what to do: arguments (options.c), and settings from
 * a file of KEY=VALUE and the environment (settings.c).
 */
#pragma once

#include "core/env.h"
#include "core/key.h"
#include "registry/registry.h"
#include "registry/store.h"

#define OPTIONS_LISTEN_MAX 15

enum verb { VERB_SERVE, VERB_BACKUP, VERB_RESTORE, VERB_RENEW, VERB_MIGRATE, VERB_CHECK };

struct options {
	enum verb verb;
	const char *file; /* of backup and restore */
	bool force;
	bool preshared_keys; /* of renew */
	const char *env_file; /* NULL: the default one, if it is there */
	const char *listen[OPTIONS_LISTEN_MAX];
	unsigned int nlisten;
	const char *cert_file, *key_file, *token_file, *downloads;
	const char *supernet, *store_url, *audit_keep; /* text */
	struct store_options store;

	/* from here on settings_read fills in */
	struct wm_env *env;      /* what texts above may be borrowed from */
	char default_listen[32]; /* for when there is no other socket */
	char *cert, *key;        /* PEM text, or NULL */
	char token[WM_TOKEN_MAX]; /* checked */
	char url[REGISTRY_URL_MAX]; /* where others reach it, or "" */
	char *store_copy;         /* store.url, which may hold a password */
};

/* 0 go on; 1 it was --help or --version, all is said; -EINVAL and others with a sentence: exit code 2 for -EINVAL. */
int options_read(int argc, char **argv, struct options *ret, struct wm_error *err);
void options_clear(struct options *options); /* wipes token and key */

/* What was not given as an option: from the file, else from the environment, else the default. 0 or as above. */
int settings_read(struct options *io, struct wm_error *err);
