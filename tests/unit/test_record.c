/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Records as they cross from the unprivileged fetcher to the gateway: whatever
 * comes, the answer is a record, a refusal, or "more".
 */
#include "core/record.h"

#include <sys/socket.h>
#include <unistd.h>

#include "core/util.h"
#include "unit/mesh.h"

/* As it lies on the wire; a copy of ours, because changing it would be a new version. */
struct wire_header {
	uint16_t type, magic;
	uint32_t len;
};
#define MAGIC 0x6d77

/* A record into buf; its length. */
static size_t wire(uint8_t *buf, uint16_t type, const void *payload, uint32_t len)
{
	struct wire_header h = { type, MAGIC, len };

	memcpy(buf, &h, sizeof(h));
	if (len)
		memcpy(buf + sizeof(h), payload, len);
	return sizeof(h) + len;
}

static int parse(uint16_t type, const void *payload, uint32_t len, struct wm_record *ret)
{
	uint8_t buf[sizeof(struct wire_header) + WM_RECORD_MAX];
	size_t n = wire(buf, type, payload, len), used = 0;
	int rc = wm_record_parse(buf, n, ret, &used, &err);

	if (!rc)
		assert_int_equal(used, n);
	return rc;
}

/* They lie on disk and newer programs read them: fields never move, structs only grow. */
static void layouts_stay(void **state)
{
	(void)state;
#define AT(strct, member, offset) assert_int_equal(offsetof(struct strct, member), offset)
	AT(wm_mesh, instance, 0);
	AT(wm_mesh, name, 40);
	AT(wm_mesh, self, 104);
	AT(wm_mesh, generation, 168);
	AT(wm_mesh, supernet, 176);
	AT(wm_mesh, requires, 184);
	AT(wm_mesh, mark, 192);
	AT(wm_site, domain, 0);
	AT(wm_site, subnet, 64);
	AT(wm_site, public_key, 72);
	AT(wm_site, endpoint, 104);
	AT(wm_site, endpoint.port, 122);
	AT(wm_site, hub, 124);
	AT(wm_host, name, 0);
	AT(wm_host, domain, 64);
	AT(wm_host, overlay, 128);
	AT(wm_host, local, 132);
	AT(wm_host, mac, 136);
	AT(wm_host, has_mac, 142);
	AT(wm_host, access, 143);
	AT(wm_device, name, 0);
	AT(wm_device, overlay, 64);
	AT(wm_device, public_key, 68);
	AT(wm_device, access, 100);
	AT(wm_record_end, generation, 0);
	AT(wm_record_end, count, 8);
#undef AT
	assert_int_equal(WM_RECORD_MESH, 1);
	assert_int_equal(WM_RECORD_SITE, 2);
	assert_int_equal(WM_RECORD_HOST, 3);
	assert_int_equal(WM_RECORD_DEVICE, 4);
	assert_int_equal(WM_RECORD_END, 5);
	assert_int_equal(WM_ACCESS_ISOLATED, 0);
}

static void written_sent_read_and_parsed_alike(void **state)
{
	struct wm_fetch_report report = { .target = { .url = "https://x", .token = "wmg_t" }, .domain = "a", .generation = 1ull << 40 };
	struct wm_record record;
	uint8_t expected[sizeof(struct wire_header) + sizeof(report)], got[sizeof(expected)];
	size_t n = wire(expected, WM_RECORD_REPORT, &report, sizeof(report));
	int fds[2];
	FILE *f = fmemopen(got, sizeof(got), "w");

	(void)state;
	assert_int_equal(wm_record_write(f, WM_RECORD_REPORT, &report, sizeof(report)), 0);
	fclose(f);
	assert_memory_equal(got, expected, n);

	memset(got, 0, sizeof(got));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(wm_record_send(fds[0], WM_RECORD_REPORT, &report, sizeof(report)), 0);
	assert_int_equal(wm_record_send(fds[0], WM_RECORD_DONE, NULL, 0), 0);
	close(fds[0]);
	f = fdopen(fds[1], "r");
	assert_ok(wm_record_read(f, &record, &err));
	assert_int_equal(record.type, WM_RECORD_REPORT);
	assert_int_equal(record.len, sizeof(report));
	assert_memory_equal(&record.report, &report, sizeof(report));
	assert_ok(wm_record_read(f, &record, &err));
	assert_int_equal(record.type, WM_RECORD_DONE);
	assert_int_equal(wm_record_read(f, &record, &err), -ENODATA);
	fclose(f);

	assert_ok(parse(WM_RECORD_REPORT, &report, sizeof(report), &record));
	assert_memory_equal(&record.report, &report, sizeof(report));
}

