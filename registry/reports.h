/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What gateways last said of themselves. In memory only: a gateway says it
 * again, and a report changes nothing of the mesh. Where the store is shared,
 * this is what was read of it before (api_status.c).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/model.h"
#include "core/report.h"

struct report {
	char domain[WM_NAME_SIZE]; /* first: reports are found by it */
	int64_t seen; /* seconds since 1970 */
	int64_t written; /* where the store is shared: as struct store_report has it */
	uint64_t generation; /* in force at the gateway */
	char instance[WM_INSTANCE_ID_SIZE];
	char mark[WM_MARK_SIZE]; /* of the generation, or "" */
	char dataplane[16];
	char note[160];    /* why it is that data plane, or "" */
	char problem[256]; /* "": all is well */
	char version[32];
	uint64_t applied_ms;
	uint64_t listen_port; /* 0: not known, or there is no device */
	uint64_t uptime;      /* seconds */
	bool preshared;       /* it takes preshared keys */
	uint64_t delay_ms;    /* from the change to this gateway's word that it is in force; 0: not known */
	int64_t clock;        /* what time it was at the gateway, seconds since 1970; 0: it did not say */
	struct wm_report_peer *peers; /* sorted by kind and name, each once */
	size_t npeers;
	struct wm_report_host *hosts; /* sorted by name, each once */
	size_t nhosts;
};

/* What a gateway sent. 0, or -EINVAL with a sentence and the field ("peers[3].handshake"). To be cleared. */
int report_decode(const char *json, size_t len, struct report *ret, struct wm_error *err);
/* Leaves only peers and hosts that is_known says are. */
void report_sift(struct report *report, bool (*is_known)(void *arg, const char *kind, const char *name), void *arg);
bool report_applied(const struct report *report, const struct wm_mesh *mesh); /* it has in force what mesh is now */
/* One line of JSON, malloc'd, NULL without memory. mesh: as it is now, for whether that is what the gateway has. */
char *report_encode(const struct report *report, const struct wm_mesh *mesh);
void report_clear(struct report *report);

struct reports {
	struct report *list; /* sorted by domain */
	size_t n, capacity;
};

int reports_put(struct reports *reports, struct report *report); /* 0 or -ENOMEM; takes over what the report holds */
/* The first one behind domain ("": the first of all), NULL: no more. */
const struct report *reports_next(const struct reports *reports, const char *domain);
const struct report *reports_find(const struct reports *reports, const char *domain); /* or NULL */
void reports_forget(struct reports *reports, const char *domain);
void reports_free(struct reports *reports);
