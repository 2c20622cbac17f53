/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * registry/guard.c: requests that could be read in two ways are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "core/util.h"
#include "registry/guard.h"

struct header {
	const char *name, *value;
};

#define HEADERS_MAX 5

static const struct {
	const char *what;
	unsigned int status; /* 0: let through */
	const char *version, *target;
	struct header headers[HEADERS_MAX];
	const char *method; /* NULL: GET */
} table[] = {
	{ "plain", 0, "HTTP/1.1", "/health", { { "Host", "a" } } },
	{ "body by length", 0, "HTTP/1.1", "/", { { "Host", "a" }, { "Content-Length", "65536" } } },
	{ "body in chunks", 0, "HTTP/1.1", "/", { { "Host", "a" }, { "Transfer-Encoding", "Chunked" } } },
	{ "old and without Host", 0, "HTTP/1.0", "/", { { "Accept", "*/*" } } },
	{ "no Host", 400, "HTTP/1.1", "/", { { "Accept", "*/*" } } },
	{ "two Hosts", 400, "HTTP/1.1", "/", { { "Host", "a" }, { "host", "a" } } },
	{ "two equal lengths", 400, "HTTP/1.1", "/", { { "Host", "a" }, { "Content-Length", "5" }, { "content-length", "5" } } },
	{ "length and chunks", 400, "HTTP/1.1", "/", { { "Host", "a" }, { "Content-Length", "5" }, { "Transfer-Encoding", "chunked" } } },
	{ "chunks and length", 400, "HTTP/1.1", "/", { { "Host", "a" }, { "Transfer-Encoding", "chunked" }, { "Content-Length", "5" } } },
	{ "length with a sign", 400, "HTTP/1.1", "/", { { "Host", "a" }, { "Content-Length", "+5" } } },
	{ "list of lengths", 400, "HTTP/1.1", "/", { { "Host", "a" }, { "Content-Length", "5, 5" } } },
	{ "empty length", 400, "HTTP/1.1", "/", { { "Host", "a" }, { "Content-Length", "" } } },
	{ "hexadecimal length", 400, "HTTP/1.1", "/", { { "Host", "a" }, { "Content-Length", "0x5" } } },
	{ "body too large", 413, "HTTP/1.1", "/", { { "Host", "a" }, { "Content-Length", "65537" } } },
	{ "length beyond numbers", 400, "HTTP/1.1", "/", { { "Host", "a" }, { "Content-Length", "18446744073709551621" } } },
	{ "other encoding", 501, "HTTP/1.1", "/", { { "Host", "a" }, { "Transfer-Encoding", "gzip" } } },
	{ "list of encodings", 501, "HTTP/1.1", "/", { { "Host", "a" }, { "Transfer-Encoding", "gzip, chunked" } } },
	{ "two encodings", 400, "HTTP/1.1", "/", { { "Host", "a" }, { "Transfer-Encoding", "chunked" }, { "Transfer-Encoding", "chunked" } } },
	{ "chunks in HTTP/1.0", 400, "HTTP/1.0", "/", { { "Transfer-Encoding", "chunked" } } },
	{ "two tokens", 400, "HTTP/1.1", "/", { { "Host", "a" }, { "Authorization", "Bearer x" }, { "Authorization", "Bearer y" } } },
	{ "space before the colon", 400, "HTTP/1.1", "/", { { "Host", "a" }, { "Content-Length ", "5" } } },
	{ "header without a name", 400, "HTTP/1.1", "/", { { "Host", "a" }, { "", "5" } } },
	{ "control character", 400, "HTTP/1.1", "/", { { "Host", "a\r" } } },
	{ "path with a space", 400, "HTTP/1.1", "/a b", { { "Host", "a" } } },
	{ "path with a high byte", 400, "HTTP/1.1", "/\xc3\xa4", { { "Host", "a" } } },
	{ "Host with a path", 400, "HTTP/1.1", "/", { { "Host", "a/b" } } },
	{ "Host with a user", 400, "HTTP/1.1", "/", { { "Host", "u@a" } } },
	{ "Host that is an address", 0, "HTTP/1.1", "/", { { "Host", "[2001:db8::1]:8099" } } },
	{ "empty Host", 0, "HTTP/1.1", "/", { { "Host", "" } } },
	{ "odd method", 0, "HTTP/1.1", "/", { { "Host", "a" } }, "M-SEARCH" },
	{ "method with a high byte", 400, "HTTP/1.1", "/", { { "Host", "a" } }, "\xafGET" },
	{ "method with a colon", 400, "HTTP/1.1", "/", { { "Host", "a" } }, "GET:" },
	{ "another version", 505, "HTTP/2.0", "/", { { "Host", "a" } } },
};

static void requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(table); i++) {
		struct guard g = { 0 };

		for (const struct header *h = table[i].headers; h < table[i].headers + HEADERS_MAX && h->name; h++)
			guard_header(&g, h->name, strlen(h->name), h->value, strlen(h->value));
		if (guard_request(&g, table[i].method ? table[i].method : "GET", table[i].target, table[i].version) != !table[i].status || g.status != table[i].status)
			fail_msg("%s: status %u, expected %u", table[i].what, g.status, table[i].status);
	}
}

static void value_with_a_nul(void **state)
{
	struct guard g = { 0 };

	(void)state;
	guard_header(&g, "Host", 4, "a", 1);
	guard_header(&g, "X", 1, "a\0b", 3);
	assert_false(guard_request(&g, "GET", "/", "HTTP/1.1"));
	assert_int_equal(g.status, 400);
}

static void headers_of_8_kib(void **state)
{
	static char value[GUARD_HEADERS_MAX];
	struct guard fits = { 0 }, over = { 0 };
	size_t len = GUARD_HEADERS_MAX - strlen("Host: a\r\n") - strlen("X: \r\n");

	(void)state;
	memset(value, 'v', sizeof(value));
	guard_header(&fits, "Host", 4, "a", 1);
	guard_header(&fits, "X", 1, value, len);
	assert_true(guard_request(&fits, "GET", "/", "HTTP/1.1"));
	guard_header(&over, "Host", 4, "a", 1);
	guard_header(&over, "X", 1, value, len + 1);
	assert_false(guard_request(&over, "GET", "/", "HTTP/1.1"));
	assert_int_equal(over.status, 431);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(value_with_a_nul),
		cmocka_unit_test(headers_of_8_kib),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
