/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The flow sets' elements, as the kernel has them.
 */
#include <errno.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "core/util.h"
#include "kernel/nft_flow.h"

struct reader {
	enum wm_nft_flow_set set;
	int (*fn)(void *arg, const struct wm_nft_trace *trace);
	void (*forget)(void *arg, enum wm_nft_flow_set set);
	void *arg;
};

static int read_elem(const struct reader *r, const struct nlattr *nest)
{
	const struct nlattr *tb[NFTA_SET_ELEM_EXPIRATION + 1], *value[NFTA_DATA_VALUE + 1];
	struct wm_nft_trace trace = { .set = r->set };

	wm_nl_nested(nest, tb, WM_ARRAY_LEN(tb));
	wm_nl_nested(tb[NFTA_SET_ELEM_KEY], value, WM_ARRAY_LEN(value));
	if (!value[NFTA_DATA_VALUE] || mnl_attr_get_payload_len(value[NFTA_DATA_VALUE]) != wm_nft_flow_sets[r->set].key_len)
		return -EBADMSG;
	memcpy(trace.key, mnl_attr_get_payload(value[NFTA_DATA_VALUE]), wm_nft_flow_sets[r->set].key_len);
	trace.timeout_ms = be64toh(wm_nl_u64(tb[NFTA_SET_ELEM_TIMEOUT]));
	trace.expires_ms = be64toh(wm_nl_u64(tb[NFTA_SET_ELEM_EXPIRATION]));
	if (!trace.timeout_ms)
		trace.timeout_ms = wm_nft_flow_sets[r->set].timeout_s * 1000ull;
	return r->fn(r->arg, &trace);
}

static int read_elems(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[NFTA_SET_ELEM_LIST_ELEMENTS + 1], *elem;
	const struct reader *r = arg;
	int rc = 0;

	if (!nlh) {
		r->forget(r->arg, r->set);
		return 0;
	}
	wm_nl_attrs(nlh, sizeof(struct nfgenmsg), tb, WM_ARRAY_LEN(tb));
	if (!tb[NFTA_SET_ELEM_LIST_ELEMENTS])
		return 0;
	mnl_attr_for_each_nested(elem, tb[NFTA_SET_ELEM_LIST_ELEMENTS]) {
		rc = read_elem(r, elem);
		if (rc)
			break;
	}
	return rc;
}

int wm_nft_flows_read(struct wm_nl *nl, const char *table, int (*fn)(void *arg, const struct wm_nft_trace *trace),
		      void (*forget)(void *arg, enum wm_nft_flow_set set), void *arg)
{
	int rc = 0;

	for (int i = 0; i < WM_NFT_FLOW_SETS && !rc; i++) {
		struct reader r = { (enum wm_nft_flow_set)i, fn, forget, arg };
		struct nfgenmsg *header;
		struct nlmsghdr *nlh = wm_nl_begin(nl, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSETELEM, 0, sizeof(*header), &header);

		header->nfgen_family = NFPROTO_IPV4;
		mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, table);
		mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, wm_nft_flow_sets[i].name);
		rc = wm_nl_dump(nl, read_elems, &r);
	}
	return rc;
}
