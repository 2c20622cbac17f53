/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A host with a container behind its NAT, and somebody out there:
 *
 *   out 10.1.0.2 -- 10.1.0.1 here 10.0.3.1 (br0) -- 10.0.3.2, 10.0.3.3 box
 *
 * What the host is read to be, who answers on its links, a UDP port of it that
 * leads into the container, and a device made there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/key.h"
#include "core/util.h"
#include "kernel/forward.h"
#include "kernel/host.h"
#include "kernel/netns.h"

#define PORT 51820
#define TABLE "wm-gateway"
#define WAIT_MS 3000
#define BOX_2 0x0a000302
#define BOX_3 0x0a000303

static pid_t box, out;
static struct wm_error err;

/* A process with a network of its own. */
static pid_t make_namespace(void)
{
	int ready[2];
	char c;

	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) || write(ready[1], "y", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void must_in(pid_t pid, const char *line)
{
	char text[640];

	snprintf(text, sizeof(text), "nsenter -t %d -n %s", pid, line);
	must(text);
}

/* A veth whose other end, eth0, is that one's. */
static void link_to(pid_t pid, const char *name)
{
	char text[256];

	snprintf(text, sizeof(text), "ip link add %s type veth peer name eth0 netns %d", name, pid);
	must(text);
}

static int setup(void **state)
{
	(void)state;
	box = make_namespace();
	out = make_namespace();
	must("ip link add br0 type bridge");
	must("ip address add 10.0.3.1/24 dev br0");
	link_to(box, "box0");
	must("ip link set box0 master br0 up");
	must("ip link set br0 up");
	must_in(box, "ip address add 10.0.3.2/24 dev eth0");
	must_in(box, "ip address add 10.0.3.3/24 dev eth0");
	must_in(box, "ip link set eth0 up");
	must_in(box, "ip route add default via 10.0.3.1");
	link_to(out, "out0");
	must("ip address add 10.1.0.1/24 dev out0");
	must("ip link set out0 up");
	must("ip route add default via 10.1.0.2");
	must("ip link add br9 type bridge");
	must_in(out, "ip address add 10.1.0.2/24 dev eth0");
	must_in(out, "ip link set eth0 up");
	must("sysctl -q net.ipv4.ip_forward=1");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	wm_forward_remove(TABLE, NULL);
	kill(box, SIGKILL);
	kill(out, SIGKILL);
	waitpid(box, NULL, 0);
	waitpid(out, NULL, 0);
	works("ip route del default");
	works("ip link del out0");
	works("ip link del box0");
	works("ip link del br0");
	works("ip link del br9");
	return 0;
}
#define HOST_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

/* --- what it has ------------------------------------------------------------------- */

static void networks_are_read(void **state)
{
	static const struct {
		const char *ifname;
		bool bridge;
		wm_ip4 addr, gateway;
	} rows[] = {
		{ "br0", true, 0x0a000301, 0 },
		{ "br9", true, 0, 0 },
		{ "out0", false, 0x0a010001, 0x0a010002 },
	};
	struct wm_host_net net;
	unsigned int found = 0;

	(void)state;
	assert_int_equal(wm_host_net_read(&net, &err), 0);
	for (unsigned int i = 0; i < net.n; i++) {
		for (size_t j = 0; j < WM_ARRAY_LEN(rows); j++) {
			if (strcmp(net.lan[i].ifname, rows[j].ifname))
				continue;
			assert_int_equal(net.lan[i].bridge, rows[j].bridge);
			assert_int_equal(net.lan[i].addr, rows[j].addr);
			assert_int_equal(net.lan[i].gateway, rows[j].gateway);
			found++;
		}
	}
	assert_int_equal(found, WM_ARRAY_LEN(rows));
}

static void who_answers_has_the_address(void **state)
{
	(void)state;
	assert_int_equal(wm_host_in_use(BOX_2, &err), 1);
	assert_int_equal(wm_host_in_use(BOX_2 + 50, &err), 0);
	assert_int_equal(wm_host_in_use(0xc6336401, &err), 0); /* beyond the router */
}

/* Long ago, and a moment ago: neither says that he is still there. */
static void who_had_it_and_has_gone_has_it_no_more(void **state)
{
	static const char *const states[] = { "stale", "delay", "probe", "reachable" };
	char line[160];

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(states); i++) {
		snprintf(line, sizeof(line), "ip neighbour replace 10.0.3.60 lladdr 02:00:00:00:00:60 dev br0 nud %s", states[i]);
		must(line);
		assert_int_equal(wm_host_in_use(BOX_2 + 58, &err), 0);
	}
	/* And who answers is found behind it. */
	must("ip neighbour replace 10.0.3.2 lladdr 02:00:00:00:00:60 dev br0 nud stale");
	assert_int_equal(wm_host_in_use(BOX_2, &err), 1);
	must("ip neighbour replace 10.0.3.61 lladdr 02:00:00:00:00:61 dev br0 nud permanent");
	assert_int_equal(wm_host_in_use(BOX_2 + 59, &err), 1);
	must("ip neighbour del 10.0.3.61 dev br0");
}

