/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Reading and writing WireGuard devices, on this machine's own WireGuard (the
 * kernel's, or wireguard-go where the kernel has none). What was written is
 * also read back by wg(8), which shares no code with us.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/util.h"
#include "kernel/link.h"
#include "kernel/netns.h"
#include "kernel/wg.h"

#define WG "wgtest"
#define FAR "wgfar"

static struct wm_error err;

static int setup(void **state)
{
	struct wm_instance inst = { .ifname = WG, .name = "testing" };
	struct wm_plan plan = { 0 };
	uint32_t ifindex;

	(void)state;
	memset(&err, 0, sizeof(err));
	if (wm_link_prepare(&inst, &plan, &ifindex, &err) < 0)
		fail_msg("%s", err.text);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	must("ip link del " WG);
	return 0;
}

/* The n-th peer's key; any 32 bytes will do. */
static struct wm_key key(uint32_t n)
{
	struct wm_key k = { 0 };

	memcpy(k.byte, &n, sizeof(n));
	k.byte[8] = 0x77;
	k.byte[31] = 0x40;
	return k;
}

static void start(struct wm_wg_device *dev)
{
	*dev = (struct wm_wg_device){ .listen_port = 51999 };
	memset(dev->private_key.byte, 0x48, WM_KEY_LEN); /* is a clamped scalar already */
}

/* Peer n with `count` allowed IPs from 10.n.0.0 on, /32 each. */
static void add_peer(struct wm_wg_device *dev, uint32_t n, unsigned int count)
{
	struct wm_wg_peer peer = { .public_key = key(n) };

	assert_int_equal(wm_wg_add_peer(dev, &peer), 0);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(wm_wg_add_allowed(dev, (struct wm_prefix){ (10u << 24) + (n << 14) + i, 32 }), 0);
}

static struct wm_wg_peer *last_peer(struct wm_wg_device *dev)
{
	return &dev->peers[dev->npeers - 1];
}

static void read_device(struct wm_wg_device *ret)
{
	if (wm_wg_read(WG, ret, &err) < 0)
		fail_msg("%s", err.text);
}

/* Brings the device to `want` (which is finished and freed here) and proves
 * that nothing is left to do. Returns how many operations it took. */
static size_t reach(struct wm_wg_device *want)
{
	struct wm_wg_device have;
	struct wm_wg_diff diff;

	assert_int_equal(wm_wg_finish(want), 0);
	read_device(&have);
	assert_int_equal(wm_wg_diff(&have, want, NULL, 0, 0, &diff), 0);
	wm_wg_device_free(&have);
	size_t n = diff.n;
	if (wm_wg_write(WG, &diff, &err) < 0)
		fail_msg("%s", err.text);
	wm_wg_diff_free(&diff);

	read_device(&have);
	assert_int_equal(have.npeers, want->npeers);
	assert_int_equal(have.nallowed, want->nallowed);
	for (size_t i = 0; i < want->npeers; i++) {
		const struct wm_wg_peer *h = &have.peers[i], *w = &want->peers[i];

		assert_memory_equal(&h->public_key, &w->public_key, sizeof(h->public_key));
		assert_memory_equal(&h->preshared_key, &w->preshared_key, sizeof(h->preshared_key));
		assert_int_equal(h->keepalive_s, w->keepalive_s);
		assert_true(!w->endpoint.family || wm_endpoint_equal(&h->endpoint, &w->endpoint));
		assert_int_equal(h->nallowed, w->nallowed);
		for (size_t a = 0; a < w->nallowed; a++)
			assert_true(wm_prefix_equal(have.allowed[h->first_allowed + a],
						    want->allowed[w->first_allowed + a]));
	}
	assert_int_equal(wm_wg_diff(&have, want, NULL, 0, 0, &diff), 0);
	assert_int_equal(diff.n, 0);
	wm_wg_diff_free(&diff);
	wm_wg_device_free(&have);
	wm_wg_device_free(want);
	return n;
}

static void assert_wg_says(const char *what, const char *part, bool expected)
{
	char *out = run_out(NULL, "wg", "show", WG, what, NULL);

	if (!strstr(out, part) == expected)
		fail_msg("wg show %s: \"%s\" is %s in:\n%s", what, part, expected ? "not" : "still", out);
	free(out);
}

static void a_fresh_device_is_empty(void **state)
{
	struct wm_wg_device have;

	(void)state;
	printf("# WireGuard here: %s\n", wm_wg_implementation(WG));
	read_device(&have);
	assert_true(wm_key_is_zero(&have.private_key));
	assert_int_equal(have.npeers, 0);
	wm_wg_device_free(&have);
}

