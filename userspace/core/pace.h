/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * When to compare with the kernel again. Soon after a hint that something has
 * changed, and from time to time; but whoever keeps changing things, or changes
 * back what we put right, or makes us fail, cannot keep us busy. Nor can a
 * registry that has another config each time. Times are monotonic milliseconds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct wm_pace {
	uint64_t at;        /* the next comparison */
	uint64_t calm_at;   /* before that, hints have to wait */
	uint64_t filled_at; /* when `repairs` was raised last */
	unsigned int repairs; /* so many more may follow on hints without a longer rest */
};

/* The first comparison is due at once. */
void wm_pace_begin(struct wm_pace *p, uint64_t now);

/* Something may have changed. */
void wm_pace_hint(struct wm_pace *p, uint64_t now);

/* A comparison has ended that took cpu_ms of processor time; what it found to put right (changed), or that it could not
 * (failed). poll_ms: the next without a hint. */
void wm_pace_done(struct wm_pace *p, uint64_t now, uint64_t poll_ms, uint64_t cpu_ms, bool changed, bool failed);

/* How long after a config was accepted to ask for the next: ms. The first that follow each other at once are asked for at
 * once, from then on more and more goes into one. held_ms: how long the registry took to have it, spent_ms: and we to bring it
 * into force. *io_row: 0 at first. */
uint64_t wm_pace_follow(unsigned int *io_row, uint64_t held_ms, uint64_t spent_ms);

/* Up to a quarter more, so that gateways which lost one registry do not come back in step. */
uint64_t wm_jitter(uint64_t ms);
