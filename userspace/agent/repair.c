/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/repair.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "core/log.h"
#include "core/util.h"
#include "kernel/dataplane.h"

#define REPAIR_MAX_MS 60000 /* compare at least so often, and every WM_POLL seconds */
#define LOOK_MS 600000      /* also with what nobody else has a hand in */
#define LOOK_SHARE 100      /* more often, as long as that takes no more than this part of the time */
#define DEAF_MS 50          /* from one look at the notices to the next */
#define NEVER UINT64_MAX

static void listen_to_notices(struct wm_repair *r, bool on)
{
	for (int i = 0; i < WM_NOTICE_SOURCES; i++) {
		struct epoll_event ev = { .events = on ? EPOLLIN : 0, .data.fd = r->notice.fd[i] };

		if (r->notice.fd[i] >= 0 && epoll_ctl(r->epoll, EPOLL_CTL_MOD, r->notice.fd[i], &ev))
			wm_error("epoll: %s", strerror(errno));
	}
	r->hear_at = on ? NEVER : wm_monotonic_ms() + DEAF_MS;
}

void wm_repair_open(struct wm_repair *r, struct wm_gateway *g, int epoll)
{
	struct wm_error err;

	*r = (struct wm_repair){ .g = g, .epoll = epoll, .hear_at = NEVER };
	wm_pace_begin(&r->pace, wm_monotonic_ms());
	if (wm_notice_open(&r->notice, g->inst, &err))
		wm_warning("%s", err.text);
	for (int i = 0; i < WM_NOTICE_SOURCES; i++) {
		struct epoll_event ev = { .events = EPOLLIN, .data.fd = r->notice.fd[i] };

		if (r->notice.fd[i] >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, r->notice.fd[i], &ev))
			wm_error("epoll: %s", strerror(errno));
	}
	wm_repair_renew(r);
}

void wm_repair_close(struct wm_repair *r)
{
	wm_notice_close(&r->notice);
}

/* What we do ourselves is noticed too: then there is nothing to do, and that is the end of it. */
void wm_repair_on_notice(struct wm_repair *r)
{
	if (wm_notice_read(&r->notice))
		wm_pace_hint(&r->pace, wm_monotonic_ms());
	listen_to_notices(r, false);
}

void wm_repair_renew(struct wm_repair *r)
{
	const struct wm_gateway *g = r->g;

	wm_notice_watch(&r->notice, g->applied ? &g->plan : NULL, g->last.ifindex, !strcmp(g->last.dataplane, wm_dataplane_nft.name));
}

/* Of this process: on a machine that is busy otherwise, what it takes by the clock would say nothing. */
static uint64_t cpu_ms(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return 1000ull * (uint64_t)t.tv_sec + (uint64_t)t.tv_nsec / 1000000;
}

/* Until the next comparison without a notice: of a handshake there is none. */
static uint64_t poll_ms(const struct wm_gateway *g)
{
	uint64_t most = g->memory.preshared.psk.nbusy ? 1000ull * WM_PSK_LOOK_S : (uint64_t)REPAIR_MAX_MS;

	return WM_MIN(1000ull * g->inst->poll_s, most);
}

void wm_repair_now(struct wm_repair *r)
{
	bool all = wm_monotonic_ms() >= r->look_at, failed;
	uint64_t start = cpu_ms(), poll, now, took;

	r->g->look_at_all |= all;
	failed = wm_gateway_apply(r->g) != 0;
	now = wm_monotonic_ms();
	took = cpu_ms() - start;
	poll = poll_ms(r->g);
	wm_debug("compared with the kernel: %d changes", r->g->last.changes);
	wm_pace_done(&r->pace, now, poll, took, r->g->last.changes, failed);
	if (r->g->last.changes)
		took = 0; /* of looking, nothing is known */
	if (all)
		r->look_at = now + WM_MIN(WM_MAX(LOOK_SHARE * took, poll), (uint64_t)LOOK_MS);
	wm_repair_renew(r);
}

void wm_repair_all(struct wm_repair *r)
{
	r->look_at = 0;
	wm_repair_now(r);
}

void wm_repair_on_time(struct wm_repair *r)
{
	uint64_t now = wm_monotonic_ms();

	if (now >= r->hear_at)
		listen_to_notices(r, true);
	if (now >= r->pace.at)
		wm_repair_now(r);
}

uint64_t wm_repair_next(const struct wm_repair *r)
{
	return WM_MIN(r->pace.at, r->hear_at);
}
