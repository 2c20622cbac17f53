/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm-bpf stats between the walk and the screen: who is shown, in which order, with which rates.
 */
#include "tools/stats.h"

#include <jansson.h>

#include "core/output.h"
#include "core/util.h"
#include "tools/tools.h"
#include "unit/unit.h"

static struct wm_site sites[] = {
	{ .domain = "a", .subnet = { 0xac1e0200, 24 } },
	{ .domain = "hub", .subnet = { 0xac1e0100, 24 }, .hub = true },
};
static struct wm_host hosts[] = {
	{ .name = "tv", .domain = "hub", .overlay = 0xac1e0102, .access = WM_ACCESS_FULL },
	{ .name = "cam", .domain = "hub", .overlay = 0xac1e0103 },
	{ .name = "web", .domain = "a", .overlay = 0xac1e0202, .access = WM_ACCESS_FULL },
};
static struct wm_device devices[] = {
	{ .name = "laptop", .overlay = 0xac1e0164, .access = WM_ACCESS_FULL },
	{ .name = "sensor", .overlay = 0xac1e0165 },
};
static const struct wm_config config = {
	.mesh = { .self = "hub" }, .sites = sites, .nsites = 2, .hosts = hosts, .nhosts = 3, .devices = devices, .ndevices = 2,
};

/* At the hub; nobody knows .200 yet. */
static struct wm_end_counters ends[] = {
	{ .overlay = 0xac1e0102, .owner = 1, .to = { 10, 9000 }, .from = { 20, 100 }, .last_seen = 500 },
	{ .overlay = 0xac1e0103, .owner = 2, .to = { 30, 300 }, .from = { 5, 50 }, .drops = 7, .last_seen = 900 },
	{ .overlay = 0xac1e0164, .owner = 3, .to = { 1, 60 }, .from = { 40, 8000 }, .last_seen = 700 },
	{ .overlay = 0xac1e0165, .owner = 4, .drops = 2 },
	{ .overlay = 0xac1e01c8, .owner = 5, .to = { 2, 120 }, .from = { 2, 120 }, .last_seen = 1 },
};
static const struct stats_look first = {
	.counters = { .ends = ends, .nends = 5, .reason = { [WM_REASON_TO_LAN] = { 43, 9480 }, [WM_REASON_ISOLATED] = { 9, 900 } } },
	.at_ms = 10000, .unix_time = 1000,
};

static struct stats_view view;

static int forget(void **state)
{
	(void)state;
	stats_view_free(&view);
	return 0;
}

static void see(const struct stats_wish *wish)
{
	stats_view_free(&view);
	assert_int_equal(stats_view_make(&first, NULL, &config, wish, &view), 0);
}

