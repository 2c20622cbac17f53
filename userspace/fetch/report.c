/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fetch/report.h"

#include <errno.h>

#include "core/codec.h"

static const struct wm_field fields[] = {
	WM_FIELD(wm_fetch_report, generation, "generation", WM_FIELD_UINT, 0),
	WM_FIELD(wm_fetch_report, instance, "instance", WM_FIELD_STRING, 0),
	WM_FIELD(wm_fetch_report, mark, "mark", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	WM_FIELD(wm_fetch_report, dataplane, "dataplane", WM_FIELD_STRING, 0),
	WM_FIELD(wm_fetch_report, note, "dataplane_note", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	WM_FIELD(wm_fetch_report, problem, "problem", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	WM_FIELD(wm_fetch_report, version, "version", WM_FIELD_STRING, 0),
	WM_FIELD(wm_fetch_report, applied_ms, "applied_ms", WM_FIELD_UINT, 0),
	WM_FIELD(wm_fetch_report, listen_port, "listen_port", WM_FIELD_UINT, 0),
	WM_FIELD(wm_fetch_report, uptime, "uptime", WM_FIELD_UINT, 0),
	WM_FIELD(wm_fetch_report, preshared, "preshared", WM_FIELD_BOOL, 0),
	WM_FIELD(wm_fetch_report, clock, "clock", WM_FIELD_TIME, WM_FIELD_NULLABLE),
};

int wm_report_keep(struct wm_report_kept *kept, const struct wm_record *record)
{
	if (record->type == WM_RECORD_REPORT_PEER) {
		if (kept->npeers == WM_REPORT_PEERS)
			return -EBADMSG;
		kept->peers[kept->npeers++] = record->report_peer;
		return 0;
	}
	if (kept->nhosts == WM_REPORT_HOSTS)
		return -EBADMSG;
	kept->hosts[kept->nhosts++] = record->report_host;
	return 0;
}

char *wm_report_body(struct wm_report_kept *kept, const struct wm_fetch_report *report)
{
	static const struct wm_table table = WM_TABLE(fields);
	const struct wm_report_lists lists = { kept->peers, kept->npeers, kept->hosts, kept->nhosts };

	kept->npeers = kept->nhosts = 0;
	return wm_report_encode(&table, report, &lists, WM_REPORT_BYTES);
}