static void every_field_arrives(void **state)
{
	struct wm_wg_device want;
	char text[WM_KEY_TEXT];

	(void)state;
	start(&want);
	want.fwmark = 0x1234;
	add_peer(&want, 1, 0);
	assert_int_equal(wm_endpoint_parse("198.51.100.7:51820", &last_peer(&want)->endpoint), 0);
	last_peer(&want)->keepalive_s = 25;
	assert_int_equal(wm_wg_add_allowed(&want, (struct wm_prefix){ 0xac1e0300, 24 }), 0);
	assert_int_equal(wm_wg_add_allowed(&want, (struct wm_prefix){ 0xac1e0105, 32 }), 0);
	add_peer(&want, 2, 0);
	assert_int_equal(wm_endpoint_parse("[2001:db8::7]:443", &last_peer(&want)->endpoint), 0);
	memset(last_peer(&want)->preshared_key.byte, 0x5a, WM_KEY_LEN);
	reach(&want);

	assert_wg_says("listen-port", "51999", true);
	assert_wg_says("fwmark", "0x1234", true);
	assert_wg_says("endpoints", "198.51.100.7:51820", true);
	assert_wg_says("endpoints", "[2001:db8::7]:443", true);
	assert_wg_says("persistent-keepalive", "25", true);
	assert_wg_says("allowed-ips", "172.30.1.5/32", true);
	assert_wg_says("allowed-ips", "172.30.3.0/24", true);
	assert_wg_says("preshared-keys", "WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo=", true);
	struct wm_key k = key(2);
	assert_wg_says("peers", wm_key_format(&k, text), true);
	memset(k.byte, 0x48, sizeof(k.byte));
	assert_wg_says("private-key", wm_key_format(&k, text), true);

	/* And changes of each, to other values and to none. */
	start(&want);
	want.listen_port = 52000;
	add_peer(&want, 1, 0);
	assert_int_equal(wm_endpoint_parse("[2001:db8::8]:444", &last_peer(&want)->endpoint), 0);
	add_peer(&want, 2, 0);
	assert_int_equal(wm_endpoint_parse("198.51.100.9:53", &last_peer(&want)->endpoint), 0);
	last_peer(&want)->keepalive_s = 7;
	reach(&want);
	assert_wg_says("listen-port", "52000", true);
	assert_wg_says("fwmark", "off", true);
	assert_wg_says("allowed-ips", "172.30.1.5/32", false);
	assert_wg_says("preshared-keys", "WlpaWlpa", false);
}

static void many_peers_and_prefixes_round_trip(void **state)
{
	static const struct {
		unsigned int peers, each;
	} shapes[] = { { 1, 1 }, { 29, 1 }, { 30, 1 }, { 31, 1 }, { 40, 52 }, { 300, 3 }, { 1, 6000 }, { 3, 700 }, { 1, 130560 } };

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(shapes); i++) {
		struct wm_wg_device want;

		start(&want);
		for (uint32_t n = 0; n < shapes[i].peers; n++)
			add_peer(&want, n, shapes[i].each);
		reach(&want);
	}
}

static void a_prefix_moves_to_another_peer(void **state)
{
	struct wm_wg_device want;

	(void)state;
	start(&want);
	add_peer(&want, 1, 3);
	add_peer(&want, 2, 3);
	reach(&want);
	start(&want);
	add_peer(&want, 1, 2);
	add_peer(&want, 2, 3);
	assert_int_equal(wm_wg_add_allowed(&want, (struct wm_prefix){ (10u << 24) + (1 << 14) + 2, 32 }), 0);
	assert_int_equal(reach(&want), 1); /* added there; nothing is removed here */
	/* A peer that goes leaves all it had to a new one. */
	start(&want);
	add_peer(&want, 2, 3);
	last_peer(&want)->public_key = key(9);
	reach(&want);
}

static void a_prefix_that_nobody_has_any_more_goes(void **state)
{
	struct wm_wg_device want;

	(void)state;
	start(&want);
	add_peer(&want, 1, 2000);
	add_peer(&want, 2, 5);
	reach(&want);
	start(&want);
	add_peer(&want, 1, 3);
	add_peer(&want, 2, 4);
	assert_int_equal(reach(&want), 1998); /* and no peer more than these two: reach has counted */
}

static void a_peer_goes(void **state)
{
	struct wm_wg_device want;

	(void)state;
	start(&want);
	for (uint32_t n = 0; n < 300; n++)
		add_peer(&want, n, 2);
	reach(&want);
	start(&want);
	for (uint32_t n = 0; n < 300; n += 2)
		add_peer(&want, n, 2);
	assert_int_equal(reach(&want), 150);
	start(&want);
	assert_int_equal(reach(&want), 150);
}

