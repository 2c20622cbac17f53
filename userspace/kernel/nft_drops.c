/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/nft_drops.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "core/util.h"
#include "kernel/nft_dump.h"
#include "kernel/nft_expr_priv.h"
#include "kernel/nft_sets.h"

static const char *const set_names[WM_NFT_PARTS] = { [WM_NFT_MAIN] = "drops", [WM_NFT_FAST] = "fast_drops" };

#define SET_ID 2000
#define FLAGS (NFT_SET_TIMEOUT | NFT_SET_EVAL)
#define GC_MS 1000
/* Without an LRU a full set takes nothing new: entries go when so long nothing was dropped by them. */
#define KEPT_S 600

/* reason, source, destination, protocol, interfaces in and out: a register each */
#define KEY_WORDS 6
#define KEY_LEN (4 * KEY_WORDS)
enum { KEY_REASON, KEY_SRC, KEY_DST, KEY_PROTO, KEY_IN, KEY_OUT };

/* Types of nft's text language, so that `nft list` shows addresses and names. */
enum { IP = 7, PROTO = 12, MARK = 19, IFINDEX = 20 };
/* Six bits each; what does not fit into 32 bits nft cannot name, nor need to. */
#define KEY_TYPE (((((uint32_t)IP << 6 | IP) << 6 | PROTO) << 6 | IFINDEX) << 6 | IFINDEX)

/* --- rules -------------------------------------------------------------------------------- */

const char *wm_nft_drops_name(enum wm_nft_part part)
{
	return set_names[part];
}

/* Literals, because chains are named by pointers that live as long as the program. */
const char *wm_nft_drop_chain(enum wm_reason reason)
{
	static const char *const names[WM_REASON_COUNT] = {
#define WM_DROP_CHAIN(NAME_, name, drop, help) [WM_REASON_##NAME_] = "drop_" #name,
		WM_REASONS(WM_DROP_CHAIN)
#undef WM_DROP_CHAIN
	};

	return names[reason];
}

static void load_key(struct wm_nft_rules *b, uint32_t reason)
{
	nft_immediate(b, REG(KEY_REASON), &reason, sizeof(reason));
	nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, NFT_SRC, 4, REG(KEY_SRC));
	nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, NFT_DST, 4, REG(KEY_DST));
	nft_load_meta(b, NFT_META_L4PROTO, REG(KEY_PROTO));
	nft_load_meta(b, NFT_META_IIF, REG(KEY_IN));
	nft_load_meta(b, NFT_META_OIF, REG(KEY_OUT));
}

/* Notes the packet, if there is room, and memory for its counter: per-CPU memory, of which the kernel has a few pages
 * ready for the packet path and fetches more in the background. */
static void note(struct wm_nft_rules *b, uint32_t reason)
{
	struct nftnl_expr *e, *counter;

	load_key(b, reason);
	e = nft_put(b, "dynset");
	counter = e ? nftnl_expr_alloc("counter") : NULL;
	if (!counter) {
		b->error = -ENOMEM;
		return;
	}
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SREG_KEY, REG(0));
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
	nftnl_expr_set_str(e, NFTNL_EXPR_DYNSET_SET_NAME, set_names[b->part]);
	nftnl_expr_set_u64(e, NFTNL_EXPR_DYNSET_TIMEOUT, KEPT_S * 1000ull);
	nftnl_expr_set(e, NFTNL_EXPR_DYNSET_EXPR, counter, 0);
}

/* In a rule of its own: what cannot be noted ends that rule, and the packet is dropped by the next. */
void wm_nft_drop_rules(struct wm_nft_rules *b, enum wm_reason reason)
{
	nft_rule(b, wm_nft_drop_chain(reason)), note(b, reason);
	nft_rule(b, wm_nft_drop_chain(reason)), nft_count(b, reason), nft_drop_now(b);
}

void wm_nft_drop_chains(struct wm_nft_rules *b)
{
	for (unsigned int r = 0; r < WM_REASON_COUNT; r++) {
		if (wm_reason_is_drop(r))
			wm_nft_drop_rules(b, r);
	}
}

/* --- the set ------------------------------------------------------------------------------ */

void wm_nft_drops_create(struct wm_nft_batch *batch, const char *table)
{
	struct nlmsghdr *nlh = wm_nft_msg(batch, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL);
	struct nftnl_set *s = nlh ? nftnl_set_alloc() : NULL;

	if (!s) {
		batch->error = -ENOMEM;
		return;
	}
	nftnl_set_set_u32(s, NFTNL_SET_FAMILY, wm_nft_families[batch->part]);
	nftnl_set_set_str(s, NFTNL_SET_TABLE, table);
	nftnl_set_set_str(s, NFTNL_SET_NAME, set_names[batch->part]);
	nftnl_set_set_u32(s, NFTNL_SET_ID, SET_ID);
	nftnl_set_set_u32(s, NFTNL_SET_FLAGS, FLAGS);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, KEY_TYPE);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, KEY_LEN);
	nftnl_set_set_u32(s, NFTNL_SET_DESC_SIZE, WM_NFT_DROPS_SIZE);
	nftnl_set_set_u64(s, NFTNL_SET_TIMEOUT, KEPT_S * 1000ull);
	nftnl_set_set_u32(s, NFTNL_SET_GC_INTERVAL, GC_MS);
	nftnl_set_nlmsg_build_payload(nlh, s);
	wm_nft_msg_end(batch, nlh);
	batch->changes++;
	nftnl_set_free(s);
}

