/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The database as a file that lies somewhere: what can be asked of it and done
 * with it beside a server that uses it, or without one.
 */
#pragma once

#include "core/error.h"

/* Its schema; -ENOENT there is none, -EBADMSG it is not a database of ours or made by a newer program. */
int store_file_version(const char *path, unsigned int *ret, struct wm_error *err);

/* The database's own checks of its structure and of what refers to what. say: a sentence for each thing that is wrong,
 * up to a hundred. How many there were, or -errno. */
typedef void (*store_say_fn)(void *arg, const char *text);
int store_file_check(const char *path, store_say_fn say, void *arg, struct wm_error *err);

/* All of it as of one moment, into a file that is empty or not there yet; on disk when it returns 0. */
int store_file_copy(const char *from, const char *to, struct wm_error *err);

/* From here on the process stands in an open directory, and what is opened there as "<name>/file" is that directory's own
 * file, whatever became of the name; a link is not followed but refused. 0 or -errno. */
int store_file_stand(int dir, const char *name);

/* Nobody has it open: folds what lies beside it into it. 0 or -errno. */
int store_file_settle(const char *path);
