/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a gateway reports besides its own state: whom it hears, what its hosts
 * send and receive. All is seen from the gateway: rx came from the other one,
 * tx went to it. They cross from gateway to fetcher as records, and from there
 * to the registry, and on to whoever asks it, as JSON.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/name.h"

struct wm_table; /* core/codec.h */

#define WM_REPORT_PEERS 256 /* in one report at most */
#define WM_REPORT_HOSTS 128
#define WM_REPORT_BYTES (60 * 1024) /* of JSON; the registry takes 64 KiB */

struct wm_report_peer {
	char kind[8]; /* "site", "device" */
	char name[WM_NAME_SIZE];
	int64_t handshake; /* the last, seconds since 1970; 0: none */
	struct wm_endpoint endpoint; /* family 0: none known */
	uint64_t rx, tx; /* bytes */
};

struct wm_report_host {
	char name[WM_NAME_SIZE]; /* of this site */
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
};

struct wm_report_lists {
	const struct wm_report_peer *peers;
	size_t npeers;
	const struct wm_report_host *hosts;
	size_t nhosts;
};

extern const struct wm_table wm_report_peer_table, wm_report_host_table;

/* How many of them are told of. Where that is not all, they are sorted: first the peers that were heard of last, the hosts
 * that carried most. */
size_t wm_report_choose_peers(struct wm_report_peer *list, size_t n);
size_t wm_report_choose_hosts(struct wm_report_host *list, size_t n);

/* A report as one object of JSON, malloc'd: what `table` says of `head`, and "peers" and "hosts", of each as many from the
 * beginning as fit in `most` bytes (0: all). NULL without memory. */
char *wm_report_encode(const struct wm_table *table, const void *head, const struct wm_report_lists *lists, size_t most);
