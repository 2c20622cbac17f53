/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/nft_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/util.h"
#include "kernel/netns.h"

#define WAIT_MS 1000

/* --- the namespace ------------------------------------------------------------------ */

static int open_tun(void)
{
	struct ifreq ifr = { .ifr_name = "wg0", .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	return fd;
}

static int open_wire(const char *ifname)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_IP));
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP),
				  .sll_ifindex = (int)if_nametoindex(ifname) };
	const int on = 1;

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)), 0);
	return fd;
}

static void no_offload(const char *ifname)
{
	struct ethtool_value value = { .cmd = ETHTOOL_STXCSUM, .data = 0 };
	struct ifreq ifr = { .ifr_data = (void *)&value };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)wm_copy(ifr.ifr_name, sizeof(ifr.ifr_name), ifname);
	assert_int_equal(ioctl(fd, SIOCETHTOOL, &ifr), 0);
	close(fd);
}

void sysctl(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		fail_msg("cannot write %s: %s", path, strerror(errno));
	close(fd);
}

/* must() of a line with numbers in it. */
__attribute__((format(printf, 1, 2))) static void mustf(const char *fmt, ...)
{
	char line[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	must(line);
}

/* As userspace/kernel/link_sysctl.c has it. */
static void conf(const char *ifname)
{
	static const char *const leaves[][2] = { { "rp_filter", "2" }, { "src_valid_mark", "1" }, { "send_redirects", "0" } };
	char path[100];

	for (size_t i = 0; i < WM_ARRAY_LEN(leaves); i++) {
		snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s", ifname, leaves[i][0]);
		sysctl(path, leaves[i][1]);
	}
}

static void open_lan(struct rig *rig, unsigned int i)
{
	static const unsigned int hosts[2][5] = { { 10, 11, 12, 13, 66 }, { 10, 20 } };
	struct wm_lan *lan = &rig->plan.lans[i];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { 0 };
	char text[80];

	snprintf(lan->ifname, sizeof(lan->ifname), "lan%u", i);
	mustf("ip link add lan%u type veth peer name lan%up", i, i);
	no_offload(lan->ifname);
	mustf("ip link set lan%u up", i);
	mustf("ip link set lan%up up", i);
	mustf("ip addr add 192.168.%u.1/24 dev lan%u", i + 1, i);
	for (int j = 0; j < 5 && hosts[i][j]; j++)
		mustf("ip neigh add 192.168.%u.%u lladdr 02:00:00:00:00:10 dev lan%u nud permanent", i + 1, hosts[i][j], i);
	conf(lan->ifname);
	lan->addr = IP(192, 168, i + 1, 1);
	lan->prefix = (struct wm_prefix){ IP(192, 168, i + 1, 0), 24 };
	lan->ifindex = if_nametoindex(lan->ifname);
	lan->mtu = 1500;
	memcpy(ifr.ifr_name, lan->ifname, IFNAMSIZ);
	assert_int_equal(ioctl(fd, SIOCGIFHWADDR, &ifr), 0);
	memcpy(rig->gw_mac[i], ifr.ifr_hwaddr.sa_data, 6);
	close(fd);
	snprintf(text, sizeof(text), "lan%up", i);
	rig->lan[i] = open_wire(text);
}

static void open_wg(struct rig *rig)
{
	rig->tun = open_tun();
	must("ip addr add 172.30.2.1/32 dev wg0");
	must("ip link set wg0 mtu 1420 up");
	must("ip route add 172.30.0.0/16 dev wg0 src 172.30.2.1");
	must("ip route add unreachable 172.30.0.0/16 metric 4278198272");
	must("ip rule add prio 22000 iif wg0 fwmark 0x574d0000/0xffff0000 lookup main");
	must("ip rule add prio 22001 iif wg0 prohibit");
	conf("wg0");
}

void rig_open(struct rig *rig, unsigned int nlans, bool hub)
{
	const struct wm_end ends[] = {
		{ .overlay = NAS, .local = NAS_LAN, .access = WM_ACCESS_FULL, .name = "nas" },
		{ .overlay = CAM, .local = CAM_LAN, .access = WM_ACCESS_ISOLATED, .name = "cam" },
		{ .overlay = BOUND, .local = BOUND_LAN, .access = WM_ACCESS_FULL, .name = "bound",
		  .has_mac = true, .mac = { { 2, 0, 0, 0, 0, 0x12 } } },
		{ .overlay = FAX, .local = FAX_LAN, .access = WM_ACCESS_FULL, .name = "fax", .lan = 1 },
		{ .overlay = LAPTOP, .kind = WM_END_DEVICE, .access = WM_ACCESS_FULL, .name = "laptop" },
		{ .overlay = SENSOR, .kind = WM_END_DEVICE, .access = WM_ACCESS_ISOLATED, .name = "sensor" },
	};

	*rig = (struct rig){ .lan = { -1, -1 } };
	rig->inst = (struct wm_instance){ .ifname = "wg0", .nft_table = "wm_test", .fwmark = 0x574d0000,
					  .fastpath = true };
	rig->plan = (struct wm_plan){ .supernet = { IP(172, 30, 0, 0), 16 }, .subnet = { IP(172, 30, 2, 0), 24 },
				      .gateway = G, .hub = hub, .mtu = 1420, .nlans = nlans, .ends = rig->ends };
	sysctl("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	sysctl("/proc/sys/net/ipv4/ip_forward", "1");
	sysctl("/proc/sys/net/ipv4/conf/all/send_redirects", "0");
	open_wg(rig);
	for (unsigned int i = 0; i < nlans; i++)
		open_lan(rig, i);
	for (size_t i = 0; i < WM_ARRAY_LEN(ends); i++) {
		if (ends[i].kind == WM_END_DEVICE ? hub : ends[i].lan < nlans)
			rig_end(rig, ends[i]);
	}
}

void rig_close(struct rig *rig)
{
	struct wm_error err = { 0 };

	if (wm_dataplane_nft.remove(&rig->inst, &err))
		fail_msg("remove: %s", err.text);
	wm_counters_free(&rig->before);
	must("ip rule del prio 22000");
	must("ip rule del prio 22001");
	close(rig->tun);
	for (unsigned int i = 0; i < rig->plan.nlans; i++) {
		close(rig->lan[i]);
		mustf("ip link del lan%u", i);
	}
	must("ip route del unreachable 172.30.0.0/16 metric 4278198272");
}

void rig_end(struct rig *rig, struct wm_end end)
{
	size_t i = rig->plan.nends++;

	assert_true(i < WM_ARRAY_LEN(rig->ends));
	for (; i > 0 && rig->ends[i - 1].overlay > end.overlay; i--)
		rig->ends[i] = rig->ends[i - 1];
	rig->ends[i] = end;
}

int rig_apply(struct rig *rig)
{
	struct wm_error err = { 0 };
	int rc = wm_dataplane_nft.apply(&rig->inst, &rig->plan, if_nametoindex("wg0"), &err);

	if (rc < 0)
		fail_msg("apply: %s", err.text);
	return rc;
}

/* --- sending and receiving ------------------------------------------------------------ */

void send_wg(struct rig *rig, const struct packet *p)
{
	uint8_t buf[sizeof(struct virtio_net_hdr) + sizeof(p->byte)];
	struct packet copy = *p;
	struct virtio_net_hdr h = { 0 };

	if (p->partial) {
		h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		h.csum_start = (uint16_t)header_len(p);
		h.csum_offset = (uint16_t)sum_offset(p);
		leave_unfinished(&copy);
	}
	if (p->gso_size) {
		h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
		h.gso_size = p->gso_size;
		h.hdr_len = 40;
	}
	memcpy(buf, &h, sizeof(h));
	memcpy(buf + sizeof(h), copy.byte, p->len);
	assert_int_equal(write(rig->tun, buf, sizeof(h) + p->len), sizeof(h) + p->len);
}

void send_frame(struct rig *rig, unsigned int lan, const uint8_t dst[6], uint8_t mac, const struct packet *p)
{
	struct ether_header eth = { .ether_shost = { 2, 0, 0, 0, 0, mac }, .ether_type = htons(ETHERTYPE_IP) };
	uint8_t buf[sizeof(eth) + sizeof(p->byte)];

	memcpy(eth.ether_dhost, dst, 6);
	memcpy(buf, &eth, sizeof(eth));
	memcpy(buf + sizeof(eth), p->byte, p->len);
	assert_int_equal(write(rig->lan[lan], buf, sizeof(eth) + p->len), sizeof(eth) + p->len);
}

void send_lan(struct rig *rig, unsigned int lan, uint8_t mac, const struct packet *p)
{
	send_frame(rig, lan, rig->gw_mac[lan], mac, p);
}

void say(wm_ip4 from, wm_ip4 to)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(from) };
	struct sockaddr_in b = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(to), .sin_port = htons(7777) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (from)
		assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	(void)!sendto(fd, "hello", 5, 0, (struct sockaddr *)&b, sizeof(b));
	close(fd);
}

