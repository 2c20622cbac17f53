/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * OpenMetrics 1.0, byte by byte: a scraper refuses the whole of what has one wrong character.
 */
#include "core/metrics.h"

#include "core/util.h"
#include "unit/unit.h"

static char *text;
static size_t text_len;

static int forget(void **state)
{
	(void)state;
	free(text);
	text = NULL;
	return 0;
}

static void families_and_samples(void **state)
{
	struct wm_metric_labels labels = { .len = 0 };
	FILE *f = open_memstream(&text, &text_len);
	struct wm_writer w;

	(void)state;
	assert_non_null(f);
	wm_writer_open(&w, f);
	wm_metric_label(&labels, "host", "nas.b");
	wm_metric_label(&labels, "wg_ip", "172.30.3.2");
	wm_metric_family(&w, "x_bytes", "counter", "bytes", "Bytes.");
	wm_metric_sample(&w, "x_bytes", "_total", labels.text, "way=\"to\"", UINT64_MAX);
	wm_metric_sample(&w, "x_bytes", "_total", labels.text, "", 0);
	wm_metric_family(&w, "y", "gauge", NULL, "Others.");
	wm_metric_sample(&w, "y", "", "", "way=\"to\"", 10);
	wm_metric_sample(&w, "y", "", "", "", 1234567890);
	wm_metric_family(&w, "z_seconds", "gauge", "seconds", "Times.");
	wm_metric_time(&w, "z_seconds", "", "", "way=\"to\"", 1);
	wm_metric_time(&w, "z_seconds", "", "", "", 12345678901234);
	wm_metrics_end(&w);
	wm_writer_flush(&w);
	assert_int_equal(fclose(f), 0);
	assert_string_equal(text, "# TYPE x_bytes counter\n"
				  "# UNIT x_bytes bytes\n"
				  "# HELP x_bytes Bytes.\n"
				  "x_bytes_total{host=\"nas.b\",wg_ip=\"172.30.3.2\",way=\"to\"} 18446744073709551615\n"
				  "x_bytes_total{host=\"nas.b\",wg_ip=\"172.30.3.2\"} 0\n"
				  "# TYPE y gauge\n"
				  "# HELP y Others.\n"
				  "y{way=\"to\"} 10\n"
				  "y 1234567890\n"
				  "# TYPE z_seconds gauge\n"
				  "# UNIT z_seconds seconds\n"
				  "# HELP z_seconds Times.\n"
				  "z_seconds{way=\"to\"} 0.000001\n"
				  "z_seconds 12345678.901234\n"
				  "# EOF\n");
}

static void values_are_escaped(void **state)
{
	static const char *const rows[][2] = {
		{ "", "l=\"\"" }, { "a\"b", "l=\"a\\\"b\"" }, { "a\\b", "l=\"a\\\\b\"" }, { "a\nb", "l=\"a\\nb\"" },
		{ "\\n", "l=\"\\\\n\"" }, { "\"} 1\nevil 2", "l=\"\\\"} 1\\nevil 2\"" }, { "\xc3\xbc\xf0\x9f\x98\x80", "l=\"\xc3\xbc\xf0\x9f\x98\x80\"" },
		{ "bad\xff", "l=\"bad?\"" }, { "cut\xe2\x82", "l=\"cut??\"" }, { "esc\x1b[31m", "l=\"esc?[31m\"" }, { "c1\xc2\x9b", "l=\"c1?\"" },
		{ "tab\t", "l=\"tab?\"" }, { "#,{}= ", "l=\"#,{}= \"" },
	};

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_metric_labels labels = { .len = 0 };

		wm_metric_label(&labels, "l", rows[i][0]);
		assert_string_equal(labels.text, rows[i][1]);
		assert_int_equal(labels.len, strlen(rows[i][1]));
	}
}

/* Whole or not at all, and never past the end. */
static void a_label_that_does_not_fit(void **state)
{
	static char value[WM_METRICS_LABELS + 10];

	(void)state;
	for (size_t n = WM_METRICS_LABELS - 40; n < sizeof(value); n++) {
		struct wm_metric_labels labels = { .len = 0 };
		size_t whole = strlen("a=\"b\",l=\"\"") + n;

		memset(value, n % 2 ? 'x' : '"', sizeof(value) - 1);
		whole += n % 2 ? 0 : n;
		value[n < sizeof(value) ? n : sizeof(value) - 1] = '\0';
		wm_metric_label(&labels, "a", "b");
		wm_metric_label(&labels, "l", value);
		if (whole < WM_METRICS_LABELS)
			assert_int_equal(labels.len, whole);
		else
			assert_string_equal(labels.text, "a=\"b\"");
		assert_int_equal(labels.len, strlen(labels.text));
		wm_metric_label(&labels, "c", "d");
		assert_int_equal(labels.len, strlen(labels.text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(families_and_samples, unit_setup, forget),
		TEST(values_are_escaped),
		TEST(a_label_that_does_not_fit),
	};

	return UNIT_RUN("metrics", tests);
}
