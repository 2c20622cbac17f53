/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Elements: from the plan, from the kernel, the difference, the counters.
 */
#include "kernel/nft_sets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "core/sorted.h"
#include "core/util.h"
#include "kernel/nft_dump.h"

static const uint8_t key_lens[] = { [WM_NFT_KEY_OVERLAY] = 4, [WM_NFT_KEY_LAN] = 8, [WM_NFT_KEY_MAC] = 16, [WM_NFT_KEY_PAIR] = 8,
				    [WM_NFT_KEY_LENGTHS] = 8 };

const struct wm_nft_set wm_nft_sets[WM_NFT_SETS] = {
	[WM_NFT_TO] = { "to", WM_NFT_KEY_OVERLAY, WM_NFT_DATA_ADDR, WM_NFT_COUNTS_TO },
	[WM_NFT_LAN_MARK] = { "lan_mark", WM_NFT_KEY_OVERLAY, WM_NFT_DATA_MARK, WM_NFT_COUNTS_NOTHING },
	[WM_NFT_FROM] = { "from", WM_NFT_KEY_LAN, WM_NFT_DATA_ADDR, WM_NFT_COUNTS_FROM },
	[WM_NFT_FROM_MAC] = { "from_mac", WM_NFT_KEY_MAC, WM_NFT_DATA_ADDR, WM_NFT_COUNTS_FROM },
	[WM_NFT_KNOWN] = { "known", WM_NFT_KEY_LAN, WM_NFT_NO_DATA, WM_NFT_COUNTS_NOTHING },
	[WM_NFT_KNOWN_MAC] = { "known_mac", WM_NFT_KEY_MAC, WM_NFT_NO_DATA, WM_NFT_COUNTS_NOTHING },
	[WM_NFT_ISOLATED] = { "isolated", WM_NFT_KEY_LAN, WM_NFT_DATA_ADDR, WM_NFT_COUNTS_NOTHING },
	[WM_NFT_ISOLATED_MAC] = { "isolated_mac", WM_NFT_KEY_MAC, WM_NFT_DATA_ADDR, WM_NFT_COUNTS_NOTHING },
	[WM_NFT_BOUND] = { "bound", WM_NFT_KEY_LAN, WM_NFT_NO_DATA, WM_NFT_COUNTS_DROPS },
	[WM_NFT_DEV_TO] = { "dev_to", WM_NFT_KEY_OVERLAY, WM_NFT_NO_DATA, WM_NFT_COUNTS_TO },
	[WM_NFT_DEV_FROM] = { "dev_from", WM_NFT_KEY_OVERLAY, WM_NFT_NO_DATA, WM_NFT_COUNTS_FROM },
	[WM_NFT_DEV_ISOLATED] = { "dev_isolated", WM_NFT_KEY_OVERLAY, WM_NFT_NO_DATA, WM_NFT_COUNTS_NOTHING },
	[WM_NFT_ISO] = { "iso", WM_NFT_KEY_OVERLAY, WM_NFT_DATA_MARK, WM_NFT_COUNTS_NOTHING },
	[WM_NFT_ISO_FROM] = { "iso_from", WM_NFT_KEY_OVERLAY, WM_NFT_NO_DATA, WM_NFT_COUNTS_FROM },
	[WM_NFT_ISO_DROPS] = { "iso_drops", WM_NFT_KEY_OVERLAY, WM_NFT_NO_DATA, WM_NFT_COUNTS_DROPS },
	[WM_NFT_ENDS] = { "ends", WM_NFT_KEY_OVERLAY, WM_NFT_NO_DATA, WM_NFT_COUNTS_NOTHING },
	[WM_NFT_HOSTS] = { "hosts", WM_NFT_KEY_LAN, WM_NFT_DATA_ADDR, WM_NFT_COUNTS_NOTHING },
	[WM_NFT_QUOTED_TO] = { "quoted_to", WM_NFT_KEY_PAIR, WM_NFT_DATA_ADDR, WM_NFT_COUNTS_NOTHING },
	[WM_NFT_FAST_LENGTHS] = { "fast_lengths", WM_NFT_KEY_LENGTHS, WM_NFT_NO_DATA, WM_NFT_COUNTS_NOTHING },
	[WM_NFT_FAST_TO] = { "fast_to", WM_NFT_KEY_OVERLAY, WM_NFT_DATA_ADDR, WM_NFT_COUNTS_TO },
	[WM_NFT_FAST_LAN] = { "fast_lan", WM_NFT_KEY_OVERLAY, WM_NFT_DATA_IFINDEX, WM_NFT_COUNTS_NOTHING },
	[WM_NFT_FAST_HOSTS] = { "fast_hosts", WM_NFT_KEY_LAN, WM_NFT_NO_DATA, WM_NFT_COUNTS_NOTHING },
	[WM_NFT_FAST_FROM] = { "fast_from", WM_NFT_KEY_LAN, WM_NFT_DATA_ADDR, WM_NFT_COUNTS_FROM },
};

