/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The BPF data plane's loader among others, and after harm: foreign filters
 * stay, what somebody broke is put right.
 */
#include <errno.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"
#include "kernel/bpf_rig.h"
#include "kernel/front.h"
#include "kernel/netns.h"

static struct rig rig;

static bool has_filter(const char *ifname, const char *hook, const char *what)
{
	char *text = rig_filters(ifname, hook);
	bool found = strstr(text, what) != NULL;

	free(text);
	return found;
}

static void expect_in_force(void)
{
	char *surroundings = rig_surroundings(&rig);

	assert_true(has_filter("wg", "ingress", "wm_wg_in"));
	assert_true(has_filter("wg", "egress", "wm_wg_out"));
	assert_true(has_filter("lan0", "ingress", "wm_lan_in"));
	assert_null(strstr(surroundings, "_new"));
	assert_null(strstr(surroundings, "_old"));
	assert_int_equal(wm_dataplane_bpf.present(&rig.inst, &rig.err), 1);
	free(surroundings);
}

static uint64_t count_reason(bool set)
{
	int cpus = libbpf_num_possible_cpus(), fd = rig_pin(&rig, "counters");
	struct wm_counter *value = calloc((size_t)cpus, sizeof(*value));
	uint32_t key = WM_REASON_TO_LAN;
	uint64_t packets;

	if (set) {
		value[0].packets = 42;
		assert_int_equal(bpf_map_update_elem(fd, &key, value, BPF_ANY), 0);
	}
	assert_int_equal(bpf_map_lookup_elem(fd, &key, value), 0);
	packets = value[0].packets;
	free(value);
	close(fd);
	return packets;
}

/* --- others ---------------------------------------------------------------------------------- */

static void test_remove_leaves_all_as_it_was(void **state)
{
	char *before = rig_surroundings(&rig), *after;

	(void)state;
	assert_int_equal(wm_dataplane_bpf.remove(&rig.inst, &rig.err), 0); /* nothing there: fine */
	rig_lan(&rig, 1, "lan1", "192.168.2.1");
	rig_apply(&rig);
	assert_int_equal(wm_dataplane_bpf.remove(&rig.inst, &rig.err), 0);
	after = rig_surroundings(&rig);
	assert_string_equal(before, after);
	assert_int_equal(wm_dataplane_bpf.present(&rig.inst, &rig.err), 0);
	free(before);
	free(after);
}

/* What was heard of filters: "+wg egress", "-lan0 ingress" and so on, in their order. */
static void tell_filters(int watch, char *ret, size_t size)
{
	static char buf[65536];
	ssize_t n;

	*ret = '\0';
	while ((n = recv(watch, buf, sizeof(buf), 0)) > 0) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
		const struct tcmsg *tc = NLMSG_DATA(nlh);
		size_t len = strlen(ret);
		char name[IF_NAMESIZE];

		if (nlh->nlmsg_type == RTM_NEWTFILTER || nlh->nlmsg_type == RTM_DELTFILTER)
			snprintf(ret + len, size - len, "%c%s %s, ", nlh->nlmsg_type == RTM_NEWTFILTER ? '+' : '-',
				 if_indextoname((unsigned int)tc->tcm_ifindex, name),
				 TC_H_MIN(tc->tcm_parent) == TC_H_MIN_EGRESS ? "egress" : "ingress");
	}
	close(watch);
}

/* A LAN's filter redirects to wg, whose filter translates: the one is never there without the other, wherever the devices
 * stand in the kernel's list. */
