/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Flows that another back end has seen begin are written into the flow sets.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include "core/util.h"
#include "kernel/nft_flow.h"
#include "kernel/nft_sets.h"
#include "kernel/nft_state.h"
#include "wm_limits.h"

#define ELEM_MAX 128 /* bytes of one in a message, at most */

/* In which sets a flow stands is its state. */
static unsigned int sets_of(const struct wm_flow_view *v)
{
	const bool answered = v->saw & WM_FLOW_SAW_ANSWER;
	unsigned int sets = 0;

	if (v->proto != IPPROTO_TCP)
		return v->proto == IPPROTO_UDP && answered ? 1u << WM_NFT_ANSWERED : 1u << WM_NFT_HALF;
	if (v->state == WM_FLOW_CLOSED)
		return 1u << WM_NFT_CLOSED;
	if (v->state == WM_FLOW_ESTABLISHED)
		return 1u << WM_NFT_LIVE;
	if (v->state != WM_FLOW_CLOSING)
		return 1u << WM_NFT_HALF | (answered ? 1u << WM_NFT_SEEN : 0);
	sets |= v->saw & WM_FLOW_SAW_PEER_CLOSE ? 1u << WM_NFT_FIN_PEER : 0;
	sets |= v->saw & WM_FLOW_SAW_END_CLOSE ? 1u << WM_NFT_FIN_END : 0;
	return sets | (answered ? 1u << WM_NFT_ANSWERED : 1u << WM_NFT_HALF);
}

static unsigned int seconds_in(enum wm_nft_flow_set set, uint8_t proto)
{
	if (proto == IPPROTO_UDP)
		return set == WM_NFT_ANSWERED ? WM_S_UDP_ANSWERED : WM_S_UDP;
	if (proto != IPPROTO_TCP)
		return WM_S_ICMP;
	return set == WM_NFT_LIVE ? WM_S_TCP_LIVE : set == WM_NFT_CLOSED ? WM_S_TCP_CLOSED : WM_S_TCP_OPENING;
}

static int by_overlay(const void *a, const void *b)
{
	const struct wm_nft_elem *x = a, *y = b;

	return memcmp(x->key, y->key, sizeof(uint32_t));
}

static const struct wm_nft_elem *find_end(const struct wm_nft_elems *ends, wm_ip4 overlay)
{
	struct wm_nft_elem wanted = { 0 };
	uint32_t wire = htonl(overlay);

	memcpy(wanted.key, &wire, sizeof(wire));
	return ends->n ? bsearch(&wanted, ends->v, ends->n, sizeof(wanted), by_overlay) : NULL;
}

static void put_elem(struct nlmsghdr *nlh, const struct wm_flow_view *v, uint32_t owner, unsigned int whole_s)
{
	const uint32_t peer = htonl(v->peer);
	const uint16_t ports[2] = { htons(v->end_port), htons(v->peer_port) };
	struct nlattr *elem = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM), *nest;
	uint8_t key[WM_NFT_FLOW_KEY_MAX] = { 0 };

	memcpy(key, &owner, 4);
	memcpy(key + 4, &peer, 4);
	key[8] = v->proto;
	memcpy(key + 12, &ports[0], 2);
	memcpy(key + 16, &ports[1], 2);
	nest = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_KEY);
	mnl_attr_put(nlh, NFTA_DATA_VALUE, sizeof(key), key);
	mnl_attr_nest_end(nlh, nest);
	mnl_attr_put_u64(nlh, NFTA_SET_ELEM_TIMEOUT, htobe64(whole_s * 1000ull));
	mnl_attr_put_u64(nlh, NFTA_SET_ELEM_EXPIRATION, htobe64(WM_MIN(WM_MAX(v->seconds, 1u), whole_s) * 1000ull));
	mnl_attr_nest_end(nlh, elem);
}

struct putting {
	struct wm_nl *nl;
	const char *table;
	const struct wm_nft_elems *ends; /* sorted */
	const struct wm_flow_views *flows;
	struct wm_nft_answer answer;
	size_t left_out;
};

/* Where a flow stands in the set; NULL: it does not, or its end is nobody's here. */
static const struct wm_nft_elem *end_in(const struct putting *p, const struct wm_flow_view *v, enum wm_nft_flow_set set)
{
	return sets_of(v) & 1u << set ? find_end(p->ends, v->end) : NULL;
}

