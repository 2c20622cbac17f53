/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From the plan to what shall stand in the data plane's maps. Pure. Here
 * addresses turn from host byte order to that of the wire.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"

_Static_assert(WM_LANS_MAX <= WM_LAN_SLOTS, "each LAN of a plan needs a slot");

/* Of the kernel's memory, never swapped, and twice while a new set is built beside the old: an address takes 136 bytes and
 * 32 more per processor; an isolated end 24 KiB of flows, and the number of them is rounded up to a power of two. */
#define SHORTEST_PREFIX 12
#define ISOLATED_MAX 16384 /* a share has 16 bits */
#define LAN_HOSTS_LEAST 64

void wm_bpf_content_free(struct wm_bpf_content *content)
{
	free(content->hosts);
	free(content->lan_hosts);
	free(content->lan_hints);
	free(content->at);
	free(content->end);
	free(content->shield);
	*content = (struct wm_bpf_content){ 0 };
}

int wm_bpf_lan_host_order(const void *a, const void *b)
{
	const struct wm_lan_key *x = &((const struct wm_bpf_lan_host *)a)->key;
	const struct wm_lan_key *y = &((const struct wm_bpf_lan_host *)b)->key;

	if (x->ifindex != y->ifindex)
		return x->ifindex < y->ifindex ? -1 : 1;
	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

bool wm_bpf_same_owner(const struct wm_host_info *a, const struct wm_host_info *b)
{
	return a->kind == b->kind && a->owner == b->owner;
}

bool wm_bpf_same_station(const struct wm_host_info *a, const struct wm_host_info *b)
{
	return wm_bpf_same_owner(a, b) && a->local == b->local && a->ifindex == b->ifindex &&
	       a->has_mac == b->has_mac && (!a->has_mac || a->mac_word == b->mac_word);
}

bool wm_bpf_same_subnet(const struct wm_params *params, const struct wm_plan *plan)
{
	return params->subnet == htonl(plan->subnet.addr) &&
	       params->subnet_mask == htonl(wm_prefix_mask(plan->subnet.len));
}

void wm_bpf_plan_lan(const struct wm_lan *lan, struct wm_lan_info *ret)
{
	ret->ifindex = lan->ifindex;
	ret->mtu = lan->mtu;
	ret->net = htonl(lan->prefix.addr);
	ret->mask = htonl(wm_prefix_mask(lan->prefix.len));
	memcpy(ret->mac, lan->mac.byte, sizeof(ret->mac));
	ret->nrouters = (uint8_t)lan->nrouters;
	for (unsigned int i = 0; i < lan->nrouters; i++)
		memcpy(ret->router[i], lan->routers[i].byte, sizeof(ret->router[i]));
}

void wm_bpf_plan_host(const struct wm_plan *plan, const struct wm_end *end, struct wm_host_info *ret)
{
	ret->kind = end->kind == WM_END_HOST ? WM_KIND_HOST : WM_KIND_DEVICE;
	ret->isolated = end->access != WM_ACCESS_FULL;
	ret->owner = wm_hash32(end->name, strlen(end->name));
	if (ret->kind != WM_KIND_HOST)
		return;
	ret->local = htonl(end->local);
	ret->lan = end->lan;
	ret->ifindex = plan->lans[end->lan].ifindex;
	ret->has_mac = end->has_mac;
	if (end->has_mac)
		memcpy(ret->mac, end->mac.byte, sizeof(ret->mac));
}

static int plan_end(const struct wm_plan *plan, size_t i, struct wm_bpf_content *ret, struct wm_error *err)
{
	const struct wm_end *end = &plan->ends[i];
	uint32_t index = end->overlay - plan->subnet.addr;
	char addr[WM_IP4_TEXT];

	if (!wm_prefix_has(plan->subnet, end->overlay) || (end->kind == WM_END_HOST && end->lan >= plan->nlans))
		return wm_fail(err, EINVAL, "%s (%s) is not of this site", end->name,
			       wm_ip4_format(end->overlay, addr));
	if (ret->end[index])
		return wm_fail(err, EEXIST, "the overlay address %s is registered twice",
			       wm_ip4_format(end->overlay, addr));
	ret->end[index] = (uint32_t)i + 1;
	ret->nisolated += end->access != WM_ACCESS_FULL;
	if (end->kind == WM_END_HOST)
		ret->lan_hosts[ret->nlan_hosts++] = (struct wm_bpf_lan_host){
			{ plan->lans[end->lan].ifindex, htonl(end->local) }, index,
		};
	return 0;
}

/* Where somebody is registered, the shield lets pass. */
static void plan_shield(const struct wm_plan *plan, struct wm_bpf_content *content)
{
	for (size_t i = 0; i < plan->nends; i++) {
		const struct wm_end *end = &plan->ends[i];
		uint32_t low = end->local & 0xffff;

		if (end->kind == WM_END_HOST)
			content->shield[end->lan * WM_SHIELD_WORDS + low / 64] |= (uint64_t)1 << low % 64;
	}
}

/* Those that share a place with another are found in lan_hosts. */
static void plan_hints(struct wm_bpf_content *content)
{
	for (size_t i = 0; i < content->nlan_hosts; i++) {
		const struct wm_bpf_lan_host *host = &content->lan_hosts[i];
		uint32_t hint = WM_HINT(host->key.ifindex, ntohl(host->key.addr));

		content->lan_hints[hint / WM_HINTS_PER_LINE].index[hint % WM_HINTS_PER_LINE] = host->index;
	}
}

static int check_twins(const struct wm_plan *plan, const struct wm_bpf_content *content, struct wm_error *err)
{
	char local[WM_IP4_TEXT], a[WM_IP4_TEXT], b[WM_IP4_TEXT];

	for (size_t i = 1; i < content->nlan_hosts; i++) {
		const struct wm_bpf_lan_host *x = &content->lan_hosts[i - 1], *y = &content->lan_hosts[i];

		if (!wm_bpf_lan_host_order(x, y))
			return wm_fail(err, EEXIST, "LAN address %s is registered for both %s and %s",
				       wm_ip4_format(ntohl(y->key.addr), local),
				       wm_ip4_format(plan->subnet.addr + x->index, a),
				       wm_ip4_format(plan->subnet.addr + y->index, b));
	}
	return 0;
}

static int check_isolated(const struct wm_bpf_content *content, struct wm_error *err)
{
	if (content->nisolated <= ISOLATED_MAX)
		return 0;
	return wm_fail(err, E2BIG,
		       "this site has %u isolated hosts and devices; the BPF data plane holds flows for %u (24 KiB of the "
		       "kernel's memory each): move some to another site, or set WM_DATAPLANE=nft here",
		       content->nisolated, ISOLATED_MAX);
}

int wm_bpf_content_plan_places(const struct wm_plan *plan, struct wm_bpf_content *ret, struct wm_error *err)
{
	WM_AUTO_BPF_CONTENT struct wm_bpf_content content = { 0 };
	char text[WM_PREFIX_TEXT];
	int rc = 0;

	if (plan->subnet.len < SHORTEST_PREFIX)
		return wm_fail(err, E2BIG, "the subnet %s has more addresses than the BPF data plane can hold (a /%d)",
			       wm_prefix_format(plan->subnet, text), SHORTEST_PREFIX);
	content.naddrs = 1u << (32 - plan->subnet.len);
	content.end = calloc(content.naddrs, sizeof(*content.end));
	content.lan_hosts = calloc(plan->nends + 1, sizeof(*content.lan_hosts));
	content.lan_hints = calloc(WM_HINT_LINES, sizeof(*content.lan_hints));
	content.shield = calloc(WM_SHIELD_SIZE, sizeof(*content.shield));
	if (!content.end || !content.lan_hosts || !content.lan_hints || !content.shield)
		return wm_fail(err, ENOMEM, "out of memory");
	for (unsigned int i = 0; i < plan->nlans; i++)
		wm_bpf_plan_lan(&plan->lans[i], &content.lans[i]);
	for (size_t i = 0; !rc && i < plan->nends; i++)
		rc = plan_end(plan, i, &content, err);
	if (rc)
		return rc;
	qsort(content.lan_hosts, content.nlan_hosts, sizeof(*content.lan_hosts), wm_bpf_lan_host_order);
	rc = check_twins(plan, &content, err);
	if (!rc)
		rc = check_isolated(&content, err);
	if (rc)
		return rc;
	plan_hints(&content);
	plan_shield(plan, &content);
	*ret = content;
	content = (struct wm_bpf_content){ 0 };
	return 0;
}

int wm_bpf_content_plan_hosts(const struct wm_plan *plan, struct wm_bpf_content *io, struct wm_error *err)
{
	io->hosts = calloc(io->naddrs, sizeof(*io->hosts));
	if (!io->hosts)
		return wm_fail(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < plan->nends; i++)
		wm_bpf_plan_host(plan, &plan->ends[i], &io->hosts[plan->ends[i].overlay - plan->subnet.addr]);
	return 0;
}

int wm_bpf_content_plan(const struct wm_plan *plan, struct wm_bpf_content *ret, struct wm_error *err)
{
	WM_AUTO_BPF_CONTENT struct wm_bpf_content content = { 0 };
	int rc = wm_bpf_content_plan_places(plan, &content, err);

	if (!rc)
		rc = wm_bpf_content_plan_hosts(plan, &content, err);
	if (rc)
		return rc;
	*ret = content;
	content = (struct wm_bpf_content){ 0 };
	return 0;
}

/* --- sizes and shares ---------------------------------------------------------------- */

static uint32_t power_of_two(uint32_t least)
{
	uint32_t n = 1;

	while (n < least)
		n *= 2;
	return n;
}

void wm_bpf_sizes(const struct wm_bpf_content *want, uint32_t places, uint32_t ret[WM_BPF_MAPS])
{
	ret[WM_BPF_HOSTS] = want->naddrs;
	ret[WM_BPF_HOST_STATS] = want->naddrs * places;
	ret[WM_BPF_HOST_DROPS] = want->naddrs;
	ret[WM_BPF_LAN_HOSTS] = power_of_two(WM_MAX(LAN_HOSTS_LEAST, 2 * (uint32_t)want->nlan_hosts));
	ret[WM_BPF_LAN_HINTS] = WM_HINT_LINES;
	ret[WM_BPF_FLOWS] = power_of_two(want->nisolated) * WM_FLOW_BUCKETS;
	ret[WM_BPF_LANS] = ret[WM_BPF_ROUTER_ERRORS] = WM_LAN_SLOTS;
	ret[WM_BPF_SHIELD] = WM_SHIELD_SIZE;
	ret[WM_BPF_COUNTERS] = WM_REASON_COUNT;
	ret[WM_BPF_FLOWS_HALF] = WM_FLOW_HALF_MAX;
	ret[WM_BPF_FRAGS] = WM_FRAGS_MAX;
	ret[WM_BPF_DROP_PACE] = ret[WM_BPF_FOLLOW] = 1;
	ret[WM_BPF_DROPS] = WM_DROPS_MAX;
	ret[WM_BPF_DROP_EVENTS] = WM_DROP_EVENTS_BYTES;
}

int wm_bpf_shares_give(struct wm_bpf_content *io, const bool *used, uint32_t ends)
{
	uint32_t next = 1;

	for (uint32_t i = 0; i < io->naddrs; i++) {
		struct wm_host_info *h = &io->hosts[i];

		if (!h->isolated || h->share)
			continue;
		while (next <= ends && used[next])
			next++;
		if (next > ends)
			return -ENOSPC;
		h->share = (uint16_t)next++;
	}
	return 0;
}

int wm_bpf_shares(const struct wm_bpf_content *have, struct wm_bpf_content *want, uint32_t ends)
{
	WM_AUTO_FREE bool *used = calloc(ends + 1, sizeof(*used));

	if (!used)
		return -ENOMEM;
	for (uint32_t i = 0; i < want->naddrs && i < have->naddrs; i++) {
		const struct wm_host_info *old = &have->hosts[i];
		struct wm_host_info *h = &want->hosts[i];

		if (!h->isolated || !wm_bpf_same_owner(h, old) || !old->share || old->share > ends || used[old->share])
			continue;
		h->share = old->share;
		used[h->share] = true;
	}
	return wm_bpf_shares_give(want, used, ends);
}

void wm_bpf_params(const struct wm_instance *inst, const struct wm_plan *plan, uint32_t wg_ifindex, struct wm_params *ret)
{
	*ret = (struct wm_params){
		.supernet = htonl(plan->supernet.addr),
		.supernet_mask = htonl(wm_prefix_mask(plan->supernet.len)),
		.subnet = htonl(plan->subnet.addr),
		.subnet_mask = htonl(wm_prefix_mask(plan->subnet.len)),
		.gateway = htonl(plan->gateway),
		.wg_ifindex = wg_ifindex,
		.wg_mtu = plan->mtu,
		.fwmark = inst->fwmark & WM_MARK_MASK,
		.hz = wm_bpf_hz(),
		.hub = plan->hub,
		.fastpath = inst->fastpath,
		.tc_prio = inst->tc_prio,
	};
}
