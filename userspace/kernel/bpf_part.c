/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A part of what stands in the maps, and shall: only the addresses that a
 * difference of plans concerns. What stands there is asked of the kernel,
 * entry by entry; nothing here takes longer because there are more hosts, but
 * for a new isolated end, whose share is looked for among all.
 *
 * -EAGAIN says that a part will not do: what the kernel has is not what the
 * difference begins with, or something that everything goes by is another.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"

struct part {
	const struct wm_bpf_set *set;
	const struct wm_plan *plan;
	const struct wm_plan_diff *since;
	struct wm_bpf_content have, want; /* indices count the entries of want.at */
};

static int index_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

uint32_t wm_bpf_entry_of(const struct wm_bpf_content *part, uint32_t index)
{
	const uint32_t *found = bsearch(&index, part->at, part->naddrs, sizeof(index), index_order);

	return found ? (uint32_t)(found - part->at) : UINT32_MAX;
}

/* --- addresses ----------------------------------------------------------------------------- */

static int list_addresses(struct part *p)
{
	const struct wm_plan_diff *d = p->since;
	uint32_t *at = calloc(d->ngone + d->ncome + 1, sizeof(*at)), n = 0, used = 0;

	if (!at)
		return -ENOMEM;
	for (size_t i = 0; i < d->ngone; i++)
		at[n++] = d->gone[i].overlay - p->plan->subnet.addr;
	for (size_t i = 0; i < d->ncome; i++)
		at[n++] = d->come[i].overlay - p->plan->subnet.addr;
	if (n)
		qsort(at, n, sizeof(*at), index_order);
	for (uint32_t i = 0; i < n; i++) {
		if (!used || at[used - 1] != at[i])
			at[used++] = at[i];
	}
	p->want.at = at;
	p->want.naddrs = p->have.naddrs = used;
	return used && at[used - 1] >= p->set->size[WM_BPF_HOSTS] ? -EAGAIN : 0;
}

static int read_hosts(struct part *p)
{
	int rc = 0;

	p->have.hosts = calloc(p->have.naddrs + 1, sizeof(*p->have.hosts));
	p->want.hosts = calloc(p->want.naddrs + 1, sizeof(*p->want.hosts));
	if (!p->have.hosts || !p->want.hosts)
		return -ENOMEM;
	for (uint32_t i = 0; !rc && i < p->have.naddrs; i++)
		rc = bpf_map_lookup_elem(p->set->map[WM_BPF_HOSTS], &p->want.at[i], &p->have.hosts[i]);
	for (size_t i = 0; !rc && i < p->since->ncome; i++) {
		const struct wm_end *end = &p->since->come[i];

		wm_bpf_plan_host(p->plan, end, &p->want.hosts[wm_bpf_entry_of(&p->want, end->overlay - p->plan->subnet.addr)]);
	}
	return rc;
}

/* --- LAN addresses ---------------------------------------------------------------------------- */

static struct wm_bpf_lan_host lan_host(const struct wm_host_info *h, uint32_t entry)
{
	return (struct wm_bpf_lan_host){ .key = { h->ifindex, h->local }, .index = entry };
}

/* Of all hosts of a part. */
static size_t list_lan_hosts(const struct wm_bpf_content *c, struct wm_bpf_lan_host *ret)
{
	size_t n = 0;

	for (uint32_t i = 0; i < c->naddrs; i++) {
		if (c->hosts[i].kind == WM_KIND_HOST)
			ret[n++] = lan_host(&c->hosts[i], i);
	}
	return n;
}

/* The addresses of who is there and who shall be, as the kernel has them: not for anybody who is not of the part. */
static int read_lan_hosts(struct part *p)
{
	size_t room = p->have.naddrs + p->want.naddrs + 1, n;
	WM_AUTO_FREE struct wm_bpf_lan_host *keys = calloc(room, sizeof(*keys));

	p->have.lan_hosts = calloc(room, sizeof(*p->have.lan_hosts));
	p->want.lan_hosts = calloc(room, sizeof(*p->want.lan_hosts));
	if (!keys || !p->have.lan_hosts || !p->want.lan_hosts)
		return -ENOMEM;
	p->want.nlan_hosts = list_lan_hosts(&p->want, p->want.lan_hosts);
	qsort(p->want.lan_hosts, p->want.nlan_hosts, sizeof(*keys), wm_bpf_lan_host_order);
	n = list_lan_hosts(&p->have, keys);
	n += list_lan_hosts(&p->want, keys + n);
	qsort(keys, n, sizeof(*keys), wm_bpf_lan_host_order);
	for (size_t i = 0; i < n; i++) {
		struct wm_bpf_lan_host found = keys[i];
		int rc;

		if (i && !wm_bpf_lan_host_order(&keys[i - 1], &keys[i]))
			continue;
		rc = bpf_map_lookup_elem(p->set->map[WM_BPF_LAN_HOSTS], &found.key, &found.index);
		if (rc == -ENOENT)
			continue;
		found.index = rc ? 0 : wm_bpf_entry_of(&p->want, found.index);
		if (rc || found.index == UINT32_MAX)
			return rc ? rc : -EAGAIN;
		p->have.lan_hosts[p->have.nlan_hosts++] = found;
	}
	for (size_t i = 1; i < p->want.nlan_hosts; i++) {
		if (!wm_bpf_lan_host_order(&p->want.lan_hosts[i - 1], &p->want.lan_hosts[i]))
			return -EAGAIN;
	}
	return 0;
}

