/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Records as they cross from the unprivileged fetcher to the gateway: whatever
 * comes, the answer is a record, a refusal, or "more".
 */
#include "core/record.h"

#include <sys/socket.h>
#include <sys/stat.h>
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

/* A config as its stream of records. */
static char *stream(const struct wm_config *c, size_t *ret_len)
{
	char *data = NULL;
	FILE *f = open_memstream(&data, ret_len);

	assert_non_null(f);
	assert_int_equal(wm_config_write(f, c), 0);
	assert_int_equal(fclose(f), 0);
	return data;
}

static int read_stream(const void *data, size_t len, struct wm_config *ret)
{
	FILE *f = fmemopen((void *)(uintptr_t)data, len, "r");
	int rc;

	assert_non_null(f);
	rc = wm_config_read(f, ret, &err);
	fclose(f);
	return rc;
}

/* --- single records ------------------------------------------------------------------- */

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
		{ 6, MAGIC, 0 },
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
		ROW(WM_RECORD_SITE, wm_site, domain),
		ROW(WM_RECORD_HOST, wm_host, name),
		ROW(WM_RECORD_HOST, wm_host, domain),
		ROW(WM_RECORD_DEVICE, wm_device, name),
		TARGET(WM_RECORD_FETCH, wm_fetch_request),
		ROW(WM_RECORD_FETCH, wm_fetch_request, instance),
		TARGET(WM_RECORD_ENROL, wm_fetch_enrol),
		ROW(WM_RECORD_ENROL, wm_fetch_enrol, domain),
		ROW(WM_RECORD_ENROL, wm_fetch_enrol, new_token),
		TARGET(WM_RECORD_REPORT, wm_fetch_report),
		ROW(WM_RECORD_REPORT, wm_fetch_report, domain),
		ROW(WM_RECORD_REPORT, wm_fetch_report, instance),
		ROW(WM_RECORD_REPORT, wm_fetch_report, dataplane),
		ROW(WM_RECORD_REPORT, wm_fetch_report, problem),
		ROW(WM_RECORD_REPORT, wm_fetch_report, version),
		TARGET(WM_RECORD_UPDATE_SELF, wm_fetch_self),
		ROW(WM_RECORD_UPDATE_SELF, wm_fetch_self, domain),
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

/* --- configs as streams ----------------------------------------------------------------- */

static void configs_round_trip(void **state)
{
	struct rng r = { 21 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct wm_config c, again;
		size_t len;
		char *data;

		mesh_random(&r, &c);
		strcpy(c.mesh.self, i % 2 ? c.sites[0].domain : "");
		data = stream(&c, &len);
		assert_ok(read_stream(data, len, &again));
		assert_configs_equal(&c, &again);
		free(data);
		wm_config_free(&c);
		wm_config_free(&again);
	}
}

/* A trailing record is the next answer's: reading stops at END. */
static void reading_stops_at_the_end(void **state)
{
	struct wm_config c, again;
	size_t len;
	char *data, *twice;
	FILE *f;

	(void)state;
	mesh_small_finished(&c);
	data = stream(&c, &len);
	twice = malloc(2 * len);
	memcpy(twice, data, len);
	memcpy(twice + len, data, len);
	f = fmemopen(twice, 2 * len, "r");
	for (int i = 0; i < 2; i++) {
		assert_ok(wm_config_read(f, &again, &err));
		assert_configs_equal(&c, &again);
		wm_config_free(&again);
	}
	fclose(f);
	free(twice);
	free(data);
	wm_config_free(&c);
}

static void cut_at_every_byte_it_is_refused(void **state)
{
	struct wm_config c, again = { .nsites = 4711 };
	size_t len;
	char *data;

	(void)state;
	mesh_small_finished(&c);
	data = stream(&c, &len);
	assert_true(len > 1000);
	for (size_t n = 1; n < len; n++) {
		/* In a block of its own, so that reading behind it would show. */
		char *cut = malloc(n);

		memcpy(cut, data, n);
		assert_refused(read_stream(cut, n, &again), EBADMSG, "", NULL);
		assert_int_equal(again.nsites, 4711);
		free(cut);
	}
	free(data);
	wm_config_free(&c);
}

/* Whatever passes is a config that holds all rules. */
static void assert_refused_or_finished(const void *data, size_t len)
{
	struct wm_config c;
	int rc = read_stream(data, len, &c);

	if (rc) {
		assert_true(rc == -EBADMSG || rc == -EINVAL || rc == -EREMOTEIO);
		return;
	}
	assert_ok(wm_config_finish(&c, &err));
	wm_config_free(&c);
}

