/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How long a change takes to whom it concerns.
 *
 *   SPREAD_ADMIN=token spread ADDRESS PORT ROUNDS INSTANCE GENERATION PATH BODY BODY [LOG ...] <tokens of simulated gateways
 *
 * Each LOG is a FIFO that a real wm-gateway writes its log into; it has a change when it says "generation N in force". A
 * simulated one waits for changes as wm-fetch does, with its own token on its own connection, and has one when the whole
 * answer is there. In each round PATH is PATCHed, with one BODY and the other by turns, once all wait; the clock starts before the
 * request is sent. Prints a line for each gateway and round: "real" or "simulated", and microseconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/util.h"

#define TEXT_MAX 16384
#define CLIENTS_MAX 20000
#define ROUND_MS 30000
#define CALM_MS 1200 /* until all have asked again, and no gateway takes it for one of many in a row */

struct client {
	bool real;
	int fd;
	char *token;
	uint64_t generation, at_us; /* the newest that it has, and since when */
	size_t got;
	char text[TEXT_MAX + 1];
};

static struct spread {
	struct sockaddr_in registry;
	const char *instance, *admin;
	struct client *clients;
	size_t n, waiting;
	uint64_t generation;
	int epoll;
} spread;

static void fail(const char *what)
{
	fprintf(stderr, "spread: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
	exit(1);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int dial(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&spread.registry, sizeof(spread.registry)))
		fail("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void ask(struct client *c)
{
	char text[1024];
	int len = snprintf(text, sizeof(text), "GET /v1/changes?instance=%s&after=%llu&wait=50 HTTP/1.1\r\nHost: x\r\n"
			   "Authorization: Bearer %s\r\n\r\n", spread.instance, (unsigned long long)c->generation, c->token);

	c->got = 0;
	if (send(c->fd, text, (size_t)len, MSG_NOSIGNAL) != len)
		fail("send");
}

static void has(struct client *c, uint64_t generation)
{
	if (generation <= c->generation)
		return;
	if (c->generation < spread.generation && generation >= spread.generation)
		spread.waiting--;
	c->generation = generation;
	c->at_us = now_us();
}

/* The last number behind the word. */
static uint64_t number_after(const char *text, const char *word)
{
	uint64_t n = 0;

	for (const char *at = text; (at = strstr(at, word)); )
		n = strtoull(at += strlen(word), NULL, 10);
	return n;
}

static void take_answer(struct client *c)
{
	bool nothing = !strncmp(c->text, "HTTP/1.1 204", 12) && strstr(c->text, "\r\n\r\n");

	if (!nothing && (!c->got || c->text[c->got - 1] != '\n' || !strstr(c->text, "{\"end\":{")))
		return;
	if (!nothing && strncmp(c->text, "HTTP/1.1 200", 12)) {
		fprintf(stderr, "spread: %.200s\n", c->text);
		exit(1);
	}
	has(c, nothing ? 0 : number_after(c->text, "\"generation\":"));
	ask(c);
}

/* Whole lines; what is behind the last one stays. */
static void take_log(struct client *c)
{
	char *end = memrchr(c->text, '\n', c->got);

	if (!end)
		return;
	*end = '\0';
	if (strstr(c->text, " in force"))
		has(c, number_after(c->text, "generation "));
	c->got -= (size_t)(end + 1 - c->text);
	memmove(c->text, end + 1, c->got + 1);
}

static void take(struct client *c)
{
	ssize_t n = read(c->fd, c->text + c->got, TEXT_MAX - c->got);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		fail(c->real ? "a gateway's log" : "the registry has ended a connection");
	c->got += (size_t)n;
	c->text[c->got] = '\0';
	if (c->real)
		take_log(c);
	else
		take_answer(c);
}

/* Until nobody waits any more, or for so long. */
static void listen_for(uint64_t ms, bool to_the_end)
{
	struct epoll_event events[256];
	uint64_t end = now_us() + ms * 1000, now;

	while ((to_the_end || spread.waiting) && (now = now_us()) < end) {
		int ready = epoll_wait(spread.epoll, events, WM_ARRAY_LEN(events), (int)((end - now + 999) / 1000));

		for (int i = 0; i < ready; i++)
			take(events[i].data.ptr);
	}
}

static void change(int fd, const char *path, const char *body)
{
	char text[4096];
	int len = snprintf(text, sizeof(text), "PATCH %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %zu\r\n\r\n%s",
			   path, spread.admin, strlen(body), body);

	if (send(fd, text, (size_t)len, MSG_NOSIGNAL) != len)
		fail("send");
}

/* The answer comes while others are told; it is looked at once they were. */
static void was_made(int fd)
{
	char text[4096];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	text[WM_MAX(n, 0)] = '\0';
	if (strncmp(text, "HTTP/1.1 200", 12)) {
		fprintf(stderr, "spread: the change was answered with: %.300s\n", text);
		exit(1);
	}
}

static void round_of(int fd, const char *path, const char *body)
{
	uint64_t begin;

	listen_for(CALM_MS, true);
	spread.waiting = spread.n;
	spread.generation++;
	begin = now_us();
	change(fd, path, body);
	listen_for(ROUND_MS, false);
	if (spread.waiting) {
		fprintf(stderr, "spread: %zu of %zu gateways have not heard of generation %llu within %d s\n", spread.waiting, spread.n,
			(unsigned long long)spread.generation, ROUND_MS / 1000);
		exit(1);
	}
	was_made(fd);
	for (size_t i = 0; i < spread.n; i++)
		printf("%s\t%llu\n", spread.clients[i].real ? "real" : "simulated", (unsigned long long)(spread.clients[i].at_us - begin));
}

static struct client *add(int fd)
{
	struct client *c = &spread.clients[spread.n++];
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

	*c = (struct client){ .fd = fd, .generation = spread.generation };
	if (fd < 0 || epoll_ctl(spread.epoll, EPOLL_CTL_ADD, fd, &event))
		fail("epoll_ctl");
	return c;
}

static void add_simulated(void)
{
	char line[256];

	while (fgets(line, sizeof(line), stdin) && spread.n < CLIENTS_MAX) {
		struct client *c = add(dial());

		line[strcspn(line, "\n")] = '\0';
		c->token = strdup(line);
		if (!c->token)
			fail("strdup");
		ask(c);
	}
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 8 ? strtoul(argv[3], NULL, 10) : 0;
	int fd;

	spread.admin = getenv("SPREAD_ADMIN");
	spread.clients = calloc(CLIENTS_MAX, sizeof(*spread.clients));
	spread.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!rounds || !spread.admin || !spread.clients || argc - 9 > CLIENTS_MAX)
		return 2;
	spread.registry = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10)) };
	if (inet_pton(AF_INET, argv[1], &spread.registry.sin_addr) != 1)
		return 2;
	spread.instance = argv[4];
	spread.generation = strtoull(argv[5], NULL, 10);
	for (int i = 9; i < argc; i++)
		add(open(argv[i], O_RDWR | O_NONBLOCK | O_CLOEXEC))->real = true;
	add_simulated();
	fd = dial();
	for (unsigned long i = 0; i < rounds; i++)
		round_of(fd, argv[6], argv[7 + i % 2]);
	return 0;
}
