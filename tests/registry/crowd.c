/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Many clients in one process.
 *
 *   crowd PORT N drip|whole SECONDS [FROM TO]   the text of a request on stdin
 *
 * Opens N connections to 127.0.0.1:PORT (or from one address to another) and sends the text on each: whole, or a byte now and then (drip:
 * each has one in about a second). Says on stdout, a line each:
 *
 *   open N               all are open, and have what is to be sent at once
 *   answered N F L       something came back on all; the first at F, the last at L (CLOCK_MONOTONIC, ms)
 *   closed N A           the server has ended all, A of them after something came back
 *
 * and ends with the last of these, or after SECONDS with exit code 1 and what had come so far.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/util.h"

#define TEXT_MAX 65536
#define ROUND_MS 1000

struct client {
	int fd; /* -1: ended */
	size_t sent;
	bool answered;
};

static struct crowd {
	struct client *clients;
	size_t n, answered, closed, closed_answered;
	char text[TEXT_MAX];
	size_t len;
	uint64_t first_ms, last_ms;
	int epoll;
} crowd;

static void fail(const char *what)
{
	fprintf(stderr, "crowd: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int connect_one(uint16_t port, char **route)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in own = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fail("socket");
	if (route && (inet_pton(AF_INET, route[0], &own.sin_addr) != 1 || bind(fd, (struct sockaddr *)&own, sizeof(own)) ||
		      inet_pton(AF_INET, route[1], &to.sin_addr) != 1))
		fail("bind");
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		fail("connect");
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void end_client(struct client *c)
{
	close(c->fd);
	c->fd = -1;
	crowd.closed++;
	crowd.closed_answered += c->answered;
}

static void send_some(struct client *c, size_t most)
{
	size_t len = WM_MIN(most, crowd.len - c->sent);
	ssize_t n = c->fd < 0 || !len ? 0 : send(c->fd, crowd.text + c->sent, len, MSG_NOSIGNAL);

	if (n > 0)
		c->sent += (size_t)n;
}

static void read_client(struct client *c)
{
	char buf[65536];
	ssize_t n = read(c->fd, buf, sizeof(buf));

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0 && !c->answered) {
		c->answered = true;
		crowd.last_ms = wm_monotonic_ms();
		if (!crowd.answered++)
			crowd.first_ms = crowd.last_ms;
		if (crowd.answered == crowd.n)
			printf("answered %zu %llu %llu\n", crowd.n, (unsigned long long)crowd.first_ms,
			       (unsigned long long)crowd.last_ms);
	}
	if (n <= 0)
		end_client(c);
}

static void wait_some(int ms)
{
	struct epoll_event events[256];
	int n = epoll_wait(crowd.epoll, events, WM_ARRAY_LEN(events), ms);

	for (int i = 0; i < n; i++)
		read_client(events[i].data.ptr);
}

static void open_all(uint16_t port, char **route, bool whole)
{
	for (size_t i = 0; i < crowd.n; i++) {
		struct client *c = &crowd.clients[i];
		struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = c };

		c->fd = connect_one(port, route);
		if (epoll_ctl(crowd.epoll, EPOLL_CTL_ADD, c->fd, &event))
			fail("epoll_ctl");
		send_some(c, whole ? TEXT_MAX : 1);
		if (i % 256 == 255)
			wait_some(0);
	}
	printf("open %zu\n", crowd.n);
}

/* In fifty steps a round, so that bytes come all the time. */
static void drip(void)
{
	static size_t next;
	size_t end = next + crowd.n / 50 + 1;

	for (; next < end; next++)
		send_some(&crowd.clients[next % crowd.n], 1);
	wait_some(ROUND_MS / 50);
}

static void raise_limit(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	bool whole = argc > 3 && !strcmp(argv[3], "whole");
	uint64_t end;

	if (argc < 5)
		return 2;
	raise_limit();
	setlinebuf(stdout);
	crowd.n = strtoul(argv[2], NULL, 10);
	crowd.clients = calloc(crowd.n, sizeof(*crowd.clients));
	crowd.len = fread(crowd.text, 1, sizeof(crowd.text), stdin);
	crowd.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!crowd.clients || crowd.epoll < 0)
		fail("start");
	end = wm_monotonic_ms() + strtoul(argv[4], NULL, 10) * 1000;
	open_all((uint16_t)strtoul(argv[1], NULL, 10), argc > 6 ? argv + 5 : NULL, whole);
	while (crowd.closed < crowd.n && wm_monotonic_ms() < end) {
		if (whole)
			wait_some(200);
		else
			drip();
	}
	printf("closed %zu %zu\n", crowd.closed, crowd.closed_answered);
	free(crowd.clients);
	return crowd.closed < crowd.n;
}
