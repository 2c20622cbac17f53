/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "packets/rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/util.h"
#include "packets/frame.h"
#include "packets/net.h"

#define RECEIVE_BUFFER (8 << 20)

/* A file descriptor out of which packets come. */
struct mouth {
	int fd;
	enum place at;
};

static struct mouth mouths[24];
static unsigned int nmouths;
static int send_fd[PLACES]; /* where packets go in; of LOCAL a socket for whole IP packets */
static uint32_t ifindex[PLACES];
static struct wm_nl *nl;

static const struct lan {
	enum place at;
	const char *name, *far;
	wm_ip4 addr;
	uint32_t mtu;
} lans[] = {
	{ LAN0, "lan0", "far0", GW0, LAN_MTU },
	{ LAN1, "lan1", "far1", GW1, LAN1_MTU },
	{ LAN2, "lan2", "far2", GW2, LAN_MTU },
	{ BOX, "box0", "far3", BOX_GW, LAN_MTU },
};

static const struct {
	enum place at;
	wm_ip4 addr;
} machines[] = {
	{ LAN0, ANN_L },   { LAN0, BOB_L },	 { LAN0, BOUND_L },  { LAN0, MOVER_L }, { LAN0, EDGE_L },
	{ LAN0, ISO_L },   { LAN0, ISO2_L },	 { LAN0, MARK0_L },  { LAN0, ROUTER_L }, { LAN0, STRANGER_L },
	{ LAN0, ONLYX_L }, { LAN1, CARL_L },	 { LAN1, ISO1_L },   { LAN1, MARK1_L }, { LAN2, TWIN_L },
	{ LAN2, MARK2_L }, { BOX, BOX_L },
};

/* --- looking ----------------------------------------------------------------------- */

uint32_t rig_ifindex(enum place at)
{
	return ifindex[at];
}

/* --- making it --------------------------------------------------------------------- */

static int fail(const char *what)
{
	int rc = -errno;

	printf("# %s: %s\n", what, strerror(errno));
	return rc;
}

static int add_mouth(int fd, enum place at)
{
	int size = RECEIVE_BUFFER;

	if (fd < 0)
		return fail("cannot open a socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)); /* not for a TUN */
	mouths[nmouths++] = (struct mouth){ fd, at };
	return 0;
}

/* Of the whole machine, for all interfaces to come. */
static int set_sysctls(void)
{
	static const struct {
		const char *path, *value;
	} table[] = {
		{ "ipv6/conf/all/disable_ipv6", "1" },
		{ "ipv6/conf/default/disable_ipv6", "1" },
		/* no rate limit on the stack's errors: each row expects its own */
		{ "ipv4/icmp_ratemask", "0" },
		/* as systemd sets it: the stack looks up the way back to every source */
		{ "ipv4/conf/all/rp_filter", "0" },
		{ "ipv4/conf/default/rp_filter", "2" },
	};
	int rc = 0;

	for (size_t n = 0; n < WM_ARRAY_LEN(table) && rc == 0; n++)
		rc = net_sysctl(table[n].path, table[n].value);
	return rc;
}

static int make_lan(const struct lan *lan, int far_fd)
{
	uint8_t mac[6];

	rig_gateway_mac(lan->at, mac);
	int rc = net_veth(nl, lan->name, mac, lan->far, far_fd);
	if (rc == 0)
		rc = net_no_offload(lan->name);
	if (rc == 0)
		rc = net_up(lan->name, lan->mtu);
	if (rc == 0)
		rc = net_address(nl, lan->name, lan->addr, 24);
	ifindex[lan->at] = if_nametoindex(lan->name);
	return rc;
}

static int make_tun(enum place at, const char *name)
{
	int fd = net_tun(name);

	if (fd < 0)
		return fd;
	send_fd[at] = fd;
	ifindex[at] = if_nametoindex(name);
	return add_mouth(fd, at);
}

static int packet_socket(int type, const char *name, uint16_t protocol)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(protocol),
				  .sll_ifindex = (int)if_nametoindex(name) };
	WM_AUTO_CLOSE int fd = socket(AF_PACKET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -1;
	return wm_steal_fd(&fd);
}

/* In the far namespace. */
static int open_far(const struct lan *lan)
{
	int one = 1, rc = net_up(lan->far, LAN_MTU);

	if (rc < 0)
		return rc;
	int fd = packet_socket(SOCK_RAW, lan->far, ETH_P_ALL);
	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) < 0)
		return fail(lan->far);
	send_fd[lan->at] = fd;
	return add_mouth(fd, lan->at);
}