/* The last octets of who is shown, in order. */
static const char *order(void)
{
	static char text[200];
	size_t len = 0;

	*text = '\0';
	for (size_t i = 0; i < view.n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u", i ? " " : "", view.rows[i].end->overlay & 255);
	return text;
}

static void sorted_by_each_key(void **state)
{
	static const char *const want[STATS_KEYS] = {
		[STATS_BYTES] = "2 100 3 200 101", [STATS_PACKETS] = "100 3 2 200 101", [STATS_TO_BYTES] = "2 3 200 100 101",
		[STATS_TO_PACKETS] = "3 2 200 100 101", [STATS_FROM_BYTES] = "100 200 2 3 101",
		[STATS_FROM_PACKETS] = "100 2 3 200 101", [STATS_DROPS] = "3 101 2 100 200", [STATS_SEEN] = "3 100 2 200 101",
		[STATS_NAME] = "3 100 101 2 200", [STATS_ADDRESS] = "2 3 100 101 200",
	};

	(void)state;
	for (int key = 0; key < STATS_KEYS; key++) {
		struct stats_wish wish = { .key = (enum stats_key)key };
		const struct wm_end_counters *forth[WM_ARRAY_LEN(ends)];

		assert_int_equal(stats_key_parse(stats_keys[key]), key);
		see(&wish);
		assert_string_equal(order(), want[key]);
		assert_int_equal(view.more, 0);
		for (size_t i = 0; i < view.n; i++)
			forth[i] = view.rows[i].end;
		wish.reverse = true;
		see(&wish);
		assert_int_equal(view.n, WM_ARRAY_LEN(ends));
		for (size_t i = 0; i < view.n; i++)
			assert_ptr_equal(view.rows[i].end, forth[view.n - 1 - i]);
	}
	assert_int_equal(stats_key_parse("bits"), STATS_KEYS);
	assert_int_equal(stats_key_parse(""), STATS_KEYS);
}

static void only_who_is_wanted(void **state)
{
	static const struct {
		struct stats_wish wish;
		const char *want;
	} rows[] = {
		{ { .key = STATS_ADDRESS, .by_host = true, .host = 0xac1e0164 }, "100" },
		{ { .key = STATS_ADDRESS, .by_host = true, .host = 0xac1e0202 }, "" }, /* of another site */
		{ { .key = STATS_ADDRESS, .by_host = true }, "" },
		{ { .key = STATS_ADDRESS, .drops = true }, "3 101" },
		{ { .key = STATS_ADDRESS, .type = "isolated" }, "3 101" },
		{ { .key = STATS_ADDRESS, .type = "standard" }, "2" },
		{ { .key = STATS_ADDRESS, .type = "roaming" }, "100" },
		{ { .key = STATS_ADDRESS, .type = "isolated", .by_host = true, .host = 0xac1e0103, .drops = true }, "3" },
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		see(&rows[i].wish);
		assert_string_equal(order(), rows[i].want);
		assert_true(view.filtered);
	}
	see(&(struct stats_wish){ .limit = 1 });
	assert_false(view.filtered);
	assert_true(stats_type_valid("isolated") && stats_type_valid("standard") && stats_type_valid("roaming"));
	assert_false(stats_type_valid("host") || stats_type_valid(""));
}

static void names_and_types(void **state)
{
	static const char *const want[][2] = {
		{ "tv.hub", "standard" }, { "cam.hub", "isolated" }, { "laptop.hub", "roaming" }, { "sensor.hub", "isolated" }, { NULL, NULL },
	};
	const struct wm_config empty = { 0 };
	char name[WM_FQDN_SIZE];

	(void)state;
	see(&(struct stats_wish){ .key = STATS_ADDRESS });
	for (size_t i = 0; i < view.n; i++) {
		const char *got = stats_name(&view, &view.rows[i], name), *type = stats_type(&view, &view.rows[i]);

		assert_true(got ? !strcmp(got, want[i][0]) : !want[i][0]);
		assert_true(type ? !strcmp(type, want[i][1]) : !want[i][1]);
	}
	stats_view_free(&view);
	assert_int_equal(stats_view_make(&first, NULL, &empty, &(struct stats_wish){ .key = STATS_NAME }, &view), 0);
	assert_string_equal(order(), "2 3 100 101 200");
	assert_null(stats_name(&view, &view.rows[0], name));
}

/* However few of however many are asked for: the same as the first of all. */
static void the_top_of_many(void **state)
{
	enum { MANY = 3000 };
	static struct wm_end_counters many[MANY];
	const struct stats_look now = { .counters = { .ends = many, .nends = MANY } };
	static const unsigned long limits[] = { 1, 2, 3, 10, 100, 1499, 1500, 1501, 2999, 3000, 3001, 1000000000 };
	struct rng r = { .state = 1 };
	struct stats_view all;

	(void)state;
	for (uint32_t i = 0; i < MANY; i++)
		many[i] = (struct wm_end_counters){ .overlay = 0x0a000000 + 3 * i, .to = { rng_below(&r, 50), rng_next(&r) },
						    .drops = rng_below(&r, 3), .last_seen = rng_below(&r, 100) };
	for (int key = 0; key < 2 * STATS_KEYS; key++) {
		struct stats_wish wish = { .key = (enum stats_key)(key / 2), .reverse = key % 2 };

		assert_int_equal(stats_view_make(&now, NULL, &config, &wish, &all), 0);
		assert_int_equal(all.n, MANY);
		for (size_t l = 0; l < WM_ARRAY_LEN(limits); l++) {
			wish.limit = limits[l];
			assert_int_equal(stats_view_make(&now, NULL, &config, &wish, &view), 0);
			assert_int_equal(view.n, WM_MIN(limits[l], (unsigned long)MANY));
			assert_int_equal(view.n + view.more, MANY);
			for (size_t i = 0; i < view.n; i++)
				assert_ptr_equal(view.rows[i].end, all.rows[i].end);
			stats_view_free(&view);
		}
		stats_view_free(&all);
	}
}

static void nobody_at_all(void **state)
{
	const struct stats_look nothing = { 0 };

	(void)state;
	assert_int_equal(stats_view_make(&nothing, &nothing, &config, &(struct stats_wish){ .limit = 5 }, &view), 0);
	assert_int_equal(view.n + view.more, 0);
}

/* Rates decide before totals; who came, was zeroed or is another has none, and stands by what it has in all. */
static void rates_of_two_looks(void **state)
{
	static struct wm_end_counters later[6];
	struct stats_look now = { .counters = { .ends = later, .nends = 6 }, .at_ms = 12000, .unix_time = 1002 };
	double rate[WM_END_FIELDS];

	(void)state;
	memcpy(later, ends, sizeof(ends));
	later[5] = (struct wm_end_counters){ .overlay = 0xac1e01c9, .to = { 1, 1000000 } }; /* new */
	later[1].to.bytes += 200;  /* .3: 100 a second */
	later[2].from.bytes = 10;  /* .100: zeroed */
	later[4].owner = 99;       /* .200: another */
	later[4].to.bytes += 5000;
	now.counters.reason[WM_REASON_TO_LAN] = (struct wm_count){ 143, 9680 };
	assert_int_equal(stats_view_make(&now, &first, &config, &(struct stats_wish){ 0 }, &view), 0);
	assert_string_equal(order(), "3 201 2 200 100 101");
	assert_true(view.seconds > 1.99 && view.seconds < 2.01);
	assert_true(stats_rates(&view, &view.rows[0], rate) && rate[WM_TO_BYTES] > 99.9 && rate[WM_TO_BYTES] < 100.1);
	assert_false(stats_rates(&view, &view.rows[1], rate));
	assert_true(stats_rates(&view, &view.rows[2], rate));
	assert_false(stats_rates(&view, &view.rows[3], rate) || stats_rates(&view, &view.rows[4], rate));
	assert_true(view.reason[WM_REASON_TO_LAN].rated && view.reason[WM_REASON_TO_LAN].packets > 49.9 &&
		    view.reason[WM_REASON_TO_LAN].bytes < 100.1);
	assert_false(view.reason[WM_REASON_ISOLATED].rated); /* fell to nothing */
}

/* --- three spellings of it --------------------------------------------------------------- */

static char *spell(enum wm_out_format format, struct stats_form form)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	struct wm_out *out = wm_out_new(f, format);

	stats_show(out, &view, form);
	assert_int_equal(wm_out_end(out), 0);
	assert_int_equal(fclose(f), 0);
	return text;
}

