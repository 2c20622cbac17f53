/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm-bpf stats as OpenMetrics: a family after another, each with all hosts, whose labels are made once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

static void put_host(struct wm_writer *w, enum family family, const struct wm_end_counters *end, const char *labels)
{
	const char *name = families[family].name;

	switch (family) {
	case HOST_PACKETS:
		wm_metric_sample(w, name, "_total", labels, "direction=\"to\"", end->to.packets);
		wm_metric_sample(w, name, "_total", labels, "direction=\"from\"", end->from.packets);
		return;
	case HOST_BYTES:
		wm_metric_sample(w, name, "_total", labels, "direction=\"to\"", end->to.bytes);
		wm_metric_sample(w, name, "_total", labels, "direction=\"from\"", end->from.bytes);
		return;
	case HOST_DROPS:
		wm_metric_sample(w, name, "_total", labels, "", end->drops);
		return;
	case HOST_SEEN:
		if (end->last_seen)
			wm_metric_sample(w, name, "", labels, "", (uint64_t)end->last_seen);
		return;
	case FAMILIES:
		return;
	}
}

/* Of each row, each with a NUL behind it. NULL: no memory. */
static char *make_labels(const struct stats_view *view, const struct wm_metric_labels *first)
{
	WM_AUTO_FREE char *ret = malloc(1);
	char name[WM_FQDN_SIZE], addr[WM_IP4_TEXT];
	struct wm_metric_labels labels = *first;
	size_t len = 0, cap = 1;

	for (size_t i = 0; ret && i < view->n; i++) {
		const char *host = stats_name(view, &view->rows[i], name);

		labels.len = first->len;
		wm_metric_label(&labels, "host", host ? host : "");
		wm_metric_label(&labels, "wg_ip", wm_ip4_format(view->rows[i].end->overlay, addr));
		if (wm_grow((void **)&ret, &cap, len + labels.len + 1, 1))
			return NULL;
		memcpy(ret + len, labels.text, labels.len + 1);
		len += labels.len + 1;
	}
	return WM_STEAL(ret);
}

static void put_hosts(struct wm_writer *w, const struct stats_view *view, const char *labels)
{
	for (int i = 0; i < FAMILIES; i++) {
		const char *at = labels;

		wm_metric_family(w, families[i].name, families[i].type, families[i].unit, families[i].help);
		for (size_t row = 0; row < view->n; row++, at += strlen(at) + 1)
			put_host(w, (enum family)i, view->rows[row].end, at);
	}
}

static void put_reasons(struct wm_writer *w, const struct stats_view *view, const struct wm_metric_labels *first, bool bytes)
{
	const char *family = bytes ? "wm_bytes" : "wm_packets";

	wm_metric_family(w, family, "counter", bytes ? "bytes" : NULL,
			 bytes ? "Bytes of IP by what became of their packets." : "Packets by what became of them.");
	for (unsigned int r = 0; r < WM_REASON_COUNT; r++) {
		const struct wm_count *count = &view->reason[r].count;
		struct wm_metric_labels labels = *first;

		wm_metric_label(&labels, "reason", wm_reason_name(r));
		wm_metric_label(&labels, "verdict", wm_reason_is_drop(r) ? "drop" : "pass");
		wm_metric_sample(w, family, "_total", labels.text, "", bytes ? count->bytes : count->packets);
	}
}

static void put_dataplane(struct wm_writer *w, const struct stats_view *view, const struct wm_metric_labels *first)
{
	struct wm_metric_labels labels = *first;

	/* Not of the type "info": that is unknown to who reads the older format, as node_exporter does. */
	wm_metric_family(w, "wm_dataplane_info", "gauge", NULL, "The data plane that is in force.");
	wm_metric_label(&labels, "dataplane", view->dataplane);
	wm_metric_sample(w, "wm_dataplane_info", "", labels.text, "", 1);
}

int stats_metrics(FILE *f, const struct stats_view *view, const char *instance)
{
	struct wm_metric_labels first = { .len = 0 };
	WM_AUTO_FREE char *labels = NULL;
	struct wm_writer w;

	if (*instance)
		wm_metric_label(&first, "wm_instance", instance);
	labels = make_labels(view, &first);
	if (!labels)
		return -ENOMEM;
	wm_writer_open(&w, f);
	put_dataplane(&w, view, &first);
	put_reasons(&w, view, &first, false);
	put_reasons(&w, view, &first, true);
	put_hosts(&w, view, labels);
	wm_metrics_end(&w);
	wm_writer_flush(&w);
	return fflush(f) || ferror(f) ? -(errno ? errno : EIO) : 0;
}