/* A packet socket for one protocol sees what is left when the filters have had their say. */
static int open_taps(void)
{
	static const uint16_t protocols[] = { ETH_P_IP, ETH_P_ARP, ETH_P_IPV6, ETH_P_LLDP, ETH_P_802_2, ETH_P_8021Q };
	int rc = 0;

	for (size_t n = 0; n < WM_ARRAY_LEN(protocols) && rc == 0; n++)
		rc = add_mouth(packet_socket(SOCK_DGRAM, "lan0", protocols[n]), TAP);
	return rc;
}

/* The gateway's own sockets: raw ones see all that is delivered; bound ones
 * keep the stack from answering that nobody listens. */
static int open_local(void)
{
	static const int protocols[] = { IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP };
	static const uint16_t ports[] = { 53, 9 };
	const struct ip_mreqn groups_by = { .imr_ifindex = (int)ifindex[WG] }; /* to nobody's good: they end there */
	int rc = 0;

	for (size_t n = 0; n < WM_ARRAY_LEN(protocols) && rc == 0; n++)
		rc = add_mouth(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocols[n]), LOCAL);
	for (size_t n = 0; n < WM_ARRAY_LEN(ports) && rc == 0; n++) {
		struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(ports[n]) };
		int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0)
			rc = fail("cannot bind a UDP socket");
	}
	send_fd[LOCAL] = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (rc == 0 && setsockopt(send_fd[LOCAL], IPPROTO_IP, IP_MULTICAST_IF, &groups_by, sizeof(groups_by)) < 0)
		rc = fail("raw socket");
	return rc;
}

static int own_namespaces(int *ret_far)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		return fail("cannot make namespaces");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("bpf", RIG_BPFFS, "bpf", 0, NULL) < 0)
		return fail("cannot mount a bpffs of our own");
	*ret_far = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int rc = *ret_far < 0 ? fail("/proc/self/ns/net") : set_sysctls();
	if (rc == 0 && unshare(CLONE_NEWNET) < 0)
		rc = fail("cannot make a namespace");
	return rc < 0 ? rc : set_sysctls();
}

static int make_gateway(int far_fd)
{
	int rc = wm_nl_open(NETLINK_ROUTE, &nl, NULL);

	if (rc == 0)
		rc = net_up("lo", 0);
	if (rc == 0)
		rc = make_tun(WG, RIG_WG);
	if (rc == 0)
		rc = make_tun(WG2, RIG_WG2);
	for (size_t n = 0; n < WM_ARRAY_LEN(lans) && rc == 0; n++)
		rc = make_lan(&lans[n], far_fd);
	for (size_t n = 0; n < WM_ARRAY_LEN(machines) && rc == 0; n++) {
		uint8_t mac[6];

		rig_host_mac(machines[n].at, machines[n].addr, mac);
		rc = net_neighbour(nl, ifindex[machines[n].at], machines[n].addr, mac);
	}
	/* It would stop a container's packet, which our filter must stop by itself. */
	if (rc == 0)
		rc = net_sysctl("ipv4/conf/box0/rp_filter", "0");
	if (rc == 0)
		rc = net_sysctl("ipv4/conf/box0/accept_local", "1");
	if (rc == 0)
		rc = open_local();
	return rc < 0 ? rc : open_taps();
}

static int stay_on_one_processor(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	return sched_setaffinity(0, sizeof(one), &one) < 0 ? fail("cannot stay on one processor") : 0;
}

int rig_open(void)
{
	WM_AUTO_CLOSE int far_fd = -1;

	int rc = stay_on_one_processor();
	if (rc == 0)
		rc = own_namespaces(&far_fd);
	if (rc < 0)
		return rc;
	WM_AUTO_CLOSE int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	rc = make_gateway(far_fd);
	if (rc == 0 && setns(far_fd, CLONE_NEWNET) < 0)
		rc = fail("setns");
	for (size_t n = 0; n < WM_ARRAY_LEN(lans) && rc == 0; n++)
		rc = open_far(&lans[n]);
	if (setns(here, CLONE_NEWNET) < 0)
		rc = fail("setns");
	return rc;
}

int rig_wg_down(enum place at)
{
	return net_down(at == WG ? RIG_WG : RIG_WG2);
}

/* --- sending ----------------------------------------------------------------------- */

static int set_discovery(int how)
{
	return setsockopt(send_fd[LOCAL], IPPROTO_IP, IP_MTU_DISCOVER, &how, sizeof(how));
}

