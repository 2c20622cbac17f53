/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/flows.h"

#include "core/util.h"
#include "unit/unit.h"

static void sorted_by_end_peer_protocol_and_ports(void **state)
{
	static const struct wm_flow_view in[] = {
		{ .end = 2, .peer = 1, .proto = 6, .end_port = 1 }, { .end = 1, .peer = 2, .proto = 6, .end_port = 9 },
		{ .end = 1, .peer = 2, .proto = 1, .end_port = 9 }, { .end = 1, .peer = 2, .proto = 6, .end_port = 8, .peer_port = 2 },
		{ .end = 1, .peer = 2, .proto = 6, .end_port = 8, .peer_port = 1 }, { .end = 0xac1e0201, .peer = 1 },
	};
	static const int want[] = { 2, 4, 3, 1, 0, 5 };
	struct wm_flow_views views = { 0 };

	(void)state;
	wm_flow_views_sort(&views);
	for (size_t i = 0; i < WM_ARRAY_LEN(in); i++)
		assert_int_equal(wm_flow_views_add(&views, &in[i]), 0);
	wm_flow_views_sort(&views);
	assert_int_equal(views.n, WM_ARRAY_LEN(in));
	for (size_t i = 0; i < WM_ARRAY_LEN(in); i++)
		assert_memory_equal(&views.item[i], &in[want[i]], sizeof(in[0]));
	wm_flow_views_free(&views);
	assert_int_equal(views.n, 0);
}

static void those_that_are_known_go(void **state)
{
	static const struct wm_flow_view in[] = {
		{ .end = 1, .peer = 1, .proto = 6, .state = WM_FLOW_ASKED }, { .end = 1, .peer = 2, .proto = 6 }, { .end = 2, .peer = 1, .proto = 17 },
	};
	static const struct wm_flow_view out[] = {
		{ .end = 0, .peer = 9 }, { .end = 1, .peer = 1, .proto = 6, .state = WM_FLOW_CLOSED, .seconds = 3 },
		{ .end = 2, .peer = 1, .proto = 6 }, { .end = 3 },
	};
	struct wm_flow_views views = { 0 }, known = { 0 };

	(void)state;
	wm_flow_views_drop(&views, &known);
	for (size_t i = 0; i < WM_ARRAY_LEN(in); i++)
		assert_int_equal(wm_flow_views_add(&views, &in[i]), 0);
	wm_flow_views_drop(&views, &known);
	assert_int_equal(views.n, 3);
	for (size_t i = 0; i < WM_ARRAY_LEN(out); i++)
		assert_int_equal(wm_flow_views_add(&known, &out[i]), 0);
	wm_flow_views_drop(&views, &known);
	assert_int_equal(views.n, 2);
	assert_memory_equal(&views.item[0], &in[1], sizeof(in[1]));
	assert_memory_equal(&views.item[1], &in[2], sizeof(in[2]));
	wm_flow_views_drop(&views, &views);
	assert_int_equal(views.n, 0);
	wm_flow_views_free(&views);
	wm_flow_views_free(&known);
}

static void every_state_has_a_name(void **state)
{
	(void)state;
	for (unsigned int s = 0; s < WM_FLOW_STATES; s++)
		assert_string_not_equal(wm_flow_state_name(s), "?");
	assert_string_equal(wm_flow_state_name(WM_FLOW_STATES), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sorted_by_end_peer_protocol_and_ports),
		TEST(those_that_are_known_go),
		TEST(every_state_has_a_name),
	};

	return UNIT_RUN("flows", tests);
}
