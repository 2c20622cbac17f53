/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How often a gateway compares with the kernel, in an hour that passes at once.
 */
#include "core/pace.h"

#include "unit/unit.h"

#define HOUR 3600000
#define POLL 5000

/* Hints come every hint_ms (0: never). How many comparisons there are. */
static unsigned int an_hour(uint64_t hint_ms, uint64_t cpu_ms, bool changed, bool failed)
{
	const uint64_t start = 77777;
	struct wm_pace p;
	unsigned int n = 0;

	wm_pace_begin(&p, start);
	for (uint64_t now = start; now < start + HOUR; now += 10) {
		if (hint_ms && (now - start) % hint_ms == 0)
			wm_pace_hint(&p, now);
		if (now >= p.at) {
			wm_pace_done(&p, now, POLL, cpu_ms, changed, failed);
			n++;
		}
	}
	return n;
}

static void without_hints_it_is_the_poll(void **state)
{
	(void)state;
	assert_int_equal(an_hour(0, 2, false, false), HOUR / POLL);
}

static void a_hint_is_followed_within_a_second(void **state)
{
	struct wm_pace p;

	(void)state;
	wm_pace_begin(&p, 1000);
	wm_pace_done(&p, 1000, POLL, 2, false, false);
	wm_pace_hint(&p, 5000);
	assert_int_equal(p.at, 5100);
	wm_pace_hint(&p, 5050); /* one of the same bunch does not put it off */
	assert_int_equal(p.at, 5100);
	/* One repair after another. */
	for (uint64_t now = 5100, i = 0; i < 30; i++, now = p.at) {
		wm_pace_done(&p, now, POLL, 500, true, false);
		wm_pace_hint(&p, now + 1);
		assert_in_range(p.at, now + 100, now + 900);
	}
	/* A hint long before the poll does not make that later either. */
	wm_pace_done(&p, 100000, POLL, 2, false, false);
	wm_pace_hint(&p, 100000 + POLL - 10);
	assert_int_equal(p.at, 100000 + POLL);
}

static void whoever_changes_things_all_the_time_does_not_keep_it_busy(void **state)
{
	(void)state;
	/* Nothing to do, whatever it is: a twentieth of the time at most. */
	assert_in_range(an_hour(10, 2, false, false), 1000, HOUR / 400);
	assert_true(an_hour(10, 100, false, false) * 100 <= HOUR / 20 + 100);
	assert_true(an_hour(10, 10000, false, false) <= HOUR / 1000); /* the poll remains */
	/* Somebody who puts back what was put right. */
	assert_in_range(an_hour(10, 2, true, false), 30, 30 + HOUR / 5000 + 10);
	/* It fails, and says so in notices of its own. */
	assert_in_range(an_hour(10, 500, false, true), 6, 6 + HOUR / 25000 + 10);
	assert_in_range(an_hour(0, 500, false, true), 6, 6 + HOUR / 25000 + 10);
}

static void after_a_rest_it_is_quick_again(void **state)
{
	struct wm_pace p;

	(void)state;
	wm_pace_begin(&p, 0);
	for (uint64_t now = 0; now < HOUR; now = p.at) {
		wm_pace_done(&p, now, POLL, 2, true, false);
		wm_pace_hint(&p, now);
	}
	assert_int_equal(p.repairs, 0);
	wm_pace_done(&p, 2 * HOUR, POLL, 2, false, false);
	assert_int_equal(p.repairs, 30);
	wm_pace_hint(&p, 2 * HOUR + 1000);
	assert_int_equal(p.at, 2 * HOUR + 1100);
}

/* Who always has another config is asked five times a second at last; who has one now and then, at once. */
static void configs_that_follow_each_other_are_asked_for_less_and_less(void **state)
{
	unsigned int row = 0;
	uint64_t before = 0, wait;

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(wm_pace_follow(&row, 5, 2), 0);
	for (int i = 0; i < 20; i++, before = wait) {
		wait = wm_pace_follow(&row, 5, 2);
		assert_true(wait > before || wait == 200);
	}
	assert_int_equal(before, 200);
	/* Large ones cost more, and take longer to come. */
	assert_int_equal(wm_pace_follow(&row, 2000, 3000), 12000);
	assert_int_equal(wm_pace_follow(&row, 2000, 300000), 60000);
	assert_int_equal(wm_pace_follow(&row, 5000, 20), 0);
	assert_int_equal(wm_pace_follow(&row, 5, 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(configs_that_follow_each_other_are_asked_for_less_and_less),
		TEST(without_hints_it_is_the_poll),
		TEST(a_hint_is_followed_within_a_second),
		TEST(whoever_changes_things_all_the_time_does_not_keep_it_busy),
		TEST(after_a_rest_it_is_quick_again),
	};

	return UNIT_RUN("pace", tests);
}
