/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A real dnsmasq that reads what hosts.c writes, and dig that asks it.
 */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/util.h"
#include "kernel/hosts_rig.h"
#include "kernel/netns.h"

#define TRIES 200 /* of 25 ms */
#define MANY 100000

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

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, hosts_setup, hosts_teardown)

static int body(void)
{
	const struct CMUnitTest tests[] = {
		TEST(dnsmasq_follows),
		TEST(everything_else_is_asked_upstream),
		TEST(each_gets_the_address_he_can_reach),
		TEST(many_names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("dnsmasq", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