/* Reads one thing behind `skip` bytes of header; false when there is none within ms. */
static bool receive(int fd, int ms, void *header, size_t skip, struct packet *ret)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint8_t buf[70000];
	ssize_t n;

	while (poll(&p, 1, ms) > 0) {
		n = read(fd, buf, sizeof(buf));
		if (n < (ssize_t)(skip + 20) || buf[skip] >> 4 != 4)
			continue;
		*ret = (struct packet){ .len = (size_t)n - skip };
		assert_true(ret->len <= sizeof(ret->byte));
		memcpy(header, buf, skip);
		memcpy(ret->byte, buf + skip, ret->len);
		/* Ethernet pads short frames. */
		ret->len = WM_MIN(ret->len, (size_t)ret->byte[2] << 8 | ret->byte[3]);
		return true;
	}
	return false;
}

bool recv_wg(struct rig *rig, struct packet *ret)
{
	struct virtio_net_hdr h;

	return receive(rig->tun, WAIT_MS, &h, sizeof(h), ret);
}

bool recv_lan(struct rig *rig, unsigned int lan, struct packet *ret, struct ether_header *ret_eth)
{
	struct ether_header eth;

	return receive(rig->lan[lan], WAIT_MS, ret_eth ? ret_eth : &eth, sizeof(eth), ret);
}

