/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From what stands in the data plane's maps to what shall, entry by entry while
 * packets flow.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"

/* Does nothing after the first failure. */
struct writer {
	const struct wm_bpf_set *set;
	const uint32_t *at; /* of a part: what its indices stand for; NULL: themselves */
	int changes;
	int rc;
	enum wm_bpf_map failed;
};

static void put(struct writer *w, enum wm_bpf_map map, const void *key, const void *value)
{
	if (w->rc)
		return;
	if (w->at && (map == WM_BPF_HOSTS || map == WM_BPF_HOST_DROPS))
		key = &w->at[*(const uint32_t *)key];
	if (w->at && map == WM_BPF_LAN_HOSTS)
		value = &w->at[*(const uint32_t *)value];
	w->rc = bpf_map_update_elem(w->set->map[map], key, value, BPF_ANY);
	w->failed = map;
	w->changes++;
}

static void drop(struct writer *w, enum wm_bpf_map map, const void *key)
{
	if (w->rc)
		return;
	w->rc = bpf_map_delete_elem(w->set->map[map], key);
	w->failed = map;
	w->changes++;
}

static int finish(const struct writer *w, struct wm_error *err)
{
	return w->rc ? wm_bpf_fail(err, w->rc, "cannot write the data plane's map %s", wm_bpf_maps[w->failed].name)
		     : w->changes;
}

static const struct wm_host_info nobody;

static const struct wm_host_info *host_at(const struct wm_bpf_content *content, uint32_t index)
{
	return index < content->naddrs ? &content->hosts[index] : &nobody;
}

/* --- lan_hosts ----------------------------------------------------------------------------- */

/* For each key of a or b, in order: the entries that have it, NULL where there is none. */
static bool next_pair(const struct wm_bpf_content *a, const struct wm_bpf_content *b, size_t *i, size_t *j,
		      const struct wm_bpf_lan_host **ret_a, const struct wm_bpf_lan_host **ret_b)
{
	const struct wm_bpf_lan_host *x = *i < a->nlan_hosts ? &a->lan_hosts[*i] : NULL;
	const struct wm_bpf_lan_host *y = *j < b->nlan_hosts ? &b->lan_hosts[*j] : NULL;
	int order = x && y ? wm_bpf_lan_host_order(x, y) : x ? -1 : 1;

	*ret_a = order <= 0 ? x : NULL;
	*ret_b = order >= 0 ? y : NULL;
	*i += *ret_a != NULL;
	*j += *ret_b != NULL;
	return x || y;
}

/* Its LAN address goes over to another overlay address, and nobody follows it on the old one. */
static bool moves_on(const struct wm_bpf_lan_host *old, const struct wm_bpf_lan_host *new,
		     const struct wm_bpf_content *want)
{
	return new && new->index != old->index && host_at(want, old->index)->kind == WM_KIND_NOBODY;
}

static void drop_lan_hosts(struct writer *w, const struct wm_bpf_content *have, const struct wm_bpf_content *want)
{
	const struct wm_bpf_lan_host *old, *new;
	size_t i = 0, j = 0;

	while (next_pair(have, want, &i, &j, &old, &new)) {
		if (old && !(new && new->index == old->index) && !moves_on(old, new, want))
			drop(w, WM_BPF_LAN_HOSTS, &old->key);
	}
}

static void put_lan_hosts(struct writer *w, const struct wm_bpf_content *have, const struct wm_bpf_content *want)
{
	const struct wm_bpf_lan_host *old, *new;
	size_t i = 0, j = 0;

	while (next_pair(have, want, &i, &j, &old, &new)) {
		if (new && !(old && old->index == new->index))
			put(w, WM_BPF_LAN_HOSTS, &new->key, &new->index);
	}
}

