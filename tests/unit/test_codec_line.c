/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The lines of a config stream (docs/api.md), as a registry sends them and as
 * a hostile one could.
 */
#include "core/codec.h"
#include "core/util.h"
#include "unit/mesh.h"

static struct wm_record record;

static int line(const char *json)
{
	memset(&record, 0xa5, sizeof(record));
	return wm_decode_line(json, strlen(json), &record, &err);
}

static void the_lines_of_the_documentation(void **state)
{
	(void)state;
	assert_ok(line("{\"mesh\":{\"version\":1,\"instance\":\"5e0c0f0e-8d3f-4b7e-9a51-0d3f6f1c2b4a\",\"generation\":17,"
		       "\"mesh_name\":\"home\",\"supernet\":\"172.30.0.0/16\",\"self\":\"a\",\"requires\":[]}}"));
	assert_int_equal(record.type, WM_RECORD_MESH);
	assert_int_equal(record.len, sizeof(struct wm_mesh));
	assert_string_equal(record.mesh.self, "a");
	assert_int_equal(record.mesh.generation, 17);
	assert_int_equal(record.mesh.requires, 0);
	assert_string_equal(record.mesh.mark, "");
	assert_ok(line("{\"mesh\":{\"version\":1,\"instance\":\"5e0c0f0e-8d3f-4b7e-9a51-0d3f6f1c2b4a\",\"generation\":17,"
		       "\"mesh_name\":\"home\",\"supernet\":\"172.30.0.0/16\",\"self\":\"a\",\"mark\":\"9f86d081884c7d65\"}}"));
	assert_string_equal(record.mesh.mark, "9f86d081884c7d65");

	assert_ok(line("{\"site\":{\"domain\":\"b\",\"subnet\":\"172.30.3.0/24\",\"gateway\":\"172.30.3.1\",\"is_hub\":false,"
		       "\"public_key\":null,\"endpoint\":\"198.51.100.3:51820\"}}"));
	assert_int_equal(record.type, WM_RECORD_SITE);
	assert_string_equal(record.site.domain, "b");
	assert_int_equal(record.site.endpoint.port, 51820);
	assert_true(wm_key_is_zero(&record.site.public_key));

	assert_ok(line("{\"host\":{\"name\":\"nas\",\"domain\":\"b\",\"wg_ip\":\"172.30.3.2\",\"local_ip\":\"192.168.1.10\","
		       "\"type\":\"standard\",\"mac\":\"aa:bb:cc:dd:ee:ff\"}}"));
	assert_int_equal(record.type, WM_RECORD_HOST);
	assert_true(record.host.has_mac);
	assert_int_equal(record.host.mac.byte[0], 0xaa);
	assert_int_equal(record.host.access, WM_ACCESS_FULL);

	assert_ok(line("{\"host\":{\"name\":\"nas\",\"domain\":\"b\",\"wg_ip\":\"172.30.3.2\",\"local_ip\":null,"
		       "\"type\":\"isolated\",\"mac\":null}}"));
	assert_false(record.host.has_mac);
	assert_int_equal(record.host.local, 0);
	assert_int_equal(record.host.access, WM_ACCESS_ISOLATED);

	assert_ok(line("{\"device\":{\"name\":\"laptop\",\"domain\":\"hub\",\"wg_ip\":\"172.30.1.2\",\"type\":\"roaming\","
		       "\"public_key\":null}}"));
	assert_int_equal(record.type, WM_RECORD_DEVICE);
	assert_int_equal(record.device.access, WM_ACCESS_FULL);

	assert_ok(line("{\"end\":{\"generation\":17,\"count\":9}}\n"));
	assert_int_equal(record.type, WM_RECORD_END);
	assert_int_equal(record.end.count, 9);
}

static void the_lines_of_changes(void **state)
{
	struct wm_gone site = { .kind = "site", .name = "b" };
	char *text;

	(void)state;
	assert_ok(line("{\"changes\":{\"version\":1,\"instance\":\"i\",\"after\":17,\"generation\":19,\"mesh_name\":\"home\","
		       "\"supernet\":\"172.30.0.0/16\",\"self\":\"a\",\"requires\":[]}}"));
	assert_int_equal(record.type, WM_RECORD_CHANGES);
	assert_int_equal(record.len, sizeof(struct wm_changes));
	assert_int_equal(record.changes.after, 17);
	assert_int_equal(record.changes.mesh.generation, 19);
	assert_string_equal(record.changes.mesh.self, "a");
	assert_ok(line("{\"gone\":{\"kind\":\"host\",\"name\":\"nas\",\"domain\":\"b\"}}"));
	assert_int_equal(record.type, WM_RECORD_GONE);
	assert_string_equal(record.gone.name, "nas");
	assert_string_equal(record.gone.domain, "b");
	text = wm_encode_line(WM_RECORD_GONE, &site);
	assert_string_equal(text, "{\"gone\":{\"kind\":\"site\",\"name\":\"b\",\"domain\":null}}");
	free(text);
	assert_refused(line("{\"gone\":{\"kind\":\"host\",\"name\":\"../x\",\"domain\":\"b\"}}"), EINVAL, "name", NULL);
	assert_refused(line("{\"changes\":{\"version\":1,\"instance\":\"i\",\"generation\":19,\"mesh_name\":\"home\","
			    "\"supernet\":\"172.30.0.0/16\"}}"), EINVAL, "after", NULL);
	assert_refused(line("{\"changes\":{\"version\":2,\"instance\":\"i\",\"after\":17,\"generation\":19,"
			    "\"mesh_name\":\"home\",\"supernet\":\"172.30.0.0/16\"}}"), EINVAL, "version", NULL);
}

