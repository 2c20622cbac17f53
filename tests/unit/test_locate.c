/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where a gateway is reached: what PUBLIC_IP may say, what is public, and what the registry is told.
 */
#include "core/locate.h"

#include <stdlib.h>

#include "core/util.h"
#include "unit/mesh.h"

static struct wm_locate l;

static int load(const char *text)
{
	struct wm_env *env = NULL;
	int rc;

	FILE *f = fopen(unit_path("locate.env"), "w");
	fputs(text, f);
	fclose(f);
	assert_ok(wm_env_load(unit_path("locate.env"), &env, &err));
	rc = wm_locate_load(env, 4711, &l, &err);
	wm_env_free(env);
	return rc;
}

static void what_public_ip_may_say(void **state)
{
	static const struct {
		const char *text;
		enum wm_locate_by by;
		const char *name;
		unsigned int port;
	} rows[] = {
		{ "", WM_LOCATE_OWN, "", 4711 },
		{ "PUBLIC_IP=\n", WM_LOCATE_OWN, "", 4711 },
		{ "PUBLIC_IP=auto\n", WM_LOCATE_ANY, "", 4711 },
		{ "PUBLIC_IP=none\n", WM_LOCATE_NEVER, "", 4711 },
		{ "PUBLIC_IP=198.51.100.3\n", WM_LOCATE_GIVEN, "", 4711 },
		{ "PUBLIC_IP=home.example.com\n", WM_LOCATE_NAME, "home.example.com", 4711 },
		{ "PUBLIC_IP=a-b.example:999\n", WM_LOCATE_NAME, "a-b.example", 999 },
	};
	static const char *const wrong[] = {
		"home", "home.", ".example.com", "a..b", "-a.example.com", "a-.example.com", "198.51.100", "a.example.com:0",
		"a.example.com:65536", "a.example.com:", "a.example.com:1:2", "a_b.example.com", "a.example.com:+1", "Auto",
		"a.0123456789012345678901234567890123456789012345678901234567890123.example.com",
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		assert_ok(load(rows[i].text));
		assert_int_equal(l.by, rows[i].by);
		assert_string_equal(l.name, rows[i].name);
		assert_int_equal(l.port, rows[i].port);
		assert_int_equal(l.given.family != 0, rows[i].by == WM_LOCATE_GIVEN);
	}
	for (size_t i = 0; i < WM_ARRAY_LEN(wrong); i++) {
		char text[200];

		snprintf(text, sizeof(text), "PUBLIC_IP=%s\n", wrong[i]);
		if (load(text) != -EINVAL || !strstr(err.text, "PUBLIC_IP"))
			fail_msg("%s was taken", wrong[i]);
	}
}

static void services_are_two_at_least_and_encrypted(void **state)
{
	static const char *const wrong[] = {
		"https://one.example/ip", "http://one.example/,https://two.example/", "https://one.example/,two.example",
		"https://,https://two.example", "https://a,https://b,https://c,https://d,https://e,https://f,https://g,https://h,https://i",
	};

	(void)state;
	assert_ok(load("WM_ENDPOINT_SERVICES=https://one.example/ip,https://two.example:8443\n"));
	assert_string_equal(l.services, "https://one.example/ip,https://two.example:8443");
	for (size_t i = 0; i < WM_ARRAY_LEN(wrong); i++) {
		char text[300];

		snprintf(text, sizeof(text), "WM_ENDPOINT_SERVICES=%s\n", wrong[i]);
		if (load(text) != -EINVAL || !strstr(err.text, "WM_ENDPOINT_SERVICES"))
			fail_msg("%s was taken", wrong[i]);
	}
}

static void what_is_public(void **state)
{
	static const struct {
		const char *endpoint;
		bool public;
	} rows[] = {
		{ "9.255.255.255:1", true }, { "10.0.0.0:1", false }, { "10.255.255.255:1", false }, { "11.0.0.0:1", true },
		{ "100.63.255.255:1", true }, { "100.64.0.0:1", false }, { "100.127.255.255:1", false }, { "100.128.0.0:1", true },
		{ "127.0.0.1:1", false }, { "169.254.169.254:1", false }, { "172.15.0.1:1", true }, { "172.16.0.1:1", false },
		{ "172.31.255.255:1", false }, { "172.32.0.1:1", true }, { "192.0.0.9:1", false }, { "192.0.2.1:1", false },
		{ "192.0.3.1:1", true }, { "192.168.1.1:1", false }, { "198.17.255.255:1", true }, { "198.18.0.1:1", false },
		{ "198.19.255.255:1", false }, { "198.51.100.3:1", false }, { "203.0.113.9:1", false }, { "223.255.255.255:1", true },
		{ "224.0.0.1:1", false }, { "240.0.0.1:1", false }, { "255.255.255.255:1", false }, { "0.1.2.3:1", false },
		{ "[2600::1]:1", true }, { "[2001:db8::1]:1", false }, { "[2001:0:1::1]:1", false }, { "[2001:4860::1]:1", true },
		{ "[2002:a00:1::1]:1", false }, { "[3fff:0fff::1]:1", false }, { "[3fff:1000::1]:1", true }, { "[fd00::1]:1", false },
		{ "[fe80::1]:1", false }, { "[ff02::1]:1", false }, { "[::1]:1", false }, { "[64:ff9b::808:808]:1", false },
	};
	const struct wm_endpoint none = { 0 };

	(void)state;
	assert_false(wm_endpoint_is_public(&none));
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_endpoint ep = endpoint(rows[i].endpoint);

		if (wm_endpoint_is_public(&ep) != rows[i].public)
			fail_msg("%s", rows[i].endpoint);
	}
}

