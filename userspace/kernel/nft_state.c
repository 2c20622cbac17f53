/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is in our tables: chains, sets, counters, rules, elements, as the kernel has them.
 */
#include "kernel/nft_state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "core/util.h"
#include "kernel/nft_drops.h"
#include "kernel/nft_flow.h"
#include "kernel/nft_state_priv.h"

#define LOOKS 10 /* at a ruleset that others are changing */

const struct wm_nft_frame wm_nft_frames[WM_NFT_PARTS] = {
	[WM_NFT_MAIN] = { wm_nft_chains, &wm_nft_nchains, (1u << WM_REASON_COUNT) - 1, WM_NFT_FLOW_SETS + 1 /* drops */ },
	[WM_NFT_FAST] = { wm_nft_fast_chains, &wm_nft_nfast_chains,
			  1u << WM_REASON_TO_LAN | 1u << WM_REASON_TO_MESH | 1u << WM_REASON_RELAY | 1u << WM_REASON_UNREGISTERED, 1 },
};

void wm_nft_state_free(struct wm_nft_state *state)
{
	for (int part = 0; part < WM_NFT_PARTS; part++)
		wm_nft_rules_free(&state->table[part].rules);
	wm_nft_content_free(&state->content);
	*state = (struct wm_nft_state){ 0 };
}

void wm_nft_want_free(struct wm_nft_want *want)
{
	for (int part = 0; part < WM_NFT_PARTS; part++)
		wm_nft_rules_free(&want->table[part].rules);
	wm_nft_content_free(&want->content);
	*want = (struct wm_nft_want){ 0 };
}

/* A dump of one kind of object of one table. */
struct dump {
	const char *table;
	enum wm_nft_part part;
	bool ours; /* every one seen so far is as we make it */
	unsigned int n; /* that must be there: not chains that come and go with devices */
	struct wm_nft_table *ret;
	struct wm_count *reason; /* WM_REASON_COUNT of them */
};

static int dump_table(struct wm_nl *nl, uint16_t type, uint16_t table_attr, wm_nl_fn fn, struct dump *d)
{
	struct nlmsghdr *nlh = wm_nft_request(nl, d->part, type);

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
	return header->nfgen_family == wm_nft_families[d->part] && !strcmp(wm_nl_str(tb[1]), d->table);
}

/* NULL: none of ours. */
static const struct wm_nft_chain *chain_named(enum wm_nft_part part, const char *name)
{
	for (unsigned int i = 0; i < *wm_nft_frames[part].nchains; i++) {
		if (!strcmp(wm_nft_frames[part].chains[i].name, name))
			return &wm_nft_frames[part].chains[i];
	}
	return NULL;
}

static int check_chain(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[NFTA_CHAIN_TYPE + 1], *hook[NFTA_HOOK_DEV + 1];
	const struct wm_nft_chain *chain;
	struct dump *d = arg;

	_Static_assert(NFTA_CHAIN_TABLE == 1, "of_table");
	if (!nlh)
		memset(d->ret->device, 0, sizeof(d->ret->device));
	if (!of_table(nlh, d, tb, WM_ARRAY_LEN(tb)))
		return 0;
	chain = chain_named(d->part, wm_nl_str(tb[NFTA_CHAIN_NAME]));
	wm_nl_nested(tb[NFTA_CHAIN_HOOK], hook, WM_ARRAY_LEN(hook));
	if (!chain || !chain->type != !tb[NFTA_CHAIN_HOOK]) {
		d->ours = false;
		return 0;
	}
	if (chain->type)
		d->ours &= !strcmp(wm_nl_str(tb[NFTA_CHAIN_TYPE]), chain->type) &&
			   ntohl(wm_nl_u32(hook[NFTA_HOOK_HOOKNUM])) == chain->hook &&
			   (int32_t)ntohl(wm_nl_u32(hook[NFTA_HOOK_PRIORITY])) == chain->prio &&
			   ntohl(wm_nl_u32(tb[NFTA_CHAIN_POLICY])) == NF_ACCEPT;
	if (!wm_nft_comes_and_goes(d->part, chain))
		d->n++;
	else if (wm_copy(d->ret->device[chain - wm_nft_fast_chains], WM_IFNAME_SIZE,
			 hook[NFTA_HOOK_DEV] ? wm_nl_str(hook[NFTA_HOOK_DEV]) : WM_NFT_NO_DEVICE))
		d->ours = false;
	return 0;
}