static void as_text(void **state)
{
	char *text;

	(void)state;
	see(&(struct stats_wish){ .limit = 2 });
	view.dataplane = "bpf";
	view.seen = true;
	text = spell(WM_OUT_TEXT, (struct stats_form){ .brief = true });
	assert_non_null(strstr(text, "REASON          PACKETS  BYTES  MEANING\n"
				     "to_lan    pass       43   9480  from the mesh to a host of this site, translated\n"
				     "isolated  drop        9    900  an isolated host or device tried to initiate\n"
				     "\n"
				     "HOST        OVERLAY       PACKETS TO  BYTES TO  PACKETS FROM  BYTES FROM  DROPS"));
	assert_non_null(strstr(text, "tv.hub      172.30.1.2            10      9000            20         100      0"));
	assert_non_null(strstr(text, "laptop.hub  172.30.1.100           1        60            40        8000      0"));
	assert_non_null(strstr(text, "\n... 3 more\n"));
	assert_int_equal(stats_height(&first.counters), 5);
	free(text);
	see(&(struct stats_wish){ .by_host = true });
	text = spell(WM_OUT_TEXT, (struct stats_form){ 0 });
	assert_non_null(strstr(text, "no host or device of this site is like that\n"));
	assert_non_null(strstr(text, "no_neighbour  drop"));
	assert_null(strstr(text, "more"));
	free(text);
}

