/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/watch.h"

#include "core/util.h"

#define OWNER(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))

static void on_time(struct timer *timer)
{
	http_resume(OWNER(timer, struct http_request, wait_timer));
}

bool watch_wait(struct watch *watch, struct http_request *request, unsigned int seconds)
{
	uint64_t now = wm_monotonic_ms();

	if (!request->wait_until_ms)
		request->wait_until_ms = now + seconds * 1000ull;
	if (now >= request->wait_until_ms || request->hurry || watch->n >= WATCH_MAX)
		return false;
	request->wait_timer.fire = on_time;
	if (timers_set(watch->timers, &request->wait_timer, request->wait_until_ms))
		return false;
	request->waits_in = watch;
	request->prev = NULL;
	request->next = watch->first;
	if (watch->first)
		watch->first->prev = request;
	watch->first = request;
	watch->n++;
	http_suspend(request);
	return true;
}

void watch_forget(struct http_request *request)
{
	struct watch *watch = request->waits_in;

	if (!watch)
		return;
	request->waits_in = NULL;
	timers_clear(watch->timers, &request->wait_timer);
	if (request->prev)
		request->prev->next = request->next;
	else
		watch->first = request->next;
	if (request->next)
		request->next->prev = request->prev;
	request->next = request->prev = NULL;
	watch->n--;
}

void watch_wake(struct watch *watch)
{
	while (watch->first) {
		struct http_request *request = watch->first;

		watch_forget(request);
		http_resume(request);
	}
}
