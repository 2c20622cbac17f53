/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A stream of lines of userspace/http: how they are put together, how long each may be, and how long is waited for them.
 */
#include "cli/http_rig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/util.h"

static void pause_ms(unsigned int ms)
{
	struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

	nanosleep(&t, NULL);
}

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_are_put_together),
		TEST(lines_have_a_limit),
		TEST(a_reader_can_stop),
		TEST(a_cut_stream_is_an_error),
		TEST(only_a_200_is_streamed),
		TEST(a_long_poll_may_wait),
		TEST(waiting_has_an_end),
	};

	if (enter_namespace())
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
