/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The ruleset, top to bottom as a packet meets it. docs/dataplane-nft.md draws it.
 *
 * Sources are translated in prerouting, not on the way out: the routing decision
 * then already sees the mesh's addresses, a hairpinned packet has both of them
 * (so the stack sends no redirect), and what leaves through wg needs only to be
 * checked. A packet that is checked carries the instance's mark.
 *
 * Every chain ends in a verdict for whatever reaches its end: a goto never
 * comes back, and the base chains' policy is accept.
 */
#include "kernel/nft_rules.h"

#include <linux/icmp.h>
#include <linux/ip.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>

#include "core/util.h"

#define AFTER_NAT (NF_IP_PRI_NAT_SRC + 150) /* sees packets as they leave */
#define MARK_MASK 0xffffff00u
#define TCP_IP_HEADERS 40

const struct wm_nft_chain wm_nft_chains[] = {
	{ "prerouting", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW },
	{ "output", "route", NF_INET_LOCAL_OUT, NF_IP_PRI_RAW },
	{ "postrouting", "filter", NF_INET_POST_ROUTING, AFTER_NAT },
	{ "options" },
	{ "wg_in" },      /* from a tunnel */
	{ "wg_device" },  /* ... with a source in our own subnet */
	{ "wg_local" },   /* ... for this gateway */
	{ "wg_to_lan" },  /* ... for a host, translated */
	{ "wg_relay" },   /* ... for another site or a device, at the hub */
	{ "wg_away" },    /* ... for nobody of this site */
	{ "lan_in" },     /* from a LAN, to the mesh */
	{ "lan_home" },   /* ... to an address of this site */
	{ "lan_known" },  /* is the sender registered? Counts nothing */
	{ "lan_mesh" },   /* ... out to a tunnel */
	{ "lan_hairpin" }, /* ... back to a host of ours, whose address is in already */
	{ "lan_local" },  /* ... to this gateway */
	{ "lan_nobody" }, /* ... to an address without an owner */
	{ "lan_refuse" }, /* why a sender may not */
	{ "wg_out" },     /* out to a tunnel */
	{ "wg_own" },     /* ... from this gateway itself */
};
const unsigned int wm_nft_nchains = WM_ARRAY_LEN(wm_nft_chains);

/* What all of the functions below are about. Calls joined by commas are one rule. */
struct site {
	struct wm_nft_rules *b;
	const struct wm_instance *inst;
	const struct wm_plan *plan;
};

static void prerouting(const struct site *s)
{
	struct wm_nft_rules *b = s->b;

	nft_rule(b, "prerouting"), nft_in_if(b, NFT_IS, s->inst->ifname), nft_goto(b, "wg_in");
	nft_rule(b, "prerouting"), nft_addr_in(b, NFT_DST, NFT_NOT, s->plan->supernet), nft_accept(b);
	for (unsigned int i = 0; i < s->plan->nlans; i++)
		nft_rule(b, "prerouting"), nft_in_if(b, NFT_IS, s->plan->lans[i].ifname), nft_goto(b, "lan_in");

	nft_rule(b, "options"), nft_has_option(b, IPOPT_LSRR), nft_drop(b, WM_REASON_INVALID);
	nft_rule(b, "options"), nft_has_option(b, IPOPT_SSRR), nft_drop(b, WM_REASON_INVALID);
	nft_rule(b, "options"), nft_return(b);
}

/* --- from a tunnel ---------------------------------------------------------------- */

/* The host's LAN becomes the packet's mark, its LAN address the destination.
 * Matches only hosts. The map of marks is asked only where LANs are several. */
static void to_host(const struct site *s)
{
	if (s->plan->nlans > 1)
		nft_map_mark(s->b, WM_NFT_LAN_MARK);
	nft_translate_dst(s->b, WM_NFT_TO);
	if (s->plan->nlans == 1)
		nft_set_mark(s->b, wm_nft_lan_mark(s->inst, 0));
}

static void lower_mss(const struct site *s, const char *chain)
{
	if (s->plan->mtu > TCP_IP_HEADERS) {
		nft_rule(s->b, chain), nft_tcp_syn_with_mss(s->b);
		nft_lower_mss(s->b, (uint16_t)(s->plan->mtu - TCP_IP_HEADERS));
	}
}

