/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * JSON as a tree: what is there is found, what is not is said to be nothing.
 */
#include "core/json.h"
#include "core/util.h"
#include "unit/mesh.h"

static struct wm_json *load(const char *text)
{
	struct wm_json *root = NULL;

	assert_int_equal(wm_json_load(text, strlen(text), &root, &err), 0);
	return root;
}

static void values_are_found_by_their_way(void **state)
{
	struct wm_json *root = load("{\"list\":[{\"a\":\"x\"},{\"a\":7}],\"none\":null,\"flag\":true}");
	const struct wm_json *list = wm_json_get(root, "list");
	uint64_t number = 0;

	(void)state;
	assert_int_equal(wm_json_size(list), 2);
	assert_string_equal(wm_json_str(wm_json_get(wm_json_at(list, 0), "a")), "x");
	assert_true(wm_json_uint(wm_json_get(wm_json_at(list, 1), "a"), &number));
	assert_int_equal(number, 7);
	assert_true(wm_json_is_null(wm_json_get(root, "none")));
	assert_false(wm_json_is_null(wm_json_get(root, "flag")));
	wm_json_free(root);
}

static void what_is_not_there_is_nothing(void **state)
{
	struct wm_json *root = load("{\"a\":-1,\"b\":9007199254740993,\"c\":1.5,\"s\":\"7\"}");
	uint64_t number = 42;

	(void)state;
	assert_null(wm_json_get(root, "nosuch"));
	assert_null(wm_json_get(wm_json_get(root, "nosuch"), "deeper"));
	assert_null(wm_json_at(root, 0));
	assert_int_equal(wm_json_size(wm_json_get(root, "s")), 0);
	assert_null(wm_json_str(wm_json_get(root, "a")));
	assert_true(wm_json_is_null(NULL));
	for (const char *key = "abcs"; *key; key++)
		assert_false(wm_json_uint(wm_json_get(root, (char[]){*key, 0}), &number));
	assert_int_equal(number, 42);
	wm_json_free(root);
	wm_json_free(NULL);
}

static void keys_come_in_order_of_the_text(void **state)
{
	struct wm_json *root = load("{\"z\":1,\"a\":2,\"m\":3}");

	(void)state;
	assert_string_equal(wm_json_key(root, 0), "z");
	assert_string_equal(wm_json_key(root, 1), "a");
	assert_string_equal(wm_json_key(root, 2), "m");
	assert_null(wm_json_key(root, 3));
	assert_null(wm_json_key(NULL, 0));
	wm_json_free(root);
}

static void values_are_compared_and_written_for_people(void **state)
{
	struct wm_json *root = load("{\"a\":{\"x\":1,\"y\":[2]},\"b\":{\"y\":[2],\"x\":1},\"s\":\"q\\\"\",\"n\":null}");
	WM_AUTO_FREE char *object = wm_json_text(wm_json_get(root, "a")), *text = wm_json_text(wm_json_get(root, "s")),
			  *null = wm_json_text(wm_json_get(root, "n")), *nothing = wm_json_text(NULL);

	(void)state;
	assert_true(wm_json_equal(wm_json_get(root, "a"), wm_json_get(root, "b")));
	assert_false(wm_json_equal(wm_json_get(root, "a"), wm_json_get(root, "s")));
	assert_string_equal(object, "{\"x\":1,\"y\":[2]}");
	assert_string_equal(text, "q\"");
	assert_string_equal(null, "null");
	assert_string_equal(nothing, "null");
	wm_json_free(root);
}

static void an_object_of_it_is_decoded_by_table(void **state)
{
	struct wm_json *root = load("{\"after\":{\"name\":\"nas\",\"domain\":\"b\",\"wg_ip\":\"172.30.3.2\"},\"bad\":{\"name\":\"x\"}}");
	struct wm_host host = {0};

	(void)state;
	assert_int_equal(wm_json_decode(&wm_host_table, wm_json_get(root, "after"), &host, &err), 0);
	assert_string_equal(host.name, "nas");
	assert_int_equal(wm_json_decode(&wm_host_table, wm_json_get(root, "bad"), &host, &err), -EINVAL);
	assert_string_equal(err.field, "domain");
	assert_int_equal(wm_json_decode(&wm_host_table, NULL, &host, &err), -EINVAL);
	wm_json_free(root);
}

static void what_is_no_document_is_refused(void **state)
{
	static const char *const bad[] = {"", "{", "{\"a\":1,\"a\":2}", "[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]"};
	struct wm_json *root = NULL;

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++)
		assert_int_equal(wm_json_load(bad[i], strlen(bad[i]), &root, &err), -EINVAL);
	assert_null(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(values_are_found_by_their_way),
		TEST(what_is_not_there_is_nothing),
		TEST(keys_come_in_order_of_the_text),
		TEST(values_are_compared_and_written_for_people),
		TEST(an_object_of_it_is_decoded_by_table),
		TEST(what_is_no_document_is_refused),
	};

	return UNIT_RUN("json", tests);
}
