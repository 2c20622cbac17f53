/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/addr.h"
#include "core/util.h"
#include "unit/mesh.h"

static void ip4_takes_canonical_quads_only(void **state)
{
	static const struct {
		const char *text;
		wm_ip4 addr;
	} good[] = {
		{ "0.0.0.0", 0 },
		{ "1.2.3.4", 0x01020304 },
		{ "10.0.0.255", 0x0a0000ff },
		{ "192.168.1.10", 0xc0a8010a },
		{ "255.255.255.255", 0xffffffff },
	};
	static const char *const bad[] = {
		"", ".", "1", "1.2.3", "1.2.3.", "1.2.3.4.", "1.2.3.4.5", ".1.2.3.4", "1..2.3", "01.2.3.4", "1.2.3.04",
		"1.2.3.00", "1.2.3.256", "1.2.3.1000", "1.2.3.4294967297", "1.2.3.-4", "+1.2.3.4", " 1.2.3.4", "1.2.3.4 ",
		"1.2.3.4\n", "1.2.3.4/32", "0x1.2.3.4", "1,2,3,4", "a.b.c.d", "::1", "1.2.3.4x",
		"\xef\xbc\x91.2.3.4", /* a full-width digit */
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(good); i++) {
		wm_ip4 addr = ~good[i].addr;
		char text[WM_IP4_TEXT];

		assert_int_equal(wm_ip4_parse(good[i].text, &addr), 0);
		assert_int_equal(addr, good[i].addr);
		assert_string_equal(wm_ip4_format(addr, text), good[i].text);
	}
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		wm_ip4 addr = 0x12345678;

		if (wm_ip4_parse(bad[i], &addr) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(addr, 0x12345678);
	}
}

static void prefix_refuses_host_bits(void **state)
{
	static const char *const good[] = {
		"0.0.0.0/0", "128.0.0.0/1", "10.0.0.0/8", "172.30.2.0/24", "172.30.2.128/25", "172.30.2.2/31", "172.30.2.3/32",
		"255.255.255.255/32",
	};
	static const char *const bad[] = {
		"", "/", "10.0.0.0", "10.0.0.0/", "/8", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8 ",
		"10.0.0.0 /8", "10.0.0.0/ 8", "10.0.0.0/8/8", "10.0.0.0/255.0.0.0", "10.0.0.1/8", "128.0.0.0/0", "172.30.2.1/31",
		"172.30.2.64/25", "10.0.0/8", "10.0.0.0/4294967304", "10.0.0.0/8x",
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(good); i++) {
		struct wm_prefix p = { 1, 99 };
		char text[WM_PREFIX_TEXT];

		assert_int_equal(wm_prefix_parse(good[i], &p), 0);
		assert_string_equal(wm_prefix_format(p, text), good[i]);
	}
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		struct wm_prefix p = { 7, 7 };

		if (wm_prefix_parse(bad[i], &p) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_true(p.addr == 7 && p.len == 7);
	}
}

static void mac_is_unicast_and_not_zero(void **state)
{
	static const char *const bad[] = {
		"", "02:00:00:12:34", "02:00:00:12:34:5", "02:00:00:12:34:567", "02-00-00-12-34-56", "02:00:00:12:34:5g",
		"020000123456", " 2:00:00:12:34:56", "0x:00:00:12:34:56", "00:00:00:00:00:00", "01:00:5e:00:00:01",
		"ff:ff:ff:ff:ff:ff", "03:00:00:12:34:56", "02:00:00:12:34:56\n", "02:00:00:12:34:56:78",
	};
	struct wm_mac m;
	char text[WM_MAC_TEXT];

	(void)state;
	assert_int_equal(wm_mac_parse("aA:Bb:cC:09:f0:0F", &m), 0);
	assert_string_equal(wm_mac_format(&m, text), "aa:bb:cc:09:f0:0f");
	assert_int_equal(wm_mac_parse("00:00:00:00:00:01", &m), 0);
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		memset(&m, 0x42, sizeof(m));
		if (wm_mac_parse(bad[i], &m) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(m.byte[0], 0x42);
	}
}

