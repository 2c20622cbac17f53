/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A request of userspace/http and its whole answer: where a token may travel, what is sent, and what is told when it fails.
 */
#include "cli/http_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/key.h"
#include "core/util.h"

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

static void a_condition_goes_with_every_later_request(void **state)
{
	struct server s;
	struct wm_http *http;
	struct wm_http_answer a = {0};
	struct wm_error err = {0};

	(void)state;
	server_start(&s, serve_created);
	http = client(s.url, "secret");
	assert_int_equal(wm_http_request(http, "POST", "/a", "{}", 7, 5, &a, &err), 0);
	wm_http_answer_free(&a);
	assert_int_equal(wm_http_if_match(http, "i-17\"\r\nX: y", &err), -EINVAL);
	assert_int_equal(wm_http_if_match(http, "i-17", &err), 0);
	assert_int_equal(wm_http_request(http, "POST", "/b", "{}", 7, 5, &a, &err), 0);
	wm_http_answer_free(&a);
	server_stop(&s);
	assert_null(strstr(seen[0], "If-Match"));
	assert_non_null(strstr(seen[1], "\r\nIf-Match: \"i-17\"\r\n"));
	assert_non_null(strstr(seen[1], "\r\nAuthorization: Bearer secret\r\n"));
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

/* --- what an answer means ------------------------------------------------------------------------- */

static void statuses_have_meanings(void **state)
{
	static const struct {
		long status;
		int rc;
	} rows[] = {
		{302, -EREMOTEIO}, {400, -EINVAL}, {401, -EACCES},    {403, -EACCES},    {404, -ENOENT},    {409, -EEXIST},
		{405, -EOPNOTSUPP},
		{412, -ESTALE},    {413, -EINVAL}, {422, -EINVAL},    {429, -EINVAL},    {500, -EREMOTEIO}, {502, -EREMOTEIO},
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
	assert_string_equal(err.text, "host nas.b: no ?[31mred?"); /* terminals get no escape sequences */
	assert_string_equal(err.field, "local?ip");
	a = (struct wm_http_answer){.status = 502, .body = empty, .len = strlen(empty)};
	assert_int_equal(wm_http_problem(&a, "host nas.b", &err), -EREMOTEIO);
	assert_null(strstr(err.text, "html"));
	assert_string_equal(err.field, "");
}

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
		TEST(a_condition_goes_with_every_later_request),
		TEST(answer_over_max_is_refused),
		TEST(redirects_are_not_followed),
		TEST(a_change_is_sent_once),
		TEST(failures_are_told_apart),
		TEST(nobody_there),
		TEST(tls_is_not_spoken_there),
		TEST(statuses_have_meanings),
		TEST(problem_documents_are_quoted),
	};

	if (enter_namespace())
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