static void test_filters_come_and_go_in_order(void **state)
{
	char heard[512];
	int watch;

	(void)state;
	assert_true(if_nametoindex("wg") < if_nametoindex("lan0"));
	rig_lan(&rig, 1, "lan1", "192.168.2.1");
	watch = rig_watch_tc();
	rig_apply(&rig);
	tell_filters(watch, heard, sizeof(heard));
	assert_string_equal(heard, "+wg egress, +wg ingress, +lan0 ingress, +lan1 ingress, ");
	watch = rig_watch_tc();
	assert_int_equal(wm_dataplane_bpf.remove(&rig.inst, &rig.err), 0);
	tell_filters(watch, heard, sizeof(heard));
	assert_string_equal(heard, "-lan0 ingress, -lan1 ingress, -wg ingress, -wg egress, ");
	/* Nor when nothing that was pinned tells of them. */
	rig_apply(&rig);
	must("rm -r /var/run/bpf/default");
	watch = rig_watch_tc();
	assert_int_equal(wm_dataplane_bpf.remove(&rig.inst, &rig.err), 0);
	tell_filters(watch, heard, sizeof(heard));
	assert_string_equal(heard, "-lan0 ingress, -lan1 ingress, -wg ingress, -wg egress, ");
}

/* For the other back end: without what would make the kernel stop a device, and no trace of it is lost. */
static void test_retired_and_back(void **state)
{
	char *before = rig_surroundings(&rig), *after;

	(void)state;
	assert_int_equal(wm_dataplane_bpf.retire(&rig.inst, &rig.plan, &rig.err), 0); /* nothing there: fine */
	for (int i = 0; i < 2; i++) {
		struct wm_counters counters;

		rig_apply(&rig);
		assert_true(wm_dataplane_bpf.retire(&rig.inst, &rig.plan, &rig.err) > 0);
		assert_int_equal(wm_dataplane_bpf.retire(&rig.inst, &rig.plan, &rig.err), 0);
		assert_int_equal(wm_dataplane_bpf.present(&rig.inst, &rig.err), 0);
		assert_int_equal(wm_dataplane_bpf.read(&rig.inst, &counters, &rig.err), -ENOENT);
		after = rig_surroundings(&rig);
		assert_non_null(strstr(after, "qdisc clsact"));
		assert_null(strstr(after, "filter"));
		assert_null(strstr(after, "host_stats"));
		free(after);
	}
	rig_apply(&rig);
	expect_in_force();
	assert_int_equal(rig_apply(&rig), 0);
	assert_true(wm_dataplane_bpf.retire(&rig.inst, &rig.plan, &rig.err) > 0);
	assert_true(wm_dataplane_bpf.remove(&rig.inst, &rig.err) >= 0);
	after = rig_surroundings(&rig);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void test_foreign_filters_stay(void **state)
{
	char *before, *after;

	(void)state;
	rig_foreign("lan0", 7);
	must("tc qdisc add dev lan1 clsact"); /* somebody's, still empty */
	before = rig_surroundings(&rig);
	rig_lan(&rig, 1, "lan1", "192.168.2.1");
	rig_apply(&rig);
	assert_true(has_filter("lan0", "ingress", "foreign"));
	assert_true(has_filter("lan0", "ingress", "wm_lan_in"));
	rig.plan.mtu = 1380; /* programs replaced */
	rig_apply(&rig);
	assert_int_equal(wm_dataplane_bpf.remove(&rig.inst, &rig.err), 0);
	after = rig_surroundings(&rig);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

/* Somebody comes to a device while we are there: the clsact that we made is theirs too. */
static void test_foreign_filter_that_came_later_stays(void **state)
{
	(void)state;
	rig_apply(&rig);
	rig_foreign("lan0", 7);
	assert_int_equal(wm_dataplane_bpf.remove(&rig.inst, &rig.err), 0);
	assert_true(has_filter("lan0", "ingress", "foreign"));
	assert_false(has_filter("lan0", "ingress", "wm_lan_in"));
}

static void test_two_instances_share_a_lan(void **state)
{
	static struct rig other;

	(void)state;
	rig_apply(&rig);
	other = rig;
	other.plan.ends = other.ends;
	other.inst.tc_prio = RIG_PRIO + 1;
	strcpy(other.inst.name, "second");
	assert_true(rig_apply(&other) > 0);
	assert_int_equal(rig_apply(&rig), 0);
	assert_true(has_filter("lan0", "ingress", "pref 20000"));
	assert_true(has_filter("lan0", "ingress", "pref 20001"));
	assert_int_equal(wm_dataplane_bpf.remove(&other.inst, &other.err), 0);
	assert_false(has_filter("lan0", "ingress", "pref 20001"));
	expect_in_force();
	assert_int_equal(rig_apply(&rig), 0);
}

static void test_priority_changes(void **state)
{
	(void)state;
	rig_apply(&rig);
	rig.inst.tc_prio = RIG_PRIO + 7;
	assert_true(rig_apply(&rig) > 0);
	assert_false(has_filter("lan0", "ingress", "pref 20000"));
	assert_false(has_filter("wg", "egress", "pref 20000"));
	assert_true(has_filter("lan0", "ingress", "pref 20007"));
	expect_in_force();
	assert_int_equal(rig_apply(&rig), 0);
}

static void test_bpffs_directory_is_made(void **state)
{
	(void)state;
	strcpy(rig.inst.bpffs, "/var/run/bpf/wm");
	assert_int_equal(wm_dataplane_bpf.probe(&rig.inst, &rig.err), 0);
	assert_int_equal(access("/var/run/bpf/wm", F_OK), -1);
	assert_true(rig_apply(&rig) > 0);
	expect_in_force();
	assert_int_equal(wm_dataplane_bpf.remove(&rig.inst, &rig.err), 0);
	assert_int_equal(access("/var/run/bpf/wm", F_OK), -1);
}

/* --- put right ------------------------------------------------------------------------------------- */

static void test_filters_deleted_by_hand(void **state)
{
	static const char *const commands[] = {
		"tc filter del dev wg ingress pref 20000", "tc filter del dev wg egress pref 20000",
		"tc filter del dev lan0 ingress pref 20000", "tc qdisc del dev lan0 clsact",
	};

	(void)state;
	rig_apply(&rig);
	for (size_t i = 0; i < WM_ARRAY_LEN(commands); i++) {
		must(commands[i]);
		assert_int_equal(rig_apply(&rig), 1); /* attached again, nothing loaded */
		expect_in_force();
		assert_int_equal(rig_apply(&rig), 0);
	}
}

static void test_filter_replaced_by_hand(void **state)
{
	(void)state;
	rig_apply(&rig);
	rig_foreign("lan0", RIG_PRIO);
	assert_false(has_filter("lan0", "ingress", "wm_lan_in"));
	assert_int_equal(rig_apply(&rig), 1);
	expect_in_force();
}

static void test_map_written_by_hand(void **state)
{
	struct wm_host_info intruder = { .kind = WM_KIND_HOST, .local = 0x01020304 };
	struct wm_lan_key key = { .ifindex = if_nametoindex("lan0"), .addr = 0x01020304 };
	uint32_t index = 77;
	char *before, *after;
	int hosts, lan_hosts;

	(void)state;
	rig_apply(&rig);
	before = rig_dump(&rig);
	hosts = rig_pin(&rig, "hosts");
	lan_hosts = rig_pin(&rig, "lan_hosts");
	assert_int_equal(bpf_map_update_elem(hosts, &index, &intruder, BPF_ANY), 0);
	assert_int_equal(bpf_map_update_elem(lan_hosts, &key, &index, BPF_ANY), 0);
	assert_int_equal(rig_apply(&rig), 2);
	after = rig_dump(&rig);
	assert_string_equal(before, after);
	free(before);
	free(after);
	close(hosts);
	close(lan_hosts);
}

/* Without this or that pin the set is built anew, while the old filters stay until replaced. */
static void test_pins_lost(void **state)
{
	static const char *const objects[] = { "meta", "hosts", "flows_half", "wm_lan_in" };
	int watch;

	(void)state;
	rig_apply(&rig);
	count_reason(true);
	for (size_t i = 0; i < WM_ARRAY_LEN(objects); i++) {
		assert_int_equal(unlink(rig_pin_path(&rig, objects[i])), 0);
		watch = rig_watch_tc();
		assert_true(rig_apply(&rig) > 0);
		expect_in_force();
		assert_true(rig_watched(watch) <= 3); /* three replaced, none deleted */
		close(watch);
		assert_int_equal(count_reason(false), 42);
		assert_int_equal(rig_apply(&rig), 0);
	}
}

static void test_all_pins_lost(void **state)
{
	(void)state;
	rig_apply(&rig);
	must("rm -r /var/run/bpf/default");
	assert_int_equal(wm_dataplane_bpf.present(&rig.inst, &rig.err), 1);
	rig_lan(&rig, 0, "lan1", "192.168.1.1"); /* and nobody remembers lan0 */
	assert_true(rig_apply(&rig) > 0);
	assert_false(has_filter("lan0", "ingress", "wm_lan_in"));
	assert_true(has_filter("lan1", "ingress", "wm_lan_in"));
	must("rm -r /var/run/bpf/default");
	assert_int_equal(wm_dataplane_bpf.remove(&rig.inst, &rig.err), 0);
	assert_int_equal(wm_dataplane_bpf.present(&rig.inst, &rig.err), 0);
}

static void test_pin_is_another_map(void **state)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "other", 4, sizeof(struct wm_lan_info), WM_LAN_SLOTS, NULL);

	(void)state;
	assert_true(fd >= 0);
	rig_apply(&rig);
	assert_int_equal(unlink(rig_pin_path(&rig, "lans")), 0);
	assert_int_equal(bpf_obj_pin(fd, rig_pin_path(&rig, "lans")), 0);
	close(fd);
	assert_true(rig_apply(&rig) > 0);
	expect_in_force();
	assert_int_equal(rig_apply(&rig), 0);
}

