/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Messages about sets: creating one, and the elements that come and go.
 *
 * Elements are written with libmnl alone: there may be a million of them, and
 * libnftnl wants an object of its own for each.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "core/util.h"
#include "kernel/nft_keep.h"

/* Types of nft's text language, so that `nft list` shows addresses and names. */
enum { TYPE_IPADDR = 7, TYPE_ETHERADDR = 9, TYPE_SERVICE = 13, TYPE_MARK = 19, TYPE_IFINDEX = 20 };
#define CONCAT(a, b) ((a) << 6 | (b))

static const uint32_t key_types[] = {
	[WM_NFT_KEY_OVERLAY] = TYPE_IPADDR,
	[WM_NFT_KEY_LAN] = CONCAT(TYPE_IFINDEX, TYPE_IPADDR),
	[WM_NFT_KEY_PAIR] = CONCAT(TYPE_IPADDR, TYPE_IPADDR),
	[WM_NFT_KEY_LENGTHS] = CONCAT(TYPE_MARK, TYPE_SERVICE),
	[WM_NFT_KEY_MAC] = CONCAT(CONCAT(TYPE_IFINDEX, TYPE_IPADDR), TYPE_ETHERADDR),
};

static const uint32_t data_types[] = {
	[WM_NFT_DATA_ADDR] = TYPE_IPADDR,
	[WM_NFT_DATA_MARK] = TYPE_MARK,
	[WM_NFT_DATA_IFINDEX] = TYPE_IFINDEX,
};

void wm_nft_set_create(struct wm_nft_batch *batch, const char *table, enum wm_nft_set_id id)
{
	const struct wm_nft_set *set = &wm_nft_sets[id];
	struct nlmsghdr *nlh = wm_nft_msg(batch, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL);
	struct nftnl_set *s = nlh ? nftnl_set_alloc() : NULL;
	struct nftnl_expr *counter = s && set->counts ? nftnl_expr_alloc("counter") : NULL;

	if (!nlh)
		return;
	if (!s || (set->counts && !counter)) {
		batch->error = -ENOMEM;
		goto out;
	}
	nftnl_set_set_u32(s, NFTNL_SET_FAMILY, wm_nft_families[batch->part]);
	nftnl_set_set_str(s, NFTNL_SET_TABLE, table);
	nftnl_set_set_str(s, NFTNL_SET_NAME, set->name);
	nftnl_set_set_u32(s, NFTNL_SET_ID, (uint32_t)id + 1);
	nftnl_set_set_u32(s, NFTNL_SET_FLAGS, wm_nft_set_flags(id));
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, key_types[set->key]);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, wm_nft_key_len(set->key));
	if (set->data != WM_NFT_NO_DATA) {
		nftnl_set_set_u32(s, NFTNL_SET_DATA_TYPE, data_types[set->data]);
		nftnl_set_set_u32(s, NFTNL_SET_DATA_LEN, sizeof(uint32_t));
	}
	if (counter)
		nftnl_set_add_expr(s, WM_STEAL(counter)); /* each element gets a counter of its own */
	nftnl_set_nlmsg_build_payload(nlh, s);
	wm_nft_msg_end(batch, nlh);
	batch->changes++;
out:
	if (counter)
		nftnl_expr_free(counter);
	if (s)
		nftnl_set_free(s);
}

/* A run of messages of one type about one set. */
struct writer {
	struct wm_nft_batch *batch;
	const char *table;
	enum wm_nft_set_id id;
	uint16_t type, flags;
	const struct wm_nft_keep *keep;
	struct nlmsghdr *nlh; /* being filled, or NULL */
	struct nlattr *list;
};

static void close_message(struct writer *w)
{
	if (w->nlh)
		wm_nft_elems_end(w->batch, w->nlh, w->list);
	w->nlh = NULL;
}

static void open_message(struct writer *w)
{
	w->nlh = wm_nft_elems_begin(w->batch, w->type, w->flags, w->table, wm_nft_sets[w->id].name, &w->list);
}

static void put_value(struct nlmsghdr *nlh, uint16_t type, const void *value, size_t len)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, type);

	mnl_attr_put(nlh, NFTA_DATA_VALUE, len, value);
	mnl_attr_nest_end(nlh, nest);
}

