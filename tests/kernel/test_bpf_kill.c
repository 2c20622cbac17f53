/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * kill -9 of the BPF data plane's loader, at one system call after another:
 * filters that were there stay there, and the next apply ends where an
 * undisturbed one would.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "core/util.h"
#include "kernel/bpf_rig.h"
#include "kernel/netns.h"

/* <linux/ptrace.h> and <sys/ptrace.h> do not go together. */
#define GET_SYSCALL_INFO 0x420e
struct syscall_info {
	uint8_t op; /* 1: entry */
	uint8_t pad[3];
	uint32_t arch;
	uint64_t ip, sp;
	uint64_t nr, args[6];
};

static struct rig rig;

static bool is_rename(const struct syscall_info *info)
{
#ifdef SYS_rename
	if (info->op == 1 && info->nr == SYS_rename)
		return true;
#endif
	return info->op == 1 && (info->nr == SYS_renameat || info->nr == SYS_renameat2);
}

/* System calls that change the kernel, or may. */
static bool is_point(const struct syscall_info *info)
{
	static const uint64_t calls[] = {
#ifdef SYS_rename
		SYS_mkdir, SYS_rmdir,
#endif
		SYS_mkdirat, SYS_unlinkat, SYS_sendto,
	};
	static const uint64_t commands[] = { BPF_MAP_UPDATE_ELEM, BPF_MAP_DELETE_ELEM, BPF_OBJ_PIN };

	if (info->op != 1)
		return false;
	if (is_rename(info))
		return true;
	for (size_t i = 0; i < WM_ARRAY_LEN(calls); i++) {
		if (info->nr == calls[i])
			return true;
	}
	for (size_t i = 0; i < WM_ARRAY_LEN(commands); i++) {
		if (info->nr == SYS_bpf && info->args[0] == commands[i])
			return true;
	}
	return false;
}

/* Lets the child run and kills it when it enters its nth point, from its first rename on or from the start; false: it had
 * come to its end. */
static bool kill_at(pid_t pid, unsigned int nth, bool from_rename)
{
	struct syscall_info info;
	bool counts = !from_rename;
	unsigned int n = 0;
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL), 0);
	for (;;) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), 0);
			return false;
		}
		assert_true(WIFSTOPPED(status));
		if (WSTOPSIG(status) != (SIGTRAP | 0x80))
			continue;
		assert_true(ptrace(GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0);
		counts |= is_rename(&info);
		if (!counts || !is_point(&info) || n++ != nth)
			continue;
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		return true;
	}
}

/* apply in a child that is killed; false: it went through. */
static bool apply_killed_from(unsigned int nth, bool from_rename)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(wm_dataplane_bpf.apply(&rig.inst, &rig.plan, rig.wg, &rig.err) < 0);
	}
	assert_true(pid > 0);
	return kill_at(pid, nth, from_rename);
}

static bool apply_killed(unsigned int nth)
{
	return apply_killed_from(nth, false);
}

static bool has_filter(const char *ifname, const char *hook, const char *what)
{
	char *text = rig_filters(ifname, hook);
	bool found = strstr(text, what) != NULL;

	free(text);
	return found;
}

static void expect_filters(void)
{
	assert_true(has_filter("wg", "ingress", "wm_wg_in"));
	assert_true(has_filter("wg", "egress", "wm_wg_out"));
	assert_true(has_filter("lan0", "ingress", "wm_lan_in"));
}

/* After the kill: one apply brings everything there, a second has nothing to do. */
static void expect_converged(const char *dump)
{
	char *surroundings, *now;

	rig_apply(&rig);
	expect_filters();
	assert_int_equal(rig_apply(&rig), 0);
	surroundings = rig_surroundings(&rig);
	assert_null(strstr(surroundings, "_new"));
	assert_null(strstr(surroundings, "_old"));
	now = rig_dump(&rig);
	if (dump)
		assert_string_equal(now, dump);
	free(now);
	free(surroundings);
}

static void test_killed_at_first_apply(void **state)
{
	char *before = rig_surroundings(&rig), *after;
	unsigned int kills = 0;

	(void)state;
	for (unsigned int nth = 0; apply_killed(nth); nth += 9, kills++) {
		expect_converged(NULL);
		assert_int_equal(wm_dataplane_bpf.remove(&rig.inst, &rig.err), 0);
		/* A clsact made in the last instant may be forgotten: it is empty. */
		works("tc qdisc del dev wg clsact");
		works("tc qdisc del dev lan0 clsact");
		after = rig_surroundings(&rig);
		assert_string_equal(after, before);
		free(after);
	}
	assert_true(kills > 4);
	free(before);
}

static void test_killed_while_replacing_programs(void **state)
{
	unsigned int kills = 0;

	(void)state;
	rig_apply(&rig);
	rig_count(&rig, "172.30.2.2", 7);
	for (unsigned int nth = 0; rig.plan.mtu--, apply_killed(nth); nth += 7, kills++) {
		expect_filters();
		expect_converged(NULL);
		assert_int_equal(rig_counted(&rig, "172.30.2.2"), 7);
	}
	assert_true(kills > 4);
}

