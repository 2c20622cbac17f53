/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Flows of isolated ends, in each state that one can be in, go from BPF to
 * nftables and back, and stay what they are.
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/util.h"
#include "kernel/bpf_rig.h"
#include "kernel/netns.h"
#include "kernel/nft_flow.h"

#define CAM 0xac1e0203 /* 172.30.2.3, isolated */
#define FAR 0xac1e0309

static struct rig rig;

static int setup(void **state)
{
	(void)state;
	rig_open(&rig);
	return wm_copy(rig.inst.nft_table, sizeof(rig.inst.nft_table), "wm_hand");
}

static int teardown(void **state)
{
	(void)state;
	assert_true(wm_dataplane_nft.remove(&rig.inst, &rig.err) >= 0);
	rig_close(&rig);
	return 0;
}

/* In the order of sorted views. */
static const struct wm_flow_view all[] = {
	{ .proto = IPPROTO_ICMP, .end_port = 7, .state = WM_FLOW_ASKED, .seconds = 29 },
	{ .proto = IPPROTO_TCP, .end_port = 1, .peer_port = 9, .state = WM_FLOW_ASKED, .seconds = 50 },
	{ .proto = IPPROTO_TCP, .end_port = 2, .peer_port = 9, .state = WM_FLOW_IS_ANSWERED, .saw = WM_FLOW_SAW_ANSWER, .seconds = 40 },
	{ .proto = IPPROTO_TCP, .end_port = 3, .peer_port = 9, .state = WM_FLOW_ESTABLISHED, .saw = WM_FLOW_SAW_ANSWER, .seconds = 7000 },
	{ .proto = IPPROTO_TCP, .end_port = 4, .peer_port = 9, .state = WM_FLOW_CLOSING,
	  .saw = WM_FLOW_SAW_ANSWER | WM_FLOW_SAW_PEER_CLOSE, .seconds = 55 },
	{ .proto = IPPROTO_TCP, .end_port = 5, .peer_port = 9, .state = WM_FLOW_CLOSING,
	  .saw = WM_FLOW_SAW_ANSWER | WM_FLOW_SAW_END_CLOSE, .seconds = 55 },
	{ .proto = IPPROTO_TCP, .end_port = 6, .peer_port = 9, .state = WM_FLOW_CLOSING, .saw = WM_FLOW_SAW_PEER_CLOSE, .seconds = 55 },
	{ .proto = IPPROTO_UDP, .end_port = 1, .peer_port = 9, .state = WM_FLOW_ASKED, .seconds = 29 },
	{ .proto = IPPROTO_UDP, .end_port = 2, .peer_port = 9, .state = WM_FLOW_IS_ANSWERED, .saw = WM_FLOW_SAW_ANSWER, .seconds = 150 },
};

static struct wm_flow_views made(void)
{
	struct wm_flow_views views = { 0 };

	for (size_t i = 0; i < WM_ARRAY_LEN(all); i++) {
		struct wm_flow_view v = all[i];

		v.end = CAM;
		v.peer = FAR;
		assert_int_equal(wm_flow_views_add(&views, &v), 0);
	}
	return views;
}

static uint64_t made_ms; /* when the flows were put in */

/* What it is in, who closed and who answered; a flow lives no longer than it did, and but a second for each of the times
 * it was handed on shorter. */
static void expect_all(const struct wm_dataplane *plane, uint32_t hands)
{
	struct wm_flow_views views;
	uint32_t past = (uint32_t)((wm_monotonic_ms() - made_ms) / 1000) + 1 + hands;

	assert_int_equal(plane->flows(&rig.inst, &views, &rig.err), 0);
	assert_int_equal(views.n, WM_ARRAY_LEN(all));
	for (size_t i = 0; i < views.n; i++) {
		const struct wm_flow_view *v = &views.item[i], *want = &all[i];

		assert_int_equal(v->end, CAM);
		assert_int_equal(v->peer, FAR);
		assert_int_equal(v->proto, want->proto);
		assert_int_equal(v->end_port, want->end_port);
		assert_int_equal(v->peer_port, want->peer_port);
		assert_int_equal(v->state, want->state);
		assert_int_equal(v->saw, want->saw);
		assert_in_range(v->seconds, WM_MAX(want->seconds, past) - past, want->seconds);
	}
	wm_flow_views_free(&views);
}

static void nft_apply(void)
{
	assert_true(wm_dataplane_nft.apply(&rig.inst, &rig.plan, rig.wg, &rig.err) >= 0);
}