static void put_lan_hints(struct writer *w, const struct wm_bpf_content *have, const struct wm_bpf_content *want)
{
	const struct wm_hint_line none = { 0 };

	for (uint32_t i = 0; want->lan_hints && i < WM_HINT_LINES; i++) {
		const struct wm_hint_line *old = have->lan_hints ? &have->lan_hints[i] : &none;

		if (memcmp(old, &want->lan_hints[i], sizeof(*old)))
			put(w, WM_BPF_LAN_HINTS, &i, &want->lan_hints[i]);
	}
}

/* Is the host at `index` one that moves on? It is cleared only when it has arrived. */
static bool leaves_for_another(const struct wm_bpf_content *want, const struct wm_host_info *old, uint32_t index)
{
	struct wm_bpf_lan_host key = { .key = { old->ifindex, old->local } };
	const struct wm_bpf_lan_host *new;

	if (!want->nlan_hosts || old->kind != WM_KIND_HOST)
		return false;
	new = bsearch(&key, want->lan_hosts, want->nlan_hosts, sizeof(key), wm_bpf_lan_host_order);
	return new && new->index != index;
}

/* --- hosts ------------------------------------------------------------------------------------ */

static void put_lans(struct writer *w, const struct wm_bpf_content *have, const struct wm_bpf_content *want)
{
	for (uint32_t i = 0; i < WM_LAN_SLOTS; i++) {
		if (want->lans[i].ifindex && memcmp(&want->lans[i], &have->lans[i], sizeof(want->lans[i])))
			put(w, WM_BPF_LANS, &i, &want->lans[i]);
	}
}

/* Who goes, and who makes place for another. */
static void clear_hosts(struct writer *w, const struct wm_bpf_content *have, const struct wm_bpf_content *want,
			bool late)
{
	for (uint32_t i = 0; i < have->naddrs; i++) {
		const struct wm_host_info *old = &have->hosts[i], *new = host_at(want, i);

		if (wm_bpf_same_host(old, new) || old->kind == WM_KIND_NOBODY || wm_bpf_same_owner(old, new))
			continue;
		if (late == (new->kind == WM_KIND_NOBODY && leaves_for_another(want, old, i)))
			put(w, WM_BPF_HOSTS, &i, &nobody);
	}
}

/* A host that stays where it is keeps what was heard from it: of no other that is news. Where it moves, too, it was seen
 * when it was. (If it is heard from while this is written, that is lost until its next packet.) */
static void put_host(struct writer *w, uint32_t index, const struct wm_host_info *old, const struct wm_host_info *new)
{
	struct wm_host_info host = *new;

	if (wm_bpf_same_owner(old, new))
		host.seen = old->seen;
	if (wm_bpf_same_station(old, new)) {
		host.mac_word = old->mac_word;
		host.heard = old->heard;
	}
	put(w, WM_BPF_HOSTS, &index, &host);
}

static void put_hosts(struct writer *w, const struct wm_bpf_content *have, const struct wm_bpf_content *want)
{
	for (uint32_t i = 0; i < want->naddrs; i++) {
		const struct wm_host_info *old = host_at(have, i), *new = &want->hosts[i];

		if (new->kind != WM_KIND_NOBODY && !wm_bpf_same_host(old, new))
			put_host(w, i, old, new);
	}
}

static void fill_hosts(struct writer *w, const struct wm_bpf_content *have, const struct wm_bpf_content *want)
{
	for (uint32_t i = 0; i < want->naddrs; i++) {
		if (want->hosts[i].kind != WM_KIND_NOBODY)
			put_host(w, i, host_at(have, i), &want->hosts[i]);
	}
}

/* --- the shield ------------------------------------------------------------------------------- */

/* First who comes is let pass besides who was there, and last who went no longer is. */
static void put_shield(struct writer *w, const struct wm_bpf_content *have, const struct wm_bpf_content *want, bool late)
{
	for (uint32_t i = 0; want->shield && i < WM_SHIELD_SIZE; i++) {
		uint64_t old = have->shield ? have->shield[i] : 0, new = want->shield[i], both = old | new;

		if (late ? new != both : both != old)
			put(w, WM_BPF_SHIELD, &i, late ? &new : &both);
	}
}

/* --- what an owner leaves behind --------------------------------------------------------------- */

