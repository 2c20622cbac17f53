/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm-bpf stats with 100,000 hosts: the walk, the order, what is written.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/output.h"
#include "core/util.h"
#include "guard/guard.h"
#include "tools/stats.h"

#define MANY 100000u
#define FEW 10000u /* are written */
#define FIRST 0x0a800002u

static struct wm_site site = { .domain = "s0", .subnet = { 0x0a800000u, 14 }, .hub = true };
static struct wm_config config = { .mesh = { .self = "s0" }, .sites = &site, .nsites = 1 };
static struct stats_look first = { .at_ms = 1000, .unix_time = 1000 }, second = { .at_ms = 2000, .unix_time = 1001 };
static struct stats_view view;
static const struct stats_form all = { .watched = true };

static int fill_look(struct stats_look *look, uint32_t seed)
{
	struct wm_end_counters *ends = calloc(MANY, sizeof(*ends));

	if (!ends)
		return -1;
	for (uint32_t n = 0; n < MANY; n++) {
		uint32_t state = n * 7919, packets = seed * (1000 + guard_random(&state) % 1000);

		ends[n] = (struct wm_end_counters){
			.overlay = FIRST + n, .owner = n + 1, .to = { packets, packets * 700 }, .from = { packets / 2, packets * 40 },
			.drops = n % 11 ? 0 : seed, .last_seen = 900 + n % 100,
		};
	}
	look->counters.ends = ends;
	look->counters.nends = MANY;
	return 0;
}

static long have_looks(void)
{
	if (config.nhosts)
		return 0;
	if (fill_look(&first, 1) || fill_look(&second, 2))
		return -1;
	for (uint32_t n = 0; n < MANY; n++) {
		struct wm_host host = { .domain = "s0", .overlay = FIRST + n, .access = n % 10 ? WM_ACCESS_FULL : WM_ACCESS_ISOLATED };

		wm_format(host.name, sizeof(host.name), "machine-%u", n);
		if (wm_config_add_host(&config, &host))
			return -1;
	}
	return 0;
}

static long look(struct stats_wish wish)
{
	stats_view_free(&view);
	if (stats_view_make(&second, &first, &config, &wish, &view))
		return -1;
	view.dataplane = "bpf";
	view.seen = true;
	return (long)view.n;
}

static long by_rate(void)
{
	return look((struct stats_wish){ .key = STATS_BYTES, .limit = 20 });
}

static long by_name(void)
{
	return look((struct stats_wish){ .key = STATS_NAME });
}

static long who_dropped(void)
{
	return look((struct stats_wish){ .key = STATS_DROPS, .drops = true, .type = "isolated" });
}

/* --- what is written --------------------------------------------------------------------------- */

static char *text;
static size_t len;
static FILE *file;

static long begin(unsigned long limit)
{
	if (have_looks() || look((struct stats_wish){ .key = STATS_BYTES, .limit = limit }) < 0)
		return -1;
	free(text);
	text = NULL;
	file = open_memstream(&text, &len);
	return file ? 0 : -1;
}

static long begin_few(void)
{
	return begin(FEW);
}

static long begin_screen(void)
{
	return begin(50);
}

static long write_as(enum wm_out_format format)
{
	struct wm_out *out = wm_out_new(file, format);

	if (!out)
		return -1;
	stats_show(out, &view, all);
	return wm_out_end(out) || fclose(file) || !len ? -1 : (long)view.n;
}

static long write_text(void)
{
	return write_as(WM_OUT_TEXT);
}

static long write_json(void)
{
	return write_as(WM_OUT_JSON_LINE);
}

static long write_metrics(void)
{
	int rc = stats_metrics(file, &view, "");

	return rc || fclose(file) || !len ? -1 : (long)view.n;
}

const struct guard_row stats_rows[] = {
	{ "stats: 100,000 hosts, the 20 with most bytes a second", have_looks, by_rate, 20 },
	{ "stats: 100,000 hosts, all by name", have_looks, by_name, MANY },
	{ "stats: 100,000 hosts, isolated ones with drops", have_looks, who_dropped, (MANY + 109) / 110 },
	{ "stats: 50 of 100,000 hosts as text", begin_screen, write_text, 50 },
	{ "stats: 10,000 hosts as JSON", begin_few, write_json, FEW },
	{ "stats: 10,000 hosts as OpenMetrics", begin_few, write_metrics, FEW },
};
const size_t nstats_rows = WM_ARRAY_LEN(stats_rows);
