/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the sets hold in the kernel: elements, and their counters.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "core/util.h"
#include "kernel/nft_dump.h"
#include "kernel/nft_sets.h"

/* A dump of one set's elements; fn gets each. */
struct reader {
	enum wm_nft_set_id id;
	int (*fn)(void *arg, const struct wm_nft_elem *elem, struct wm_count count);
	void (*forget)(void *arg);
	void *arg;
};

/* What follows NFTA_SET_ELEM_KEY and _DATA, as raw bytes; 0 when not of length len. */
static int read_value(const struct nlattr *nest, void *ret, size_t len)
{
	const struct nlattr *tb[NFTA_DATA_VALUE + 1];

	wm_nl_nested(nest, tb, WM_ARRAY_LEN(tb));
	if (!tb[NFTA_DATA_VALUE] || mnl_attr_get_payload_len(tb[NFTA_DATA_VALUE]) != len)
		return -EBADMSG;
	memcpy(ret, mnl_attr_get_payload(tb[NFTA_DATA_VALUE]), len);
	return 0;
}

/* The value of that type in an element's user data, and its length; NULL: none. */
static const char *user_data(const struct nlattr *attr, uint8_t type, size_t *ret_len)
{
	const uint8_t *at = attr ? mnl_attr_get_payload(attr) : NULL;
	size_t left = attr ? mnl_attr_get_payload_len(attr) : 0;

	for (; left >= 2 && left - 2 >= at[1]; left -= 2u + at[1], at += 2u + at[1]) {
		if (at[0] != type)
			continue;
		*ret_len = at[1];
		return (const char *)at + 2;
	}
	return NULL;
}

/* The comment with the overlay address; anything else reads as 0 and is then
 * replaced, because it differs from what the plan wants. */
static uint32_t read_comment(const struct nlattr *attr)
{
	wm_ip4 addr = 0;
	size_t len;
	const char *text = user_data(attr, NFTNL_UDATA_SET_ELEM_COMMENT, &len);

	if (!text || !len || text[len - 1] || wm_ip4_parse(text, &addr))
		return 0;
	return htonl(addr);
}

static uint32_t read_owner(const struct nlattr *attr)
{
	uint32_t owner = 0;
	size_t len;
	const char *value = user_data(attr, WM_NFT_OWNER, &len);

	if (value && len == sizeof(owner))
		memcpy(&owner, value, sizeof(owner));
	return owner;
}

struct wm_count wm_nft_counter(const struct nlattr *expr)
{
	const struct nlattr *tb[NFTA_EXPR_DATA + 1], *data[NFTA_COUNTER_PACKETS + 1];

	wm_nl_nested(expr, tb, WM_ARRAY_LEN(tb));
	wm_nl_nested(tb[NFTA_EXPR_DATA], data, WM_ARRAY_LEN(data));
	if (strcmp(wm_nl_str(tb[NFTA_EXPR_NAME]), "counter"))
		return (struct wm_count){ 0 };
	return (struct wm_count){
		.packets = be64toh(wm_nl_u64(data[NFTA_COUNTER_PACKETS])),
		.bytes = be64toh(wm_nl_u64(data[NFTA_COUNTER_BYTES])),
	};
}

static int read_elem(void *arg, const struct nlattr *nest)
{
	const struct reader *r = arg;
	const struct wm_nft_set *set = &wm_nft_sets[r->id];
	const struct nlattr *tb[NFTA_SET_ELEM_EXPR + 1];
	struct wm_nft_elem e = { 0 };
	int rc;

	wm_nl_nested(nest, tb, WM_ARRAY_LEN(tb));
	rc = read_value(tb[NFTA_SET_ELEM_KEY], e.key, wm_nft_key_len(set->key));
	if (!rc && set->data != WM_NFT_NO_DATA)
		rc = read_value(tb[NFTA_SET_ELEM_DATA], &e.data, sizeof(e.data));
	else if (!rc)
		e.data = read_comment(tb[NFTA_SET_ELEM_USERDATA]);
	if (set->counts)
		e.owner = read_owner(tb[NFTA_SET_ELEM_USERDATA]);
	return rc ? rc : r->fn(r->arg, &e, wm_nft_counter(tb[NFTA_SET_ELEM_EXPR]));
}

static void begin_again(void *arg)
{
	const struct reader *r = arg;

	r->forget(r->arg);
}

static int dump(struct wm_nl *nl, const char *table, struct reader *r)
{
	return wm_nft_dump_elems(nl, table, wm_nft_sets[r->id].name, &(struct wm_nft_dump){ read_elem, begin_again, r, wm_nft_set_part(r->id) });
}

static int keep_elem(void *arg, const struct wm_nft_elem *elem, struct wm_count count)
{
	(void)count;
	return wm_nft_elems_add(arg, elem);
}

static void forget_elems(void *arg)
{
	((struct wm_nft_elems *)arg)->n = 0;
}

int wm_nft_elems_read(struct wm_nl *nl, const char *table, enum wm_nft_set_id id, struct wm_nft_elems *ret)
{
	struct reader r = { id, keep_elem, forget_elems, ret };
	int rc = dump(nl, table, &r);

	wm_nft_elems_sort(ret);
	return rc;
}

