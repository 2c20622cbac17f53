/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A whole mesh as a document: what it says, and what it says when it is cut, bent or made to harm.
 */
#include "registry/document.h"

#include <stdlib.h>

#include "core/util.h"
#include "unit/unit.h"

static const char good[] =
	"{\"version\":1,\"mesh_name\":\"home\",\"supernet\":\"172.30.0.0/16\",\n"
	"\"sites\":[\n{\"domain\":\"b\",\"subnet\":\"172.30.2.0/24\",\"is_hub\":false,\"public_key\":null,\"endpoint\":null},"
	"{\"domain\":\"a\"}\n],"
	" \"unknown\" : {\"x\":[\"]}\\\"\",{}]} ,\"other\":-1.5e3,\"more\":true,\n"
	"\"hosts\":[{\"name\":\"nas\",\"domain\":\"b\",\"wg_ip\":\"172.30.2.2\",\"local_ip\":\"192.168.1.10\",\"type\":\"standard\","
	"\"mac\":\"02:00:00:00:00:10\",\"note\":{\"by\":[1,2]}}, {\"local_ip\":\"192.168.1.11\",\"name\":\"cam\",\"domain\":\"b\"}],"
	"\"devices\":[\t]\n} \n";

/* Of memory that is as large as the text. */
static int read_text(const char *text, size_t len, bool keep, struct plan *ret)
{
	WM_AUTO_FREE char *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, text, len);
	*ret = (struct plan){ 0 };
	err = (struct wm_error){ 0 };
	return document_read(copy, len, keep, ret, &err);
}

static const struct plan_item *item_of(const struct plan *plan, enum object_kind kind, const char *name)
{
	struct object_key key;

	assert_int_equal(object_key_parse(kind, name, &key), 0);
	return plan_find(plan, &key);
}

static void what_it_says_is_the_plan(void **state)
{
	const struct plan_item *nas, *cam;
	struct plan plan;

	(void)state;
	assert_int_equal(read_text(good, strlen(good), false, &plan), 0);
	assert_string_equal(plan.mesh_name, "home");
	assert_int_equal(plan.supernet.len, 16);
	assert_int_equal(plan.lists[OBJECT_SITE].n, 2);
	assert_int_equal(plan.lists[OBJECT_HOST].n, 2);
	assert_int_equal(plan.lists[OBJECT_DEVICE].n, 0);
	for (enum object_kind kind = 0; kind < OBJECT_KINDS; kind++)
		assert_true(plan.lists[kind].complete);
	nas = item_of(&plan, OBJECT_HOST, "nas.b");
	cam = item_of(&plan, OBJECT_HOST, "cam.b");
	assert_non_null(item_of(&plan, OBJECT_SITE, "a"));
	assert_null(item_of(&plan, OBJECT_HOST, "nas.a"));
	assert_true(nas->object.host.has_mac);
	assert_int_equal(nas->place, 0);
	assert_int_equal(cam->place, 1);
	assert_int_equal(cam->object.host.overlay, 0);
	assert_true(cam->seen != nas->seen);
	plan_free(&plan);
	assert_int_equal(read_text(good, strlen(good), true, &plan), 0);
	assert_false(plan.lists[OBJECT_HOST].complete);
	plan_free(&plan);
}

static void cut_at_every_byte_it_is_refused(void **state)
{
	size_t len = strlen(good) - strlen(" \n");

	(void)state;
	for (size_t n = 0; n < len; n++) {
		struct plan plan;

		if (read_text(good, n, false, &plan) != -EINVAL)
			fail_msg("the first %zu bytes were taken", n);
		assert_true(*err.text);
		plan_free(&plan);
	}
}

static void bent_anywhere_it_is_taken_or_refused(void **state)
{
	static const char with[] = "\"\\{}[],: \n\0x0-\x80\xff";
	int taken = 0, refused = 0;

	(void)state;
	for (size_t at = 0; at < strlen(good); at++) {
		for (size_t i = 0; i < sizeof(with) - 1; i++) {
			char bent[sizeof(good)];
			struct plan plan;
			int rc;

			memcpy(bent, good, sizeof(good));
			bent[at] = with[i];
			rc = read_text(bent, strlen(good), false, &plan);
			assert_true(rc == 0 || rc == -EINVAL);
			assert_true(!rc == !*err.text);
			plan_free(&plan);
			taken += !rc;
			refused += rc != 0;
		}
	}
	assert_true(taken > 100 && refused > 1000);
}

static void what_is_wrong_is_named_by_its_place(void **state)
{
	static const struct {
		const char *text, *field;
	} rows[] = {
		{ "{\"hosts\":[{\"name\":\"a\",\"domain\":\"b\",\"local_ip\":\"192.168.1.1\"},{\"name\":\"c\",\"domain\":\"b\"}]}", "hosts[1].local_ip" },
		{ "{\"devices\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"a\"}]}", "devices[2]" },
		{ "{\"devices\":[{\"name\":\"a\"},{\"name\":\"A\"}]}", "devices[1].name" },
		{ "{\"sites\":[{\"domain\":\"a\",\"subnet\":\"0.0.0.0/0\"}]}", "sites[0].subnet" },
		{ "{\"sites\":[1]}", "sites[0]" },
		{ "{\"sites\":1}", "sites" },
		{ "{\"sites\":[],\"supernet\":7}", "supernet" },
		{ "{\"sites\":[],\"version\":\"1\"}", "version" },
		{ "{\"sites\":[],\"sites\":[]}", "sites" },
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct plan plan;

		assert_int_equal(read_text(rows[i].text, strlen(rows[i].text), false, &plan), -EINVAL);
		assert_string_equal(err.field, rows[i].field);
		plan_free(&plan);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_it_says_is_the_plan),
		TEST(cut_at_every_byte_it_is_refused),
		TEST(bent_anywhere_it_is_taken_or_refused),
		TEST(what_is_wrong_is_named_by_its_place),
	};

	return UNIT_RUN("document", tests);
}