/* --- the shield and the hints -------------------------------------------------------------------------------- */

#define LOW_BITS 16

/* Who shall have an address on a LAN; io->index becomes that of the subnet. */
static bool find_lan_host(const struct part *p, struct wm_bpf_lan_host *io)
{
	const struct wm_bpf_lan_host *found;

	/* Of the part it is what shall be that counts. */
	found = bsearch(io, p->want.lan_hosts, p->want.nlan_hosts, sizeof(*io), wm_bpf_lan_host_order);
	if (found) {
		io->index = p->want.at[found->index];
		return true;
	}
	if (bsearch(io, p->have.lan_hosts, p->have.nlan_hosts, sizeof(*io), wm_bpf_lan_host_order))
		return false;
	return !bpf_map_lookup_elem(p->set->map[WM_BPF_LAN_HOSTS], &io->key, &io->index);
}

/* The last, in order, of those on a LAN whose addresses end in these bits. */
static bool last_of(const struct part *p, const struct wm_lan *lan, uint32_t low, struct wm_bpf_lan_host *io_last)
{
	uint32_t n = lan->prefix.len < LOW_BITS ? 1u << (LOW_BITS - lan->prefix.len) : 1;
	bool any = false;

	for (uint32_t i = 0; i < n; i++) {
		wm_ip4 addr = (lan->prefix.addr & ~0xffffu) + (i << LOW_BITS) + low;
		struct wm_bpf_lan_host host = { .key = { lan->ifindex, htonl(addr) } };

		if (!wm_prefix_has(lan->prefix, addr) || !find_lan_host(p, &host))
			continue;
		any = true;
		if (!io_last->key.ifindex || wm_bpf_lan_host_order(io_last, &host) < 0)
			*io_last = host;
	}
	return any;
}

/* On a LAN so large that this would take long, a bit stays until all is looked at: it lets packets pass to who judges
 * them. So does a hint: it is only one. */
static bool is_large(const struct wm_lan *lan)
{
	return lan->prefix.len < LOW_BITS - 8;
}

static bool bit_is_needed(const struct part *p, const struct wm_lan *lan, wm_ip4 local)
{
	struct wm_bpf_lan_host last = { 0 };

	return is_large(lan) || last_of(p, lan, local & 0xffff, &last);
}

/* What stands at a hint's place when all have put theirs there in order. */
static void settle_hint(struct part *p, const struct wm_end *end)
{
	uint32_t place = WM_HINT(p->plan->lans[end->lan].ifindex, end->local);
	struct wm_bpf_lan_host last = { 0 };

	for (unsigned int i = 0; i < p->plan->nlans; i++) {
		const struct wm_lan *lan = &p->plan->lans[i];

		if (is_large(lan))
			return;
		last_of(p, lan, (place - WM_HINT_FIRST(lan->ifindex)) % WM_HINTS, &last);
	}
	p->want.lan_hints[place / WM_HINTS_PER_LINE].index[place % WM_HINTS_PER_LINE] = last.index;
}

static int plan_hints(struct part *p)
{
	const struct wm_plan_diff *d = p->since;
	int rc;

	if (!p->have.nlan_hosts && !p->want.nlan_hosts)
		return 0;
	rc = wm_bpf_array_read(p->set, WM_BPF_LAN_HINTS, (void **)&p->have.lan_hints);
	if (!rc)
		rc = wm_bpf_array_read(p->set, WM_BPF_LAN_HINTS, (void **)&p->want.lan_hints);
	for (size_t i = 0; !rc && i < d->ngone; i++) {
		if (d->gone[i].kind == WM_END_HOST)
			settle_hint(p, &d->gone[i]);
	}
	for (size_t i = 0; !rc && i < d->ncome; i++) {
		if (d->come[i].kind == WM_END_HOST)
			settle_hint(p, &d->come[i]);
	}
	return rc;
}

