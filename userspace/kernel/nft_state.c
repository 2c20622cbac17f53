/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Reading and writing the table's frame: chains, sets, counters, rules.
 */
#include "kernel/nft_state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "core/util.h"
#include "kernel/nft_drops.h"
#include "kernel/nft_flow.h"
#include "kernel/nft_rules.h"

#define LOOKS 10 /* at a ruleset that others are changing */
#define TABLE_COMMENT "wm-gateway"

void wm_nft_state_free(struct wm_nft_state *state)
{
	wm_nft_rules_free(&state->rules);
	wm_nft_content_free(&state->content);
	*state = (struct wm_nft_state){ 0 };
}

/* --- reading ---------------------------------------------------------------------- */

static struct nlmsghdr *request(struct wm_nl *nl, uint16_t type)
{
	struct nfgenmsg *header;
	struct nlmsghdr *nlh = wm_nl_begin(nl, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), 0, sizeof(*header), &header);

	header->nfgen_family = NFPROTO_IPV4;
	return nlh;
}

static int read_generation(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[NFTA_GEN_ID + 1];

	if (!nlh)
		return 0;
	wm_nl_attrs(nlh, sizeof(struct nfgenmsg), tb, WM_ARRAY_LEN(tb));
	if (!tb[NFTA_GEN_ID])
		return -EBADMSG;
	*(uint32_t *)arg = ntohl(wm_nl_u32(tb[NFTA_GEN_ID]));
	return 0;
}

int wm_nft_generation(struct wm_nl *nl, uint32_t *ret)
{
	request(nl, NFT_MSG_GETGEN);
	return wm_nl_get(nl, read_generation, ret);
}

/* The text of a comment in userdata; "" when there is none. */
static const char *comment_of(const struct nlattr *userdata)
{
	const char *tlv = userdata ? mnl_attr_get_payload(userdata) : NULL;
	size_t len = userdata ? mnl_attr_get_payload_len(userdata) : 0;

	/* Type 0 is the comment in tables' and in rules' userdata. */
	return len > 2 && tlv[0] == 0 && !tlv[len - 1] ? tlv + 2 : "";
}

struct table {
	bool ours;
	uint32_t flags;
};

static int read_table(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[NFTA_TABLE_USERDATA + 1];
	struct table *t = arg;

	if (!nlh)
		return 0;
	wm_nl_attrs(nlh, sizeof(struct nfgenmsg), tb, WM_ARRAY_LEN(tb));
	t->ours = !strcmp(comment_of(tb[NFTA_TABLE_USERDATA]), TABLE_COMMENT);
	t->flags = ntohl(wm_nl_u32(tb[NFTA_TABLE_FLAGS]));
	return 0;
}

static int find_table(struct wm_nl *nl, const char *table, struct table *ret)
{
	struct nlmsghdr *nlh = request(nl, NFT_MSG_GETTABLE);
	int rc;

	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, table);
	rc = wm_nl_get(nl, read_table, ret);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	return ret->ours ? 1 : -EEXIST;
}

int wm_nft_table_exists(struct wm_nl *nl, const char *table)
{
	struct table t = { 0 };

	return find_table(nl, table, &t);
}

/* A dump of one kind of object of one table. */
struct dump {
	const char *table;
	bool ours; /* every one seen so far is as we make it */
	unsigned int n;
	struct wm_nft_rules *rules;
	struct wm_counters *counters;
};

static int dump_table(struct wm_nl *nl, uint16_t type, uint16_t table_attr, wm_nl_fn fn, struct dump *d)
{
	struct nlmsghdr *nlh = request(nl, type);

	mnl_attr_put_strz(nlh, table_attr, d->table);
	return wm_nl_dump(nl, fn, d);
}

/* Kernels differ in which dumps they filter by table, so all are filtered here.
 * NULL: begin again. tb[1] is the table's name in every kind of message. */
static bool of_table(const struct nlmsghdr *nlh, struct dump *d, const struct nlattr **tb, unsigned int n)
{
	const struct nfgenmsg *header = nlh ? mnl_nlmsg_get_payload(nlh) : NULL;

	if (!nlh) {
		d->ours = true;
		d->n = 0;
		return false;
	}
	wm_nl_attrs(nlh, sizeof(*header), tb, n);
	return header->nfgen_family == NFPROTO_IPV4 && !strcmp(wm_nl_str(tb[1]), d->table);
}

static const struct wm_nft_chain *chain_named(const char *name)
{
	for (unsigned int i = 0; i < wm_nft_nchains; i++) {
		if (!strcmp(wm_nft_chains[i].name, name))
			return &wm_nft_chains[i];
	}
	return NULL;
}

