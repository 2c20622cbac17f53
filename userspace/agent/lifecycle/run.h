/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Other programs, by argv: no shell, nothing in data is interpreted. Found in
 * PATH, with an environment without our secrets, nothing to read and no
 * terminal. A signal that would end us ends them first.
 */
#pragma once

#include <stdbool.h>

#include "agent/lifecycle/step.h"

#define WM_RUN_OUTPUT 4096 /* of what a program says so much is kept, its end */

#define WM_ARGV_MAX 64

/* A command line that is put together piece by piece; always ends in NULL. Words are borrowed. All zeroes: an empty one. */
struct wm_argv {
	const char *word[WM_ARGV_MAX + 1];
	size_t n;
	bool cut; /* a word found no room: wm_argv_whole refuses it */
};

void wm_argv_add(struct wm_argv *io, const char *word);              /* NULL adds nothing */
void wm_argv_add_all(struct wm_argv *io, const char *const words[]); /* until a NULL */
/* 0, or -E2BIG with a sentence: nothing is ever run without a word that belongs to it. */
int wm_argv_whole(const struct wm_argv *argv, struct wm_error *err);

/* Whether PATH has it. */
bool wm_run_found(const char *program);

/* Runs it and waits, seconds at most (then it is killed: -ETIMEDOUT). Its exit code, or -errno where it could not be run or a
 * signal ended it. ret_text (WM_RUN_OUTPUT, may be NULL): what it said on both, for the one who explains a failure. */
int wm_run(const char *const argv[], unsigned int seconds, char *ret_text, struct wm_error *err);

/* The same, and data is what it reads. */
int wm_run_fed(const char *const argv[], const void *data, size_t len, unsigned int seconds, char *ret_text, struct wm_error *err);

/* What a change is made of when a program makes it: says `said` (as wm_life_change does) and runs it. A non-zero exit code is
 * -EIO with the last line of what it said. */
int wm_step_run(struct wm_life *l, const char *done, const char *would, const char *said, const char *const argv[], struct wm_error *err);

/* Becomes it; returns only where that cannot be: -errno. */
int wm_run_instead(const char *const argv[], struct wm_error *err);
