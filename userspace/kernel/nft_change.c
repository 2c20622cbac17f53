/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The batch that makes our tables as they should be.
 */
#include "kernel/nft_state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "kernel/nft_drops.h"
#include "kernel/nft_flow.h"
#include "kernel/nft_state_priv.h"

/* The whole message is the table's name. */
static void about_table(struct wm_nft_batch *batch, uint16_t type, uint16_t flags, uint16_t table_attr,
			const char *table)
{
	struct nlmsghdr *nlh = wm_nft_msg(batch, type, flags);

	if (!nlh)
		return;
	mnl_attr_put_strz(nlh, table_attr, table);
	wm_nft_msg_end(batch, nlh);
	batch->changes++;
}

void wm_nft_table_delete(struct wm_nft_batch *batch, enum wm_nft_part part, const char *table)
{
	batch->part = part;
	about_table(batch, NFT_MSG_DELTABLE, 0, NFTA_TABLE_NAME, table);
}

void wm_nft_rules_delete(struct wm_nft_batch *batch, enum wm_nft_part part, const char *table)
{
	batch->part = part;
	about_table(batch, NFT_MSG_DELRULE, 0, NFTA_RULE_TABLE, table);
}

void wm_nft_chain_create(struct wm_nft_batch *batch, const char *table, const struct wm_nft_chain *chain, const char *device)
{
	struct nlmsghdr *nlh = wm_nft_msg(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL);
	struct nftnl_chain *c = nlh ? nftnl_chain_alloc() : NULL;

	if (!c) {
		batch->error = -ENOMEM;
		return;
	}
	nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, table);
	nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, chain->name);
	if (chain->type) {
		nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, chain->type);
		nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, chain->hook);
		nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, chain->prio);
		nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	}
	if (device)
		nftnl_chain_set_str(c, NFTNL_CHAIN_DEV, device);
	nftnl_chain_nlmsg_build_payload(nlh, c);
	nftnl_chain_free(c);
	wm_nft_msg_end(batch, nlh);
	batch->changes++;
}

static void delete_chain(struct wm_nft_batch *batch, const char *table, const char *name)
{
	struct nlmsghdr *nlh = wm_nft_msg(batch, NFT_MSG_DELCHAIN, 0);

	if (!nlh)
		return;
	mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_NAME, name);
	wm_nft_msg_end(batch, nlh);
	batch->changes++;
}

static void create_counter(struct wm_nft_batch *batch, const char *table, const char *name)
{
	struct nlmsghdr *nlh = wm_nft_msg(batch, NFT_MSG_NEWOBJ, NLM_F_CREATE | NLM_F_EXCL);

	if (!nlh)
		return;
	mnl_attr_put_strz(nlh, NFTA_OBJ_TABLE, table);
	mnl_attr_put_strz(nlh, NFTA_OBJ_NAME, name);
	mnl_attr_put_u32(nlh, NFTA_OBJ_TYPE, htonl(NFT_OBJECT_COUNTER));
	mnl_attr_nest_end(nlh, mnl_attr_nest_start(nlh, NFTA_OBJ_DATA));
	wm_nft_msg_end(batch, nlh);
	batch->changes++;
}

void wm_nft_table_create(struct wm_nft_batch *batch, enum wm_nft_part part, const char *table)
{
	static const char comment[] = "\0\x0b" WM_NFT_COMMENT; /* type, length, text */
	struct nlmsghdr *nlh;

	batch->part = part;
	nlh = wm_nft_msg(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
	_Static_assert(sizeof(WM_NFT_COMMENT) == 0x0b, "length");
	if (!nlh)
		return;
	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, table);
	mnl_attr_put(nlh, NFTA_TABLE_USERDATA, sizeof(comment), comment);
	wm_nft_msg_end(batch, nlh);
	batch->changes++;
}