/* --- a port of it -------------------------------------------------------------------- */

static int enter(pid_t pid)
{
	char path[64];
	int before = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(before >= 0 && fd >= 0);
	assert_int_equal(setns(fd, CLONE_NEWNET), 0);
	close(fd);
	return before;
}

/* A UDP socket in that namespace. */
static int udp_in(pid_t pid, wm_ip4 own, wm_ip4 peer)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int before = enter(pid), fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(setns(before, CLONE_NEWNET), 0);
	close(before);
	addr.sin_addr.s_addr = htonl(own ? own : peer);
	assert_int_equal((own ? bind : connect)(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static bool comes(int fd, char *ret, struct sockaddr_in *from)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	socklen_t len = sizeof(*from);

	return poll(&p, 1, WAIT_MS) == 1 && recvfrom(fd, ret, 1, 0, (struct sockaddr *)from, &len) == 1;
}

/* Somebody out there says something, and hears the answer, from where he said it to. */
static void talk(int client, int server)
{
	struct sockaddr_in from;
	char c;

	assert_int_equal(send(client, "q", 1, 0), 1);
	assert_true(comes(server, &c, &from));
	assert_int_equal(ntohl(from.sin_addr.s_addr), 0x0a010002);
	assert_int_equal(sendto(server, "a", 1, 0, (struct sockaddr *)&from, sizeof(from)), 1);
	assert_true(comes(client, &c, &from));
	assert_int_equal(ntohl(from.sin_addr.s_addr), 0x0a010001);
}

static void the_port_leads_into_the_container(void **state)
{
	int at_2 = udp_in(box, BOX_2, 0), at_3 = udp_in(box, BOX_3, 0), client = udp_in(out, 0, 0x0a010001);

	(void)state;
	assert_int_equal(wm_forward_there(TABLE, &err), 0);
	assert_int_equal(wm_forward_set(TABLE, PORT, BOX_2, &err), 1);
	assert_int_equal(wm_forward_set(TABLE, PORT, BOX_2, &err), 0);
	assert_int_equal(wm_forward_there(TABLE, &err), 1);
	talk(client, at_2);
	/* Who keeps talking stays where he was, until he is forgotten. */
	assert_int_equal(wm_forward_set(TABLE, PORT, BOX_3, &err), 1);
	assert_int_equal(wm_forward_forget(PORT, BOX_2, &err), 0);
	talk(client, at_2);
	assert_int_equal(wm_forward_forget(PORT, BOX_3, &err), 1);
	talk(client, at_3);
	assert_int_equal(wm_forward_remove(TABLE, &err), 1);
	assert_int_equal(wm_forward_remove(TABLE, &err), 0);
	assert_int_equal(wm_forward_forget(PORT, 0, &err), 1);
	assert_int_equal(wm_forward_forget(PORT, 0, &err), 0);
	close(at_2);
	close(at_3);
	close(client);
}

static void what_others_did_to_the_table_is_mended(void **state)
{
	(void)state;
	assert_int_equal(wm_forward_set(TABLE, PORT, BOX_2, &err), 1);
	must("nft flush table ip " TABLE);
	assert_int_equal(wm_forward_set(TABLE, PORT, BOX_2, &err), 1);
	must("nft add rule ip " TABLE " forward drop");
	assert_int_equal(wm_forward_set(TABLE, PORT, BOX_2, &err), 1);
	must("nft flush ruleset");
	assert_int_equal(wm_forward_set(TABLE, PORT, BOX_2, &err), 1);
	assert_int_equal(wm_forward_set(TABLE, PORT, BOX_2, &err), 0);
}

static void somebody_elses_table_is_left_alone(void **state)
{
	(void)state;
	must("nft add table ip " TABLE);
	assert_int_equal(wm_forward_set(TABLE, PORT, BOX_2, &err), -EEXIST);
	assert_non_null(strstr(err.text, "not of wm-gateway's making"));
	assert_int_equal(wm_forward_remove(TABLE, &err), -EEXIST);
	must("nft list table ip " TABLE);
	must("nft delete table ip " TABLE);
}

static void who_else_may_drop_is_named(void **state)
{
	char text[WM_FORWARD_CHAIN_TEXT];

	(void)state;
	assert_int_equal(wm_forward_set(TABLE, PORT, BOX_2, &err), 1);
	assert_int_equal(wm_forward_dropped(text, &err), 0);
	must("nft add table ip theirs");
	must("nft add chain ip theirs FORWARD { type filter hook forward priority 0; policy drop; }");
	assert_int_equal(wm_forward_dropped(text, &err), 1);
	assert_string_equal(text, "table ip theirs, chain FORWARD");
	must("nft delete table ip theirs");
	assert_int_equal(wm_forward_dropped(text, &err), 0);
}

/* --- a device in the container ---------------------------------------------------------- */

static void a_device_is_made_there_and_not_here(void **state)
{
	(void)state;
	assert_int_equal(wm_host_make_device(box, "wg0", "bridge", &err), 1);
	assert_int_equal(wm_host_make_device(box, "wg0", "bridge", &err), 0);
	must_in(box, "ip link show wg0");
	assert_false(works("ip link show wg0"));
	assert_int_equal(wm_host_make_device(box, "wg1", "nosuchkind", &err), -EOPNOTSUPP);
	assert_int_equal(wm_host_make_device(1 << 22, "wg1", "bridge", &err), -ESRCH);
}

static unsigned int udp_sockets(pid_t pid)
{
	char path[64], line[512];
	unsigned int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/net/udp", pid);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n++;
	fclose(f);
	return n;
}

/* wg0 in that namespace, with a key of its own, which is written where `wg` reads it. */
static void set_up_wg(pid_t pid, const char *address, const struct wm_key *own, const struct wm_key *peer, const char *more)
{
	char path[] = "/tmp/test_host.XXXXXX", key[WM_KEY_TEXT], line[512];
	struct wm_key peer_public;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	wm_key_format(own, key);
	assert_int_equal(wm_write_full(fd, key, strlen(key)), 0);
	close(fd);
	assert_int_equal(wm_key_public(peer, &peer_public), 0);
	snprintf(line, sizeof(line), "wg set wg0 private-key %s peer %s allowed-ips 10.99.0.0/24 %s", path, wm_key_format(&peer_public, key), more);
	must_in(pid, line);
	unlink(path);
	snprintf(line, sizeof(line), "ip address add %s/24 dev wg0", address);
	must_in(pid, line);
	must_in(pid, "ip link set wg0 up");
}

/* WireGuard's device is the container's, its socket the host's: who is out there reaches it at the host's address, with no port
 * forwarded, and though this host forwards nothing at all. */
static void wireguards_socket_stays_here(void **state)
{
	int rc = wm_host_make_device(box, "wg0", "wireguard", &err);

	(void)state;
	assert_int_equal(wm_host_has_wireguard(), rc != -EOPNOTSUPP);
	if (rc == -EOPNOTSUPP)
		skip();
	assert_int_equal(rc, 1);
	unsigned int there = udp_sockets(box), here = udp_sockets(getpid());
	struct wm_key ours, theirs;

	assert_int_equal(wm_key_init(), 0);
	wm_key_generate(&ours);
	wm_key_generate(&theirs);
	must("sysctl -q net.ipv4.ip_forward=0");
	set_up_wg(box, "10.99.0.1", &ours, &theirs, "");
	must_in(box, "wg set wg0 listen-port 51820");
	assert_int_equal(udp_sockets(box), there);
	assert_true(udp_sockets(getpid()) > here);
	must_in(out, "ip link add wg0 type wireguard");
	set_up_wg(out, "10.99.0.2", &theirs, &ours, "endpoint 10.1.0.1:51820");
	must_in(out, "ping -c 1 -W 20 10.99.0.1");
}

static int body(void)
{
	const struct CMUnitTest tests[] = {
		HOST_TEST(networks_are_read),
		HOST_TEST(who_answers_has_the_address),
		HOST_TEST(who_had_it_and_has_gone_has_it_no_more),
		HOST_TEST(the_port_leads_into_the_container),
		HOST_TEST(what_others_did_to_the_table_is_mended),
		HOST_TEST(somebody_elses_table_is_left_alone),
		HOST_TEST(who_else_may_drop_is_named),
		HOST_TEST(a_device_is_made_there_and_not_here),
		HOST_TEST(wireguards_socket_stays_here),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
