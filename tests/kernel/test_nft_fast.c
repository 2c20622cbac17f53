/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The fast path of nftables: the table that it is, what others do to it, and devices
 * that come and go. Which packets it takes:
 * tests/packets/cases_nft_fast.c.
 */
#include <net/if.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/util.h"
#include "kernel/fastpath.h"
#include "kernel/netns.h"
#include "kernel/nft_setup.h"
#include "kernel/nft_state.h"

#define NETDEV "table", "netdev", "wm_test"

static uint64_t around(void)
{
	struct wm_count reason[WM_REASON_COUNT];
	struct wm_nl *nl = NULL;
	struct wm_error err = { 0 };
	uint64_t n = 0;

	assert_int_equal(wm_nl_open(NETLINK_NETFILTER, &nl, &err), 0);
	assert_int_equal(wm_nft_part_reasons_read(nl, WM_NFT_FAST, rig.inst.nft_table, reason), 0);
	wm_nl_close(nl);
	for (unsigned int i = 0; i < WM_REASON_COUNT; i++)
		n += reason[i].packets;
	return n;
}

/* A packet each way; both come out, and so many of the two went around the stack. */
static void both_ways(unsigned int fast)
{
	const struct packet in = udp(FAR, NAS, 20), out = udp(NAS_LAN, FAR, 20);
	uint64_t before = around();
	struct packet got;

	send_wg(&rig, &in);
	assert_true(recv_lan(&rig, 0, &got, NULL));
	assert_translated(&got, &in, FAR, NAS_LAN);
	send_lan(&rig, 0, PLAIN_MAC, &out);
	assert_true(recv_wg(&rig, &got));
	assert_translated(&got, &out, NAS, FAR);
	assert_int_equal(around() - before, fast);
}

static const char *status(void)
{
	static char text[200];

	return wm_nft_fastpath(&rig.inst, text, sizeof(text));
}

static void it_is_in_force(void **state)
{
	struct wm_end_counters nas;
	char *text;

	(void)state;
	assert_string_equal(status(), "on wg0, lan0, lan1");
	both_ways(2);
	both_ways(2);
	nas = rig_end_counters(&rig, NAS);
	assert_int_equal(nas.to.packets, 2);
	assert_int_equal(nas.to.bytes, 2 * 48);
	assert_int_equal(nas.from.packets, 2);
	/* nft can say what it is. */
	text = run_out(NULL, "nft", "list", NETDEV, NULL);
	assert_non_null(strstr(text, "fwd ip to"));
	assert_non_null(strstr(text, "fast_from"));
	free(text);
}

/* Ends' counters are the sums of what both tables have counted. */
static void counters_are_sums(void **state)
{
	const struct packet in = icmp(FAR, NAS, ICMP_ECHO, 0, 20), out = icmp(NAS_LAN, FAR, ICMP_ECHO, 0, 20);
	struct wm_end_counters nas;
	struct packet got;

	(void)state;
	both_ways(2);
	send_wg(&rig, &in);
	assert_true(recv_lan(&rig, 0, &got, NULL));
	send_lan(&rig, 0, PLAIN_MAC, &out);
	assert_true(recv_wg(&rig, &got));
	rig_end(&rig, (struct wm_end){ .overlay = NOBODY, .local = IP(192, 168, 1, 20), .access = WM_ACCESS_FULL });
	assert_true(rig_apply(&rig) > 0); /* somebody else's change */
	both_ways(2);
	nas = rig_end_counters(&rig, NAS);
	assert_int_equal(nas.to.packets, 3);
	assert_int_equal(nas.from.packets, 3);
	assert_int_equal(nas.drops, 0);
}

