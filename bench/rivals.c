/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/rival.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/place.h"
#include "bench/rules.h"
#include "core/util.h"
#include "packets/net.h"

/* Not a packet is looked at. */
static int floor_up(struct rig *rig, const struct rival *self, enum scope scope, struct wm_error *err)
{
	(void)self;
	if (scope == SCOPE_FLOOD)
		return rig_tc(rig, RIG_LAN, "bench_floor_drop", err);
	int rc = rig_tc(rig, RIG_WG, scope == SCOPE_HUB ? "bench_floor_to_wg" : "bench_floor_to_lan", err);
	return rc < 0 ? rc : rig_tc(rig, RIG_LAN, "bench_floor_to_wg", err);
}

static int floor_xdp_up(struct rig *rig, const struct rival *self, enum scope scope, struct wm_error *err)
{
	(void)self;
	(void)scope;
	return rig_xdp(rig, RIG_LAN, "bench_xdp_drop", err);
}

static int plain_up(struct rig *rig, const struct rival *self, enum scope scope, struct wm_error *err)
{
	(void)self;
	(void)scope;
	int rc = rig_route(rig, err);
	return rc < 0 ? rc : rig_neighbours(rig, err);
}

/* Flows stay as long as the run takes: no rival pays for making them again. */
static void keep_flows(void)
{
	net_sysctl("netfilter/nf_conntrack_udp_timeout", "86400");
	net_sysctl("netfilter/nf_conntrack_udp_timeout_stream", "86400");
}

static int text_up(struct rig *rig, const struct rival *self, enum scope scope, const char *const words[],
		   struct wm_error *err)
{
	WM_AUTO_FREE char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	int rc = plain_up(rig, self, scope, err);

	if (!f)
		return wm_fail(err, ENOMEM, "no memory for rules");
	if (rc == 0)
		rc = self->rules(rig, scope, f);
	fclose(f);
	if (rc == 0)
		rc = place_run(words, text, err);
	keep_flows();
	return rc;
}

static int nft_up(struct rig *rig, const struct rival *self, enum scope scope, struct wm_error *err)
{
	static const char *const words[] = {"nft", "-f", "-", NULL};

	return text_up(rig, self, scope, words, err);
}

static int iptables_up(struct rig *rig, const struct rival *self, enum scope scope, struct wm_error *err)
{
	static const char *const words[] = {"iptables-nft-restore", NULL};

	return text_up(rig, self, scope, words, err);
}

#define SITE SCOPE_SITE
#define ALL (SCOPE_SITE | SCOPE_ISOLATED | SCOPE_HUB | SCOPE_FLOOD)
#define NO_FILTER "no translation, no filter, no counters"
#define NO_ERRORS "quoted packets of ICMP errors, MSS"

const struct rival rivals[] = {
	{.name = RIVAL_FLOOR,
	 .title = "floor: handed over, not looked at",
	 .lacks = "everything",
	 .scopes = ALL,
	 .flags = RIVAL_UNTRANSLATED | RIVAL_KEEPS_TTL,
	 .up = floor_up},
	{.name = "floor_xdp",
	 .title = "floor: XDP drops all",
	 .lacks = "everything",
	 .scopes = SCOPE_FLOOD,
	 .up = floor_xdp_up},
	{.name = "plain",
	 .title = "plain kernel forwarding",
	 .lacks = NO_FILTER,
	 .scopes = SITE | SCOPE_HUB,
	 .flags = RIVAL_UNTRANSLATED,
	 .up = plain_up},
	{.name = RIVAL_BPF, .title = "wm bpf", .lacks = "", .scopes = ALL, .flags = RIVAL_HEARD, .up = plane_up},
	{.name = "wm_bpf_silent",
	 .title = "wm bpf, hosts silent",
	 .lacks = "",
	 .scopes = SITE,
	 .flags = RIVAL_TO_LAN_ONLY,
	 .up = plane_up},
	{.name = "wm_bpf_stack",
	 .title = "wm bpf, WM_FASTPATH=off",
	 .lacks = "",
	 .scopes = SITE,
	 .up = plane_up,
	 .how = PLANE_STACK},
	{.name = "wm_bpf_shield",
	 .title = "wm bpf, XDP shield",
	 .lacks = "",
	 .scopes = SCOPE_FLOOD,
	 .up = plane_up,
	 .how = PLANE_SHIELD},
	{.name = RIVAL_NFT, .title = "wm nft", .lacks = "", .scopes = ALL, .up = plane_up, .how = PLANE_NFT},
	{.name = "nft_ct_maps",
	 .title = "nft: conntrack, maps, set counters",
	 .lacks = NO_ERRORS,
	 .scopes = ALL,
	 .up = nft_up,
	 .rules = rules_ct_maps},
	{.name = "nft_stateless",
	 .title = "nft: stateless maps, set counters",
	 .lacks = NO_ERRORS,
	 .scopes = SITE | SCOPE_FLOOD,
	 .up = nft_up,
	 .rules = rules_stateless},
	{.name = "nft_ingress",
	 .title = "nft: maps at netdev ingress, set counters",
	 .lacks = NO_ERRORS,
	 .scopes = SITE | SCOPE_FLOOD,
	 .up = nft_up,
	 .rules = rules_ingress},
	{.name = "nft_rules",
	 .title = "nft: a counter rule per host",
	 .lacks = NO_ERRORS,
	 .scopes = SITE,
	 .hosts_max = 1000,
	 .up = nft_up,
	 .rules = rules_per_host},
	{.name = "iptables_rules",
	 .title = "iptables-nft: a rule per host",
	 .lacks = NO_ERRORS,
	 .scopes = SITE,
	 .hosts_max = 1000,
	 .up = iptables_up,
	 .rules = rules_iptables},
};
const unsigned int nrivals = WM_ARRAY_LEN(rivals);
