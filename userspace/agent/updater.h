/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm-agent's updates as its loop sees them: when it is looked for a release,
 * which wm-gateway is to run, and whether a new one proves itself. What takes
 * time is done by a worker, a process of its own; nothing here waits.
 *
 *   RESTING --time--> LOOKING --worker: staged--> TRYING --worker: in sync--> RESTING (the new one)
 *     ^  ^              |                           |
 *     |  \--nothing, refused                        \--ended, or not in time (the old one again)--> RETURNING
 *     \--worker: the old one is in sync, so the new one is bad; or it is not, and that is not known------/
 *
 *   RESTING --keeps ending, though it was proved--> COMPARING (the one before runs) --it ends, too--> RESTING (the newer one)
 *                                                      \--worker: it stays--> RESTING (the one before)
 */
#pragma once

#include <limits.h>
#include <sys/types.h>

#include "agent/update.h"
#include "core/ends.h"

enum wm_updater_phase { WM_UPDATER_RESTING, WM_UPDATER_LOOKING, WM_UPDATER_TRYING, WM_UPDATER_RETURNING, WM_UPDATER_COMPARING };

struct wm_updater {
	const char *instance, *config; /* as the command line says; NULL: not at all */
	struct wm_gateway_args args;
	const char *packaged;          /* the wm-gateway that was installed with wm-agent */

	enum wm_updater_phase phase;
	pid_t worker;                  /* 0: none */
	uint64_t next_ms;              /* monotonic: the next look */
	bool asked;                    /* for it, by somebody: at once, or as soon as the one that is under way is over */
	struct wm_version proved;      /* what runs, or would again; of `packaged` when it is as new as any */
	struct wm_version trial;
	struct wm_ends ends;           /* of what was proved */
	unsigned int silent;           /* looks at which it did not answer, in a row */
	uint64_t least_ms;             /* COMPARING: how long the older one has to last */
	uint64_t compare_at_ms;        /* monotonic: not again before that */
	bool sure;                     /* the old one was in sync: if it is so again, the new one failed by its own fault */
	bool known;                    /* it was in sync once: that it is not now is not held against it */
	bool refused;                  /* and that is why it was taken back */
	char why[64];                  /* it failed, or how what was proved ended last */

	char program[PATH_MAX];        /* which wm-gateway is to run */
	bool change;                   /* and what runs is another: the loop ends it, and clears this */
	bool hangs;                    /* what runs has not answered for long: the loop kills it, and clears this */
	int lock;                      /* <run_dir>/agent; -1: another wm-agent has it, and there are no updates here */
};

/* u's first three lines are set. Decides what is to run first. */
void wm_updater_open(struct wm_updater *u);
/* Nothing is looked for or judged from now on; a trial that is under way is as if it had not been begun. */
void wm_updater_stop(struct wm_updater *u);
/* When its gateway has ended: another wm-agent may come. */
void wm_updater_close(struct wm_updater *u);

uint64_t wm_updater_next_ms(const struct wm_updater *u); /* monotonic; UINT64_MAX: nothing but its worker is waited for */
void wm_updater_on_time(struct wm_updater *u);
void wm_updater_look_now(struct wm_updater *u);

/* Some child has ended: true, it was the worker. */
bool wm_updater_on_end(struct wm_updater *u, pid_t pid, int status);

void wm_updater_started(struct wm_updater *u);             /* u->program runs now */
/* and ended without having been told to by wm-agent */
void wm_updater_ended(struct wm_updater *u, int status, uint64_t lasted_ms);
/* or was killed, as u->hangs said */
void wm_updater_hung(struct wm_updater *u, uint64_t lasted_ms);
