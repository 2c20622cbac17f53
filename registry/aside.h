/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One long change at a time, made by a thread of its own on a store of its own
 * (store_open_beside), while the loop goes on to serve all who change nothing.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "core/error.h"
#include "registry/store.h"

struct aside {
	bool open, busy;
	int fd; /* readable when the work is done */
	bool give_up; /* atomic: the thread is to end */
	pthread_t thread;
	struct store *store, *beside;
	void (*work)(void *job, struct store *store);
	void (*done)(void *job);
	void *job;
};

/* Of a store that is shared it is not opened. */
int aside_open(struct aside *aside, struct store *store, struct wm_error *err);
/* work is called in the thread, where job belongs to it alone; done by aside_end, in the loop. Not while one is busy. */
int aside_begin(struct aside *aside, void (*work)(void *job, struct store *store), void (*done)(void *job), void *job,
		struct wm_error *err);
void aside_end(struct aside *aside);     /* when fd is readable; waits for the thread otherwise */
void aside_give_up(struct aside *aside); /* what it does is to fail (-ECANCELED), unless it is as good as done */
void aside_close(struct aside *aside);
