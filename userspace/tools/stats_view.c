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

#define AHEAD 8 /* rows */

/* --- who a row is ---------------------------------------------------------------------------- */

/* NULL: none. */
static const struct wm_host *host_of(const struct stats_view *view, const struct stats_row *row)
{
	return row->who < view->config->nhosts ? &view->config->hosts[row->who] : NULL;
}

static const struct wm_device *device_of(const struct stats_view *view, const struct stats_row *row)
{
	size_t which = row->who - view->config->nhosts;

	return row->who >= view->config->nhosts && which < view->config->ndevices ? &view->config->devices[which] : NULL;
}

/* NULL: nobody knows. */
static const char *name_of(const struct stats_view *view, const struct stats_row *row)
{
	const struct wm_host *host = host_of(view, row);
	const struct wm_device *device = device_of(view, row);

	return host ? host->name : device ? device->name : NULL;
}

static const char *domain_of(const struct stats_view *view, const struct stats_row *row)
{
	const struct wm_host *host = host_of(view, row);

	return host ? host->domain : view->hub ? view->hub->domain : "";
}

const char *stats_name(const struct stats_view *view, const struct stats_row *row, char buf[WM_FQDN_SIZE])
{
	const char *name = name_of(view, row), *domain = domain_of(view, row);
	char *end;

	_Static_assert(WM_FQDN_SIZE >= 2 * WM_NAME_SIZE, "a name, a dot, a domain");
	if (!name)
		return NULL;
	end = stpcpy(buf, name);
	if (*domain)
		*end++ = '.';
	strcpy(end, domain);
	return buf;
}

const char *stats_type(const struct stats_view *view, const struct stats_row *row)
{
	const struct wm_host *host = host_of(view, row);
	const struct wm_device *device = device_of(view, row);

	return host ? wm_host_type_name(host->access) : device ? wm_device_type_name(device->access) : NULL;
}

void stats_ahead(const struct stats_view *view, size_t row)
{
	const struct stats_row *r = row + AHEAD < view->n ? &view->rows[row + AHEAD] : NULL;
	const struct wm_host *host = r ? host_of(view, r) : NULL;

	if (!r)
		return;
	__builtin_prefetch(r->end);
	__builtin_prefetch(&r->end->last_seen);
	if (!host)
		return;
	__builtin_prefetch(host->name);
	__builtin_prefetch(host->domain);
	__builtin_prefetch(&host->access);
}

bool stats_rates(const struct stats_view *view, const struct stats_row *row, double ret[WM_END_FIELDS])
{
	return row->was != STATS_NOBODY && wm_end_rates(&view->before->ends[row->was], row->end, view->seconds, ret);
}

/* --- order --------------------------------------------------------------------------------- */

/* What happens now goes before what has happened so far, where that is known. */
static void weigh(struct stats_row *row, enum stats_key key, const double rate[WM_END_FIELDS])
{
	if (key == STATS_SEEN)
		row->total = (uint64_t)row->end->last_seen;
	for (int f = 0; f < WM_END_FIELDS; f++) {
		if (!(key_fields[key] & 1u << f))
			continue;
		row->total += wm_end_field(row->end, (enum wm_end_field)f);
		row->now += row->was != STATS_NOBODY ? rate[f] : 0;
	}
}

struct order {
	const struct stats_wish *wish;
	const struct stats_view *view;
};

/* Who is nobody comes last. */
static int by_name(const struct stats_view *view, const struct stats_row *x, const struct stats_row *y)
{
	const struct wm_host *a = host_of(view, x), *b = host_of(view, y);
	const char *one = a ? a->name : name_of(view, x), *other = b ? b->name : name_of(view, y);
	int order = one && other ? strcmp(one, other) : !one - !other;

	return order || !a || !b ? order : strcmp(a->domain, b->domain);
}

static int by_wish(const void *a, const void *b, void *arg)
{
	const struct stats_row *x = a, *y = b;
	const struct order *o = arg;
	int order = o->wish->key == STATS_NAME ? by_name(o->view, x, y) : 0;

	if (!order)
		order = (x->now < y->now) - (x->now > y->now);
	if (!order)
		order = (x->total < y->total) - (x->total > y->total);
	if (!order)
		order = (x->end->overlay > y->end->overlay) - (x->end->overlay < y->end->overlay);
	return o->wish->reverse ? -order : order;
}

