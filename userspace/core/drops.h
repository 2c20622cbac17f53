/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What was dropped: who, to whom, why, how often; the same for both back ends.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/counters.h"

enum wm_drop_place {
	WM_DROP_FROM_LAN, /* coming in from the LAN ifindex */
	WM_DROP_FROM_WG,  /* coming out of a tunnel */
	WM_DROP_GOING_OUT, /* leaving; it had come in at ifindex, or (0) from this machine itself */
	WM_DROP_PLACES,
};

struct wm_drop_view {
	wm_ip4 src, dst;      /* as they stood in the packet when it was dropped */
	wm_ip4 sender;        /* overlay address of who is registered as src on that LAN; 0: nobody, or src says it */
	uint8_t reason;       /* enum wm_reason */
	uint8_t place;        /* enum wm_drop_place */
	uint8_t proto;
	bool has_mac;
	struct wm_mac mac;    /* the last one's sender, on its LAN */
	uint16_t port;        /* the last one's destination port, TCP and UDP; 0: not known */
	uint32_t ifindex;
	struct wm_count count;
	int64_t last;         /* unix seconds */
};

struct wm_drop_views {
	struct wm_drop_view *item; /* the latest first */
	size_t n, cap;
};

void wm_drop_views_free(struct wm_drop_views *views); /* frees what it holds */
int wm_drop_views_add(struct wm_drop_views *views, const struct wm_drop_view *view); /* 0, -ENOMEM */
void wm_drop_views_sort(struct wm_drop_views *views);
void wm_drop_views_join(struct wm_drop_views *views); /* of two lists: who stands in both stands in it once; sorted */
/* For each entry of `now` that has more packets than in `before`, or is not there: what rose, in ret, sorted. */
int wm_drop_views_risen(const struct wm_drop_views *before, const struct wm_drop_views *now, struct wm_drop_views *ret);

const char *wm_drop_place_name(unsigned int place); /* "lan", "wg", "out" */
