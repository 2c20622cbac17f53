/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * When a program that should stay is one that keeps ending.
 */
#include "core/ends.h"

#include "unit/unit.h"

#define MINUTE 60000ull

/* It ends every `every`, after it has lasted so long. The number of the end that was one too many; 0: none of a hundred. */
static unsigned int too_many(uint64_t every, uint64_t lasted)
{
	struct wm_ends e = { 0 };
	uint64_t now = 5, longest;

	for (unsigned int i = 1; i <= 100; i++, now += every)
		if (wm_ends_add(&e, now, lasted, &longest))
			return i;
	return 0;
}

static void soon_after_its_start_three_are_too_many(void **state)
{
	(void)state;
	assert_int_equal(too_many(1000, 500), 3);
	assert_int_equal(too_many(2 * MINUTE, MINUTE), 3);
}

static void else_six_within_an_hour_are(void **state)
{
	(void)state;
	assert_int_equal(too_many(2 * MINUTE, MINUTE + 1), 6);
	assert_int_equal(too_many(12 * MINUTE, 12 * MINUTE), 6);
}

static void seldom_is_never_too_many(void **state)
{
	(void)state;
	assert_int_equal(too_many(13 * MINUTE, 13 * MINUTE), 0);
	/* Short ones, but not in a row: it ran well for half an hour between them. */
	assert_int_equal(too_many(31 * MINUTE, 500), 0);
}

static void how_long_it_lasted_is_of_those_that_count(void **state)
{
	struct wm_ends e = { 0 };
	uint64_t longest = 0;

	(void)state;
	assert_false(wm_ends_add(&e, 50 * MINUTE, 30 * MINUTE, &longest));
	assert_false(wm_ends_add(&e, 51 * MINUTE, 100, &longest));
	assert_false(wm_ends_add(&e, 52 * MINUTE, 300, &longest));
	assert_int_equal(longest, 0);
	assert_true(wm_ends_add(&e, 53 * MINUTE, 200, &longest));
	assert_int_equal(longest, 300);
	/* The long one and those after it, six in all. */
	assert_false(wm_ends_add(&e, 56 * MINUTE, 2 * MINUTE, &longest));
	assert_true(wm_ends_add(&e, 59 * MINUTE, 2 * MINUTE, &longest));
	assert_int_equal(longest, 30 * MINUTE);
	/* A year, and then it began. */
	e.n = 0;
	for (int i = 0; i < 5; i++)
		assert_false(wm_ends_add(&e, (1000 + 5ull * i) * MINUTE, i ? 5 * MINUTE : 525600 * MINUTE, &longest));
	assert_true(wm_ends_add(&e, 1025 * MINUTE, 5 * MINUTE, &longest));
	assert_int_equal(longest, 60 * MINUTE);
}

static void who_hangs_three_times_a_day_does_so_too_often(void **state)
{
	static const struct {
		uint64_t every;
		unsigned int too_many;
	} rows[] = { { 10 * MINUTE, 3 }, { 720 * MINUTE, 3 }, { 721 * MINUTE, 0 }, { 2880 * MINUTE, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct wm_ends e = { 0 };
		unsigned int at = 0;

		for (unsigned int n = 1; n <= 20 && !at; n++)
			at = wm_ends_hang(&e, 5 + n * rows[i].every) ? n : 0;
		assert_int_equal(at, rows[i].too_many);
		assert_int_equal(e.n, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(soon_after_its_start_three_are_too_many),
		TEST(else_six_within_an_hour_are),
		TEST(seldom_is_never_too_many),
		TEST(how_long_it_lasted_is_of_those_that_count),
		TEST(who_hangs_three_times_a_day_does_so_too_often),
	};

	return UNIT_RUN("ends", tests);
}
