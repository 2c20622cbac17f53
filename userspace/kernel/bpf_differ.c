/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where what stands in the maps is not what shall: a part (bpf_part.c) that is
 * found by looking at all. What is right is looked at where it lies, and kept
 * nowhere: a look costs memory for what differs, not for what is there.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"

struct differ {
	const struct wm_bpf_set *set;
	const struct wm_plan *plan;
	struct wm_bpf_content *have, *want;
	uint32_t naddrs;
	uint64_t *of_part;              /* a bit for each overlay address: something of it differs, or of one that takes its place */
	uint64_t *right;                /* a bit for each of want->lan_hosts: the kernel has it just so */
	struct wm_bpf_lan_host *others; /* what the kernel has in lan_hosts besides */
	size_t nothers, cap_others;
	uint32_t *shares;               /* 1 + the overlay address that keeps the share; 0: nobody; [0] is none */
	uint32_t nshares;
};

static bool has(const uint64_t *bits, size_t i)
{
	return bits[i / 64] >> i % 64 & 1;
}

static void add(uint64_t *bits, size_t i)
{
	bits[i / 64] |= (uint64_t)1 << i % 64;
}

static void add_address(struct differ *d, uint32_t index)
{
	if (index < d->naddrs) /* what somebody else has written there */
		add(d->of_part, index);
}

/* --- LAN addresses ----------------------------------------------------------------------------- */

static const struct wm_bpf_lan_host *wanted_at(const struct differ *d, const struct wm_bpf_lan_host *place)
{
	const struct wm_bpf_content *want = d->want;

	if (!want->nlan_hosts)
		return NULL;
	return bsearch(place, want->lan_hosts, want->nlan_hosts, sizeof(*place), wm_bpf_lan_host_order);
}

static int add_other(struct differ *d, const struct wm_bpf_lan_host *host)
{
	int rc = wm_grow((void **)&d->others, &d->cap_others, d->nothers + 1, sizeof(*host));

	if (!rc)
		d->others[d->nothers++] = *host;
	return rc;
}

static int look_at_lan_host(void *arg, const struct wm_bpf_lan_host *host)
{
	struct differ *d = arg;
	const struct wm_bpf_lan_host *wanted = wanted_at(d, host);

	if (wanted && wanted->index == host->index) {
		add(d->right, (size_t)(wanted - d->want->lan_hosts));
		return 0;
	}
	add_address(d, host->index);
	return add_other(d, host);
}

static void add_missing(struct differ *d)
{
	for (size_t i = 0; i < d->want->nlan_hosts; i++) {
		if (!has(d->right, i))
			add_address(d, d->want->lan_hosts[i].index);
	}
}

/* --- hosts ----------------------------------------------------------------------------------------- */

/* All but its share. */
static struct wm_host_info wanted_host(const struct differ *d, uint32_t index)
{
	struct wm_host_info host = { 0 };

	if (d->want->end[index])
		wm_bpf_plan_host(d->plan, &d->plan->ends[d->want->end[index] - 1], &host);
	return host;
}

static bool may_keep(const struct differ *d, const struct wm_host_info *have, const struct wm_host_info *want)
{
	return want->isolated && wm_bpf_same_owner(have, want) && have->share && have->share <= d->nshares;
}

static void look_at_host(struct differ *d, uint32_t index, const struct wm_host_info *have)
{
	struct wm_host_info want = wanted_host(d, index);
	const struct wm_bpf_lan_host *next = NULL;

	if (may_keep(d, have, &want) && !d->shares[have->share]) {
		d->shares[have->share] = index + 1;
		want.share = have->share;
	}
	if (want.isolated == !!want.share && wm_bpf_same_host(have, &want))
		return;
	add_address(d, index);
	/* Who goes may make place for one who is there already. */
	if (have->kind == WM_KIND_HOST)
		next = wanted_at(d, &(const struct wm_bpf_lan_host){ .key = { have->ifindex, have->local } });
	if (next)
		add_address(d, next->index);
}

static int look_at_hosts(void *arg, uint32_t first, const void *values, uint32_t n)
{
	const struct wm_host_info *hosts = values;

	for (uint32_t i = 0; i < n; i++)
		look_at_host(arg, first + i, &hosts[i]);
	return 0;
}

