/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * userspace/http against a server in this program: each test gives the server
 * a function that is called for every connection. All of it in a network
 * namespace of its own, so that nothing can leave the machine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/key.h"
#include "core/util.h"
#include "http/client.h"

#define SEEN_MAX 8
#define REQUEST_MAX 16384
#define CONNECTIONS_MAX 8

/* --- the server ------------------------------------------------------------------ */

typedef void (*serve_fn)(int fd, int connection);

struct connection {
	pthread_t thread;
	serve_fn serve;
	int fd, n;
};

struct server {
	pthread_t thread;
	int listener;
	char url[64];
	serve_fn serve;
	struct connection connections[CONNECTIONS_MAX];
	int n;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char seen[SEEN_MAX][REQUEST_MAX]; /* requests as they came, of all servers of a test */
static int nseen;

static void say_bytes(int fd, const void *data, size_t len)
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

static void say(int fd, const char *text)
{
	say_bytes(fd, text, strlen(text));
}

/* A whole request, body included, into seen[]; false when the client closed instead. */
static bool hear(int fd)
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

static void until_client_closes(int fd)
{
	char c;

	while (recv(fd, &c, 1, 0) > 0)
		;
}

static void pause_ms(unsigned int ms)
{
	struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

	nanosleep(&t, NULL);
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

static void server_start(struct server *s, serve_fn serve)
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

/* After the clients have closed: connections are waited for. */
static void server_stop(struct server *s)
{
	shutdown(s->listener, SHUT_RDWR); /* ends accept() */
	pthread_join(s->thread, NULL);
	close(s->listener);
	for (int i = 0; i < s->n; i++)
		pthread_join(s->connections[i].thread, NULL);
}

static int reset(void **state)
{
	(void)state;
	memset(seen, 0, sizeof(seen));
	nseen = 0;
	return 0;
}

/* --- shorthands --------------------------------------------------------------------- */

static struct wm_http *client(const char *url, const char *token)
{
	struct wm_http_options o = {.url = url, .token = token, .agent = "wm-test/1"};
	struct wm_error err = {0};
	struct wm_http *http = NULL;

	assert_int_equal(wm_http_new(&o, &http, &err), 0);
	return http;
}

static int try_new(const char *url, const char *token, bool allow_http)
{
	struct wm_http_options o = {.url = url, .token = token, .allow_http = allow_http};
	struct wm_error err = {0};
	struct wm_http *http = NULL;
	int rc = wm_http_new(&o, &http, &err);

	assert_int_equal(rc != 0, *err.text != '\0'); /* a refusal says why */
	wm_http_free(http);
	return rc;
}

/* One GET of a fresh client; the answer is freed, its status returned in *status. */
static int get(const struct server *s, size_t max, unsigned int timeout_s, long *status, struct wm_error *err)
{
	struct wm_http *http = client(s->url, "secret");
	struct wm_http_answer a = {0};
	int rc = wm_http_request(http, "GET", "/x", NULL, max, timeout_s, &a, err);

	*status = a.status;
	wm_http_answer_free(&a);
	wm_http_free(http);
	return rc;
}

struct lines {
	int n;
	size_t len[16];
	char text[16][64]; /* the beginning */
	int stop_at, stop_with;
};

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

static int stream(const struct server *s, unsigned int first_s, unsigned int low_s, struct lines *l,
		  struct wm_http_answer *a, struct wm_error *err)
{
	struct wm_http *http = client(s->url, "secret");
	int rc = wm_http_stream(http, "/v1/config?wait=1", first_s, low_s, on_line, l, a, err);

	wm_http_free(http);
	return rc;
}

/* --- where a token may travel --------------------------------------------------------- */

static void token_needs_https_or_loopback(void **state)
{
	(void)state;
	assert_int_equal(try_new("http://registry.example.com", "t", false), -EPERM);
	assert_int_equal(try_new("http://192.0.2.1:8099", "t", false), -EPERM);
	assert_int_equal(try_new("http://127.0.0.1.example.com", "t", false), -EPERM);
	assert_int_equal(try_new("http://localhost.example.com", "t", false), -EPERM);
	assert_int_equal(try_new("http://0.0.0.0:8099", "t", false), -EPERM);
	assert_int_equal(try_new("http://[::2]", "t", false), -EPERM);
	assert_int_equal(try_new("https://registry.example.com", "t", false), 0);
	assert_int_equal(try_new("http://127.0.0.1:8099/prefix/", "t", false), 0);
	assert_int_equal(try_new("http://127.9.9.9", "t", false), 0);
	assert_int_equal(try_new("http://[::1]:8099", "t", false), 0);
	assert_int_equal(try_new("http://localhost:8099", "t", false), 0);
	assert_int_equal(try_new("http://registry.example.com", "t", true), 0);
	assert_int_equal(try_new("http://registry.example.com", "", false), 0);
}

static void addresses_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "registry.example.com", "ftp://registry.example.com", "file:///etc/passwd", "https://",
		"https://user:pass@registry.example.com", "http://127.0.0.1@registry.example.com",
		"https://registry.example.com/?x=1", "https://registry.example.com/#x", "https://a b/",
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		if (try_new(bad[i], "t", true) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
	}
}

static void tokens_that_are_none_are_refused(void **state)
{
	char huge[WM_TOKEN_MAX + 2];

	(void)state;
	memset(huge, 'a', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	assert_int_equal(try_new("https://r.example", "a\r\nX-Evil: 1", false), -EINVAL);
	assert_int_equal(try_new("https://r.example", "a b", false), -EINVAL);
	assert_int_equal(try_new("https://r.example", "t\xc3\xb6", false), -EINVAL);
	assert_int_equal(try_new("https://r.example", huge, false), -EINVAL);
	huge[WM_TOKEN_MAX - 1] = '\0';
	assert_int_equal(try_new("https://r.example", huge, false), 0);
}

static void ca_file_must_be_there(void **state)
{
	struct wm_http_options o = {.url = "https://r.example", .ca_file = "/nonexistent/ca.pem"};
	struct wm_error err = {0};
	struct wm_http *http = NULL;

	(void)state;
	assert_int_equal(wm_http_new(&o, &http, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/ca.pem"));
}

static void serve_nothing(int fd, int n)
{
	(void)n;
	until_client_closes(fd);
}

/* A proxy from the environment would get the token over plain http. */
static void proxy_gets_no_plain_http(void **state)
{
	struct server proxy;
	struct server gone;
	struct wm_error err = {0};
	long status;

	(void)state;
	server_start(&proxy, serve_nothing);
	server_start(&gone, serve_nothing);
	server_stop(&gone); /* its port is free now: without the proxy nobody answers */
	setenv("http_proxy", proxy.url, 1);
	setenv("ALL_PROXY", proxy.url, 1);
	assert_int_equal(get(&gone, 100, 2, &status, &err), -ECONNREFUSED);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	server_stop(&proxy);
	assert_int_equal(proxy.n, 0);
}

/* --- requests ------------------------------------------------------------------------------ */

static void serve_created(int fd, int n)
{
	(void)n;
	if (!hear(fd))
		return;
	say(fd, "HTTP/1.1 201 Created\r\nETag:  \"i-17\"\r\nContent-Length: 7\r\nConnection: close\r\n\r\n{\"a\":1}");
}

static void request_and_answer_are_whole(void **state)
{
	struct server s;
	struct wm_http *http;
	struct wm_http_answer a = {0};
	struct wm_error err = {0};
	char url[80];

	(void)state;
	server_start(&s, serve_created);
	snprintf(url, sizeof(url), "%s/prefix/", s.url);
	http = client(url, "secret");
	assert_int_equal(wm_http_request(http, "PATCH", "/v1/sites/b", "{\"x\":2}", 7, 5, &a, &err), 0);
	server_stop(&s);
	assert_int_equal(a.status, 201);
	assert_int_equal(a.len, 7);
	assert_string_equal(a.body, "{\"a\":1}");
	assert_string_equal(a.etag, "\"i-17\"");
	assert_int_equal(nseen, 1);
	assert_memory_equal(seen[0], "PATCH /prefix/v1/sites/b HTTP/1.1\r\n", 35);
	assert_non_null(strstr(seen[0], "\r\nAuthorization: Bearer secret\r\n"));
	assert_non_null(strstr(seen[0], "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(seen[0], "\r\nUser-Agent: wm-test/1\r\n"));
	assert_non_null(strstr(seen[0], "\r\n\r\n{\"x\":2}"));
	wm_http_answer_free(&a);
	wm_http_free(http);
}

static void body_of_one_request_is_not_in_the_next(void **state)
{
	struct server s;
	struct wm_http *http;
	struct wm_http_answer a = {0};
	struct wm_error err = {0};

	(void)state;
	server_start(&s, serve_created);
	http = client(s.url, "secret");
	assert_int_equal(wm_http_request(http, "POST", "/a", "{\"x\":2}", 7, 5, &a, &err), 0);
	wm_http_answer_free(&a);
	assert_int_equal(wm_http_request(http, "DELETE", "/b", NULL, 7, 5, &a, &err), 0);
	wm_http_answer_free(&a);
	server_stop(&s);
	assert_int_equal(nseen, 2);
	assert_memory_equal(seen[1], "DELETE /b HTTP/1.1\r\n", 20);
	assert_null(strstr(seen[1], "Content-Length"));
	assert_null(strstr(seen[1], "{\"x\""));
	wm_http_free(http);
}

static void answer_over_max_is_refused(void **state)
{
	struct wm_error err = {0};
	struct server s;
	long status;

	(void)state;
	server_start(&s, serve_created);
	assert_int_equal(get(&s, 7, 5, &status, &err), 0);
	assert_int_equal(get(&s, 6, 5, &status, &err), -EFBIG);
	server_stop(&s);
	assert_non_null(strstr(err.text, " 6 bytes"));
}

static void serve_redirect(int fd, int n)
{
	struct sockaddr_in sa;
	socklen_t len = sizeof(sa);
	char text[256];

	if (!hear(fd))
		return;
	getsockname(fd, (struct sockaddr *)&sa, &len);
	snprintf(text, sizeof(text),
		 "HTTP/1.1 %d Moved\r\nLocation: http://localhost:%u/elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
		 n % 2 ? 307 : 302, ntohs(sa.sin_port));
	say(fd, text);
}

static void redirects_are_not_followed(void **state)
{
	struct wm_http_answer a = {.status = 302};
	struct wm_error err = {0};
	struct server s;
	struct lines l = {0};
	long status;

	(void)state;
	server_start(&s, serve_redirect);
	assert_int_equal(get(&s, 100, 5, &status, &err), 0);
	assert_int_equal(status, 302);
	assert_int_equal(get(&s, 100, 5, &status, &err), 0);
	assert_int_equal(status, 307);
	assert_int_equal(wm_http_problem(&a, "config", &err), -EREMOTEIO);
	assert_int_equal(stream(&s, 5, 5, &l, &a, &err), 0);
	assert_int_equal(a.status, 302);
	wm_http_answer_free(&a);
	server_stop(&s);
	assert_int_equal(s.n, 3);
}

/* The first request of the first connection is answered; every other one is taken and the connection closed. */
static void serve_once_then_hang_up(int fd, int n)
{
	if (hear(fd) && !n) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
		hear(fd);
	}
}

/* A GET, then `method`, by one client; how many requests the server took. */
static int requests_on_a_dying_connection(const char *method, const char *body)
{
	struct wm_http_answer a = {0};
	struct wm_error err = {0};
	struct wm_http *http;
	struct server s;

	reset(NULL);
	server_start(&s, serve_once_then_hang_up);
	http = client(s.url, "secret");
	assert_int_equal(wm_http_request(http, "GET", "/a", NULL, 9, 5, &a, &err), 0);
	wm_http_answer_free(&a);
	assert_int_equal(wm_http_request(http, method, "/b", body, 9, 5, &a, &err), -ECONNRESET);
	wm_http_free(http);
	server_stop(&s);
	return nseen;
}

/* curl repeats a request whose kept connection turns out dead, whatever its method. */
static void a_change_is_sent_once(void **state)
{
	(void)state;
	assert_int_equal(requests_on_a_dying_connection("GET", NULL), 3); /* so this server does provoke it */
	assert_int_equal(requests_on_a_dying_connection("POST", "{}"), 2);
	assert_int_equal(requests_on_a_dying_connection("PATCH", "{}"), 2);
	assert_int_equal(requests_on_a_dying_connection("DELETE", NULL), 2);
}

/* --- what is wrong on the way ------------------------------------------------------------------ */

static void serve_cut_body(int fd, int n)
{
	(void)n;
	if (hear(fd))
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789");
}

static void serve_hang_up(int fd, int n)
{
	(void)n;
	hear(fd);
}

static void serve_ssh(int fd, int n)
{
	(void)n;
	say(fd, "SSH-2.0-OpenSSH_9.2p1\r\n");
	until_client_closes(fd);
}

static void serve_endless_headers(int fd, int n)
{
	(void)n;
	if (!hear(fd))
		return;
	say(fd, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 2000; i++)
		say(fd, "X-Filler: 0123456789012345678901234567890123456789\r\n");
	until_client_closes(fd);
}

static void failures_are_told_apart(void **state)
{
	static const struct {
		serve_fn serve;
		int rc;
		const char *says;
	} rows[] = {
		{serve_cut_body, -ECONNRESET, "broke off"},
		{serve_hang_up, -ECONNRESET, "closed without an answer"},
		{serve_ssh, -EPROTO, "does not speak HTTP"},
		{serve_endless_headers, -EFBIG, "larger"},
		{serve_nothing, -ETIMEDOUT, "no answer in time"},
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_error err = {0};
		struct server s;
		long status;

		server_start(&s, rows[i].serve);
		assert_int_equal(get(&s, 1000, 1, &status, &err), rows[i].rc);
		server_stop(&s);
		if (!strstr(err.text, rows[i].says) || !strstr(err.text, s.url))
			fail_msg("row %zu says: %s", i, err.text);
	}
}

static void nobody_there(void **state)
{
	struct wm_http_answer a = {0};
	struct wm_error err = {0};
	struct wm_http *http;
	struct server s;
	long status;

	(void)state;
	server_start(&s, serve_nothing);
	server_stop(&s);
	assert_int_equal(get(&s, 100, 5, &status, &err), -ECONNREFUSED);
	/* This namespace has no way to a name server, so the answer is immediate. */
	http = client("https://registry.invalid", "secret");
	assert_int_equal(wm_http_request(http, "GET", "/", NULL, 100, 20, &a, &err), -EHOSTUNREACH);
	wm_http_free(http);
}

static void tls_is_not_spoken_there(void **state)
{
	struct wm_http_answer a = {0};
	struct wm_error err = {0};
	struct wm_http *http;
	struct server s;
	char url[80];

	(void)state;
	server_start(&s, serve_ssh);
	assert_int_equal(wm_format(url, sizeof(url), "https%s", s.url + strlen("http")), 0);
	http = client(url, "secret");
	assert_int_equal(wm_http_request(http, "GET", "/", NULL, 100, 5, &a, &err), -EPROTO);
	wm_http_free(http);
	server_stop(&s);
}

/* --- streams ------------------------------------------------------------------------------------ */

static const char chunked[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";

/* Chunk limits fall anywhere; the last line has no '\n'. */
static void serve_odd_pieces(int fd, int n)
{
	(void)n;
	if (!hear(fd))
		return;
	say(fd, chunked);
	say(fd, "6\r\none\ntw\r\n" "3\r\no\n\n\r\n");
	say(fd, "4\r\nfour\r\n" "0\r\n\r\n");
}

static void lines_are_put_together(void **state)
{
	static const char *const want[] = {"one", "two", "", "four"};
	struct wm_http_answer a = {0};
	struct wm_error err = {0};
	struct lines l = {0};
	struct server s;

	(void)state;
	server_start(&s, serve_odd_pieces);
	assert_int_equal(stream(&s, 5, 5, &l, &a, &err), 0);
	server_stop(&s);
	assert_int_equal(a.status, 200);
	assert_int_equal(l.n, 4);
	for (int i = 0; i < 4; i++)
		assert_string_equal(l.text[i], want[i]);
	assert_memory_equal(seen[0], "GET /v1/config?wait=1 HTTP/1.1\r\n", 32);
	wm_http_answer_free(&a);
}

static void serve_long_line(int fd, size_t len)
{
	char *line = malloc(len + 1);

	if (!hear(fd))
		return;
	say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
	memset(line, 'x', len);
	line[len] = '\n';
	say_bytes(fd, line, len + 1);
	free(line);
}

static void serve_longest_line(int fd, int n)
{
	serve_long_line(fd, n ? 65537 : 65536);
}

static void lines_have_a_limit(void **state)
{
	struct wm_http_answer a = {0};
	struct wm_error err = {0};
	struct lines l = {0};
	struct server s;

	(void)state;
	server_start(&s, serve_longest_line);
	assert_int_equal(stream(&s, 5, 5, &l, &a, &err), 0);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.len[0], 65536);
	wm_http_answer_free(&a);
	assert_int_equal(stream(&s, 5, 5, &l, &a, &err), -EMSGSIZE);
	assert_int_equal(l.n, 1);
	server_stop(&s);
}

static void serve_cut_stream(int fd, int n)
{
	(void)n;
	if (!hear(fd))
		return;
	say(fd, chunked);
	say(fd, "8\r\none\ntwo\n\r\n");
}

static void a_reader_can_stop(void **state)
{
	struct wm_http_answer a = {0};
	struct wm_error err = {0};
	struct lines l = {.stop_at = 2, .stop_with = -ELOOP};
	struct server s;

	(void)state;
	server_start(&s, serve_odd_pieces);
	assert_int_equal(stream(&s, 5, 5, &l, &a, &err), -ELOOP);
	assert_int_equal(l.n, 2);
	l = (struct lines){.stop_at = 4, .stop_with = -ELOOP}; /* also at the line that had no end */
	assert_int_equal(stream(&s, 5, 5, &l, &a, &err), -ELOOP);
	server_stop(&s);
}

static void a_cut_stream_is_an_error(void **state)
{
	struct wm_http_answer a = {0};
	struct wm_error err = {0};
	struct lines l = {0};
	struct server s;

	(void)state;
	server_start(&s, serve_cut_stream);
	assert_int_equal(stream(&s, 5, 5, &l, &a, &err), -ECONNRESET);
	assert_int_equal(l.n, 2);
	server_stop(&s);
}

static void serve_endless_problem(int fd, int n)
{
	char block[4096];

	(void)n;
	if (!hear(fd))
		return;
	memset(block, '\n', sizeof(block));
	say(fd, "HTTP/1.1 503 No\r\nConnection: close\r\n\r\n{");
	for (int i = 0; i < 4096; i++)
		say_bytes(fd, block, sizeof(block));
	until_client_closes(fd);
}

static void only_a_200_is_streamed(void **state)
{
	struct wm_http_answer a = {0};
	struct wm_error err = {0};
	struct lines l = {0};
	struct server s;

	(void)state;
	server_start(&s, serve_endless_problem);
	assert_int_equal(stream(&s, 5, 5, &l, &a, &err), 0);
	server_stop(&s);
	assert_int_equal(l.n, 0);
	assert_int_equal(a.status, 503);
	assert_int_equal(a.len, 65536);
	assert_int_equal(wm_http_problem(&a, "config", &err), -EREMOTEIO);
	wm_http_answer_free(&a);
}

static void serve_late(int fd, int n)
{
	(void)n;
	if (!hear(fd))
		return;
	pause_ms(2500); /* longer than the limit on a slow answer, shorter than the wait for its first byte */
	say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\none\n");
	until_client_closes(fd);
}

static void a_long_poll_may_wait(void **state)
{
	struct wm_http_answer a = {0};
	struct wm_error err = {0};
	struct lines l = {0};
	struct server s;

	(void)state;
	server_start(&s, serve_late);
	assert_int_equal(stream(&s, 30, 1, &l, &a, &err), 0);
	assert_int_equal(l.n, 1);
	wm_http_answer_free(&a);
	server_stop(&s);
}

static void serve_stall(int fd, int n)
{
	(void)n;
	if (!hear(fd))
		return;
	say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\none\n");
	until_client_closes(fd);
}

static void waiting_has_an_end(void **state)
{
	struct wm_http_answer a = {0};
	struct wm_error err = {0};
	struct lines l = {0};
	struct server s;

	(void)state;
	server_start(&s, serve_nothing);
	assert_int_equal(stream(&s, 1, 30, &l, &a, &err), -ETIMEDOUT);
	server_stop(&s);
	server_start(&s, serve_stall);
	assert_int_equal(stream(&s, 30, 1, &l, &a, &err), -ETIMEDOUT);
	server_stop(&s);
	assert_non_null(strstr(err.text, "stopped coming"));
	assert_int_equal(l.n, 1);
}

/* --- what an answer means ------------------------------------------------------------------------- */

static void statuses_have_meanings(void **state)
{
	static const struct {
		long status;
		int rc;
	} rows[] = {
		{302, -EREMOTEIO}, {400, -EINVAL}, {401, -EACCES},    {403, -EACCES},    {404, -ENOENT},    {409, -EEXIST},
		{412, -EINVAL},    {413, -EINVAL}, {422, -EINVAL},    {429, -EINVAL},    {500, -EREMOTEIO}, {502, -EREMOTEIO},
		{503, -EREMOTEIO}, {599, -EREMOTEIO}, {204, -EREMOTEIO}, {0, -EREMOTEIO},
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_http_answer a = {.status = rows[i].status};
		struct wm_error err = {0};

		assert_int_equal(wm_http_problem(&a, "doing", &err), rows[i].rc);
		assert_memory_equal(err.text, "doing: ", 7);
	}
}

static void problem_documents_are_quoted(void **state)
{
	char body[] = "{\"title\":\"Bad\",\"status\":400,\"detail\":\"no \\u001b[31mred\\u009b\",\"field\":\"local\\u0007ip\"}";
	char empty[] = "<html>no</html>";
	struct wm_http_answer a = {.status = 400, .body = body, .len = strlen(body)};
	struct wm_error err = {0};

	(void)state;
	assert_int_equal(wm_http_problem(&a, "host nas.b", &err), -EINVAL);
	assert_memory_equal(err.text, "host nas.b: no ?[31mred?", 24); /* terminals get no escape sequences */
	assert_string_equal(err.field, "local?ip");
	a = (struct wm_http_answer){.status = 502, .body = empty, .len = strlen(empty)};
	assert_int_equal(wm_http_problem(&a, "host nas.b", &err), -EREMOTEIO);
	assert_null(strstr(err.text, "html"));
	assert_string_equal(err.field, "");
}

/* --- main ---------------------------------------------------------------------------------------------- */

/* A namespace of our own with its loopback up. */
static int enter_namespace(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd, rc;

	if (unshare(CLONE_NEWNET))
		return -errno;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	rc = fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) ? -errno : 0;
	if (fd >= 0)
		close(fd);
	return rc;
}

#define TEST(f) cmocka_unit_test_setup(f, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(token_needs_https_or_loopback),
		TEST(addresses_that_are_none_are_refused),
		TEST(tokens_that_are_none_are_refused),
		TEST(ca_file_must_be_there),
		TEST(proxy_gets_no_plain_http),
		TEST(request_and_answer_are_whole),
		TEST(body_of_one_request_is_not_in_the_next),
		TEST(answer_over_max_is_refused),
		TEST(redirects_are_not_followed),
		TEST(a_change_is_sent_once),
		TEST(failures_are_told_apart),
		TEST(nobody_there),
		TEST(tls_is_not_spoken_there),
		TEST(lines_are_put_together),
		TEST(lines_have_a_limit),
		TEST(a_reader_can_stop),
		TEST(a_cut_stream_is_an_error),
		TEST(only_a_200_is_streamed),
		TEST(a_long_poll_may_wait),
		TEST(waiting_has_an_end),
		TEST(statuses_have_meanings),
		TEST(problem_documents_are_quoted),
	};
	int rc = enter_namespace();

	if (rc) {
		printf("Bail out! no network namespace of our own: %s\n", strerror(-rc));
		return 1;
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
