/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/reports.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/util.h"

static const struct wm_field peer_fields[] = {
	WM_FIELD(peer, kind, "kind", WM_FIELD_STRING, WM_FIELD_REQUIRED),
	WM_FIELD(peer, name, "name", WM_FIELD_LABEL, WM_FIELD_REQUIRED),
	WM_FIELD(peer, handshake, "handshake", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	WM_FIELD(peer, endpoint, "endpoint", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	WM_FIELD(peer, rx, "rx", WM_FIELD_UINT, WM_FIELD_NULLABLE),
	WM_FIELD(peer, tx, "tx", WM_FIELD_UINT, WM_FIELD_NULLABLE),
};
static const struct wm_table peer_table = WM_TABLE(peer_fields);

static const struct wm_field traffic_fields[] = {
	WM_FIELD(traffic, name, "name", WM_FIELD_LABEL, WM_FIELD_REQUIRED),
	WM_FIELD(traffic, rx_packets, "rx_packets", WM_FIELD_UINT, WM_FIELD_NULLABLE),
	WM_FIELD(traffic, rx, "rx_bytes", WM_FIELD_UINT, WM_FIELD_NULLABLE),
	WM_FIELD(traffic, tx_packets, "tx_packets", WM_FIELD_UINT, WM_FIELD_NULLABLE),
	WM_FIELD(traffic, tx, "tx_bytes", WM_FIELD_UINT, WM_FIELD_NULLABLE),
};
static const struct wm_table traffic_table = WM_TABLE(traffic_fields);

static const struct wm_field report_fields[] = {
	WM_FIELD(report, domain, "domain", WM_FIELD_STRING, WM_FIELD_REQUIRED),
	WM_FIELD(report, seen, "seen", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	WM_FIELD(report, generation, "generation", WM_FIELD_UINT, WM_FIELD_NULLABLE),
	WM_FIELD(report, applied, "applied", WM_FIELD_BOOL, 0),
	WM_FIELD(report, dataplane, "dataplane", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	WM_FIELD(report, note, "dataplane_note", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	WM_FIELD(report, problem, "problem", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	WM_FIELD(report, version, "version", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	WM_FIELD(report, applied_ms, "applied_ms", WM_FIELD_UINT, WM_FIELD_NULLABLE),
	WM_FIELD(report, delay_ms, "delay_ms", WM_FIELD_UINT, WM_FIELD_NULLABLE),
	WM_FIELD(report, clock, "clock", WM_FIELD_STRING, WM_FIELD_NULLABLE),
};
static const struct wm_table report_table = WM_TABLE(report_fields);

static int by_domain(const void *a, const void *b)
{
	return strcmp(((const struct report *)a)->domain, ((const struct report *)b)->domain);
}

static int by_kind_and_name(const void *a, const void *b)
{
	const struct peer *p = a, *q = b;

	return strcmp(p->kind, q->kind) ?: strcmp(p->name, q->name);
}

static int by_host(const void *a, const void *b)
{
	return strcmp(((const struct traffic *)a)->name, ((const struct traffic *)b)->name);
}

static int read_peers(const struct wm_json *list, struct report *r, struct wm_error *err)
{
	size_t n = wm_json_size(list);
	int rc = n ? wm_grow((void **)&r->peers, &r->cap_peers, n, sizeof(*r->peers)) : 0;

	for (size_t i = 0; i < n && !rc; i++) {
		r->peers[i] = (struct peer){0};
		rc = wm_json_decode(&peer_table, wm_json_at(list, i), &r->peers[i], err);
	}
	if (rc)
		return rc;
	r->npeers = n;
	if (n)
		qsort(r->peers, n, sizeof(*r->peers), by_kind_and_name);
	return 0;
}

static int read_traffic(const struct wm_json *list, struct report *r, struct wm_error *err)
{
	size_t n = wm_json_size(list);
	int rc = n ? wm_grow((void **)&r->hosts, &r->cap_hosts, n, sizeof(*r->hosts)) : 0;

	for (size_t i = 0; i < n && !rc; i++) {
		r->hosts[i] = (struct traffic){0};
		rc = wm_json_decode(&traffic_table, wm_json_at(list, i), &r->hosts[i], err);
	}
	if (rc)
		return rc;
	r->nhosts = n;
	if (n)
		qsort(r->hosts, n, sizeof(*r->hosts), by_host);
	return 0;
}

static int read_reports(const struct wm_json *list, struct reports *to, struct wm_error *err)
{
	size_t n = wm_json_size(list);
	int rc = n ? wm_grow((void **)&to->row, &to->cap, n, sizeof(*to->row)) : 0;

	while (!rc && to->n < n) {
		const struct wm_json *one = wm_json_at(list, to->n);
		struct report *r = &to->row[to->n++]; /* counted before it is filled: freed with the rest */

		*r = (struct report){.applied = true}; /* a registry that does not say */
		rc = wm_json_decode(&report_table, one, r, err);
		rc = rc ?: read_peers(wm_json_get(one, "peers"), r, err);
		rc = rc ?: read_traffic(wm_json_get(one, "hosts"), r, err);
	}
	if (!rc && n)
		qsort(to->row, n, sizeof(*to->row), by_domain);
	return rc;
}

int api_reports(struct api *api, struct reports *ret, struct wm_error *err)
{
	struct reports reports = {0};
	struct wm_json *root = NULL;
	int rc = api_json(api, "GET", "/v1/status", NULL, &root, "status", err);

	if (rc)
		return rc;
	rc = read_reports(wm_json_get(root, "sites"), &reports, err);
	wm_json_free(root);
	if (rc) {
		reports_free(&reports);
		return wm_fail_in(err, -EPROTO, "the registry's answer is not understood");
	}
	*ret = reports;
	return 0;
}

void reports_free(struct reports *reports)
{
	for (size_t i = 0; i < reports->n; i++) {
		free(reports->row[i].peers);
		free(reports->row[i].hosts);
	}
	free(reports->row);
	*reports = (struct reports){0};
}

const struct report *report_of(const struct reports *reports, const char *domain)
{
	struct report key = {0};

	if (!reports->n || wm_copy(key.domain, sizeof(key.domain), domain))
		return NULL;
	return bsearch(&key, reports->row, reports->n, sizeof(key), by_domain);
}

const struct peer *report_peer(const struct report *report, const char *kind, const char *name)
{
	struct peer key = {0};

	if (!report || !report->npeers || wm_copy(key.kind, sizeof(key.kind), kind) ||
	    wm_copy(key.name, sizeof(key.name), name))
		return NULL;
	return bsearch(&key, report->peers, report->npeers, sizeof(key), by_kind_and_name);
}

const struct traffic *report_traffic(const struct report *report, const char *host)
{
	struct traffic key = {0};

	if (!report || !report->nhosts || wm_copy(key.name, sizeof(key.name), host))
		return NULL;
	return bsearch(&key, report->hosts, report->nhosts, sizeof(key), by_host);
}

struct peer report_sum(const struct report *report)
{
	struct peer sum = {0};

	for (size_t i = 0; i < report->npeers; i++) {
		const struct peer *p = &report->peers[i];

		sum.rx += p->rx;
		sum.tx += p->tx;
		if (strcmp(p->handshake, sum.handshake) > 0) /* RFC 3339 UTC sorts as text */
			memcpy(sum.handshake, p->handshake, sizeof(sum.handshake));
	}
	return sum;
}
