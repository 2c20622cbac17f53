/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A backup put into a data directory, or into an empty database of another kind. It is taken apart and made ready beside
 * what is there; only the last step, a rename, changes what a server would see.
 */
#pragma once

#include <limits.h>

#include "registry/store.h"

struct restored {
	struct store_counts counts;
	char aside[PATH_MAX]; /* where the database is now that was there, or "" */
};

/* replace: there may be a database already. say: a sentence for each thing that is wrong with the backup.
 * -EEXIST there is a database, -EBUSY it is being served, -EBADMSG the backup is no good, others: nothing was changed. file and dir are absolute:
 * it changes the working directory. */
int restore(const char *file, const char *dir, bool replace, store_say_fn say, struct restored *ret, struct wm_error *err);

/* The same into a PostgreSQL database that holds no mesh: else -EEXIST. */
int restore_into(const char *file, const char *url, store_say_fn say, struct store_counts *ret, struct wm_error *err);
