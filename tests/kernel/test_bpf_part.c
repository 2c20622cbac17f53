/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The BPF data plane's way by parts: after it, looking at all finds nothing
 * left to do; where a part will not do it says so and has touched nothing. A
 * look at all finds a part of its own: after it, all is as it was planned.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "core/util.h"
#include "kernel/bpf_rig.h"
#include "kernel/netns.h"

#define ROUNDS 400
#define LOOKS 100

static struct rig rig;
static uint64_t seed;

static int setup(void **state)
{
	(void)state;
	rig_open(&rig);
	/* So large that several hosts share a bit of the shield and a place among the hints. */
	rig_lan(&rig, 1, "lan1", "10.1.0.1");
	rig.plan.lans[1].prefix = (struct wm_prefix){ ntohl(inet_addr("10.0.0.0")), 12 };
	seed = 1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static uint32_t below(uint32_t n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % n;
}

/* --- differences ------------------------------------------------------------------------------ */

static bool same_end(const struct wm_end *a, const struct wm_end *b)
{
	return a->overlay == b->overlay && a->local == b->local && a->kind == b->kind && a->access == b->access &&
	       a->lan == b->lan && a->has_mac == b->has_mac && !memcmp(&a->mac, &b->mac, sizeof(a->mac)) &&
	       !strcmp(a->name, b->name);
}

static const struct wm_end *find(const struct wm_end *ends, size_t n, const struct wm_end *wanted)
{
	for (size_t i = 0; i < n; i++) {
		if (same_end(&ends[i], wanted))
			return &ends[i];
	}
	return NULL;
}

/* From the ends that were to those of the rig's plan. */
static struct wm_plan_diff difference(const struct wm_end *old, size_t nold)
{
	struct wm_plan_diff d = { .gone = calloc(RIG_ENDS, sizeof(*d.gone)), .come = calloc(RIG_ENDS, sizeof(*d.come)) };

	for (size_t i = 0; i < nold; i++) {
		if (!find(rig.plan.ends, rig.plan.nends, &old[i]))
			d.gone[d.ngone++] = old[i];
	}
	for (size_t i = 0; i < rig.plan.nends; i++) {
		if (!find(old, nold, &rig.plan.ends[i]))
			d.come[d.ncome++] = rig.plan.ends[i];
	}
	return d;
}

static int change(const struct wm_plan_diff *d)
{
	return wm_dataplane_bpf.change(&rig.inst, &rig.plan, d, rig.wg, &rig.err);
}

static int change_nothing(void)
{
	const struct wm_plan_diff nothing = { 0 };

	return change(&nothing);
}

/* --- random changes ----------------------------------------------------------------------------- */

static bool local_taken(const struct wm_end *but, wm_ip4 local)
{
	for (size_t i = 0; i < rig.plan.nends; i++) {
		if (&rig.plan.ends[i] != but && rig.plan.ends[i].local == local)
			return true;
	}
	return false;
}

static void random_host(void)
{
	char name[16], overlay[20], local[20];
	struct wm_end *e;

	snprintf(name, sizeof(name), "h%u", below(40));
	snprintf(overlay, sizeof(overlay), "172.30.2.%u", 2 + below(40));
	if (below(2))
		snprintf(local, sizeof(local), "192.168.1.%u", 10 + below(60));
	else
		snprintf(local, sizeof(local), "10.%u.0.%u", 1 + below(5), 10 + below(4));
	rig_drop(&rig, overlay);
	if (local_taken(NULL, ntohl(inet_addr(local))))
		return;
	e = rig_host(&rig, name, overlay, local, below(4) == 0);
	e->has_mac = below(4) == 0;
	if (e->has_mac)
		e->mac = (struct wm_mac){ { 2, 0, 0, 0, 0, (uint8_t)below(4) } };
}

/* Two change places, or one takes another's LAN address over. */
static void random_swap(void)
{
	struct wm_end *a, *b;
	wm_ip4 local;
	uint8_t lan;

	if (rig.plan.nends < 2)
		return;
	a = &rig.plan.ends[below((uint32_t)rig.plan.nends)];
	b = &rig.plan.ends[below((uint32_t)rig.plan.nends)];
	local = a->local;
	lan = a->lan;
	a->local = b->local;
	a->lan = b->lan;
	b->local = local;
	b->lan = lan;
}

static void mutate(void)
{
	for (uint32_t n = 1 + below(3); n; n--) {
		uint32_t what = below(10);
		char overlay[20];

		if (what < 6)
			random_host();
		else if (what < 8)
			random_swap();
		snprintf(overlay, sizeof(overlay), "172.30.2.%u", 2 + below(40));
		if (what >= 8)
			rig_drop(&rig, overlay);
	}
}

static void test_after_a_part_nothing_is_left_to_do(void **state)
{
	struct wm_end old[RIG_ENDS];
	int by_parts = 0;

	(void)state;
	rig_apply(&rig);
	for (int i = 0; i < ROUNDS; i++) {
		size_t nold = rig.plan.nends;
		struct wm_plan_diff d;
		int rc;

		memcpy(old, rig.plan.ends, sizeof(old));
		mutate();
		d = difference(old, nold);
		rc = change(&d);
		if (rc == -EAGAIN)
			rig_apply(&rig);
		else if (rc < 0)
			fail_msg("round %d: %s", i, rig.err.text);
		by_parts += rc >= 0;
		rc = rig_apply(&rig);
		if (rc)
			fail_msg("round %d: %d changes were left", i, rc);
		wm_plan_diff_free(&d);
	}
	/* The rest were isolated ends that found no share in a map of the size there was. */
	assert_true(by_parts > ROUNDS * 3 / 4);
}

/* --- looking at all --------------------------------------------------------------------------- */

static void expect_hosts(const struct wm_bpf_content *is, const struct wm_bpf_content *shall)
{
	bool shared[WM_FLOW_BUCKETS * 64] = { 0 };

	assert_int_equal(is->naddrs, shall->naddrs);
	for (uint32_t i = 0; i < is->naddrs; i++) {
		struct wm_host_info host = shall->hosts[i];

		host.share = is->hosts[i].share;
		if (!wm_bpf_same_host(&host, &is->hosts[i]) || host.isolated != (host.share != 0))
			fail_msg("the host at %u is not as planned", i);
		if (host.share && (host.share >= WM_ARRAY_LEN(shared) || shared[host.share]))
			fail_msg("the share %u of the host at %u is another's too", host.share, i);
		shared[host.share] = true;
	}
}

/* What stands in the maps is what a plan makes of nothing. */
static void expect_as_planned(void)
{
	WM_AUTO_BPF_CONTENT struct wm_bpf_content is = { 0 }, shall = { 0 };
	WM_AUTO_BPF_SET struct wm_bpf_set set;

	assert_int_equal(wm_bpf_open(&rig.inst, &set, &rig.err), 0);
	assert_int_equal(wm_bpf_content_read(&set, &is, &rig.err), 0);
	assert_int_equal(wm_bpf_content_plan(&rig.plan, &shall, &rig.err), 0);
	expect_hosts(&is, &shall);
	assert_int_equal(is.nlan_hosts, shall.nlan_hosts);
	if (is.nlan_hosts)
		assert_memory_equal(is.lan_hosts, shall.lan_hosts, is.nlan_hosts * sizeof(*is.lan_hosts));
	assert_memory_equal(is.lan_hints, shall.lan_hints, WM_HINT_LINES * sizeof(*is.lan_hints));
	assert_memory_equal(is.lans, shall.lans, sizeof(is.lans));
	assert_memory_equal(is.shield, shall.shield, WM_SHIELD_SIZE * sizeof(*is.shield));
}

static void test_after_a_look_at_all_it_is_as_planned(void **state)
{
	(void)state;
	for (int i = 0; i < LOOKS; i++) {
		mutate();
		rig_apply(&rig);
		expect_as_planned();
		assert_int_equal(rig_apply(&rig), 0);
	}
}

/* A value of somebody else's: another's, nothing, or what makes no sense. */
static void write_array(const char *map, const char *overlay, uint32_t n)
{
	uint32_t from = overlay ? rig_index(overlay) : below(n), to = overlay ? 2 + below(40) : below(n);
	int fd = rig_pin(&rig, map);
	char value[64];

	assert_int_equal(bpf_map_lookup_elem(fd, &from, value), 0);
	if (below(3) == 0)
		memset(value, (int)below(256), sizeof(value));
	assert_int_equal(bpf_map_update_elem(fd, &to, value, BPF_ANY), 0);
	close(fd);
}

static void write_host(void)
{
	char overlay[20];

	snprintf(overlay, sizeof(overlay), "172.30.2.%u", 2 + below(40));
	write_array("hosts", overlay, 0);
}

static void write_lan_host(void)
{
	struct wm_lan_key key = { .ifindex = if_nametoindex("lan0"), .addr = htonl(ntohl(inet_addr("192.168.1.10")) + below(60)) };
	uint32_t index = below(4) ? 2 + below(40) : below(0x7fffffff);
	int fd = rig_pin(&rig, "lan_hosts");

	if (below(2))
		bpf_map_delete_elem(fd, &key);
	else
		assert_int_equal(bpf_map_update_elem(fd, &key, &index, BPF_ANY), 0);
	close(fd);
}

static void test_what_somebody_else_wrote_is_put_right(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		random_host();
	rig_apply(&rig);
	for (int i = 0; i < LOOKS; i++) {
		for (uint32_t n = 1 + below(4); n; n--) {
			if (below(2))
				write_host();
			else
				write_lan_host();
		}
		if (below(4) == 0)
			write_array("lan_hints", NULL, WM_HINT_LINES);
		if (below(4) == 0)
			write_array("shield", NULL, WM_SHIELD_SIZE);
		if (below(4) == 0)
			mutate();
		rig_apply(&rig);
		expect_as_planned();
		assert_int_equal(rig_apply(&rig), 0);
	}
}

/* --- nothing -------------------------------------------------------------------------------- */

static void test_nothing_is_nothing(void **state)
{
	char *before, *after;
	int watch;

	(void)state;
	rig_apply(&rig);
	before = rig_dump(&rig);
	watch = rig_watch_tc();
	assert_int_equal(change_nothing(), 0);
	after = rig_dump(&rig);
	assert_string_equal(before, after);
	assert_int_equal(rig_watched(watch), 0);
	close(watch);
	free(before);
	free(after);
}

/* What others may do by the way is seen all the same. */
static void test_a_filter_that_is_gone_comes_back(void **state)
{
	char *text;

	(void)state;
	rig_apply(&rig);
	must("tc filter del dev lan0 ingress");
	assert_true(change_nothing() > 0);
	text = rig_filters("lan0", "ingress");
	assert_non_null(strstr(text, "wm_lan_in"));
	free(text);
	assert_int_equal(rig_apply(&rig), 0);
}

/* --- where a part will not do ----------------------------------------------------------------------- */

static void test_nothing_in_force(void **state)
{
	(void)state;
	assert_int_equal(change_nothing(), -EAGAIN);
	assert_int_equal(wm_dataplane_bpf.present(&rig.inst, &rig.err), 0);
}

static void test_another_mtu(void **state)
{
	(void)state;
	rig_apply(&rig);
	rig.plan.mtu--;
	assert_int_equal(change_nothing(), -EAGAIN);
	assert_true(rig_apply(&rig) > 0);
	assert_int_equal(change_nothing(), 0);
}

static void test_another_lan(void **state)
{
	(void)state;
	rig_apply(&rig);
	rig.plan.lans[1].prefix.len--;
	rig.plan.lans[1].prefix.addr &= wm_prefix_mask(rig.plan.lans[1].prefix.len);
	assert_int_equal(change_nothing(), -EAGAIN);
	assert_true(rig_apply(&rig) > 0);
	assert_int_equal(change_nothing(), 0);
}

static void test_maps_that_are_gone(void **state)
{
	(void)state;
	rig_apply(&rig);
	assert_int_equal(unlink(rig_pin_path(&rig, "lan_hosts")), 0);
	assert_int_equal(change_nothing(), -EAGAIN);
	assert_true(rig_apply(&rig) > 0);
	assert_int_equal(change_nothing(), 0);
}

/* The kernel has for the address of one who comes somebody of whom the difference knows nothing. */
static void test_not_what_the_difference_begins_with(void **state)
{
	struct wm_lan_key key = { .ifindex = if_nametoindex("lan0"), .addr = inet_addr("192.168.1.77") };
	uint32_t index = rig_index("172.30.2.3");
	struct wm_end old[RIG_ENDS];
	size_t nold = rig.plan.nends;
	struct wm_plan_diff d;
	int fd;

	(void)state;
	rig_apply(&rig);
	fd = rig_pin(&rig, "lan_hosts");
	assert_int_equal(bpf_map_update_elem(fd, &key, &index, BPF_ANY), 0);
	close(fd);
	memcpy(old, rig.plan.ends, sizeof(old));
	rig_host(&rig, "new", "172.30.2.40", "192.168.1.77", false);
	d = difference(old, nold);
	assert_int_equal(change(&d), -EAGAIN);
	assert_true(rig_apply(&rig) > 0);
	assert_int_equal(rig_apply(&rig), 0);
	wm_plan_diff_free(&d);
}

static void test_more_than_the_map_holds(void **state)
{
	struct wm_plan_diff d = { 0 };

	(void)state;
	rig_apply(&rig);
	for (int i = 0; i < 70; i++) {
		char name[16], overlay[20], local[20];

		snprintf(name, sizeof(name), "x%d", i);
		snprintf(overlay, sizeof(overlay), "172.30.2.%d", 100 + i);
		snprintf(local, sizeof(local), "192.168.1.%d", 100 + i);
		rig_host(&rig, name, overlay, local, false);
	}
	d = difference(rig.plan.ends, 2);
	assert_int_equal(change(&d), -EAGAIN);
	assert_true(rig_apply(&rig) > 0);
	assert_int_equal(change_nothing(), 0);
	wm_plan_diff_free(&d);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

static int body(void)
{
	const struct CMUnitTest list[] = {
		TEST(test_after_a_part_nothing_is_left_to_do),
		TEST(test_after_a_look_at_all_it_is_as_planned),
		TEST(test_what_somebody_else_wrote_is_put_right),
		TEST(test_nothing_is_nothing),
		TEST(test_a_filter_that_is_gone_comes_back),
		TEST(test_nothing_in_force),
		TEST(test_another_mtu),
		TEST(test_another_lan),
		TEST(test_maps_that_are_gone),
		TEST(test_not_what_the_difference_begins_with),
		TEST(test_more_than_the_map_holds),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("bpf_part", list, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