static void create_whole(struct wm_nft_batch *batch, enum wm_nft_part part, const char *table)
{
	wm_nft_table_create(batch, part, table);
	for (unsigned int i = 0; i < WM_REASON_COUNT; i++) {
		if (wm_nft_frames[part].reasons & 1u << i)
			create_counter(batch, table, wm_reason_name(i));
	}
	for (int i = wm_nft_first_set(part); i < wm_nft_end_set(part); i++)
		wm_nft_set_create(batch, table, (enum wm_nft_set_id)i);
	for (int i = 0; i < WM_NFT_FLOW_SETS && part == WM_NFT_MAIN; i++)
		wm_nft_flow_set_create(batch, table, (enum wm_nft_flow_set)i);
	wm_nft_drops_create(batch, table);
	for (unsigned int i = 0; i < *wm_nft_frames[part].nchains; i++) {
		if (!wm_nft_comes_and_goes(part, &wm_nft_frames[part].chains[i]))
			wm_nft_chain_create(batch, table, &wm_nft_frames[part].chains[i], NULL);
	}
}

/* The i-th rule of a chain; NULL behind its last. */
static const struct wm_nft_rule *rule_at(const struct wm_nft_rules *rules, const char *chain, size_t i)
{
	for (size_t j = 0; j < rules->n; j++) {
		if (!strcmp(rules->v[j].chain, chain) && i-- == 0)
			return &rules->v[j];
	}
	return NULL;
}

static bool same_rules(enum wm_nft_part part, const struct wm_nft_rules *a, const struct wm_nft_rules *b)
{
	for (unsigned int c = 0; c < *wm_nft_frames[part].nchains; c++) {
		const char *chain = wm_nft_frames[part].chains[c].name;
		const struct wm_nft_rule *x, *y;
		size_t i = 0;

		do {
			x = rule_at(a, chain, i);
			y = rule_at(b, chain, i++);
			if (!x != !y || (x && strcmp(x->mark, y->mark)))
				return false;
		} while (x);
	}
	return true;
}

/* The chains on devices. Their rules are gone by now. */
static void move_chains(struct wm_nft_batch *batch, const char *table, const struct wm_nft_table *have,
			const struct wm_nft_table *want)
{
	for (unsigned int i = 0; i < WM_NFT_FAST_CHAINS; i++) {
		const char *is = have->device[i], *shall = want->device[i];

		if (!strcmp(is, shall))
			continue;
		if (*is)
			delete_chain(batch, table, wm_nft_fast_chains[i].name);
		if (*shall)
			wm_nft_chain_create(batch, table, &wm_nft_fast_chains[i], shall);
	}
}

/* A table, its chains and rules, but not what is in its sets. True if what was in them stays. */
static bool frame_diff(struct wm_nft_batch *batch, enum wm_nft_part part, const char *table,
		       const struct wm_nft_state *have, const struct wm_nft_table *want)
{
	static const struct wm_nft_table nothing = { 0 };
	const struct wm_nft_table *is = &have->table[part];
	bool keep = is->there && have->whole[part] && want->there;

	batch->part = part;
	if (is->there && !keep)
		wm_nft_table_delete(batch, part, table);
	if (!want->there)
		return false;
	if (!keep) {
		create_whole(batch, part, table);
		is = &nothing;
	}
	if (keep && same_rules(part, &is->rules, &want->rules) && !memcmp(is->device, want->device, sizeof(is->device)))
		return true;
	if (keep)
		wm_nft_rules_delete(batch, part, table);
	move_chains(batch, table, is, want);
	wm_nft_rules_write(batch, &want->rules);
	/* A chain whose rules are yet to come accepts everything. */
	batch->whole = batch->len;
	return keep;
}

void wm_nft_state_diff(struct wm_nft_batch *batch, const char *table, const struct wm_nft_state *have,
		       const struct wm_nft_want *want, const struct wm_nft_keep *keep)
{
	struct wm_nft_content stays = have->content, shall = want->content; /* borrowed */

	for (int part = 0; part < WM_NFT_PARTS; part++) {
		bool stay = frame_diff(batch, (enum wm_nft_part)part, table, have, &want->table[part]);

		for (int i = wm_nft_first_set((enum wm_nft_part)part); i < wm_nft_end_set((enum wm_nft_part)part); i++) {
			if (!stay)
				stays.set[i] = (struct wm_nft_elems){ 0 };
			if (!want->table[part].there)
				shall.set[i] = (struct wm_nft_elems){ 0 };
		}
	}
	wm_nft_content_diff(batch, table, &stays, &shall, keep);
}
