/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Packets through a rig without an end, from a process of its own: rounds of a
 * burst each way, the next when all has come out that had to.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "hitless/rig.h"

/* Written by the process, but for what it is told. */
struct load_shared {
	/* told */
	uint32_t stop, hold, roll, reopen;
	uint32_t excused; /* PROOF_NO_... */
	/* tells */
	uint32_t held, rolled, reopened, warm;
	uint64_t rounds;
	uint64_t sent, lost; /* packets: of all, of those that had to come out */
	struct wm_error why; /* it has ended, because */
};

struct load {
	pid_t pid;
	struct rig *rig;
	struct load_shared *shared;
	struct proof_count *sent, *sent_must; /* by index; written by the process */
};

/* It makes the tunnel's device and waits, on hold. 0 or -errno. */
int load_start(struct load *load, struct rig *rig, struct wm_error *err);
void load_stop(struct load *load);

/* These wait. 0, or -EIO when the process has ended. */
int load_hold(struct load *load, struct wm_error *err); /* nothing is under way */
int load_go_on(struct load *load, struct wm_error *err);
int load_pass(struct load *load, unsigned int rounds, struct wm_error *err);  /* so many more, sent from now on */
int load_excuse(struct load *load, uint32_t excused, struct wm_error *err); /* what is sent without is out */
int load_reopen(struct load *load, struct wm_error *err); /* the tunnel's device was deleted: makes it again */
int load_warm(struct load *load, struct wm_error *err); /* devices carry, isolated hosts have been asked */
/* On hold: a packet to and from each address that changes. */
int load_roll_call(struct load *load, struct wm_error *err);