enum wm_nft_part wm_nft_set_part(enum wm_nft_set_id id)
{
	return (int)id < wm_nft_first_set(WM_NFT_FAST) ? WM_NFT_MAIN : WM_NFT_FAST;
}

uint32_t wm_nft_key_len(enum wm_nft_key key)
{
	return key_lens[key];
}

uint32_t wm_nft_set_flags(enum wm_nft_set_id id)
{
	return wm_nft_sets[id].data == WM_NFT_NO_DATA ? 0 : NFT_SET_MAP;
}

uint32_t wm_nft_lan_mark(const struct wm_instance *inst, unsigned int lan)
{
	return inst->fwmark | (lan + 1);
}

void wm_nft_content_free(struct wm_nft_content *content)
{
	if (!content)
		return;
	for (int i = 0; i < WM_NFT_SETS; i++)
		free(content->set[i].v);
	*content = (struct wm_nft_content){ 0 };
}

static int add(struct wm_nft_elems *set, const struct wm_nft_elem *elem)
{
	int rc = wm_grow((void **)&set->v, &set->cap, set->n + 1, sizeof(*elem));

	if (!rc)
		set->v[set->n++] = *elem;
	return rc;
}

static int by_key(const void *a, const void *b)
{
	return memcmp(((const struct wm_nft_elem *)a)->key, ((const struct wm_nft_elem *)b)->key, WM_NFT_KEY_MAX);
}

static void sort(struct wm_nft_elems *set)
{
	if (set->n)
		qsort(set->v, set->n, sizeof(*set->v), by_key);
}

/* --- from the plan ---------------------------------------------------------------- */

static struct wm_nft_elem elem_of(const struct wm_plan *plan, const struct wm_end *end, enum wm_nft_key key)
{
	uint32_t overlay = htonl(end->overlay), local = htonl(end->local);
	struct wm_nft_elem e = { .data = overlay };

	if (key == WM_NFT_KEY_OVERLAY) {
		memcpy(e.key, &overlay, 4);
		return e;
	}
	if (key == WM_NFT_KEY_PAIR) {
		memcpy(e.key, &overlay, 4);
		memcpy(e.key + 4, &overlay, 4);
		return e;
	}
	memcpy(e.key, &plan->lans[end->lan].ifindex, 4);
	memcpy(e.key + 4, &local, 4);
	if (key == WM_NFT_KEY_MAC)
		memcpy(e.key + 8, end->mac.byte, sizeof(end->mac.byte));
	return e;
}

/* Of the fast path: its next hop is the host itself, so only who is on the link. */
static uint32_t fast_sets_of(const struct wm_plan *plan, const struct wm_end *end)
{
	uint32_t sets = end->kind == WM_END_DEVICE ? 0 : 1u << WM_NFT_FAST_HOSTS;

	if (end->access != WM_ACCESS_FULL || !sets)
		return sets;
	if (wm_prefix_has(plan->lans[end->lan].prefix, end->local))
		sets |= 1u << WM_NFT_FAST_TO | (plan->nlans > 1 ? 1u << WM_NFT_FAST_LAN : 0);
	return end->has_mac ? sets : sets | 1u << WM_NFT_FAST_FROM;
}

