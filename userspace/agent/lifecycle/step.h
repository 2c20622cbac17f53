/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What `install`, `uninstall` and their like are made of. A verb is a list of
 * steps; a step is a function that calls the wm_step_* below, each of which
 * compares with what is there, and where it differs says so in one line
 * ("created /etc/wm/gateway.env"; with --dry-run "would create ...") and does
 * it. Where nothing differs nothing is said, written or run: doing it again is
 * free, and on a live gateway harmless.
 *
 *	static int units(struct wm_life *l, struct wm_error *err)
 *	{
 *		return wm_step_file(l, path, 0644, text, strlen(text), err);
 *	}
 *	static const struct wm_step steps[] = { { "units", units }, ... };
 *	return wm_life_run(opt, steps, WM_ARRAY_LEN(steps), &own);
 *
 * All return 0 or -errno with a sentence. Who needs to know whether a step did
 * something compares l->changes before and after (with --dry-run too).
 *
 * Files of the machine are named by struct wm_instance or by wm_life_path:
 * WM_ROOT, a directory, stands in front of them (WM_ETC, WM_STATE and WM_RUN
 * move those of the instance, each whole). That is for tests; service managers
 * are those of PATH all the same.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "core/error.h"
#include "core/instance.h"

#define WM_LIFE_ARGS 32
#define WM_LIFE_MARK "# Written by wm-gateway install" /* how files of the machine begin that are ours to replace and to remove */

/* What was typed. Strings are borrowed from argv. */
struct wm_life_options {
	const char *instance, *config; /* NULL: as wm_instance_names has it */
	const char *env_file;          /* --env FILE: of KEY=VALUE lines; "-": standard input; NULL: none */
	const char *const *args;       /* behind the verb */
	unsigned int nargs;
	unsigned int lines;            /* logs -n; 0: the default */
	bool dry_run, yes, follow, keep_site, lxc, native;
};

struct wm_life {
	const struct wm_life_options *opt;
	struct wm_instance inst; /* names and paths; with install the settings too, once they are known to be good */
	const char *root;        /* WM_ROOT, or "" */
	bool dry_run;
	FILE *out;               /* where changes are said */
	unsigned int changes;    /* made, or with dry_run to be made */
	unsigned int owing, owed; /* sets of enum wm_owed (owed.h): what changes now need, what was changed so */
	int unmarked;            /* -errno: the mark of one could not be written, and the change was not made */
	void *own;               /* the verb's */
};

struct wm_step {
	const char *what; /* for the sentence of a failure: "units: ..."; NULL: the sentence says it */
	int (*go)(struct wm_life *l, struct wm_error *err);
};

/* Names and paths of the instance; gateway.env is not read. */
int wm_life_begin(struct wm_life *ret, const struct wm_life_options *opt, struct wm_error *err);

/* One after the other until one fails; the rest is then not done, and doing it all again goes on there. */
int wm_life_do(struct wm_life *l, const struct wm_step *steps, size_t n, struct wm_error *err);

/* Says "nothing to do" where there were no changes, or why it failed (on stderr). The exit code. Wipes *l. */
int wm_life_end(struct wm_life *l, int rc, const struct wm_error *err);

/* These three at once. own: the verb's, NULL if it has nothing. */
int wm_life_run(const struct wm_life_options *opt, const struct wm_step *steps, size_t n, void *own);

/* A file of the machine, below WM_ROOT if there is one. ret: WM_PATH_SIZE. */
int wm_life_path(const struct wm_life *l, char *ret, struct wm_error *err, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* A change was left because nobody would know what has to follow it: -errno with a sentence, else 0. wm_life_do asks for it. */
int wm_life_marked(const struct wm_life *l, struct wm_error *err);

/* One line on what changes: "created X", with dry_run "would create X", and counts it. What is to be done is the caller's,
 * who does nothing where it returns false. done, would: "created", "create". */
bool wm_life_change(struct wm_life *l, const char *done, const char *would, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* A line that is no change: what is kept, what was not found and what that means. */
void wm_life_note(const struct wm_life *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Asks yes or no on the terminal; true without asking with --yes and --dry-run. False also where nobody can be asked: *err says so. */
bool wm_life_sure(const struct wm_life *l, const char *question, struct wm_error *err);

/* The file has this content and mode and is root's; its directory is made if need be. Replaced whole. A link in its place is
 * replaced, never followed. The content is not shown. */
int wm_step_file(struct wm_life *l, const char *path, mode_t mode, const void *data, size_t len, struct wm_error *err);
int wm_step_copy(struct wm_life *l, const char *from, const char *path, mode_t mode, struct wm_error *err); /* 256 MiB at most */
int wm_step_dir(struct wm_life *l, const char *path, mode_t mode, struct wm_error *err); /* the mode only where it is made */
/* Another link is replaced; what is none is somebody's work: -EEXIST. */
int wm_step_link(struct wm_life *l, const char *path, const char *target, struct wm_error *err);

/* 1: a link is there; 0: nothing is; -EEXIST: something else is, and wm_step_link would say so. */
int wm_life_may_link(const char *path, struct wm_error *err);
int wm_step_unlink(struct wm_life *l, const char *path, struct wm_error *err); /* no link is there; what is none stays, which is said */

/* It is not there. Of a directory: with all that is in it, on this file system; links are not followed. */
int wm_step_remove(struct wm_life *l, const char *path, struct wm_error *err);
int wm_step_remove_tree(struct wm_life *l, const char *path, struct wm_error *err);

/* key ("net.ipv4.ip_forward") has the value now, and file says so for the next boot. */
int wm_step_sysctl(struct wm_life *l, const char *file, const char *key, const char *value, struct wm_error *err);
