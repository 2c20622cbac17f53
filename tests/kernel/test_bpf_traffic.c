/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The BPF data plane is changed, grown, reloaded and its loader killed while
 * packets run both ways between a LAN and wg: none is lost, none arrives
 * elsewhere, none passes untranslated. Built twice: as test_xdp_traffic with the
 * shield on the LANs.
 *
 *      child: frames of nas               child: packets of the mesh
 *              |                                  |
 *          lan0-peer ===== lan0 -(programs)- wg (TUN)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/util.h"
#include "kernel/bpf_rig.h"
#include "kernel/netns.h"

#define BURST 16        /* packets each way that are under way at once */
#define WARM_UP 4       /* rounds that may be lost at the start */
#define LOST_MS 3000    /* one that has not come by then never will */
#define PORT 7777

static struct rig rig;

struct packet {
	uint8_t eth[ETH_HLEN];
	uint8_t ip[20];
	uint16_t sport, dport, len, sum;
	uint32_t seq;
} __attribute__((packed));
#define IP_LEN (sizeof(struct packet) - ETH_HLEN)

static int open_lan(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_IP));
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP),
				  .sll_ifindex = (int)if_nametoindex("lan0-peer") };

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static int open_wg(void)
{
	struct ifreq ifr = { .ifr_name = "wg", .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR);

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	return fd;
}

static struct packet make(uint32_t src, uint32_t dst, uint32_t seq)
{
	struct packet p = {
		.eth = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0 },
		.ip = { 0x45, 0, 0, IP_LEN, 0, 0, 0x40, 0, 64, 17 },
		.sport = htons(PORT), .dport = htons(PORT), .len = htons(12), .seq = seq,
	};
	uint32_t sum = 0;

	memcpy(p.ip + 12, &src, 4);
	memcpy(p.ip + 16, &dst, 4);
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)p.ip[i] << 8 | p.ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	p.ip[10] = (uint8_t)(sum >> 8);
	p.ip[11] = (uint8_t)sum;
	return p;
}

/* Takes what arrives at one end: 1 as it must be, 0 none of ours, -1 wrong. */
static int take(int fd, bool l2, uint32_t src, uint32_t dst, uint32_t round)
{
	struct packet p = { 0 };
	size_t missing = l2 ? 0 : ETH_HLEN;
	ssize_t len = read(fd, (uint8_t *)&p + missing, sizeof(p) - missing);

	if (len < (ssize_t)(sizeof(p) - missing) || p.ip[9] != 17 || p.dport != htons(PORT))
		return 0;
	if (memcmp(p.ip + 12, &src, 4) || memcmp(p.ip + 16, &dst, 4) || p.seq != round)
		return -1;
	return !l2 || !memcmp(p.eth, "\2\0\0\0\0\2", 6) ? 1 : -1;
}

/* One burst each way, and until all of it has arrived. False: something was lost or wrong. */
static bool exchange(int lan, int wg, uint32_t round)
{
	const uint32_t local = inet_addr("192.168.1.10"), nas = inet_addr("172.30.2.2"), far = inet_addr("172.30.9.9");
	struct packet out = make(local, far, round), in = make(far, nas, round);
	struct pollfd fds[] = { { .fd = lan, .events = POLLIN }, { .fd = wg, .events = POLLIN } };
	int left[] = { BURST, BURST };

	for (int i = 0; i < BURST; i++) {
		if (write(lan, &out, sizeof(out)) < 0 || write(wg, (uint8_t *)&in + ETH_HLEN, IP_LEN) < 0)
			return false;
	}
	while (left[0] || left[1]) {
		if (poll(fds, 2, LOST_MS) <= 0)
			return false;
		for (int i = 0; i < 2; i++) {
			int got = 0;

			if (fds[i].revents)
				got = i ? take(wg, false, nas, far, round) : take(lan, true, far, local, round);
			if (got < 0 || (left[i] -= got) < 0)
				return false;
		}
	}
	return true;
}

/* Exchanges until `stop` is closed at its other end; the exit status says whether all arrived. */
static void traffic(int lan, int wg, int stop, int started)
{
	struct pollfd end = { .fd = stop };
	uint32_t round = 0;

	/* A TUN that was just opened carries only when the kernel's link watch has come by. */
	while (!exchange(lan, wg, ++round)) {
		if (round == WARM_UP)
			_exit(1);
	}
	if (write(started, "", 1) != 1)
		_exit(2);
	do {
		if (!exchange(lan, wg, ++round))
			_exit(1);
	} while (!poll(&end, 1, 0));
	_exit(round > 100 ? 0 : 3);
}

static pid_t start_traffic(int *ret_stop)
{
	int stop[2], started[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe2(stop, O_CLOEXEC), 0);
	assert_int_equal(pipe2(started, O_CLOEXEC), 0);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		int wg = open_wg(), lan = open_lan();

		close(stop[1]);
		traffic(lan, wg, stop[0], started[1]);
	}
	close(stop[0]);
	close(started[1]);
	assert_int_equal(read(started[0], &c, 1), 1); /* the first round has passed */
	close(started[0]);
	*ret_stop = stop[1];
	return pid;
}

