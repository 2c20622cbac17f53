/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/counters.h"
#include "unit/unit.h"

static void names_are_unique_words(void **state)
{
	(void)state;
	assert_true(WM_REASON_COUNT >= 10);
	for (unsigned int i = 0; i < WM_REASON_COUNT; i++) {
		const char *name = wm_reason_name(i);

		assert_true(*name && strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name));
		for (unsigned int j = 0; j < i; j++)
			assert_string_not_equal(name, wm_reason_name(j));
	}
}

static void each_has_a_help_of_one_line(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < WM_REASON_COUNT; i++) {
		const char *help = wm_reason_help(i);

		assert_true(strlen(help) >= 10 && strlen(help) <= 80 && !strchr(help, '\n'));
		for (unsigned int j = 0; j < i; j++)
			assert_string_not_equal(help, wm_reason_help(j));
	}
}

static void drops_are_told_from_the_rest(void **state)
{
	(void)state;
	assert_string_equal(wm_reason_name(WM_REASON_TO_LAN), "to_lan");
	assert_false(wm_reason_is_drop(WM_REASON_TO_LAN));
	assert_false(wm_reason_is_drop(WM_REASON_TO_MESH));
	assert_false(wm_reason_is_drop(WM_REASON_HAIRPIN));
	assert_false(wm_reason_is_drop(WM_REASON_RELAY));
	assert_false(wm_reason_is_drop(WM_REASON_LOCAL));
	assert_true(wm_reason_is_drop(WM_REASON_INVALID));
	assert_true(wm_reason_is_drop(WM_REASON_SPOOFED));
	assert_true(wm_reason_is_drop(WM_REASON_UNREGISTERED));
	assert_true(wm_reason_is_drop(WM_REASON_ISOLATED));
	assert_true(wm_reason_is_drop(WM_REASON_NO_HOST));
}

static void numbers_of_a_newer_data_plane_do_no_harm(void **state)
{
	static const unsigned int unknown[] = { WM_REASON_COUNT, WM_REASON_COUNT + 1, 1000000, ~0u };

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		assert_string_equal(wm_reason_name(unknown[i]), "?");
		assert_string_equal(wm_reason_help(unknown[i]), "");
		assert_false(wm_reason_is_drop(unknown[i]));
	}
}

static void counters_are_freed_once(void **state)
{
	struct wm_counters c = { .ends = calloc(2, sizeof(*c.ends)), .nends = 2 };

	(void)state;
	c.reason[0].packets = 7;
	wm_counters_free(&c);
	assert_null(c.ends);
	assert_int_equal(c.nends, 0);
	assert_int_equal(c.reason[0].packets, 0);
	wm_counters_free(&c);
	wm_counters_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_are_unique_words),
		TEST(each_has_a_help_of_one_line),
		TEST(drops_are_told_from_the_rest),
		TEST(numbers_of_a_newer_data_plane_do_no_harm),
		TEST(counters_are_freed_once),
	};

	return UNIT_RUN("reason", tests);
}
