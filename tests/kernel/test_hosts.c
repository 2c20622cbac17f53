/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The hosts and servers files and the configuration that names them, with a real dnsmasq that reads them and dig that
 * asks it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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
#include "kernel/hosts.h"
#include "kernel/netns.h"

#define IP(a, b, c, d) ((wm_ip4)(a) << 24 | (b) << 16 | (c) << 8 | (d))
#define TRIES 200 /* of 25 ms */
#define MANY 100000

static char dir[64];
static struct wm_instance inst;
static struct wm_dns_name names[8];
static char domains[2][WM_NAME_SIZE] = { "a", "b" };
static struct wm_plan plan;
static struct wm_hosts_memory memory;

static const char *in_dir(char buf[WM_PATH_SIZE], const char *name)
{
	assert_int_equal(wm_format(buf, WM_PATH_SIZE, "%s/%s", dir, name), 0);
	return buf;
}

static int setup(void **state)
{
	(void)state;
	/* A tmpfs of this namespace: gone with it. */
	(void)wm_copy(dir, sizeof(dir), "/var/run/wm-hosts-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0755), 0);
	inst = (struct wm_instance){ 0 };
	in_dir(inst.hosts_file, "hosts");
	in_dir(inst.servers_file, "servers");
	in_dir(inst.dnsmasq_conf, "conf");
	in_dir(inst.dnsmasq_pid, "pid");
	names[0] = (struct wm_dns_name){ "gw.a", IP(172, 30, 2, 1) };
	names[1] = (struct wm_dns_name){ "nas.a", IP(192, 168, 1, 10) };
	names[2] = (struct wm_dns_name){ "nas.b", IP(172, 30, 3, 10) };
	plan = (struct wm_plan){ .names = names, .nnames = 3, .domains = domains, .ndomains = 2 };
	return 0;
}

static int teardown(void **state)
{
	static const char *const files[] = { "hosts", "servers", "conf", "pid", "log" };
	char path[WM_PATH_SIZE];

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(files); i++)
		unlink(in_dir(path, files[i]));
	assert_int_equal(rmdir(dir), 0); /* no temporary file was left */
	return 0;
}

static int apply(void)
{
	struct wm_error err = { 0 };
	int rc = wm_hosts_apply(&inst, &plan, NULL, &memory, &err);

	if (rc < 0)
		fail_msg("%s", err.text);
	return rc;
}

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

static void with_an_address_for_devices(void)
{
	memmove(&names[2], &names[1], 2 * sizeof(names[0]));
	names[1] = (struct wm_dns_name){ "nas.a", IP(172, 30, 2, 10), true };
	plan.nnames = 4;
}

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

/* --- with dnsmasq -------------------------------------------------------------------------- */

/* What everything else is asked of, here: it knows one name and listens elsewhere. */
#define UPSTREAM "127.0.0.2"

static pid_t start(const char *listen, const char *conf, const char *pid_file, const char *log, const char *more)
{
	char args[4][WM_PATH_SIZE + 20] = { "--no-ping" };
	pid_t pid;

	if (listen)
		snprintf(args[0], sizeof(args[0]), "--listen-address=%s", listen);
	snprintf(args[1], sizeof(args[1]), "--conf-file=%s", conf);
	snprintf(args[2], sizeof(args[2]), "--pid-file=%s", pid_file);
	snprintf(args[3], sizeof(args[3]), "--log-facility=%s", log);
	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp("dnsmasq", "dnsmasq", "--keep-in-foreground", "--no-hosts", "--no-resolv", "--user=root", args[0], args[1], args[2],
		       args[3], listen ? "--bind-interfaces" : more, listen ? more : NULL, NULL);
		_exit(127);
	}
	return pid;
}

/* As a machine's dnsmasq whose configuration takes ours in. */
static pid_t start_dnsmasq(const char *more)
{
	char log[WM_PATH_SIZE];

	return start("127.0.0.1", inst.dnsmasq_conf, inst.dnsmasq_pid, in_dir(log, "log"), more);
}

