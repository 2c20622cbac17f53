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
	if (rc == 0 && self->fault)
		fprintf(f, "table ip fault { chain out { type filter hook postrouting priority 300; %s\n}\n}\n",
			self->fault);
	fclose(f);
	if (rc == 0)
		rc = place_run(words, text, err);
	keep_flows();
	return rc;
}

static int nft_up(struct rig *rig, const struct rival *self, enum scope scope, struct wm_error *err)
{
	static const char *const words[] = { "nft", "-f", "-", NULL };

	return text_up(rig, self, scope, words, err);
}

static int iptables_up(struct rig *rig, const struct rival *self, enum scope scope, struct wm_error *err)
{
	static const char *const words[] = { "iptables-nft-restore", NULL };

	return text_up(rig, self, scope, words, err);
}

#define ALL (SCOPE_SITE | SCOPE_ISOLATED | SCOPE_HUB | SCOPE_FLOOD)
#define CT_LACKS "MSS, spoofed sources, reasons"
#define STATELESS_LACKS "quotes in ICMP errors, MSS, reasons"

/* clang-format off */

/* What must be found: the third of ten hosts gets what it should not. */
#define FAULT(what, rule) \
	{ "fault_" #what, "a fault: " #what, "", SCOPE_SITE, RIVAL_FAULTY, 0, nft_up, .rules = rules_stateless, \
	  .fault = "ip daddr 10.0.0.4 " rule }

const struct rival rivals[] = {
	{ RIVAL_FLOOR, "floor: handed over, not looked at", "everything",
	  ALL, RIVAL_UNTRANSLATED | RIVAL_KEEPS_TTL | RIVAL_KEY, 0, floor_up },
	{ "floor_xdp", "floor: XDP drops all", "everything",
	  SCOPE_FLOOD, 0, 0, floor_xdp_up },
	{ RIVAL_PLAIN, "plain kernel forwarding", "translation, filter, counters",
	  SCOPE_SITE | SCOPE_HUB, RIVAL_UNTRANSLATED | RIVAL_KEY, 0, plain_up },
	{ RIVAL_BPF, "wm bpf", "", ALL, RIVAL_HEARD | RIVAL_KEY, 0, plane_up },
	{ "wm_bpf_silent", "wm bpf, hosts silent", "", SCOPE_SITE, RIVAL_TO_LAN_ONLY, 0, plane_up },
	{ "wm_bpf_stack", "wm bpf, WM_FASTPATH=off", "", SCOPE_SITE, 0, 0, plane_up, .how = PLANE_STACK },
	{ "wm_bpf_shield", "wm bpf, XDP shield", "", SCOPE_FLOOD, 0, 0, plane_up, .how = PLANE_SHIELD },
	{ RIVAL_NFT, "wm nft", "", ALL, RIVAL_KEY, 0, plane_up, .how = PLANE_NFT },
	{ "nft_ct_maps", "nft: conntrack, maps, set counters", CT_LACKS,
	  ALL, RIVAL_KEY, 0, nft_up, .rules = rules_ct_maps },
	{ "nft_stateless", "nft: stateless maps, set counters", STATELESS_LACKS,
	  SCOPE_SITE | SCOPE_FLOOD, RIVAL_KEY, 0, nft_up, .rules = rules_stateless },
	{ "nft_ingress", "nft: maps at netdev ingress, set counters", STATELESS_LACKS,
	  SCOPE_SITE | SCOPE_FLOOD, 0, 0, nft_up, .rules = rules_ingress },
	{ "nft_rules", "nft: a counter rule per host", CT_LACKS,
	  SCOPE_SITE, RIVAL_RULES | RIVAL_KEY, 0, nft_up, .rules = rules_per_host },
	{ "iptables_rules", "iptables-nft: a rule per host", CT_LACKS,
	  SCOPE_SITE, RIVAL_RULES, 1000, iptables_up, .rules = rules_iptables },
	FAULT(lost, "drop"),
	FAULT(address, "ip daddr set 10.0.0.5"),
	FAULT(ttl, "ip ttl set 9"),
	FAULT(checksum, "udp checksum set 1"),
	FAULT(bytes, "meta length > 1000 @th,256,32 set 1"),
};
/* clang-format on */
const unsigned int nrivals = WM_ARRAY_LEN(rivals);
