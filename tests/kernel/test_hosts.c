/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The hosts and servers files and the configuration that names them, and whom the signal goes to.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/util.h"
#include "kernel/hosts_rig.h"
#include "kernel/netns.h"

static void assert_content(const char *path, const char *behind_header)
{
	char *text = NULL, *body;

	assert_int_equal(wm_read_file(path, 4096, &text, NULL), 0);
	assert_memory_equal(text, "# Written by wm-gateway", 23);
	body = strchr(text, '\n') + 1;
	assert_string_equal(body, behind_header);
	free(text);
}

static void files_are_written_once(void **state)
{
	char conf[4096];
	struct stat st, again;

	(void)state;
	umask(077);
	assert_int_equal(apply(), 3);
	umask(022);
	assert_content(inst.hosts_file, "172.30.2.1\tgw.a\n192.168.1.10\tnas.a\n172.30.3.10\tnas.b\n");
	assert_content(inst.servers_file, "server=/a/\nserver=/b/\n");
	assert_int_equal(stat(inst.hosts_file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644); /* dnsmasq is another user */
	assert_int_equal(wm_format(conf, sizeof(conf), "addn-hosts=%s\nservers-file=%s\nno-negcache\nlocalise-queries\n"
				   "rebind-domain-ok=/a/\nrebind-domain-ok=/b/\n", inst.hosts_file, inst.servers_file), 0);
	assert_content(inst.dnsmasq_conf, conf);
	assert_int_equal(apply(), 0);
	assert_int_equal(stat(inst.hosts_file, &again), 0);
	assert_int_equal(again.st_ino, st.st_ino); /* not even replaced by the same */
	plan.nnames = 2;
	assert_int_equal(apply(), 1);
	plan.ndomains = 1;
	assert_int_equal(apply(), 2);
	assert_content(inst.servers_file, "server=/a/\n");
}

/* A run that knows what has changed writes that, and nothing when nothing has. */
static void what_is_known_to_have_changed_is_written(void **state)
{
	const struct wm_plan_diff nothing = { 0 }, a_name = { .nnames_come = 1 }, a_domain = { .domains = true };
	struct wm_error err = { 0 };
	struct stat st, again;

	(void)state;
	memory = (struct wm_hosts_memory){ 0 };
	/* It has never looked: it does. */
	assert_int_equal(wm_hosts_apply(&inst, &plan, &nothing, &memory, &err), 3);
	assert_int_equal(stat(inst.hosts_file, &st), 0);
	assert_int_equal(wm_hosts_apply(&inst, &plan, &nothing, &memory, &err), 0);
	plan.ndomains = 1;
	assert_int_equal(wm_hosts_apply(&inst, &plan, &a_domain, &memory, &err), 2);
	assert_content(inst.servers_file, "server=/a/\n");
	assert_int_equal(stat(inst.hosts_file, &again), 0);
	assert_int_equal(again.st_ino, st.st_ino);
	plan.nnames = 2;
	assert_int_equal(wm_hosts_apply(&inst, &plan, &a_name, &memory, &err), 1);
	assert_content(inst.hosts_file, "172.30.2.1\tgw.a\n192.168.1.10\tnas.a\n");
	assert_int_equal(wm_hosts_apply(&inst, &plan, &nothing, &memory, &err), 0);
	assert_int_equal(wm_hosts_apply(&inst, &plan, NULL, &memory, &err), 0);
}

/* Whatever others do to a file is seen, and put right. */
static void what_others_do_to_a_known_file_is_mended(void **state)
{
	const struct wm_plan_diff nothing = { 0 };
	struct wm_error err = { 0 };
	FILE *f;

	(void)state;
	apply();
	f = fopen(inst.hosts_file, "a");
	assert_non_null(f);
	fputs("203.0.113.1\tevil.a\n", f);
	fclose(f);
	assert_int_equal(wm_hosts_apply(&inst, &plan, &nothing, &memory, &err), 1);
	assert_content(inst.hosts_file, "172.30.2.1\tgw.a\n192.168.1.10\tnas.a\n172.30.3.10\tnas.b\n");
	assert_int_equal(unlink(inst.servers_file), 0);
	assert_int_equal(wm_hosts_apply(&inst, &plan, &nothing, &memory, &err), 1);
	assert_int_equal(chmod(inst.hosts_file, 0600), 0);
	assert_int_equal(wm_hosts_apply(&inst, &plan, &nothing, &memory, &err), 0);
	assert_int_equal(truncate(inst.hosts_file, 30), 0);
	assert_int_equal(wm_hosts_apply(&inst, &plan, &nothing, &memory, &err), 1);
	assert_int_equal(wm_hosts_apply(&inst, &plan, &nothing, &memory, &err), 0);
}

static void write_pid(const char *text)
{
	assert_int_equal(wm_replace_file(inst.dnsmasq_pid, 0644, text, strlen(text)), 0);
}

/* The time of a file becomes another: seconds from now. */
static void set_time(const char *path, int from_now)
{
	struct timespec t[2];

	clock_gettime(CLOCK_REALTIME, &t[0]);
	t[0].tv_sec += from_now;
	t[1] = t[0];
	assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

#define FOR_LANS "172.30.2.1\tgw.a\n192.168.1.10\tnas.a\n172.30.3.10\tnas.b\n"
#define FOR_ALL "172.30.2.1\tgw.a\n172.30.2.10\tnas.a\n192.168.1.10\tnas.a\n172.30.3.10\tnas.b\n"

/* One that runs since before an upgrade of ours would tell a LAN the overlay address, which is a detour at best. */
static void what_is_for_devices_waits_for_a_dnsmasq_that_localises(void **state)
{
	const struct wm_plan_diff nothing = { 0 }, a_domain = { .domains = true };
	struct wm_error err = { 0 };
	char *old;

	(void)state;
	memory = (struct wm_hosts_memory){ 0 };
	with_an_address_for_devices();
	assert_true(asprintf(&old, "addn-hosts=%s\n", inst.hosts_file) > 0);
	assert_int_equal(wm_replace_file(inst.dnsmasq_conf, 0644, old, strlen(old)), 0);
	free(old);
	set_time(inst.dnsmasq_conf, -20);
	write_pid("2147483646\n");
	set_time(inst.dnsmasq_pid, -10);
	apply();
	assert_content(inst.hosts_file, FOR_LANS);
	assert_int_equal(wm_hosts_apply(&inst, &plan, &nothing, &memory, &err), 0);
	/* It is started again. */
	set_time(inst.dnsmasq_pid, 10);
	assert_int_equal(wm_hosts_apply(&inst, &plan, &nothing, &memory, &err), 1);
	assert_content(inst.hosts_file, FOR_ALL);
	assert_int_equal(wm_hosts_apply(&inst, &plan, &nothing, &memory, &err), 0);
	/* What else is new in the configuration is no matter, nor who writes it, nor whether it was taken away in between. */
	set_time(inst.dnsmasq_conf, -20);
	set_time(inst.dnsmasq_pid, -10);
	plan.ndomains = 1;
	assert_int_equal(wm_hosts_apply(&inst, &plan, &a_domain, &memory, &err), 2);
	assert_content(inst.hosts_file, FOR_ALL);
	assert_int_equal(wm_hosts_remove(&inst, &err), 0);
	memory = (struct wm_hosts_memory){ 0 };
	apply();
	assert_content(inst.hosts_file, FOR_ALL);
	/* None runs: it will read it. */
	unlink(inst.dnsmasq_pid);
	assert_int_equal(apply(), 0);
}

static void removing_takes_both(void **state)
{
	struct wm_error err = { 0 };

	(void)state;
	apply();
	assert_int_equal(wm_hosts_remove(&inst, &err), 0);
	assert_int_equal(access(inst.hosts_file, F_OK), -1);
	assert_int_equal(access(inst.servers_file, F_OK), -1);
	assert_int_equal(wm_hosts_remove(&inst, &err), 0);
}

static void a_failure_names_the_file(void **state)
{
	struct wm_error err = { 0 };

	(void)state;
	in_dir(inst.hosts_file, "none/hosts");
	assert_int_equal(wm_hosts_apply(&inst, &plan, NULL, &memory, &err), -ENOENT);
	assert_non_null(strstr(err.text, inst.hosts_file));
	assert_content(inst.servers_file, "server=/a/\nserver=/b/\n");
}

/* --- whom the signal goes to ------------------------------------------------------------ */

/* A pid file that outlived its dnsmasq: its number is somebody else's now. */
static void only_a_dnsmasq_is_signalled(void **state)
{
	char text[32];
	int status;
	pid_t pid;

	(void)state;
	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	snprintf(text, sizeof(text), "%d\n", (int)pid);
	write_pid(text);
	assert_int_equal(apply(), 3);
	kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM); /* a SIGHUP would have come first */
}

static void odd_pid_files_are_harmless(void **state)
{
	static const char *const odd[] = { "", "\n", "0\n", "1\n", "-1\n", "abc\n", "99999999999999\n", "12x\n", " 7\n", "2147483646\n" };

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(odd); i++) {
		write_pid(odd[i]);
		plan.nnames = 1 + i % 2;
		assert_true(apply() > 0);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, hosts_setup, hosts_teardown)

static int body(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files_are_written_once),
		TEST(what_is_known_to_have_changed_is_written),
		TEST(what_others_do_to_a_known_file_is_mended),
		TEST(what_is_for_devices_waits_for_a_dnsmasq_that_localises),
		TEST(removing_takes_both),
		TEST(a_failure_names_the_file),
		TEST(only_a_dnsmasq_is_signalled),
		TEST(odd_pid_files_are_harmless),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("hosts", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