static void wg_in(const struct site *s)
{
	struct wm_nft_rules *b = s->b;
	const struct wm_plan *plan = s->plan;

	nft_rule(b, "wg_in"), nft_notrack(b);
	nft_rule(b, "wg_in"), nft_has_options(b, NFT_IS), nft_jump(b, "options");
	nft_rule(b, "wg_in"), nft_addr_in(b, NFT_SRC, NFT_NOT, plan->supernet), nft_drop(b, WM_REASON_SPOOFED);
	nft_rule(b, "wg_in"), nft_addr_in(b, NFT_SRC, NFT_IS, plan->subnet), nft_jump(b, "wg_device");
	nft_rule(b, "wg_in"), nft_addr_is(b, NFT_DST, NFT_IS, plan->gateway), nft_goto(b, "wg_local");
	nft_rule(b, "wg_in"), nft_addr_in(b, NFT_DST, NFT_NOT, plan->subnet), nft_goto(b, "wg_away");
	lower_mss(s, "wg_in");
	nft_rule(b, "wg_in"), to_host(s), nft_goto(b, "wg_to_lan");
	if (plan->hub) {
		nft_rule(b, "wg_in"), nft_overlay_in(b, NFT_DST, NFT_IS, WM_NFT_DEV_TO);
		nft_goto(b, "wg_relay");
	}
	nft_rule(b, "wg_in"), nft_drop(b, WM_REASON_NO_HOST);

	/* Only devices of a hub have addresses of its subnet behind wg. */
	if (plan->hub) {
		nft_rule(b, "wg_device"), nft_overlay_in(b, NFT_SRC, NFT_IS, WM_NFT_DEV_ISOLATED);
		nft_drop(b, WM_REASON_ISOLATED);
		nft_rule(b, "wg_device"), nft_overlay_in(b, NFT_SRC, NFT_NOT, WM_NFT_DEV_FROM);
		nft_drop(b, WM_REASON_SPOOFED);
		nft_rule(b, "wg_device"), nft_return(b);
	} else {
		nft_rule(b, "wg_device"), nft_drop(b, WM_REASON_SPOOFED);
	}
}

/* Counts a device's packet, now that it is certain to be accepted. */
static void count_device(const struct site *s, const char *chain)
{
	if (!s->plan->hub)
		return;
	nft_rule(s->b, chain), nft_addr_in(s->b, NFT_SRC, NFT_IS, s->plan->subnet);
	nft_overlay_in(s->b, NFT_SRC, NFT_IS, WM_NFT_DEV_FROM);
}

static void wg_accepts(const struct site *s)
{
	struct wm_nft_rules *b = s->b;
	struct wm_prefix all = s->plan->supernet;

	count_device(s, "wg_local");
	nft_rule(b, "wg_local"), nft_count(b, WM_REASON_LOCAL), nft_accept(b);

	count_device(s, "wg_to_lan");
	nft_rule(b, "wg_to_lan"), nft_count(b, WM_REASON_TO_LAN), nft_accept(b);

	nft_rule(b, "wg_away"), nft_addr_in(b, NFT_DST, NFT_NOT, all), nft_drop(b, WM_REASON_NO_HOST);
	nft_rule(b, "wg_away"), nft_addr_is(b, NFT_DST, NFT_IS, all.addr), nft_drop(b, WM_REASON_NO_HOST);
	nft_rule(b, "wg_away"), nft_addr_is(b, NFT_DST, NFT_IS, wm_prefix_last(all)), nft_drop(b, WM_REASON_NO_HOST);
	nft_rule(b, "wg_away");
	if (s->plan->hub)
		nft_goto(b, "wg_relay");
	else
		nft_drop(b, WM_REASON_NOT_RELAY);

	count_device(s, "wg_relay");
	nft_rule(b, "wg_relay"), nft_set_mark(b, s->inst->fwmark), nft_count(b, WM_REASON_RELAY), nft_accept(b);
}

/* --- from a LAN ------------------------------------------------------------------- */

/* The sender's overlay address becomes the source: with a bound MAC or without,
 * and whoever is neither is refused. */
