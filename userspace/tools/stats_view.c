/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From what was counted to what is shown: names, rates, and which hosts in which order.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "tools/stats.h"

/* --- what can be wished for ---------------------------------------------------------------- */

const char *const stats_keys[STATS_KEYS] = {
	[STATS_BYTES] = "bytes", [STATS_PACKETS] = "packets", [STATS_TO_BYTES] = "to-bytes", [STATS_TO_PACKETS] = "to-packets",
	[STATS_FROM_BYTES] = "from-bytes", [STATS_FROM_PACKETS] = "from-packets", [STATS_DROPS] = "drops",
	[STATS_SEEN] = "seen", [STATS_NAME] = "name", [STATS_ADDRESS] = "address",
};

/* What a key sums up. */
static const unsigned int key_fields[STATS_KEYS] = {
	[STATS_BYTES] = 1u << WM_TO_BYTES | 1u << WM_FROM_BYTES, [STATS_PACKETS] = 1u << WM_TO_PACKETS | 1u << WM_FROM_PACKETS,
	[STATS_TO_BYTES] = 1u << WM_TO_BYTES, [STATS_TO_PACKETS] = 1u << WM_TO_PACKETS,
	[STATS_FROM_BYTES] = 1u << WM_FROM_BYTES, [STATS_FROM_PACKETS] = 1u << WM_FROM_PACKETS, [STATS_DROPS] = 1u << WM_DROPS,
};

enum stats_key stats_key_parse(const char *name)
{
	int key = 0;

	while (key < STATS_KEYS && strcmp(stats_keys[key], name))
		key++;
	return (enum stats_key)key;
}

bool stats_type_valid(const char *type)
{
	return !strcmp(type, wm_host_type_name(WM_ACCESS_FULL)) || !strcmp(type, wm_host_type_name(WM_ACCESS_ISOLATED)) ||
	       !strcmp(type, wm_device_type_name(WM_ACCESS_FULL));
}

/* --- order --------------------------------------------------------------------------------- */

/* What happens now goes before what has happened so far, where that is known. */
static void weigh(struct stats_row *row, enum stats_key key)
{
	if (key == STATS_SEEN)
		row->total = (uint64_t)row->end->last_seen;
	for (int f = 0; f < WM_END_FIELDS; f++) {
		if (!(key_fields[key] & 1u << f))
			continue;
		row->total += wm_end_field(row->end, (enum wm_end_field)f);
		row->now += row->rated ? row->rate[f] : 0;
	}
}

/* Who is nobody comes last. */
static int by_name(const struct stats_row *x, const struct stats_row *y)
{
	const char *a = x->host ? x->host->name : x->device ? x->device->name : NULL;
	const char *b = y->host ? y->host->name : y->device ? y->device->name : NULL;
	int order = a && b ? strcmp(a, b) : !a - !b;

	return order || !x->host || !y->host ? order : strcmp(x->host->domain, y->host->domain);
}

static int by_wish(const void *a, const void *b, void *arg)
{
	const struct stats_row *x = a, *y = b;
	const struct stats_wish *wish = arg;
	int order = wish->key == STATS_NAME ? by_name(x, y) : 0;

	if (!order)
		order = (x->now < y->now) - (x->now > y->now);
	if (!order)
		order = (x->total < y->total) - (x->total > y->total);
	if (!order)
		order = (x->end->overlay > y->end->overlay) - (x->end->overlay < y->end->overlay);
	return wish->reverse ? -order : order;
}

/* In order, and no more than are wanted. */
static void sort_and_cut(const struct stats_wish *wish, struct stats_view *view)
{
	qsort_r(view->rows, view->n, sizeof(*view->rows), by_wish, (void *)wish);
	if (!wish->limit || view->n <= wish->limit)
		return;
	view->more += view->n - wish->limit;
	view->n = wish->limit;
}

/* Ten of 100,000 need no sorting of them all: now and then the best so far are kept, and who is behind the last of them
 * has no chance any more. */
static void take_row(const struct stats_wish *wish, const struct stats_row *row, struct stats_view *view)
{
	if (view->more && by_wish(row, &view->rows[wish->limit - 1], (void *)wish) > 0) {
		view->more++;
		return;
	}
	view->rows[view->n++] = *row;
	if (view->n == view->cap && wish->limit)
		sort_and_cut(wish, view);
}

/* --- rows: counters, config and the look before are all sorted by overlay address ------------- */