static void a_reader_that_is_gone_is_an_error_and_no_signal(void **state)
{
	static const uint8_t payload[WM_RECORD_MAX + 1];
	int fds[2];
	FILE *f = tmpfile();

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	close(fds[1]);
	assert_int_equal(wm_record_send(fds[0], WM_RECORD_DONE, NULL, 0), -EPIPE);
	close(fds[0]);
	assert_int_equal(wm_record_send(-1, WM_RECORD_DONE, payload, sizeof(payload)), -EMSGSIZE);
	assert_int_equal(wm_record_write(f, WM_RECORD_DONE, payload, sizeof(payload)), -EMSGSIZE);
	fclose(f);
}

static void what_is_no_record_is_refused(void **state)
{
	static const struct wire_header bad[] = {
		{ WM_RECORD_DONE, 0, 0 },
		{ WM_RECORD_DONE, 0x776d, 0 },
		{ WM_RECORD_DONE, MAGIC, WM_RECORD_MAX + 1 },
		{ WM_RECORD_DONE, MAGIC, 0xffffffff },
		{ 0, MAGIC, 0 },
		{ 8, MAGIC, 0 },
		{ 0xffff, MAGIC, 0 },
		{ 0x4854, 0x5054, 0x2f312e31 }, /* "HTTP/1.1" */
	};
	struct wm_record record;
	size_t used;

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++)
		assert_refused(wm_record_parse(&bad[i], sizeof(bad[i]), &record, &used, &err), EBADMSG, "", NULL);
}

static void every_beginning_of_a_record_wants_more(void **state)
{
	struct wm_site site = { .domain = "a" };
	uint8_t buf[sizeof(struct wire_header) + sizeof(site) + 5];
	size_t n = wire(buf, WM_RECORD_SITE, &site, sizeof(site)), used = 12345;
	struct wm_record record;

	(void)state;
	memset(buf + n, 0xff, 5); /* the next one */
	for (size_t len = 0; len < n; len++) {
		assert_int_equal(wm_record_parse(buf, len, &record, &used, &err), 1);
		assert_int_equal(used, 12345);
	}
	assert_ok(wm_record_parse(buf, n + 5, &record, &used, &err));
	assert_int_equal(used, n);
}

static void a_shorter_struct_is_filled_up_and_a_longer_one_cut(void **state)
{
	struct {
		struct wm_site site;
		uint8_t more[300];
	} newer;
	struct wm_record record;

	(void)state;
	memset(&newer, 0xff, sizeof(newer));
	newer.site = (struct wm_site){ .domain = "a", .subnet = prefix("172.30.2.0/24"), .public_key = key(5), .hub = true };

	memset(&record, 0xff, sizeof(record));
	assert_ok(parse(WM_RECORD_SITE, &newer, offsetof(struct wm_site, public_key), &record));
	assert_string_equal(record.site.domain, "a");
	assert_true(wm_prefix_equal(record.site.subnet, newer.site.subnet));
	assert_true(wm_key_is_zero(&record.site.public_key));
	assert_int_equal(record.site.endpoint.family, 0);
	assert_false(record.site.hub);

	memset(&record, 0xff, sizeof(record));
	assert_ok(parse(WM_RECORD_SITE, &newer, sizeof(newer), &record));
	assert_sites_equal(&record.site, &newer.site);

	memset(&record, 0xff, sizeof(record));
	assert_ok(parse(WM_RECORD_HOST, NULL, 0, &record));
	assert_string_equal(record.host.name, "");
	assert_int_equal(record.host.access, WM_ACCESS_ISOLATED);
	assert_false(record.host.has_mac);
	assert_ok(parse(WM_RECORD_DONE, &newer, 10, &record));
}

