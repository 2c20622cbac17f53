/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One walk in both spellings. JSON is read back by jansson, which shares no
 * code with the writer.
 */
#include "core/output.h"

#include <jansson.h>

#include "core/util.h"
#include "unit/unit.h"

static char *text;
static size_t text_len;
static FILE *stream;

static struct wm_out *begin(enum wm_out_format format)
{
	free(text);
	text = NULL;
	stream = open_memstream(&text, &text_len);
	assert_non_null(stream);
	return wm_out_new(stream, format);
}

static const char *end(struct wm_out *out)
{
	assert_int_equal(wm_out_end(out), 0);
	assert_int_equal(fclose(stream), 0);
	return text;
}

static json_t *end_json(struct wm_out *out)
{
	json_error_t why;
	json_t *json = json_loads(end(out), JSON_REJECT_DUPLICATES, &why);

	if (!json)
		fail_msg("%s at %d:%d in %s", why.text, why.line, why.column, text);
	return json;
}

static int forget(void **state)
{
	(void)state;
	free(text);
	text = NULL;
	return 0;
}

static const struct wm_col cols[] = {
	{ "name", "NAME", 0 },
	{ "count", "COUNT", WM_COL_RIGHT },
	{ "json_only", NULL, 0 },
	{ NULL, "TEXT ONLY", 0 },
	{ "isolated", "ISOLATED", 0 },
};

static void row(struct wm_out *out, const char *name, uint64_t count, bool isolated)
{
	wm_out_row(out);
	wm_out_cell_str(out, name);
	wm_out_cell_uint(out, count);
	wm_out_cell_str(out, "j");
	wm_out_cell_str(out, "t");
	wm_out_cell_bool(out, isolated);
}

/* Everything there is, once. */
static void walk(struct wm_out *out)
{
	wm_out_str(out, "mesh", "mesh", "home");
	wm_out_str(out, "none", "none", NULL);
	wm_out_uint(out, "generation", "generation", UINT64_MAX);
	wm_out_bool(out, "hub", "hub", true);
	wm_out_str(out, "secret_of_json", NULL, "j");
	wm_out_str(out, NULL, "for people", "p");
	wm_out_line(out, "a line of prose");
	wm_out_object(out, "wireguard", "WireGuard");
	wm_out_bool(out, "up", "up", false);
	wm_out_object(out, "deep", NULL);
	wm_out_uint(out, "x", "x", 0);
	wm_out_object_end(out);
	wm_out_object_end(out);
	wm_out_object(out, "empty", NULL);
	wm_out_object_end(out);
	wm_out_array(out, "meshes");
	for (int i = 0; i < 2; i++) {
		wm_out_object(out, NULL, i ? "second" : "first");
		wm_out_uint(out, "n", "n", (uint64_t)i);
		wm_out_object_end(out);
	}
	wm_out_array_end(out);
	wm_out_table(out, "hosts", "hosts", cols, WM_ARRAY_LEN(cols));
	row(out, "nas", 7, false);
	row(out, NULL, 1234567, true);
	wm_out_table_end(out, "no hosts");
	wm_out_table(out, "devices", NULL, cols, WM_ARRAY_LEN(cols));
	wm_out_table_end(out, "no devices");
	wm_out_str(out, "last", "last", "");
}