static void test_another_layout_is_replaced(void **state)
{
	char *surroundings;

	(void)state;
	rig_apply(&rig);
	assert_int_equal(rename(rig_pin_path(&rig, ""), "/var/run/bpf/default/v0"), 0);
	assert_true(rig_apply(&rig) > 0);
	expect_in_force();
	surroundings = rig_surroundings(&rig);
	assert_null(strstr(surroundings, "v0"));
	free(surroundings);
}

/* With a smaller priority than ours; those behind, and on devices of others, are in nobody's way. */
static void test_filters_in_front_are_told(void **state)
{
	struct wm_front front[WM_FRONTS_MAX];

	(void)state;
	rig_apply(&rig);
	rig_foreign("lan0", RIG_PRIO + 1);
	rig_foreign("lan1", 3);
	assert_int_equal(wm_fronts_read(&rig.inst, front, &rig.err), 0);
	rig.err = (struct wm_error){ 0 };
	rig_apply(&rig);
	assert_string_equal(rig.err.text, "");
	rig_foreign("lan0", 3);
	assert_int_equal(wm_fronts_read(&rig.inst, front, &rig.err), 1);
	assert_string_equal(front[0].ifname, "lan0");
	assert_string_equal(front[0].side, "ingress");
	assert_non_null(strstr(front[0].what, "tc filter, priority 3, foreign:["));
	rig_apply(&rig);
	assert_non_null(strstr(rig.err.text, "ingress of lan0: tc filter, priority 3, foreign:["));
}

#define TEST(f) cmocka_unit_test_prestate_setup_teardown(f, rig_setup, rig_teardown, &rig)

static int body(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_remove_leaves_all_as_it_was),
		TEST(test_filters_in_front_are_told),
		TEST(test_filters_come_and_go_in_order),
		TEST(test_retired_and_back),
		TEST(test_foreign_filters_stay),
		TEST(test_foreign_filter_that_came_later_stays),
		TEST(test_two_instances_share_a_lan),
		TEST(test_priority_changes),
		TEST(test_bpffs_directory_is_made),
		TEST(test_filters_deleted_by_hand),
		TEST(test_filter_replaced_by_hand),
		TEST(test_map_written_by_hand),
		TEST(test_pins_lost),
		TEST(test_all_pins_lost),
		TEST(test_pin_is_another_map),
		TEST(test_another_layout_is_replaced),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("bpf_heal", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