static void damage_is_mended(void **state)
{
	static const char *const damage[] = {
		"nft delete table netdev wm_test",
		"nft flush table netdev wm_test",
		"nft flush chain netdev wm_test wg",
		"nft insert rule netdev wm_test lan0 drop",
		"nft delete chain netdev wm_test lan1",
		"nft add chain netdev wm_test extra { type filter hook ingress device lan0 priority 0 ; policy drop ; }",
		"nft chain netdev wm_test wg { policy drop ; }",
		"nft delete element netdev wm_test fast_to { 172.30.2.10 }",
		"nft add element netdev wm_test fast_to { 172.30.2.11 : 192.168.1.11 }",
		"nft flush map netdev wm_test fast_from",
		"nft add set netdev wm_test extra { type ipv4_addr ; }",
		"nft add counter netdev wm_test extra",
		"nft add table netdev wm_test { flags dormant ; }",
		"nft flush ruleset",
	};
	char *good = run_out(NULL, "nft", "-s", "list", NETDEV, NULL), *now;

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(damage); i++) {
		must(damage[i]);
		if (rig_apply(&rig) <= 0)
			fail_msg("not noticed: %s", damage[i]);
		assert_int_equal(rig_apply(&rig), 0);
		now = run_out(NULL, "nft", "-s", "list", NETDEV, NULL);
		assert_string_equal(now, good);
		free(now);
		both_ways(2);
	}
	free(good);
}

/* lan1 goes and comes back, under another number or the same: chains go with their devices, and no generation changes. */
static void a_device_comes_back(const char *again)
{
	const uint64_t before = around();
	char text[100];

	close(rig.lan[1]);
	rig.lan[1] = dup(rig.tun); /* for rig_close */
	must("ip link del lan1");
	both_ways(2);
	if (again)
		snprintf(text, sizeof(text), "ip link add lan1 index %u type veth peer name lan1p", rig.plan.lans[1].ifindex);
	must(again ? text : "ip link add lan1 type veth peer name lan1p");
	must("ip link set lan1 up");
	rig.plan.lans[1].ifindex = if_nametoindex("lan1");
	rig_apply(&rig);
	assert_int_equal(rig_apply(&rig), 0);
	assert_string_equal(status(), "on wg0, lan0, lan1");
	both_ways(2);
	assert_int_equal(around() - before, 4); /* nothing that was counted is lost */
	free(run_out(NULL, "nft", "list", NETDEV, NULL));
}

static void a_lan_comes_back(void **state)
{
	(void)state;
	a_device_comes_back(NULL);
}

static void a_lan_comes_back_under_its_number(void **state)
{
	(void)state;
	a_device_comes_back("the same");
}

/* Where the kernel does not say so, the chain is looked at: here somebody has taken it while no rule has changed. */
static void a_lan_that_is_away(void **state)
{
	(void)state;
	close(rig.lan[1]);
	rig.lan[1] = dup(rig.tun);
	must("ip link del lan1");
	rig_apply(&rig); /* the plan still has it */
	assert_int_equal(rig_apply(&rig), 0);
	assert_string_equal(status(), "on wg0, lan0");
	both_ways(2);
	must("ip link add lan1 type veth peer name lan1p");
}

/* Whichever of the two tables somebody has deleted: the other one goes, and the change of the back end is not held up. */
static void one_table_alone_is_retired(void **state)
{
	static const char *const missing[] = { "nft delete table ip wm_test", "nft delete table netdev wm_test" };
	struct wm_error err = { 0 };

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(missing); i++) {
		rig_apply(&rig);
		must(missing[i]);
		assert_int_equal(wm_dataplane_nft.retire(&rig.inst, &rig.plan, &err), 1);
		assert_int_equal(wm_dataplane_nft.present(&rig.inst, &err), 0);
	}
	rig_apply(&rig);
	both_ways(2);
}

static void off_is_off(void **state)
{
	struct wm_end_counters nas;

	(void)state;
	both_ways(2);
	rig.inst.fastpath = false;
	assert_true(rig_apply(&rig) > 0);
	assert_int_equal(rig_apply(&rig), 0);
	assert_string_equal(status(), "off");
	both_ways(0);
	nas = rig_end_counters(&rig, NAS); /* what it had counted counts */
	assert_int_equal(nas.to.packets, 2);
	assert_int_equal(nas.from.packets, 2);
	rig.inst.fastpath = true;
	assert_true(rig_apply(&rig) > 0);
	both_ways(2);
}

