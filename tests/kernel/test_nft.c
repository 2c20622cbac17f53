/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The nftables back end's table itself: what is written, what is left alone,
 * what is put right, and what a failure leaves. Packets: test_nft_packets.c.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <net/if.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/util.h"
#include "kernel/netns.h"
#include "kernel/nft_rig.h"
#include "kernel/nl.h"

#define MANY 10000

static struct rig rig;

/* The linker puts these between the back end and the functions they stand for
 * (nft.mk). */
static int small_buffer; /* what the kernel is said to allow; 0: what it says itself */
static unsigned int batches, dumps;

int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	int rc = __real_getsockopt(fd, level, name, value, len);

	if (!rc && small_buffer && level == SOL_SOCKET && name == SO_SNDBUF)
		memcpy(value, &small_buffer, sizeof(small_buffer));
	return rc;
}

ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	batches++;
	return __real_sendmsg(fd, msg, flags);
}

int __real_wm_nl_dump(struct wm_nl *nl, wm_nl_fn fn, void *arg);
int __wrap_wm_nl_dump(struct wm_nl *nl, wm_nl_fn fn, void *arg);
int __wrap_wm_nl_dump(struct wm_nl *nl, wm_nl_fn fn, void *arg)
{
	dumps++;
	return __real_wm_nl_dump(nl, fn, arg);
}