static void from_host(const struct site *s, const char *chain, bool to_mesh, enum wm_reason reason)
{
	const enum wm_nft_set_id maps[] = { WM_NFT_FROM, WM_NFT_FROM_MAC };

	for (unsigned int i = 0; i < WM_ARRAY_LEN(maps); i++) {
		nft_rule(s->b, chain), nft_translate_src(s->b, maps[i]);
		if (to_mesh)
			nft_set_mark(s->b, s->inst->fwmark);
		nft_count(s->b, reason), nft_accept(s->b);
	}
	nft_rule(s->b, chain), nft_goto(s->b, "lan_refuse");
}

static void lan_in(const struct site *s)
{
	struct wm_nft_rules *b = s->b;
	const struct wm_plan *plan = s->plan;
	const wm_ip4 nobody[] = { plan->supernet.addr, wm_prefix_last(plan->supernet) };

	/* What comes to everybody's MAC IP never forwards, but delivers. */
	nft_rule(b, "lan_in"), nft_to_us(b, NFT_NOT), nft_addr_is(b, NFT_DST, NFT_IS, plan->gateway);
	nft_drop(b, WM_REASON_INVALID);
	nft_rule(b, "lan_in"), nft_to_us(b, NFT_NOT), nft_accept(b);
	nft_rule(b, "lan_in"), nft_notrack(b);
	nft_rule(b, "lan_in"), nft_has_options(b, NFT_IS), nft_jump(b, "options");
	nft_rule(b, "lan_in"), nft_addr_in(b, NFT_DST, NFT_IS, plan->subnet), nft_goto(b, "lan_home");
	for (unsigned int i = 0; i < WM_ARRAY_LEN(nobody); i++)
		nft_rule(b, "lan_in"), nft_addr_is(b, NFT_DST, NFT_IS, nobody[i]), nft_goto(b, "lan_nobody");
	from_host(s, "lan_in", true, WM_REASON_TO_MESH);

	/* Here the destination decides, and maps count when they are asked: so
	 * the sender is looked up first where looking counts nothing. */
	nft_rule(b, "lan_home"), nft_jump(b, "lan_known");
	nft_rule(b, "lan_home"), nft_addr_is(b, NFT_DST, NFT_IS, plan->gateway), nft_goto(b, "lan_local");
	nft_rule(b, "lan_home"), to_host(s), nft_goto(b, "lan_hairpin");
	if (plan->hub) {
		nft_rule(b, "lan_home"), nft_overlay_in(b, NFT_DST, NFT_IS, WM_NFT_DEV_TO);
		nft_goto(b, "lan_mesh");
	}
	nft_rule(b, "lan_home"), nft_drop(b, WM_REASON_NO_HOST);
}

static void lan_ends(const struct site *s)
{
	struct wm_nft_rules *b = s->b;

	nft_rule(b, "lan_known"), nft_sender_in(b, WM_NFT_KNOWN), nft_return(b);
	nft_rule(b, "lan_known"), nft_sender_in(b, WM_NFT_KNOWN_MAC), nft_return(b);
	nft_rule(b, "lan_known"), nft_goto(b, "lan_refuse");

	from_host(s, "lan_mesh", true, WM_REASON_TO_MESH);
	from_host(s, "lan_hairpin", false, WM_REASON_HAIRPIN);
	from_host(s, "lan_local", false, WM_REASON_LOCAL);

	nft_rule(b, "lan_nobody"), nft_jump(b, "lan_known");
	nft_rule(b, "lan_nobody"), nft_drop(b, WM_REASON_NO_HOST);

	nft_rule(b, "lan_refuse"), nft_sender_in(b, WM_NFT_ISOLATED), nft_drop(b, WM_REASON_ISOLATED);
	nft_rule(b, "lan_refuse"), nft_sender_in(b, WM_NFT_ISOLATED_MAC), nft_drop(b, WM_REASON_ISOLATED);
	nft_rule(b, "lan_refuse"), nft_sender_in(b, WM_NFT_BOUND), nft_drop(b, WM_REASON_UNREGISTERED);
	nft_rule(b, "lan_refuse"), nft_drop(b, WM_REASON_UNREGISTERED);
}

/* --- out -------------------------------------------------------------------------- */

/* The gateway's own packets to its own hosts, the stack's ICMP errors among
 * them, were routed to wg like all of the mesh; a new destination in a chain of
 * type route makes the kernel route them again. */