/* As they come they are sorted by address, which is how they are wanted where nothing was counted, too. */
static bool in_order(struct order *order)
{
	const struct stats_view *view = order->view;
	size_t i = 1;

	while (i < view->n && by_wish(&view->rows[i - 1], &view->rows[i], order) < 0)
		i++;
	return i >= view->n;
}

/* In order, and no more than are wanted. */
static void sort_and_cut(const struct stats_wish *wish, struct stats_view *view)
{
	struct order order = { wish, view };

	if (!in_order(&order))
		qsort_r(view->rows, view->n, sizeof(*view->rows), by_wish, &order);
	if (!wish->limit || view->n <= wish->limit)
		return;
	view->more += view->n - wish->limit;
	view->n = wish->limit;
}

/* Ten of 100,000 need no sorting of them all: now and then the best so far are kept, and who is behind the last of them
 * has no chance any more. */
static void take_row(const struct stats_wish *wish, const struct stats_row *row, struct stats_view *view)
{
	struct order order = { wish, view };

	if (view->more && by_wish(row, &view->rows[wish->limit - 1], &order) > 0) {
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

static uint32_t who_at(const struct wm_config *config, wm_ip4 overlay, struct cursors *at)
{
	while (at->host < config->nhosts && config->hosts[at->host].overlay < overlay)
		at->host++;
	while (at->device < config->ndevices && config->devices[at->device].overlay < overlay)
		at->device++;
	if (at->host < config->nhosts && config->hosts[at->host].overlay == overlay)
		return (uint32_t)at->host;
	if (at->device < config->ndevices && config->devices[at->device].overlay == overlay)
		return (uint32_t)(config->nhosts + at->device);
	return STATS_NOBODY;
}

static uint32_t end_at(const struct wm_counters *counters, wm_ip4 overlay, struct cursors *at)
{
	while (at->before < counters->nends && counters->ends[at->before].overlay < overlay)
		at->before++;
	return at->before < counters->nends && counters->ends[at->before].overlay == overlay ? (uint32_t)at->before : STATS_NOBODY;
}

static bool is_wanted(const struct stats_wish *wish, const struct stats_view *view, const struct stats_row *row)
{
	const char *type = wish->type ? stats_type(view, row) : NULL;

	if (wish->by_host && row->end->overlay != wish->host)
		return false;
	if (wish->drops && !row->end->drops)
		return false;
	return !wish->type || (type && !strcmp(type, wish->type));
}

static void fill_rows(const struct wm_counters *counters, const struct stats_wish *wish, struct stats_view *view)
{
	struct cursors at = { 0 };
	double rate[WM_END_FIELDS];

	for (size_t i = 0; i < counters->nends; i++) {
		const struct wm_end_counters *end = &counters->ends[i];
		struct stats_row row = { .end = end, .who = who_at(view->config, end->overlay, &at), .was = STATS_NOBODY };

		if (!is_wanted(wish, view, &row))
			continue;
		if (view->before)
			row.was = end_at(view->before, end->overlay, &at);
		if (!stats_rates(view, &row, rate))
			row.was = STATS_NOBODY;
		weigh(&row, wish->key, rate);
		take_row(wish, &row, view);
	}
}

static void fill_reasons(const struct wm_counters *counters, struct stats_view *view)
{
	const struct wm_counters *before = view->before;

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
	struct stats_view view = { .unix_time = look->unix_time, .config = config, .hub = wm_config_hub(config),
				   .before = before ? &before->counters : NULL,
				   .filtered = wish->by_host || wish->drops || wish->type };

	view.cap = WM_MAX(look->counters.nends, (size_t)1);
	if (wish->limit)
		view.cap = WM_MIN(view.cap, 2 * wish->limit);
	view.rows = reallocarray(NULL, view.cap, sizeof(*view.rows));
	if (!view.rows)
		return -ENOMEM;
	if (before)
		view.seconds = (double)(look->at_ms - before->at_ms) / 1000;
	fill_reasons(&look->counters, &view);
	fill_rows(&look->counters, wish, &view);
	sort_and_cut(wish, &view);
	*ret = view;
	return 0;
}

void stats_view_free(struct stats_view *view)
{
	free(view->rows);
	*view = (struct stats_view){ 0 };
}

