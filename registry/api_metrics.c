/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * GET /metrics: OpenMetrics, a family after another; of what gateways report,
 * a site of a family at a time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/metrics.h"
#include "core/util.h"
#include "registry/routes.h"

/* --- of the registry itself ---------------------------------------------------------------- */

static void put_info(const struct registry *r, struct wm_writer *w)
{
	const struct wm_mesh *mesh = store_mesh(r->store);
	struct wm_metric_labels labels = { .len = 0 };

	wm_metric_label(&labels, "version", WM_VERSION);
	wm_metric_label(&labels, "mesh", mesh->name);
	wm_metric_label(&labels, "mesh_instance", mesh->instance);
	/* Not of the type "info": that is unknown to who reads the older format. */
	wm_metric_family(w, "wm_registry_info", "gauge", NULL, "The registry, and the mesh that it serves.");
	wm_metric_sample(w, "wm_registry_info", "", labels.text, "", 1);
	wm_metric_family(w, "wm_registry_generation", "gauge", NULL, "The mesh's generation: one more with each change.");
	wm_metric_sample(w, "wm_registry_generation", "", "", "", mesh->generation);
}

static void put_objects(const struct registry *r, struct wm_writer *w)
{
	wm_metric_family(w, "wm_registry_objects", "gauge", NULL, "Sites, hosts and devices of the mesh.");
	for (int kind = 0; kind < OBJECT_KINDS; kind++) {
		struct wm_metric_labels labels = { .len = 0 };

		wm_metric_label(&labels, "kind", object_kind_name(kind));
		wm_metric_sample(w, "wm_registry_objects", "", labels.text, "", r->counts.objects.objects[kind]);
	}
	wm_metric_family(w, "wm_registry_waiting_clients", "gauge", NULL, "Clients that wait for the next change.");
	wm_metric_sample(w, "wm_registry_waiting_clients", "", "", "", r->watch.n);
}

/* Only what there was: hundreds of zeroes tell nothing. */
static void put_answers(const struct registry *r, struct wm_writer *w)
{
	wm_metric_family(w, "wm_registry_requests", "counter", NULL,
			 "Requests answered, by route and status; without a route what fits none or is no request.");
	for (unsigned int route = 0; route <= registry_nroutes && route < COUNTS_ROUTES; route++) {
		for (unsigned int i = 0; i < COUNTS_STATUSES; i++) {
			struct wm_metric_labels labels = { .len = 0 };
			char status[16];

			if (!r->counts.answers[route][i])
				continue;
			wm_metric_label(&labels, "method", route ? registry_routes[route - 1].method : "");
			wm_metric_label(&labels, "path", route ? registry_routes[route - 1].path : "");
			wm_format(status, sizeof(status), "%u", COUNTS_STATUS_MIN + i);
			wm_metric_label(&labels, "status", status);
			wm_metric_sample(w, "wm_registry_requests", "_total", labels.text, "", r->counts.answers[route][i]);
		}
	}
}

static void put_times(const struct registry *r, struct wm_writer *w)
{
	static const char *const whats[COUNTS_WHATS] = {
		[COUNTS_READ] = "what=\"read\"", [COUNTS_WRITE] = "what=\"write\"", [COUNTS_COMMIT] = "what=\"commit\"",
	};
	static const char *const steps[COUNTS_STEPS] = { "le=\"0.0001\"", "le=\"0.001\"", "le=\"0.01\"", "le=\"0.1\"", "le=\"1.0\"", "le=\"10.0\"" };
	static const char name[] = "wm_registry_handling_seconds";

	wm_metric_family(w, name, "histogram", "seconds",
			 "How long a request held up the others; commit: until all that was written meanwhile was on disk.");
	for (int what = 0; what < COUNTS_WHATS; what++) {
		const struct counts_times *t = &r->counts.handling[what];

		for (int i = 0; i < COUNTS_STEPS; i++)
			wm_metric_sample(w, name, "_bucket", whats[what], steps[i], t->within[i]);
		wm_metric_sample(w, name, "_bucket", whats[what], "le=\"+Inf\"", t->n);
		wm_metric_sample(w, name, "_count", whats[what], "", t->n);
		wm_metric_time(w, name, "_sum", whats[what], "", t->sum_us);
	}
}

/* --- of what gateways report ------------------------------------------------------------------ */

enum site_family { SITE_SEEN, SITE_GENERATION, SITE_APPLIED, SITE_DELAY, SITE_PROBLEM, PEER_HANDSHAKE, PEER_BYTES, SITE_FAMILIES };

