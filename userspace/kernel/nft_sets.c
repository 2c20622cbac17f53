/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The sets, and what of a plan stands in each.
 */
#include "kernel/nft_sets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter/nf_tables.h>

#include "core/sorted.h"
#include "core/util.h"

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

int wm_nft_elems_add(struct wm_nft_elems *set, const struct wm_nft_elem *elem)
{
	int rc = wm_grow((void **)&set->v, &set->cap, set->n + 1, sizeof(*elem));

	if (!rc)
		set->v[set->n++] = *elem;
	return rc;
}

int wm_nft_elem_order(const void *a, const void *b)
{
	return memcmp(((const struct wm_nft_elem *)a)->key, ((const struct wm_nft_elem *)b)->key, WM_NFT_KEY_MAX);
}

void wm_nft_elems_sort(struct wm_nft_elems *set)
{
	if (set->n)
		qsort(set->v, set->n, sizeof(*set->v), wm_nft_elem_order);
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
			rc = wm_nft_elems_add(ret, &e);
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
		if (set->counts)
			e.owner = wm_hash32(end->name, strlen(end->name));
		rc = wm_nft_elems_add(&ret->set[i], &e);
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
		rc = wm_nft_elems_add(ret, &e);
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

		if (wm_nft_elem_order(&set->v[i - 1], &set->v[i]))
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
		wm_nft_elems_sort(&content.set[i]);
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
	return (struct wm_sorted){ (void **)&set->v, &set->n, &set->cap, sizeof(*set->v), wm_nft_elem_order };
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