bool wm_nft_is_drops(enum wm_nft_part part, const struct nlattr **tb)
{
	return !strcmp(wm_nl_str(tb[NFTA_SET_NAME]), set_names[part]) && ntohl(wm_nl_u32(tb[NFTA_SET_KEY_LEN])) == KEY_LEN &&
	       ntohl(wm_nl_u32(tb[NFTA_SET_FLAGS])) == FLAGS;
}

/* --- reading ------------------------------------------------------------------------------ */

struct reading {
	const struct wm_nft_elems *hosts; /* who is registered as what on which LAN */
	uint32_t wg;
	int64_t now;
	size_t before; /* of another table's list */
	struct wm_drop_views *ret;
};

static wm_ip4 registered_as(const struct reading *r, uint32_t ifindex, uint32_t src)
{
	struct wm_nft_elem wanted = { 0 };
	const struct wm_nft_elem *found;

	memcpy(wanted.key, &ifindex, 4);
	memcpy(wanted.key + 4, &src, 4);
	found = wm_nft_elem_find(r->hosts, &wanted);
	return found ? ntohl(found->data) : 0;
}

/* Is this the overlay address of a host of that LAN? Then it is what its own was translated to before it was dropped:
 * who claims it as his own is dropped as unregistered or invalid. */
static bool is_translated(const struct reading *r, const struct wm_drop_view *v)
{
	if (v->reason == WM_REASON_UNREGISTERED || v->reason == WM_REASON_INVALID)
		return false;
	for (size_t i = 0; i < r->hosts->n; i++) {
		if (r->hosts->v[i].data == htonl(v->src) && !memcmp(r->hosts->v[i].key, &v->ifindex, sizeof(v->ifindex)))
			return true;
	}
	return false;
}

static int read_elem(void *arg, const struct nlattr *nest)
{
	const struct reading *r = arg;
	const struct nlattr *tb[NFTA_SET_ELEM_EXPR + 1], *value[NFTA_DATA_VALUE + 1];
	uint32_t key[KEY_WORDS];
	struct wm_drop_view v;
	uint64_t left_ms;

	wm_nl_nested(nest, tb, WM_ARRAY_LEN(tb));
	wm_nl_nested(tb[NFTA_SET_ELEM_KEY], value, WM_ARRAY_LEN(value));
	if (!value[NFTA_DATA_VALUE] || mnl_attr_get_payload_len(value[NFTA_DATA_VALUE]) != KEY_LEN)
		return -EBADMSG;
	memcpy(key, mnl_attr_get_payload(value[NFTA_DATA_VALUE]), KEY_LEN);
	left_ms = be64toh(wm_nl_u64(tb[NFTA_SET_ELEM_EXPIRATION]));
	v = (struct wm_drop_view){
		.src = ntohl(key[KEY_SRC]), .dst = ntohl(key[KEY_DST]), .reason = (uint8_t)key[KEY_REASON],
		.proto = *(const uint8_t *)&key[KEY_PROTO], .ifindex = key[KEY_IN],
		.place = WM_DROP_FROM_LAN, .count = wm_nft_counter(tb[NFTA_SET_ELEM_EXPR]),
		.last = r->now - (int64_t)(KEPT_S * 1000ull - WM_MIN(left_ms, KEPT_S * 1000ull)) / 1000,
	};
	/* What has a way out was on it. This machine's own has no way in. */
	if (key[KEY_OUT] || !key[KEY_IN])
		v.place = WM_DROP_GOING_OUT;
	else if (key[KEY_IN] == r->wg)
		v.place = WM_DROP_FROM_WG;
	if (v.place != WM_DROP_FROM_WG)
		v.sender = registered_as(r, key[KEY_IN], key[KEY_SRC]);
	if (v.place == WM_DROP_FROM_LAN && !v.sender && is_translated(r, &v))
		v.sender = v.src;
	return wm_drop_views_add(r->ret, &v);
}

static void forget(void *arg)
{
	const struct reading *r = arg;

	r->ret->n = r->before;
}

int wm_nft_drops(struct wm_nl *nl, const char *table, uint32_t wg, struct wm_drop_views *ret)
{
	struct wm_nft_content content = { 0 };
	struct wm_drop_views views = { 0 };
	struct reading r = { &content.set[WM_NFT_HOSTS], wg, wm_unix_time(), 0, &views };
	int rc = wm_nft_elems_read(nl, table, WM_NFT_HOSTS, &content.set[WM_NFT_HOSTS]);

	for (int part = 0; part < WM_NFT_PARTS && !rc; part++) {
		r.before = views.n;
		rc = wm_nft_dump_elems(nl, table, set_names[part],
				       &(struct wm_nft_dump){ read_elem, forget, &r, (enum wm_nft_part)part });
		if (rc == -ENOENT && part == WM_NFT_FAST)
			rc = 0;
	}
	wm_nft_content_free(&content);
	if (rc) {
		wm_drop_views_free(&views);
		return rc;
	}
	wm_drop_views_join(&views);
	*ret = views;
	return 0;
}
