/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The nftables back end among others: their tables stay as they are, and what
 * they do to ours is mended.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/util.h"
#include "kernel/netns.h"
#include "kernel/nft_setup.h"

static void foreign_rules(void)
{
	must("nft add table inet filter");
	must("nft add chain inet filter forward { type filter hook forward priority 0 ; policy accept ; }");
	must("nft add rule inet filter forward ct state invalid drop");
	must("nft add rule inet filter forward tcp dport 22 accept");
	must("nft add table ip nat");
	must("nft add chain ip nat post { type nat hook postrouting priority 100 ; }");
	must("nft add rule ip nat post oifname eth9 masquerade");
	must("nft add set ip nat to { type ipv4_addr ; }");
	must("nft add element ip nat to { 10.0.0.1 }");
	/* A table of another instance has the same names in it. */
	must("nft add table ip wm_other");
	must("nft add set ip wm_other known { type ipv4_addr ; }");
}

static void probing_leaves_nothing(void **state)
{
	struct wm_error err = { 0 };
	char *before, *after;

	(void)state;
	foreign_rules();
	before = ruleset();
	assert_int_equal(wm_dataplane_nft.probe(&rig.inst, &err), 0);
	assert_string_equal(err.text, "");
	assert_int_equal(wm_dataplane_nft.present(&rig.inst, &err), 0);
	after = ruleset();
	assert_string_equal(before, after);
	free(before);
	free(after);
	must("nft flush ruleset");
}

static void foreign_tables_are_as_before(void **state)
{
	static const char *const tables[][2] = { { "inet", "filter" }, { "ip", "nat" }, { "ip", "wm_other" } };
	struct wm_error err = { 0 };
	char *before[3], *all = NULL, *after;

	(void)state;
	foreign_rules();
	all = ruleset();
	for (int i = 0; i < 3; i++)
		before[i] = run_out(NULL, "nft", "-a", "list", "table", tables[i][0], tables[i][1], NULL);
	rig_apply(&rig);
	assert_int_equal(wm_dataplane_nft.present(&rig.inst, &err), 1);
	rig.ends[0].local = IP(192, 168, 1, 13);
	rig_apply(&rig);
	for (int i = 0; i < 3; i++) {
		after = run_out(NULL, "nft", "-a", "list", "table", tables[i][0], tables[i][1], NULL);
		assert_string_equal(after, before[i]);
		free(after);
		free(before[i]);
	}
	assert_int_equal(wm_dataplane_nft.remove(&rig.inst, &err), 0);
	assert_int_equal(wm_dataplane_nft.remove(&rig.inst, &err), 0); /* fine if nothing is there */
	after = ruleset();
	assert_string_equal(after, all);
	free(after);
	free(all);
	must("nft flush ruleset");
}

/* A table of our name that somebody else made is refused, not replaced. */
static void a_table_of_our_name_stays_its_owners(void **state)
{
	struct wm_error err = { 0 };
	char *before, *after;

	(void)state;
	must("nft add table ip wm_test");
	must("nft add chain ip wm_test prerouting { type filter hook prerouting priority 0 ; }");
	before = ruleset();
	assert_int_equal(wm_dataplane_nft.probe(&rig.inst, &err), -EEXIST);
	assert_int_equal(wm_dataplane_nft.apply(&rig.inst, &rig.plan, 0, &err), -EEXIST);
	assert_non_null(strstr(err.text, "wm_test"));
	assert_int_equal(wm_dataplane_nft.present(&rig.inst, &err), 0);
	assert_int_equal(wm_dataplane_nft.remove(&rig.inst, &err), 0);
	after = ruleset();
	assert_string_equal(after, before);
	free(before);
	free(after);
	must("nft delete table ip wm_test");
}

/* Linux 5.13 and later; an older one refuses it, so nobody can do that damage there. */
#define CATCH_ALL "nft add element ip wm_test known { * }"

static bool knows_catch_all(void)
{
	struct utsname u;
	unsigned int major = 0, minor = 0;

	assert_int_equal(uname(&u), 0);
	assert_int_equal(sscanf(u.release, "%u.%u", &major, &minor), 2);
	return major > 5 || (major == 5 && minor >= 13);
}

