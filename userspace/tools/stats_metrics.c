/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm-bpf stats as OpenMetrics: a family after another, filled in one walk over the hosts.
 */
#include <errno.h>
#include <stdlib.h>

#include "core/metrics.h"
#include "core/util.h"
#include "tools/stats.h"

enum family { HOST_PACKETS, HOST_BYTES, HOST_DROPS, HOST_SEEN, FAMILIES };

static const struct {
	const char *name, *type, *unit, *help;
} families[FAMILIES] = {
	[HOST_PACKETS] = { "wm_host_packets", "counter", NULL, "Packets delivered to a host or device, and accepted from it." },
	[HOST_BYTES] = { "wm_host_bytes", "counter", "bytes", "Bytes of IP delivered to a host or device, and accepted from it." },
	[HOST_DROPS] = { "wm_host_drops", "counter", NULL, "Packets dropped because of a host or device." },
	[HOST_SEEN] = { "wm_host_last_seen_timestamp_seconds", "gauge", "seconds",
			"When a host or device last sent something; absent if it never did." },
};

/* One growing text a family. */
struct texts {
	FILE *f[FAMILIES];
	char *text[FAMILIES];
	size_t len[FAMILIES];
};

static int texts_open(struct texts *t)
{
	for (int i = 0; i < FAMILIES; i++) {
		t->f[i] = open_memstream(&t->text[i], &t->len[i]);
		if (!t->f[i])
			return -ENOMEM;
		wm_metric_family(t->f[i], families[i].name, families[i].type, families[i].unit, families[i].help);
	}
	return 0;
}

/* Also of those that were not opened. */
static int texts_close(struct texts *t, int rc)
{
	for (int i = 0; i < FAMILIES; i++) {
		if (t->f[i] && fclose(t->f[i]) && !rc)
			rc = -ENOMEM;
	}
	return rc;
}

static void add_host(struct texts *t, const struct stats_view *view, const struct stats_row *row,
		     const struct wm_metric_labels *first)
{
	const struct wm_end_counters *end = row->end;
	struct wm_metric_labels labels = *first;
	char name[WM_FQDN_SIZE], addr[WM_IP4_TEXT];
	const char *host = stats_name(view, row, name);

	wm_metric_label(&labels, "host", host ? host : "");
	wm_metric_label(&labels, "wg_ip", wm_ip4_format(end->overlay, addr));
	wm_metric_sample(t->f[HOST_PACKETS], families[HOST_PACKETS].name, "_total", &labels, "direction=\"to\"", end->to.packets);
	wm_metric_sample(t->f[HOST_PACKETS], families[HOST_PACKETS].name, "_total", &labels, "direction=\"from\"",
			 end->from.packets);
	wm_metric_sample(t->f[HOST_BYTES], families[HOST_BYTES].name, "_total", &labels, "direction=\"to\"", end->to.bytes);
	wm_metric_sample(t->f[HOST_BYTES], families[HOST_BYTES].name, "_total", &labels, "direction=\"from\"", end->from.bytes);
	wm_metric_sample(t->f[HOST_DROPS], families[HOST_DROPS].name, "_total", &labels, "", end->drops);
	if (end->last_seen)
		wm_metric_sample(t->f[HOST_SEEN], families[HOST_SEEN].name, "", &labels, "", (uint64_t)end->last_seen);
}

static void put_reasons(FILE *f, const struct stats_view *view, const struct wm_metric_labels *first, bool bytes)
{
	const char *family = bytes ? "wm_bytes" : "wm_packets";

	wm_metric_family(f, family, "counter", bytes ? "bytes" : NULL,
			 bytes ? "Bytes of IP by what became of their packets." : "Packets by what became of them.");
	for (unsigned int r = 0; r < WM_REASON_COUNT; r++) {
		const struct wm_count *count = &view->reason[r].count;
		struct wm_metric_labels labels = *first;

		wm_metric_label(&labels, "reason", wm_reason_name(r));
		wm_metric_label(&labels, "verdict", wm_reason_is_drop(r) ? "drop" : "pass");
		wm_metric_sample(f, family, "_total", &labels, "", bytes ? count->bytes : count->packets);
	}
}

static void put_dataplane(FILE *f, const struct stats_view *view, const struct wm_metric_labels *first)
{
	struct wm_metric_labels labels = *first;

	/* Not of the type "info": that is unknown to who reads the older format, as node_exporter does. */
	wm_metric_family(f, "wm_dataplane_info", "gauge", NULL, "The data plane that is in force.");
	wm_metric_label(&labels, "dataplane", view->dataplane);
	wm_metric_sample(f, "wm_dataplane_info", "", &labels, "", 1);
}

int stats_metrics(FILE *f, const struct stats_view *view, const char *instance)
{
	struct wm_metric_labels first = { .len = 0 };
	struct texts t = { .f = { NULL } };
	int rc = texts_open(&t);

	if (*instance)
		wm_metric_label(&first, "wm_instance", instance);
	for (size_t i = 0; !rc && i < view->n; i++)
		add_host(&t, view, &view->rows[i], &first);
	rc = texts_close(&t, rc);
	if (!rc) {
		put_dataplane(f, view, &first);
		put_reasons(f, view, &first, false);
		put_reasons(f, view, &first, true);
		for (int i = 0; i < FAMILIES; i++)
			fwrite(t.text[i], 1, t.len[i], f);
		wm_metrics_end(f);
		rc = fflush(f) || ferror(f) ? -(errno ? errno : EIO) : 0;
	}
	for (int i = 0; i < FAMILIES; i++)
		free(t.text[i]);
	return rc;
}