static int setup(void **state)
{
	(void)state;
	rig_open(&rig, 1, true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static char *ruleset(void)
{
	return run_out(NULL, "nft", "-a", "list", "ruleset", NULL);
}

/* The generation changes, so that the next apply has to look at the kernel
 * instead of trusting what it wrote. */
static void disturb(void)
{
	must("nft add table ip6 somebody");
	must("nft delete table ip6 somebody");
}

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

static void retired_it_is_gone(void **state)
{
	struct wm_error err = { 0 };
	char *before = ruleset(), *after;

	(void)state;
	assert_int_equal(wm_dataplane_nft.retire(&rig.inst, &rig.plan, &err), 0); /* fine if nothing is there */
	for (int i = 0; i < 2; i++) {
		assert_true(rig_apply(&rig) > 0);
		assert_int_equal(wm_dataplane_nft.retire(&rig.inst, &rig.plan, &err), 1);
		assert_int_equal(wm_dataplane_nft.present(&rig.inst, &err), 0);
	}
	after = ruleset();
	assert_string_equal(after, before);
	free(before);
	free(after);
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

static void a_dead_back_end_has_nothing_to_read(void **state)
{
	struct wm_counters c = { 0 };
	struct wm_error err = { 0 };

	(void)state;
	assert_int_equal(wm_dataplane_nft.read(&rig.inst, &c, &err), -ENOENT);
	assert_non_null(strstr(err.text, "wm_test"));
}

static void an_unchanged_plan_writes_nothing(void **state)
{
	char *before, *after;

	(void)state;
	assert_true(rig_apply(&rig) > 0);
	before = ruleset();
	dumps = batches = 0;
	assert_int_equal(rig_apply(&rig), 0);
	assert_int_equal(dumps, 0);
	disturb();
	assert_int_equal(rig_apply(&rig), 0); /* what the kernel dumps is what we would write */
	assert_true(dumps > 0);
	rig.plan.generation++;
	assert_int_equal(rig_apply(&rig), 0);
	assert_int_equal(wm_dataplane_nft.probe(&rig.inst, NULL), 0);
	assert_int_equal(batches, 0); /* what is in force need not be tried */
	after = ruleset();
	assert_string_equal(before, after);
	free(before);
	free(after);
}

/* A process that never saw the table, as after a crash or an upgrade. */
static void a_new_process_finds_all_in_place(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct wm_error err = { 0 };

		_exit(wm_dataplane_nft.apply(&rig.inst, &rig.plan, if_nametoindex("wg0"), &err) > 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(rig_apply(&rig), 0);
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

/* One end changes, its elements change, and nothing else is written. */
static void changes_cost_what_changed(void **state)
{
	(void)state;
	rig_apply(&rig);
	rig_end(&rig, (struct wm_end){ .overlay = NOBODY, .local = IP(192, 168, 1, 20), .access = WM_ACCESS_FULL });
	assert_int_equal(rig_apply(&rig), 9);
	disturb();
	rig.plan.nends--; /* the last by overlay: the one just added */
	assert_int_equal(rig_apply(&rig), 9);
	rig.ends[0].access = WM_ACCESS_ISOLATED;
	assert_int_equal(rig_apply(&rig), 8); /* out of from, known and the fast path, into isolated and what isolation looks at */
	assert_int_equal(rig_apply(&rig), 0);
}

static void a_changed_prefix_or_lan_changes_rules_only(void **state)
{
	int rules;
	char *elements, *after;

	(void)state;
	rig_apply(&rig);
	elements = run_out(NULL, "nft", "list", "map", "ip", "wm_test", "from", NULL);
	rig.plan.mtu = 1380;
	rules = rig_apply(&rig) - 40; /* lengths */
	assert_true(rules > 40 && rules < 440);
	after = run_out(NULL, "nft", "list", "map", "ip", "wm_test", "from", NULL);
	assert_string_equal(after, elements);
	assert_int_equal(rig_apply(&rig), 0);
	free(elements);
	free(after);
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

static void one_address_for_two_is_refused(void **state)
{
	struct wm_error err = { 0 };
	char *before, *after;

	(void)state;
	rig_apply(&rig);
	before = ruleset();
	rig_end(&rig, (struct wm_end){ .overlay = NOBODY, .local = NAS_LAN, .access = WM_ACCESS_FULL });
	assert_int_equal(wm_dataplane_nft.apply(&rig.inst, &rig.plan, 0, &err), -EEXIST);
	assert_non_null(strstr(err.text, "192.168.1.10"));
	after = ruleset();
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void without_rights_nothing_happens(void **state)
{
	char *before, *after;
	int status;
	pid_t pid;

	(void)state;
	before = ruleset();
	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct wm_error err = { 0 };
		int ok = setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0 &&
			 wm_dataplane_nft.probe(&rig.inst, &err) == -EPERM && strstr(err.text, "CAP_NET_ADMIN") &&
			 wm_dataplane_nft.apply(&rig.inst, &rig.plan, 0, &err) == -EPERM;

		_exit(ok ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	after = ruleset();
	assert_string_equal(before, after);
	free(before);
	free(after);
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

/* --- many -------------------------------------------------------------------------------- */

static struct wm_end *many_ends(void)
{
	struct wm_end *ends = calloc(MANY, sizeof(*ends));

	assert_non_null(ends);
	for (uint32_t i = 0; i < MANY; i++)
		ends[i] = (struct wm_end){ .overlay = IP(172, 30, 64, 2) + i, .local = IP(10, 0, 0, 2) + i,
					   .access = WM_ACCESS_FULL };
	return ends;
}

static void assert_reaches(wm_ip4 overlay, wm_ip4 local)
{
	const struct packet in = udp(FAR, overlay, 10), out = udp(local, FAR, 10);
	struct packet got;

	send_lan(&rig, 0, PLAIN_MAC, &out);
	assert_true(recv_wg(&rig, &got));
	assert_int_equal(src_of(&got), overlay);
	send_wg(&rig, &in);
	assert_true(recv_lan(&rig, 0, &got, NULL));
	assert_int_equal(dst_of(&got), local);
}

static void ten_thousand_hosts(void **state)
{
	struct wm_end *ends = many_ends();
	struct wm_counters c = { 0 };
	struct wm_error err = { 0 };
	uint64_t start = wm_monotonic_ms();

	(void)state;
	must("ip addr add 10.0.0.1/16 dev lan0");
	must("ip neigh add 10.0.15.162 lladdr 02:00:00:00:00:10 dev lan0 nud permanent");
	rig.plan.lans[0].prefix = (struct wm_prefix){ IP(10, 0, 0, 0), 16 };
	rig.plan.subnet = (struct wm_prefix){ IP(172, 30, 64, 0), 18 };
	rig.plan.gateway = IP(172, 30, 64, 1);
	rig.plan.ends = ends;
	rig.plan.nends = MANY;
	assert_true(rig_apply(&rig) > 9 * MANY);
	assert_reaches(IP(172, 30, 64, 2) + 4000, IP(10, 0, 0, 2) + 4000);
	assert_int_equal(rig_apply(&rig), 0);
	disturb();
	assert_int_equal(rig_apply(&rig), 0);
	ends[5000].local = IP(10, 0, 200, 1);
	assert_int_equal(rig_apply(&rig), 16);
	rig.plan.nends = MANY / 2;
	assert_int_equal(rig_apply(&rig), 9 * MANY / 2);
	assert_reaches(IP(172, 30, 64, 2) + 4000, IP(10, 0, 0, 2) + 4000);
	assert_int_equal(wm_dataplane_nft.read(&rig.inst, &c, &err), 0);
	assert_int_equal(c.nends, MANY / 2);
	assert_int_equal(c.ends[4000].overlay, IP(172, 30, 64, 2) + 4000);
	assert_int_equal(c.ends[4000].to.packets, 2); /* also the packets before the changes */
	assert_int_equal(c.ends[4000].from.packets, 2);
	wm_counters_free(&c);
	rig.plan.ends = rig.ends;
	free(ends);
	assert_true(wm_monotonic_ms() - start < 60000);
}

/* A process that may not have a socket buffer for the whole batch (unprivileged
 * containers on many kernels) sends it in pieces; the end is the same. */
static void a_batch_may_go_in_pieces(void **state)
{
	struct wm_end *ends = many_ends();

	(void)state;
	rig.plan.lans[0].prefix = (struct wm_prefix){ IP(10, 0, 0, 0), 16 };
	rig.plan.ends = ends;
	rig.plan.nends = MANY;
	small_buffer = 250000;
	batches = 0;
	assert_true(rig_apply(&rig) > 9 * MANY);
	assert_true(batches > 3);
	small_buffer = 0;
	assert_int_equal(rig_apply(&rig), 0);
	disturb();
	assert_int_equal(rig_apply(&rig), 0);
	rig.plan.nends = 0;
	batches = 0;
	assert_int_equal(rig_apply(&rig), 9 * MANY);
	assert_int_equal(batches, 1);
	rig.plan.ends = rig.ends;
	free(ends);
}

/* A chain without its rules would accept what it is there to drop. */
static void rules_go_at_once_or_not_at_all(void **state)
{
	struct wm_error err = { 0 };
	char *before, *after;

	(void)state;
	rig_apply(&rig);
	before = run_out(NULL, "nft", "list", "table", "ip", "wm_test", NULL);
	rig.plan.mtu = 1380;
	small_buffer = 70000;
	batches = 0;
	assert_int_equal(wm_dataplane_nft.apply(&rig.inst, &rig.plan, 0, &err), -EMSGSIZE);
	assert_non_null(strstr(err.text, "net.core.wmem_max"));
	assert_int_equal(batches, 0);
	small_buffer = 0;
	after = run_out(NULL, "nft", "list", "table", "ip", "wm_test", NULL);
	assert_string_equal(after, before);
	assert_true(rig_apply(&rig) > 40);
	free(before);
	free(after);
}

static int apply_in_a_user_namespace(void)
{
	struct wm_end *ends = many_ends();
	struct wm_error err = { 0 };
	int first, second;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return 1;
	rig.plan.ends = ends;
	rig.plan.nends = MANY;
	first = wm_dataplane_nft.apply(&rig.inst, &rig.plan, 0, &err);
	second = wm_dataplane_nft.apply(&rig.inst, &rig.plan, 0, &err);
	free(ends);
	return first > 6 * MANY && second == 0 ? 0 : 1;
}

/* What an unprivileged container is: root only in a namespace of its own. */
static void a_user_namespace_is_enough(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(apply_in_a_user_namespace());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* --- by parts ---------------------------------------------------------------------------- */

/* From these ends to the plan's, which differ in a few. */
static int change_from(const struct wm_end *old, size_t n, unsigned int *ret_dumps)
{
	struct wm_end gone[WM_ARRAY_LEN(rig.ends)], come[WM_ARRAY_LEN(rig.ends)];
	struct wm_plan_diff d = { .gone = gone, .come = come };
	struct wm_error err = { 0 };
	unsigned int before = dumps;
	size_t k;
	int rc;

	for (size_t i = 0; i < n; i++) {
		for (k = 0; k < rig.plan.nends && memcmp(&rig.plan.ends[k], &old[i], sizeof(*old)); k++)
			;
		if (k == rig.plan.nends)
			gone[d.ngone++] = old[i];
	}
	for (k = 0; k < rig.plan.nends; k++) {
		size_t i = 0;

		while (i < n && memcmp(&rig.plan.ends[k], &old[i], sizeof(*old)))
			i++;
		if (i == n)
			come[d.ncome++] = rig.plan.ends[k];
	}
	rc = wm_dataplane_nft.change(&rig.inst, &rig.plan, &d, if_nametoindex("wg0"), &err);
	*ret_dumps = dumps - before;
	return rc;
}

/* Somebody else's doing: all is looked at again, and nothing is left to do. */
static void assert_all_is_in_place(void)
{
	must("nft add table ip other");
	must("nft delete table ip other");
	assert_int_equal(rig_apply(&rig), 0);
}

static void parts_come_to_what_the_whole_would(void **state)
{
	static const struct { uint8_t octet; bool drop, isolated, mac; } steps[] = {
		{ 30, false, false, false }, { 31, false, true, false },  { 32, false, false, true }, { 33, false, true, true },
		{ 30, false, true, false },  { 31, false, false, true },  { 32, false, false, false }, { 33, true, false, false },
		{ 30, false, false, true },  { 31, true, false, false }, { 32, true, false, false },
	};
	struct wm_end old[WM_ARRAY_LEN(rig.ends)];
	unsigned int looked;

	(void)state;
	rig_apply(&rig);
	for (size_t i = 0; i < WM_ARRAY_LEN(steps); i++) {
		struct wm_end e = { .overlay = IP(172, 30, 2, 0) + steps[i].octet, .local = IP(192, 168, 1, 200) - steps[i].octet,
				    .access = steps[i].isolated ? WM_ACCESS_ISOLATED : WM_ACCESS_FULL, .has_mac = steps[i].mac,
				    .name = "x" };
		size_t n = rig.plan.nends;

		memcpy(old, rig.plan.ends, sizeof(old));
		for (size_t k = 0; k < rig.plan.nends; k++) {
			if (rig.plan.ends[k].overlay != e.overlay)
				continue;
			memmove(&rig.plan.ends[k], &rig.plan.ends[k + 1], (rig.plan.nends - k - 1) * sizeof(e));
			rig.plan.nends--;
		}
		if (!steps[i].drop)
			rig_end(&rig, e);
		assert_true(change_from(old, n, &looked) > 0);
		assert_int_equal(looked, 0);
		assert_all_is_in_place();
		assert_int_equal(change_from(rig.plan.ends, rig.plan.nends, &looked), 0);
		assert_int_equal(looked, 0);
	}
}

static void parts_will_not_do_when_others_were_there(void **state)
{
	unsigned int looked;

	(void)state;
	assert_int_equal(change_from(rig.plan.ends, rig.plan.nends, &looked), -EAGAIN);
	rig_apply(&rig);
	assert_int_equal(change_from(rig.plan.ends, rig.plan.nends, &looked), 0);
	must("nft flush set ip wm_test ends");
	assert_int_equal(change_from(rig.plan.ends, rig.plan.nends, &looked), -EAGAIN);
	assert_true(rig_apply(&rig) > 0);
	assert_int_equal(change_from(rig.plan.ends, rig.plan.nends, &looked), 0);
}

/* The kernel refuses it; then all is looked at. */
static void a_part_that_does_not_fit_will_not_do(void **state)
{
	struct wm_end nobody = { .overlay = IP(172, 30, 2, 77), .local = IP(192, 168, 1, 77), .access = WM_ACCESS_FULL };
	struct wm_plan_diff d = { .gone = &nobody, .ngone = 1 };
	struct wm_error err = { 0 };
	unsigned int looked;

	(void)state;
	rig_apply(&rig);
	assert_int_equal(wm_dataplane_nft.change(&rig.inst, &rig.plan, &d, if_nametoindex("wg0"), &err), -EAGAIN);
	assert_int_equal(rig_apply(&rig), 0);
	assert_int_equal(change_from(rig.plan.ends, rig.plan.nends, &looked), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static int body(void)
{
	const struct CMUnitTest tests[] = {
		TEST(probing_leaves_nothing), TEST(retired_it_is_gone),
		TEST(foreign_tables_are_as_before),
		TEST(a_table_of_our_name_stays_its_owners),
		TEST(a_dead_back_end_has_nothing_to_read),
		TEST(an_unchanged_plan_writes_nothing),
		TEST(a_new_process_finds_all_in_place),
		TEST(damage_is_mended),
		TEST(changes_cost_what_changed),
		TEST(parts_come_to_what_the_whole_would),
		TEST(parts_will_not_do_when_others_were_there),
		TEST(a_part_that_does_not_fit_will_not_do),
		TEST(a_changed_prefix_or_lan_changes_rules_only),
		TEST(two_instances_live_side_by_side),
		TEST(one_address_for_two_is_refused),
		TEST(without_rights_nothing_happens),
		TEST(others_may_write_at_the_same_time),
		TEST(ten_thousand_hosts),
		TEST(a_batch_may_go_in_pieces),
		TEST(rules_go_at_once_or_not_at_all),
		TEST(a_user_namespace_is_enough),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nft", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
