/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rates of two looks: never one that nobody can have had.
 */
#include "core/counters.h"

#include "core/util.h"
#include "unit/unit.h"

static const struct wm_end_counters was = {
	.overlay = 0xac1e0202, .owner = 7, .to = { 100, 10000 }, .from = { 50, 5000 }, .drops = 3, .last_seen = 1000,
};

static void what_rose(void **state)
{
	static const double want[WM_END_FIELDS] = { 5, 250, 0, 0, 0.5 };
	struct wm_end_counters is = was;
	double rate[WM_END_FIELDS];

	(void)state;
	is.to.packets += 10;
	is.to.bytes += 500;
	is.drops += 1;
	is.last_seen += 60;
	assert_true(wm_end_rates(&was, &is, 2, rate));
	for (int f = 0; f < WM_END_FIELDS; f++)
		assert_true(rate[f] > want[f] - 0.001 && rate[f] < want[f] + 0.001);
}

/* Each of them: zeroed, somebody else's, not a moment later. */
static void what_does_not_belong_together(void **state)
{
	double rate[WM_END_FIELDS];
	struct wm_end_counters is;

	(void)state;
	for (int i = 0; i < 7; i++) {
		is = was;
		is.to.packets += 1000000;
		is.overlay += i == 0;
		is.owner += i == 1;
		is.to.bytes -= i == 2;
		is.from.packets -= i == 3;
		is.from.bytes -= i == 4;
		is.drops -= i == 5;
		assert_int_equal(wm_end_rates(&was, &is, i == 6 ? 0 : 2, rate), false);
	}
	is = was;
	is.to.packets = 0;
	assert_false(wm_end_rates(&was, &is, 2, rate));
}

static void reasons_too(void **state)
{
	const struct wm_count before = { 10, 1000 }, after = { 14, 1002 }, fallen = { 9, 2000 }, fewer = { 20, 999 };
	double packets = 0, bytes = 0;

	(void)state;
	assert_true(wm_count_rates(&before, &after, 4, &packets, &bytes));
	assert_true(packets > 0.99 && packets < 1.01 && bytes > 0.49 && bytes < 0.51);
	assert_true(wm_count_rates(&before, &before, 4, &packets, &bytes));
	assert_false(wm_count_rates(&before, &fallen, 4, &packets, &bytes));
	assert_false(wm_count_rates(&before, &fewer, 4, &packets, &bytes));
	assert_false(wm_count_rates(&before, &after, 0, &packets, &bytes));
}

/* From the whole of 64 bits, and of a time that was very short. */
static void large_numbers(void **state)
{
	struct wm_end_counters is = was;
	double rate[WM_END_FIELDS];

	(void)state;
	is.to.bytes = UINT64_MAX;
	assert_true(wm_end_rates(&was, &is, 0.001, rate));
	assert_true(rate[WM_TO_BYTES] > 1.8e22 && rate[WM_TO_BYTES] < 1.9e22);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_rose),
		TEST(what_does_not_belong_together),
		TEST(reasons_too),
		TEST(large_numbers),
	};

	return UNIT_RUN("counters", tests);
}
