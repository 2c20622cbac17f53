/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/tools.h"

#include <errno.h>
#include <string.h>

#include "core/util.h"
#include "unit/unit.h"

static struct wm_site sites[] = {
	{ .domain = "a", .subnet = { 0xac1e0200, 24 } },
	{ .domain = "b", .subnet = { 0xac1e0300, 24 } },
	{ .domain = "hub", .subnet = { 0xac1e0100, 24 }, .hub = true },
};
static struct wm_host hosts[] = {
	{ .name = "web", .domain = "a", .overlay = 0xac1e0202, .local = 0xc0a8010a, .access = WM_ACCESS_FULL, .has_mac = true,
	  .mac = { { 2, 0, 0, 0, 0, 9 } } },
	{ .name = "kiosk", .domain = "a", .overlay = 0xac1e0203, .local = 0xc0a8010b },
	{ .name = "nas", .domain = "b", .overlay = 0xac1e0302, .access = WM_ACCESS_FULL },
};
static struct wm_device devices[] = {
	{ .name = "laptop", .overlay = 0xac1e0102, .access = WM_ACCESS_FULL },
	{ .name = "sensor", .overlay = 0xac1e0103 },
};
static const struct context ctx = {
	.config = { .mesh = { .self = "a", .supernet = { 0xac1e0000, 16 } }, .sites = sites, .nsites = 3, .hosts = hosts,
		    .nhosts = 3, .devices = devices, .ndevices = 2 },
};

static void by_address(void **state)
{
	static const struct {
		wm_ip4 addr;
		const char *name; /* NULL: nobody */
	} rows[] = {
		{ 0xac1e0202, "web.a" }, { 0xac1e0203, "kiosk.a" }, { 0xac1e0302, "nas.b" }, { 0xac1e0102, "laptop.hub" },
		{ 0xac1e0201, "gw.a" }, { 0xac1e0301, "gw.b" }, { 0xac1e0204, NULL }, { 0xac1e0000, NULL }, { 0xc0a8010a, NULL }, { 0, NULL },
	};
	char buf[WM_FQDN_SIZE];

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		const char *name = tool_name(&ctx, rows[i].addr, buf);

		assert_int_equal(!name, !rows[i].name);
		if (name)
			assert_string_equal(name, rows[i].name);
	}
}

static void by_word(void **state)
{
	static const struct {
		const char *word, *name; /* "": known to nobody; NULL: there is no such name */
		wm_ip4 overlay, local;
		bool isolated, device, gateway, here;
	} rows[] = {
		{ "web.a", "web.a", 0xac1e0202, 0xc0a8010a, false, false, false, true },
		{ "192.168.1.10", "web.a", 0xac1e0202, 0xc0a8010a, false, false, false, true },
		{ "172.30.2.2", "web.a", 0xac1e0202, 0xc0a8010a, false, false, false, true },
		{ "kiosk.a", "kiosk.a", 0xac1e0203, 0xc0a8010b, true, false, false, true },
		{ "nas.b", "nas.b", 0xac1e0302, 0, false, false, false, false },
		{ "laptop", "laptop.hub", 0xac1e0102, 0, false, true, false, false },
		{ "sensor.hub", "sensor.hub", 0xac1e0103, 0, true, true, false, false },
		{ "gw.a", "gw.a", 0xac1e0201, 0, false, false, true, true },
		{ "gw.b", "gw.b", 0xac1e0301, 0, false, false, true, false },
		{ "172.30.2.200", "", 0xac1e02c8, 0, false, false, false, false },
		{ "192.168.1.99", "", 0, 0xc0a80163, false, false, false, false },
		{ "web", NULL }, { "web.b", NULL }, { "gw.c", NULL }, { "", NULL }, { "web.a.", NULL }, { "192.168.1", NULL },
	};
	struct tool_who who;

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		assert_int_equal(tool_find(&ctx, rows[i].word, &who), rows[i].name ? 0 : -ENOENT);
		if (!rows[i].name)
			continue;
		assert_string_equal(who.name, rows[i].name);
		assert_int_equal(who.known, *rows[i].name != '\0');
		assert_int_equal(who.overlay, rows[i].overlay);
		assert_int_equal(who.local, rows[i].local);
		assert_true(who.isolated == rows[i].isolated && who.device == rows[i].device && who.gateway == rows[i].gateway &&
			    who.here == rows[i].here);
	}
	assert_int_equal(tool_find(&ctx, "web.a", &who), 0);
	assert_true(who.has_mac && who.mac.byte[5] == 9);
}

static void nobody_without_a_config(void **state)
{
	const struct context empty = { 0 };
	struct tool_who who;
	char buf[WM_FQDN_SIZE];

	(void)state;
	assert_null(tool_name(&empty, 0xac1e0202, buf));
	assert_int_equal(tool_find(&empty, "web.a", &who), -ENOENT);
	assert_int_equal(tool_find(&empty, "172.30.2.2", &who), 0);
	assert_false(who.known);
}

static void protocols_and_numbers(void **state)
{
	static const char *const bad[] = { "", "x", "256", "-1", "+1", " 1", "1 ", "99999999999999999999", "0x1" };
	char buf[TOOL_PROTOCOL];
	unsigned long n;
	uint8_t proto;

	(void)state;
	for (unsigned int p = 0; p < 256; p++) {
		assert_int_equal(tool_protocol_parse(tool_protocol((uint8_t)p, buf), &proto), 0);
		assert_int_equal(proto, p);
	}
	assert_string_equal(tool_protocol(6, buf), "tcp");
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		assert_int_equal(tool_protocol_parse(bad[i], &proto), -EINVAL);
		assert_int_equal(tool_number(bad[i], 255, &n), -EINVAL);
	}
	assert_int_equal(tool_number("255", 255, &n), 0);
	assert_int_equal(n, 255);
}

static void every_drop_has_advice(void **state)
{
	(void)state;
	for (unsigned int r = 0; r < WM_REASON_COUNT; r++)
		assert_int_equal(*tool_advice(r) != '\0', wm_reason_is_drop(r));
	assert_string_equal(tool_advice(WM_REASON_COUNT), "");
}

static void ages(void **state)
{
	char buf[TOOL_AGE];

	(void)state;
	assert_string_equal(tool_age(0, buf), "never");
	assert_non_null(strstr(tool_age(wm_unix_time() - 100, buf), " s ago"));
	assert_string_equal(tool_age(wm_unix_time() + 100, buf), "0 s ago");
	assert_non_null(strstr(tool_ifname(0x7fffffff, (char[TOOL_IFNAME]){ "" }), "interface-2147483647"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(by_address),
		TEST(by_word),
		TEST(nobody_without_a_config),
		TEST(protocols_and_numbers),
		TEST(every_drop_has_advice),
		TEST(ages),
	};

	return UNIT_RUN("names", tests);
}
