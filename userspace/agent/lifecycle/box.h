/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A container, by whichever programs manage containers on this machine: LXC's
 * own (lxc-start and its like) or Proxmox's pct. Run by argv; what goes into a
 * container goes through them too: a container's files are never opened from
 * outside, where a link in it could lead anywhere.
 */
#pragma once

#include <stdbool.h>

#include "agent/lifecycle/run.h"
#include "core/container.h"

enum wm_box_kind { WM_BOX_LXC, WM_BOX_PCT, WM_BOX_KINDS };

struct wm_box {
	enum wm_box_kind kind;
	char name[WM_NAME_SIZE];  /* LXC's name of it, or Proxmox's number */
	char path[WM_PATH_SIZE];  /* LXC_PATH: where LXC keeps it; "": its default */
};

extern const char *const wm_box_kinds[WM_BOX_KINDS]; /* "lxc", "pct" */

/* 1, 0 or -errno: 0 only where the programs that manage containers say that there is none, not where they fail. */
int wm_box_exists(const struct wm_box *box, struct wm_error *err);
int wm_box_running(const struct wm_box *box, struct wm_error *err);

/* LXC's directory of it, and its config in there. ret: WM_PATH_SIZE */
int wm_box_lxc_dir(const struct wm_box *box, char *ret, struct wm_error *err);
int wm_box_lxc_config(const struct wm_box *box, char *ret, struct wm_error *err);

/* What Proxmox says of its config. ret: WM_RUN_OUTPUT */
int wm_box_pct_config(const struct wm_box *box, char *ret, struct wm_error *err);

/* Made for mark, a path: its config (LXC's file, Proxmox's description) has the words "wm-gateway MARK". 1, 0 or -errno. */
int wm_box_marked(const struct wm_box *box, const char *mark, struct wm_error *err);

/* Say what they do, unless that is so. Starting waits until programs can be run in it. */
int wm_step_box_start(struct wm_life *l, const struct wm_box *box, struct wm_error *err);
int wm_step_box_stop(struct wm_life *l, const struct wm_box *box, struct wm_error *err);
int wm_step_box_destroy(struct wm_life *l, const struct wm_box *box, struct wm_error *err);

/* Runs a program in it, arguments up to NULL, as wm_run does. data (NULL: none) is what it reads. Nothing of this process's
 * environment goes in but PATH. */
int wm_box_run(const struct wm_box *box, const void *data, size_t len, unsigned int seconds, char *ret_text, struct wm_error *err,
	       const char *program, ...) __attribute__((sentinel));
int wm_box_run_argv(const struct wm_box *box, const void *data, size_t len, unsigned int seconds, char *ret_text, struct wm_error *err,
		    const char *const argv[]);

/* Becomes a program in it; returns only where that cannot be. */
int wm_box_run_instead(const struct wm_box *box, struct wm_error *err, const char *const argv[]);

/* Writes a file in it, whole; its directory is made. mode: "600". */
int wm_box_write(const struct wm_box *box, const char *path, const char *mode, const void *data, size_t len, struct wm_error *err);
/* The end of what a program has said, as one line that a sentence may end with. Borrowed from text. */
const char *wm_box_last_words(char *text);
/* What a program in it has said, made fit for a terminal: a container's root may have had it say anything. */
void wm_box_tame(char *text);
void wm_box_tame_bytes(char *text, size_t len); /* of whole characters */

/* A file in it has this content and mode, and is its root's. */
int wm_step_box_file(struct wm_life *l, const struct wm_box *box, const char *path, const char *mode, const void *data, size_t len,
		     struct wm_error *err);