static void stop(pid_t pid)
{
	int status;

	kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

/* dig's whole answer; waits until it says `want`. */
static void assert_dig(const char *name, const char *want)
{
	char *said = NULL;

	for (int i = 0; i < TRIES; i++) {
		free(said);
		said = run_out(NULL, "dig", "@127.0.0.1", "+tries=1", "+time=1", "+noall", "+comments", "+answer", name, "A", NULL);
		if (strstr(said, want)) {
			free(said);
			return;
		}
		poll(NULL, 0, 25);
	}
	fail_msg("%s: no '%s' in: %s", name, want, said);
}

/* How often dnsmasq has read the hosts file. */
static unsigned int reads(void)
{
	char path[WM_PATH_SIZE], *log = NULL;
	unsigned int n = 0;

	assert_int_equal(wm_read_file(in_dir(path, "log"), 1 << 20, &log, NULL), 0);
	for (const char *at = log; (at = strstr(at, inst.hosts_file)); at++)
		n++;
	free(log);
	return n;
}

static void dnsmasq_follows(void **state)
{
	unsigned int before;
	pid_t pid;

	(void)state;
	memory = (struct wm_hosts_memory){ 0 };
	apply();
	pid = start_dnsmasq(NULL);
	assert_dig("nas.a", "192.168.1.10");
	assert_dig("nas.b", "172.30.3.10");
	/* Nobody by that name in a domain of ours: known here, asked nowhere. */
	assert_dig("nobody.b", "status: NXDOMAIN");
	assert_dig("nobody.c", "status: REFUSED"); /* there is no upstream to ask */
	before = reads();
	/* It was not there when we looked last: told once, whatever it has read by itself. */
	assert_int_equal(apply(), 0);
	for (int i = 0; i < TRIES && reads() == before; i++)
		poll(NULL, 0, 25);
	assert_int_equal(reads(), ++before);
	assert_int_equal(apply(), 0); /* nothing new, no signal */

	names[2].addr = IP(172, 30, 3, 77);
	(void)wm_copy(domains[1], sizeof(domains[1]), "c");
	assert_int_equal(apply(), 3);
	assert_dig("nas.b", "172.30.3.77");
	assert_dig("nobody.c", "status: NXDOMAIN");
	assert_dig("nobody.b", "status: REFUSED");
	assert_int_equal(reads(), before + 1); /* one signal for both files */
	(void)wm_copy(domains[1], sizeof(domains[1]), "b");
	stop(pid);
}

/* The mesh's domains are answered here, everything else by whom the machine asks anyway. */
static void everything_else_is_asked_upstream(void **state)
{
	char log[WM_PATH_SIZE], pid_file[WM_PATH_SIZE];
	pid_t upstream, pid;

	(void)state;
	apply();
	upstream = start(UPSTREAM, "/dev/null", in_dir(pid_file, "upstream.pid"), in_dir(log, "upstream.log"),
			 "--address=/example/192.0.2.80");
	pid = start_dnsmasq("--server=" UPSTREAM);
	assert_dig("www.example", "192.0.2.80");
	assert_dig("nas.a", "192.168.1.10");
	assert_dig("nobody.b", "status: NXDOMAIN");
	stop(pid);
	stop(upstream);
	unlink(pid_file);
	unlink(log);
}

static void must_answer(const char *server, const char *how, const char *name, const char *want)
{
	char at[32], *said;

	snprintf(at, sizeof(at), "@%s", server);
	/* More than once: it takes turns with the addresses of a name. */
	for (int i = 0; i < 3; i++) {
		said = run_out(NULL, "dig", at, "+short", "+tries=2", "+time=5", how, name, NULL);
		if (strcmp(said, want) != 0)
			fail_msg("%s has for %s %s not '%s' but: %s", server, how, name, want, said);
		free(said);
	}
}

/* A hub with two LANs, by each way in which dnsmasq may listen. Debian's only answers who is on a subnet of the machine. */
static void each_gets_the_address_he_can_reach(void **state)
{
	static const char *const listens[] = { "--local-service", "--bind-interfaces", "--bind-dynamic" };

	(void)state;
	must("ip link add lan0 type veth peer name far0");
	must("ip link add lan1 type veth peer name far1");
	must("ip link add tunnel type veth peer name beyond");
	must("ip addr add 192.168.1.1/24 dev lan0");
	must("ip addr add 192.168.7.1/24 dev lan1");
	must("ip addr add 172.30.2.1/24 dev tunnel noprefixroute");
	must("ip link set tunnel up");
	must("ip link set lan0 up");
	must("ip link set lan1 up");
	with_an_address_for_devices();
	names[4] = (struct wm_dns_name){ "two.a", IP(172, 30, 2, 11), true };
	names[5] = (struct wm_dns_name){ "two.a", IP(192, 168, 7, 10) };
	plan.nnames = 6;
	apply();
	for (size_t i = 0; i < WM_ARRAY_LEN(listens); i++) {
		char log[WM_PATH_SIZE], *both;
		pid_t pid = start(NULL, inst.dnsmasq_conf, inst.dnsmasq_pid, in_dir(log, "log"), listens[i]);

		assert_dig("gw.a", "172.30.2.1");
		must_answer("192.168.1.1", "-tA", "nas.a", "192.168.1.10\n");
		must_answer("192.168.7.1", "-tA", "two.a", "192.168.7.10\n");
		must_answer("172.30.2.1", "-tA", "nas.a", "172.30.2.10\n");
		must_answer("172.30.2.1", "-tA", "two.a", "172.30.2.11\n");
		must_answer("172.30.2.1", "+tcp", "two.a", "172.30.2.11\n");
		must_answer("192.168.1.1", "-tA", "nas.b", "172.30.3.10\n");
		must_answer("172.30.2.1", "-tA", "nas.b", "172.30.3.10\n");
		must_answer("192.168.1.1", "-x", "172.30.2.10", "nas.a.\n");
		must_answer("172.30.2.1", "-x", "192.168.1.10", "nas.a.\n");
		/* Neither is known to be the better one: from another LAN, and on the machine itself, which reaches both. */
		for (int k = 0; k < 2; k++) {
			both = run_out(NULL, "dig", k ? "@127.0.0.1" : "@192.168.1.1", "+short", "two.a", NULL);
			assert_non_null(strstr(both, "172.30.2.11\n"));
			assert_non_null(strstr(both, "192.168.7.10\n"));
			free(both);
		}
		stop(pid);
	}
	must("ip link del lan0");
	must("ip link del lan1");
	must("ip link del tunnel");
}

/* A mesh that grew while dnsmasq served it. */
static void many_names(void **state)
{
	struct wm_dns_name *many = calloc(MANY, sizeof(*many));
	char (*texts)[16] = calloc(MANY, sizeof(*texts));
	pid_t pid;

	(void)state;
	assert_non_null(many);
	assert_non_null(texts);
	apply();
	pid = start_dnsmasq(NULL);
	assert_dig("nas.a", "192.168.1.10");
	for (uint32_t i = 0; i < MANY; i++) {
		snprintf(texts[i], sizeof(texts[i]), "host-%u.b", i);
		many[i].fqdn = texts[i];
		many[i].addr = IP(172, 16, 0, 2) + i;
	}
	plan.names = many;
	plan.nnames = MANY;
	assert_int_equal(apply(), 1);
	assert_dig("host-99999.b", "172.17.134.161");
	assert_dig("nas.a", "status: NXDOMAIN");
	stop(pid);
	free(many);
	free(texts);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

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
		TEST(dnsmasq_follows),
		TEST(everything_else_is_asked_upstream),
		TEST(each_gets_the_address_he_can_reach),
		TEST(many_names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("hosts", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
