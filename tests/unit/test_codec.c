/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * JSON objects by table: every type of field with what it takes and what not.
 */
#include "core/codec.h"
#include "core/util.h"
#include "unit/mesh.h"

struct all {
	char string[8];
	char label[WM_NAME_SIZE];
	bool flag;
	uint64_t number;
	wm_ip4 ip;
	struct wm_prefix net;
	struct wm_mac mac;
	struct wm_key key;
	struct wm_endpoint endpoint;
	uint8_t host_type, device_type, strict_type;
	int64_t time;
};

static const struct wm_field all_fields[] = {
#define FIELD(member, key, type, flags) { key, type, offsetof(struct all, member), sizeof(((struct all *)0)->member), flags }
	FIELD(string, "string", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	FIELD(label, "label", WM_FIELD_LABEL, 0),
	FIELD(flag, "flag", WM_FIELD_BOOL, 0),
	FIELD(number, "number", WM_FIELD_UINT, 0),
	FIELD(ip, "ip", WM_FIELD_IP4, WM_FIELD_NULLABLE),
	FIELD(net, "net", WM_FIELD_PREFIX, 0),
	FIELD(mac, "mac", WM_FIELD_MAC, WM_FIELD_NULLABLE),
	FIELD(key, "key", WM_FIELD_KEY, WM_FIELD_NULLABLE),
	FIELD(endpoint, "endpoint", WM_FIELD_ENDPOINT, WM_FIELD_NULLABLE),
	FIELD(host_type, "host_type", WM_FIELD_HOST_TYPE, 0),
	FIELD(device_type, "device_type", WM_FIELD_DEVICE_TYPE, 0),
	FIELD(strict_type, "strict_type", WM_FIELD_HOST_TYPE, WM_FIELD_STRICT),
	FIELD(time, "time", WM_FIELD_TIME, WM_FIELD_NULLABLE),
#undef FIELD
};
static const struct wm_table all_table = { all_fields, WM_ARRAY_LEN(all_fields) };

#define KEY_TEXT "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="

static int decode(const char *json, struct all *out)
{
	return wm_decode(&all_table, json, strlen(json), out, NULL, &err);
}

static void every_type_takes_what_is_right(void **state)
{
	static const char json[] =
		"{\"string\":\"a\xc3\xbc\\\"\\\\\",\"label\":\"nas-2\",\"flag\":true,\"number\":9007199254740992,"
		"\"ip\":\"192.168.1.10\",\"net\":\"172.30.2.0/24\",\"mac\":\"02:00:00:12:34:56\",\"key\":\"" KEY_TEXT "\","
		"\"endpoint\":\"[2001:db8::7]:51820\",\"host_type\":\"standard\",\"device_type\":\"roaming\",\"strict_type\":\"standard\","
		"\"time\":\"2026-01-02T03:04:05Z\"}";
	struct all all = { 0 };
	uint32_t seen = 0;
	char text[WM_KEY_TEXT];

	(void)state;
	assert_ok(wm_decode(&all_table, json, strlen(json), &all, &seen, &err));
	assert_int_equal(seen, 0x1fff);
	assert_string_equal(all.string, "a\xc3\xbc\"\\");
	assert_string_equal(all.label, "nas-2");
	assert_true(all.flag);
	assert_int_equal(all.number, 1ull << 53);
	assert_int_equal(all.ip, ip("192.168.1.10"));
	assert_true(wm_prefix_equal(all.net, prefix("172.30.2.0/24")));
	assert_int_equal(all.mac.byte[5], 0x56);
	assert_string_equal(wm_key_format(&all.key, text), KEY_TEXT);
	assert_int_equal(all.endpoint.port, 51820);
	assert_int_equal(all.host_type, WM_ACCESS_FULL);
	assert_int_equal(all.device_type, WM_ACCESS_FULL);
	assert_int_equal(all.strict_type, WM_ACCESS_FULL);
	assert_int_equal(all.time, 1767323045);
}

static void every_type_refuses_by_name_what_is_wrong(void **state)
{
	static const struct {
		const char *field, *value;
	} rows[] = {
		{ "string", "7" }, { "string", "[]" }, { "string", "true" }, { "string", "\"12345678\"" }, { "string", "\"a\\nb\"" },
		{ "string", "\"\\u001b[m\"" }, { "string", "\"\\u007f\"" }, { "string", "\"\\u0080\"" }, { "string", "\"a\\u009b\"" }, { "string", "\"\\t\"" },
		{ "label", "null" }, { "label", "7" }, { "label", "\"\"" }, { "label", "\"Nas\"" }, { "label", "\"a b\"" },
		{ "label", "\"a\\nb\"" }, { "label", "\"a;b\"" }, { "label", "\"a'b\"" }, { "label", "{}" },
		{ "label", "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"" },
		{ "flag", "null" }, { "flag", "1" }, { "flag", "\"true\"" }, { "flag", "\"\"" }, { "flag", "[true]" },
		{ "number", "null" }, { "number", "-1" }, { "number", "1.0" }, { "number", "1e3" }, { "number", "\"1\"" },
		{ "number", "9007199254740993" }, { "number", "true" },
		{ "ip", "\"\"" }, { "ip", "\"192.168.1\"" }, { "ip", "\"192.168.1.010\"" }, { "ip", "3232235786" },
		{ "ip", "\"192.168.1.10/24\"" },
		{ "net", "null" }, { "net", "\"172.30.2.1/24\"" }, { "net", "\"172.30.2.0\"" }, { "net", "\"172.30.2.0/33\"" },
		{ "mac", "\"01:00:5e:00:00:01\"" }, { "mac", "\"00:00:00:00:00:00\"" }, { "mac", "\"02:00:00:12:34\"" }, { "mac", "false" },
		{ "key", "\"x\"" }, { "key", "\"\"" }, { "key", "0" }, { "key", "\"hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmp=\"" },
		{ "endpoint", "\"example.com:1\"" }, { "endpoint", "\"1.2.3.4\"" }, { "endpoint", "\"1.2.3.4:0\"" }, { "endpoint", "\"\"" },
		{ "host_type", "null" }, { "host_type", "1" }, { "device_type", "true" },
		{ "time", "1767323045" }, { "time", "\"\"" }, { "time", "\"2026-01-02\"" },
		{ "strict_type", "\"admin\"" }, { "strict_type", "\"\"" }, { "strict_type", "\"Standard\"" },
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct all all, before;
		char json[256];

		memset(&all, 0, sizeof(all));
		strcpy(all.string, "old");
		strcpy(all.label, "old");
		all.number = 5;
		all.ip = 5;
		all.host_type = all.device_type = all.strict_type = WM_ACCESS_FULL;
		before = all;
		snprintf(json, sizeof(json), "{\"%s\":%s}", rows[i].field, rows[i].value);
		if (decode(json, &all) != -EINVAL || strcmp(err.field, rows[i].field) || !strstr(err.text, rows[i].field))
			fail_msg("%s gave field '%s', '%s'", json, err.field, err.text);
		/* A bad value leaves what was there. */
		assert_memory_equal(&all, &before, sizeof(all));
	}
}

static void unknown_types_grant_nothing(void **state)
{
	static const char *const texts[] = { "isolated", "admin", "", "Standard", "standard ", "roaming" };

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(texts); i++) {
		struct all all = { .host_type = WM_ACCESS_FULL };
		char json[100];

		snprintf(json, sizeof(json), "{\"host_type\":\"%s\"}", texts[i]);
		assert_ok(decode(json, &all));
		assert_int_equal(all.host_type, WM_ACCESS_ISOLATED);
	}
	/* Each kind has its own word for full access. */
	struct all all = { .device_type = WM_ACCESS_FULL };
	assert_ok(decode("{\"device_type\":\"standard\"}", &all));
	assert_int_equal(all.device_type, WM_ACCESS_ISOLATED);
}

static void null_means_none_where_it_may_stand(void **state)
{
	struct all all = { .string = "old", .ip = 5, .mac = mac("02:00:00:12:34:56"), .key = key(1), .endpoint = endpoint("1.2.3.4:5") };
	uint32_t seen;
	static const char json[] = "{\"string\":null,\"ip\":null,\"mac\":null,\"key\":null,\"endpoint\":null}";

	(void)state;
	assert_ok(wm_decode(&all_table, json, strlen(json), &all, &seen, &err));
	assert_string_equal(all.string, "");
	assert_int_equal(all.ip, 0);
	assert_true(wm_key_is_zero(&all.key));
	assert_int_equal(all.endpoint.family, 0);
	assert_int_equal(all.mac.byte[0], 0);
	assert_int_equal(seen, 1 | 1 << 4 | 1 << 6 | 1 << 7 | 1 << 8);
}

static void absent_and_unknown_members_change_nothing(void **state)
{
	struct all all = { .string = "old", .number = 5 };
	uint32_t seen = 77;
	static const char json[] = "{\"nothing\":1,\"Number\":6,\"nested\":{\"number\":7},\"\":[]}";

	(void)state;
	assert_ok(wm_decode(&all_table, json, strlen(json), &all, &seen, &err));
	assert_int_equal(seen, 0);
	assert_string_equal(all.string, "old");
	assert_int_equal(all.number, 5);
}

static void required_members_are_named(void **state)
{
	struct wm_host h = { 0 };

	(void)state;
#define HOST(json) wm_decode(&wm_host_table, json, strlen(json), &h, NULL, &err)
	assert_refused(HOST("{}"), EINVAL, "name", "missing");
	assert_refused(HOST("{\"name\":\"nas\"}"), EINVAL, "domain", "missing");
	assert_refused(HOST("{\"name\":\"nas\",\"domain\":\"b\"}"), EINVAL, "wg_ip", "missing");
	assert_refused(HOST("{\"name\":\"nas\",\"domain\":\"b\",\"wg_ip\":null}"), EINVAL, "wg_ip", NULL);
	assert_ok(HOST("{\"name\":\"nas\",\"domain\":\"b\",\"wg_ip\":\"172.30.3.2\"}"));
	/* No type: the least. */
	assert_int_equal(h.access, WM_ACCESS_ISOLATED);
#undef HOST
}

static void what_is_no_json_object_is_refused(void **state)
{
	static const char *const bad[] = {
		"", " ", "nonsense", "{", "}", "{}}", "{} x", "{\"number\":1", "{\"number\":}", "{\"number\":1,}", "{number:1}",
		"{'number':1}", "[]", "[{}]", "7", "\"x\"", "null", "<html><body>502</body></html>", "{\"number\":01}", "{\"number\":+1}",
		"{\"string\":\"\xff\"}", "{\"string\":\"\xc0\x80\"}", "{\"string\":\"\xed\xa0\x80\"}", "{\"string\":\"\\ud800\"}",
		"{\"string\":\"a\\u0000b\"}", "{\"string\":\"\n\"}", "{\"number\":99999999999999999999999}", "\xef\xbb\xbf{}",
		"{\"number\":1,\"number\":1}", "{\"x\":{\"y\":1,\"y\":2}}", "{\"\\u0000\":1}",
	};
	struct all all = { 0 };
	static const char with_nul[] = "{\"number\":1}\0";

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		if (decode(bad[i], &all) != -EINVAL || strlen(err.text) < 10)
			fail_msg("%s was taken", bad[i]);
	}
	assert_refused(wm_decode(&all_table, with_nul, sizeof(with_nul) - 1, &all, NULL, &err), EINVAL, "", "JSON");
	assert_ok(decode(" \r\n\t{ \"number\" : 1 } \n", &all));
}

