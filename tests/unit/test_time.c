/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Moments as text: one way to write each.
 */
#include "core/time.h"

#include <errno.h>

#include "unit/mesh.h"

static void there_and_back(void **state)
{
	static const struct {
		int64_t t;
		const char *text;
	} rows[] = {
		{ 1, "1970-01-01T00:00:01Z" }, { 951782400, "2000-02-29T00:00:00Z" }, { 1767323045, "2026-01-02T03:04:05Z" },
		{ 2147483648, "2038-01-19T03:14:08Z" }, { 253402300799, "9999-12-31T23:59:59Z" },
	};
	char text[WM_TIME_TEXT];
	int64_t t;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_string_equal(wm_time_format(rows[i].t, text), rows[i].text);
		assert_int_equal(wm_time_parse(rows[i].text, &t), 0);
		assert_int_equal(t, rows[i].t);
	}
	assert_string_equal(wm_time_format(0, text), "");
	assert_string_equal(wm_time_format(-5, text), "");
	assert_string_equal(wm_time_format(253402300800, text), "");
	assert_string_equal(wm_time_format(INT64_MAX, text), "");
}

static void every_day_comes_back(void **state)
{
	char text[WM_TIME_TEXT];
	int64_t back;

	(void)state;
	for (int64_t t = 86399; t < 253402300800; t += 86400 + 7 * 60 + 1) { /* until the year 9999 */
		assert_int_equal(wm_time_parse(wm_time_format(t, text), &back), 0);
		assert_int_equal(back, t);
	}
}

static void nothing_else_is_taken(void **state)
{
	static const char *const rows[] = {
		"", "now", "2026-01-02", "2026-01-02T03:04:05", "2026-01-02T03:04:05+00:00", "2026-01-02T03:04:05z",
		"2026-01-02T03:04:05.5Z", "2026-01-02T03:04:05Z ", " 2026-01-02T03:04:05Z", "2026-1-02T03:04:05Z",
		"2026-02-30T03:04:05Z", "2026-13-02T03:04:05Z", "2026-01-02T24:00:00Z", "2026-01-02T03:04:60Z",
		"1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "12026-01-02T03:04:05Z",
	};
	int64_t t = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (wm_time_parse(rows[i], &t) != -EINVAL)
			fail_msg("'%s' was taken", rows[i]);
	}
	assert_int_equal(t, 7);
}

static void an_age_has_one_unit(void **state)
{
	static const struct {
		int64_t then;
		const char *text;
	} rows[] = {
		{ 0, "never" }, { 1000000, "0 s ago" }, { 999881, "119 s ago" }, { 999880, "2 min ago" }, { 992801, "119 min ago" },
		{ 992800, "2 h ago" }, { 827200, "2 d ago" }, { 1000005, "0 s ago" },
	};
	char text[WM_AGE_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(wm_time_age(rows[i].then, 1000000, text), rows[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(there_and_back),
		TEST(every_day_comes_back),
		TEST(nothing_else_is_taken),
		TEST(an_age_has_one_unit),
	};

	return UNIT_RUN("time", tests);
}