static void the_walk_as_json(void **state)
{
	struct wm_out *out = begin(WM_OUT_JSON);
	json_t *json, *want;

	(void)state;
	walk(out);
	json = json_loads(end(out), JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
	assert_non_null(json);
	want = json_loads("{\"mesh\":\"home\",\"none\":null,\"generation\":18446744073709551615,\"hub\":true,\"secret_of_json\":\"j\","
			  "\"wireguard\":{\"up\":false,\"deep\":{\"x\":0}},\"empty\":{},\"meshes\":[{\"n\":0},{\"n\":1}],"
			  "\"hosts\":[{\"name\":\"nas\",\"count\":7,\"json_only\":\"j\",\"isolated\":false},"
			  "{\"name\":null,\"count\":1234567,\"json_only\":\"j\",\"isolated\":true}],\"devices\":[],\"last\":\"\"}",
			  JSON_DECODE_INT_AS_REAL, NULL);
	assert_non_null(want);
	assert_true(json_equal(json, want));
	assert_non_null(strstr(text, "18446744073709551615")); /* digit by digit */
	assert_int_equal(text[text_len - 1], '\n');
	json_decref(json);
	json_decref(want);
}

static void the_walk_as_text(void **state)
{
	struct wm_out *out = begin(WM_OUT_TEXT);

	(void)state;
	walk(out);
	assert_string_equal(end(out),
			    "mesh: home\n"
			    "none: -\n"
			    "generation: 18446744073709551615\n"
			    "hub: yes\n"
			    "for people: p\n"
			    "a line of prose\n"
			    "WireGuard\n"
			    "  up: no\n"
			    "  x: 0\n"
			    "first\n"
			    "  n: 0\n"
			    "second\n"
			    "  n: 1\n"
			    "hosts\n"
			    "NAME    COUNT  TEXT ONLY  ISOLATED\n"
			    "nas         7  t          no\n"
			    "-     1234567  t          yes\n"
			    "no devices\n"
			    "last: \n");
}

static void an_empty_walk(void **state)
{
	struct wm_out *out = begin(WM_OUT_JSON);
	json_t *json = end_json(out);

	(void)state;
	assert_int_equal(json_object_size(json), 0);
	json_decref(json);
	assert_string_equal(end(begin(WM_OUT_TEXT)), "");
}

static const char *const hostile[] = {
	"plain", "quo\"te", "back\\slash", "new\nline", "esc\x1b[31m", "tab\tbell\a", "del\x7f", "c1\xc2\x9b" "31m", "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80",
	"bad\xff\xfe", "cut\xe2\x82", "\xc0\x80", "{\"a\":1}", "</script>", "%s%n", "",
};

/* What jansson reads is what was given; bytes that are no UTF-8 became U+FFFD. */
static void hostile_text_in_json(void **state)
{
	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(hostile); i++) {
		struct wm_out *out = begin(WM_OUT_JSON);
		json_t *json;
		const char *got;

		wm_out_str(out, "value", "value", hostile[i]);
		wm_out_str(out, hostile[i], NULL, "as a key");
		wm_out_table(out, "table", NULL, cols, 1);
		wm_out_row(out);
		wm_out_cell_str(out, hostile[i]);
		wm_out_table_end(out, NULL);
		json = end_json(out);
		got = json_string_value(json_object_get(json, "value"));
		assert_non_null(got);
		assert_string_equal(got, json_string_value(json_object_get(json_array_get(json_object_get(json, "table"), 0), "name")));
		if (!strchr(hostile[i], '\xff') && !strstr(hostile[i], "cut") && hostile[i][0] != '\xc0')
			assert_string_equal(got, hostile[i]);
		else
			assert_non_null(strstr(got, "\xef\xbf\xbd"));
		for (const char *p = text; *p; p++)
			assert_true((unsigned char)*p >= 0x20 || *p == '\n');
		assert_null(strchr(text, 0x7f));
		assert_null(strstr(text, "\xc2\x9b"));
		json_decref(json);
	}
}

static void hostile_text_on_a_terminal(void **state)
{
	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(hostile); i++) {
		struct wm_out *out = begin(WM_OUT_TEXT);
		size_t lines = 0;

		wm_out_str(out, "value", "value", hostile[i]);
		wm_out_line(out, hostile[i]);
		wm_out_object(out, "o", hostile[i]);
		wm_out_object_end(out);
		wm_out_table(out, "table", NULL, cols, 1);
		wm_out_row(out);
		wm_out_cell_str(out, hostile[i]);
		wm_out_table_end(out, NULL);
		end(out);
		for (const char *p = text; *p; p++) {
			assert_true((unsigned char)*p >= 0x20 || *p == '\n');
			lines += *p == '\n';
		}
		assert_int_equal(lines, 5); /* it cannot make lines of its own */
		assert_null(strchr(text, 0x7f));
		assert_null(strstr(text, "\xc2\x9b"));
	}
}

