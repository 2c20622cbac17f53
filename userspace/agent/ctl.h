/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The control socket of a live `run` (<run_dir>/ctl, mode 0600): one request,
 * one answer, then it is closed. Versioned, because a newer wm-gateway may
 * talk to an older run.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/instance.h"

#define WM_CTL_VERSION 1

enum wm_ctl_verb { WM_CTL_SYNC = 1, WM_CTL_STATUS = 2, WM_CTL_CONFIRM = 3, WM_CTL_PROBLEMS = 4 };

/* A SYNC that is answered with exit code 0 is one with registry and kernel, as far as the program can be. What is up to the
 * operator then (a removal to be confirmed, a LAN to be brought up) follows in a line of its own that begins so. */
#define WM_CTL_BUT "but: "

struct wm_ctl_request {
	uint32_t version;
	uint32_t verb;
	uint32_t json;
	uint64_t generation; /* sent behind the others, with CONFIRM only: a run that does not know it says so */
};

struct wm_ctl_answer {
	uint32_t version;
	int32_t exit_code;
	/* text until the end of the stream */
};

/* Takes the instance's lock and listens: -EBUSY when another run has it.
 * *ret_lock is held until closed. */
int wm_ctl_lock(const struct wm_instance *inst, int *ret_lock, struct wm_error *err);
int wm_ctl_listen(const struct wm_instance *inst, int *ret_fd, struct wm_error *err);

/* The next client's request; its fd, or -EAGAIN, or -errno for one that is to be forgotten. */
int wm_ctl_accept(int listen_fd, struct wm_ctl_request *ret);
/* Answers and closes; a client that does not read loses the rest, not us. */
void wm_ctl_answer(int fd, int exit_code, const char *text);

/* Asks a live run: -ENOENT when there is none. generation: of CONFIRM, else 0. *ret_text is malloc'd; at most timeout_s. */
int wm_ctl_ask(const struct wm_instance *inst, enum wm_ctl_verb verb, int json, uint64_t generation, unsigned int timeout_s,
	       char **ret_text, int *ret_exit_code, struct wm_error *err);