static void what_the_registry_is_told(void **state)
{
	static const struct {
		const char *what;
		enum wm_locate_by by;
		const char *seen; /* NULL: not known; "": nowhere */
		bool own;
		const char *registry, *said, *told; /* NULL: nothing */
	} rows[] = {
		{ "given", WM_LOCATE_GIVEN, NULL, false, "", "", "1.1.1.1:1" },
		{ "given, over what is there", WM_LOCATE_GIVEN, "8.8.8.8:1", true, "9.9.9.9:1", "", "1.1.1.1:1" },
		{ "never", WM_LOCATE_NEVER, "8.8.8.8:1", true, "", "", NULL },
		{ "not known yet", WM_LOCATE_OWN, NULL, false, "", "", NULL },
		{ "an address of ours", WM_LOCATE_OWN, "8.8.8.8:1", true, "", "", "8.8.8.8:1" },
		{ "an address of ours, but IPv6", WM_LOCATE_OWN, "[2600::1]:1", true, "", "", "" },
		{ "auto with IPv6", WM_LOCATE_ANY, "[2600::1]:1", true, "", "", "[2600::1]:1" },
		{ "behind NAT", WM_LOCATE_OWN, "8.8.8.8:1", false, "", "", "" },
		{ "seen nowhere", WM_LOCATE_OWN, "", false, "", "", "" },
		{ "an operator's stays", WM_LOCATE_OWN, "8.8.8.8:1", true, "9.9.9.9:1", "", NULL },
		{ "an operator's stays behind NAT", WM_LOCATE_OWN, "8.8.8.8:1", false, "9.9.9.9:1", "7.7.7.7:1", NULL },
		{ "ours changes", WM_LOCATE_OWN, "8.8.8.8:1", true, "7.7.7.7:1", "7.7.7.7:1", "8.8.8.8:1" },
		{ "ours goes", WM_LOCATE_OWN, "8.8.8.8:1", false, "7.7.7.7:1", "7.7.7.7:1", "" },
		{ "auto", WM_LOCATE_ANY, "8.8.8.8:1", false, "9.9.9.9:1", "", "8.8.8.8:1" },
		{ "auto, and nobody knows", WM_LOCATE_ANY, "", false, "9.9.9.9:1", "9.9.9.9:1", NULL },
		{ "a name", WM_LOCATE_NAME, "10.0.0.1:1", false, "", "", "10.0.0.1:1" },
		{ "a name that is not known", WM_LOCATE_NAME, NULL, false, "9.9.9.9:1", "9.9.9.9:1", NULL },
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_locate how = { .by = rows[i].by, .given = endpoint("1.1.1.1:1") };
		struct wm_located located = { .own = rows[i].own };
		struct wm_endpoint registry = { 0 }, said = { 0 }, told = { 0 };
		char text[WM_ENDPOINT_TEXT];
		bool tells;

		if (rows[i].seen && *rows[i].seen)
			located.seen = endpoint(rows[i].seen);
		if (*rows[i].registry)
			registry = endpoint(rows[i].registry);
		if (*rows[i].said)
			said = endpoint(rows[i].said);
		tells = wm_locate_decide(&how, rows[i].seen ? &located : NULL, &registry, &said, &told);
		if (tells != !!rows[i].told || (tells && strcmp(wm_endpoint_format(&told, text), rows[i].told)))
			fail_msg("%s: %s", rows[i].what, tells ? wm_endpoint_format(&told, text) : "nothing");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_public_ip_may_say),
		TEST(services_are_two_at_least_and_encrypted),
		TEST(what_is_public),
		TEST(what_the_registry_is_told),
	};

	unsetenv("PUBLIC_IP");
	unsetenv("WM_ENDPOINT_SERVICES");
	return UNIT_RUN("locate", tests);
}
