/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A WireGuard device as a plain struct, and the difference of two.
 *
 * The kernel's own dump is the "have" side: nothing is written that is already
 * so, and an empty difference means no write at all. `wg syncconf` rebuilds
 * allowed IPs and loses packets doing it; this never does.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/key.h"

struct wm_wg_peer {
	struct wm_key public_key;
	struct wm_key preshared_key;   /* zero: none */
	struct wm_endpoint endpoint;   /* family 0: none known */
	uint16_t keepalive_s;          /* 0: off */
	size_t first_allowed, nallowed; /* its slice of wm_wg_device.allowed, sorted */
	/* only in what was read from the kernel */
	int64_t last_handshake;        /* seconds since 1970; 0: never */
	uint64_t rx_bytes, tx_bytes;
};

struct wm_wg_device {
	struct wm_key private_key;     /* wiped by wm_wg_device_free */
	uint16_t listen_port;
	uint32_t fwmark;
	struct wm_wg_peer *peers;      /* sorted by public key */
	size_t npeers;
	struct wm_prefix *allowed;     /* IPv4 only; each peer's slice is sorted by (addr, len) */
	size_t nallowed;
	size_t cap_peers, cap_allowed; /* allocated */
};

void wm_wg_device_free(struct wm_wg_device *dev); /* frees what it holds and wipes keys; NULL-safe */
/* Building: add a peer, then its allowed IPs; finish sorts. -ENOMEM. */
int wm_wg_add_peer(struct wm_wg_device *dev, const struct wm_wg_peer *peer);
int wm_wg_add_allowed(struct wm_wg_device *dev, struct wm_prefix prefix); /* to the peer added last */
/* Sorts peers by key and each slice; joins adjacent peers with one key (a dump
 * splits a big peer over messages). -EEXIST when one prefix has two owners. */
int wm_wg_finish(struct wm_wg_device *dev);

/* By its key; NULL: it is none of a device that was finished. */
const struct wm_wg_peer *wm_wg_find_peer(const struct wm_wg_device *dev, const struct wm_key *public_key);

enum wm_wg_op_kind {
	WM_WG_SET_DEVICE,     /* private key, port or fwmark differ */
	WM_WG_REMOVE_PEER,
	WM_WG_SET_PEER,       /* create or change: flags say which fields */
	WM_WG_ADD_ALLOWED,    /* insert; moves the prefix from whoever had it */
	WM_WG_REMOVE_ALLOWED,
};

enum {
	WM_WG_OP_NEW = 1,       /* the peer did not exist */
	WM_WG_OP_ENDPOINT = 2,
	WM_WG_OP_KEEPALIVE = 4,
	WM_WG_OP_PSK = 8,
};

/* One operation. Operations on one peer stand together, in this order of kinds; of one kind, in the order of the list. */
struct wm_wg_op {
	enum wm_wg_op_kind kind;
	unsigned int flags;            /* of SET_PEER */
	struct wm_wg_peer peer;        /* key; and the fields that flags name */
	struct wm_prefix allowed;      /* of ADD_ALLOWED and REMOVE_ALLOWED */
};

struct wm_wg_diff {
	struct wm_wg_op *ops;
	size_t n, cap;
	/* of SET_DEVICE */
	struct wm_key private_key;
	uint16_t listen_port;
	uint32_t fwmark;
};

/* What turns `have` into `want`. `last_endpoint` (sorted by key), if not NULL, tells for a peer
 * the endpoint that was applied last (from the registry); a live endpoint that
 * roamed away from it is kept while the registry's is unchanged and the
 * handshake younger than 180 s at `now` (unix seconds). A prefix that moves
 * between peers is only added, never removed first. With another private key,
 * peers that are kept awake are woken: their keepalive goes off and on. */
struct wm_wg_peer_endpoint {
	struct wm_key public_key;
	struct wm_endpoint endpoint;
};
int wm_wg_diff(const struct wm_wg_device *have, const struct wm_wg_device *want,
	       const struct wm_wg_peer_endpoint *last_endpoint, size_t nlast, int64_t now, struct wm_wg_diff *ret);
void wm_wg_diff_free(struct wm_wg_diff *diff); /* wipes the private key; NULL-safe */
