/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/report.h"

#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/name.h"
#include "core/util.h"
#include "kernel/dataplane.h"
#include "kernel/wg.h"

/* Reading counters takes as long as there are ends; of a larger site they are had from wm-bpf, not from the registry. */
#define COUNTED_MAX 4096
#define NUMBER_MAX ((uint64_t)1 << 53) /* what JSON can say */

/* --- whom it hears ---------------------------------------------------------------------- */

struct peers {
	struct wm_report_peer *list;
	size_t n, cap;
};

static const struct wm_wg_peer *find_peer(const struct wm_wg_device *dev, const struct wm_key *key)
{
	for (size_t low = 0, high = dev->npeers; low < high;) {
		size_t middle = low + (high - low) / 2;
		int order = memcmp(&dev->peers[middle].public_key, key, sizeof(*key));

		if (!order)
			return &dev->peers[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static int add_peer(struct peers *peers, const struct wm_wg_device *dev, const struct wm_key *key, const char *kind,
		    const char *name)
{
	const struct wm_wg_peer *p = wm_key_is_zero(key) ? NULL : find_peer(dev, key);
	struct wm_report_peer *one;
	int rc = p ? wm_grow((void **)&peers->list, &peers->cap, peers->n + 1, sizeof(*one)) : 0;

	if (!p || rc)
		return rc;
	one = &peers->list[peers->n++];
	*one = (struct wm_report_peer){
		.handshake = p->last_handshake, .endpoint = p->endpoint,
		.rx = WM_MIN(p->rx_bytes, NUMBER_MAX), .tx = WM_MIN(p->tx_bytes, NUMBER_MAX),
	};
	wm_copy(one->kind, sizeof(one->kind), kind);
	wm_copy(one->name, sizeof(one->name), name);
	return 0;
}

static int read_peers(const struct wm_gateway *g, struct peers *ret, uint64_t *ret_port)
{
	const struct wm_config *c = &g->config;
	struct wm_wg_device dev = { 0 };
	int rc = wm_wg_read(g->inst->ifname, &dev, NULL);

	*ret_port = rc ? 0 : dev.listen_port;
	for (size_t i = 0; !rc && i < c->nsites; i++)
		rc = add_peer(ret, &dev, &c->sites[i].public_key, "site", c->sites[i].domain);
	for (size_t i = 0; !rc && i < c->ndevices; i++)
		rc = add_peer(ret, &dev, &c->devices[i].public_key, "device", c->devices[i].name);
	wm_wg_device_free(&dev);
	ret->n = wm_report_choose_peers(ret->list, ret->n);
	return rc;
}

/* --- what its hosts carry ------------------------------------------------------------------ */

struct hosts {
	struct wm_report_host *list;
	size_t n, cap;
};

static int add_host(struct hosts *hosts, const struct wm_end *end, const struct wm_end_counters *c)
{
	struct wm_report_host *one;
	int rc = wm_grow((void **)&hosts->list, &hosts->cap, hosts->n + 1, sizeof(*one));

	if (rc)
		return rc;
	one = &hosts->list[hosts->n++];
	*one = (struct wm_report_host){
		.rx_packets = WM_MIN(c->from.packets, NUMBER_MAX), .rx_bytes = WM_MIN(c->from.bytes, NUMBER_MAX),
		.tx_packets = WM_MIN(c->to.packets, NUMBER_MAX), .tx_bytes = WM_MIN(c->to.bytes, NUMBER_MAX),
	};
	wm_copy(one->name, sizeof(one->name), end->name);
	return 0;
}

static int read_hosts(const struct wm_gateway *g, struct hosts *ret)
{
	const struct wm_dataplane *plane = strcmp(g->last.dataplane, wm_dataplane_nft.name) ? &wm_dataplane_bpf : &wm_dataplane_nft;
	const struct wm_plan *plan = &g->plan;
	struct wm_counters c = { 0 };
	int rc = 0;

	if (!g->applied || plan->nends > COUNTED_MAX || plane->read(g->inst, &c, NULL))
		return 0;
	/* Both are sorted by overlay address. */
	for (size_t i = 0, k = 0; !rc && i < plan->nends; i++) {
		const struct wm_end *end = &plan->ends[i];

		while (k < c.nends && c.ends[k].overlay < end->overlay)
			k++;
		if (end->kind == WM_END_HOST && k < c.nends && c.ends[k].overlay == end->overlay)
			rc = add_host(ret, end, &c.ends[k]);
	}
	wm_counters_free(&c);
	ret->n = wm_report_choose_hosts(ret->list, ret->n);
	return rc;
}

/* --- telling -------------------------------------------------------------------------------- */

static bool endpoint_wish(const struct wm_gateway *g, struct wm_endpoint *ret)
{
	const struct wm_site *me = wm_config_site(&g->config, g->inst->domain);

	return me && wm_locating_wish(&g->locating, g->inst, &me->endpoint, ret);
}

bool wm_gateway_self_differs(const struct wm_gateway *g)
{
	const struct wm_site *me = wm_config_site(&g->config, g->inst->domain);
	struct wm_endpoint wish;

	if (!me)
		return false;
	return !wm_key_equal(&me->public_key, &g->id.public_key) ||
	       (endpoint_wish(g, &wish) && !wm_endpoint_equal(&me->endpoint, &wish));
}

static int tell_self(struct wm_gateway *g, struct wm_error *err)
{
	struct wm_fetch_self req = { .public_key = g->id.public_key };
	int rc;

	req.endpoint_too = endpoint_wish(g, &req.endpoint);
	if (req.endpoint_too)
		wm_locating_say(&g->locating, g->inst, &req.endpoint);

	wm_fetcher_target(g->inst, g->id.token, &req.target);
	memcpy(req.domain, g->inst->domain, sizeof(req.domain));
	rc = wm_fetcher_send(&g->teller, g->inst, WM_RECORD_UPDATE_SELF, &req, sizeof(req), err);
	wm_wipe(&req, sizeof(req));
	return rc;
}

static int send_lists(struct wm_gateway *g, const struct peers *peers, const struct hosts *hosts, struct wm_error *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < peers->n; i++)
		rc = wm_fetcher_send(&g->teller, g->inst, WM_RECORD_REPORT_PEER, &peers->list[i], sizeof(*peers->list), err);
	for (size_t i = 0; !rc && i < hosts->n; i++)
		rc = wm_fetcher_send(&g->teller, g->inst, WM_RECORD_REPORT_HOST, &hosts->list[i], sizeof(*hosts->list), err);
	return rc;
}

static int send_report(struct wm_gateway *g, uint64_t listen_port, struct wm_error *err)
{
	struct wm_fetch_report req = {
		.generation = g->applied ? g->config.mesh.generation : 0, .version = WM_VERSION,
		.applied_ms = g->last.took_ms, .listen_port = listen_port,
		.uptime = (wm_monotonic_ms() - g->opened_ms) / 1000, .preshared = true,
		.clock = wm_unix_time(),
	};
	int rc;

	wm_fetcher_target(g->inst, g->id.token, &req.target);
	memcpy(req.domain, g->inst->domain, sizeof(req.domain));
	memcpy(req.instance, g->config.mesh.instance, sizeof(req.instance));
	memcpy(req.mark, g->config.mesh.mark, sizeof(req.mark));
	memcpy(req.dataplane, g->last.dataplane, sizeof(req.dataplane));
	snprintf(req.note, sizeof(req.note), "%.159s", g->last.dataplane_note);
	wm_printable(req.note);
	snprintf(req.problem, sizeof(req.problem), "%.255s", *g->problem.text ? g->problem.text : g->waits.text);
	wm_printable(req.problem); /* cut off within a character, it would not be text */
	rc = wm_fetcher_send(&g->teller, g->inst, WM_RECORD_REPORT, &req, sizeof(req), err);
	wm_wipe(&req, sizeof(req));
	return rc;
}

/* What cannot be read is left out: that the gateway is there is told all the same. */
static int tell_report(struct wm_gateway *g, struct wm_error *err)
{
	struct peers peers = { 0 };
	struct hosts hosts = { 0 };
	uint64_t port;
	int rc;

	read_peers(g, &peers, &port);
	read_hosts(g, &hosts);
	rc = send_lists(g, &peers, &hosts, err);
	if (!rc)
		rc = send_report(g, port, err);
	free(peers.list);
	free(hosts.list);
	return rc;
}

static int ask_location(struct wm_gateway *g, struct wm_error *err)
{
	struct wm_fetch_locate req;
	int rc;

	wm_locating_ask(&g->locating, g->inst, &req);
	wm_fetcher_target(g->inst, g->id.token, &req.target);
	rc = wm_fetcher_send(&g->teller, g->inst, WM_RECORD_LOCATE, &req, sizeof(req), err);
	wm_wipe(&req, sizeof(req));
	return rc;
}

void wm_gateway_tell(struct wm_gateway *g)
{
	struct wm_error err;
	int rc = 0;

	/* Nothing is told to a registry that does not know us. */
	if (g->teller.busy || !g->registry_seen || *g->registry.text)
		return;
	if (g->tell_self) {
		g->tell_self = false;
		rc = tell_self(g, &err);
	} else if (wm_locating_due(&g->locating, g->inst)) {
		rc = ask_location(g, &err);
	} else if (g->report_due) {
		g->report_due = false;
		rc = tell_report(g, &err);
	}
	if (rc)
		wm_warning("%s", err.text);
}

void wm_gateway_told(struct wm_gateway *g, struct wm_answer *answer)
{
	bool asked = g->locating.asked;

	if (answer->kind == WM_ANSWER_NONE)
		return;
	g->locating.asked = false;
	if (asked && answer->kind == WM_ANSWER_LOCATED) {
		wm_locating_take(&g->locating, &answer->located);
		g->tell_self |= g->have_config && wm_gateway_self_differs(g);
	} else if (asked && answer->kind == WM_ANSWER_PROBLEM) {
		wm_locating_failed(&g->locating, &answer->err);
	} else if (answer->kind == WM_ANSWER_PROBLEM) {
		/* What is wrong with the registry itself shows where it is followed. */
		wm_debug("%s", answer->err.text);
	}
	wm_answer_free(answer);
}