static void arrange(bool swapped)
{
	rig_host(&rig, "nas", "172.30.2.2", swapped ? "192.168.1.11" : "192.168.1.10", swapped);
	rig_host(&rig, "cam", "172.30.2.3", swapped ? "192.168.1.10" : "192.168.1.11", !swapped);
	rig_drop(&rig, swapped ? "172.30.2.8" : "172.30.2.9");
	rig_host(&rig, "tv", swapped ? "172.30.2.9" : "172.30.2.8", "192.168.1.12", false);
}

static void test_killed_while_changing_hosts(void **state)
{
	unsigned int kills = 0;
	char *dump;

	(void)state;
	arrange(true);
	rig_apply(&rig);
	dump = rig_dump(&rig);
	arrange(false);
	rig_apply(&rig);
	for (unsigned int nth = 0; arrange(true), apply_killed(nth); nth += nth < 20 ? 1 : 30, kills++) {
		expect_filters();
		expect_converged(dump);
		arrange(false);
		rig_apply(&rig);
	}
	assert_true(kills > 10);
	free(dump);
}

/* n hosts more; of 40. Beyond 24 the map of LAN addresses has to grow as well as
 * the shares of flows, and then that of hosts is replaced too. */
static void crowd(int n)
{
	char name[20], overlay[20], local[20];

	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "h%d", i);
		snprintf(overlay, sizeof(overlay), "172.30.3.%d", i);
		snprintf(local, sizeof(local), "192.168.1.%d", 100 + i);
		if (i < n)
			rig_host(&rig, name, overlay, local, i % 4 == 0);
		else
			rig_drop(&rig, overlay);
	}
}

static void test_killed_while_growing(void **state)
{
	unsigned int kills = 0;

	(void)state;
	rig_apply(&rig);
	for (unsigned int nth = 0; crowd(kills % 2 ? 40 : 24), apply_killed(nth); nth += 27, kills++) {
		expect_filters();
		expect_converged(NULL);
		crowd(0);
		assert_int_equal(wm_dataplane_bpf.remove(&rig.inst, &rig.err), 0);
		rig_apply(&rig);
	}
	assert_true(kills > 4);
}

/* The map of flows into which the program at wg ingress writes, whatever is pinned by now. */
static int attached_flows(void)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info), ids[64];
	char *text = rig_filters("wg", "ingress"), *id = strstr(text, " id ");
	int prog, map = -1;

	assert_non_null(id);
	prog = bpf_prog_get_fd_by_id((uint32_t)strtoul(id + 4, NULL, 10));
	free(text);
	info.map_ids = (uint64_t)(uintptr_t)ids;
	info.nr_map_ids = WM_ARRAY_LEN(ids);
	assert_true(prog >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(prog, &info, &len), 0);
	close(prog);
	for (uint32_t i = 0; i < info.nr_map_ids; i++) {
		struct bpf_map_info about = { 0 };
		int fd = bpf_map_get_fd_by_id(ids[i]);

		len = sizeof(about);
		assert_true(fd >= 0);
		assert_int_equal(bpf_obj_get_info_by_fd(fd, &about, &len), 0);
		if (strcmp(about.name, "flows") == 0 && map < 0)
			map = fd;
		else
			close(fd);
	}
	assert_true(map >= 0);
	return map;
}

/* One of cam's; set: it is confirmed just now. True if it is there. */
static bool flow_of_cam(int map, bool set)
{
	const uint32_t at = 5; /* in the first share that was given */
	struct wm_flow_bucket bucket;

	assert_int_equal(bpf_map_lookup_elem(map, &at, &bucket), 0);
	if (set) {
		bucket.slot[0] = (struct wm_flow_slot){ .peer = 0x0903a8c0, .end_port = 80, .proto = 6, .last = 42 };
		assert_int_equal(bpf_map_update_elem(map, &at, &bucket, BPF_ANY), 0);
	}
	close(map);
	for (int i = 0; i < WM_FLOW_WAYS; i++)
		if (bucket.slot[i].peer == 0x0903a8c0 && bucket.slot[i].proto == 6)
			return true;
	return false;
}

/* Filters that were not replaced before the kill go on confirming flows, into maps that nobody pins as his own any more. */
static void test_flows_of_old_filters_are_not_lost(void **state)
{
	unsigned int kills = 0;

	(void)state;
	rig_apply(&rig);
	for (unsigned int nth = 0; crowd(40), apply_killed_from(nth, true); nth += nth < 4 ? 1 : 7, kills++) {
		flow_of_cam(attached_flows(), true);
		expect_converged(NULL);
		if (!flow_of_cam(rig_pin(&rig, "flows"), false))
			fail_msg("lost after a kill at point %u", nth);
		crowd(0);
		assert_int_equal(wm_dataplane_bpf.remove(&rig.inst, &rig.err), 0);
		rig_apply(&rig);
	}
	assert_true(kills > 6);
}

#define TEST(f) cmocka_unit_test_prestate_setup_teardown(f, rig_setup, rig_teardown, &rig)

static int body(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_killed_at_first_apply), TEST(test_killed_while_replacing_programs),
		TEST(test_killed_while_changing_hosts), TEST(test_killed_while_growing),
		TEST(test_flows_of_old_filters_are_not_lost),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("bpf_kill", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