int rig_send(enum place at, const struct pkt *p, unsigned int row)
{
	static uint8_t data[BYTES_MAX];
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(p->dst) };
	uint8_t eth[FRAME_HEADER_MAX];
	size_t neth = rig_is_lan(at) ? build_frame_header(at, p, eth) : 0;
	struct virtio_net_hdr vnet = build_vnet(p, neth);
	struct iovec iov[] = { { &vnet, sizeof(vnet) }, { eth, neth }, { data, build_packet(p, row, data) } };
	ssize_t n;

	if (at == LOCAL && p->probing && set_discovery(IP_PMTUDISC_PROBE) < 0)
		return -errno;
	if (at == LOCAL)
		n = sendto(send_fd[at], data, iov[2].iov_len, 0, (struct sockaddr *)&to, sizeof(to));
	else
		n = writev(send_fd[at], iov, WM_ARRAY_LEN(iov));
	int rc = n < 0 ? -errno : 0;
	if (at == LOCAL && p->probing && set_discovery(IP_PMTUDISC_WANT) < 0)
		return -errno;
	return rc;
}

/* --- waiting ----------------------------------------------------------------------- */

#define SETTLE_MS 1000
#define BACKLOG_AT 11 /* among the numbers in a processor's line */
#define CPU_AT 12

/* Packets in the queue of one processor, in the text of softnet_stat (since 5.10); none in what older ones say. */
static unsigned long backlog_of(const char *text, unsigned long cpu)
{
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		unsigned long number[CPU_AT + 1] = { 0 };
		int n = 0;

		line += *line == '\n';
		for (char *end; n <= CPU_AT; n++, line = end) {
			number[n] = strtoul(line, &end, 16);
			if (end == line || *line == '\n')
				break;
		}
		if (n > CPU_AT && number[CPU_AT] == cpu)
			return number[BACKLOG_AT];
	}
	return 0;
}

int rig_settle(void)
{
	static int fd = -1;
	static char text[64 * 1024];
	uint64_t end = wm_monotonic_ms() + SETTLE_MS;

	if (fd < 0)
		fd = open("/proc/net/softnet_stat", O_RDONLY | O_CLOEXEC);
	while (fd >= 0) {
		ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

		if (n < 0)
			return -errno;
		text[n] = '\0';
		if (!backlog_of(text, (unsigned long)sched_getcpu()))
			return 0;
		if (wm_monotonic_ms() > end)
			return -ETIMEDOUT;
		sched_yield();
	}
	return -errno;
}

/* --- receiving --------------------------------------------------------------------- */

/* Takes one packet out of a mouth: 1, 0 none left, -errno. */
static int take(const struct mouth *m, struct seen_list *list)
{
	static uint8_t buf[BYTES_MAX + 64];
	struct sockaddr_ll from;
	socklen_t nfrom = sizeof(from);
	bool tun = m->at == WG || m->at == WG2, frame = rig_is_lan(m->at);
	size_t skip = (tun || frame ? sizeof(struct virtio_net_hdr) : 0) + (frame ? ETH_LEN : 0);
	ssize_t n = tun ? read(m->fd, buf, sizeof(buf)) :
			  recvfrom(m->fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &nfrom);

	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if ((size_t)n < skip)
		return -EPROTO;
	struct seen *s = seen_add(list);
	const struct virtio_net_hdr *vnet = (const struct virtio_net_hdr *)buf;

	s->at = m->at;
	s->unfinished = (tun || frame) && (vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM || vnet->gso_type);
	if (frame)
		memcpy(s->eth, buf + skip - ETH_LEN, ETH_LEN);
	s->ip = frame ? get16(s->eth + 12) == ETH_P_IP : m->at != TAP || from.sll_protocol == htons(ETH_P_IP);
	s->len = (size_t)n - skip;
	s->data = malloc(s->len + 1);
	if (!s->data)
		return -ENOMEM;
	memcpy(s->data, buf + skip, s->len);
	return 1;
}

int rig_receive(struct seen_list *list, int timeout_ms)
{
	struct pollfd fds[WM_ARRAY_LEN(mouths)];
	int rc = 1;

	for (unsigned int n = 0; n < nmouths; n++)
		fds[n] = (struct pollfd){ .fd = mouths[n].fd, .events = POLLIN };
	if (poll(fds, nmouths, timeout_ms) < 0)
		return -errno;
	for (unsigned int n = 0; n < nmouths && rc >= 0; n++)
		while (fds[n].revents & POLLIN && (rc = take(&mouths[n], list)) > 0)
			;
	return rc < 0 ? rc : 0;
}
