/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What one was told of a change is told to others only where it would be the same.
 */
#include "registry/news.h"

#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "unit/unit.h"

static const struct wm_mesh now = { .instance = "i", .name = "m", .generation = 9, .mark = "9999" };

#define HEADER(self) "{\"changes\":{\"after\":8,\"self\":\"" self "\",\"mesh_name\":\"\\\"self\\\":\\\"x\"}}\n"
#define HOST(domain) "{\"host\":{\"name\":\"nas\",\"domain\":\"" domain "\",\"local_ip\":null}}\n"

static struct identity gateway(const char *name)
{
	struct identity who = { .role = WM_TOKEN_GATEWAY };

	wm_copy(who.name, sizeof(who.name), name);
	return who;
}

static void keep(struct news *news, const struct identity *who, const char *text)
{
	news_keep(news, &now, who, 8, "8888", text, strlen(text));
}

/* What is told, or "" when it is to be made. */
static const char *told(const struct news *news, const struct wm_mesh *mesh, const struct identity *who, uint64_t after,
			const char *mark)
{
	static char text[NEWS_MAX + 1];
	char *found = NULL;
	size_t len = 0;

	if (news_find(news, mesh, who, after, mark, &found, &len) == 1)
		memcpy(text, found, len);
	text[len] = '\0';
	free(found);
	return text;
}

static void gateways_are_told_who_they_are(void **state)
{
	struct news *news = calloc(1, sizeof(*news));
	struct identity a = gateway("a"), other = gateway("another-one"), b = gateway("b"), hub = gateway("hub");
	struct identity device = { .role = WM_TOKEN_DEVICE }, admin = { .role = WM_TOKEN_ADMIN };

	(void)state;
	keep(news, &a, HEADER("a") HOST("b"));
	assert_string_equal(told(news, &now, &a, 8, "8888"), HEADER("a") HOST("b"));
	assert_string_equal(told(news, &now, &other, 8, "8888"), HEADER("another-one") HOST("b"));
	assert_string_equal(told(news, &now, &hub, 8, "8888"), HEADER("hub") HOST("b"));
	/* its own host it is told more of */
	assert_string_equal(told(news, &now, &b, 8, "8888"), "");
	assert_string_equal(told(news, &now, &admin, 8, "8888"), "");
	wm_copy(device.name, sizeof(device.name), "a");
	assert_string_equal(told(news, &now, &device, 8, "8888"), "");
	free(news);
}

static void what_is_of_its_own_is_told_to_nobody_else(void **state)
{
	struct news *news = calloc(1, sizeof(*news));
	struct identity a = gateway("a"), b = gateway("b");

	(void)state;
	keep(news, &b, HEADER("b") HOST("b"));
	assert_string_equal(told(news, &now, &b, 8, "8888"), HEADER("b") HOST("b"));
	assert_string_equal(told(news, &now, &a, 8, "8888"), "");
	free(news);
}

static void what_gateways_are_told_of_sites_is_a_secret_of_each(void **state)
{
	struct news *news = calloc(1, sizeof(*news));
	struct identity a = gateway("a"), b = gateway("b"), admin = { .role = WM_TOKEN_ADMIN };
	const char *text = HEADER("a") "{\"site\":{\"domain\":\"c\",\"preshared_key\":\"of a and c\"}}\n" HOST("b");

	(void)state;
	keep(news, &a, text);
	assert_string_equal(told(news, &now, &a, 8, "8888"), "");
	assert_string_equal(told(news, &now, &b, 8, "8888"), "");
	for (size_t i = 0; i < NEWS_KEPT; i++)
		assert_null(strstr(news->texts[i].text, "of a and c"));
	/* admins are told none of these */
	keep(news, &admin, text);
	assert_string_equal(told(news, &now, &admin, 8, "8888"), text);
	free(news);
}

static void admins_and_readers_are_told_the_same(void **state)
{
	struct news *news = calloc(1, sizeof(*news));
	struct identity admin = { .role = WM_TOKEN_ADMIN, .name = "master" }, read = { .role = WM_TOKEN_READ, .name = "monitor" };
	struct identity a = gateway("a");

	(void)state;
	keep(news, &admin, HOST("b"));
	assert_string_equal(told(news, &now, &read, 8, "8888"), HOST("b"));
	assert_string_equal(told(news, &now, &a, 8, "8888"), "");
	free(news);
}

static void of_another_time_it_is_not_the_same(void **state)
{
	struct news *news = calloc(1, sizeof(*news));
	struct identity a = gateway("a");
	struct wm_mesh later = now, branch = now, restored = now;

	(void)state;
	keep(news, &a, HEADER("a") HOST("b"));
	later.generation++;
	branch.mark[0] = '8';
	restored.instance[0] = 'j';
	assert_string_equal(told(news, &later, &a, 8, "8888"), "");
	assert_string_equal(told(news, &branch, &a, 8, "8888"), "");
	assert_string_equal(told(news, &restored, &a, 8, "8888"), "");
	assert_string_equal(told(news, &now, &a, 7, "8888"), "");
	assert_string_equal(told(news, &now, &a, 8, "7777"), "");
	assert_string_equal(told(news, &now, &a, 8, ""), "");
	free(news);
}

static void a_long_text_is_not_kept_and_old_ones_go(void **state)
{
	struct news *news = calloc(1, sizeof(*news));
	struct identity admin = { .role = WM_TOKEN_ADMIN };
	char text[NEWS_MAX + 1];

	(void)state;
	memset(text, 'x', sizeof(text));
	news_keep(news, &now, &admin, 8, "", text, sizeof(text));
	assert_string_equal(told(news, &now, &admin, 8, ""), "");
	news_keep(news, &now, &admin, 8, "", text, NEWS_MAX);
	assert_int_equal(strlen(told(news, &now, &admin, 8, "")), NEWS_MAX);
	for (uint64_t i = 0; i < NEWS_KEPT; i++)
		news_keep(news, &now, &admin, i, "", "y", 1);
	assert_string_equal(told(news, &now, &admin, 8, ""), "");
	assert_string_equal(told(news, &now, &admin, 1, ""), "y");
	free(news);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gateways_are_told_who_they_are),
		cmocka_unit_test(what_is_of_its_own_is_told_to_nobody_else),
		cmocka_unit_test(what_gateways_are_told_of_sites_is_a_secret_of_each),
		cmocka_unit_test(admins_and_readers_are_told_the_same),
		cmocka_unit_test(of_another_time_it_is_not_the_same),
		cmocka_unit_test(a_long_text_is_not_kept_and_old_ones_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