static void zero_stats(struct writer *w, const struct wm_bpf_content *have, const struct wm_bpf_content *want)
{
	uint32_t end = w->set->size[WM_BPF_HOST_STATS], naddrs = w->set->size[WM_BPF_HOSTS];
	bool stats = !w->set->fresh[WM_BPF_HOST_STATS], drops = !w->set->fresh[WM_BPF_HOST_DROPS];
	const struct wm_host_stats zero = { 0 };
	const uint64_t none = 0;

	for (uint32_t i = 0; i < want->naddrs; i++) {
		if (want->hosts[i].kind == WM_KIND_NOBODY || wm_bpf_same_owner(host_at(have, i), &want->hosts[i]))
			continue;
		if (drops)
			put(w, WM_BPF_HOST_DROPS, &i, &none);
		for (uint32_t at = w->at ? w->at[i] : i; stats && at < end; at += naddrs)
			put(w, WM_BPF_HOST_STATS, &at, &zero);
	}
}

static void zero_shares(struct writer *w, const struct wm_bpf_content *have, const struct wm_bpf_content *want)
{
	const struct wm_flow_bucket empty = { 0 };

	for (uint32_t i = 0; i < want->naddrs; i++) {
		const struct wm_host_info *old = host_at(have, i), *new = &want->hosts[i];
		uint32_t first = (new->share - 1) * WM_FLOW_BUCKETS;

		if (!new->share || (old->share == new->share && wm_bpf_same_owner(old, new)))
			continue;
		for (uint32_t b = first; b < first + WM_FLOW_BUCKETS; b++)
			put(w, WM_BPF_FLOWS, &b, &empty);
	}
}

int wm_bpf_hand_over(const struct wm_bpf_set *set, const struct wm_bpf_content *have, const struct wm_bpf_content *want,
		     struct wm_error *err)
{
	struct writer w = { .set = set, .at = want->at };

	zero_stats(&w, have, want);
	if (!set->fresh[WM_BPF_FLOWS])
		zero_shares(&w, have, want);
	return finish(&w, err);
}

/* --- the whole -------------------------------------------------------------------------------- */

int wm_bpf_content_change(const struct wm_bpf_set *set, const struct wm_bpf_content *have,
			  const struct wm_bpf_content *want, struct wm_error *err)
{
	struct writer w = { .set = set, .at = want->at };
	int rc;

	put_shield(&w, have, want, false);
	drop_lan_hosts(&w, have, want);
	put_lans(&w, have, want);
	clear_hosts(&w, have, want, false);
	rc = finish(&w, err) < 0 ? w.rc : wm_bpf_hand_over(set, have, want, err);
	if (rc < 0)
		return rc;
	w.changes += rc;
	put_hosts(&w, have, want);
	put_lan_hosts(&w, have, want);
	put_lan_hints(&w, have, want);
	clear_hosts(&w, have, want, true);
	put_shield(&w, have, want, true);
	return finish(&w, err);
}

int wm_bpf_content_fill(const struct wm_bpf_set *set, const struct wm_bpf_content *have,
			const struct wm_bpf_content *want, struct wm_error *err)
{
	const struct wm_bpf_content nothing = { 0 };
	struct writer w = { .set = set };

	put_shield(&w, &nothing, want, false);
	put_lans(&w, &nothing, want);
	fill_hosts(&w, have, want);
	put_lan_hosts(&w, &nothing, want);
	put_lan_hints(&w, &nothing, want);
	return finish(&w, err);
}

int wm_bpf_lans_clear(const struct wm_bpf_set *set, const struct wm_bpf_content *have,
		      const struct wm_bpf_content *want, struct wm_error *err)
{
	const struct wm_lan_info none = { 0 };
	struct writer w = { .set = set };

	for (uint32_t i = 0; i < WM_LAN_SLOTS; i++) {
		if (have->lans[i].ifindex && !want->lans[i].ifindex)
			put(&w, WM_BPF_LANS, &i, &none);
	}
	return finish(&w, err);
}