static unsigned int steady_chains(enum wm_nft_part part)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < *wm_nft_frames[part].nchains; i++)
		n += !wm_nft_comes_and_goes(part, &wm_nft_frames[part].chains[i]);
	return n;
}

int wm_nft_devices_read(struct wm_nl *nl, const char *table, struct wm_nft_table *ret)
{
	struct dump d = { .table = table, .part = WM_NFT_FAST, .ret = ret };

	return dump_table(nl, NFT_MSG_GETCHAIN, NFTA_CHAIN_TABLE, check_chain, &d);
}

int wm_nft_devices_same(struct wm_nl *nl, const char *table, const struct wm_nft_state *state)
{
	const struct wm_nft_table *was = &state->table[WM_NFT_FAST];

	for (unsigned int i = 0; i < WM_NFT_FAST_CHAINS; i++) {
		struct wm_nft_table now = { 0 };
		struct dump d = { .table = table, .part = WM_NFT_FAST, .ret = &now };
		struct nlmsghdr *nlh;
		int rc;

		if (!*was->device[i])
			continue;
		nlh = wm_nft_request(nl, WM_NFT_FAST, NFT_MSG_GETCHAIN);
		mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, table);
		mnl_attr_put_strz(nlh, NFTA_CHAIN_NAME, wm_nft_fast_chains[i].name);
		rc = wm_nl_get(nl, check_chain, &d);
		if (rc && rc != -ENOENT)
			return rc;
		if (strcmp(now.device[i], was->device[i]))
			return 0;
	}
	return 1;
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
	int i = wm_nft_first_set(d->part), end = wm_nft_end_set(d->part);

	_Static_assert(NFTA_SET_TABLE == 1, "of_table");
	if (!of_table(nlh, d, tb, WM_ARRAY_LEN(tb)))
		return 0;
	while (i < end && strcmp(wm_nft_sets[i].name, wm_nl_str(tb[NFTA_SET_NAME])))
		i++;
	d->n++;
	if (i == end) {
		d->ours &= wm_nft_is_drops(d->part, tb) || (d->part == WM_NFT_MAIN && is_flow_set(tb));
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
	if (i == WM_REASON_COUNT || !(wm_nft_frames[d->part].reasons & 1u << i) || ntohl(wm_nl_u32(tb[NFTA_OBJ_TYPE])) != NFT_OBJECT_COUNTER) {
		d->ours = false;
		return 0;
	}
	if (!d->reason)
		return 0;
	wm_nl_nested(tb[NFTA_OBJ_DATA], data, WM_ARRAY_LEN(data));
	d->reason[i].packets = be64toh(wm_nl_u64(data[NFTA_COUNTER_PACKETS]));
	d->reason[i].bytes = be64toh(wm_nl_u64(data[NFTA_COUNTER_BYTES]));
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
		d->ret->rules.n = 0;
	if (!of_table(nlh, d, tb, WM_ARRAY_LEN(tb)))
		return 0;
	chain = chain_named(d->part, wm_nl_str(tb[NFTA_RULE_CHAIN]));
	if (!chain)
		return -EAGAIN; /* it was not there a moment ago */
	(void)wm_copy(r.mark, sizeof(r.mark), wm_nft_comment_of(tb[NFTA_RULE_USERDATA]));
	r.chain = chain->name;
	rc = wm_grow((void **)&d->ret->rules.v, &d->ret->rules.cap, d->ret->rules.n + 1, sizeof(r));
	if (!rc)
		d->ret->rules.v[d->ret->rules.n++] = r;
	return rc;
}

