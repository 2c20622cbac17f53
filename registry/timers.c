/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/timers.h"

#include <limits.h>
#include <stdlib.h>

#include "core/util.h"

static void put(struct timers *t, size_t place, struct timer *timer)
{
	t->heap[place - 1] = timer;
	timer->place = place;
}

static void settle(struct timers *t, struct timer *timer)
{
	size_t place = timer->place;

	while (place > 1 && t->heap[place / 2 - 1]->at_ms > timer->at_ms) {
		put(t, place, t->heap[place / 2 - 1]);
		place /= 2;
	}
	for (;;) {
		size_t child = 2 * place;

		if (child < t->n && t->heap[child]->at_ms < t->heap[child - 1]->at_ms)
			child++;
		if (child > t->n || t->heap[child - 1]->at_ms >= timer->at_ms)
			break;
		put(t, place, t->heap[child - 1]);
		place = child;
	}
	put(t, place, timer);
}

int timers_set(struct timers *t, struct timer *timer, uint64_t at_ms)
{
	if (!timer->place) {
		int rc = wm_grow((void **)&t->heap, &t->capacity, t->n + 1, sizeof(struct timer *));

		if (rc)
			return rc;
		put(t, ++t->n, timer);
	}
	timer->at_ms = at_ms;
	settle(t, timer);
	return 0;
}

void timers_clear(struct timers *t, struct timer *timer)
{
	size_t place = timer->place;
	struct timer *last;

	if (!place)
		return;
	last = t->heap[--t->n];
	timer->place = 0;
	if (last == timer)
		return;
	put(t, place, last);
	settle(t, last);
}

void timers_run(struct timers *t, uint64_t now_ms)
{
	while (t->n && t->heap[0]->at_ms <= now_ms) {
		struct timer *timer = t->heap[0];

		timers_clear(t, timer);
		timer->fire(timer);
	}
}

int timers_sleep(const struct timers *t, uint64_t now_ms)
{
	uint64_t ms;

	if (!t->n)
		return -1;
	ms = t->heap[0]->at_ms > now_ms ? t->heap[0]->at_ms - now_ms : 0;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

void timers_free(struct timers *t)
{
	free(t->heap);
	*t = (struct timers){ 0 };
}