struct cursors {
	size_t host, device, before;
};

static const struct wm_host *host_at(const struct wm_config *config, wm_ip4 overlay, size_t *at)
{
	while (*at < config->nhosts && config->hosts[*at].overlay < overlay)
		(*at)++;
	return *at < config->nhosts && config->hosts[*at].overlay == overlay ? &config->hosts[*at] : NULL;
}

static const struct wm_device *device_at(const struct wm_config *config, wm_ip4 overlay, size_t *at)
{
	while (*at < config->ndevices && config->devices[*at].overlay < overlay)
		(*at)++;
	return *at < config->ndevices && config->devices[*at].overlay == overlay ? &config->devices[*at] : NULL;
}

static const struct wm_end_counters *end_at(const struct wm_counters *counters, wm_ip4 overlay, size_t *at)
{
	while (*at < counters->nends && counters->ends[*at].overlay < overlay)
		(*at)++;
	return *at < counters->nends && counters->ends[*at].overlay == overlay ? &counters->ends[*at] : NULL;
}

static bool is_wanted(const struct stats_wish *wish, const struct stats_row *row)
{
	const char *type = wish->type ? stats_type(row) : NULL;

	if (wish->by_host && row->end->overlay != wish->host)
		return false;
	if (wish->drops && !row->end->drops)
		return false;
	return !wish->type || (type && !strcmp(type, wish->type));
}

static void fill_rows(const struct wm_counters *counters, const struct wm_counters *before, const struct wm_config *config,
		      const struct stats_wish *wish, struct stats_view *view)
{
	struct cursors at = { 0 };

	for (size_t i = 0; i < counters->nends; i++) {
		const struct wm_end_counters *end = &counters->ends[i], *was;
		struct stats_row row = { .end = end, .host = host_at(config, end->overlay, &at.host),
					 .device = device_at(config, end->overlay, &at.device) };

		if (!is_wanted(wish, &row))
			continue;
		was = before ? end_at(before, end->overlay, &at.before) : NULL;
		row.rated = was && wm_end_rates(was, end, view->seconds, row.rate);
		weigh(&row, wish->key);
		take_row(wish, &row, view);
	}
}

static void fill_reasons(const struct wm_counters *counters, const struct wm_counters *before, struct stats_view *view)
{
	for (unsigned int r = 0; r < WM_REASON_COUNT; r++) {
		struct stats_reason *reason = &view->reason[r];

		reason->count = counters->reason[r];
		reason->rated = before && wm_count_rates(&before->reason[r], &reason->count, view->seconds, &reason->packets,
							 &reason->bytes);
	}
}

/* --- the view ------------------------------------------------------------------------------- */

int stats_view_make(const struct stats_look *look, const struct stats_look *before, const struct wm_config *config,
		    const struct stats_wish *wish, struct stats_view *ret)
{
	struct stats_view view = { .unix_time = look->unix_time, .hub = wm_config_hub(config),
				   .filtered = wish->by_host || wish->drops || wish->type };

	view.cap = WM_MAX(look->counters.nends, (size_t)1);
	if (wish->limit)
		view.cap = WM_MIN(view.cap, 2 * wish->limit);
	view.rows = calloc(view.cap, sizeof(*view.rows));
	if (!view.rows)
		return -ENOMEM;
	if (before)
		view.seconds = (double)(look->at_ms - before->at_ms) / 1000;
	fill_reasons(&look->counters, before ? &before->counters : NULL, &view);
	fill_rows(&look->counters, before ? &before->counters : NULL, config, wish, &view);
	sort_and_cut(wish, &view);
	*ret = view;
	return 0;
}

void stats_view_free(struct stats_view *view)
{
	free(view->rows);
	*view = (struct stats_view){ 0 };
}

const char *stats_name(const struct stats_view *view, const struct stats_row *row, char buf[WM_FQDN_SIZE])
{
	const char *name = row->host ? row->host->name : row->device ? row->device->name : NULL;
	const char *domain = row->host ? row->host->domain : view->hub ? view->hub->domain : "";

	if (!name || wm_format(buf, WM_FQDN_SIZE, "%s%s%s", name, *domain ? "." : "", domain))
		return NULL;
	return buf;
}

const char *stats_type(const struct stats_row *row)
{
	if (row->host)
		return wm_host_type_name(row->host->access);
	return row->device ? wm_device_type_name(row->device->access) : NULL;
}
