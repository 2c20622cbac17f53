/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Time for the flow sets of nftables without waiting: each element is written
 * anew with less time left, and goes when none is.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>

#include "core/util.h"
#include "kernel/nft_flow.h"
#include "kernel/nft_state.h"
#include "packets/plane.h"

struct traces {
	struct wm_nft_trace *item;
	size_t n, cap;
};

static int keep(void *arg, const struct wm_nft_trace *trace)
{
	struct traces *all = arg;

	if (wm_grow((void **)&all->item, &all->cap, all->n + 1, sizeof(*all->item)) < 0)
		return -ENOMEM;
	all->item[all->n++] = *trace;
	return 0;
}

static void forget(void *arg, enum wm_nft_flow_set set)
{
	struct traces *all = arg;
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++)
		if (all->item[i].set != set)
			all->item[n++] = all->item[i];
	all->n = n;
}

static void write_one(struct wm_nft_batch *batch, const char *table, uint16_t type, const struct wm_nft_trace *t)
{
	struct nlmsghdr *nlh = wm_nft_msg(batch, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE | NLM_F_EXCL : 0);

	if (!nlh)
		return;
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, table);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, wm_nft_flow_sets[t->set].name);
	struct nlattr *list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
	struct nlattr *elem = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
	struct nlattr *key = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_KEY);
	mnl_attr_put(nlh, NFTA_DATA_VALUE, wm_nft_flow_sets[t->set].key_len, t->key);
	mnl_attr_nest_end(nlh, key);
	if (type == NFT_MSG_NEWSETELEM) {
		/* What was refreshed for longer than it was given at first keeps that first timeout; written it may not. */
		mnl_attr_put_u64(nlh, NFTA_SET_ELEM_TIMEOUT, htobe64(WM_MAX(t->timeout_ms, t->expires_ms)));
		mnl_attr_put_u64(nlh, NFTA_SET_ELEM_EXPIRATION, htobe64(t->expires_ms));
	}
	mnl_attr_nest_end(nlh, elem);
	mnl_attr_nest_end(nlh, list);
	wm_nft_msg_end(batch, nlh);
}

static int age_all(struct wm_nl *nl, const char *table, struct traces *all, uint64_t by_ms)
{
	struct wm_nft_answer answer = { 0 };
	struct wm_nft_batch batch = { 0 };
	uint32_t generation = 0;

	int rc = wm_nft_flows_read(nl, table, keep, forget, all);
	if (rc == 0)
		rc = wm_nft_generation(nl, &generation);
	for (size_t n = 0; n < all->n && rc == 0; n++) {
		struct wm_nft_trace *t = &all->item[n];

		write_one(&batch, table, NFT_MSG_DELSETELEM, t);
		if (t->expires_ms <= by_ms)
			continue;
		t->expires_ms -= by_ms;
		write_one(&batch, table, NFT_MSG_NEWSETELEM, t);
	}
	if (rc == 0 && batch.len)
		rc = wm_nft_batch_send(&batch, generation, &answer);
	wm_nft_batch_free(&batch);
	return rc < 0 ? rc : 0;
}

int plane_age_nft(unsigned int seconds)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	struct traces all = { 0 };
	struct wm_error err = { 0 };

	int rc = wm_nl_open(NETLINK_NETFILTER, &nl, &err);
	/* One that expires in between is refused as unknown: look again. */
	for (int i = 0; nl && i < 5; i++) {
		all.n = 0;
		rc = age_all(nl, plane_instance(0)->nft_table, &all, seconds * 1000ull);
		if (rc != -ENOENT && rc != -ERESTART)
			break;
	}
	free(all.item);
	if (rc < 0)
		printf("# cannot make flows older: %s %s\n", strerror(-rc), err.text);
	return rc;
}

int plane_read_around(uint64_t *ret)
{
	WM_AUTO_NL struct wm_nl *nl = NULL;
	struct wm_count reason[WM_REASON_COUNT];
	struct wm_error err = { 0 };

	int rc = wm_nl_open(NETLINK_NETFILTER, &nl, &err);
	if (rc == 0)
		rc = wm_nft_part_reasons_read(nl, WM_NFT_FAST, plane_instance(0)->nft_table, reason);
	if (rc < 0) {
		printf("# cannot read the fast path's counters: %s %s\n", strerror(-rc), err.text);
		return rc;
	}
	*ret = 0;
	for (unsigned int n = 0; n < WM_REASON_COUNT; n++)
		*ret += reason[n].packets;
	return 0;
}