/* Answers come in the order of the questions. */
struct asked {
	const struct wm_nft_elem *const *elem;
	size_t n, at;
	struct wm_count *ret;
};

static int take_count(void *arg, const struct wm_nft_elem *elem, struct wm_count count)
{
	struct asked *a = arg;

	if (a->at == a->n || wm_nft_elem_order(a->elem[a->at], elem))
		return -EBADMSG;
	a->ret[a->at++] = count;
	return 0;
}

static void forget_counts(void *arg)
{
	((struct asked *)arg)->at = 0;
}

int wm_nft_elems_count(struct wm_nl *nl, const char *table, enum wm_nft_set_id id, const struct wm_nft_elem *const *elem,
		       size_t n, struct wm_count *ret)
{
	struct asked asked = { elem, n, 0, ret };
	struct reader r = { id, take_count, forget_counts, &asked };
	const void *key[64];
	int rc;

	for (size_t i = 0; i < n; i++)
		key[i] = elem[i]->key;
	rc = wm_nft_get_elems(nl, table, wm_nft_sets[id].name, key, wm_nft_key_len(wm_nft_sets[id].key), n,
			      &(struct wm_nft_dump){ read_elem, begin_again, &r, wm_nft_set_part(id) });
	return rc ? rc : asked.at == n ? 0 : -EBADMSG;
}

const struct wm_nft_elem *wm_nft_elem_find(const struct wm_nft_elems *set, const struct wm_nft_elem *wanted)
{
	return set->n ? bsearch(wanted, set->v, set->n, sizeof(*set->v), wm_nft_elem_order) : NULL;
}

int wm_nft_content_read(struct wm_nl *nl, const char *table, enum wm_nft_part part, struct wm_nft_content *ret)
{
	int rc = 0;

	for (int i = wm_nft_first_set(part); i < wm_nft_end_set(part) && !rc; i++) {
		ret->set[i].n = 0;
		rc = wm_nft_elems_read(nl, table, (enum wm_nft_set_id)i, &ret->set[i]);
	}
	return rc;
}

/* --- counters --------------------------------------------------------------------- */

struct counting {
	enum wm_nft_set_id id;
	size_t start; /* of this set's rows */
	size_t cap;
	struct wm_counters *counters;
};

static int count_elem(void *arg, const struct wm_nft_elem *elem, struct wm_count count)
{
	struct counting *c = arg;
	struct wm_counters *all = c->counters;
	const struct wm_nft_set *set = &wm_nft_sets[c->id];
	struct wm_end_counters row = { 0 };
	uint32_t overlay = elem->data;
	int rc = wm_grow((void **)&all->ends, &c->cap, all->nends + 1, sizeof(row));

	if (rc)
		return rc;
	if (set->key == WM_NFT_KEY_OVERLAY)
		memcpy(&overlay, elem->key, sizeof(overlay));
	row.overlay = ntohl(overlay);
	row.owner = elem->owner;
	if (set->counts == WM_NFT_COUNTS_TO)
		row.to = count;
	else if (set->counts == WM_NFT_COUNTS_FROM)
		row.from = count;
	else
		row.drops = count.packets;
	all->ends[all->nends++] = row;
	return 0;
}

static void forget_rows(void *arg)
{
	struct counting *c = arg;

	c->counters->nends = c->start;
}

static int by_overlay(const void *a, const void *b)
{
	wm_ip4 x = ((const struct wm_end_counters *)a)->overlay, y = ((const struct wm_end_counters *)b)->overlay;

	return (x > y) - (x < y);
}

/* Each set gave a row with its own counter filled in; together they are an end. */
static void join_rows(struct wm_counters *all)
{
	size_t n = 0;

	if (all->nends)
		qsort(all->ends, all->nends, sizeof(*all->ends), by_overlay);
	for (size_t i = 0; i < all->nends; i++) {
		const struct wm_end_counters *row = &all->ends[i];

		if (!n || all->ends[n - 1].overlay != row->overlay) {
			all->ends[n++] = *row;
			continue;
		}
		all->ends[n - 1].to.packets += row->to.packets;
		all->ends[n - 1].to.bytes += row->to.bytes;
		all->ends[n - 1].from.packets += row->from.packets;
		all->ends[n - 1].from.bytes += row->from.bytes;
		all->ends[n - 1].drops += row->drops;
		if (!all->ends[n - 1].owner)
			all->ends[n - 1].owner = row->owner;
	}
	all->nends = n;
}

int wm_nft_content_counters(struct wm_nl *nl, const char *table, struct wm_counters *ret)
{
	struct counting c = { .counters = ret };
	int rc = 0;

	for (int i = 0; i < WM_NFT_SETS && !rc; i++) {
		struct reader r = { (enum wm_nft_set_id)i, count_elem, forget_rows, &c };

		if (wm_nft_sets[i].counts == WM_NFT_COUNTS_NOTHING)
			continue;
		c.id = (enum wm_nft_set_id)i;
		c.start = ret->nends;
		rc = dump(nl, table, &r);
		if (rc == -ENOENT && wm_nft_set_part(r.id) == WM_NFT_FAST)
			rc = 0; /* then it has counted nothing */
	}
	if (!rc)
		join_rows(ret);
	return rc;
}