/* Which sets an end stands in. */
static uint32_t sets_of(const struct wm_plan *plan, const struct wm_end *end)
{
	bool full = end->access == WM_ACCESS_FULL;
	uint32_t sets = 1u << WM_NFT_ENDS;

	_Static_assert(WM_NFT_SETS <= 32, "a bit for each");
	if (!full)
		sets |= 1u << WM_NFT_ISO | 1u << WM_NFT_ISO_FROM | 1u << WM_NFT_ISO_DROPS;
	if (end->kind == WM_END_DEVICE)
		return sets | 1u << WM_NFT_DEV_TO | 1u << (full ? WM_NFT_DEV_FROM : WM_NFT_DEV_ISOLATED);
	sets |= 1u << WM_NFT_TO | 1u << WM_NFT_HOSTS | 1u << WM_NFT_QUOTED_TO;
	if (plan->nlans > 1)
		sets |= 1u << WM_NFT_LAN_MARK;
	if (end->has_mac)
		return sets | 1u << WM_NFT_BOUND |
		       (full ? 1u << WM_NFT_FROM_MAC | 1u << WM_NFT_KNOWN_MAC : 1u << WM_NFT_ISOLATED_MAC);
	return sets | (full ? 1u << WM_NFT_FROM | 1u << WM_NFT_KNOWN : 1u << WM_NFT_ISOLATED);
}

/* The same host by the MAC of each router that may send for it. */
static int add_routers(const struct wm_lan *lan, const struct wm_nft_elem *host, struct wm_nft_elems *ret)
{
	struct wm_nft_elem e = *host;
	int rc = 0;

	for (unsigned int i = 0; i < lan->nrouters && !rc; i++) {
		memcpy(e.key + 8, lan->routers[i].byte, sizeof(lan->routers[i].byte));
		if (memcmp(e.key, host->key, sizeof(e.key)))
			rc = add(ret, &e);
	}
	return rc;
}

/* A number for the address and who has it now, so that nobody inherits flows with an address: the part that all of the
 * site's addresses share gives way to a hash of the name. */
static uint32_t owner_of(const struct wm_plan *plan, const struct wm_end *end)
{
	wm_ip4 mask = wm_prefix_mask(plan->subnet.len);

	return (wm_hash32(end->name, strlen(end->name)) & mask) | (end->overlay & ~mask);
}

static int add_end(const struct wm_instance *inst, const struct wm_plan *plan, const struct wm_end *end, bool fast,
		   struct wm_nft_content *ret)
{
	uint32_t sets = sets_of(plan, end) | (fast ? fast_sets_of(plan, end) : 0);
	int rc = 0;

	for (int i = 0; i < WM_NFT_SETS && !rc; i++) {
		const struct wm_nft_set *set = &wm_nft_sets[i];
		struct wm_nft_elem e;

		if (!(sets & 1u << i))
			continue;
		e = elem_of(plan, end, set->key);
		if (i == WM_NFT_TO || i == WM_NFT_QUOTED_TO || i == WM_NFT_FAST_TO)
			e.data = htonl(end->local);
		else if (i == WM_NFT_ISO)
			e.data = owner_of(plan, end);
		else if (i == WM_NFT_LAN_MARK)
			e.data = wm_nft_lan_mark(inst, end->lan);
		else if (i == WM_NFT_FAST_LAN)
			e.data = plan->lans[end->lan].ifindex;
		else if (set->data == WM_NFT_NO_DATA && (set->key == WM_NFT_KEY_OVERLAY || !set->counts))
			e.data = 0;
		rc = add(&ret->set[i], &e);
		if (set->key == WM_NFT_KEY_MAC && !rc)
			rc = add_routers(&plan->lans[end->lan], &e, &ret->set[i]);
	}
	return rc;
}

/* Lengths that a packet of the fast path may have, which is as long as its IP header says: nothing behind it, all of it
 * there, and no more than fits into each device. */
static int add_lengths(const struct wm_plan *plan, struct wm_nft_elems *ret)
{
	uint32_t most = plan->mtu;
	int rc = 0;

	for (unsigned int i = 0; i < plan->nlans; i++)
		most = WM_MIN(most, (uint32_t)plan->lans[i].mtu);
	for (uint32_t len = WM_NFT_FAST_LEAST; len <= most && !rc; len++) {
		struct wm_nft_elem e = { 0 };
		uint16_t wire = htons((uint16_t)len);

		memcpy(e.key, &len, sizeof(len));
		memcpy(e.key + sizeof(len), &wire, sizeof(wire));
		rc = add(ret, &e);
	}
	return rc;
}

