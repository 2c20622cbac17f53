/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A config as a stream of records: complete and right, or refused.
 */
#include "core/record.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(configs_round_trip),
		TEST(reading_stops_at_the_end),
		TEST(cut_at_every_byte_it_is_refused),
		TEST(with_any_bit_flipped_it_is_refused_or_good),
		TEST(hostile_payloads_under_good_headers),
		TEST(records_of_a_config_come_in_order),
		TEST(a_complete_config_that_breaks_a_rule_is_refused),
		TEST(more_objects_than_addresses_are_refused),
	};

	return UNIT_RUN("record_config", tests);
}