static const struct {
	const char *name, *type, *unit, *help;
} families[SITE_FAMILIES] = {
	[SITE_SEEN] = { "wm_site_seen_timestamp_seconds", "gauge", "seconds", "When a site's gateway last reported." },
	[SITE_GENERATION] = { "wm_site_generation", "gauge", NULL, "The generation in force at a site's gateway; 0: none." },
	[SITE_APPLIED] = { "wm_site_applied", "gauge", NULL, "Whether that is the registry's own (1) or not (0)." },
	[SITE_DELAY] = { "wm_site_delay_milliseconds", "gauge", "milliseconds",
			 "From the last change to a gateway's word that it is in force; absent if not known." },
	[SITE_PROBLEM] = { "wm_site_problem", "gauge", NULL, "Whether a site's gateway has a problem (1) or not (0)." },
	[PEER_HANDSHAKE] = { "wm_peer_handshake_timestamp_seconds", "gauge", "seconds",
			     "When a site's gateway last heard a peer; absent if it never did." },
	[PEER_BYTES] = { "wm_peer_bytes", "counter", "bytes", "What WireGuard of a site received from a peer, and sent to it." },
};

static void put_peers(struct wm_writer *w, enum site_family family, const struct report *r, const struct wm_metric_labels *site)
{
	const char *name = families[family].name;

	for (size_t i = 0; i < r->npeers; i++) {
		const struct wm_report_peer *p = &r->peers[i];
		struct wm_metric_labels labels = *site;

		wm_metric_label(&labels, "kind", p->kind);
		wm_metric_label(&labels, "peer", p->name);
		if (family == PEER_HANDSHAKE && p->handshake)
			wm_metric_sample(w, name, "", labels.text, "", (uint64_t)p->handshake);
		if (family == PEER_BYTES) {
			wm_metric_sample(w, name, "_total", labels.text, "direction=\"rx\"", p->rx);
			wm_metric_sample(w, name, "_total", labels.text, "direction=\"tx\"", p->tx);
		}
	}
}

static void put_site(struct wm_writer *w, enum site_family family, const struct report *r, const struct wm_mesh *mesh)
{
	struct wm_metric_labels labels = { .len = 0 };
	const char *name = families[family].name;

	wm_metric_label(&labels, "site", r->domain);
	switch (family) {
	case SITE_SEEN:
		wm_metric_sample(w, name, "", labels.text, "", (uint64_t)r->seen);
		return;
	case SITE_GENERATION:
		wm_metric_sample(w, name, "", labels.text, "", r->generation);
		return;
	case SITE_APPLIED:
		wm_metric_sample(w, name, "", labels.text, "", report_applied(r, mesh));
		return;
	case SITE_DELAY:
		if (r->delay_ms)
			wm_metric_sample(w, name, "", labels.text, "", r->delay_ms);
		return;
	case SITE_PROBLEM:
		wm_metric_sample(w, name, "", labels.text, "", *r->problem != '\0');
		return;
	case PEER_HANDSHAKE:
	case PEER_BYTES:
		put_peers(w, family, r, &labels);
		return;
	case SITE_FAMILIES:
		return;
	}
}

/* --- the walk ----------------------------------------------------------------------------------- */

struct metrics {
	struct registry *registry;
	bool begun;
	unsigned int family;
	char last[WM_NAME_SIZE]; /* the last site of this family, or "" */
};

static int put_piece(struct metrics *m, struct wm_writer *w)
{
	const struct report *report = NULL;
	int rc = 0;

	if (!m->begun) {
		m->begun = true;
		put_info(m->registry, w);
		put_objects(m->registry, w);
		put_answers(m->registry, w);
		put_times(m->registry, w);
		return 1;
	}
	if (m->family == SITE_FAMILIES) {
		wm_metrics_end(w);
		return 0;
	}
	/* The first family looks whether what is known of each site is new, the others take what that left. */
	if (m->family)
		report = reports_next(&m->registry->reports, m->last);
	else
		rc = registry_report_next(m->registry, m->last, &report);
	if (rc < 0)
		return rc;
	if (!*m->last)
		wm_metric_family(w, families[m->family].name, families[m->family].type, families[m->family].unit,
				 families[m->family].help);
	if (report) {
		put_site(w, m->family, report, store_mesh(m->registry->store));
		memcpy(m->last, report->domain, sizeof(m->last));
	} else {
		m->family++;
		*m->last = '\0';
	}
	return 1;
}

static int next_piece(void *arg, FILE *f)
{
	struct wm_writer w;
	int rc;

	wm_writer_open(&w, f);
	rc = put_piece(arg, &w);
	wm_writer_flush(&w);
	return rc;
}

void api_metrics(struct call *call)
{
	struct wm_error err = { 0 };
	int rc = counts_objects(&call->registry->counts, call->registry->store, &err);
	struct metrics *m;

	if (rc) {
		answer_failure(call, rc, &err);
		return;
	}
	m = calloc(1, sizeof(*m));
	if (m)
		m->registry = call->registry;
	answer_pieces(call, "application/openmetrics-text; version=1.0.0; charset=utf-8", next_piece, m);
}
