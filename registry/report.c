/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One report: from JSON, and as JSON.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/util.h"
#include "registry/reports.h"

static const struct wm_field taken_fields[] = {
	WM_FIELD(report, generation, "generation", WM_FIELD_UINT, WM_FIELD_REQUIRED),
	WM_FIELD(report, instance, "instance", WM_FIELD_STRING, 0),
	WM_FIELD(report, mark, "mark", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	WM_FIELD(report, dataplane, "dataplane", WM_FIELD_STRING, 0),
	WM_FIELD(report, note, "dataplane_note", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	WM_FIELD(report, problem, "problem", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	WM_FIELD(report, version, "version", WM_FIELD_STRING, 0),
	WM_FIELD(report, applied_ms, "applied_ms", WM_FIELD_UINT, 0),
	WM_FIELD(report, listen_port, "listen_port", WM_FIELD_UINT, 0),
	WM_FIELD(report, uptime, "uptime", WM_FIELD_UINT, 0),
	WM_FIELD(report, preshared, "preshared", WM_FIELD_BOOL, 0),
	WM_FIELD(report, clock, "clock", WM_FIELD_TIME, WM_FIELD_NULLABLE),
	WM_FIELD(report, delay_ms, "delay_ms", WM_FIELD_UINT, 0), /* of another registry's; a gateway's word is not taken */
};
static const struct wm_table taken_table = WM_TABLE(taken_fields);

/* --- lists --------------------------------------------------------------------------- */

/* What two rows of a list are called decides whether they are about the same. */
static int by_peer(const void *a, const void *b)
{
	const struct wm_report_peer *p = a, *q = b;

	return strcmp(p->kind, q->kind) ?: strcmp(p->name, q->name);
}

static int by_host(const void *a, const void *b)
{
	return strcmp(((const struct wm_report_host *)a)->name, ((const struct wm_report_host *)b)->name);
}

struct list {
	const char *key;
	const struct wm_table *table;
	size_t size, most;
	int (*order)(const void *a, const void *b);
};

static int bad_row(const struct list *l, size_t i, struct wm_error *err)
{
	char field[sizeof(err->field)];

	snprintf(field, sizeof(field), "%s[%zu]%s%.40s", l->key, i, *err->field ? "." : "", err->field);
	memcpy(err->field, field, sizeof(field));
	return wm_fail_in(err, -EINVAL, "%s[%zu]", l->key, i);
}

/* Absent: empty. */
static int read_list(const struct list *l, const struct wm_json *root, void *ret, size_t *ret_n, struct wm_error *err)
{
	const struct wm_json *list = wm_json_get(root, l->key);
	size_t n = wm_json_size(list);
	WM_AUTO_FREE char *rows = NULL;

	if (n > l->most)
		return wm_fail_field(err, EINVAL, l->key, "'%s' has %zu entries; a report has %zu at most", l->key, n, l->most);
	if (!wm_json_is_null(list) && !wm_json_is_list(list))
		return wm_fail_field(err, EINVAL, l->key, "'%s' must be a list", l->key);
	if (!n)
		return 0;
	rows = calloc(n, l->size);
	if (!rows)
		return wm_fail(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		*err = (struct wm_error){ 0 };
		if (wm_json_decode(l->table, wm_json_at(list, i), rows + i * l->size, err))
			return bad_row(l, i, err);
	}
	qsort(rows, n, l->size, l->order);
	for (size_t i = 1; i < n; i++) {
		if (!l->order(rows + (i - 1) * l->size, rows + i * l->size))
			return wm_fail_field(err, EINVAL, l->key, "'%s' names one of them twice; say each once", l->key);
	}
	*(void **)ret = WM_STEAL(rows);
	*ret_n = n;
	return 0;
}

static int check_kinds(const struct report *r, struct wm_error *err)
{
	for (size_t i = 0; i < r->npeers; i++) {
		if (strcmp(r->peers[i].kind, "site") && strcmp(r->peers[i].kind, "device"))
			return wm_fail_field(err, EINVAL, "peers", "peer '%s' must have the kind \"site\" or \"device\"",
					     r->peers[i].name);
	}
	return 0;
}

int report_decode(const char *json, size_t len, struct report *ret, struct wm_error *err)
{
	static const struct list peers = { "peers", &wm_report_peer_table, sizeof(*ret->peers), WM_REPORT_PEERS, by_peer };
	static const struct list hosts = { "hosts", &wm_report_host_table, sizeof(*ret->hosts), WM_REPORT_HOSTS, by_host };
	struct report report = { 0 };
	struct wm_json *root;
	int rc = wm_json_load(json, len, &root, err);

	if (rc)
		return rc;
	rc = wm_json_decode(&taken_table, root, &report, err);
	if (!rc && report.listen_port > UINT16_MAX)
		rc = wm_fail_field(err, EINVAL, "listen_port", "'listen_port' must be a port, 0 to 65535");
	if (!rc)
		rc = read_list(&peers, root, &report.peers, &report.npeers, err);
	if (!rc)
		rc = read_list(&hosts, root, &report.hosts, &report.nhosts, err);
	if (!rc)
		rc = check_kinds(&report, err);
	wm_json_free(root);
	if (rc) {
		report_clear(&report);
		return rc;
	}
	*ret = report;
	return 0;
}

void report_sift(struct report *r, bool (*is_known)(void *arg, const char *kind, const char *name), void *arg)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->npeers; i++) {
		if (is_known(arg, r->peers[i].kind, r->peers[i].name))
			r->peers[kept++] = r->peers[i];
	}
	r->npeers = kept;
	kept = 0;
	for (size_t i = 0; i < r->nhosts; i++) {
		if (is_known(arg, "host", r->hosts[i].name))
			r->hosts[kept++] = r->hosts[i];
	}
	r->nhosts = kept;
}

void report_clear(struct report *report)
{
	free(report->peers);
	free(report->hosts);
	*report = (struct report){ 0 };
}

/* --- as it is shown -------------------------------------------------------------------- */

struct shown {
	struct report report;
	bool applied;
};

static const struct wm_field shown_fields[] = {
	WM_FIELD(shown, report.domain, "domain", WM_FIELD_STRING, 0),
	WM_FIELD(shown, report.seen, "seen", WM_FIELD_TIME, 0),
	WM_FIELD(shown, report.generation, "generation", WM_FIELD_UINT, 0),
	WM_FIELD(shown, report.instance, "instance", WM_FIELD_STRING, 0),
	WM_FIELD(shown, report.mark, "mark", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	WM_FIELD(shown, applied, "applied", WM_FIELD_BOOL, 0),
	WM_FIELD(shown, report.dataplane, "dataplane", WM_FIELD_STRING, 0),
	WM_FIELD(shown, report.note, "dataplane_note", WM_FIELD_STRING, WM_FIELD_NULLABLE),
	WM_FIELD(shown, report.problem, "problem", WM_FIELD_STRING, 0),
	WM_FIELD(shown, report.version, "version", WM_FIELD_STRING, 0),
	WM_FIELD(shown, report.applied_ms, "applied_ms", WM_FIELD_UINT, 0),
	WM_FIELD(shown, report.listen_port, "listen_port", WM_FIELD_UINT, 0),
	WM_FIELD(shown, report.uptime, "uptime", WM_FIELD_UINT, 0),
	WM_FIELD(shown, report.preshared, "preshared", WM_FIELD_BOOL, 0),
	WM_FIELD(shown, report.clock, "clock", WM_FIELD_TIME, WM_FIELD_NULLABLE),
	WM_FIELD(shown, report.delay_ms, "delay_ms", WM_FIELD_UINT, 0),
};

bool report_applied(const struct report *report, const struct wm_mesh *mesh)
{
	return report->generation == mesh->generation && !strcmp(report->instance, mesh->instance) &&
	       (!*report->mark || !strcmp(report->mark, mesh->mark));
}

char *report_encode(const struct report *report, const struct wm_mesh *mesh)
{
	static const struct wm_table table = WM_TABLE(shown_fields);
	const struct wm_report_lists lists = { report->peers, report->npeers, report->hosts, report->nhosts };
	struct shown shown = { .report = *report, .applied = report_applied(report, mesh) };

	return wm_report_encode(&table, &shown, &lists, 0);
}