static void stop_traffic(pid_t pid, int stop)
{
	int status;

	close(stop);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void assert_shield(const char *ifname)
{
	struct wm_nic nic;

	assert_int_equal(wm_nic_read(if_nametoindex(ifname), false, &nic, NULL), 0);
	assert_int_equal(nic.mode, XDP_FLAGS_SKB_MODE);
}

static int setup(void **state)
{
	(void)state;
	rig_open(&rig);
	must("ip link del wg");
	must("ip tuntap add dev wg mode tun");
	must("ip link set wg up");
	must("ip link set lan0-peer up");
	must("ip link set lan0 address 02:00:00:00:00:01");
	/* For what is sent before LAN ingress has heard from nas: nobody answers ARP here. */
	must("ip neigh add 192.168.1.10 lladdr 02:00:00:00:00:02 dev lan0");
	rig.plan.lans[0].mac = (struct wm_mac){ { 2, 0, 0, 0, 0, 1 } };
	rig.wg = if_nametoindex("wg");
	if (strstr(program_invocation_short_name, "xdp"))
		rig.inst.xdp = WM_XDP_GENERIC;
	rig_apply(&rig);
	if (rig.inst.xdp == WM_XDP_GENERIC)
		assert_shield("lan0");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

/* --- what is done to it ------------------------------------------------------------------------ */

static void change_hosts(void)
{
	for (int i = 0; i < 200; i++) {
		rig_host(&rig, "tv", "172.30.2.9", i % 2 ? "192.168.1.20" : "192.168.1.21", i % 3);
		rig_host(&rig, i % 5 ? "pc" : "pc2", "172.30.2.10", i % 2 ? "192.168.1.21" : "192.168.1.20", false);
		if (i % 4 == 0)
			rig_drop(&rig, "172.30.2.9");
		assert_true(rig_apply(&rig) > 0);
	}
}

static void replace_programs(void)
{
	for (int i = 0; i < 4; i++) {
		rig.plan.mtu--;
		assert_true(rig_apply(&rig) > 0);
	}
}

static void grow(void)
{
	char name[20], overlay[20], local[20];

	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "h%d", i);
		snprintf(overlay, sizeof(overlay), "172.30.3.%d", i);
		snprintf(local, sizeof(local), "192.168.1.%d", 30 + i);
		rig_host(&rig, name, overlay, local, i % 2);
		if (i == 60 || i == 199)
			assert_true(rig_apply(&rig) > 0);
	}
}

static void lose_pins(void)
{
	assert_int_equal(unlink(rig_pin_path(&rig, "meta")), 0);
	assert_true(rig_apply(&rig) > 0);
	must("rm -r /var/run/bpf/default");
	assert_true(rig_apply(&rig) > 0);
}

static void add_lan(void)
{
	rig_lan(&rig, 1, "lan1", "192.168.2.1");
	rig_host(&rig, "far", "172.30.2.30", "192.168.2.10", false);
	assert_true(rig_apply(&rig) > 0);
	rig_drop(&rig, "172.30.2.30");
	rig.plan.nlans = 1;
	assert_true(rig_apply(&rig) > 0);
	/* The LANs change places: the slot of one becomes the other's. */
	rig_lan(&rig, 0, "lan1", "192.168.2.1");
	rig_lan(&rig, 1, "lan0", "192.168.1.1");
	rig.plan.lans[1].mac = (struct wm_mac){ { 2, 0, 0, 0, 0, 1 } };
	rig_host(&rig, "nas", "172.30.2.2", "192.168.1.10", false);
	rig_host(&rig, "cam", "172.30.2.3", "192.168.1.11", true);
	assert_true(rig_apply(&rig) > 0);
}

static void kill_the_loader(void)
{
	for (int i = 0; i < 8; i++) {
		int status;
		pid_t pid;

		rig.plan.mtu--;
		fflush(stdout);
		pid = fork();
		if (!pid)
			_exit(wm_dataplane_bpf.apply(&rig.inst, &rig.plan, rig.wg, &rig.err) < 0);
		assert_int_equal(poll(NULL, 0, 1 + 60 * i), 0); /* wherever it is then */
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	assert_true(rig_apply(&rig) >= 0);
}

static void under_traffic(void (*change)(void))
{
	int stop;
	pid_t pid = start_traffic(&stop);

	change();
	stop_traffic(pid, stop);
	if (rig.inst.xdp == WM_XDP_GENERIC)
		assert_shield("lan0");
}

#define UNDER_TRAFFIC(change)                                                                                          \
	static void test_##change(void **state)                                                                        \
	{                                                                                                              \
		(void)state;                                                                                           \
		under_traffic(change);                                                                                 \
	}
UNDER_TRAFFIC(change_hosts)
UNDER_TRAFFIC(replace_programs)
UNDER_TRAFFIC(grow)
UNDER_TRAFFIC(lose_pins)
UNDER_TRAFFIC(add_lan)
UNDER_TRAFFIC(kill_the_loader)

/* The control: what the child watches for does happen to it. */
static void test_a_lost_packet_is_seen(void **state)
{
	int stop, status;
	pid_t pid = start_traffic(&stop);

	(void)state;
	rig_drop(&rig, "172.30.2.2");
	assert_true(rig_apply(&rig) > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	close(stop);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static int body(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_change_hosts), TEST(test_replace_programs), TEST(test_grow), TEST(test_lose_pins),
		TEST(test_add_lan), TEST(test_kill_the_loader), TEST(test_a_lost_packet_is_seen),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("bpf_traffic", tests, NULL, NULL);
}

int main(void)
{
	netns_run(body);
}