static void output(const struct site *s)
{
	struct wm_nft_rules *b = s->b;
	const struct wm_plan *plan = s->plan;

	nft_rule(b, "output"), nft_addr_in(b, NFT_DST, NFT_NOT, plan->supernet), nft_accept(b);
	nft_rule(b, "output"), nft_addr_is(b, NFT_DST, NFT_IS, plan->gateway), nft_accept(b);
	nft_rule(b, "output"), nft_notrack(b);
	nft_rule(b, "output"), nft_icmp_is(b, ICMP_REDIRECT), nft_drop(b, WM_REASON_REDIRECT);
	/* Any other source than g is refused on its way out. */
	nft_rule(b, "output"), nft_addr_is(b, NFT_SRC, NFT_NOT, plan->gateway), nft_accept(b);
	nft_rule(b, "output"), nft_addr_in(b, NFT_DST, NFT_IS, plan->subnet), to_host(s);
	nft_count(b, WM_REASON_TO_LAN), nft_accept(b);
}

static void wg_out(const struct site *s)
{
	struct wm_nft_rules *b = s->b;
	const struct wm_plan *plan = s->plan;

	nft_rule(b, "wg_out"), nft_addr_in(b, NFT_DST, NFT_NOT, plan->supernet), nft_drop(b, WM_REASON_UNTRANSLATED);
	nft_rule(b, "wg_out"), nft_icmp_is(b, ICMP_REDIRECT), nft_drop(b, WM_REASON_REDIRECT);
	lower_mss(s, "wg_out");
	/* The kernel lets nobody else send with an address of its own. */
	nft_rule(b, "wg_out"), nft_addr_is(b, NFT_SRC, NFT_IS, plan->gateway), nft_goto(b, "wg_own");
	nft_rule(b, "wg_out"), nft_addr_in(b, NFT_SRC, NFT_NOT, plan->supernet), nft_drop(b, WM_REASON_UNTRANSLATED);
	nft_rule(b, "wg_out"), nft_mark_is(b, NFT_NOT, s->inst->fwmark, UINT32_MAX);
	nft_drop(b, WM_REASON_UNTRANSLATED);
	nft_rule(b, "wg_out"), nft_accept(b);

	if (plan->hub) {
		nft_rule(b, "wg_own"), nft_overlay_in(b, NFT_DST, NFT_IS, WM_NFT_DEV_TO);
		nft_count(b, WM_REASON_LOCAL), nft_accept(b);
	}
	nft_rule(b, "wg_own"), nft_addr_in(b, NFT_DST, NFT_IS, plan->subnet), nft_drop(b, WM_REASON_NO_HOST);
	nft_rule(b, "wg_own"), nft_count(b, WM_REASON_LOCAL), nft_accept(b);
}

/* A packet translated for a LAN leaves through that LAN or not at all: not to
 * the default route while the LAN is down, nor to a LAN that looks the same. */
static void postrouting(const struct site *s)
{
	struct wm_nft_rules *b = s->b;

	nft_rule(b, "postrouting"), nft_out_if(b, NFT_IS, s->inst->ifname), nft_goto(b, "wg_out");
	nft_rule(b, "postrouting"), nft_addr_in(b, NFT_SRC, NFT_NOT, s->plan->supernet), nft_accept(b);
	nft_rule(b, "postrouting"), nft_mark_is(b, NFT_NOT, s->inst->fwmark & MARK_MASK, MARK_MASK), nft_accept(b);
	for (unsigned int i = 0; i < s->plan->nlans; i++) {
		nft_rule(b, "postrouting"), nft_mark_is(b, NFT_IS, wm_nft_lan_mark(s->inst, i), UINT32_MAX);
		nft_out_if(b, NFT_IS, s->plan->lans[i].ifname), nft_accept(b);
	}
	nft_rule(b, "postrouting"), nft_drop(b, WM_REASON_NO_NEIGHBOUR);
}

int wm_nft_rules_make(const struct wm_instance *inst, const struct wm_plan *plan, struct wm_nft_rules *ret)
{
	struct wm_nft_rules rules = { .table = inst->nft_table };
	const struct site s = { &rules, inst, plan };
	int rc;

	prerouting(&s);
	wg_in(&s);
	wg_accepts(&s);
	lan_in(&s);
	lan_ends(&s);
	output(&s);
	wg_out(&s);
	postrouting(&s);
	rc = wm_nft_rules_finish(&rules);
	if (rc)
		wm_nft_rules_free(&rules);
	else
		*ret = rules;
	return rc;
}