static void nesting_ends_at_sixteen(void **state)
{
	char json[200000] = "{\"x\":";
	size_t len = strlen(json);
	struct all all = { 0 };

	(void)state;
	strcat(json, "[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}"); /* 15 in 1 */
	assert_ok(decode(json, &all));
	json[len] = '\0';
	strcat(json, "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}");
	assert_refused(decode(json, &all), EINVAL, "", "16 levels");
	memset(json + len, '[', sizeof(json) - len - 1);
	assert_refused(decode(json, &all), EINVAL, "", "16 levels");
	/* Brackets in strings are none, whatever is escaped there. */
	assert_ok(decode("{\"x\":\"[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[[[\\\\\"}", &all));
	assert_ok(decode("{\"a\":{},\"b\":{},\"c\":{},\"d\":{},\"e\":{},\"f\":{},\"g\":{},\"h\":{},\"i\":{},\"j\":{},\"k\":{},\"l\":{},"
			 "\"m\":{},\"n\":{},\"o\":{},\"p\":{},\"q\":{},\"r\":[[],[],[]]}", &all));
}

static void encoding_is_decoded_again(void **state)
{
	struct rng r = { 41 };

	(void)state;
	for (int i = 0; i < 200; i++) {
		struct wm_config c;

		mesh_random(&r, &c);
		for (size_t n = 0; n < c.nsites; n++) {
			WM_AUTO_FREE char *json = wm_encode(&wm_site_table, &c.sites[n], ~0u);
			struct wm_site again = { 0 };

			assert_ok(wm_decode(&wm_site_table, json, strlen(json), &again, NULL, &err));
			assert_sites_equal(&c.sites[n], &again);
		}
		for (size_t n = 0; n < c.ndevices; n++) {
			WM_AUTO_FREE char *json = wm_encode(&wm_device_table, &c.devices[n], ~0u);
			struct wm_device again = { 0 };

			assert_ok(wm_decode(&wm_device_table, json, strlen(json), &again, NULL, &err));
			assert_devices_equal(&c.devices[n], &again);
		}
		wm_config_free(&c);
	}
}

