/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A tunnel that carries packets while its device is changed: none may be lost. On this machine's own WireGuard, as in
 * test_wg.c.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/psk.h"
#include "core/util.h"
#include "kernel/link.h"
#include "kernel/wg_rig.h"

#define FAR "wgfar"

/* The other end of a tunnel, in a namespace of its own. */
static void make_far_end(const struct wm_key *private_key, const struct wm_key *our_public)
{
	struct wm_wg_device want = { .private_key = *private_key, .listen_port = 51998 }, have;
	struct wm_wg_peer us = { .public_key = *our_public };
	struct wm_instance inst = { .ifname = FAR, .name = "far" };
	struct wm_plan plan = { 0 };
	struct wm_wg_diff diff;
	uint32_t ifindex;

	int fd = open("/var/run/netns/far", O_RDONLY | O_CLOEXEC);
	if (setns(fd, CLONE_NEWNET) < 0 || wm_link_prepare(&inst, &plan, &ifindex, &err) < 0 ||
	    wm_endpoint_parse("203.0.113.1:51999", &us.endpoint) < 0 || wm_wg_add_peer(&want, &us) < 0 ||
	    wm_wg_add_allowed(&want, (struct wm_prefix){ 0x0a000001, 32 }) < 0 || wm_wg_finish(&want) < 0 ||
	    wm_wg_read(FAR, &have, &err) < 0 || wm_wg_diff(&have, &want, NULL, 0, 0, &diff) < 0 ||
	    wm_wg_write(FAR, &diff, &err) < 0)
		_exit(1);
	bool ready = works("ip addr add 10.0.0.2/32 dev " FAR) && works("ip link set " FAR " up") &&
		     works("ip route add 10.0.0.1/32 dev " FAR);
	_exit(ready ? 0 : 1);
}

static void start_tunnel(struct wm_key *ret_far)
{
	struct wm_wg_device want;
	struct wm_key far, ours;
	int status;

	must("ip netns add far");
	must("ip link add under0 type veth peer name under1 netns far");
	must("ip addr add 203.0.113.1/24 dev under0");
	must("ip link set under0 up");
	must("ip -n far addr add 203.0.113.2/24 dev under1");
	must("ip -n far link set under1 up");
	wm_key_generate(&far);
	start(&want);
	assert_int_equal(wm_key_public(&want.private_key, &ours), 0);
	assert_int_equal(wm_key_public(&far, ret_far), 0);
	fflush(stdout);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		make_far_end(&far, &ours);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	must("ip addr add 10.0.0.1/32 dev " WG);
	must("ip link set " WG " up");
	must("ip route add 10.0.0.2/32 dev " WG);
}

/* The peer that the traffic goes to, and `others` that have nothing to do with it. */
static void want_tunnel(struct wm_wg_device *want, const struct wm_key *far, uint32_t others, uint32_t shift)
{
	struct wm_wg_peer peer = { .public_key = *far, .keepalive_s = others ? 30 : 25 };

	start(want);
	assert_int_equal(wm_endpoint_parse("203.0.113.2:51998", &peer.endpoint), 0);
	assert_int_equal(wm_wg_add_peer(want, &peer), 0);
	assert_int_equal(wm_wg_add_allowed(want, (struct wm_prefix){ 0x0a000002, 32 }), 0);
	for (uint32_t i = 0; i < others % 7; i++)
		assert_int_equal(wm_wg_add_allowed(want, (struct wm_prefix){ 0x0afe0000 + i, 32 }), 0);
	for (uint32_t n = 1; n <= others; n++) {
		add_peer(want, n, 20);
		last_peer(want)->public_key = key(n + shift);
	}
}

static void stop_tunnel(void)
{
	must("ip -n far link del " FAR);
	must("ip netns del far");
}

/* Emulated, a third of the packets takes longer than all of them should; `make soak` may want more. */
static const char *pings(void)
{
	return getenv("WM_PINGS") ?: getenv("WM_SLOW") ? "800" : "2400";
}