static void with_any_bit_flipped_it_is_refused_or_good(void **state)
{
	struct wm_config c;
	size_t len;
	char *data;

	(void)state;
	mesh_small_finished(&c);
	data = stream(&c, &len);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		data[bit / 8] ^= (char)(1 << bit % 8);
		assert_refused_or_finished(data, len);
		data[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_refused_or_finished(data, len);
	free(data);
	wm_config_free(&c);
}

static void hostile_payloads_under_good_headers(void **state)
{
	static const uint16_t kinds[] = { WM_RECORD_SITE, WM_RECORD_HOST, WM_RECORD_DEVICE, WM_RECORD_END, WM_RECORD_MESH, WM_RECORD_PROBLEM };
	struct rng r = { 31 };

	(void)state;
	for (int i = 0; i < 5000; i++) {
		struct wm_mesh mesh = { .name = "x", .supernet = prefix("10.0.0.0/8"), .generation = 1 };
		uint8_t data[8192];
		size_t len = wire(data, WM_RECORD_MESH, &mesh, sizeof(mesh));

		for (int n = (int)rng_below(&r, 6); n >= 0; n--) {
			uint8_t payload[1200];
			uint32_t size = rng_below(&r, sizeof(payload)), ones = rng_below(&r, 100);

			/* Mostly zeroes: they get further than noise. */
			for (uint32_t j = 0; j < size; j++)
				payload[j] = rng_chance(&r, ones) ? (uint8_t)rng_next(&r) : 0;
			len += wire(data + len, kinds[rng_below(&r, WM_ARRAY_LEN(kinds))], payload, size);
		}
		assert_refused_or_finished(data, len);
	}
}

static int take(struct wm_config *c, uint16_t type, const void *payload, size_t len)
{
	struct wm_record record = { .type = type, .len = (uint32_t)len };

	memcpy(record.byte, payload, len);
	return wm_config_take(c, &record, &err);
}

#define TAKE(c, type, what) take(c, type, what, sizeof(*(what)))

static void records_of_a_config_come_in_order(void **state)
{
	struct wm_config good, c = { 0 };
	struct wm_record_end end;
	struct wm_fetch_problem problem = { .http_status = 503, .text = "the registry is tired" };

	(void)state;
	mesh_small_finished(&good);
	end = (struct wm_record_end){ .generation = good.mesh.generation, .count = 1 };

	assert_refused(TAKE(&c, WM_RECORD_SITE, &good.sites[0]), EBADMSG, "", "header");
	assert_refused(TAKE(&c, WM_RECORD_END, &end), EBADMSG, "", "header");
	assert_ok(TAKE(&c, WM_RECORD_MESH, &good.mesh));
	assert_refused(TAKE(&c, WM_RECORD_MESH, &good.mesh), EBADMSG, "", "header");
	assert_ok(TAKE(&c, WM_RECORD_SITE, &good.sites[0]));
	assert_refused(TAKE(&c, WM_RECORD_DONE, &end), EBADMSG, "", "no place");
	assert_refused(TAKE(&c, WM_RECORD_UNCHANGED, &end), EBADMSG, "", "no place");
	assert_refused(TAKE(&c, WM_RECORD_PROBLEM, &problem), EREMOTEIO, "", "the registry is tired");
	end.count = 2;
	assert_refused(TAKE(&c, WM_RECORD_END, &end), EBADMSG, "", "complete");
	end.count = 0;
	assert_refused(TAKE(&c, WM_RECORD_END, &end), EBADMSG, "", "complete");
	end = (struct wm_record_end){ .generation = good.mesh.generation + 1, .count = 1 };
	assert_refused(TAKE(&c, WM_RECORD_END, &end), EBADMSG, "", "complete");
	end.generation--;
	assert_int_equal(TAKE(&c, WM_RECORD_END, &end), 1);
	assert_int_equal(c.nsites, 1);
	wm_config_free(&c);
	wm_config_free(&good);
}

static void a_complete_config_that_breaks_a_rule_is_refused(void **state)
{
	struct wm_config c;
	size_t len;
	char *data;

	(void)state;
	mesh_small(&c);
	mesh_host(&c, "cam", "a")->local = ip("127.0.0.1");
	data = stream(&c, &len);
	assert_refused(read_stream(data, len, &(struct wm_config){ 0 }), EINVAL, "local_ip", "127.0.0.1");
	free(data);
	wm_config_free(&c);
}

/* Who sends without end must not fill the gateway's memory. */
static void more_objects_than_addresses_are_refused(void **state)
{
	struct wm_config c = { 0 };
	struct wm_mesh mesh = { .name = "x", .supernet = prefix("10.0.0.0/24") };
	struct wm_host host = { .name = "h", .domain = "a" };
	int n = 0;

	(void)state;
	assert_ok(TAKE(&c, WM_RECORD_MESH, &mesh));
	while (n < 1000 && !TAKE(&c, WM_RECORD_HOST, &host))
		n++;
	assert_int_equal(n, 256);
	assert_refused(TAKE(&c, WM_RECORD_HOST, &host), EBADMSG, "", "more objects");
	wm_config_free(&c);
}

/* --- the file ------------------------------------------------------------------------------ */

static void saved_and_loaded_again(void **state)
{
	const char *path = unit_path("config");
	struct wm_config c, again;
	struct stat st;

	(void)state;
	mesh_small_finished(&c);
	assert_refused(wm_config_load(path, &again, &err), ENOENT, "", path);
	assert_ok(wm_config_save(path, &c, &err));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_ok(wm_config_load(path, &again, &err));
	assert_configs_equal(&c, &again);
	wm_config_free(&again);
	/* The next generation replaces it. */
	c.mesh.generation++;
	c.nhosts--;
	assert_ok(wm_config_save(path, &c, &err));
	assert_ok(wm_config_load(path, &again, &err));
	assert_configs_equal(&c, &again);
	wm_config_free(&again);
	assert_refused(wm_config_save(unit_path("no/such/config"), &c, &err), ENOENT, "", "no/such/config");
	wm_config_free(&c);
}

static char *saved(size_t *ret_len)
{
	struct wm_config c;
	char *data;

	mesh_small_finished(&c);
	assert_ok(wm_config_save(unit_path("whole"), &c, &err));
	wm_config_free(&c);
	assert_int_equal(wm_read_file(unit_path("whole"), 1 << 20, &data, ret_len), 0);
	return data;
}

static int load(const void *data, size_t len)
{
	struct wm_config c = { .nsites = 4711 };
	FILE *f = fopen(unit_path("file"), "w");
	int rc;

	assert_non_null(f);
	assert_true(!len || fwrite(data, len, 1, f) == 1);
	assert_int_equal(fclose(f), 0);
	rc = wm_config_load(unit_path("file"), &c, &err);
	if (rc)
		assert_int_equal(c.nsites, 4711);
	else
		wm_config_free(&c);
	return rc;
}

#define RESERVED_AT 12 /* the four bytes of the header that say nothing yet */

static void a_damaged_file_is_refused_wherever_it_is_damaged(void **state)
{
	size_t len;
	char *data = saved(&len);

	(void)state;
	assert_int_equal(load(data, len), 0);
	for (size_t i = 0; i < len; i++) {
		data[i] ^= 0x10;
		if (i >= RESERVED_AT && i < RESERVED_AT + 4)
			assert_int_equal(load(data, len), 0);
		else
			assert_refused(load(data, len), EBADMSG, "", NULL);
		data[i] ^= 0x10;
	}
	for (size_t n = 0; n < len; n++)
		assert_refused(load(data, n), EBADMSG, "", NULL);
	data = realloc(data, len + 1);
	data[len] = 0;
	assert_refused(load(data, len + 1), EBADMSG, "", NULL);
	free(data);
}

/* Right checksum, wrong content: what another version or somebody's editor would leave. */
static void a_file_of_another_kind_is_refused(void **state)
{
	struct {
		char magic[8];
		uint32_t version, reserved;
		uint64_t len;
		struct wm_token_hash sum;
		char content[64];
	} file = { .magic = "wmconf\n", .version = 1 };
	const size_t head = offsetof(__typeof__(file), content);

	(void)state;
	wm_digest(file.content, 0, &file.sum);
	assert_refused(load(&file, head), EBADMSG, "", "ends before"); /* nothing in it */
	file.len = sizeof(file.content);
	wm_digest(file.content, file.len, &file.sum);
	assert_refused(load(&file, head + file.len), EBADMSG, "", "not a record");
	file.version = 2;
	assert_refused(load(&file, head + file.len), EBADMSG, "", "version");
	memcpy(file.magic, "WMCONF\n", 8);
	file.version = 1;
	assert_refused(load(&file, head + file.len), EBADMSG, "", NULL);
	assert_refused(load("", 0), EBADMSG, "", "short");
}

static void a_saved_config_that_breaks_a_rule_is_damaged(void **state)
{
	struct wm_config c;

	(void)state;
	mesh_small(&c);
	mesh_site(&c, "a")->hub = true;
	assert_ok(wm_config_save(unit_path("broken"), &c, &err));
	wm_config_free(&c);
	assert_refused(wm_config_load(unit_path("broken"), &c, &err), EBADMSG, "is_hub", unit_path("broken"));
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
		TEST(configs_round_trip),
		TEST(reading_stops_at_the_end),
		TEST(cut_at_every_byte_it_is_refused),
		TEST(with_any_bit_flipped_it_is_refused_or_good),
		TEST(hostile_payloads_under_good_headers),
		TEST(records_of_a_config_come_in_order),
		TEST(a_complete_config_that_breaks_a_rule_is_refused),
		TEST(more_objects_than_addresses_are_refused),
		TEST(saved_and_loaded_again),
		TEST(a_damaged_file_is_refused_wherever_it_is_damaged),
		TEST(a_file_of_another_kind_is_refused),
		TEST(a_saved_config_that_breaks_a_rule_is_damaged),
	};

	return UNIT_RUN("record", tests);
}