void assert_silence(struct rig *rig)
{
	uint8_t header[14];
	struct packet p;

	assert_false(receive(rig->tun, 0, header, sizeof(struct virtio_net_hdr), &p));
	for (unsigned int i = 0; i < rig->plan.nlans; i++)
		assert_false(receive(rig->lan[i], 0, header, sizeof(header), &p));
}

void assert_translated(const struct packet *got, const struct packet *sent, wm_ip4 src, wm_ip4 dst)
{
	size_t ihl = (sent->byte[0] & 15) * 4u;

	assert_int_equal(got->len, sent->len);
	assert_int_equal(src_of(got), src);
	assert_int_equal(dst_of(got), dst);
	assert_int_equal(got->byte[8], sent->byte[8] - 1);
	assert_memory_equal(got->byte, sent->byte, 8);
	assert_memory_equal(got->byte + 20, sent->byte + 20, ihl - 20);
	assert_true(sums_right(got));
}

/* --- counters ------------------------------------------------------------------------- */

static struct wm_counters counters(struct rig *rig)
{
	struct wm_counters c = { 0 };
	struct wm_error err = { 0 };

	if (wm_dataplane_nft.read(&rig->inst, &c, &err))
		fail_msg("read: %s", err.text);
	return c;
}

void rig_mark(struct rig *rig)
{
	wm_counters_free(&rig->before);
	rig->before = counters(rig);
}

void rig_counted(struct rig *rig, enum wm_reason reason, uint64_t packets)
{
	struct wm_counters now = counters(rig);

	for (int i = 0; i < WAIT_MS / 5 && now.reason[reason].packets < rig->before.reason[reason].packets + packets; i++) {
		poll(NULL, 0, 5);
		wm_counters_free(&now);
		now = counters(rig);
	}
	for (unsigned int i = 0; i < WM_REASON_COUNT; i++) {
		uint64_t n = now.reason[i].packets - rig->before.reason[i].packets, want = i == reason ? packets : 0;

		if (n != want)
			fail_msg("%s counted %llu packets, not %llu", wm_reason_name(i), (unsigned long long)n,
				 (unsigned long long)want);
	}
	wm_counters_free(&now);
}

static struct wm_end_counters end_in(const struct wm_counters *c, wm_ip4 overlay)
{
	for (size_t i = 0; i < c->nends; i++) {
		if (c->ends[i].overlay == overlay)
			return c->ends[i];
	}
	return (struct wm_end_counters){ .overlay = overlay };
}

struct wm_end_counters rig_end_counters(struct rig *rig, wm_ip4 overlay)
{
	struct wm_counters now = counters(rig);
	struct wm_end_counters a = end_in(&rig->before, overlay), b = end_in(&now, overlay);

	wm_counters_free(&now);
	b.to.packets -= a.to.packets;
	b.to.bytes -= a.to.bytes;
	b.from.packets -= a.from.packets;
	b.from.bytes -= a.from.bytes;
	b.drops -= a.drops;
	return b;
}