static json_t *member(json_t *array, const char *name)
{
	size_t i;
	json_t *item;

	json_array_foreach(array, i, item) {
		if (!strcmp(json_string_value(json_object_get(item, "name")), name))
			return item;
	}
	fail_msg("there is no %s", name);
	return NULL;
}

static void as_json(void **state)
{
	json_t *json, *host;
	char *text;

	(void)state;
	see(&(struct stats_wish){ .limit = 2 });
	view.dataplane = "bpf";
	view.seen = true;
	text = spell(WM_OUT_JSON, (struct stats_form){ 0 });
	json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "dataplane")), "bpf");
	assert_int_equal(json_integer_value(json_object_get(json, "time")), 1000);
	assert_int_equal(json_integer_value(json_object_get(json, "not_shown")), 3);
	assert_null(json_object_get(json, "seconds"));
	assert_int_equal(json_array_size(json_object_get(json, "reasons")), WM_REASON_COUNT);
	host = member(json_object_get(json, "hosts"), "laptop.hub");
	assert_int_equal(json_object_size(host), 9);
	assert_string_equal(json_string_value(json_object_get(host, "wg_ip")), "172.30.1.100");
	assert_string_equal(json_string_value(json_object_get(host, "type")), "roaming");
	assert_int_equal(json_integer_value(json_object_get(host, "from_bytes")), 8000);
	assert_int_equal(json_integer_value(json_object_get(host, "last_seen")), 700);
	json_decref(json);
	free(text);
	/* What is not recorded is not told as "never". */
	view.seen = false;
	text = spell(WM_OUT_JSON, (struct stats_form){ 0 });
	json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_true(json_is_null(json_object_get(member(json_object_get(json, "hosts"), "laptop.hub"), "last_seen")));
	json_decref(json);
	free(text);
	text = spell(WM_OUT_TEXT, (struct stats_form){ 0 });
	assert_null(strstr(text, " never\n"));
	assert_null(strstr(text, "ago"));
	free(text);
}

static void as_json_when_watched(void **state)
{
	struct stats_look later = first;
	json_t *json, *host;
	char *text;

	(void)state;
	later.at_ms += 500;
	assert_int_equal(stats_view_make(&later, &first, &config, &(struct stats_wish){ 0 }, &view), 0);
	text = spell(WM_OUT_JSON_LINE, (struct stats_form){ .watched = true });
	json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_true(json_is_real(json_object_get(json, "seconds")));
	host = member(json_object_get(json, "hosts"), "tv.hub");
	assert_int_equal(json_object_size(host), 9 + WM_END_FIELDS);
	assert_true(json_is_number(json_object_get(host, "to_bytes_per_second")));
	assert_true(json_is_number(json_object_get(member(json_object_get(json, "reasons"), "to_lan"), "packets_per_second")));
	json_decref(json);
	free(text);
	/* The first of them has nothing to compare with. */
	see(&(struct stats_wish){ 0 });
	text = spell(WM_OUT_JSON_LINE, (struct stats_form){ .watched = true });
	json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_true(json_is_null(json_object_get(json, "seconds")));
	host = member(json_object_get(json, "hosts"), "tv.hub");
	assert_true(json_is_null(json_object_get(host, "drops_per_second")));
	json_decref(json);
	free(text);
}

