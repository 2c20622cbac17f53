/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "cli/socket.h"
#include "core/key.h"
#include "core/util.h"

#define AT_ONCE 256
#define WAIT_MS 1000
#define SMALL 56          /* bytes behind the ICMP header, as ping sends */
#define HEADERS 28        /* IP and ICMP */
#define PACKET_MAX 9000
#define TCP_PORT 22       /* whatever is there: any answer will do */

static struct sockaddr_in address_of(wm_ip4 addr, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(addr), .sin_port = htons(port)};
}

/* --- ICMP --------------------------------------------------------------------------- */

#define ECHO 8
#define ECHO_REPLY 0
struct icmp_echo { /* RFC 792, in network byte order */
	uint8_t type, code;
	uint16_t checksum, id, sequence;
};

struct pinger {
	int fd;
	bool raw; /* we see all ICMP of this machine, with its IP header */
	uint16_t id;
};

static bool pinger_open(struct pinger *p)
{
	p->raw = false;
	p->fd = open_socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	if (p->fd < 0) {
		p->raw = true;
		p->fd = open_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	}
	wm_random(&p->id, sizeof(p->id)); /* the kernel's own, unless raw */
	return p->fd >= 0;
}

static uint16_t checksum(const void *data, size_t len)
{
	const uint8_t *b = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += (uint32_t)b[i] << (i & 1 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void pinger_send(const struct pinger *p, struct echo *e, uint16_t seq)
{
	static uint8_t packet[PACKET_MAX];
	size_t len = e->size ? e->size - HEADERS + sizeof(struct icmp_echo) : SMALL + sizeof(struct icmp_echo);
	struct icmp_echo head = {.type = ECHO, .id = p->id, .sequence = htons(seq)};
	struct sockaddr_in to = address_of(e->addr, 0);

	memcpy(packet, &head, sizeof(head));
	head.checksum = checksum(packet, len);
	memcpy(packet, &head, sizeof(head));
#ifdef IP_MTU_DISCOVER
	/* DO: no larger than what is known of the path. */
	int pmtu = e->size ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT;
	setsockopt(p->fd, IPPROTO_IP, IP_MTU_DISCOVER, &pmtu, sizeof(pmtu));
#endif
	e->error = sendto(p->fd, packet, len, 0, (struct sockaddr *)&to, sizeof(to)) < 0 ? errno : 0;
}

static void pinger_hear(const struct pinger *p, struct echo *echo, size_t n)
{
	static uint8_t packet[PACKET_MAX + 64];
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	ssize_t len;

	while ((len = recvfrom(p->fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &from_len)) >= 0) {
		/* With its IP header if raw, and elsewhere than on Linux always; then it may be another program's. */
		bool whole = p->raw || (len > 0 && packet[0] >> 4 == 4);
		size_t skip = whole && len > 0 ? (packet[0] & 15u) * 4 : 0;
		struct icmp_echo head;
		uint16_t seq;

		from_len = sizeof(from);
		if ((size_t)len < skip + sizeof(head))
			continue;
		memcpy(&head, packet + skip, sizeof(head));
		seq = ntohs(head.sequence);
		if (head.type == ECHO_REPLY && seq < n && (!whole || head.id == p->id) &&
		    ntohl(from.sin_addr.s_addr) == echo[seq].addr)
			echo[seq].answered = true;
	}
}

static bool all_answered(const struct echo *echo, size_t n)
{
	while (n && (echo[n - 1].answered || echo[n - 1].error))
		n--;
	return !n;
}

static void ping_some(const struct pinger *p, struct echo *echo, size_t n)
{
	for (int round = 0; round < 2 && !all_answered(echo, n); round++) {
		uint64_t until = wm_monotonic_ms() + WAIT_MS;

		for (size_t i = 0; i < n; i++) {
			if (!echo[i].answered)
				pinger_send(p, &echo[i], (uint16_t)i);
		}
		for (uint64_t now = wm_monotonic_ms(); now < until && !all_answered(echo, n); now = wm_monotonic_ms()) {
			struct pollfd fd = {.fd = p->fd, .events = POLLIN};

			poll(&fd, 1, (int)(until - now));
			pinger_hear(p, echo, n);
		}
	}
}

/* --- sockets that are connected to many ----------------------------------------------- */

/* What a socket says within the time: 0 connected or data, errno, or ETIMEDOUT. */
static void wait_for(struct pollfd *fd, int *ret, size_t n)
{
	uint64_t until = wm_monotonic_ms() + WAIT_MS;
	size_t left = 0;

	for (size_t i = 0; i < n; i++)
		left += ret[i] == ETIMEDOUT;
	for (uint64_t now = wm_monotonic_ms(); left && now < until; now = wm_monotonic_ms()) {
		if (poll(fd, n, (int)(until - now)) <= 0)
			continue;
		for (size_t i = 0; i < n; i++) {
			socklen_t len = sizeof(*ret);

			if (fd[i].fd < 0 || ret[i] != ETIMEDOUT || !fd[i].revents)
				continue;
			getsockopt(fd[i].fd, SOL_SOCKET, SO_ERROR, &ret[i], &len);
			left--;
			fd[i].events = 0;
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (fd[i].fd >= 0)
			close(fd[i].fd);
	}
}

static void tcp_some(struct echo *echo, size_t n)
{
	struct pollfd fd[AT_ONCE];
	int result[AT_ONCE];

	for (size_t i = 0; i < n; i++) {
		struct sockaddr_in to = address_of(echo[i].addr, TCP_PORT);

		fd[i] = (struct pollfd){.events = POLLOUT};
		fd[i].fd = open_socket(AF_INET, SOCK_STREAM, 0);
		result[i] = ETIMEDOUT;
		if (fd[i].fd < 0 || (connect(fd[i].fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS))
			result[i] = errno;
	}
	wait_for(fd, result, n);
	for (size_t i = 0; i < n; i++) {
		echo[i].answered = !result[i] || result[i] == ECONNREFUSED;
		echo[i].error = echo[i].answered || result[i] == ETIMEDOUT ? 0 : result[i];
	}
}

enum probe_how probe_echo(struct echo *echo, size_t n)
{
	struct pinger p;
	bool icmp = pinger_open(&p);

	for (size_t i = 0; i < n; i += AT_ONCE) {
		size_t part = WM_MIN(n - i, AT_ONCE);

		if (icmp)
			ping_some(&p, echo + i, part);
		else
			tcp_some(echo + i, part);
	}
	if (icmp)
		close(p.fd);
	return icmp ? PROBE_ICMP : PROBE_TCP;
}

void probe_knock(struct knock *knock, size_t n)
{
	struct pollfd fd[AT_ONCE];
	int result[AT_ONCE];

	for (size_t i = 0; i < n; i += AT_ONCE) {
		size_t part = WM_MIN(n - i, AT_ONCE);

		for (size_t k = 0; k < part; k++) {
			const struct wm_endpoint *ep = &knock[i + k].to;
			struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(ep->port)};
			struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons(ep->port)};
			bool six = ep->family == 6;

			memcpy(&to6.sin6_addr, ep->addr, sizeof(to6.sin6_addr));
			memcpy(&to4.sin_addr, ep->addr, sizeof(to4.sin_addr));
			fd[k] = (struct pollfd){.events = POLLIN};
			fd[k].fd = open_socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
			result[k] = ETIMEDOUT; /* as it should be: WireGuard is silent */
			if (fd[k].fd < 0 || connect(fd[k].fd, six ? (void *)&to6 : (void *)&to4, six ? sizeof(to6) : sizeof(to4)) ||
			    send(fd[k].fd, "", 1, 0) < 0)
				result[k] = errno;
		}
		wait_for(fd, result, part);
		for (size_t k = 0; k < part; k++)
			knock[i + k].refused = result[k] == ECONNREFUSED;
	}
}
