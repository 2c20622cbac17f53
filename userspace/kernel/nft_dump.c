/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/nft_dump.h"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "core/util.h"
#include "kernel/nft_state_priv.h"

static int read_elems(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[NFTA_SET_ELEM_LIST_ELEMENTS + 1], *elem;
	const struct wm_nft_dump *dump = arg;
	int rc = 0;

	if (!nlh) {
		dump->forget(dump->arg);
		return 0;
	}
	wm_nl_attrs(nlh, sizeof(struct nfgenmsg), tb, WM_ARRAY_LEN(tb));
	if (!tb[NFTA_SET_ELEM_LIST_ELEMENTS])
		return 0;
	mnl_attr_for_each_nested(elem, tb[NFTA_SET_ELEM_LIST_ELEMENTS]) {
		rc = dump->elem(dump->arg, elem);
		if (rc)
			break;
	}
	return rc;
}

static struct nlmsghdr *ask(struct wm_nl *nl, const char *table, const char *set, enum wm_nft_part part)
{
	struct nlmsghdr *nlh = wm_nft_request(nl, part, NFT_MSG_GETSETELEM);

	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, table);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set);
	return nlh;
}

int wm_nft_dump_elems(struct wm_nl *nl, const char *table, const char *set, const struct wm_nft_dump *dump)
{
	struct wm_nft_dump d = *dump;

	ask(nl, table, set, d.part);
	return wm_nl_dump(nl, read_elems, &d);
}

int wm_nft_get_elems(struct wm_nl *nl, const char *table, const char *set, const void *const *key, size_t key_len, size_t n,
		     const struct wm_nft_dump *dump)
{
	struct wm_nft_dump d = *dump;
	struct nlmsghdr *nlh = ask(nl, table, set, d.part);
	struct nlattr *list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);

	for (size_t i = 0; i < n; i++) {
		struct nlattr *elem = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
		struct nlattr *value = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_KEY);

		mnl_attr_put(nlh, NFTA_DATA_VALUE, key_len, key[i]);
		mnl_attr_nest_end(nlh, value);
		mnl_attr_nest_end(nlh, elem);
	}
	mnl_attr_nest_end(nlh, list);
	return wm_nl_get(nl, read_elems, &d);
}