static void as_metrics(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	see(&(struct stats_wish){ .key = STATS_ADDRESS });
	view.dataplane = "nft";
	assert_int_equal(stats_metrics(f, &view, "home"), 0);
	assert_int_equal(fclose(f), 0);
	assert_non_null(strstr(text, "\nwm_dataplane_info{wm_instance=\"home\",dataplane=\"nft\"} 1\n"));
	assert_non_null(strstr(text, "\nwm_packets_total{wm_instance=\"home\",reason=\"isolated\",verdict=\"drop\"} 9\n"));
	assert_non_null(strstr(text, "\nwm_bytes_total{wm_instance=\"home\",reason=\"to_lan\",verdict=\"pass\"} 9480\n"));
	assert_non_null(strstr(text, "# TYPE wm_host_bytes counter\n# UNIT wm_host_bytes bytes\n# HELP wm_host_bytes "));
	assert_non_null(strstr(text, "\nwm_host_bytes_total{wm_instance=\"home\",host=\"tv.hub\",wg_ip=\"172.30.1.2\",direction=\"to\"} 9000\n"
				     "wm_host_bytes_total{wm_instance=\"home\",host=\"tv.hub\",wg_ip=\"172.30.1.2\",direction=\"from\"} 100\n"
				     "wm_host_bytes_total{wm_instance=\"home\",host=\"cam.hub\""));
	assert_non_null(strstr(text, "\nwm_host_last_seen_timestamp_seconds{wm_instance=\"home\",host=\"cam.hub\",wg_ip=\"172.30.1.3\"} 900\n"));
	/* Who was never seen has no time; who has no name, an empty one. */
	assert_null(strstr(text, "seconds{wm_instance=\"home\",host=\"sensor.hub\""));
	assert_non_null(strstr(text, "\nwm_host_drops_total{wm_instance=\"home\",host=\"\",wg_ip=\"172.30.1.200\"} 0\n"));
	assert_string_equal(text + len - 6, "# EOF\n");
	free(text);
	f = fopen("/dev/full", "w");
	assert_int_equal(stats_metrics(f, &view, ""), -ENOSPC);
	fclose(f);
}

/* --- the screen -------------------------------------------------------------------------- */

static void what_fits_on_a_screen(void **state)
{
	static const struct {
		const char *text, *want;
		struct tool_screen screen;
	} rows[] = {
		{ "a\nbc\n", "\033[Ha\033[K\nbc\033[K\n\033[J", { 24, 80 } },
		{ "a\nbc\nd\n", "\033[Ha\033[K\nbc\033[K\n\033[J", { 3, 80 } },
		{ "abcdef\n\nabc", "\033[Habc\033[K\n\033[K\nabc\033[K\n\033[J", { 24, 3 } },
		{ "\xc3\xbc\xc3\xbc\xc3\xbc\n", "\033[H\xc3\xbc\xc3\xbc\033[K\n\033[J", { 24, 2 } },
		{ "", "\033[H\033[J", { 24, 80 } },
		{ "a\n", "\033[H\033[J", { 1, 80 } },
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		char *got = tool_redraw(rows[i].text, rows[i].screen);

		assert_string_equal(got, rows[i].want);
		free(got);
	}
}

#define STATS_TEST(fn) cmocka_unit_test_setup_teardown(fn, unit_setup, forget)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STATS_TEST(sorted_by_each_key),
		STATS_TEST(only_who_is_wanted),
		STATS_TEST(names_and_types),
		STATS_TEST(the_top_of_many),
		STATS_TEST(nobody_at_all),
		STATS_TEST(rates_of_two_looks),
		STATS_TEST(as_text),
		STATS_TEST(as_json),
		STATS_TEST(as_json_when_watched),
		STATS_TEST(as_metrics),
		STATS_TEST(what_fits_on_a_screen),
	};

	return UNIT_RUN("stats", tests);
}