static void endpoint_is_numeric_with_a_port(void **state)
{
	static const struct {
		const char *text, *again;
		uint8_t family;
		uint16_t port;
	} good[] = {
		{ "198.51.100.7:51820", NULL, 4, 51820 },
		{ "0.0.0.1:1", NULL, 4, 1 },
		{ "255.255.255.255:65535", NULL, 4, 65535 },
		{ "[2001:db8::7]:51820", NULL, 6, 51820 },
		{ "[2001:DB8:0:0:0:0:0:7]:51820", "[2001:db8::7]:51820", 6, 51820 },
		{ "[::ffff:198.51.100.7]:1", NULL, 6, 1 },
		{ "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", NULL, 6, 65535 },
	};
	static const char *const bad[] = {
		"", ":", "1.2.3.4", "1.2.3.4:", "1.2.3.4:0", "1.2.3.4:65536", "1.2.3.4:051820", "1.2.3.4:1 ", " 1.2.3.4:1",
		"1.2.3.4:-1", "1.2.3.4:1:2", "01.2.3.4:1", "example.com:51820", "[1.2.3.4]:51820", "2001:db8::7:51820", "[2001:db8::7]",
		"[2001:db8::7]:", "[2001:db8::7]51820", "[2001:db8::7:51820", "[]:51820", "[", "[]", "[fe80::1%eth0]:51820",
		"[2001:db8::7]:51820\n", "[:::]:1", "[2001:db8::7]]:1",
		"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1",
	};
	struct wm_endpoint ep, none = { 0 };
	char text[WM_ENDPOINT_TEXT];

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(good); i++) {
		memset(&ep, 0xff, sizeof(ep));
		assert_int_equal(wm_endpoint_parse(good[i].text, &ep), 0);
		assert_int_equal(ep.family, good[i].family);
		assert_int_equal(ep.port, good[i].port);
		assert_string_equal(wm_endpoint_format(&ep, text), good[i].again ? good[i].again : good[i].text);
	}
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		memset(&ep, 0x42, sizeof(ep));
		if (wm_endpoint_parse(bad[i], &ep) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(ep.family, 0x42);
	}
	assert_string_equal(wm_endpoint_format(&none, text), "");
	/* As on the wire. */
	ep = endpoint("198.51.100.7:51820");
	assert_memory_equal(ep.addr, "\xc6\x33\x64\x07\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}

static void endpoints_compare_by_what_they_mean(void **state)
{
	struct wm_endpoint a = endpoint("198.51.100.7:51820"), b = a, none = { 0 }, other_none = { .port = 7, .addr = { 9 } };

	(void)state;
	b.addr[9] = 1; /* behind an IPv4 address nothing counts */
	assert_true(wm_endpoint_equal(&a, &b));
	b = a;
	b.port++;
	assert_false(wm_endpoint_equal(&a, &b));
	b = endpoint("198.51.100.8:51820");
	assert_false(wm_endpoint_equal(&a, &b));
	b = endpoint("[c633:6407::]:51820"); /* the same bytes */
	assert_false(wm_endpoint_equal(&a, &b));
	assert_false(wm_endpoint_equal(&a, &none));
	assert_true(wm_endpoint_equal(&none, &other_none));
	a = b;
	a.addr[15] = 1;
	assert_false(wm_endpoint_equal(&a, &b));
}

static void masks_and_ends_of_prefixes(void **state)
{
	(void)state;
	assert_int_equal(wm_prefix_mask(0), 0);
	assert_int_equal(wm_prefix_mask(1), 0x80000000);
	assert_int_equal(wm_prefix_mask(24), 0xffffff00);
	assert_int_equal(wm_prefix_mask(31), 0xfffffffe);
	assert_int_equal(wm_prefix_mask(32), 0xffffffff);
	assert_int_equal(wm_prefix_last(prefix("172.30.2.0/24")), ip("172.30.2.255"));
	assert_int_equal(wm_prefix_last(prefix("172.30.2.4/32")), ip("172.30.2.4"));
	assert_int_equal(wm_prefix_last(prefix("0.0.0.0/0")), ip("255.255.255.255"));
}

static void has_covers_overlaps(void **state)
{
	static const struct {
		const char *a, *b;
		bool a_covers_b, b_covers_a;
	} rows[] = {
		{ "172.30.0.0/16", "172.30.2.0/24", true, false },
		{ "172.30.2.0/24", "172.30.2.0/24", true, true },
		{ "172.30.2.0/24", "172.30.3.0/24", false, false },
		{ "172.30.2.0/23", "172.30.3.0/24", true, false },
		{ "172.30.2.0/25", "172.30.2.128/25", false, false },
		{ "0.0.0.0/0", "255.255.255.255/32", true, false },
		{ "172.30.2.0/24", "172.30.2.0/25", true, false }, /* the same first address */
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_prefix a = prefix(rows[i].a), b = prefix(rows[i].b);

		assert_int_equal(wm_prefix_covers(a, b), rows[i].a_covers_b);
		assert_int_equal(wm_prefix_covers(b, a), rows[i].b_covers_a);
		assert_int_equal(wm_prefix_overlaps(a, b), rows[i].a_covers_b || rows[i].b_covers_a);
		assert_int_equal(wm_prefix_overlaps(b, a), rows[i].a_covers_b || rows[i].b_covers_a);
		assert_int_equal(wm_prefix_equal(a, b), rows[i].a_covers_b && rows[i].b_covers_a);
	}
	assert_true(wm_prefix_has(prefix("172.30.2.0/24"), ip("172.30.2.0")));
	assert_true(wm_prefix_has(prefix("172.30.2.0/24"), ip("172.30.2.255")));
	assert_false(wm_prefix_has(prefix("172.30.2.0/24"), ip("172.30.1.255")));
	assert_false(wm_prefix_has(prefix("172.30.2.0/24"), ip("172.30.3.0")));
}

static void unicast_ends_at_each_reserved_block(void **state)
{
	static const char *const unicast[] = {
		"1.0.0.0", "10.0.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.16.0.1",
		"192.168.0.1", "223.255.255.255",
	};
	static const char *const not_unicast[] = {
		"0.0.0.0", "0.255.255.255", "127.0.0.0", "127.0.0.1", "127.255.255.255", "169.254.0.0", "169.254.169.254",
		"169.254.255.255", "224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.254", "255.255.255.255",
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(unicast); i++)
		assert_true(wm_ip4_is_unicast(ip(unicast[i])));
	for (size_t i = 0; i < WM_ARRAY_LEN(not_unicast); i++)
		assert_false(wm_ip4_is_unicast(ip(not_unicast[i])));
	assert_true(wm_prefix_is_unicast(prefix("10.0.0.0/8")));
	assert_true(wm_prefix_is_unicast(prefix("169.252.0.0/15")));
	assert_false(wm_prefix_is_unicast(prefix("169.254.0.0/15"))); /* starts in it */
	assert_false(wm_prefix_is_unicast(prefix("169.0.0.0/8")));    /* holds it, both ends outside */
	assert_false(wm_prefix_is_unicast(prefix("169.254.7.0/24"))); /* lies in it */
	assert_false(wm_prefix_is_unicast(prefix("0.0.0.0/0")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ip4_takes_canonical_quads_only), TEST(prefix_refuses_host_bits),
		TEST(mac_is_unicast_and_not_zero),    TEST(endpoint_is_numeric_with_a_port),
		TEST(endpoints_compare_by_what_they_mean), TEST(masks_and_ends_of_prefixes),
		TEST(has_covers_overlaps),	      TEST(unicast_ends_at_each_reserved_block),
	};

	return UNIT_RUN("addr", tests);
}
