/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A wm-fetch child and the conversation with it: one request at a time, the
 * answer is collected without blocking.
 */
#pragma once

#include "core/error.h"
#include "core/delta.h"
#include "agent/identity.h"

struct wm_fetcher {
	int fd;          /* -1: not running; readable: call wm_fetcher_read */
	int pid;
	bool busy;       /* a request is out */
	uint64_t since;  /* monotonic ms of that request, of its first record if it has several */
	char *buf;       /* received, not yet parsed */
	size_t len, cap;
	struct wm_config config; /* being received */
	struct wm_delta delta;   /* the same */
};

enum wm_answer_kind { WM_ANSWER_NONE, WM_ANSWER_CONFIG, WM_ANSWER_CHANGES, WM_ANSWER_UNCHANGED, WM_ANSWER_DONE, WM_ANSWER_LOCATED,
		      WM_ANSWER_PROBLEM };

struct wm_answer {
	enum wm_answer_kind kind;
	struct wm_config config; /* CONFIG: the caller's to free */
	struct wm_delta delta;   /* CHANGES: the same */
	struct wm_fetch_located located; /* LOCATED */
	int http_status;         /* PROBLEM; 0: none was had */
	int code;                /* PROBLEM: positive errno */
	struct wm_error err;     /* PROBLEM: the sentence */
};

/* Sends a request or one of its records, starting the child when it is not there. 0 or -errno; -ETIMEDOUT after a few
 * seconds in which the child did not take all of it. Where it fails, the child has been ended. */
int wm_fetcher_send(struct wm_fetcher *f, const struct wm_instance *inst, uint16_t type, const void *request,
		    size_t len, struct wm_error *err);

/* Takes what has arrived. ret->kind NONE: not complete yet. A child that died
 * or talks nonsense is ended and becomes a PROBLEM; the next send starts a new one. */
void wm_fetcher_read(struct wm_fetcher *f, struct wm_answer *ret);

/* Waits for the whole answer, at most timeout_s. */
void wm_fetcher_wait(struct wm_fetcher *f, unsigned int timeout_s, struct wm_answer *ret);

void wm_answer_free(struct wm_answer *answer); /* what it still holds */
void wm_fetcher_stop(struct wm_fetcher *f); /* ends the child; fine when there is none */

/* Url, token and trust of instance and identity, as every request carries them. */
void wm_fetcher_target(const struct wm_instance *inst, const char *token, struct wm_fetch_target *ret);