static void there_and_back(void **state)
{
	struct wm_flow_views views = made();

	(void)state;
	nft_apply();
	made_ms = wm_monotonic_ms();
	assert_int_equal(wm_nft_flows_put(rig.inst.nft_table, &views, &rig.err), 0);
	expect_all(&wm_dataplane_nft, 1);
	for (uint32_t i = 0; i < 2; i++) {
		rig_apply(&rig);
		assert_true(wm_dataplane_nft.retire(&rig.inst, &rig.plan, &rig.err) >= 0);
		expect_all(&wm_dataplane_bpf, 2 * i + 2);
		nft_apply();
		assert_true(wm_dataplane_bpf.retire(&rig.inst, &rig.plan, &rig.err) > 0);
		expect_all(&wm_dataplane_nft, 2 * i + 3);
	}
	wm_flow_views_free(&views);
}

/* It lives ten seconds: one way at a time. */
static void closed_stays_closed(void **state)
{
	const struct wm_flow_view closed = { .end = CAM, .peer = FAR, .proto = IPPROTO_TCP, .end_port = 7, .peer_port = 9,
					     .state = WM_FLOW_CLOSED, .seconds = 10 };
	struct wm_flow_views views = { 0 }, there;

	(void)state;
	assert_int_equal(wm_flow_views_add(&views, &closed), 0);
	nft_apply();
	assert_int_equal(wm_nft_flows_put(rig.inst.nft_table, &views, &rig.err), 0);
	rig_apply(&rig);
	assert_int_equal(wm_dataplane_bpf.flows(&rig.inst, &there, &rig.err), 0);
	assert_int_equal(there.n, 1);
	assert_int_equal(there.item[0].state, WM_FLOW_CLOSED);
	wm_flow_views_free(&there);
	/* Anew, and back. */
	assert_true(wm_dataplane_nft.remove(&rig.inst, &rig.err) >= 0);
	nft_apply();
	assert_true(wm_dataplane_bpf.retire(&rig.inst, &rig.plan, &rig.err) > 0);
	assert_int_equal(wm_dataplane_nft.flows(&rig.inst, &there, &rig.err), 0);
	if (there.n) /* a machine so slow that it has gone has shown nothing */
		assert_int_equal(there.item[0].state, WM_FLOW_CLOSED);
	wm_flow_views_free(&there);
	wm_flow_views_free(&views);
}

/* A flood has filled what flows that begin may take: what is established has a set of its own, and each end its part. */
static void more_than_sets_hold(void **state)
{
	struct wm_flow_views views = { 0 }, there;
	size_t established = 0, of_eye = 0;

	(void)state;
	rig_host(&rig, "eye", "172.30.2.4", "192.168.1.12", true);
	for (uint32_t i = 0; i < 70000; i++)
		assert_int_equal(wm_flow_views_add(&views, &(struct wm_flow_view){
					.end = CAM + (i % 7 == 0), .peer = FAR + i / 60000, .proto = IPPROTO_TCP,
					.end_port = (uint16_t)(1 + i % 60000), .state = i % 10 ? WM_FLOW_ASKED : WM_FLOW_ESTABLISHED,
					.saw = i % 10 ? 0 : WM_FLOW_SAW_ANSWER, .seconds = i % 10 ? 59 : 7000 }), 0);
	wm_flow_views_sort(&views);
	nft_apply();
	assert_int_equal(wm_nft_flows_put(rig.inst.nft_table, &views, &rig.err), -ENOSPC);
	assert_non_null(strstr(rig.err.text, "has no room for 13848 of 70000 flows"));
	assert_int_equal(wm_dataplane_nft.flows(&rig.inst, &there, &rig.err), 0);
	assert_int_equal(there.n, 7000 + 49152);
	for (size_t i = 0; i < there.n; i++) {
		established += there.item[i].state == WM_FLOW_ESTABLISHED;
		of_eye += there.item[i].end == CAM + 1 && there.item[i].state == WM_FLOW_ASKED;
	}
	assert_int_equal(established, 7000);
	assert_in_range(of_eye, 7000, 7050);
	wm_flow_views_free(&there);
	wm_flow_views_free(&views);
}

/* The kernel had made its table as large as the set may become; with what goes it becomes as small as it can be. */
static void flush(enum wm_nft_flow_set set)
{
	char line[100];

	snprintf(line, sizeof(line), "nft flush set ip %s %s", rig.inst.nft_table, wm_nft_flow_sets[set].name);
	must(line);
}