int wm_nft_part_reasons_read(struct wm_nl *nl, enum wm_nft_part part, const char *table, struct wm_count ret[WM_REASON_COUNT])
{
	struct dump d = { .table = table, .part = part, .reason = ret };
	int rc;

	memset(ret, 0, WM_REASON_COUNT * sizeof(*ret));
	rc = dump_table(nl, NFT_MSG_GETOBJ, NFTA_OBJ_TABLE, read_reason, &d);
	return part == WM_NFT_FAST && (rc == -ENOENT || rc == -EOPNOTSUPP) ? 0 : rc; /* there is no fast path */
}

int wm_nft_reasons_read(struct wm_nl *nl, const char *table, struct wm_counters *ret)
{
	struct wm_count reason[WM_REASON_COUNT];
	int rc = wm_nft_part_reasons_read(nl, WM_NFT_MAIN, table, ret->reason);

	if (!rc)
		rc = wm_nft_part_reasons_read(nl, WM_NFT_FAST, table, reason);
	for (unsigned int i = 0; i < WM_REASON_COUNT && !rc; i++) {
		ret->reason[i].packets += reason[i].packets;
		ret->reason[i].bytes += reason[i].bytes;
	}
	return rc;
}

static int read_whole(struct wm_nl *nl, const char *table, enum wm_nft_part part, struct wm_nft_state *ret)
{
	const struct wm_nft_frame *frame = &wm_nft_frames[part];
	struct dump d = { .table = table, .part = part, .ret = &ret->table[part] };
	bool *whole = &ret->whole[part];
	int rc = dump_table(nl, NFT_MSG_GETCHAIN, NFTA_CHAIN_TABLE, check_chain, &d);

	*whole = d.ours && d.n == steady_chains(part);
	if (!rc && *whole) {
		rc = dump_table(nl, NFT_MSG_GETSET, NFTA_SET_TABLE, check_set, &d);
		*whole = d.ours && d.n == (unsigned int)(wm_nft_end_set(part) - wm_nft_first_set(part)) + frame->more_sets;
	}
	if (!rc && *whole) {
		rc = dump_table(nl, NFT_MSG_GETOBJ, NFTA_OBJ_TABLE, read_reason, &d);
		*whole = d.ours && d.n == (unsigned int)__builtin_popcount(frame->reasons);
	}
	if (!rc && *whole)
		rc = dump_table(nl, NFT_MSG_GETRULE, NFTA_RULE_TABLE, read_rule, &d);
	if (!rc && *whole)
		rc = wm_nft_content_read(nl, table, part, &ret->content);
	if (rc == -EBADMSG) { /* an element as we make none, such as a catch-all */
		*whole = false;
		rc = 0;
	}
	return rc;
}

static int read_part(struct wm_nl *nl, const char *table, enum wm_nft_part part, struct wm_nft_state *ret)
{
	struct wm_nft_found t = { 0 };
	int rc = wm_nft_table_find(nl, part, table, &t);

	if (rc == -EEXIST && part == WM_NFT_FAST)
		return 0;
	if (rc <= 0)
		return rc;
	ret->table[part].there = true;
	return t.flags ? 0 : read_whole(nl, table, part, ret); /* dormant: nothing in it is in force */
}

int wm_nft_state_read(struct wm_nl *nl, const char *table, struct wm_nft_state *ret)
{
	for (int i = 0; i < LOOKS; i++) {
		struct wm_nft_state state = { 0 };
		uint32_t after = 0;
		int rc = wm_nft_generation(nl, &state.generation);

		for (int part = 0; part < WM_NFT_PARTS && !rc; part++)
			rc = read_part(nl, table, (enum wm_nft_part)part, &state);
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
