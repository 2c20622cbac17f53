/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What counts as most of a mesh gone at once, and the line on disk that says so.
 */
#include "core/removal.h"

#include "core/delta.h"
#include "unit/mesh.h"

static void more_than_half_and_more_than_three(void **state)
{
	static const struct {
		size_t removed, known;
		bool mass;
	} rows[] = {
		{ 0, 0, false }, { 3, 3, false }, { 3, 4, false }, { 4, 4, true },  { 4, 7, true },
		{ 4, 8, false }, { 5, 8, true },  { 5, 9, true },  { 5, 10, false }, { 500001, 1000000, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(wm_removal_is_mass(rows[i].removed, rows[i].known), rows[i].mass);
}

/* The small mesh without some of them: 3 sites, 3 hosts, 2 devices. */
static void make(struct wm_config *ret, bool site, bool host, bool device)
{
	struct wm_config c;

	mesh_small_finished(&c);
	*ret = (struct wm_config){ .mesh = c.mesh };
	for (size_t i = 0; i < c.nsites; i++)
		if (site || strcmp(c.sites[i].domain, "b"))
			assert_ok(wm_config_add_site(ret, &c.sites[i]));
	for (size_t i = 0; i < c.nhosts; i++)
		if ((host || strcmp(c.hosts[i].name, "cam")) && (site || strcmp(c.hosts[i].domain, "b")))
			assert_ok(wm_config_add_host(ret, &c.hosts[i]));
	for (size_t i = 0; i < c.ndevices; i++)
		if (device || strcmp(c.devices[i].name, "sensor"))
			assert_ok(wm_config_add_device(ret, &c.devices[i]));
	wm_config_free(&c);
}

static void what_is_gone_is_counted_by_name(void **state)
{
	static const struct {
		bool site, host, device;
		size_t removed;
	} rows[] = {
		{ true, true, true, 0 },  { true, false, true, 1 },  { true, true, false, 1 },
		{ false, true, true, 2 }, { false, false, false, 4 },
	};
	struct wm_config before, after;

	(void)state;
	mesh_small_finished(&before);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make(&after, rows[i].site, rows[i].host, rows[i].device);
		/* Who has another address is there still. */
		if (rows[i].device)
			mesh_device(&after, "sensor")->overlay = ip("172.30.1.77");
		mesh_host(&after, "nas", "a")->overlay = ip("172.30.2.77");
		assert_ok(wm_config_finish(&after, &err));
		assert_int_equal(wm_removal_count(&before, &after), rows[i].removed);
		wm_config_free(&after);
	}
	after = (struct wm_config){ 0 };
	assert_int_equal(wm_removal_count(&before, &after), 8);
	wm_config_free(&before);
}

/* The same by changes. Those that are another now are in both lists. */
static void of_changes_only_who_does_not_come_again_counts(void **state)
{
	struct wm_config before, after;
	struct wm_host come;
	struct wm_config_diff diff;
	size_t known;

	(void)state;
	mesh_small_finished(&before);
	make(&after, true, false, true);
	assert_ok(wm_config_finish(&after, &err));
	diff = (struct wm_config_diff){
		.sites_gone = before.sites, .nsites_gone = 3, .sites_come = after.sites, .nsites_come = 3,
		.hosts_gone = before.hosts, .nhosts_gone = 3, .hosts_come = after.hosts, .nhosts_come = 2,
		.devices_gone = before.devices, .ndevices_gone = 2, .devices_come = after.devices, .ndevices_come = 2,
	};
	assert_int_equal(wm_removal_count_diff(&diff, &after, &known), 1);
	assert_int_equal(known, 8);
	/* One that comes for one that goes. */
	come = after.hosts[0];
	strcpy(come.name, "another");
	diff = (struct wm_config_diff){ .hosts_gone = mesh_host(&before, "cam", "a"), .nhosts_gone = 1, .hosts_come = &come, .nhosts_come = 1 };
	assert_int_equal(wm_removal_count_diff(&diff, &after, &known), 1);
	assert_int_equal(known, 7);
	wm_config_free(&before);
	wm_config_free(&after);
}

static void the_line_on_disk_says_which_generation_of_which_registry(void **state)
{
	struct wm_mesh mesh = { .instance = "one", .generation = 1ull << 60, .mark = "0123456789abcdef" }, other = mesh;
	struct wm_removal a, b;
	char text[WM_REMOVAL_TEXT];

	(void)state;
	wm_removal_of(&mesh, 5, 8, &a);
	a.confirmed = true;
	assert_ok(wm_removal_parse(wm_removal_format(&a, text), &b));
	assert_true(wm_removal_same(&a, &b));
	assert_true(b.confirmed);
	assert_int_equal(b.removed, 5);
	assert_int_equal(b.known, 8);
	strcpy(other.instance, "two");
	wm_removal_of(&other, 5, 8, &b);
	assert_false(wm_removal_same(&a, &b));
	other = mesh;
	strcpy(other.mark, "0123456789abcdee");
	wm_removal_of(&other, 5, 8, &b);
	assert_false(wm_removal_same(&a, &b));
}

static void what_goes_in_steps_counts_together(void **state)
{
	enum { T = 1000000, HOUR = 3600 };
	static const struct {
		size_t before, left;
		int64_t now;
		bool goes_on;
		uint64_t known;
		int64_t last;
	} rows[] = {
		{ 52, 53, T, false, 0, 0 }, /* nothing to remember */
		{ 53, 27, T, false, 53, T },
		{ 27, 60, T + 1, false, 60, T }, /* more have come */
		{ 60, 59, T + HOUR - 1, false, 60, T + HOUR - 1 },
		{ 59, 30, T + 2 * HOUR - 2, false, 60, T + 2 * HOUR - 2 },
		{ 30, 29, T, false, 60, T }, /* the clock was put back */
		{ 29, 28, T + HOUR, true, 60, T + HOUR }, /* one waits */
		{ 28, 27, T + 2 * HOUR, false, 28, T + 2 * HOUR },
		{ 27, 27, T + 3 * HOUR, false, 0, 0 },
	};
	struct wm_removal_series series = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		series = wm_removal_series_next(&series, rows[i].before, rows[i].left, rows[i].now, rows[i].goes_on);
		assert_int_equal(series.known, rows[i].known);
		assert_int_equal(series.last, rows[i].last);
	}
}

