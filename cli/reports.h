/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the gateways have reported of themselves (GET /v1/status): how far they
 * are, whom they hear, what they carry. Sorted, so that look-ups are cheap.
 */
#pragma once

#include "cli/api.h"

struct peer {
	char kind[8]; /* "site", "device" */
	char name[WM_NAME_SIZE];
	char handshake[40]; /* RFC 3339, "": none since the gateway started */
	char endpoint[WM_ENDPOINT_TEXT];
	uint64_t rx, tx; /* bytes */
};

struct traffic {
	char name[WM_NAME_SIZE]; /* a host of the site */
	uint64_t rx_packets, rx, tx_packets, tx;
};

struct report {
	char domain[WM_NAME_SIZE];
	char seen[40]; /* "": no report yet */
	uint64_t generation;
	bool applied; /* what is in force is the registry's generation, of its instance */
	char dataplane[16];
	char note[160]; /* why it is that data plane, or "" */
	char problem[256];
	char version[32];
	uint64_t applied_ms;
	uint64_t delay_ms; /* from the change to its being in force; 0: not known */
	char clock[40]; /* the gateway's when it reported, or "" */
	struct peer *peers;
	size_t npeers, cap_peers;
	struct traffic *hosts;
	size_t nhosts, cap_hosts;
};

struct reports {
	struct report *row;
	size_t n, cap;
};

int api_reports(struct api *api, struct reports *ret, struct wm_error *err);
void reports_free(struct reports *reports); /* what it holds */

/* NULL: nothing is known. */
const struct report *report_of(const struct reports *reports, const char *domain);
const struct peer *report_peer(const struct report *report, const char *kind, const char *name);
const struct traffic *report_traffic(const struct report *report, const char *host);

/* Of all its peers: bytes, and the last time that it heard one ("" when it never did). */
struct peer report_sum(const struct report *report);
