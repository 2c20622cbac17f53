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
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include "core/util.h"
#include "kernel/nft_flow.h"
#include "kernel/nft_sets.h"
#include "kernel/nft_state.h"
#include "wm_limits.h"

#define ATTEMPTS 10 /* while others change rulesets */
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

/* Messages with all flows that belong into one set; new ones find room behind them. */
static void write_set(struct wm_nft_batch *batch, const char *table, enum wm_nft_flow_set set, const struct wm_nft_elems *ends,
		      const struct wm_flow_views *flows)
{
	const uint32_t most = wm_nft_flow_sets[set].size / 4 * 3;
	struct nlmsghdr *nlh = NULL;
	struct nlattr *list = NULL;
	uint32_t n = 0;

	for (size_t i = 0; i < flows->n && n < most; i++) {
		const struct wm_flow_view *v = &flows->item[i];
		const struct wm_nft_elem *end = sets_of(v) & 1u << set ? find_end(ends, v->end) : NULL;

		if (!end)
			continue;
		if (!nlh) {
			nlh = wm_nft_msg(batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
			if (!nlh)
				return;
			mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, table);
			mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, wm_nft_flow_sets[set].name);
			list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
		}
		put_elem(nlh, v, end->data, seconds_in(set, v->proto));
		n++;
		if (nlh->nlmsg_len > WM_NFT_ELEMS_MAX - ELEM_MAX) {
			mnl_attr_nest_end(nlh, list);
			wm_nft_msg_end(batch, nlh);
			nlh = NULL;
		}
	}
	if (nlh) {
		mnl_attr_nest_end(nlh, list);
		wm_nft_msg_end(batch, nlh);
	}
}

static int put_once(struct wm_nl *nl, const char *table, const struct wm_flow_views *flows, struct wm_nft_answer *answer)
{
	struct wm_nft_batch batch = { 0 };
	struct wm_nft_elems ends = { 0 };
	uint32_t generation = 0;
	int rc = wm_nft_generation(nl, &generation);

	if (!rc)
		rc = wm_nft_elems_read(nl, table, WM_NFT_ISO, &ends);
	if (!rc && ends.n)
		qsort(ends.v, ends.n, sizeof(*ends.v), by_overlay);
	for (int set = 0; !rc && set < WM_NFT_FRAGS; set++)
		write_set(&batch, table, (enum wm_nft_flow_set)set, &ends, flows);
	if (!rc && (batch.len || batch.error))
		rc = wm_nft_batch_send(&batch, generation, answer);
	wm_nft_batch_free(&batch);
	free(ends.v);
	return rc;
}

int wm_nft_flows_put(const char *table, const struct wm_flow_views *flows, struct wm_error *err)
{
	struct wm_nft_answer answer = { 0 };
	WM_AUTO_NL struct wm_nl *nl = NULL;
	int rc = flows->n ? wm_nl_open(NETLINK_NETFILTER, &nl, err) : 0;

	if (rc || !flows->n)
		return rc;
	rc = -ERESTART;
	for (int i = 0; i < ATTEMPTS && rc == -ERESTART; i++)
		rc = put_once(nl, table, flows, &answer);
	return rc < 0 ? wm_fail(err, -rc, "nftables table ip %s takes no flows: %s%s%s", table, strerror(-rc), *answer.why ? ": " : "",
				answer.why) :
			0;
}