static void ipv6_prefixes_of_others_are_left_alone(void **state)
{
	struct wm_wg_device want;
	struct wm_key k = key(1);
	char line[256], text[WM_KEY_TEXT];

	(void)state;
	start(&want);
	add_peer(&want, 1, 1);
	reach(&want);
	snprintf(line, sizeof(line), "wg set " WG " peer %s allowed-ips 2001:db8:1::/48,10.0.64.0/32",
		 wm_key_format(&k, text));
	must(line);
	start(&want);
	add_peer(&want, 1, 1);
	assert_int_equal(reach(&want), 0);
	assert_wg_says("allowed-ips", "2001:db8:1::/48", true);
}

static void a_peer_that_went_meanwhile_is_not_made_again(void **state)
{
	struct wm_wg_device want, have;
	struct wm_wg_diff diff;
	struct wm_key k = key(1);
	char line[128], text[WM_KEY_TEXT];

	(void)state;
	start(&want);
	add_peer(&want, 1, 1);
	reach(&want);
	read_device(&have);
	start(&want);
	add_peer(&want, 1, 5);
	last_peer(&want)->keepalive_s = 9;
	assert_int_equal(wm_wg_finish(&want), 0);
	assert_int_equal(wm_wg_diff(&have, &want, NULL, 0, 0, &diff), 0);
	snprintf(line, sizeof(line), "wg set " WG " peer %s remove", wm_key_format(&k, text));
	must(line);
	assert_int_equal(wm_wg_write(WG, &diff, &err), 0);
	wm_wg_diff_free(&diff);
	wm_wg_device_free(&have);
	read_device(&have);
	assert_int_equal(have.npeers, 0); /* half a peer, without an endpoint, would be worse */
	wm_wg_device_free(&have);
	assert_true(reach(&want) > 0);
}

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

static void traffic_loses_nothing_while_all_around_it_changes(void **state)
{
	struct wm_wg_device want;
	struct wm_key far;
	char line[256] = "";
	int fd[2], status, rounds = 0;

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
		execlp("ping", "ping", "-q", "-i", "0.002", "-c", "800", "-W", "5", "10.0.0.2", (char *)NULL);
		_exit(127);
	}
	pid_t ended;
	while ((ended = waitpid(pid, &status, WNOHANG)) == 0) {
		uint32_t others = (uint32_t)rounds % 5 * 11;

		want_tunnel(&want, &far, others, rounds % 2 ? 1000 : 0); /* prefixes stay, their peers change */
		reach(&want);
		rounds++;
	}
	assert_int_equal(ended, pid);
	char all[2048] = "";
	assert_true(read(fd[0], all, sizeof(all) - 1) > 0);
	close(fd[0]);
	close(fd[1]);
	for (char *rest = all, *l; (l = strtok_r(rest, "\n", &rest));)
		if (strstr(l, "transmitted"))
			snprintf(line, sizeof(line), "%s", l);
	printf("# %d reconfigurations meanwhile; ping: %s\n", rounds, line);
	assert_true(rounds >= 5);
	assert_non_null(strstr(line, "800 packets transmitted, 800 received"));
	must("ip -n far link del " FAR);
	must("ip netns del far");
}

static void an_empty_difference_touches_nothing(void **state)
{
	const struct wm_wg_diff none = { 0 };

	(void)state;
	assert_int_equal(wm_wg_write("no-such-device", &none, &err), 0);
}

static void errors_name_the_device(void **state)
{
	struct wm_wg_op op = { .kind = WM_WG_SET_DEVICE };
	const struct wm_wg_diff diff = { .ops = &op, .n = 1 };
	struct wm_wg_device dev = { 0 };

	(void)state;
	assert_int_equal(wm_wg_read("absent0", &dev, &err), -ENODEV);
	assert_non_null(strstr(err.text, "absent0"));
	assert_int_equal(wm_wg_write("absent0", &diff, &err), -ENODEV);
	assert_non_null(strstr(err.text, "absent0"));
	must("ip link add plain0 type veth peer name plain1");
	assert_int_equal(wm_wg_read("plain0", &dev, &err), -ENODEV);
	assert_non_null(strstr(err.text, "plain0 is not WireGuard"));
	assert_null(wm_wg_implementation("plain0"));
	must("ip link del plain0");
	assert_int_equal(dev.npeers, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static int body(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_fresh_device_is_empty),
		TEST(every_field_arrives),
		TEST(many_peers_and_prefixes_round_trip),
		TEST(a_prefix_moves_to_another_peer),
		TEST(a_prefix_that_nobody_has_any_more_goes),
		TEST(a_peer_goes),
		TEST(ipv6_prefixes_of_others_are_left_alone),
		TEST(a_peer_that_went_meanwhile_is_not_made_again),
		TEST(traffic_loses_nothing_while_all_around_it_changes),
		TEST(an_empty_difference_touches_nothing),
		TEST(errors_name_the_device),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("wg", tests, NULL, NULL);
}

int main(void)
{
	if (wm_key_init() < 0)
		return 1;
	netns_run(body);
}
