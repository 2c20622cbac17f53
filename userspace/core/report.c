/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "core/util.h"

static const struct wm_field peer_fields[] = {
	WM_FIELD(wm_report_peer, kind, "kind", WM_FIELD_STRING, WM_FIELD_REQUIRED),
	WM_FIELD(wm_report_peer, name, "name", WM_FIELD_LABEL, WM_FIELD_REQUIRED),
	WM_FIELD(wm_report_peer, handshake, "handshake", WM_FIELD_TIME, WM_FIELD_NULLABLE),
	WM_FIELD(wm_report_peer, endpoint, "endpoint", WM_FIELD_ENDPOINT, WM_FIELD_NULLABLE),
	WM_FIELD(wm_report_peer, rx, "rx", WM_FIELD_UINT, 0),
	WM_FIELD(wm_report_peer, tx, "tx", WM_FIELD_UINT, 0),
};
const struct wm_table wm_report_peer_table = WM_TABLE(peer_fields);

static const struct wm_field host_fields[] = {
	WM_FIELD(wm_report_host, name, "name", WM_FIELD_LABEL, WM_FIELD_REQUIRED),
	WM_FIELD(wm_report_host, rx_packets, "rx_packets", WM_FIELD_UINT, 0),
	WM_FIELD(wm_report_host, rx_bytes, "rx_bytes", WM_FIELD_UINT, 0),
	WM_FIELD(wm_report_host, tx_packets, "tx_packets", WM_FIELD_UINT, 0),
	WM_FIELD(wm_report_host, tx_bytes, "tx_bytes", WM_FIELD_UINT, 0),
};
const struct wm_table wm_report_host_table = WM_TABLE(host_fields);

static int by_handshake(const void *a, const void *b)
{
	const struct wm_report_peer *p = a, *q = b;

	if (p->handshake != q->handshake)
		return p->handshake > q->handshake ? -1 : 1;
	return strcmp(p->name, q->name);
}

size_t wm_report_choose_peers(struct wm_report_peer *list, size_t n)
{
	if (n > WM_REPORT_PEERS)
		qsort(list, n, sizeof(*list), by_handshake);
	return WM_MIN(n, (size_t)WM_REPORT_PEERS);
}

static int by_bytes(const void *a, const void *b)
{
	const struct wm_report_host *p = a, *q = b;
	uint64_t x = p->rx_bytes + p->tx_bytes, y = q->rx_bytes + q->tx_bytes;

	if (x != y)
		return x > y ? -1 : 1;
	return strcmp(p->name, q->name);
}

size_t wm_report_choose_hosts(struct wm_report_host *list, size_t n)
{
	if (n > WM_REPORT_HOSTS)
		qsort(list, n, sizeof(*list), by_bytes);
	return WM_MIN(n, (size_t)WM_REPORT_HOSTS);
}

#define CLOSING 16 /* what still has to stand behind a list */

/* `key` and a list of n elements of `size` bytes. */
static int write_list(FILE *f, const char *key, const struct wm_table *table, const void *list, size_t n, size_t size,
		      size_t most)
{
	fprintf(f, ",\"%s\":[", key);
	for (size_t i = 0; i < n; i++) {
		WM_AUTO_FREE char *one = wm_encode(table, (const char *)list + i * size, ~0u);

		if (!one)
			return -1;
		if (most && (size_t)ftello(f) + strlen(one) + CLOSING > most)
			break;
		fprintf(f, "%s%s", i ? "," : "", one);
	}
	fputc(']', f);
	return 0;
}

char *wm_report_encode(const struct wm_table *table, const void *head, const struct wm_report_lists *lists, size_t most)
{
	WM_AUTO_FREE char *first = wm_encode(table, head, ~0u);
	WM_AUTO_FREE char *text = NULL;
	size_t len;
	FILE *f = first ? open_memstream(&text, &len) : NULL;
	int rc;

	if (!f)
		return NULL;
	fwrite(first, 1, strlen(first) - 1, f); /* without its closing brace */
	rc = write_list(f, "peers", &wm_report_peer_table, lists->peers, lists->npeers, sizeof(*lists->peers), most);
	if (!rc)
		rc = write_list(f, "hosts", &wm_report_host_table, lists->hosts, lists->nhosts, sizeof(*lists->hosts), most);
	fputc('}', f);
	rc |= ferror(f);
	if (fclose(f) || rc)
		return NULL;
	return WM_STEAL(text);
}
