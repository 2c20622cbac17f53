/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What wm-bpf stats shows: one look at the counters becomes one view, which is spelled as text, as JSON or as
 * OpenMetrics. stats_view.c is pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/counters.h"
#include "core/model.h"

struct wm_out;

/* What an operator sorts by, by number. */
enum stats_key {
	STATS_BYTES, STATS_PACKETS, STATS_TO_BYTES, STATS_TO_PACKETS, STATS_FROM_BYTES, STATS_FROM_PACKETS, STATS_DROPS,
	STATS_SEEN, STATS_NAME, STATS_ADDRESS, STATS_KEYS,
};
extern const char *const stats_keys[STATS_KEYS];
enum stats_key stats_key_parse(const char *name); /* STATS_KEYS: there is none of that name */
bool stats_type_valid(const char *type);

/* Which hosts, how many of them, in which order: most first, names and addresses from the least. */
struct stats_wish {
	enum stats_key key;
	bool reverse;
	unsigned long limit;  /* 0: all */
	bool by_host;
	wm_ip4 host;          /* if by_host */
	bool drops;           /* only who has some */
	const char *type;     /* as wm list-hosts and list-devices tell it; NULL: any */
};

/* One look. */
struct stats_look {
	struct wm_counters counters;
	uint64_t at_ms;       /* monotonic */
	int64_t unix_time;
};

/* There may be a million of them, and they are sorted: 32 bytes. */
struct stats_row {
	double now;                     /* what it is sorted by: first this, then that */
	uint64_t total;
	const struct wm_end_counters *end;
	uint32_t who;                   /* whom the saved config knows there: which of its hosts and, behind them, devices */
	uint32_t was;                   /* which end of the look before it can be compared with */
};
#define STATS_NOBODY UINT32_MAX /* either of them */

struct stats_reason {
	struct wm_count count;
	bool rated;
	double packets, bytes;          /* a second, if rated */
};

/* Points into the looks and the config that it was made from. */
struct stats_view {
	const char *dataplane;
	bool filtered;                  /* not all hosts were wanted */
	bool seen;                      /* the data plane records when somebody was last seen */
	int64_t unix_time;
	double seconds;                 /* since the look before; 0: there was none */
	struct stats_reason reason[WM_REASON_COUNT];
	const struct wm_config *config;
	const struct wm_site *hub;      /* of it */
	const struct wm_counters *before; /* NULL: there was none */
	struct stats_row *rows;
	size_t cap, n, more;                 /* rows, and those that are wanted, but too many */
};

/* before: the look before, or NULL. 0 or -ENOMEM; stats_view_free. */
int stats_view_make(const struct stats_look *look, const struct stats_look *before, const struct wm_config *config,
		    const struct stats_wish *wish, struct stats_view *ret);
void stats_view_free(struct stats_view *view);
/* Sorted rows are about ends and hosts that lie anywhere in memory: fetches those that will soon be asked for, a row after
 * another. */
void stats_ahead(const struct stats_view *view, size_t row);

const char *stats_name(const struct stats_view *view, const struct stats_row *row, char buf[WM_FQDN_SIZE]); /* NULL: unknown */
bool stats_rates(const struct stats_view *view, const struct stats_row *row, double ret[WM_END_FIELDS]); /* a second; false: unknown */
const char *stats_type(const struct stats_view *view, const struct stats_row *row); /* "standard", "isolated", "roaming"; NULL: unknown */

/* stats_show.c */
struct stats_form {
	bool watched; /* there will be another: with what happens a second */
	bool brief;   /* without reasons that nothing was counted for */
};
void stats_show(struct wm_out *out, const struct stats_view *view, struct stats_form form);
size_t stats_height(const struct wm_counters *counters); /* lines of the brief text above the first host */

/* stats_metrics.c. instance: "", or its name. 0 or -errno. */
int stats_metrics(FILE *f, const struct stats_view *view, const char *instance);