static void the_mask_selects_and_zero_is_null(void **state)
{
	struct all all = { .string = "\"\\\x7f", .number = 1ull << 53, .net = prefix("10.0.0.0/8") };
	WM_AUTO_FREE char *some = wm_encode(&all_table, &all, 1 << 3 | 1 << 5);
	WM_AUTO_FREE char *none = wm_encode(&all_table, &all, 0);
	WM_AUTO_FREE char *nulls = wm_encode(&all_table, &all, 1 << 4 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 9);

	(void)state;
	assert_string_equal(some, "{\"number\":9007199254740992,\"net\":\"10.0.0.0/8\"}");
	assert_string_equal(none, "{}");
	assert_string_equal(nulls, "{\"ip\":null,\"mac\":null,\"key\":null,\"endpoint\":null,\"host_type\":\"isolated\"}");
}

static void any_json_indented(void **state)
{
	static const char json[] = "{\"b\":[1,{\"c\":null}],\"a\":\"\xc3\xbc\"}";
	WM_AUTO_FREE char *pretty = wm_json_pretty(json, strlen(json));
	WM_AUTO_FREE char *again = pretty ? wm_json_pretty(pretty, strlen(pretty)) : NULL;

	(void)state;
	assert_non_null(pretty);
	assert_string_equal(pretty, "{\n  \"b\": [\n    1,\n    {\n      \"c\": null\n    }\n  ],\n  \"a\": \"\xc3\xbc\"\n}");
	assert_string_equal(again, pretty);
	assert_null(wm_json_pretty("{", 1));
	assert_null(wm_json_pretty("", 0));
	assert_null(wm_json_pretty("<html>", 6));
}

