/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The wg device up, with its address, routes, rules and sysctls; and all of it
 * gone again.
 */
#include "kernel/link_rig.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/util.h"

static long sysctl(const char *path)
{
	char full[128], text[32] = "";

	snprintf(full, sizeof(full), "/proc/sys/net/%s", path);
	FILE *f = fopen(full, "re");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	return strtol(text, NULL, 10);
}

static void set_sysctl(const char *path, const char *value)
{
	char full[128];

	snprintf(full, sizeof(full), "/proc/sys/net/%s", path);
	FILE *f = fopen(full, "we");
	assert_non_null(f);
	fputs(value, f);
	assert_int_equal(fclose(f), 0);
}

static void up_is_as_documented_and_free_the_second_time(void **state)
{
	(void)state;
	uint32_t ifindex = prepare();
	assert_true(up(ifindex) > 0);
	assert_state();
	char *before = snapshot();
	int watch = watch_open();
	assert_int_equal(up(ifindex), 0);
	assert_int_equal(watch_count(watch), 0);
	close(watch);
	char *after = snapshot();
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void sysctls_let_packets_through_the_stack(void **state)
{
	(void)state;
	set_sysctl("ipv4/ip_forward", "0");
	set_sysctl("ipv4/conf/all/rp_filter", "0");
	set_sysctl("ipv4/conf/lan0/rp_filter", "1");
	set_sysctl("ipv4/conf/lan1/rp_filter", "1");
	up(prepare());
	assert_int_equal(sysctl("ipv4/ip_forward"), 1);
	assert_int_equal(sysctl("ipv4/conf/lan0/rp_filter"), 2);
	assert_int_equal(sysctl("ipv4/conf/lan1/rp_filter"), 1); /* not a LAN of the plan */
	assert_int_equal(sysctl("ipv4/conf/all/send_redirects"), 0);
	assert_int_equal(sysctl("ipv4/conf/lan0/send_redirects"), 0);
	assert_int_equal(sysctl("ipv4/conf/lan1/send_redirects"), 1);
	assert_int_equal(sysctl("ipv4/conf/" WG "/send_redirects"), 0);
	assert_int_equal(sysctl("ipv4/conf/" WG "/accept_redirects"), 0);
	assert_int_equal(sysctl("ipv4/conf/lan0/arp_ignore"), 0); /* one LAN only */

	/* Route look-ups of the kernel itself, source validation included: a LAN
	 * host's packet with our mark goes to wg, one from wg with our mark to the
	 * LAN, relayed ones back to wg; without the mark nothing is forwarded from wg. */
	set_sysctl("ipv4/conf/" WG "/rp_filter", "2");
	assert_true(works("ip route get 172.30.3.9 from 192.168.1.10 iif lan0 mark 0x574d0001"));
	assert_true(works("ip route get 192.168.1.10 from 172.30.3.9 iif " WG " mark 0x574d0001"));
	assert_true(works("ip route get 172.30.4.9 from 172.30.3.9 iif " WG " mark 0x574d0000"));
	assert_true(works("ip route get 172.30.2.1 from 172.30.3.9 iif " WG));
	assert_false(works("ip route get 192.168.1.10 from 172.30.3.9 iif " WG));
	assert_false(works("ip route get 172.30.4.9 from 172.30.3.9 iif " WG " mark 0x10000"));
}

/* As if every filter and ruleset had been flushed: then nothing has a mark. Whatever rp_filter is: at 0 nobody validates
 * a source, which used to be all that stood in the way from a LAN. */
static void nothing_passes_without_a_mark(void **state)
{
	static const char *const rp_filters[] = { "0", "1", "2" };
	char *before = snapshot();
	uint32_t ifindex = prepare();

	(void)state;
	must("ip route add default via 192.168.2.9");
	plan.nlans = 2;
	up(ifindex);
	for (size_t i = 0; i < WM_ARRAY_LEN(rp_filters); i++) {
		set_sysctl("ipv4/conf/all/rp_filter", "0");
		set_sysctl("ipv4/conf/lan0/rp_filter", rp_filters[i]);
		set_sysctl("ipv4/conf/" WG "/rp_filter", rp_filters[i]);
		up(ifindex);
		assert_false(works("ip route get 172.30.3.9 from 192.168.1.20 iif lan0"));
		assert_false(works("ip route get 172.30.2.20 from 192.168.1.20 iif lan0"));
		assert_false(works("ip route get 172.30.3.9 from 192.168.2.20 iif lan1"));
		assert_false(works("ip route get 172.30.3.9 from 172.30.2.20 iif lan0"));
		assert_false(works("ip route get 172.30.3.9 from 192.168.1.20 iif lan0 mark 0x57100101")); /* another mesh's */
		assert_false(works("ip route get 192.168.1.10 from 172.30.3.9 iif " WG));
		/* What carries it: translated or not, a router's error as g's own, back from the mesh. */
		assert_true(works("ip route get 172.30.3.9 from 192.168.1.20 iif lan0 mark 0x574d0001"));
		assert_true(works("ip route get 172.30.3.9 from 172.30.2.20 iif lan0 mark 0x574d0000"));
		assert_true(works("ip route get 172.30.3.9 from 192.168.1.254 iif lan0 mark 0x574d00ff"));
		assert_true(works("ip route get 192.168.1.10 from 172.30.3.9 iif " WG " mark 0x574d0001"));
		assert_true(works("ip route get 192.168.1.10 from 172.30.2.20 iif lan0 mark 0x574d0001"));
		/* None of our business: to g, to elsewhere, and what this machine itself sends. */
		assert_true(works("ip route get 172.30.2.1 from 192.168.1.20 iif lan0"));
		assert_true(works("ip route get 192.168.2.1 from 192.168.1.20 iif lan0"));
		assert_true(works("ip route get 8.8.8.8 from 192.168.1.20 iif lan0"));
		assert_true(works("ip route get 192.168.1.20 from 192.168.2.20 iif lan1"));
		assert_true(works("ip route get 172.30.3.9"));
		assert_true(works("ip route get 172.30.3.9 from 172.30.2.1"));
	}
	/* A LAN that leaves the plan is guarded no longer, nor is anything when all of it goes. */
	plan.nlans = 1;
	assert_true(up(ifindex) > 0);
	assert_state();
	remove_all();
	must("ip route del default via 192.168.2.9");
	char *after = snapshot();
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void two_lans_answer_only_for_themselves(void **state)
{
	(void)state;
	plan.nlans = 2;
	up(prepare());
	assert_int_equal(sysctl("ipv4/conf/lan0/arp_ignore"), 1);
	assert_int_equal(sysctl("ipv4/conf/lan1/arp_ignore"), 1);
	assert_int_equal(sysctl("ipv4/conf/lan1/arp_announce"), 2);
	assert_int_equal(up(wm_link_index(WG, NULL)), 0);
}

static void assert_way(const char *to, const char *dev)
{
	char command[160], *text;

	snprintf(command, sizeof(command), "ip route get %s", to);
	text = run_out(NULL, "sh", "-c", command, NULL);
	snprintf(command, sizeof(command), " dev %s ", dev);
	assert_contains(text, command);
	free(text);
}

/* Both LANs are 192.168.1.0/24: which one a packet is for, its mark says. */
static void lans_that_share_addresses_have_tables(void **state)
{
	(void)state;
	must("ip addr flush dev lan1");
	must("ip addr add 192.168.1.2/24 dev lan1");
	set_sysctl("ipv4/fwmark_reflect", "0");
	char *before = snapshot();
	uint32_t ifindex = prepare();
	plan.nlans = 2;
	plan.lans[1].addr = ip("192.168.1.2");
	plan.lans[1].prefix = plan.lans[0].prefix;
	up(ifindex);
	assert_int_equal(up(ifindex), 0);
	assert_int_equal(sysctl("ipv4/fwmark_reflect"), 1);
	assert_out("192.168.1.0/24 dev lan0 proto 87 scope link src 192.168.1.1 \n", "ip", "route", "show", "table",
		   "0x574d0001");
	assert_out("192.168.1.0/24 dev lan1 proto 87 scope link src 192.168.1.2 \n", "ip", "route", "show", "table",
		   "0x574d0002");

	/* To the LAN from wg, and of the gateway's own errors and answers; back into the mesh as ever. */
	static const char *const ways[][2] = {
		{ "192.168.1.10 from 172.30.3.9 iif " WG " mark 0x574d0001", "lan0" },
		{ "192.168.1.10 from 172.30.3.9 iif " WG " mark 0x574d0002", "lan1" },
		{ "192.168.1.10 mark 0x574d0002", "lan1" },
		{ "192.168.1.10 from 192.168.1.2", "lan1" },
		{ "192.168.1.10 from 192.168.1.1", "lan0" },
		{ "172.30.3.9 from 192.168.1.10 iif lan1 mark 0x574d0002", WG },
		{ "172.30.3.9 mark 0x574d0002", WG },
	};
	for (size_t i = 0; i < WM_ARRAY_LEN(ways); i++)
		assert_way(ways[i][0], ways[i][1]);

	/* Damage is repaired; what the plan no longer has goes, and at the end all of it. */
	must("ip route flush table 0x574d0002");
	must("ip rule del prio 19000");
	assert_true(up(ifindex) > 0);
	assert_way(ways[1][0], ways[1][1]);
	assert_int_equal(up(ifindex), 0);
	plan.nlans = 1;
	assert_true(up(ifindex) > 0);
	assert_out("", "ip", "rule", "show", "prio", "19000");
	assert_out("", "ip", "route", "show", "table", "0x574d0002");
	plan.nlans = 2;
	up(ifindex);
	remove_all();
	char *after = snapshot();
	assert_string_equal(before, after);
	free(before);
	free(after);
}

/* So that the stack cuts, or refuses to its own programs, what would be too big where the tunnel's mouth turns it back. */
static void a_lan_that_takes_less_than_the_tunnel_has_a_route(void **state)
{
	(void)state;
	uint32_t ifindex = prepare();
	char *before;

	up(ifindex);
	before = snapshot();
	plan.nlans = 2;
	plan.lans[1].mtu = 1280;
	assert_true(up(ifindex) > 0);
	assert_out("172.30.2.0/24 proto 87 scope link src 172.30.2.1 mtu 1280 \n", "ip", "-4", "route", "show",
		   "172.30.2.0/24", "dev", WG);
	assert_int_equal(up(ifindex), 0);
	plan.lans[1].mtu = 1340;
	assert_true(up(ifindex) > 0);
	assert_out("172.30.2.0/24 proto 87 scope link src 172.30.2.1 mtu 1340 \n", "ip", "-4", "route", "show",
		   "172.30.2.0/24", "dev", WG);
	plan.subnet = plan.supernet; /* a mesh of one site: one route for both */
	assert_true(up(ifindex) > 0);
	assert_out("172.30.0.0/16 proto 87 scope link src 172.30.2.1 mtu 1340 \n", "ip", "-4", "route", "show",
		   "172.30.0.0/16", "dev", WG);
	assert_out("", "ip", "-4", "route", "show", "172.30.2.0/24", "dev", WG);
	assert_int_equal(up(ifindex), 0);
	plan.subnet = prefix("172.30.2.0/24");
	plan.lans[1].mtu = 1500;
	assert_true(up(ifindex) > 0);
	plan.nlans = 1;
	up(ifindex);
	char *after = snapshot();
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void what_was_removed_by_hand_is_repaired(void **state)
{
	static const char *const damage[] = {
		"ip route del 172.30.0.0/16 dev " WG,
		"ip route del unreachable 172.30.0.0/16 metric 4278198272",
		"ip rule del prio 20000",
		"ip rule del prio 20001",
		"ip rule del prio 20000 iif lan0",
		"ip rule del prio 20001 iif lan0",
		"ip addr del 172.30.2.1/24 dev " WG,
		"ip link set " WG " down",
		"ip link set " WG " mtu 1300",
		"ip addr add 10.5.5.5/24 dev " WG,
		"ip route add 10.6.0.0/16 dev " WG,
		"ip route replace 172.30.0.0/16 dev " WG " proto 87 scope link",
		"ip rule add prio 20000 iif " WG " lookup main proto 87",
	};

	(void)state;
	uint32_t ifindex = prepare();
	up(ifindex);
	char *good = snapshot();
	for (size_t i = 0; i < WM_ARRAY_LEN(damage); i++) {
		must(damage[i]);
		if (up(ifindex) == 0)
			fail_msg("nothing was done after: %s", damage[i]);
		char *now = snapshot();
		if (strcmp(good, now) != 0)
			fail_msg("not healed after: %s\n%s", damage[i], now);
		free(now);
		assert_int_equal(up(ifindex), 0);
	}
	free(good);
}

#define SEEN "/var/run/link-seen"

/* Waits until `ip monitor`, which reads what the kernel tells in the order it was done, has come to this address. */
static void monitor_has_come_to(const char *addr)
{
	char line[64];

	snprintf(line, sizeof(line), "ip addr replace %s/32 dev far1", addr);
	for (int i = 0; i < 400; i++) {
		char *seen = NULL;
		bool there = wm_read_file(SEEN, 1 << 16, &seen, NULL) == 0 && strstr(seen, addr);

		free(seen);
		if (there)
			return;
		must(line); /* again: the first ones came before it listened */
		poll(NULL, 0, 25);
	}
	fail_msg("ip monitor does not tell of %s", addr);
}

static pid_t start_monitor(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!freopen(SEEN, "w", stdout))
			_exit(127);
		execlp("ip", "ip", "-4", "monitor", "address", "route", NULL);
		_exit(127);
	}
	monitor_has_come_to("10.1.1.1");
	return pid;
}

/* A gateway that was brought up when g was a /32: packets are on their way while it becomes another. */
static void a_length_of_before_goes_without_a_gap(void **state)
{
	char *seen = NULL;

	(void)state;
	uint32_t ifindex = prepare();
	up(ifindex);
	must("ip addr add 172.30.2.1/32 dev " WG);
	must("ip addr del 172.30.2.1/24 dev " WG);
	must("ip route replace 172.30.0.0/16 dev " WG " proto 87 scope link src 172.30.2.1");
	pid_t monitor = start_monitor();
	assert_int_equal(up(ifindex), 2);
	monitor_has_come_to("10.1.1.2");
	kill(monitor, SIGTERM);
	assert_int_equal(waitpid(monitor, NULL, 0), monitor);
	assert_int_equal(wm_read_file(SEEN, 1 << 16, &seen, NULL), 0);
	unlink(SEEN);
	const char *come = strstr(seen, "172.30.2.1/24"), *gone = strstr(seen, "172.30.2.1/32");
	assert_true(come && gone && come < gone);
	/* The machine is 172.30.2.1 all the time, and has a route to everybody by that name. */
	assert_null(strstr(seen, "Deleted local 172.30.2.1"));
	assert_null(strstr(seen, "172.30.0.0/16"));
	free(seen);
	assert_state();
	assert_int_equal(up(ifindex), 0);
}

static void a_moved_mesh_leaves_nothing_behind(void **state)
{
	(void)state;
	uint32_t ifindex = prepare();
	up(ifindex);
	plan.gateway = ip("172.30.9.1");
	assert_true(up(ifindex) > 0);
	assert_out("172.30.0.0/16 dev " WG " proto 87 scope link src 172.30.9.1 \n"
		   "unreachable 172.30.0.0/16 proto 87 metric 4278198272 \n",
		   "ip", "-4", "route", "show", "172.30.0.0/16");
	plan.supernet = prefix("10.44.0.0/16");
	plan.gateway = ip("10.44.1.1");
	assert_true(up(ifindex) > 0);
	assert_out("", "ip", "-4", "route", "show", "172.30.0.0/16");
	assert_out("10.44.0.0/16 dev " WG " proto 87 scope link src 10.44.1.1 \n"
		   "unreachable 10.44.0.0/16 proto 87 metric 4278198272 \n",
		   "ip", "-4", "route", "show", "10.44.0.0/16");
	assert_int_equal(up(ifindex), 0);
	remove_all();
	assert_out("", "ip", "-4", "route", "show", "proto", "87");
}

static void foreign_objects_stay_as_they_are(void **state)
{
	(void)state;
	must("ip addr add 192.168.1.77/24 dev lan0");
	must("ip route add 10.99.0.0/16 via 192.168.1.9 proto static");
	must("ip route add 10.98.0.0/16 dev lan1 proto 87");
	must("ip route add unreachable 10.97.0.0/16 metric 4278198272 proto 87");
	must("ip route add unreachable 10.96.0.0/16 metric 4278198272");
	must("ip rule add prio 5000 to 10.95.0.0/16 lookup 77");
	must("ip rule add prio 20000 from 10.94.0.0/16 lookup 78");
	must("ip rule add prio 19990 iif wg-other prohibit proto 87");
	char *before = snapshot();
	uint32_t ifindex = prepare();
	up(ifindex);
	assert_int_equal(up(ifindex), 0);
	char *during = snapshot(), *lines = strdup(before);
	for (char *line, *rest = lines; (line = strtok_r(rest, "\n", &rest));)
		if (!strstr(during, line))
			fail_msg("gone or changed: %s", line);
	free(during);
	free(lines);
	remove_all();
	char *after = snapshot();
	assert_string_equal(before, after);
	free(before);
	free(after);
	must("ip rule del prio 5000");
	must("ip rule del prio 19990");
	must("ip route del unreachable 10.97.0.0/16 metric 4278198272");
	must("ip route del unreachable 10.96.0.0/16 metric 4278198272");
}

static void remove_is_complete_and_may_be_repeated(void **state)
{
	(void)state;
	remove_all();
	char *before = snapshot();
	up(prepare());
	remove_all();
	char *after = snapshot();
	assert_string_equal(before, after);
	remove_all();
	free(after);
	after = snapshot();
	assert_string_equal(before, after);
	free(before);
	free(after);
	/* At once again: what is left of the old one must not get in the way. */
	up(prepare());
	assert_state();
}

static void a_route_in_the_way_is_an_error(void **state)
{
	(void)state;
	must("ip route add 172.30.0.0/16 via 192.168.1.9");
	uint32_t ifindex = prepare();
	assert_int_equal(wm_link_up(&inst, &plan, ifindex, &err), -EEXIST);
	assert_contains(err.text, "172.30.0.0/16");
	assert_contains(err.text, "supernet");
	must("ip route del 172.30.0.0/16 via 192.168.1.9");
	up(ifindex);
	assert_state();
}

static void overlapping_meshes_are_refused(void **state)
{
	(void)state;
	must("ip route add 172.16.0.0/12 dev lan1 proto 87");
	uint32_t ifindex = prepare();
	char *before = snapshot();
	assert_int_equal(wm_link_up(&inst, &plan, ifindex, &err), -EADDRINUSE);
	assert_contains(err.text, "172.16.0.0/12");
	char *after = snapshot();
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void a_machine_without_any_route_is_fine(void **state)
{
	int status = -1;

	(void)state;
	plan.nlans = 0;
	fflush(stdout);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct wm_self self = { .nlans = 5 };
		uint32_t ifindex = 0;

		if (unshare(CLONE_NEWNET) < 0 || wm_link_find_lans(&inst, &self, &err) < 0 || self.nlans != 0 ||
		    wm_link_prepare(&inst, &plan, &ifindex, &err) < 0 || wm_link_up(&inst, &plan, ifindex, &err) <= 0 ||
		    wm_link_up(&inst, &plan, ifindex, &err) != 0 || wm_link_remove(&inst, &plan.supernet, &err) < 0) {
			printf("# %s\n", err.text);
			fflush(stdout);
			_exit(1);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int body(void)
{
	const struct CMUnitTest tests[] = {
		TEST(up_is_as_documented_and_free_the_second_time),
		TEST(sysctls_let_packets_through_the_stack),
		TEST(nothing_passes_without_a_mark),
		TEST(two_lans_answer_only_for_themselves),
		TEST(lans_that_share_addresses_have_tables),
		TEST(a_lan_that_takes_less_than_the_tunnel_has_a_route),
		TEST(what_was_removed_by_hand_is_repaired),
		TEST(a_length_of_before_goes_without_a_gap),
		TEST(a_moved_mesh_leaves_nothing_behind),
		TEST(foreign_objects_stay_as_they_are),
		TEST(remove_is_complete_and_may_be_repeated),
		TEST(a_route_in_the_way_is_an_error),
		TEST(overlapping_meshes_are_refused),
		TEST(a_machine_without_any_route_is_fine),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("link_up", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
