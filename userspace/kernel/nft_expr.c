/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules as libnftnl has them: a list of expressions each, with their hash as a
 * comment, and the single expressions that they are put together from.
 */
#include "kernel/nft_expr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/udata.h>
#include <linux/netfilter/nf_tables.h>

#include "core/util.h"
#include "kernel/nft_expr_priv.h"

#define IP_CSUM_OFFSET 10

/* --- rules ------------------------------------------------------------------------ */

void wm_nft_rules_free(struct wm_nft_rules *rules)
{
	for (size_t i = 0; i < rules->n; i++) {
		if (rules->v[i].rule)
			nftnl_rule_free(rules->v[i].rule);
	}
	free(rules->v);
	*rules = (struct wm_nft_rules){ 0 };
}

/* FNV-1a, 64 bits. */
static uint64_t hash(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h = 0xcbf29ce484222325u;

	while (len--)
		h = (h ^ *p++) * 0x100000001b3u;
	return h;
}

static int set_comment(struct wm_nft_rule *r)
{
	WM_AUTO_FREE char *buf = calloc(1, WM_NFT_MSG_MAX);
	struct nftnl_udata_buf *udata = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
	struct nlmsghdr *nlh;

	if (!buf || !udata) {
		if (udata)
			nftnl_udata_buf_free(udata);
		return -ENOMEM;
	}
	nlh = mnl_nlmsg_put_header(buf);
	nftnl_rule_nlmsg_build_payload(nlh, r->rule);
	snprintf(r->mark, sizeof(r->mark), "wm %016llx",
		 (unsigned long long)hash(mnl_nlmsg_get_payload(nlh), mnl_nlmsg_get_payload_len(nlh)));
	nftnl_udata_put_strz(udata, NFTNL_UDATA_RULE_COMMENT, r->mark);
	nftnl_rule_set_data(r->rule, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(udata), nftnl_udata_buf_len(udata));
	nftnl_udata_buf_free(udata);
	return 0;
}

int wm_nft_rules_finish(struct wm_nft_rules *rules)
{
	for (size_t i = 0; i < rules->n && !rules->error; i++)
		rules->error = set_comment(&rules->v[i]);
	return rules->error;
}

void wm_nft_rules_write(struct wm_nft_batch *batch, const struct wm_nft_rules *rules)
{
	for (size_t i = 0; i < rules->n; i++) {
		struct nlmsghdr *nlh = wm_nft_msg(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);

		if (!nlh)
			return;
		nftnl_rule_nlmsg_build_payload(nlh, rules->v[i].rule);
		wm_nft_msg_end(batch, nlh);
		batch->changes++;
	}
}

void nft_rule(struct wm_nft_rules *b, const char *chain)
{
	struct nftnl_rule *rule;

	if (b->error)
		return;
	b->error = wm_grow((void **)&b->v, &b->cap, b->n + 1, sizeof(*b->v));
	if (b->error)
		return;
	rule = nftnl_rule_alloc();
	if (!rule) {
		b->error = -ENOMEM;
		return;
	}
	nftnl_rule_set_u32(rule, NFTNL_RULE_FAMILY, wm_nft_families[b->part]);
	nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, b->table);
	nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain);
	b->v[b->n++] = (struct wm_nft_rule){ .chain = chain, .rule = rule };
}

/* --- single expressions ----------------------------------------------------------- */

struct nftnl_expr *nft_put(struct wm_nft_rules *b, const char *name)
{
	struct nftnl_expr *e = b->error ? NULL : nftnl_expr_alloc(name);

	if (e)
		nftnl_rule_add_expr(b->v[b->n - 1].rule, e);
	else if (!b->error)
		b->error = -ENOMEM;
	return e;
}

void nft_load_meta(struct wm_nft_rules *b, uint32_t key, uint32_t reg)
{
	struct nftnl_expr *e = nft_put(b, "meta");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, reg);
}

void nft_load(struct wm_nft_rules *b, uint32_t base, uint32_t offset, uint32_t len, uint32_t reg)
{
	struct nftnl_expr *e = nft_put(b, "payload");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, reg);
}

void nft_mask(struct wm_nft_rules *b, uint32_t reg, const void *bits, uint32_t len)
{
	const uint8_t zero[16] = { 0 };
	struct nftnl_expr *e = nft_put(b, "bitwise");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, len);
	nftnl_expr_set_data(e, NFTNL_EXPR_BITWISE_MASK, bits, len);
	nftnl_expr_set_data(e, NFTNL_EXPR_BITWISE_XOR, zero, len);
}

static void compare(struct wm_nft_rules *b, enum nft_cmp_ops op, uint32_t reg, const void *data, uint32_t len)
{
	struct nftnl_expr *e = nft_put(b, "cmp");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op);
	nftnl_expr_set_data(e, NFTNL_EXPR_CMP_DATA, data, len);
}

void nft_compare(struct wm_nft_rules *b, enum nft_test test, uint32_t reg, const void *data, uint32_t len)
{
	compare(b, test == NFT_IS ? NFT_CMP_EQ : NFT_CMP_NEQ, reg, data, len);
}

void nft_at_most(struct wm_nft_rules *b, uint32_t reg, const void *data, uint32_t len)
{
	compare(b, NFT_CMP_LTE, reg, data, len);
}

void nft_lookup(struct wm_nft_rules *b, enum nft_test test, const char *set, uint32_t key, uint32_t value)
{
	struct nftnl_expr *e = nft_put(b, "lookup");

	if (!e)
		return;
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, key);
	if (value != NOWHERE)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, value);
	else
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, test == NFT_NOT ? NFT_LOOKUP_F_INV : 0);
}

void nft_store(struct wm_nft_rules *b, uint32_t base, uint32_t offset, uint32_t csum, uint32_t flags, uint32_t reg)
{
	struct nftnl_expr *e = nft_put(b, "payload");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_SREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, 4);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_CSUM_OFFSET, csum);
	if (flags)
		nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_FLAGS, flags);
}

void nft_store_addr(struct wm_nft_rules *b, enum nft_addr which, uint32_t reg)
{
	nft_store(b, NFT_PAYLOAD_NETWORK_HEADER, which, IP_CSUM_OFFSET, NFT_PAYLOAD_L4CSUM_PSEUDOHDR, reg);
}

void nft_store_mark(struct wm_nft_rules *b, uint32_t reg)
{
	struct nftnl_expr *e = nft_put(b, "meta");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, NFT_META_MARK);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_SREG, reg);
}

void nft_immediate(struct wm_nft_rules *b, uint32_t reg, const void *data, uint32_t len)
{
	struct nftnl_expr *e = nft_put(b, "immediate");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, reg);
	nftnl_expr_set_data(e, NFTNL_EXPR_IMM_DATA, data, len);
}
