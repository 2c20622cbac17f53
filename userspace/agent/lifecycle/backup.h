/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What makes a gateway this gateway, in one file: private key, settings, token,
 * and whose releases it takes. All else is made anew from the registry.
 *
 *	wm-gateway backup 1
 *	private.key 45
 *	<45 bytes>
 *	gateway.env 120
 *	<120 bytes>
 *	end
 *
 * Each part is followed by a line break. That of a gateway in a container has
 * the settings too that the container was made by, container.env, which only
 * the machine around it takes. Exit codes are returned.
 */
#pragma once

#include "agent/lifecycle/step.h"

#define WM_BACKUP_MAX (256 * 1024)

/* Into a file (0600, replaced whole if it is a backup, else refused), or with none or "-" to standard output, if that is no
 * terminal. */
int wm_life_backup(const struct wm_life_options *opt);

/* All of it is checked before the first file is written. Another key that is there is replaced only when that is wanted. */
int wm_life_restore(const struct wm_life_options *opt);

/* For who has one from a container, or for one. */

/* Where a backup goes: the FILE that was said, or NULL for standard output, if that is no terminal. */
int wm_backup_target(const struct wm_life_options *opt, const char **ret, struct wm_error *err);
/* Writes it there, whole or not at all; a file that is no backup stays, -EEXIST. */
int wm_backup_put(struct wm_life *l, const char *path, const char *text, size_t len, struct wm_error *err);
/* The backup with these settings as its container.env. *ret is malloc'd and secret. -EINVAL: it is no whole backup. */
int wm_backup_with_container(const char *text, const char *settings, char **ret);
/* Checks all of it, as restore does; path is for the sentence. *ret (malloc'd): its container.env, NULL where it is of a machine
 * that is itself the gateway; *ret_plain: its gateway.env. */
int wm_backup_settings(const struct wm_life *l, const char *path, const char *text, size_t len, char **ret, char **ret_plain, struct wm_error *err);
