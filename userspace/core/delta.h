/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What has changed since a config, taking it into that config, and what came of
 * it: which sites, hosts and devices went and came. Costs what the change costs
 * and one move of an array; the result is as valid as one that wm_config_finish
 * has seen whole, or the config stays as it was.
 */
#pragma once

#include "core/record.h"

#define WM_DELTA_MAX 200000 /* objects; twice what a registry's log has */

struct wm_delta_item {
	uint16_t type; /* WM_RECORD_SITE, _HOST, _DEVICE */
	bool gone;     /* only the names are filled in */
	union {
		struct wm_site site;
		struct wm_host host;
		struct wm_device device;
	};
};

/* In the order in which they came; of two about one object the later holds. */
struct wm_delta {
	struct wm_changes head; /* after 0: not begun */
	struct wm_delta_item *items;
	size_t n, cap;
	size_t first; /* index of the part being taken */
	bool open;    /* it has not ended */
};

void wm_delta_free(struct wm_delta *delta); /* frees what it holds; NULL-safe */

/* Takes the next record: 0 more to come, 1 complete, -errno. Another one may
 * follow that begins where this one ended: together they are one. */
int wm_delta_take(struct wm_delta *delta, const struct wm_record *record, struct wm_error *err);
/* The same as records. */
int wm_delta_write(FILE *f, const struct wm_delta *delta);

/* Both sorted as in a config; an object that is another now is in both. */
struct wm_config_diff {
	uint64_t generation; /* before; and its mark */
	char mark[WM_MARK_SIZE];
	struct wm_site *sites_gone, *sites_come;
	struct wm_host *hosts_gone, *hosts_come;
	struct wm_device *devices_gone, *devices_come;
	size_t nsites_gone, nsites_come, nhosts_gone, nhosts_come, ndevices_gone, ndevices_come;
};

void wm_config_diff_free(struct wm_config_diff *diff); /* frees what it holds; NULL-safe */

/* A finished config becomes what the delta says it is. -ESTALE: the delta does
 * not begin where the config is; -EINVAL: the result would not be valid; -ENOMEM.
 * On failure the config is as it was, and *ret empty. */
int wm_config_change(struct wm_config *config, const struct wm_delta *delta, struct wm_config_diff *ret,
		     struct wm_error *err);
/* Takes back the last change. Cannot fail: there is room. */
void wm_config_undo(struct wm_config *config, const struct wm_config_diff *diff);