static void kinds_we_do_not_know_are_skipped(void **state)
{
	(void)state;
	assert_int_equal(line("{\"router\":{\"name\":\"x\"}}"), 1);
	assert_int_equal(line("{\"gone\":{\"kind\":\"router\",\"name\":\"x\"}}"), 1);
	assert_int_equal(line("{}"), 1);
	assert_int_equal(line("{\"x\":null,\"y\":[1,2,3]}"), 1);
}

static void members_we_do_not_know_are_skipped(void **state)
{
	(void)state;
	assert_ok(line("{\"device\":{\"name\":\"laptop\",\"wg_ip\":\"172.30.1.2\",\"type\":\"roaming\",\"colour\":{\"a\":[1]}},\"v\":2}"));
	assert_string_equal(record.device.name, "laptop");
}

#define HEADER(version, requires) \
	"{\"mesh\":{" version "\"instance\":\"i\",\"generation\":1,\"mesh_name\":\"m\",\"supernet\":\"10.0.0.0/8\"" requires "}}"

static void versions_and_features_we_lack_are_refused(void **state)
{
	(void)state;
	assert_ok(line(HEADER("\"version\":1,", "")));
	assert_string_equal(record.mesh.self, ""); /* nobody's */
	assert_ok(line(HEADER("\"version\":1,", ",\"self\":null,\"requires\":[]")));
	assert_refused(line(HEADER("", "")), EINVAL, "version", "update");
	assert_refused(line(HEADER("\"version\":2,", "")), EINVAL, "version", "update");
	assert_refused(line(HEADER("\"version\":0,", "")), EINVAL, "version", "update");
	assert_refused(line(HEADER("\"version\":\"1\",", "")), EINVAL, "version", NULL);
	assert_refused(line(HEADER("\"version\":1,", ",\"requires\":[\"multi-hub\"]")), EINVAL, "requires", "multi-hub");
	assert_refused(line(HEADER("\"version\":1,", ",\"requires\":[7]")), EINVAL, "requires", NULL);
	assert_refused(line(HEADER("\"version\":1,", ",\"requires\":\"multi-hub\"")), EINVAL, "requires", NULL);
	assert_refused(line(HEADER("\"version\":1,", ",\"requires\":null")), EINVAL, "requires", NULL);
	assert_refused(line("{\"mesh\":[]}"), EINVAL, "version", NULL);
}

static void hostile_lines_are_refused_by_field(void **state)
{
	static const struct {
		const char *json, *field;
	} rows[] = {
		{ "[]", "" },
		{ "7", "" },
		{ "{\"site\":null}", "" },
		{ "{\"site\":[]}", "" },
		{ "{\"host\":\"nas\"}", "" },
		{ "{\"site\":{\"domain\":\"a\\nb\",\"subnet\":\"10.0.0.0/24\"}}", "domain" },
		{ "{\"site\":{\"domain\":\"a\",\"subnet\":\"0.0.0.0/0\",\"endpoint\":\"evil.example:1\"}}", "endpoint" },
		{ "{\"site\":{\"domain\":\"a\",\"domain\":\"b\",\"subnet\":\"10.0.0.0/24\"}}", "" },
		{ "{\"host\":{\"name\":\"a\\\"b\",\"domain\":\"b\",\"wg_ip\":\"10.0.0.2\"}}", "name" },
		{ "{\"host\":{\"name\":\"a\",\"domain\":\"b\",\"wg_ip\":\"10.0.0.2/8\"}}", "wg_ip" },
		{ "{\"host\":{\"name\":\"a\",\"domain\":\"b\",\"wg_ip\":\"10.0.0.2\",\"local_ip\":\"localhost\"}}", "local_ip" },
		{ "{\"host\":{\"name\":\"a\",\"domain\":\"b\",\"wg_ip\":\"10.0.0.2\",\"mac\":\"ff:ff:ff:ff:ff:ff\"}}", "mac" },
		{ "{\"device\":{\"name\":\"a\",\"wg_ip\":\"10.0.0.2\",\"public_key\":\"AAAA\"}}", "public_key" },
		{ "{\"end\":{\"generation\":-1,\"count\":9}}", "generation" },
		{ "{\"end\":{\"generation\":1,\"count\":1e99}}", "count" },
		{ "{\"end\":{\"generation\":1}}", "count" },
	};
	char long_name[400] = "{\"site\":{\"domain\":\"";

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		if (line(rows[i].json) != -EINVAL || strcmp(err.field, rows[i].field))
			fail_msg("%s gave field '%s', '%s'", rows[i].json, err.field, err.text);
		/* Nothing of it shows. */
		assert_int_equal(record.type, 0xa5a5);
	}
	memset(long_name + strlen(long_name), 'x', 300);
	strcat(long_name, "\",\"subnet\":\"10.0.0.0/24\"}}");
	assert_refused(line(long_name), EINVAL, "domain", NULL);
}