/* What the kernel keeps for us: the overlay address as a comment, and the owner; what is 0 is left out. */
static void put_user_data(struct nlmsghdr *nlh, uint32_t overlay, uint32_t owner)
{
	char tlv[2 + WM_IP4_TEXT + 2 + sizeof(owner)];
	size_t len = 0;

	if (overlay) {
		wm_ip4_format(ntohl(overlay), tlv + 2);
		tlv[0] = NFTNL_UDATA_SET_ELEM_COMMENT;
		tlv[1] = (char)(strlen(tlv + 2) + 1);
		len = 2 + (size_t)tlv[1];
	}
	if (owner) {
		tlv[len] = WM_NFT_OWNER;
		tlv[len + 1] = sizeof(owner);
		memcpy(tlv + len + 2, &owner, sizeof(owner));
		len += 2 + sizeof(owner);
	}
	if (len)
		mnl_attr_put(nlh, NFTA_SET_ELEM_USERDATA, len, tlv);
}

/* The counter that the set gives to each element by itself: but there, until Linux 6.6, it is made as for the packet path,
 * which a batch of many thousands leaves without memory, and where that fails the kernel (5.10) loses count of a module. */
static void put_counter(struct nlmsghdr *nlh, struct wm_count begin)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_EXPR), *data;

	mnl_attr_put_strz(nlh, NFTA_EXPR_NAME, "counter");
	data = mnl_attr_nest_start(nlh, NFTA_EXPR_DATA);
	if (begin.packets) {
		mnl_attr_put_u64(nlh, NFTA_COUNTER_BYTES, htobe64(begin.bytes));
		mnl_attr_put_u64(nlh, NFTA_COUNTER_PACKETS, htobe64(begin.packets));
	}
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, nest);
}

/* kept: what it begins with; NULL: nothing. */
static void write_elem(struct writer *w, const struct wm_nft_elem *elem, const struct wm_nft_kept *kept)
{
	const struct wm_nft_set *set = &wm_nft_sets[w->id];
	struct nlattr *nest;

	if (!w->nlh)
		open_message(w);
	if (!w->nlh)
		return;
	nest = mnl_attr_nest_start(w->nlh, NFTA_LIST_ELEM);
	put_value(w->nlh, NFTA_SET_ELEM_KEY, elem->key, wm_nft_key_len(set->key));
	if (w->type == NFT_MSG_NEWSETELEM && set->data != WM_NFT_NO_DATA)
		put_value(w->nlh, NFTA_SET_ELEM_DATA, &elem->data, sizeof(elem->data));
	if (w->type == NFT_MSG_NEWSETELEM)
		put_user_data(w->nlh, set->data == WM_NFT_NO_DATA ? elem->data : 0, elem->owner);
	if (w->type == NFT_MSG_NEWSETELEM && set->counts)
		put_counter(w->nlh, kept ? kept->count : (struct wm_count){ 0 });
	mnl_attr_nest_end(w->nlh, nest);
	w->batch->changes++;
	if (w->nlh->nlmsg_len > WM_NFT_ELEMS_MAX)
		close_message(w);
}

/* Writes what is in `a` and not, or not with the same value and owner, in `b`; and what shall begin with another's counters. */
static void write_missing(struct writer *w, const struct wm_nft_elems *a, const struct wm_nft_elems *b)
{
	size_t j = 0;

	for (size_t i = 0; i < a->n; i++) {
		const struct wm_nft_kept *kept = wm_nft_keep_of(w->keep, w->id, &a->v[i]);
		int cmp = -1;

		while (j < b->n && (cmp = memcmp(b->v[j].key, a->v[i].key, WM_NFT_KEY_MAX)) < 0)
			j++;
		if (kept || j == b->n || cmp || a->v[i].data != b->v[j].data || a->v[i].owner != b->v[j].owner)
			write_elem(w, &a->v[i], kept);
	}
	close_message(w);
}

void wm_nft_content_diff(struct wm_nft_batch *batch, const char *table, const struct wm_nft_content *have,
			 const struct wm_nft_content *want, const struct wm_nft_keep *keep)
{
	for (int i = 0; i < WM_NFT_SETS; i++) {
		struct writer w = { batch, table, (enum wm_nft_set_id)i, NFT_MSG_DELSETELEM, 0, keep };

		batch->part = wm_nft_set_part(w.id);
		write_missing(&w, &have->set[i], &want->set[i]);
	}
	for (int i = 0; i < WM_NFT_SETS; i++) {
		struct writer w = { batch, table, (enum wm_nft_set_id)i, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, keep };

		batch->part = wm_nft_set_part(w.id);
		write_missing(&w, &want->set[i], &have->set[i]);
	}
}