static void one_member(void **state)
{
	static const char json[] = "{\"detail\":\"host 'x' is there\\nalready\",\"status\":409,\"nested\":{\"title\":\"no\"}}";
	WM_AUTO_FREE char *detail = wm_json_member(json, strlen(json), "detail");

	(void)state;
	assert_string_equal(detail, "host 'x' is there\nalready");
	assert_null(wm_json_member(json, strlen(json), "status"));
	assert_null(wm_json_member(json, strlen(json), "title"));
	assert_null(wm_json_member("[\"detail\"]", 10, "detail"));
	assert_null(wm_json_member("Bad Gateway", 11, "detail"));
	assert_null(wm_json_member("", 0, "detail"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_type_takes_what_is_right),
		TEST(every_type_refuses_by_name_what_is_wrong),
		TEST(unknown_types_grant_nothing),
		TEST(null_means_none_where_it_may_stand),
		TEST(absent_and_unknown_members_change_nothing),
		TEST(required_members_are_named),
		TEST(what_is_no_json_object_is_refused),
		TEST(nesting_ends_at_sixteen),
		TEST(encoding_is_decoded_again),
		TEST(the_mask_selects_and_zero_is_null),
		TEST(any_json_indented),
		TEST(one_member),
	};

	return UNIT_RUN("codec", tests);
}