static void long_cells_are_whole_when_piped(void **state)
{
	char name[3000];
	struct wm_out *out = begin(WM_OUT_TEXT);

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	wm_out_table(out, "t", NULL, &(const struct wm_col){ "name", "NAME", WM_COL_TRUNC }, 1);
	wm_out_row(out);
	wm_out_cell_str(out, name);
	wm_out_table_end(out, NULL);
	assert_non_null(strstr(end(out), name));
}

static void more_cells_than_columns_are_dropped(void **state)
{
	struct wm_out *out = begin(WM_OUT_JSON);
	json_t *json, *first;

	(void)state;
	wm_out_table(out, "t", NULL, cols, 1);
	wm_out_row(out);
	wm_out_cell_str(out, "a");
	wm_out_cell_str(out, "b");
	wm_out_row(out);
	wm_out_table_end(out, NULL);
	json = end_json(out);
	assert_int_equal(json_array_size(json_object_get(json, "t")), 2);
	first = json_array_get(json_object_get(json, "t"), 0);
	assert_int_equal(json_object_size(first), 1);
	json_decref(json);
}

static void many_rows(void **state)
{
	struct wm_out *out = begin(WM_OUT_JSON);
	json_t *json;

	(void)state;
	wm_out_table(out, "t", NULL, cols, WM_ARRAY_LEN(cols));
	for (uint64_t i = 0; i < 5000; i++)
		row(out, "nas", i, false);
	wm_out_table_end(out, NULL);
	json = end_json(out);
	assert_int_equal(json_array_size(json_object_get(json, "t")), 5000);
	json_decref(json);
}

static void a_full_disk_is_an_error(void **state)
{
	FILE *full = fopen("/dev/full", "w");
	struct wm_out *out;

	(void)state;
	assert_non_null(full);
	out = wm_out_new(full, WM_OUT_JSON);
	wm_out_str(out, "a", "a", "b");
	assert_int_equal(wm_out_end(out), -ENOSPC);
	fclose(full);
	assert_int_equal(wm_out_end(NULL), -ENOMEM);
}

static void an_object_a_line(void **state)
{
	struct wm_out *out = begin(WM_OUT_JSON_LINE);
	json_t *json;

	(void)state;
	wm_out_str(out, "a", NULL, "x\ny\"z");
	wm_out_uint(out, "b", NULL, 7);
	wm_out_object(out, "c", NULL);
	wm_out_bool(out, "d", NULL, true);
	wm_out_object_end(out);
	wm_out_table(out, "rows", NULL, cols, WM_ARRAY_LEN(cols));
	row(out, "nas", 1, true);
	row(out, "cam", 2, false);
	wm_out_table_end(out, NULL);
	wm_out_line(out, "only text");
	json = end_json(out);
	assert_ptr_equal(strchr(text, '\n'), text + text_len - 1);
	assert_string_equal(json_string_value(json_object_get(json, "a")), "x\ny\"z");
	assert_int_equal(json_integer_value(json_object_get(json, "b")), 7);
	assert_true(json_is_true(json_object_get(json_object_get(json, "c"), "d")));
	assert_int_equal(json_array_size(json_object_get(json, "rows")), 2);
	json_decref(json);
}

#define OUT_TEST(fn) cmocka_unit_test_setup_teardown(fn, unit_setup, forget)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OUT_TEST(the_walk_as_json),
		OUT_TEST(the_walk_as_text),
		OUT_TEST(an_empty_walk),
		OUT_TEST(an_object_a_line),
		OUT_TEST(hostile_text_in_json),
		OUT_TEST(hostile_text_on_a_terminal),
		OUT_TEST(long_cells_are_whole_when_piped),
		OUT_TEST(more_cells_than_columns_are_dropped),
		OUT_TEST(many_rows),
		OUT_TEST(a_full_disk_is_an_error),
	};

	return UNIT_RUN("output", tests);
}