static int check_chain(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[NFTA_CHAIN_TYPE + 1], *hook[NFTA_HOOK_PRIORITY + 1];
	const struct wm_nft_chain *chain;
	struct dump *d = arg;

	_Static_assert(NFTA_CHAIN_TABLE == 1, "of_table");
	if (!of_table(nlh, d, tb, WM_ARRAY_LEN(tb)))
		return 0;
	d->n++;
	chain = chain_named(wm_nl_str(tb[NFTA_CHAIN_NAME]));
	wm_nl_nested(tb[NFTA_CHAIN_HOOK], hook, WM_ARRAY_LEN(hook));
	if (!chain || !chain->type != !tb[NFTA_CHAIN_HOOK])
		d->ours = false;
	else if (chain->type)
		d->ours &= !strcmp(wm_nl_str(tb[NFTA_CHAIN_TYPE]), chain->type) &&
			   ntohl(wm_nl_u32(hook[NFTA_HOOK_HOOKNUM])) == chain->hook &&
			   (int32_t)ntohl(wm_nl_u32(hook[NFTA_HOOK_PRIORITY])) == chain->prio &&
			   ntohl(wm_nl_u32(tb[NFTA_CHAIN_POLICY])) == NF_ACCEPT;
	return 0;
}

static bool is_flow_set(const struct nlattr **tb)
{
	int i = 0;

	while (i < WM_NFT_FLOW_SETS && strcmp(wm_nft_flow_sets[i].name, wm_nl_str(tb[NFTA_SET_NAME])))
		i++;
	return i < WM_NFT_FLOW_SETS && ntohl(wm_nl_u32(tb[NFTA_SET_KEY_LEN])) == wm_nft_flow_sets[i].key_len &&
	       ntohl(wm_nl_u32(tb[NFTA_SET_FLAGS])) == WM_NFT_FLOW_FLAGS;
}

static int check_set(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[NFTA_SET_EXPR + 1];
	struct dump *d = arg;
	int i = 0;

	_Static_assert(NFTA_SET_TABLE == 1, "of_table");
	if (!of_table(nlh, d, tb, WM_ARRAY_LEN(tb)))
		return 0;
	while (i < WM_NFT_SETS && strcmp(wm_nft_sets[i].name, wm_nl_str(tb[NFTA_SET_NAME])))
		i++;
	d->n++;
	if (i == WM_NFT_SETS) {
		d->ours &= is_flow_set(tb) || wm_nft_is_drops(tb);
		return 0;
	}
	if (ntohl(wm_nl_u32(tb[NFTA_SET_KEY_LEN])) != wm_nft_key_len(wm_nft_sets[i].key) ||
	    ntohl(wm_nl_u32(tb[NFTA_SET_DATA_LEN])) != (wm_nft_sets[i].data ? sizeof(uint32_t) : 0) ||
	    ntohl(wm_nl_u32(tb[NFTA_SET_FLAGS])) != wm_nft_set_flags((enum wm_nft_set_id)i) ||
	    !tb[NFTA_SET_EXPR] != !wm_nft_sets[i].counts)
		d->ours = false;
	return 0;
}

static int read_reason(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[NFTA_OBJ_DATA + 1], *data[NFTA_COUNTER_PACKETS + 1];
	struct dump *d = arg;
	unsigned int i = 0;

	_Static_assert(NFTA_OBJ_TABLE == 1, "of_table");
	if (!of_table(nlh, d, tb, WM_ARRAY_LEN(tb)))
		return 0;
	while (i < WM_REASON_COUNT && strcmp(wm_reason_name(i), wm_nl_str(tb[NFTA_OBJ_NAME])))
		i++;
	d->n++;
	if (i == WM_REASON_COUNT || ntohl(wm_nl_u32(tb[NFTA_OBJ_TYPE])) != NFT_OBJECT_COUNTER) {
		d->ours = false;
		return 0;
	}
	if (!d->counters)
		return 0;
	wm_nl_nested(tb[NFTA_OBJ_DATA], data, WM_ARRAY_LEN(data));
	d->counters->reason[i].packets = be64toh(wm_nl_u64(data[NFTA_COUNTER_PACKETS]));
	d->counters->reason[i].bytes = be64toh(wm_nl_u64(data[NFTA_COUNTER_BYTES]));
	return 0;
}

/* A rule without our comment keeps an empty mark, which no rule of ours has. */
static int read_rule(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[NFTA_RULE_USERDATA + 1];
	const struct wm_nft_chain *chain;
	struct wm_nft_rule r = { 0 };
	struct dump *d = arg;
	int rc;

	_Static_assert(NFTA_RULE_TABLE == 1, "of_table");
	if (!nlh)
		d->rules->n = 0;
	if (!of_table(nlh, d, tb, WM_ARRAY_LEN(tb)))
		return 0;
	chain = chain_named(wm_nl_str(tb[NFTA_RULE_CHAIN]));
	if (!chain)
		return -EAGAIN; /* it was not there a moment ago */
	(void)wm_copy(r.mark, sizeof(r.mark), comment_of(tb[NFTA_RULE_USERDATA]));
	r.chain = chain->name;
	rc = wm_grow((void **)&d->rules->v, &d->rules->cap, d->rules->n + 1, sizeof(r));
	if (!rc)
		d->rules->v[d->rules->n++] = r;
	return rc;
}

int wm_nft_reasons_read(struct wm_nl *nl, const char *table, struct wm_counters *ret)
{
	struct dump d = { .table = table, .counters = ret };

	return dump_table(nl, NFT_MSG_GETOBJ, NFTA_OBJ_TABLE, read_reason, &d);
}

