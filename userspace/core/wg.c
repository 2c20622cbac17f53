/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/wg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"

#define HANDSHAKE_LIVE_S 180 /* WireGuard's REJECT_AFTER_TIME */

void wm_wg_device_free(struct wm_wg_device *dev)
{
	if (!dev)
		return;
	/* All that was allocated: joining peers leaves copies behind the last. */
	if (dev->peers)
		wm_wipe(dev->peers, dev->cap_peers * sizeof(*dev->peers));
	free(dev->peers);
	free(dev->allowed);
	wm_wipe(dev, sizeof(*dev));
}

int wm_wg_add_peer(struct wm_wg_device *dev, const struct wm_wg_peer *peer)
{
	int rc = wm_grow((void **)&dev->peers, &dev->cap_peers, dev->npeers + 1, sizeof(*dev->peers));

	if (rc)
		return rc;
	dev->peers[dev->npeers] = *peer;
	dev->peers[dev->npeers].first_allowed = dev->nallowed;
	dev->peers[dev->npeers].nallowed = 0;
	dev->npeers++;
	return 0;
}

int wm_wg_add_allowed(struct wm_wg_device *dev, struct wm_prefix prefix)
{
	int rc = wm_grow((void **)&dev->allowed, &dev->cap_allowed, dev->nallowed + 1, sizeof(*dev->allowed));

	if (rc)
		return rc;
	dev->allowed[dev->nallowed++] = prefix;
	dev->peers[dev->npeers - 1].nallowed++;
	return 0;
}

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct wm_key)); /* a peer starts with its public key */
}

static int by_prefix(const void *a, const void *b)
{
	const struct wm_prefix *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->len - y->len;
}

/* A dump splits a big peer over messages: the parts are adjacent and so are their slices. */
static void join_split_peers(struct wm_wg_device *dev)
{
	size_t n = 0;

	for (size_t i = 0; i < dev->npeers; i++) {
		struct wm_wg_peer *last = n ? &dev->peers[n - 1] : NULL;

		if (last && wm_key_equal(&last->public_key, &dev->peers[i].public_key))
			last->nallowed += dev->peers[i].nallowed;
		else
			dev->peers[n++] = dev->peers[i];
	}
	dev->npeers = n;
}

int wm_wg_finish(struct wm_wg_device *dev)
{
	WM_AUTO_FREE struct wm_prefix *all = NULL;

	join_split_peers(dev);
	if (dev->npeers)
		qsort(dev->peers, dev->npeers, sizeof(*dev->peers), by_key);
	if (!dev->nallowed)
		return 0;
	for (size_t i = 0; i < dev->npeers; i++)
		qsort(dev->allowed + dev->peers[i].first_allowed, dev->peers[i].nallowed, sizeof(*dev->allowed), by_prefix);
	all = malloc(dev->nallowed * sizeof(*all));
	if (!all)
		return -ENOMEM;
	memcpy(all, dev->allowed, dev->nallowed * sizeof(*all));
	qsort(all, dev->nallowed, sizeof(*all), by_prefix);
	for (size_t i = 1; i < dev->nallowed; i++) {
		if (!by_prefix(&all[i - 1], &all[i]))
			return -EEXIST;
	}
	return 0;
}

const struct wm_wg_peer *wm_wg_find_peer(const struct wm_wg_device *dev, const struct wm_key *public_key)
{
	return dev->npeers ? bsearch(public_key, dev->peers, dev->npeers, sizeof(*dev->peers), by_key) : NULL;
}

/* --- difference ------------------------------------------------------------------ */

struct differ {
	const struct wm_wg_device *have, *want;
	const struct wm_wg_peer_endpoint *last;
	size_t nlast;
	int64_t now;
	bool rekeyed; /* have has a private key, and want another */
	struct wm_prefix *wanted; /* every allowed IP of want, sorted: who moves is not removed */
	struct wm_wg_diff *diff;
};

static struct wm_wg_op *new_op(struct differ *d, enum wm_wg_op_kind kind, const struct wm_wg_peer *peer)
{
	struct wm_wg_op *op;

	if (wm_grow((void **)&d->diff->ops, &d->diff->cap, d->diff->n + 1, sizeof(*d->diff->ops)))
		return NULL;
	op = &d->diff->ops[d->diff->n++];
	*op = (struct wm_wg_op){ .kind = kind };
	if (peer)
		op->peer = *peer;
	return op;
}

static int diff_device(struct differ *d)
{
	const struct wm_wg_device *have = d->have, *want = d->want;

	if (wm_key_equal(&have->private_key, &want->private_key) && have->listen_port == want->listen_port &&
	    have->fwmark == want->fwmark)
		return 0;
	d->diff->private_key = want->private_key;
	d->diff->listen_port = want->listen_port;
	d->diff->fwmark = want->fwmark;
	return new_op(d, WM_WG_SET_DEVICE, NULL) ? 0 : -ENOMEM;
}

/* The registry's endpoint is set when it changed, or when the peer is silent anyway; else roaming wins. */
static bool endpoint_differs(const struct differ *d, const struct wm_wg_peer *have, const struct wm_wg_peer *want)
{
	const struct wm_wg_peer_endpoint *last;
	bool live = have->last_handshake && d->now - have->last_handshake < HANDSHAKE_LIVE_S &&
		    d->now >= have->last_handshake;

	if (!want->endpoint.family || wm_endpoint_equal(&have->endpoint, &want->endpoint))
		return false;
	if (!live || !have->endpoint.family)
		return true;
	last = d->nlast ? bsearch(&want->public_key, d->last, d->nlast, sizeof(*d->last), by_key) : NULL;
	return last && !wm_endpoint_equal(&last->endpoint, &want->endpoint);
}