static void strings_must_end(void **state)
{
	static const struct {
		const char *name;
		uint16_t type;
		size_t offset, size, whole;
	} rows[] = {
#define ROW(type, strct, member) \
	{ #strct "." #member, type, offsetof(struct strct, member), sizeof(((struct strct *)0)->member), sizeof(struct strct) }
#define TARGET(type, strct) ROW(type, strct, target.url), ROW(type, strct, target.token), ROW(type, strct, target.ca_file)
		ROW(WM_RECORD_MESH, wm_mesh, instance),
		ROW(WM_RECORD_MESH, wm_mesh, name),
		ROW(WM_RECORD_MESH, wm_mesh, self),
		ROW(WM_RECORD_MESH, wm_mesh, mark),
		ROW(WM_RECORD_SITE, wm_site, domain),
		ROW(WM_RECORD_HOST, wm_host, name),
		ROW(WM_RECORD_HOST, wm_host, domain),
		ROW(WM_RECORD_DEVICE, wm_device, name),
		TARGET(WM_RECORD_FETCH, wm_fetch_request),
		ROW(WM_RECORD_FETCH, wm_fetch_request, instance),
		ROW(WM_RECORD_FETCH, wm_fetch_request, mark),
		TARGET(WM_RECORD_ENROL, wm_fetch_enrol),
		ROW(WM_RECORD_ENROL, wm_fetch_enrol, domain),
		ROW(WM_RECORD_ENROL, wm_fetch_enrol, new_token),
		TARGET(WM_RECORD_REPORT, wm_fetch_report),
		ROW(WM_RECORD_REPORT, wm_fetch_report, domain),
		ROW(WM_RECORD_REPORT, wm_fetch_report, instance),
		ROW(WM_RECORD_REPORT, wm_fetch_report, dataplane),
		ROW(WM_RECORD_REPORT, wm_fetch_report, problem),
		ROW(WM_RECORD_REPORT, wm_fetch_report, version),
		ROW(WM_RECORD_REPORT, wm_fetch_report, mark),
		TARGET(WM_RECORD_UPDATE_SELF, wm_fetch_self),
		ROW(WM_RECORD_UPDATE_SELF, wm_fetch_self, domain),
		ROW(WM_RECORD_REPORT_PEER, wm_report_peer, kind),
		ROW(WM_RECORD_REPORT_PEER, wm_report_peer, name),
		ROW(WM_RECORD_REPORT_HOST, wm_report_host, name),
		TARGET(WM_RECORD_LOCATE, wm_fetch_locate),
		ROW(WM_RECORD_LOCATE, wm_fetch_locate, name),
		ROW(WM_RECORD_LOCATE, wm_fetch_locate, services),
		TARGET(WM_RECORD_LEAVE, wm_fetch_leave),
		ROW(WM_RECORD_LEAVE, wm_fetch_leave, domain),
		ROW(WM_RECORD_ENROLLED, wm_fetch_enrolled, domain),
		ROW(WM_RECORD_PROBLEM, wm_fetch_problem, text),
#undef TARGET
#undef ROW
	};
	struct wm_record record;

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		uint8_t payload[WM_RECORD_MAX] = { 0 };

		memset(payload + rows[i].offset, 'x', rows[i].size - 1);
		if (parse(rows[i].type, payload, (uint32_t)rows[i].whole, &record))
			fail_msg("%s: the longest string was refused", rows[i].name);
		payload[rows[i].offset + rows[i].size - 1] = 'x';
		if (parse(rows[i].type, payload, (uint32_t)rows[i].whole, &record) != -EBADMSG)
			fail_msg("%s: a string without an end was taken", rows[i].name);
		assert_non_null(strstr(err.text, "string"));
		/* Cut in the middle of it, the rest is zero: it ends. */
		assert_ok(parse(rows[i].type, payload, (uint32_t)(rows[i].offset + rows[i].size - 1), &record));
	}
}

