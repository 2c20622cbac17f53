/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The flow sets put together to flows, each in the one state that it is in.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/util.h"
#include "kernel/nft_flow.h"
#include "kernel/nft_sets.h"

/* Tries to see sets whole, and the time between two. */
#define READS 10
#define PAUSE_NS 20000000

struct traces {
	struct wm_nft_trace *item;
	size_t n, cap;
};

static int keep(void *arg, const struct wm_nft_trace *trace)
{
	struct traces *all = arg;
	int rc = wm_grow((void **)&all->item, &all->cap, all->n + 1, sizeof(*trace));

	if (!rc)
		all->item[all->n++] = *trace;
	return rc;
}

static void forget(void *arg, enum wm_nft_flow_set set)
{
	struct traces *all = arg;

	while (all->n && all->item[all->n - 1].set == set)
		all->n--;
}

static int by_key_and_set(const void *a, const void *b)
{
	const struct wm_nft_trace *x = a, *y = b;
	int cmp = memcmp(x->key, y->key, sizeof(x->key));

	return cmp ? cmp : (int)x->set - (int)y->set;
}

/* A set is dumped in pieces, each of which begins behind so many elements as were told before. When packets fill it, the
 * kernel moves its elements to a larger table meanwhile, where others come first: some are told twice, and as many not at
 * all. Traffic alone may have it tell one twice: then reading again is for nothing, and soon over. */
static bool is_torn(const struct traces *all)
{
	for (size_t i = 1; i < all->n; i++) {
		if (!by_key_and_set(&all->item[i - 1], &all->item[i]))
			return true;
	}
	return false;
}

/* Sorted by flow. As it can be had, where it cannot be had whole. */
static int read_traces(struct wm_nl *nl, const char *table, struct traces *ret)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	bool torn = true;
	int rc = 0;

	for (int i = 0; torn && !rc && i < READS; i++) {
		if (i)
			nanosleep(&pause, NULL);
		ret->n = 0;
		rc = wm_nft_flows_read(nl, table, keep, forget, ret);
		if (!rc && ret->n)
			qsort(ret->item, ret->n, sizeof(*ret->item), by_key_and_set);
		torn = is_torn(ret);
	}
	return rc;
}

static int by_owner(const void *a, const void *b)
{
	const struct wm_nft_elem *x = a, *y = b;

	return (x->data > y->data) - (x->data < y->data);
}

/* The overlay address of an owner's number; 0: gone, its flows are nobody's. */
static wm_ip4 end_of(const struct wm_nft_elems *owners, uint32_t owner)
{
	const struct wm_nft_elem wanted = { .data = owner };
	const struct wm_nft_elem *found = owners->n ? bsearch(&wanted, owners->v, owners->n, sizeof(wanted), by_owner) : NULL;
	uint32_t addr = 0;

	if (found)
		memcpy(&addr, found->key, sizeof(addr));
	return ntohl(addr);
}

/* Traces of one flow, in order of their sets: the sets that make it live, and those that say more about it. */
static int add_flow(const struct wm_nft_trace *trace, size_t n, const struct wm_nft_elems *owners, struct wm_flow_views *ret)
{
	static const uint8_t states[] = {
		[WM_NFT_HALF] = WM_FLOW_ASKED, [WM_NFT_ANSWERED] = WM_FLOW_IS_ANSWERED,
		[WM_NFT_LIVE] = WM_FLOW_ESTABLISHED, [WM_NFT_CLOSED] = WM_FLOW_CLOSED,
	};
	static const uint8_t says[WM_NFT_FLOW_SETS] = {
		[WM_NFT_SEEN] = WM_FLOW_SAW_ANSWER, [WM_NFT_ANSWERED] = WM_FLOW_SAW_ANSWER, [WM_NFT_LIVE] = WM_FLOW_SAW_ANSWER,
		[WM_NFT_FIN_PEER] = WM_FLOW_SAW_PEER_CLOSE, [WM_NFT_FIN_END] = WM_FLOW_SAW_END_CLOSE,
	};
	struct wm_flow_view view = { .state = WM_FLOW_STATES };
	uint32_t owner, peer;
	uint16_t ports[2];

	memcpy(&owner, trace->key, 4);
	memcpy(&peer, trace->key + 4, 4);
	memcpy(&ports[0], trace->key + 12, 2);
	memcpy(&ports[1], trace->key + 16, 2);
	for (size_t i = 0; i < n; i++) {
		view.saw |= says[trace[i].set];
		if (trace[i].set != WM_NFT_HALF && trace[i].set != WM_NFT_ANSWERED && trace[i].set != WM_NFT_LIVE &&
		    trace[i].set != WM_NFT_CLOSED)
			continue;
		view.state = states[trace[i].set];
		view.seconds = (uint32_t)(trace[i].expires_ms / 1000);
	}
	if (view.state == WM_FLOW_STATES)
		return 0;
	if (view.saw & (WM_FLOW_SAW_PEER_CLOSE | WM_FLOW_SAW_END_CLOSE) && view.state != WM_FLOW_CLOSED)
		view.state = WM_FLOW_CLOSING;
	else if (view.saw & WM_FLOW_SAW_ANSWER && view.state == WM_FLOW_ASKED)
		view.state = WM_FLOW_IS_ANSWERED;
	view.end = end_of(owners, owner);
	view.peer = ntohl(peer);
	view.proto = trace->key[8];
	view.end_port = ntohs(ports[0]);
	view.peer_port = ntohs(ports[1]);
	return view.end ? wm_flow_views_add(ret, &view) : 0;
}

int wm_nft_flows(struct wm_nl *nl, const char *table, struct wm_flow_views *ret)
{
	struct wm_nft_content content = { 0 };
	struct traces all = { 0 };
	struct wm_flow_views views = { 0 };
	struct wm_nft_elems *owners = &content.set[WM_NFT_ISO];
	int rc = wm_nft_elems_read(nl, table, WM_NFT_ISO, owners);

	if (!rc)
		rc = read_traces(nl, table, &all);
	if (!rc && owners->n)
		qsort(owners->v, owners->n, sizeof(*owners->v), by_owner);
	for (size_t i = 0, next; !rc && i < all.n; i = next) {
		for (next = i + 1; next < all.n && !memcmp(all.item[next].key, all.item[i].key, sizeof(all.item[i].key)); next++)
			;
		if (all.item[i].set < WM_NFT_FRAGS)
			rc = add_flow(&all.item[i], next - i, owners, &views);
	}
	free(all.item);
	wm_nft_content_free(&content);
	if (rc) {
		wm_flow_views_free(&views);
		return rc;
	}
	wm_flow_views_sort(&views);
	*ret = views;
	return 0;
}