static void traffic_loses_nothing_while_all_around_it_changes(void **state)
{
	struct wm_wg_device want;
	struct wm_key far;
	char line[256] = "", expected[80];
	int fd[2], status, rounds = 0, idle = 0;

	(void)state;
	start_tunnel(&far);
	want_tunnel(&want, &far, 0, 0);
	reach(&want);
	must("ping -q -c 1 -W 20 10.0.0.2"); /* the handshake */
	assert_int_equal(pipe2(fd, O_CLOEXEC | O_NONBLOCK), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(fd[1], 1);
		execlp("ping", "ping", "-q", "-i", "0.002", "-c", pings(), "-W", "5", "10.0.0.2", (char *)NULL);
		_exit(127);
	}
	pid_t ended;
	while ((ended = waitpid(pid, &status, WNOHANG)) == 0) {
		uint32_t others = (uint32_t)rounds % 5 * 11;

		want_tunnel(&want, &far, others, rounds % 2 ? 1000 : 0); /* prefixes stay, their peers change */
		reach(&want);
		rounds++;
		want_tunnel(&want, &far, others, rounds % 2 ? 0 : 1000);
		idle += reach(&want) == 0;
	}
	assert_int_equal(ended, pid);
	char all[2048] = "";
	assert_true(read(fd[0], all, sizeof(all) - 1) > 0);
	close(fd[0]);
	close(fd[1]);
	for (char *rest = all, *l; (l = strtok_r(rest, "\n", &rest));)
		if (strstr(l, "transmitted"))
			snprintf(line, sizeof(line), "%s", l);
	printf("# %d reconfigurations meanwhile, and as many of what was there; ping: %s\n", rounds, line);
	assert_true(rounds >= 5);
	assert_int_equal(idle, rounds);
	snprintf(expected, sizeof(expected), "%s packets transmitted, %s received", pings(), pings());
	assert_non_null(strstr(line, expected));
	stop_tunnel();
}

/* The far end comes from another port, as through a NAT that has forgotten it. */
static void an_endpoint_that_has_roamed_stays_until_the_registry_has_another(void **state)
{
	struct wm_wg_peer_endpoint applied = { 0 };
	struct wm_wg_device want, have;
	struct wm_wg_diff diff;
	struct wm_key far;

	(void)state;
	start_tunnel(&far);
	want_tunnel(&want, &far, 0, 0);
	reach(&want);
	must("ping -q -c 1 -W 20 10.0.0.2");
	must("ip netns exec far wg set " FAR " listen-port 51997");
	must("ip netns exec far ping -q -c 1 -W 20 10.0.0.1");
	assert_wg_says("endpoints", "203.0.113.2:51997", true);
	for (int moved = 0; moved < 2; moved++) {
		want_tunnel(&want, &far, 0, 0);
		applied = (struct wm_wg_peer_endpoint){ far, last_peer(&want)->endpoint };
		if (moved)
			last_peer(&want)->endpoint.port = 51996;
		assert_int_equal(wm_wg_finish(&want), 0);
		read_device(&have);
		assert_int_equal(wm_wg_diff(&have, &want, &applied, 1, wm_unix_time(), &diff), 0);
		assert_int_equal(diff.n, moved);
		assert_int_equal(wm_wg_write(WG, &diff, &err), 0);
		wm_wg_diff_free(&diff);
		wm_wg_device_free(&have);
		wm_wg_device_free(&want);
	}
	assert_wg_says("endpoints", "203.0.113.2:51996", true);
	stop_tunnel();
}

/* Both ends get one while packets flow: the session goes on, the next handshake is with it. */
static void a_preshared_key_interrupts_nothing(void **state)
{
	static const char psk[] = "WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo=\n"; /* 32 times 0x5a */
	struct wm_wg_device want;
	struct wm_key far, ours;
	char line[200], text[WM_KEY_TEXT], path[] = "/tmp/wm-psk-XXXXXX";
	int status;

	(void)state;
	start_tunnel(&far);
	want_tunnel(&want, &far, 0, 0);
	assert_int_equal(wm_key_public(&want.private_key, &ours), 0);
	reach(&want);
	must("ping -q -c 1 -W 20 10.0.0.2");
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		execlp("sh", "sh", "-c", "ping -q -i 0.005 -c 300 -W 5 10.0.0.2 | grep -q '300 received'", (char *)NULL);
		_exit(127);
	}
	want_tunnel(&want, &far, 0, 0);
	memset(last_peer(&want)->preshared_key.byte, 0x5a, WM_KEY_LEN);
	assert_int_equal(reach(&want), 1);
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, psk, sizeof(psk) - 1), sizeof(psk) - 1);
	close(fd);
	snprintf(line, sizeof(line), "ip netns exec far wg set " FAR " peer %s preshared-key %s", wm_key_format(&ours, text), path);
	must(line);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* From the beginning, with it: the far end makes a new session. */
	snprintf(line, sizeof(line), "ip -n far link set " FAR " down");
	must(line);
	must("ip -n far link set " FAR " up");
	must("ip -n far route replace 10.0.0.1/32 dev " FAR);
	must("ip netns exec far ping -q -c 1 -W 20 10.0.0.1");
	unlink(path);
	stop_tunnel();
}