static void off_from_the_beginning_leaves_no_table(void **state)
{
	struct wm_error err = { 0 };
	int rc;

	(void)state;
	assert_int_equal(wm_dataplane_nft.remove(&rig.inst, &err), 0);
	free(run_out(&rc, "nft", "list", NETDEV, NULL));
	assert_int_not_equal(rc, 0);
	rig.inst.fastpath = false;
	assert_true(rig_apply(&rig) > 0);
	free(run_out(&rc, "nft", "list", NETDEV, NULL));
	assert_int_not_equal(rc, 0);
	assert_string_equal(status(), "off");
	both_ways(0);
}

/* A netdev table of our name that somebody else made stays, and ours does without. */
static void somebody_elses_table_stays(void **state)
{
	struct wm_error err = { 0 };
	char *before, *after;

	(void)state;
	assert_int_equal(wm_dataplane_nft.remove(&rig.inst, &err), 0);
	must("nft add table netdev wm_test");
	must("nft add chain netdev wm_test wg { type filter hook ingress device wg0 priority 0 ; }");
	before = run_out(NULL, "nft", "-a", "list", NETDEV, NULL);
	assert_true(rig_apply(&rig) > 0);
	assert_int_equal(rig_apply(&rig), 0);
	assert_non_null(strstr(status(), "not of wm-gateway's making"));
	both_ways(0);
	assert_int_equal(wm_dataplane_nft.remove(&rig.inst, &err), 0);
	after = run_out(NULL, "nft", "-a", "list", NETDEV, NULL);
	assert_string_equal(after, before);
	free(before);
	free(after);
	must("nft delete table netdev wm_test");
	assert_true(rig_apply(&rig) > 0);
	both_ways(2);
}

/* The kernel asks who has the address, and keeps the packet meanwhile. */
static void a_neighbour_is_found(void **state)
{
	const struct packet p = udp(FAR, NAS, 20);
	uint64_t before = around();
	struct packet got;

	(void)state;
	must("ip neigh del 192.168.1.10 dev lan0");
	send_wg(&rig, &p);
	assert_false(recv_lan(&rig, 0, &got, NULL));
	assert_int_equal(around() - before, 1);
	must("ip neigh replace 192.168.1.10 lladdr 02:00:00:00:00:10 dev lan0 nud permanent");
	assert_true(recv_lan(&rig, 0, &got, NULL));
	assert_translated(&got, &p, FAR, NAS_LAN);
}

/* Rules of the machine's own for forwarding are not asked, as with BPF. */
static void own_rules_are_not_met(void **state)
{
	(void)state;
	must("nft add table inet fw");
	must("nft add chain inet fw f { type filter hook forward priority 0 ; policy drop ; }");
	both_ways(2);
	must("nft delete table inet fw");
	/* Filters where packets come in are. */
	must("nft add table netdev fw");
	must("nft add chain netdev fw in { type filter hook ingress device wg0 priority 0 ; policy drop ; }");

	const struct packet p = udp(FAR, NAS, 20);
	uint64_t before = around();

	send_wg(&rig, &p);
	poll(NULL, 0, 50);
	assert_int_equal(around(), before);
	assert_silence(&rig);
	must("nft delete table netdev fw");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, spoke_two_lans, teardown)

static int body(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_in_force),
		TEST(counters_are_sums),
		TEST(damage_is_mended),
		TEST(a_lan_comes_back),
		TEST(a_lan_comes_back_under_its_number),
		TEST(a_lan_that_is_away),
		TEST(one_table_alone_is_retired),
		TEST(off_is_off),
		TEST(off_from_the_beginning_leaves_no_table),
		TEST(somebody_elses_table_stays),
		TEST(a_neighbour_is_found),
		TEST(own_rules_are_not_met),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nft fast path", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