/* After another private key nobody talks to us before we have talked to him: who is behind NAT cannot even be asked to. A
 * keepalive that is turned on is sent at once, and with it a handshake. */
static int wake(struct differ *d, const struct wm_wg_peer *have, const struct wm_wg_peer *want)
{
	struct wm_wg_op *op;

	if (!d->rekeyed || !have || !have->keepalive_s || !want->keepalive_s)
		return 0;
	for (int on = 0; on < 2; on++) {
		op = new_op(d, WM_WG_SET_PEER, want);
		if (!op)
			return -ENOMEM;
		op->flags = WM_WG_OP_KEEPALIVE;
		op->peer.keepalive_s = on ? want->keepalive_s : 0;
	}
	return 0;
}

static int diff_fields(struct differ *d, const struct wm_wg_peer *have, const struct wm_wg_peer *want)
{
	unsigned int flags = 0;
	struct wm_wg_op *op;

	if (!have)
		flags = WM_WG_OP_NEW | (want->endpoint.family ? WM_WG_OP_ENDPOINT : 0) |
			(want->keepalive_s ? WM_WG_OP_KEEPALIVE : 0) |
			(wm_key_is_zero(&want->preshared_key) ? 0 : WM_WG_OP_PSK);
	else
		flags = (endpoint_differs(d, have, want) ? WM_WG_OP_ENDPOINT : 0) |
			(have->keepalive_s != want->keepalive_s ? WM_WG_OP_KEEPALIVE : 0) |
			(wm_key_equal(&have->preshared_key, &want->preshared_key) ? 0 : WM_WG_OP_PSK);
	if (!flags)
		return 0;
	op = new_op(d, WM_WG_SET_PEER, want);
	if (!op)
		return -ENOMEM;
	op->flags = flags;
	return 0;
}

static int add_allowed_op(struct differ *d, enum wm_wg_op_kind kind, const struct wm_wg_peer *peer, struct wm_prefix p)
{
	struct wm_wg_op *op = new_op(d, kind, peer);

	if (!op)
		return -ENOMEM;
	op->allowed = p;
	return 0;
}

/* Both slices are sorted: one walk. Removing stands behind adding. */
static int diff_allowed(struct differ *d, const struct wm_wg_peer *have, const struct wm_wg_peer *want)
{
	const struct wm_prefix *h = have ? d->have->allowed + have->first_allowed : NULL;
	const struct wm_prefix *w = d->want->allowed + want->first_allowed;
	size_t nh = have ? have->nallowed : 0, nw = want->nallowed;
	int rc = 0;

	for (size_t i = 0, j = 0; !rc && j < nw;) {
		int order = i == nh ? 1 : by_prefix(&h[i], &w[j]);

		if (order > 0)
			rc = add_allowed_op(d, WM_WG_ADD_ALLOWED, want, w[j]);
		i += order <= 0;
		j += order >= 0;
	}
	for (size_t i = 0; !rc && i < nh; i++) {
		if (!bsearch(&h[i], d->wanted, d->want->nallowed, sizeof(*h), by_prefix))
			rc = add_allowed_op(d, WM_WG_REMOVE_ALLOWED, want, h[i]);
	}
	return rc;
}

static int diff_peers(struct differ *d)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < d->want->npeers; i++) {
		const struct wm_wg_peer *want = &d->want->peers[i], *have = wm_wg_find_peer(d->have, &want->public_key);

		rc = diff_fields(d, have, want);
		if (!rc)
			rc = wake(d, have, want);
		if (!rc)
			rc = diff_allowed(d, have, want);
	}
	/* Last: what a removed peer had may have moved on by then, without a gap. */
	for (size_t i = 0; !rc && i < d->have->npeers; i++) {
		if (!wm_wg_find_peer(d->want, &d->have->peers[i].public_key) && !new_op(d, WM_WG_REMOVE_PEER, &d->have->peers[i]))
			rc = -ENOMEM;
	}
	return rc;
}

int wm_wg_diff(const struct wm_wg_device *have, const struct wm_wg_device *want,
	       const struct wm_wg_peer_endpoint *last_endpoint, size_t nlast, int64_t now, struct wm_wg_diff *ret)
{
	struct wm_wg_diff diff = { 0 };
	WM_AUTO_FREE struct wm_prefix *wanted = calloc(want->nallowed + 1, sizeof(*wanted));
	struct differ d = {
		.have = have, .want = want, .last = last_endpoint, .nlast = nlast, .now = now, .wanted = wanted, .diff = &diff,
	};
	int rc;

	if (!wanted)
		return -ENOMEM;
	if (want->nallowed)
		memcpy(wanted, want->allowed, want->nallowed * sizeof(*wanted));
	qsort(wanted, want->nallowed, sizeof(*wanted), by_prefix);
	d.rekeyed = !wm_key_is_zero(&have->private_key) && !wm_key_equal(&have->private_key, &want->private_key);
	rc = diff_device(&d);
	if (!rc)
		rc = diff_peers(&d);
	if (rc) {
		wm_wg_diff_free(&diff);
		return rc;
	}
	*ret = diff;
	return 0;
}

void wm_wg_diff_free(struct wm_wg_diff *diff)
{
	if (!diff)
		return;
	for (size_t i = 0; i < diff->n; i++)
		wm_wipe(&diff->ops[i].peer.preshared_key, sizeof(diff->ops[i].peer.preshared_key));
	free(diff->ops);
	wm_wipe(diff, sizeof(*diff));
}
