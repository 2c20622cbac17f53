/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The nftables back end's table itself: what is written, what is left alone, and
 * what a failure leaves. Among others: test_nft_others.c. Packets:
 * test_nft_packets.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/util.h"
#include "kernel/netns.h"
#include "kernel/nft_setup.h"
#include "kernel/nl.h"

/* The linker puts these between the back end and the functions they stand for
 * (nft.mk). */
static unsigned int batches, dumps;

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

static int body(void)
{
	const struct CMUnitTest tests[] = {
		BARE(retired_it_is_gone),
		BARE(a_dead_back_end_has_nothing_to_read),
		BARE(an_unchanged_plan_writes_nothing),
		BARE(a_new_process_finds_all_in_place),
		BARE(changes_cost_what_changed),
		BARE(parts_come_to_what_the_whole_would),
		BARE(parts_will_not_do_when_others_were_there),
		BARE(a_part_that_does_not_fit_will_not_do),
		BARE(a_changed_prefix_or_lan_changes_rules_only),
		BARE(one_address_for_two_is_refused),
		BARE(without_rights_nothing_happens),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nft", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
