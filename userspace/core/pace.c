/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/pace.h"

#include "core/key.h"
#include "core/util.h"

#define SETTLE_MS 100  /* from a hint to the comparison: changes come in bunches */
#define CALM_MS 400    /* from a comparison to the next on a hint, at least ... */
#define CALM_SHARE 20  /* ... and no more than this part of the time ... */
#define CALM_MAX_MS 60000 /* ... for so long at most */
#define REPAIRS 30     /* that follow each other as fast as that */
#define REPAIR_MS 5000 /* from then on so much apart */
#define FAILURE 5      /* repairs for which one that fails counts: it may cost as much as the first start */

#define FOLLOW_CALM_MS 1000 /* a config that took so long to come does not follow at once */
#define FOLLOW_FREE 10     /* that may */
#define FOLLOW_STEPS 6     /* of doubling, to ... */
#define FOLLOW_MAX_MS 200  /* ... so much, but ... */
#define FOLLOW_SHARE 4     /* ... so many times what the last one cost */

void wm_pace_begin(struct wm_pace *p, uint64_t now)
{
	*p = (struct wm_pace){ .at = now, .calm_at = now, .filled_at = now, .repairs = REPAIRS };
}

void wm_pace_hint(struct wm_pace *p, uint64_t now)
{
	uint64_t then = WM_MAX(now + SETTLE_MS, p->calm_at);

	p->at = WM_MIN(p->at, then);
}

static void fill(struct wm_pace *p, uint64_t now)
{
	uint64_t n = (now - p->filled_at) / REPAIR_MS;

	p->filled_at += n * REPAIR_MS;
	p->repairs = (unsigned int)WM_MIN(p->repairs + n, (uint64_t)REPAIRS);
}

void wm_pace_done(struct wm_pace *p, uint64_t now, uint64_t poll_ms, uint64_t cpu_ms, bool changed, bool failed)
{
	unsigned int cost = failed ? FAILURE : changed;
	/* Looking is what costs all the time; doing is rare, and counted. */
	uint64_t rest = cost ? 0 : CALM_SHARE * cpu_ms;

	fill(p, now);
	if (cost && cost >= p->repairs)
		rest = cost * REPAIR_MS;
	p->repairs -= WM_MIN(cost, p->repairs);
	p->calm_at = now + WM_MIN(WM_MAX(rest, (uint64_t)CALM_MS), (uint64_t)CALM_MAX_MS);
	p->at = now + poll_ms;
	/* Trying again by the clock is no better. */
	if (failed)
		p->at = WM_MAX(p->at, p->calm_at);
}

uint64_t wm_pace_follow(unsigned int *io_row, uint64_t held_ms, uint64_t spent_ms)
{
	uint64_t rest = WM_MIN(FOLLOW_SHARE * spent_ms, (uint64_t)CALM_MAX_MS);

	if (held_ms >= FOLLOW_CALM_MS + FOLLOW_SHARE * spent_ms)
		*io_row = 0;
	else if (*io_row < FOLLOW_FREE + FOLLOW_STEPS)
		++*io_row;
	if (*io_row <= FOLLOW_FREE)
		return 0;
	return WM_MAX(rest, (uint64_t)FOLLOW_MAX_MS >> (FOLLOW_FREE + FOLLOW_STEPS - *io_row));
}

uint64_t wm_jitter(uint64_t ms)
{
	uint32_t r;

	wm_random(&r, sizeof(r));
	return ms + r % (ms / 4 + 1);
}
