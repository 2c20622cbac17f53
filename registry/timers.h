/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Many deadlines, one sleep: a binary heap of timers that live inside the
 * objects they belong to. Times are wm_monotonic_ms().
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct timer {
	uint64_t at_ms;
	size_t place;                     /* in the heap, from 1; 0: not set */
	void (*fire)(struct timer *timer); /* called once, with the timer already cleared */
};

struct timers {
	struct timer **heap;
	size_t n, capacity;
};

int timers_set(struct timers *t, struct timer *timer, uint64_t at_ms); /* also moves one; -ENOMEM */
void timers_clear(struct timers *t, struct timer *timer);              /* nothing when it is not set */
void timers_run(struct timers *t, uint64_t now_ms);                    /* fires all that are due */
int timers_sleep(const struct timers *t, uint64_t now_ms);             /* ms until the next; -1: none is set */
void timers_free(struct timers *t);