static void lines_cut_anywhere_are_refused(void **state)
{
	static const char json[] = "{\"host\":{\"name\":\"nas\",\"domain\":\"b\",\"wg_ip\":\"172.30.3.2\",\"local_ip\":\"192.168.1.10\","
				   "\"type\":\"standard\",\"mac\":\"aa:bb:cc:dd:ee:ff\"}}";

	(void)state;
	for (size_t n = 0; n < sizeof(json) - 1; n++) {
		/* In a block of its own, so that reading behind it would show. */
		char *cut = malloc(n + 1);

		memcpy(cut, json, n);
		cut = realloc(cut, n ? n : 1);
		assert_int_equal(wm_decode_line(cut, n, &record, &err), -EINVAL);
		free(cut);
	}
}

/* Encoded, decoded and put together: the same config. */
static void a_config_crosses_as_lines(void **state)
{
	struct rng r = { 51 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct wm_config c, again = { 0 };
		struct wm_record_end end;
		size_t n = 0, nlines;

		mesh_random(&r, &c);
		c.mesh.generation = rng_next(&r);
		end = (struct wm_record_end){ c.mesh.generation, c.nsites + c.nhosts + c.ndevices };
		nlines = end.count + 2;
		for (int rc = 0; n < nlines; n++) {
			size_t at = n - 1;
			const void *what = &c.mesh;
			uint16_t type = WM_RECORD_MESH;
			WM_AUTO_FREE char *json = NULL;

			if (n == nlines - 1)
				type = WM_RECORD_END, what = &end;
			else if (n && at < c.nsites)
				type = WM_RECORD_SITE, what = &c.sites[at];
			else if (n && at < c.nsites + c.nhosts)
				type = WM_RECORD_HOST, what = &c.hosts[at - c.nsites];
			else if (n)
				type = WM_RECORD_DEVICE, what = &c.devices[at - c.nsites - c.nhosts];
			json = wm_encode_line(type, what);
			assert_non_null(json);
			assert_null(strchr(json, '\n'));
			assert_ok(line(json));
			assert_int_equal(record.type, type);
			rc = wm_config_take(&again, &record, &err);
			assert_int_equal(rc, n == nlines - 1);
		}
		assert_configs_equal(&c, &again);
		wm_config_free(&c);
		wm_config_free(&again);
	}
}

static void derived_members_are_written(void **state)
{
	struct wm_site site = { .domain = "b", .subnet = prefix("172.30.3.0/24") };
	struct wm_mesh mesh = { .instance = "i", .name = "m", .supernet = prefix("10.0.0.0/8") };
	WM_AUTO_FREE char *site_line = wm_encode_line(WM_RECORD_SITE, &site);
	WM_AUTO_FREE char *mesh_line = wm_encode_line(WM_RECORD_MESH, &mesh);

	(void)state;
	assert_string_equal(site_line, "{\"site\":{\"domain\":\"b\",\"subnet\":\"172.30.3.0/24\",\"is_hub\":false,\"public_key\":null,"
				       "\"endpoint\":null,\"preshared_key\":null,\"gateway\":\"172.30.3.1\"}}");
	assert_string_equal(mesh_line, "{\"mesh\":{\"instance\":\"i\",\"generation\":0,\"mesh_name\":\"m\",\"supernet\":\"10.0.0.0/8\","
				       "\"self\":null,\"mark\":null,\"version\":1,\"requires\":[]}}");
	assert_null(wm_encode_line(WM_RECORD_DONE, &site));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_lines_of_the_documentation),
		TEST(the_lines_of_changes),
		TEST(kinds_we_do_not_know_are_skipped),
		TEST(members_we_do_not_know_are_skipped),
		TEST(versions_and_features_we_lack_are_refused),
		TEST(hostile_lines_are_refused_by_field),
		TEST(lines_cut_anywhere_are_refused),
		TEST(a_config_crosses_as_lines),
		TEST(derived_members_are_written),
	};

	return UNIT_RUN("codec_line", tests);
}