static void the_series_is_a_line_too(void **state)
{
	struct wm_removal_series a = { .known = 1ull << 40, .last = 1700000000 }, b = { 0 };
	char text[WM_REMOVAL_TEXT];
	size_t len;

	(void)state;
	assert_ok(wm_removal_series_parse(wm_removal_series_format(&a, text), &b));
	assert_int_equal(b.known, a.known);
	assert_int_equal(b.last, a.last);
	len = strlen(text);
	for (size_t cut = 0; cut < len; cut++) {
		wm_removal_series_format(&a, text)[0] == '1' ? (void)0 : fail();
		text[cut] = '\0';
		assert_int_equal(wm_removal_series_parse(text, &b), -EBADMSG);
	}
	assert_int_equal(wm_removal_series_parse("1 5 0\n", &b), -EBADMSG);
	assert_int_equal(wm_removal_series_parse("2 5 7\n", &b), -EBADMSG);
	assert_int_equal(b.known, a.known);
}

static void a_damaged_line_is_none(void **state)
{
	struct wm_mesh mesh = { .instance = "one", .generation = 7 };
	struct wm_removal a, b = { .generation = 99 };
	char text[WM_REMOVAL_TEXT];
	size_t len;

	(void)state;
	wm_removal_of(&mesh, 5, 8, &a);
	len = strlen(wm_removal_format(&a, text));
	for (size_t cut = 0; cut < len; cut++) {
		wm_removal_format(&a, text);
		text[cut] = '\0';
		assert_int_equal(wm_removal_parse(text, &b), -EBADMSG);
	}
	for (size_t at = 0; at < len; at++) {
		wm_removal_format(&a, text);
		text[at] = 'x';
		assert_int_equal(wm_removal_parse(text, &b), -EBADMSG);
	}
	wm_removal_format(&a, text)[0] == '1' ? (void)0 : fail();
	text[0] = '2'; /* of a newer version */
	assert_int_equal(wm_removal_parse(text, &b), -EBADMSG);
	assert_int_equal(b.generation, 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(more_than_half_and_more_than_three),
		TEST(what_is_gone_is_counted_by_name),
		TEST(of_changes_only_who_does_not_come_again_counts),
		TEST(the_line_on_disk_says_which_generation_of_which_registry),
		TEST(a_damaged_line_is_none),
		TEST(what_goes_in_steps_counts_together),
		TEST(the_series_is_a_line_too),
	};

	return UNIT_RUN("removal", tests);
}