/* The same key twice would be one element for two ends. */
static int check_twice(enum wm_nft_key key, const struct wm_nft_elems *set, struct wm_error *err)
{
	size_t offset = key == WM_NFT_KEY_OVERLAY || key == WM_NFT_KEY_PAIR ? 0 : 4;

	for (size_t i = 1; i < set->n; i++) {
		uint32_t addr;
		char text[WM_IP4_TEXT];

		if (by_key(&set->v[i - 1], &set->v[i]))
			continue;
		memcpy(&addr, set->v[i].key + offset, sizeof(addr));
		return wm_fail(err, EEXIST, "two hosts or devices of this site claim the address %s: remove one of them",
			       wm_ip4_format(ntohl(addr), text));
	}
	return 0;
}

int wm_nft_content_ends(const struct wm_instance *inst, const struct wm_plan *plan, const struct wm_end *ends, size_t n,
			bool fast, struct wm_nft_content *ret, struct wm_error *err)
{
	struct wm_nft_content content = { 0 };
	int rc = fast ? add_lengths(plan, &content.set[WM_NFT_FAST_LENGTHS]) : 0;

	for (size_t i = 0; i < n && !rc; i++)
		rc = add_end(inst, plan, &ends[i], fast, &content);
	if (rc)
		rc = wm_fail(err, -rc, "no memory for %zu hosts and devices", n);
	for (int i = 0; i < WM_NFT_SETS && !rc; i++) {
		sort(&content.set[i]);
		rc = check_twice(wm_nft_sets[i].key, &content.set[i], err);
	}
	if (rc) {
		wm_nft_content_free(&content);
		return rc;
	}
	*ret = content;
	return 0;
}

int wm_nft_content_plan(const struct wm_instance *inst, const struct wm_plan *plan, bool fast, struct wm_nft_content *ret,
			struct wm_error *err)
{
	return wm_nft_content_ends(inst, plan, plan->ends, plan->nends, fast, ret, err);
}

static struct wm_sorted sorted(struct wm_nft_elems *set)
{
	return (struct wm_sorted){ (void **)&set->v, &set->n, &set->cap, sizeof(*set->v), by_key };
}

int wm_nft_content_splice(struct wm_nft_content *all, const struct wm_nft_content *gone, const struct wm_nft_content *come)
{
	struct wm_splice splice[WM_NFT_SETS];
	size_t at;

	for (int i = 0; i < WM_NFT_SETS; i++) {
		struct wm_sorted s = sorted(&all->set[i]);
		int rc;

		splice[i] = (struct wm_splice){ gone->set[i].v, come->set[i].v, gone->set[i].n, come->set[i].n };
		rc = wm_sorted_prepare(&s, &splice[i], &at);
		if (rc)
			return rc;
	}
	for (int i = 0; i < WM_NFT_SETS; i++) {
		struct wm_sorted s = sorted(&all->set[i]);

		wm_sorted_splice(&s, &splice[i]);
	}
	return 0;
}

/* --- from the kernel -------------------------------------------------------------- */

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

/* The comment with the overlay address; anything else reads as 0 and is then
 * replaced, because it differs from what the plan wants. */
static uint32_t read_comment(const struct nlattr *attr)
{
	const char *tlv = attr ? mnl_attr_get_payload(attr) : "";
	size_t len = attr ? mnl_attr_get_payload_len(attr) : 0;
	wm_ip4 addr = 0;

	if (len < 3 || tlv[0] != NFTNL_UDATA_SET_ELEM_COMMENT || tlv[len - 1] || wm_ip4_parse(tlv + 2, &addr))
		return 0;
	return htonl(addr);
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
	rc = read_value(tb[NFTA_SET_ELEM_KEY], e.key, key_lens[set->key]);
	if (!rc && set->data != WM_NFT_NO_DATA)
		rc = read_value(tb[NFTA_SET_ELEM_DATA], &e.data, sizeof(e.data));
	else if (!rc)
		e.data = read_comment(tb[NFTA_SET_ELEM_USERDATA]);
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
	return add(arg, elem);
}

static void forget_elems(void *arg)
{
	((struct wm_nft_elems *)arg)->n = 0;
}

int wm_nft_elems_read(struct wm_nl *nl, const char *table, enum wm_nft_set_id id, struct wm_nft_elems *ret)
{
	struct reader r = { id, keep_elem, forget_elems, ret };
	int rc = dump(nl, table, &r);

	sort(ret);
	return rc;
}

const struct wm_nft_elem *wm_nft_elem_find(const struct wm_nft_elems *set, const struct wm_nft_elem *wanted)
{
	return set->n ? bsearch(wanted, set->v, set->n, sizeof(*set->v), by_key) : NULL;
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
