/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a data plane has counted, the same for both back ends.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/reason.h"

struct wm_count {
	uint64_t packets;
	uint64_t bytes; /* IP length; a GSO packet counts as the segments it stands for */
};

struct wm_end_counters {
	wm_ip4 overlay;
	uint32_t owner;        /* hash of whom it has counted for; 0: the back end does not know */
	struct wm_count to;    /* delivered towards the host or device */
	struct wm_count from;  /* accepted from it */
	uint64_t drops;        /* dropped because of it: isolated, MAC mismatch, flow table full */
	int64_t last_seen;     /* unix seconds it last sent something; 0: never */
};

struct wm_counters {
	struct wm_count reason[WM_REASON_COUNT];
	struct wm_end_counters *ends; /* sorted by overlay; only registered ones */
	size_t nends;
};

void wm_counters_free(struct wm_counters *c); /* NULL-safe */

/* What only rises, of a host or device. */
enum wm_end_field { WM_TO_PACKETS, WM_TO_BYTES, WM_FROM_PACKETS, WM_FROM_BYTES, WM_DROPS, WM_END_FIELDS };
static inline uint64_t wm_end_field(const struct wm_end_counters *end, enum wm_end_field field)
{
	switch (field) {
	case WM_TO_PACKETS:
		return end->to.packets;
	case WM_TO_BYTES:
		return end->to.bytes;
	case WM_FROM_PACKETS:
		return end->from.packets;
	case WM_FROM_BYTES:
		return end->from.bytes;
	case WM_DROPS:
		return end->drops;
	case WM_END_FIELDS:
		break;
	}
	return 0;
}

/* A second, from two looks `seconds` apart. False: they do not belong together, because one has fallen (it was zeroed in
 * between), or is another's. */
bool wm_end_rates(const struct wm_end_counters *was, const struct wm_end_counters *is, double seconds,
		  double ret[WM_END_FIELDS]);
bool wm_count_rates(const struct wm_count *was, const struct wm_count *is, double seconds, double *ret_packets,
		    double *ret_bytes);
