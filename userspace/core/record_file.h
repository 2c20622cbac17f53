/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The last good config on disk: the config as records in one file, and what has
 * changed since in a journal beside it (<path>.changes), so that one changed
 * host costs one entry and not a hundred megabytes.
 *
 * The file is only ever replaced whole. The journal names the file that it goes
 * on from by its checksum, and each entry's checksum takes in the one before:
 * what belongs to another file, or was cut by a crash, is not there. Whatever
 * instant the machine stops at, what is loaded is a config that was in force.
 */
#pragma once

#include "core/delta.h"

/* Where the journal ends, as far as this process knows. Zero: it has not looked. */
struct wm_journal {
	bool known;
	struct wm_token_hash sum; /* of the last entry; of the file when there is none */
	uint64_t len;             /* of the journal's good part; 0: there is none of this file */
	uint64_t file_len;
};

/* Replaces the file whole; the journal is then nobody's, and *io_journal forgets it (may be NULL). */
int wm_config_save(const char *path, const struct wm_config *config, struct wm_journal *io_journal, struct wm_error *err);
/* Adds an entry: 0, or 1 when the journal has become so long that saving the config is due, or -errno
 * and the config must be saved. On disk when it returns. */
int wm_config_append(const char *path, struct wm_journal *io_journal, const struct wm_delta *delta, struct wm_error *err);

/* -ENOENT none, -EBADMSG damaged or of another version. */
int wm_config_load(const char *path, struct wm_config *ret, struct wm_error *err);
/* The same for who only looks up what things are called: the checksum tells that it is what was saved, and the checks of
 * one object against all others, which take most of the time, were made then. */
int wm_config_recall(const char *path, struct wm_config *ret, struct wm_error *err);