/* The kernel makes a set's table larger behind our back, and a dump meanwhile has not all of it: it is seen, and done again. */
static void sets_that_grow(void **state)
{
	struct wm_flow_views views = { 0 }, there;

	(void)state;
	nft_apply();
	for (uint32_t i = 0; i < 100000; i++) {
		assert_int_equal(wm_flow_views_add(&views, &(struct wm_flow_view){
					.end = CAM, .peer = FAR, .proto = IPPROTO_UDP, .end_port = (uint16_t)(1 + views.n),
					.state = WM_FLOW_IS_ANSWERED, .saw = WM_FLOW_SAW_ANSWER, .seconds = 170 }), 0);
		if (views.n % 1000)
			continue;
		assert_int_equal(wm_nft_flows_put(rig.inst.nft_table, &views, &rig.err), 0);
		assert_int_equal(wm_dataplane_nft.flows(&rig.inst, &there, &rig.err), 0);
		assert_int_equal(there.n, views.n);
		wm_flow_views_free(&there);
		if (views.n < 10000)
			continue;
		flush(WM_NFT_ANSWERED);
		wm_flow_views_free(&views);
	}
	wm_flow_views_free(&views);
}

/* Whoever is not isolated any more, or not there, leaves none behind; others' stay. */
static void of_ends_that_are_isolated_alone(void **state)
{
	struct wm_flow_views views = made(), left;

	(void)state;
	rig_host(&rig, "eye", "172.30.2.4", "192.168.1.12", true);
	for (uint16_t port = 1; port < 3; port++)
		assert_int_equal(wm_flow_views_add(&views, &(struct wm_flow_view){ .end = CAM + 1, .peer = FAR, .proto = IPPROTO_UDP,
										   .end_port = port, .seconds = 29 }), 0);
	wm_flow_views_sort(&views);
	nft_apply();
	assert_int_equal(wm_nft_flows_put(rig.inst.nft_table, &views, &rig.err), 0);
	rig_host(&rig, "cam", "172.30.2.3", "192.168.1.11", false);
	rig_apply(&rig);
	assert_int_equal(wm_dataplane_bpf.flows(&rig.inst, &left, &rig.err), 0);
	assert_int_equal(left.n, 2);
	assert_int_equal(left.item[0].end, CAM + 1);
	wm_flow_views_free(&left);
	/* The other way: a name that has gone to another machine takes no flows along. */
	rig_host(&rig, "lens", "172.30.2.4", "192.168.1.12", true);
	nft_apply();
	rig_host(&rig, "eye", "172.30.2.4", "192.168.1.12", true);
	nft_apply();
	assert_true(wm_dataplane_bpf.retire(&rig.inst, &rig.plan, &rig.err) > 0);
	assert_int_equal(wm_dataplane_nft.flows(&rig.inst, &left, &rig.err), 0);
	assert_int_equal(left.n, 2);
	wm_flow_views_free(&left);
	wm_flow_views_free(&views);
}

/* What does not fit into an end's share is among the half-open ones, for its next packet to try again. */
static void more_than_there_is_room_for(void **state)
{
	struct wm_flow_views views = { 0 }, there;

	(void)state;
	for (uint32_t i = 0; i < 3000; i++)
		assert_int_equal(wm_flow_views_add(&views, &(struct wm_flow_view){
					.end = CAM, .peer = FAR + i % 5, .proto = IPPROTO_TCP, .end_port = (uint16_t)(1 + i / 5), .peer_port = 9,
					.state = WM_FLOW_ESTABLISHED, .saw = WM_FLOW_SAW_ANSWER, .seconds = 7000 }), 0);
	wm_flow_views_sort(&views);
	nft_apply();
	assert_int_equal(wm_nft_flows_put(rig.inst.nft_table, &views, &rig.err), 0);
	rig_apply(&rig);
	assert_int_equal(wm_dataplane_bpf.flows(&rig.inst, &there, &rig.err), 0);
	/* Half-open ones have their room beside the share. */
	assert_int_equal(there.n, views.n);
	wm_flow_views_free(&there);
	wm_flow_views_free(&views);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static int body(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(there_and_back), TEST(closed_stays_closed), TEST(more_than_sets_hold), TEST(sets_that_grow), TEST(of_ends_that_are_isolated_alone), TEST(more_than_there_is_room_for),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("flows handed over", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
