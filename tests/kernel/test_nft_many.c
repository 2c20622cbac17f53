/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The nftables back end with many hosts, and with what an unprivileged container
 * lets it send.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/util.h"
#include "kernel/netns.h"
#include "kernel/nft_setup.h"

#define MANY 10000

/* The linker puts these between the back end and the functions they stand for
 * (nft.mk). */
static int small_buffer; /* what the kernel is said to allow; 0: what it says itself */
static unsigned int batches;

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

static int body(void)
{
	const struct CMUnitTest tests[] = {
		BARE(ten_thousand_hosts),
		BARE(a_batch_may_go_in_pieces),
		BARE(rules_go_at_once_or_not_at_all),
		BARE(a_user_namespace_is_enough),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nft, many", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
