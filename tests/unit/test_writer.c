/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Small pieces arrive whole and in order, whatever block they fall into; numbers are printf's, digit for digit.
 */
#include "core/writer.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>

#include "core/util.h"
#include "unit/unit.h"

static char *text;
static size_t text_len;
static FILE *stream;
static struct wm_writer writer;

static void begin(void)
{
	free(text);
	text = NULL;
	stream = open_memstream(&text, &text_len);
	assert_non_null(stream);
	wm_writer_open(&writer, stream);
}

static const char *end(void)
{
	wm_writer_flush(&writer);
	assert_int_equal(fclose(stream), 0);
	return text;
}

static int forget(void **state)
{
	(void)state;
	free(text);
	text = NULL;
	return 0;
}

static void pieces_of_every_length_around_the_end_of_a_block(void **state)
{
	static char piece[3 * WM_WRITER_BLOCK];

	(void)state;
	memset(piece, 'p', sizeof(piece));
	for (size_t before = WM_WRITER_BLOCK - 3; before < WM_WRITER_BLOCK + 3; before++) {
		for (size_t len = 0; len < sizeof(piece); len = len < 4 ? len + 1 : len * 2 - len % 2) {
			begin();
			for (size_t i = 0; i < before; i++)
				wm_put(&writer, "b", 1);
			wm_put(&writer, piece, len);
			wm_puts(&writer, "end");
			end();
			assert_int_equal(text_len, before + len + 3);
			assert_int_equal(strspn(text, "b"), before);
			assert_int_equal(strspn(text + before, "p"), len);
			assert_string_equal(text + before + len, "end");
		}
	}
}

static void what_is_plain(void **state)
{
	static char long_text[2 * WM_WRITER_BLOCK + 7];
	const char *rest;

	(void)state;
	for (int c = 0; c < 256; c++) {
		const char s[] = { 'a', (char)c, 'z', '\0' };
		bool plain = c >= ' ' && c <= '~' && c != '"' && c != '\\';

		begin();
		rest = wm_put_plain(&writer, s);
		assert_ptr_equal(rest, wm_skip_plain(s));
		assert_int_equal(rest - s, plain ? 3 : 1);
		assert_int_equal(strlen(end()), plain ? 3 : 1);
	}
	memset(long_text, 'x', sizeof(long_text) - 1);
	begin();
	wm_puts(&writer, "some");
	assert_string_equal(wm_put_plain(&writer, long_text), "");
	assert_string_equal(end() + 4, long_text);
}

static void whole_numbers(void **state)
{
	static const uint64_t some[] = { 0, 1, 9, 10, 99, 100, 4294967295, 4294967296, 9999999999999999999u, 10000000000000000000u, UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(some); i++) {
		char want[WM_UINT_TEXT], got[WM_UINT_TEXT];

		snprintf(want, sizeof(want), "%" PRIu64, some[i]);
		assert_ptr_equal(wm_uint_format(some[i], got), got + strlen(want));
		assert_string_equal(got, want);
		begin();
		wm_put_uint(&writer, some[i]);
		assert_string_equal(end(), want);
	}
}

static void same_as_printf(double value)
{
	for (unsigned int digits = 0; digits <= 3; digits++) {
		char want[WM_REAL_TEXT], got[WM_REAL_TEXT];

		snprintf(want, sizeof(want), "%.*f", (int)digits, value);
		assert_ptr_equal(wm_real_format(value, digits, got), got + strlen(want));
		if (strcmp(got, want))
			fail_msg("%a with %u digits is %s, not %s", value, digits, got, want);
	}
}

static void reals(void **state)
{
	static const double some[] = { 0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, 0.25, 0.75, 0.125, 0.375, 0.0625, 0.05, 0.15, 0.0005, 0.0015, 0.00048828125,
				       0.00049999, 0.9995, 0.99949, 9.9995, 99.95, 99.949, 999.9995, 123456.789, 4503599627370495.5,
				       4503599627370496.0, 9007199254740993.0, 1e15, 1e18, 1e19, 1e300, DBL_MAX, DBL_MIN, 4.9e-324, INFINITY, -INFINITY };
	struct rng rng = { 1 };

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(some); i++)
		same_as_printf(some[i]);
	for (int i = 0; i < 200000; i++) {
		uint64_t bits = (uint64_t)rng_next(&rng) << 32 | rng_next(&rng);
		double any;

		memcpy(&any, &bits, sizeof(any));
		same_as_printf(any == any ? any : 0);
		/* As rates are; and such as lie in the middle of two. */
		same_as_printf((double)(bits >> 34) / (double)(1 + bits % 5000) * 1000);
		same_as_printf((double)(bits >> 40) / 16384);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pieces_of_every_length_around_the_end_of_a_block, unit_setup, forget),
		cmocka_unit_test_setup_teardown(what_is_plain, unit_setup, forget),
		cmocka_unit_test_setup_teardown(whole_numbers, unit_setup, forget),
		TEST(reals),
	};

	return UNIT_RUN("writer", tests);
}