static size_t count_in(const struct putting *p, enum wm_nft_flow_set set)
{
	size_t n = 0;

	for (size_t i = 0; i < p->flows->n; i++)
		n += end_in(p, &p->flows->item[i], set) != NULL;
	return n;
}

/* Three quarters of the set at most: new ones find room behind them. Where that is too little, no end has more than its part. */
static void write_set(struct wm_nft_batch *batch, struct putting *p, enum wm_nft_flow_set set)
{
	const size_t all = count_in(p, set), most = wm_nft_flow_sets[set].size / 4 * 3, take = WM_MIN(all, most);
	struct nlmsghdr *nlh = NULL;
	struct nlattr *list = NULL;

	for (size_t i = 0, n = 0; i < p->flows->n; i++) {
		const struct wm_flow_view *v = &p->flows->item[i];
		const struct wm_nft_elem *end = end_in(p, v, set);
		bool taken = end && (n + 1) * take / all > n * take / all;

		n += end != NULL;
		if (!taken)
			continue;
		if (!nlh)
			nlh = wm_nft_elems_begin(batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE, p->table, wm_nft_flow_sets[set].name, &list);
		if (!nlh)
			return;
		put_elem(nlh, v, end->data, seconds_in(set, v->proto));
		if (nlh->nlmsg_len > WM_NFT_ELEMS_MAX - ELEM_MAX) {
			wm_nft_elems_end(batch, nlh, list);
			nlh = NULL;
		}
	}
	if (nlh)
		wm_nft_elems_end(batch, nlh, list);
	p->left_out += all - take;
}

/* 0, or -errno with what the kernel said in p->answer. */
static int put_set(struct putting *p, enum wm_nft_flow_set set)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	struct wm_nft_batch batch = { 0 };
	int rc = -ERESTART;

	write_set(&batch, p, set);
	for (int i = 0; i < WM_NFT_ATTEMPTS && rc == -ERESTART; i++) {
		uint32_t generation = 0;

		if (i)
			nanosleep(&pause, NULL);
		rc = wm_nft_generation(p->nl, &generation);
		if (!rc && (batch.len || batch.error))
			rc = wm_nft_batch_send(&batch, generation, &p->answer);
	}
	wm_nft_batch_free(&batch);
	return WM_MIN(rc, 0);
}

int wm_nft_flows_put(const char *table, const struct wm_flow_views *flows, struct wm_error *err)
{
	/* What has lasted first; a set that takes no more keeps no other from what is its own. */
	static const enum wm_nft_flow_set order[] = { WM_NFT_LIVE, WM_NFT_ANSWERED, WM_NFT_FIN_PEER, WM_NFT_FIN_END, WM_NFT_CLOSED,
						      WM_NFT_SEEN, WM_NFT_HALF };
	struct putting p = { .table = table, .flows = flows };
	WM_AUTO_NL struct wm_nl *nl = NULL;
	struct wm_nft_elems ends = { 0 };
	const char *failed = NULL;
	int rc = flows->n ? wm_nl_open(NETLINK_NETFILTER, &nl, err) : 0;

	if (rc || !flows->n)
		return rc;
	rc = wm_nft_elems_read(nl, table, WM_NFT_ISO, &ends);
	if (rc)
		return wm_fail(err, -rc, "nftables table ip %s cannot be read: %s", table, strerror(-rc));
	if (ends.n)
		qsort(ends.v, ends.n, sizeof(*ends.v), by_overlay);
	p.nl = nl;
	p.ends = &ends;
	for (size_t i = 0; i < WM_ARRAY_LEN(order); i++) {
		struct wm_nft_answer before = p.answer;
		int one = put_set(&p, order[i]);

		if (one && !failed) {
			rc = one;
			failed = wm_nft_flow_sets[order[i]].name;
		} else if (failed) {
			p.answer = before;
		}
	}
	free(ends.v);
	if (failed)
		return wm_fail(err, -rc, "nftables table ip %s: set %s takes no flows: %s%s%s", table, failed, strerror(-rc),
			       *p.answer.why ? ": " : "", p.answer.why);
	return p.left_out ? wm_fail(err, ENOSPC, "nftables table ip %s has no room for %zu of %zu flows", table, p.left_out, flows->n) : 0;
}
