/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * KEY=VALUE files (gateway.env, service.env, ~/.config/wm/<slug>.env).
 *
 * Lines are KEY=VALUE; blanks around VALUE do not count, it may stand in single
 * or double quotes; '#' starts a comment at the beginning of a line or after
 * white space outside quotes.
 * Nothing is expanded or executed. Keys match [A-Za-z_][A-Za-z0-9_]*; the last
 * of two equal keys wins.
 */
#pragma once

#include <stddef.h>

#include "core/error.h"

struct wm_env;

/* -ENOENT when there is no file, -EINVAL with the line number in err. */
int wm_env_load(const char *path, struct wm_env **ret, struct wm_error *err);
int wm_env_parse(const char *text, const char *what, struct wm_env **ret, struct wm_error *err);
/* text with KEY=value in place of the line that counts for key, or behind the last; NULL: without key. Comments and all else
 * stay. *ret is malloc'd and may hold secrets. -EINVAL: value has a line break, another control character, or both kinds of
 * quotes, and cannot stand there. */
int wm_env_edit(const char *text, const char *key, const char *value, char **ret, struct wm_error *err);
void wm_env_free(struct wm_env *env); /* NULL-safe; values are wiped: they may be tokens */

/* The file's value, else the process environment's, else fallback (may be
 * NULL). An empty value counts as absent. Borrowed from env. */
const char *wm_env_get(const struct wm_env *env, const char *key, const char *fallback);

/* Only the file's: "" where it says KEY=, fallback where it does not say KEY. */
const char *wm_env_own(const struct wm_env *env, const char *key, const char *fallback);

/* "true/yes/on/1", "false/no/off/0"; -EINVAL names the key in err. */
int wm_env_bool(const struct wm_env *env, const char *key, int fallback, int *ret, struct wm_error *err);
int wm_env_uint(const struct wm_env *env, const char *key, unsigned long fallback, unsigned long least,
		unsigned long most, unsigned long *ret, struct wm_error *err);
