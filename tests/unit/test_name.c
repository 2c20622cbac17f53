/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/name.h"
#include "core/util.h"
#include "unit/unit.h"

#define X10 "xxxxxxxxxx"
#define X63 X10 X10 X10 X10 X10 X10 "xxx"

static void labels(void **state)
{
	static const char *const good[] = { "a", "0", "nas", "nas-2", "2nas", "a--b", X63, "xn--bcher-kva" };
	static const char *const bad[] = {
		"", "-", "-a", "a-", "A", "nAs", "nas.b", "na s", "nas\n", "nas;reboot", "nas'", "nas\"", "n\\s", "nas_2", "$(id)",
		"../etc", "n/s", "b\xc3\xbc" "cher", "\x7f", X63 "x",
	};
	char long_one[301] = { 0 };

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(good); i++)
		assert_true(wm_label_valid(good[i]));
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		if (wm_label_valid(bad[i]))
			fail_msg("'%s' was taken", bad[i]);
	}
	memset(long_one, 'a', 300);
	assert_false(wm_label_valid(long_one));
}

static void domains_that_others_need_are_refused(void **state)
{
	static const char *const good[] = { "a", "b", "hub", "berlin", "site-2", "10a", "gw2", "come", X63 };
	static const char *const bad[] = {
		"", "gw", "localhost", "local", "arpa", "invalid", "onion", "test", "example", "com", "net", "org", "localdomain",
		"10", "0", "A", "a.b", "com.", ".", "-a", X63 "x",
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(good); i++)
		assert_true(wm_domain_valid(good[i]));
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		if (wm_domain_valid(bad[i]))
			fail_msg("'%s' was taken", bad[i]);
	}
}

static void hosts_are_not_called_as_the_gateway(void **state)
{
	(void)state;
	assert_true(wm_host_valid("nas"));
	assert_true(wm_host_valid("com"));
	assert_true(wm_host_valid("10"));
	assert_false(wm_host_valid("gw"));
	assert_false(wm_host_valid("localhost"));
	assert_false(wm_host_valid(""));
	assert_false(wm_host_valid("NAS"));
}

static void fqdn_splits_into_two_labels(void **state)
{
	static const char *const bad[] = {
		"", ".", "nas", "nas.", ".b", "nas.b.", "nas.b.c", "nas..b", "-nas.b", "nas.b-", "Nas.b", "nas.B", "nas b.c",
		X63 "x.b", "nas." X63 "x",
	};
	char name[WM_NAME_SIZE], domain[WM_NAME_SIZE];

	(void)state;
	assert_int_equal(wm_fqdn_split("nas.b", name, domain), 0);
	assert_string_equal(name, "nas");
	assert_string_equal(domain, "b");
	assert_int_equal(wm_fqdn_split(X63 "." X63, name, domain), 0);
	assert_string_equal(name, X63);
	assert_string_equal(domain, X63);
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		strcpy(name, "old");
		strcpy(domain, "old");
		if (wm_fqdn_split(bad[i], name, domain) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_string_equal(name, "old");
		assert_string_equal(domain, "old");
	}
}

static void utf8_as_rfc_3629_has_it(void **state)
{
	static const struct {
		const char *text;
		uint32_t code;
		size_t len;
	} good[] = {
		{ "a", 'a', 1 },		   { "\x7f", 0x7f, 1 },
		{ "\xc2\x80", 0x80, 2 },	   { "\xdf\xbf", 0x7ff, 2 },
		{ "\xe0\xa0\x80", 0x800, 3 },	   { "\xed\x9f\xbf", 0xd7ff, 3 },
		{ "\xee\x80\x80", 0xe000, 3 },	   { "\xef\xbf\xbf", 0xffff, 3 },
		{ "\xf0\x90\x80\x80", 0x10000, 4 }, { "\xf4\x8f\xbf\xbf", 0x10ffff, 4 },
	};
	static const char *const bad[] = {
		"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2" "a", "\xe0\x9f\xbf", "\xe2\x82", "\xed\xa0\x80", "\xed\xbf\xbf",
		"\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xff", "\xfe", "\xf0\x9f\x98",
	};
	uint32_t code;

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(good); i++) {
		assert_int_equal(wm_utf8_decode(good[i].text, &code), good[i].len);
		assert_int_equal(code, good[i].code);
	}
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++)
		assert_int_equal(wm_utf8_decode(bad[i], &code), 0);
}

static void control_characters_are_c0_del_and_c1(void **state)
{
	(void)state;
	for (uint32_t code = 0; code < 0x300; code++)
		assert_int_equal(wm_is_control(code), code <= 0x1f || (code >= 0x7f && code <= 0x9f));
}

static void titles_are_printable(void **state)
{
	static const char *const good[] = { "home", "My mesh; really \"mine\"", "B\xc3\xbc" "ro \xe2\x82\xac", " ", X63 };
	static const char *const bad[] = {
		"", "a\nb", "a\tb", "\x1b[31m", "a\x7f", "a\xc2\x9b" "31m", "\xff", "a\xc3", X63 "x",
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(good); i++)
		assert_true(wm_title_valid(good[i]));
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++)
		assert_false(wm_title_valid(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(labels),
		TEST(domains_that_others_need_are_refused),
		TEST(hosts_are_not_called_as_the_gateway),
		TEST(fqdn_splits_into_two_labels),
		TEST(utf8_as_rfc_3629_has_it),
		TEST(control_characters_are_c0_del_and_c1),
		TEST(titles_are_printable),
	};

	return UNIT_RUN("name", tests);
}