static void values_out_of_range_are_refused(void **state)
{
	static const struct {
		uint16_t type;
		size_t offset, whole;
		uint8_t good, bad;
	} rows[] = {
#define ROW(type, strct, member, good, bad) { type, offsetof(struct strct, member), sizeof(struct strct), good, bad }
		ROW(WM_RECORD_MESH, wm_mesh, supernet.len, 32, 33),
		ROW(WM_RECORD_MESH, wm_mesh, supernet.len, 0, 255),
		ROW(WM_RECORD_SITE, wm_site, subnet.len, 32, 33),
		ROW(WM_RECORD_SITE, wm_site, hub, 1, 2),
		ROW(WM_RECORD_SITE, wm_site, hub, 0, 255),
		ROW(WM_RECORD_SITE, wm_site, preshared, 1, 2),
		ROW(WM_RECORD_ENROL, wm_fetch_enrol, preshared, 1, 2),
		ROW(WM_RECORD_REPORT, wm_fetch_report, preshared, 1, 2),
		ROW(WM_RECORD_SITE, wm_site, endpoint.family, 0, 1),
		ROW(WM_RECORD_SITE, wm_site, endpoint.family, 0, 5),
		ROW(WM_RECORD_SITE, wm_site, endpoint.family, 0, 4), /* without a port */
		ROW(WM_RECORD_SITE, wm_site, endpoint.family, 0, 10), /* AF_INET6 is not ours */
		ROW(WM_RECORD_HOST, wm_host, has_mac, 1, 2),
		ROW(WM_RECORD_HOST, wm_host, access, WM_ACCESS_FULL, 2),
		ROW(WM_RECORD_HOST, wm_host, access, WM_ACCESS_ISOLATED, 255),
		ROW(WM_RECORD_DEVICE, wm_device, access, WM_ACCESS_FULL, 2),
		ROW(WM_RECORD_ENROL, wm_fetch_enrol, subnet.len, 32, 33),
		ROW(WM_RECORD_ENROL, wm_fetch_enrol, endpoint.family, 0, 7),
		ROW(WM_RECORD_UPDATE_SELF, wm_fetch_self, endpoint.family, 0, 7),
		ROW(WM_RECORD_UPDATE_SELF, wm_fetch_self, endpoint_too, 1, 2),
		ROW(WM_RECORD_LOCATED, wm_fetch_located, endpoint.family, 0, 7),
		ROW(WM_RECORD_LOCATED, wm_fetch_located, by_services, 1, 2),
#undef ROW
	};
	struct wm_site site = { .subnet = { .addr = ip("172.30.2.1"), .len = 24 } };
	struct wm_record record;

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		uint8_t payload[WM_RECORD_MAX] = { 0 };

		payload[rows[i].offset] = rows[i].good;
		assert_ok(parse(rows[i].type, payload, (uint32_t)rows[i].whole, &record));
		payload[rows[i].offset] = rows[i].bad;
		assert_refused(parse(rows[i].type, payload, (uint32_t)rows[i].whole, &record), EBADMSG, "", "range");
	}
	assert_refused(parse(WM_RECORD_SITE, &site, sizeof(site), &record), EBADMSG, "", "range"); /* host bits */
	site.subnet.addr--;
	assert_ok(parse(WM_RECORD_SITE, &site, sizeof(site), &record));
	site.endpoint = endpoint("[2001:db8::1]:1");
	assert_ok(parse(WM_RECORD_SITE, &site, sizeof(site), &record));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(layouts_stay),
		TEST(written_sent_read_and_parsed_alike),
		TEST(a_reader_that_is_gone_is_an_error_and_no_signal),
		TEST(what_is_no_record_is_refused),
		TEST(every_beginning_of_a_record_wants_more),
		TEST(a_shorter_struct_is_filled_up_and_a_longer_one_cut),
		TEST(strings_must_end),
		TEST(values_out_of_range_are_refused),
	};

	return UNIT_RUN("record", tests);
}
