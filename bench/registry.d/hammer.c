/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * As many requests as are answered.
 *
 *   HAMMER_TOKEN=... hammer PORT CONNECTIONS SECONDS METHOD PATH [BODY]
 *
 * Keeps CONNECTIONS to 127.0.0.1:PORT busy, one request at a time on each.
 * In PATH and BODY, {n} stands for a number of its own for each request, {ip}
 * for an address in 100.64/10 made of it. Prints, tab-separated: requests, requests
 * that were not answered with 2xx, seconds, and the median and 99th percentile
 * of the time that one took, in microseconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/util.h"

#define ANSWER_MAX (256 * 1024)
#define TIMES_MAX (8 << 20)

struct client {
	int fd;
	uint64_t since_us;
	size_t got;
	char answer[ANSWER_MAX + 1];
};

static struct hammer {
	const char *method, *path, *body, *token;
	uint64_t n, requests, refused, end_us;
	uint32_t *times;
	int epoll;
} hammer;

static void fail(const char *what)
{
	fprintf(stderr, "hammer: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void expand(const char *text, uint64_t n, char *ret, size_t size)
{
	size_t len = 0;

	while (*text && len + 32 < size) {
		if (!strncmp(text, "{n}", 3)) {
			len += (size_t)snprintf(ret + len, size - len, "%llu", (unsigned long long)n);
			text += 3;
		} else if (!strncmp(text, "{ip}", 4)) {
			len += (size_t)snprintf(ret + len, size - len, "100.%u.%u.%u", (unsigned int)(n / 62500 % 63 + 64),
						(unsigned int)(n / 250 % 250 + 1), (unsigned int)(n % 250 + 1));
			text += 4;
		} else {
			ret[len++] = *text++;
		}
	}
	ret[len] = '\0';
}

static void ask(struct client *c)
{
	char path[1024], body[4096], text[8192];
	int len;

	expand(hammer.path, hammer.n, path, sizeof(path));
	expand(hammer.body, hammer.n, body, sizeof(body));
	hammer.n++;
	len = snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %zu\r\n\r\n%s",
		       hammer.method, path, hammer.token, strlen(body), body);
	c->got = 0;
	c->since_us = now_us();
	if (send(c->fd, text, (size_t)len, MSG_NOSIGNAL) != len)
		fail("send");
}

/* By its length, or to the last of its chunks. */
static bool is_whole(const struct client *c)
{
	const char *body = strstr(c->answer, "\r\n\r\n"), *length = strcasestr(c->answer, "\r\nContent-Length:");

	if (!body)
		return false;
	if (length && length < body)
		return c->got >= (size_t)(body + 4 - c->answer) + strtoul(length + 17, NULL, 10);
	if (!strncmp(c->answer, "HTTP/1.1 204", 12))
		return true;
	return c->got > 7 && !strcmp(c->answer + c->got - 7, "\r\n0\r\n\r\n");
}

static bool take(struct client *c)
{
	ssize_t n = read(c->fd, c->answer + c->got, ANSWER_MAX - c->got);
	uint64_t now;

	if (n <= 0)
		fail("the server has ended a connection");
	c->got += (size_t)n;
	c->answer[c->got] = '\0';
	if (!is_whole(c))
		return true;
	now = now_us();
	if (hammer.requests < TIMES_MAX)
		hammer.times[hammer.requests] = (uint32_t)(now - c->since_us);
	hammer.requests++;
	hammer.refused += c->answer[9] != '2';
	if (now >= hammer.end_us)
		return false;
	ask(c);
	return true;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void connect_client(struct client *c, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)))
		fail("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (epoll_ctl(hammer.epoll, EPOLL_CTL_ADD, c->fd, &event))
		fail("epoll_ctl");
}

static void run(struct client *clients, size_t n, uint64_t seconds)
{
	struct epoll_event events[256];
	uint64_t begin = now_us();
	size_t busy = n, kept;

	hammer.end_us = begin + seconds * 1000000;
	for (size_t i = 0; i < n; i++)
		ask(&clients[i]);
	while (busy) {
		int ready = epoll_wait(hammer.epoll, events, WM_ARRAY_LEN(events), 10000);

		if (ready <= 0)
			fail("no answer for ten seconds");
		for (int i = 0; i < ready; i++)
			busy -= !take(events[i].data.ptr);
	}
	seconds = now_us() - begin;
	kept = WM_MIN(hammer.requests, (uint64_t)TIMES_MAX);
	qsort(hammer.times, kept, sizeof(*hammer.times), by_size);
	printf("%llu\t%llu\t%.3f\t%u\t%u\n", (unsigned long long)hammer.requests, (unsigned long long)hammer.refused,
	       (double)seconds / 1e6, hammer.times[kept / 2], hammer.times[kept * 99 / 100]);
}

int main(int argc, char **argv)
{
	size_t n = argc > 5 ? strtoul(argv[2], NULL, 10) : 0;
	struct client *clients = n ? calloc(n, sizeof(*clients)) : NULL;

	hammer.token = getenv("HAMMER_TOKEN");
	hammer.times = malloc(TIMES_MAX * sizeof(*hammer.times));
	hammer.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!clients || !hammer.token || !hammer.times)
		return 2;
	hammer.method = argv[4];
	hammer.path = argv[5];
	hammer.body = argc > 6 ? argv[6] : "";
	for (size_t i = 0; i < n; i++)
		connect_client(&clients[i], (uint16_t)strtoul(argv[1], NULL, 10));
	run(clients, n, strtoul(argv[3], NULL, 10));
	free(hammer.times);
	free(clients);
	return 0;
}