/* A look at the kernel, so many seconds after the first; what it has chosen is put in. Which of the two that is. */
static bool look_and_try(struct wm_psk *psk, const struct wm_key *far, int64_t after)
{
	const struct wm_psk_time at = { .unix_s = wm_unix_time(), .boot_s = 1000 + after };
	struct wm_wg_device have, want;
	struct wm_key chosen;

	want_tunnel(&want, far, 0, 0);
	memset(last_peer(&want)->preshared_key.byte, 0x5a, WM_KEY_LEN);
	read_device(&have);
	assert_int_equal(wm_psk_look(psk, &have, &want, at), 0);
	wm_wg_device_free(&have);
	chosen = *wm_psk_chosen(psk, last_peer(&want));
	last_peer(&want)->preshared_key = chosen;
	reach(&want);
	return !wm_key_is_zero(&chosen);
}

/* What core/psk.h goes by is what this machine's WireGuard says: when a handshake came, that something was sent, which key there
 * is, and none again. The far end is not told; minutes pass by the clock that is given to it. */
static void a_trial_of_a_preshared_key_is_taken_back_in_the_kernel(void **state)
{
	struct wm_psk psk = { .on_record = true };
	struct wm_wg_device want;
	struct wm_key far, ours, want_key;
	char line[200], text[WM_KEY_TEXT];
	int64_t first;

	(void)state;
	start_tunnel(&far);
	want_tunnel(&want, &far, 0, 0);
	want_key = want.private_key;
	reach(&want);
	must("ping -q -c 1 -W 20 10.0.0.2");
	assert_true(look_and_try(&psk, &far, 0));
	first = psk.peers[0].handshake;
	assert_in_range(first, wm_unix_time() - 100, wm_unix_time());
	/* The far end has forgotten its session, and makes none by that key. */
	assert_int_equal(wm_key_public(&want_key, &ours), 0);
	wm_key_format(&ours, text);
	snprintf(line, sizeof(line), "ip netns exec far wg set " FAR " peer %s remove", text);
	must(line);
	snprintf(line, sizeof(line), "ip netns exec far wg set " FAR " peer %s endpoint 203.0.113.1:51999 allowed-ips 10.0.0.1/32", text);
	must(line);
	assert_false(works("ip netns exec far ping -q -c 1 -W 2 10.0.0.1"));
	assert_true(look_and_try(&psk, &far, 130));
	works("ping -q -c 1 -W 1 10.0.0.2");
	assert_true(look_and_try(&psk, &far, 140));
	works("ping -q -c 1 -W 1 10.0.0.2");
	assert_false(look_and_try(&psk, &far, 150));
	must("ip netns exec far ping -q -c 1 -W 20 10.0.0.1");
	/* Without, there is another session; and with that the next trial. */
	assert_true(look_and_try(&psk, &far, 160));
	assert_true(psk.peers[0].handshake > first);
	assert_int_equal(psk.ntrials, 1);
	wm_psk_free(&psk);
	stop_tunnel();
}

static int body(void)
{
	const struct CMUnitTest tests[] = {
		WG_TEST(traffic_loses_nothing_while_all_around_it_changes),
		WG_TEST(an_endpoint_that_has_roamed_stays_until_the_registry_has_another),
		WG_TEST(a_preshared_key_interrupts_nothing),
		WG_TEST(a_trial_of_a_preshared_key_is_taken_back_in_the_kernel),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("wg_traffic", tests, NULL, NULL);
}

int main(void)
{
	if (wm_key_init() < 0)
		return 1;
	netns_run(body);
}
