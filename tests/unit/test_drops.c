/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/drops.h"

#include "core/util.h"
#include "unit/unit.h"

static void the_latest_first(void **state)
{
	static const struct wm_drop_view in[] = {
		{ .src = 1, .last = 10, .count = { 5, 50 } }, { .src = 2, .last = 30, .count = { 1, 10 } },
		{ .src = 3, .last = 10, .count = { 9, 90 } }, { .src = 4, .last = 0 },
		{ .src = 2, .dst = 1, .last = 10, .count = { 5, 50 } },
	};
	static const int want[] = { 1, 2, 0, 4, 3 };
	struct wm_drop_views views = { 0 };

	(void)state;
	wm_drop_views_sort(&views);
	for (size_t i = 0; i < WM_ARRAY_LEN(in); i++)
		assert_int_equal(wm_drop_views_add(&views, &in[i]), 0);
	wm_drop_views_sort(&views);
	assert_int_equal(views.n, WM_ARRAY_LEN(in));
	for (size_t i = 0; i < WM_ARRAY_LEN(in); i++)
		assert_memory_equal(&views.item[i], &in[want[i]], sizeof(in[0]));
	wm_drop_views_free(&views);
	assert_int_equal(views.n, 0);
}

static void two_lists_become_one(void **state)
{
	static const struct wm_drop_view in[] = {
		{ .src = 1, .proto = 6, .last = 10, .count = { 5, 50 } }, { .src = 2, .last = 15, .count = { 1, 10 } },
		{ .src = 1, .proto = 17, .last = 5, .count = { 9, 90 } }, { .src = 1, .proto = 6, .last = 20, .count = { 7, 70 } },
	};
	struct wm_drop_views views = { 0 };

	(void)state;
	wm_drop_views_join(&views);
	assert_int_equal(views.n, 0);
	for (size_t i = 0; i < WM_ARRAY_LEN(in); i++)
		assert_int_equal(wm_drop_views_add(&views, &in[i]), 0);
	wm_drop_views_join(&views);
	assert_int_equal(views.n, 3);
	assert_int_equal(views.item[0].src, 1);
	assert_int_equal(views.item[0].proto, 6);
	assert_int_equal(views.item[0].last, 20);
	assert_int_equal(views.item[0].count.packets, 12);
	assert_int_equal(views.item[0].count.bytes, 120);
	assert_memory_equal(&views.item[1], &in[1], sizeof(in[1]));
	assert_memory_equal(&views.item[2], &in[2], sizeof(in[2]));
	wm_drop_views_free(&views);
}

static void what_is_the_same(void **state)
{
	struct wm_drop_view a = { .src = 1, .dst = 2, .reason = 3, .place = WM_DROP_FROM_WG, .proto = 6, .ifindex = 7, .count = { 5, 50 } };
	struct wm_drop_view others[] = { a, a, a, a, a, a }, same = a;
	const struct wm_drop_views before = { &a, 1, 0 };
	struct wm_drop_views now = { &same, 1, 0 }, risen;

	(void)state;
	others[0].src = 9;
	others[1].dst = 9;
	others[2].reason = 9;
	others[3].place = WM_DROP_FROM_LAN;
	others[4].proto = 17;
	others[5].ifindex = 9;
	same.last = 9;
	same.port = 53;
	same.has_mac = true;
	assert_int_equal(wm_drop_views_risen(&before, &now, &risen), 0);
	assert_int_equal(risen.n, 0);
	for (size_t i = 0; i < WM_ARRAY_LEN(others); i++) {
		now.item = &others[i];
		assert_int_equal(wm_drop_views_risen(&before, &now, &risen), 0);
		assert_int_equal(risen.n, 1);
		assert_int_equal(risen.item[0].count.packets, 5);
		wm_drop_views_free(&risen);
	}
}

static void what_rose(void **state)
{
	struct wm_drop_view was[] = {
		{ .src = 1, .count = { 5, 500 } }, { .src = 2, .count = { 5, 500 } }, { .src = 3, .count = { 5, 500 } },
		{ .src = 5, .count = { 1, 100 } },
	};
	struct wm_drop_view is[] = {
		{ .src = 1, .count = { 5, 500 } },            /* not */
		{ .src = 2, .last = 1, .count = { 7, 700 } }, /* by 2 */
		{ .src = 3, .last = 2, .count = { 2, 200 } }, /* made room, and is there again */
		{ .src = 4, .last = 3, .count = { 1, 100 } }, /* new */
	};
	const struct wm_drop_views before = { was, WM_ARRAY_LEN(was), 0 }, now = { is, WM_ARRAY_LEN(is), 0 }, none = { 0 };
	struct wm_drop_views risen;

	(void)state;
	assert_int_equal(wm_drop_views_risen(&before, &now, &risen), 0);
	assert_int_equal(risen.n, 3);
	assert_int_equal(risen.item[0].src, 4);
	assert_int_equal(risen.item[1].src, 3);
	assert_int_equal(risen.item[1].count.packets, 2);
	assert_int_equal(risen.item[2].src, 2);
	assert_int_equal(risen.item[2].count.packets, 2);
	assert_int_equal(risen.item[2].count.bytes, 200);
	wm_drop_views_free(&risen);
	assert_int_equal(wm_drop_views_risen(&none, &none, &risen), 0);
	assert_int_equal(risen.n, 0);
	assert_int_equal(wm_drop_views_risen(&none, &now, &risen), 0);
	assert_int_equal(risen.n, 4);
	wm_drop_views_free(&risen);
}

static void every_place_has_a_name(void **state)
{
	(void)state;
	for (unsigned int p = 0; p < WM_DROP_PLACES; p++)
		assert_string_not_equal(wm_drop_place_name(p), "?");
	assert_string_equal(wm_drop_place_name(WM_DROP_PLACES), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_latest_first),
		TEST(two_lists_become_one),
		TEST(what_is_the_same),
		TEST(what_rose),
		TEST(every_place_has_a_name),
	};

	return UNIT_RUN("drops", tests);
}