static int plan_shield(struct part *p)
{
	const struct wm_plan_diff *d = p->since;
	int rc;

	if (!p->have.nlan_hosts && !p->want.nlan_hosts)
		return 0;
	rc = wm_bpf_array_read(p->set, WM_BPF_SHIELD, (void **)&p->have.shield);
	if (!rc)
		rc = wm_bpf_array_read(p->set, WM_BPF_SHIELD, (void **)&p->want.shield);
	for (size_t i = 0; !rc && i < d->ngone; i++) {
		const struct wm_end *e = &d->gone[i];

		if (e->kind == WM_END_HOST && !bit_is_needed(p, &p->plan->lans[e->lan], e->local))
			p->want.shield[e->lan * WM_SHIELD_WORDS + (e->local & 0xffff) / 64] &= ~((uint64_t)1 << e->local % 64);
	}
	for (size_t i = 0; !rc && i < d->ncome; i++) {
		const struct wm_end *e = &d->come[i];

		if (e->kind == WM_END_HOST)
			p->want.shield[e->lan * WM_SHIELD_WORDS + (e->local & 0xffff) / 64] |= (uint64_t)1 << e->local % 64;
	}
	return rc;
}

/* --- shares of flows ------------------------------------------------------------------------------ */

/* Whose shares are taken: those of all who are not of the part. */
struct taken {
	const struct part *part;
	bool *used;
	uint32_t ends;
};

static int mark_taken(void *arg, uint32_t first, const void *values, uint32_t n)
{
	const struct taken *t = arg;
	const struct wm_host_info *hosts = values;

	for (uint32_t i = 0; i < n; i++) {
		if (hosts[i].share && hosts[i].share <= t->ends && wm_bpf_entry_of(&t->part->want, first + i) == UINT32_MAX)
			t->used[hosts[i].share] = true;
	}
	return 0;
}

static int give_shares(struct part *p)
{
	uint32_t ends = p->set->size[WM_BPF_FLOWS] / WM_FLOW_BUCKETS, wanting = 0;
	WM_AUTO_FREE bool *used = NULL;
	int rc = 0;

	for (uint32_t i = 0; i < p->want.naddrs; i++) {
		struct wm_host_info *h = &p->want.hosts[i];
		const struct wm_host_info *old = &p->have.hosts[i];

		if (h->isolated && wm_bpf_same_owner(h, old) && old->share <= ends)
			h->share = old->share;
		wanting += h->isolated && !h->share;
	}
	if (!wanting)
		return 0;
	used = calloc(ends + 1, sizeof(*used));
	if (!used)
		return -ENOMEM;
	rc = wm_bpf_array_walk(p->set, WM_BPF_HOSTS, mark_taken, &(struct taken){ p, used, ends });
	for (uint32_t i = 0; !rc && i < p->want.naddrs; i++) {
		if (p->want.hosts[i].share)
			used[p->want.hosts[i].share] = true;
	}
	if (!rc)
		rc = wm_bpf_shares_give(&p->want, used, ends);
	return rc == -ENOSPC ? -EAGAIN : rc; /* a larger map */
}

/* --- the part ---------------------------------------------------------------------------------------- */

static int same_lans(struct part *p)
{
	int rc = wm_bpf_lans_read(p->set, &p->have);

	for (unsigned int i = 0; i < p->plan->nlans; i++)
		wm_bpf_plan_lan(&p->plan->lans[i], &p->want.lans[i]);
	return rc ? rc : memcmp(p->have.lans, p->want.lans, sizeof(p->have.lans)) ? -EAGAIN : 0;
}

int wm_bpf_content_part(const struct wm_bpf_set *set, const struct wm_plan *plan, const struct wm_plan_diff *since,
			struct wm_bpf_content *ret_have, struct wm_bpf_content *ret_want, struct wm_error *err)
{
	static int (*const steps[])(struct part *) = {
		same_lans, list_addresses, read_hosts, read_lan_hosts, plan_shield, plan_hints, give_shares,
	};
	struct part p = { .set = set, .plan = plan, .since = since };
	int rc = plan->nends > set->size[WM_BPF_LAN_HOSTS] ? -EAGAIN : 0;

	for (size_t i = 0; !rc && i < WM_ARRAY_LEN(steps); i++)
		rc = steps[i](&p);
	if (rc) {
		wm_bpf_content_free(&p.have);
		wm_bpf_content_free(&p.want);
		return rc == -EAGAIN ? rc : wm_bpf_fail(err, rc, "cannot read the data plane's maps");
	}
	*ret_have = p.have;
	*ret_want = p.want;
	return 0;
}
