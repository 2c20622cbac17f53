/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/http_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
char seen[SEEN_MAX][REQUEST_MAX];
int nseen;

void say_bytes(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n <= 0)
			return; /* the client has gone, which some tests want */
		at += n;
		len -= (size_t)n;
	}
}

void say(int fd, const char *text)
{
	say_bytes(fd, text, strlen(text));
}

bool hear(int fd)
{
	char buf[REQUEST_MAX];
	size_t len = 0, want = 0;

	for (;;) {
		const char *end, *length;
		ssize_t n = recv(fd, buf + len, sizeof(buf) - 1 - len, 0);

		if (n <= 0)
			return false;
		len += (size_t)n;
		buf[len] = '\0';
		end = strstr(buf, "\r\n\r\n");
		length = strstr(buf, "Content-Length: ");
		want = length ? strtoul(length + 16, NULL, 10) : 0;
		if (end && len >= (size_t)(end + 4 - buf) + want)
			break;
	}
	pthread_mutex_lock(&lock);
	if (nseen < SEEN_MAX)
		strcpy(seen[nseen], buf);
	nseen++;
	pthread_mutex_unlock(&lock);
	return true;
}

void until_client_closes(int fd)
{
	char c;

	while (recv(fd, &c, 1, 0) > 0)
		;
}

static void *connection_main(void *arg)
{
	struct connection *c = arg;

	c->serve(c->fd, c->n);
	close(c->fd);
	return NULL;
}

static void *server_main(void *arg)
{
	struct server *s = arg;
	int fd;

	while (s->n < CONNECTIONS_MAX && (fd = accept(s->listener, NULL, NULL)) >= 0) {
		struct connection *c = &s->connections[s->n];

		*c = (struct connection){.serve = s->serve, .fd = fd, .n = s->n};
		if (pthread_create(&c->thread, NULL, connection_main, c))
			break;
		s->n++;
	}
	return NULL;
}

void server_start(struct server *s, serve_fn serve)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sa);

	memset(s, 0, sizeof(*s));
	s->serve = serve;
	s->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(s->listener >= 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(listen(s->listener, 8), 0);
	assert_int_equal(getsockname(s->listener, (struct sockaddr *)&sa, &len), 0);
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u", ntohs(sa.sin_port));
	assert_int_equal(pthread_create(&s->thread, NULL, server_main, s), 0);
}

void server_stop(struct server *s)
{
	shutdown(s->listener, SHUT_RDWR); /* ends accept() */
	pthread_join(s->thread, NULL);
	close(s->listener);
	for (int i = 0; i < s->n; i++)
		pthread_join(s->connections[i].thread, NULL);
}

int reset(void **state)
{
	(void)state;
	memset(seen, 0, sizeof(seen));
	nseen = 0;
	return 0;
}

void serve_nothing(int fd, int n)
{
	(void)n;
	until_client_closes(fd);
}

struct wm_http *client(const char *url, const char *token)
{
	struct wm_http_options o = {.url = url, .token = token, .agent = "wm-test/1"};
	struct wm_error err = {0};
	struct wm_http *http = NULL;

	assert_int_equal(wm_http_new(&o, &http, &err), 0);
	return http;
}

static int on_line(void *arg, const char *line, size_t len)
{
	struct lines *l = arg;

	assert_int_equal(line[len], 0);
	if (l->n < 16) {
		l->len[l->n] = len;
		snprintf(l->text[l->n], sizeof(l->text[0]), "%s", line);
	}
	l->n++;
	return l->stop_at == l->n ? l->stop_with : 0;
}

int stream(const struct server *s, unsigned int first_s, unsigned int low_s, struct lines *l, struct wm_http_answer *a,
	   struct wm_error *err)
{
	struct wm_http *http = client(s->url, "secret");
	int rc = wm_http_stream(http, "/v1/config?wait=1", first_s, low_s, on_line, l, a, err);

	wm_http_free(http);
	return rc;
}

int enter_namespace(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd, rc = unshare(CLONE_NEWNET);

	if (!rc) {
		fd = socket(AF_INET, SOCK_DGRAM, 0);
		rc = fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &ifr);
		if (fd >= 0)
			close(fd);
	}
	if (rc)
		printf("Bail out! no network namespace of our own: %s\n", strerror(errno));
	return rc != 0;
}