static int read_whole(struct wm_nl *nl, const char *table, struct wm_nft_state *ret)
{
	struct dump d = { .table = table, .rules = &ret->rules };
	int rc = dump_table(nl, NFT_MSG_GETCHAIN, NFTA_CHAIN_TABLE, check_chain, &d);

	ret->whole = d.ours && d.n == wm_nft_nchains;
	if (!rc && ret->whole) {
		rc = dump_table(nl, NFT_MSG_GETSET, NFTA_SET_TABLE, check_set, &d);
		ret->whole = d.ours && d.n == WM_NFT_SETS + WM_NFT_FLOW_SETS + 1; /* and the list of drops */
	}
	if (!rc && ret->whole) {
		rc = dump_table(nl, NFT_MSG_GETOBJ, NFTA_OBJ_TABLE, read_reason, &d);
		ret->whole = d.ours && d.n == WM_REASON_COUNT;
	}
	if (!rc && ret->whole)
		rc = dump_table(nl, NFT_MSG_GETRULE, NFTA_RULE_TABLE, read_rule, &d);
	if (!rc && ret->whole)
		rc = wm_nft_content_read(nl, table, &ret->content);
	if (rc == -EBADMSG) { /* an element as we make none, such as a catch-all */
		ret->whole = false;
		rc = 0;
	}
	return rc;
}

int wm_nft_state_read(struct wm_nl *nl, const char *table, struct wm_nft_state *ret)
{
	for (int i = 0; i < LOOKS; i++) {
		struct wm_nft_state state = { 0 };
		struct table t = { 0 };
		uint32_t after = 0;
		int rc = wm_nft_generation(nl, &state.generation);

		if (!rc)
			rc = find_table(nl, table, &t);
		if (rc > 0) {
			state.table = true;
			rc = t.flags ? 0 : read_whole(nl, table, &state); /* dormant: nothing in it is in force */
		}
		bool same = wm_nft_generation(nl, &after) == 0 && after == state.generation;

		if (same && !rc) {
			*ret = state;
			return 0;
		}
		wm_nft_state_free(&state);
		if (same)
			return rc;
	}
	return -EBUSY;
}

/* --- writing ---------------------------------------------------------------------- */

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

void wm_nft_table_delete(struct wm_nft_batch *batch, const char *table)
{
	about_table(batch, NFT_MSG_DELTABLE, 0, NFTA_TABLE_NAME, table);
}

static void create_chain(struct wm_nft_batch *batch, const char *table, const struct wm_nft_chain *chain)
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
	nftnl_chain_nlmsg_build_payload(nlh, c);
	nftnl_chain_free(c);
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

static void create_table(struct wm_nft_batch *batch, const char *table)
{
	static const char comment[] = "\0\x0b" TABLE_COMMENT; /* type, length, text */
	struct nlmsghdr *nlh = wm_nft_msg(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);

	_Static_assert(sizeof(TABLE_COMMENT) == 0x0b, "length");
	if (!nlh)
		return;
	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, table);
	mnl_attr_put(nlh, NFTA_TABLE_USERDATA, sizeof(comment), comment);
	wm_nft_msg_end(batch, nlh);
	batch->changes++;
	for (unsigned int i = 0; i < WM_REASON_COUNT; i++)
		create_counter(batch, table, wm_reason_name(i));
	for (int i = 0; i < WM_NFT_SETS; i++)
		wm_nft_set_create(batch, table, (enum wm_nft_set_id)i);
	for (int i = 0; i < WM_NFT_FLOW_SETS; i++)
		wm_nft_flow_set_create(batch, table, (enum wm_nft_flow_set)i);
	wm_nft_drops_create(batch, table);
	for (unsigned int i = 0; i < wm_nft_nchains; i++)
		create_chain(batch, table, &wm_nft_chains[i]);
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

static bool same_rules(const struct wm_nft_rules *a, const struct wm_nft_rules *b)
{
	for (unsigned int c = 0; c < wm_nft_nchains; c++) {
		const struct wm_nft_rule *x, *y;
		size_t i = 0;

		do {
			x = rule_at(a, wm_nft_chains[c].name, i);
			y = rule_at(b, wm_nft_chains[c].name, i++);
			if (!x != !y || (x && strcmp(x->mark, y->mark)))
				return false;
		} while (x);
	}
	return true;
}

void wm_nft_state_diff(struct wm_nft_batch *batch, const char *table, const struct wm_nft_state *have,
		       const struct wm_nft_rules *rules, const struct wm_nft_content *content)
{
	const struct wm_nft_content nothing = { 0 };
	bool keep = have->table && have->whole;

	if (have->table && !keep)
		wm_nft_table_delete(batch, table);
	if (!keep)
		create_table(batch, table);
	if (!keep || !same_rules(&have->rules, rules)) {
		if (keep)
			about_table(batch, NFT_MSG_DELRULE, 0, NFTA_RULE_TABLE, table);
		wm_nft_rules_write(batch, rules);
		/* A chain whose rules are yet to come accepts everything. */
		batch->whole = batch->len;
	}
	wm_nft_content_diff(batch, table, keep ? &have->content : &nothing, content);
}