/* --- the part ----------------------------------------------------------------------------------------- */

static uint32_t count(const struct differ *d)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->naddrs; i++)
		n += has(d->of_part, i);
	return n;
}

static int take_hosts(struct differ *d)
{
	struct wm_bpf_content *have = d->have, *want = d->want;
	uint32_t n = count(d);
	int rc = 0;

	want->at = calloc(n + 1, sizeof(*want->at));
	want->hosts = calloc(n + 1, sizeof(*want->hosts));
	have->hosts = calloc(n + 1, sizeof(*have->hosts));
	want->naddrs = have->naddrs = 0;
	if (!want->at || !want->hosts || !have->hosts)
		return -ENOMEM;
	for (uint32_t i = 0; !rc && i < d->naddrs; i++) {
		struct wm_host_info *is = &have->hosts[want->naddrs], *shall = &want->hosts[want->naddrs];

		if (!has(d->of_part, i))
			continue;
		rc = bpf_map_lookup_elem(d->set->map[WM_BPF_HOSTS], &i, is);
		*shall = wanted_host(d, i);
		if (may_keep(d, is, shall) && d->shares[is->share] == i + 1)
			shall->share = is->share;
		want->at[want->naddrs++] = i;
	}
	have->naddrs = want->naddrs;
	return rc;
}

static int give_shares(struct differ *d)
{
	WM_AUTO_FREE bool *used = calloc((size_t)d->nshares + 1, sizeof(*used));

	if (!used)
		return -ENOMEM;
	for (uint32_t i = 1; i <= d->nshares; i++)
		used[i] = d->shares[i];
	return wm_bpf_shares_give(d->want, used, d->nshares);
}

/* Of what shall be only what is of the part stays; what the kernel has of that already is listed as what it has. */
static int take_lan_hosts(struct differ *d)
{
	struct wm_bpf_content *have = d->have, *want = d->want;
	size_t kept = 0;
	int rc = 0;

	for (size_t i = 0; !rc && i < want->nlan_hosts; i++) {
		struct wm_bpf_lan_host host = want->lan_hosts[i];

		if (!has(d->of_part, host.index))
			continue;
		if (has(d->right, i))
			rc = add_other(d, &host);
		host.index = wm_bpf_entry_of(want, host.index);
		want->lan_hosts[kept++] = host;
	}
	want->nlan_hosts = kept;
	for (size_t i = 0; i < d->nothers; i++)
		d->others[i].index = wm_bpf_entry_of(want, d->others[i].index);
	if (d->nothers)
		qsort(d->others, d->nothers, sizeof(*d->others), wm_bpf_lan_host_order);
	have->lan_hosts = WM_STEAL(d->others);
	have->nlan_hosts = d->nothers;
	return rc;
}

static int look(struct differ *d)
{
	int rc = wm_bpf_lan_hosts_walk(d->set, look_at_lan_host, d);

	if (rc)
		return rc;
	add_missing(d);
	rc = wm_bpf_array_walk(d->set, WM_BPF_HOSTS, look_at_hosts, d);
	if (!rc)
		rc = take_hosts(d);
	if (!rc)
		rc = give_shares(d);
	return rc ? rc : take_lan_hosts(d);
}

int wm_bpf_content_differ(const struct wm_bpf_set *set, const struct wm_plan *plan, uint32_t shares,
			  struct wm_bpf_content *io_have, struct wm_bpf_content *io_want, struct wm_error *err)
{
	struct differ d = {
		.set = set, .plan = plan, .have = io_have, .want = io_want, .naddrs = io_want->naddrs, .nshares = shares,
	};
	int rc = -ENOMEM;

	d.of_part = calloc(d.naddrs / 64 + 1, sizeof(*d.of_part));
	d.right = calloc(io_want->nlan_hosts / 64 + 1, sizeof(*d.right));
	d.shares = calloc((size_t)shares + 1, sizeof(*d.shares));
	if (d.of_part && d.right && d.shares)
		rc = look(&d);
	free(d.of_part);
	free(d.right);
	free(d.shares);
	free(d.others);
	return rc ? wm_bpf_fail(err, rc, "cannot compare the data plane's maps with what shall be") : 0;
}
