/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The gateway's report: records in, one object of JSON out.
 */
#pragma once

#include "core/record.h"

struct wm_report_kept {
	struct wm_report_peer peers[WM_REPORT_PEERS];
	struct wm_report_host hosts[WM_REPORT_HOSTS];
	size_t npeers, nhosts;
};

/* A REPORT_PEER or REPORT_HOST for the report that follows; 0, -EBADMSG: more than a report may have. */
int wm_report_keep(struct wm_report_kept *kept, const struct wm_record *record);

/* The report with what was kept for it, which is forgotten with that; malloc'd, NULL without memory. */
char *wm_report_body(struct wm_report_kept *kept, const struct wm_fetch_report *report);