/* Whatever somebody did to our table, the next run knows and mends it. */
static void damage_is_mended(void **state)
{
	static const char *const damage[] = {
		"nft flush ruleset",
		"nft flush chain ip wm_test wg_out",
		"nft flush table ip wm_test",
		"nft insert rule ip wm_test prerouting accept",
		"nft add rule ip wm_test lan_refuse accept comment \"wm\"",
		"nft delete element ip wm_test to { 172.30.2.10 }",
		"nft add element ip wm_test known { lan0 . 192.168.1.66 }",
		"nft add element ip wm_test from { lan0 . 192.168.1.66 : 172.30.2.66 }",
		"nft flush map ip wm_test isolated",
		"nft add chain ip wm_test extra { type filter hook forward priority 0 ; policy drop ; }",
		"nft add set ip wm_test extra { type ipv4_addr ; }",
		"nft add counter ip wm_test extra",
		"nft chain ip wm_test prerouting { policy drop ; }",
		"nft add table ip wm_test { flags dormant ; }",
		CATCH_ALL,
	};
	char *good, *now;

	(void)state;
	rig_apply(&rig);
	for (size_t i = 0; i < WM_ARRAY_LEN(damage); i++) {
		if (!strcmp(damage[i], CATCH_ALL) && !knows_catch_all())
			continue;
		good = run_out(NULL, "nft", "-s", "list", "table", "ip", "wm_test", NULL);
		must(damage[i]);
		if (rig_apply(&rig) <= 0)
			fail_msg("not noticed: %s", damage[i]);
		assert_int_equal(rig_apply(&rig), 0);
		now = run_out(NULL, "nft", "-s", "list", "table", "ip", "wm_test", NULL);
		assert_string_equal(now, good);
		free(good);
		free(now);
	}
}

/* Mesh and table of the second instance are its own; the packet marks are shared. */
static void two_instances_live_side_by_side(void **state)
{
	const struct packet p = udp(FAR, NAS, 10);
	struct wm_end end = { .overlay = IP(10, 77, 1, 10), .local = NAS_LAN, .access = WM_ACCESS_FULL };
	struct wm_instance other = rig.inst;
	struct wm_plan plan = rig.plan;
	struct wm_error err = { 0 };
	struct packet got;

	(void)state;
	(void)wm_copy(other.nft_table, sizeof(other.nft_table), "wm_second");
	(void)wm_copy(other.ifname, sizeof(other.ifname), "wg-second");
	plan.supernet = (struct wm_prefix){ IP(10, 77, 0, 0), 16 };
	plan.subnet = (struct wm_prefix){ IP(10, 77, 1, 0), 24 };
	plan.gateway = IP(10, 77, 1, 1);
	(void)wm_copy(plan.lans[0].ifname, sizeof(plan.lans[0].ifname), "lan9");
	plan.ends = &end;
	plan.nends = 1;
	rig_apply(&rig);
	assert_true(wm_dataplane_nft.apply(&other, &plan, 0, &err) > 0);
	rig_mark(&rig);
	send_wg(&rig, &p);
	assert_true(recv_lan(&rig, 0, &got, NULL));
	rig_counted(&rig, WM_REASON_TO_LAN, 1);
	assert_int_equal(wm_dataplane_nft.remove(&other, &err), 0);
	assert_int_equal(wm_dataplane_nft.present(&rig.inst, &err), 1);
	assert_int_equal(rig_apply(&rig), 0);
}

/* Where one emulated CPU does both, nft starts faster than a change of ours is
 * read and written, and none would ever fit between two of its own: there the
 * other program pauses for three times as long as ours takes. */
static useconds_t pause_of_others(void)
{
	uint64_t start;

	if (!getenv("WM_SLOW"))
		return 0;
	disturb();
	start = wm_monotonic_ms();
	rig_apply(&rig);
	return (useconds_t)(3000 * (wm_monotonic_ms() - start));
}

/* Another program changes rulesets all the time; every change of ours arrives
 * whole all the same. */
static void others_may_write_at_the_same_time(void **state)
{
	useconds_t pause;
	pid_t pid;
	int status;

	(void)state;
	rig_apply(&rig);
	pause = pause_of_others();
	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (int i = 0; i < 40; i++, usleep(pause))
			disturb();
		_exit(0);
	}
	for (int i = 0; i < 40; i++) {
		rig.ends[0].local = IP(192, 168, 1, 100 + i);
		assert_int_equal(rig_apply(&rig), 16);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	disturb();
	assert_int_equal(rig_apply(&rig), 0);
}

static int body(void)
{
	const struct CMUnitTest tests[] = {
		BARE(probing_leaves_nothing),
		BARE(foreign_tables_are_as_before),
		BARE(a_table_of_our_name_stays_its_owners),
		BARE(damage_is_mended),
		BARE(two_instances_live_side_by_side),
		BARE(others_may_write_at_the_same_time),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nft among others", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
