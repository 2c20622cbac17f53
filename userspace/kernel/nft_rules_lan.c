/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The chains of what comes from a LAN to the mesh. docs/dataplane-nft.md draws them.
 */
#include "kernel/nft_rules_priv.h"

#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include "core/util.h"
#include "kernel/nft_drops.h"
#include "kernel/nft_expr_priv.h"
#include "wm_limits.h"

/* The sender's overlay address becomes the source: with a bound MAC or without. */
static void from_host(const struct wm_nft_site *s, const char *chain, bool to_mesh, enum wm_reason reason)
{
	const enum wm_nft_set_id maps[] = { WM_NFT_FROM, WM_NFT_FROM_MAC };

	for (unsigned int i = 0; i < WM_ARRAY_LEN(maps); i++) {
		nft_rule(s->b, chain), nft_translate_src(s->b, maps[i]);
		if (to_mesh)
			nft_set_mark(s->b, wm_nft_done(s));
		nft_count(s->b, reason), nft_accept(s->b);
	}
	nft_rule(s->b, chain), nft_goto(s->b, "lan_refuse");
}

/* To a device: dropped here, because what leaves for the tunnel is counted already. */
static void no_redirect(const struct wm_nft_site *s, const char *chain)
{
	nft_rule(s->b, chain), nft_icmp_is(s->b, ICMP_REDIRECT), nft_overlay_in(s->b, NFT_DST, NFT_IS, WM_NFT_ENDS);
	nft_drop(s->b, WM_REASON_REDIRECT);
}

static void lan_in(const struct wm_nft_site *s)
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
	nft_rule(b, "lan_in"), nft_last_hop(b), nft_goto(b, "lan_expired");
	nft_rule(b, "lan_in"), nft_protocol_is(b, IPPROTO_ICMP), nft_jump(b, "lan_icmp");
	from_host(s, "lan_in", true, WM_REASON_TO_MESH);

	/* Of full hosts only: what an isolated one quotes is looked at first. */
	for (int i = 0; i < 2; i++) {
		nft_rule(b, "lan_icmp"), nft_sender_in(b, i ? WM_NFT_KNOWN_MAC : WM_NFT_KNOWN);
		nft_icmp_is(b, ICMP_REDIRECT), nft_drop(b, WM_REASON_REDIRECT);
		nft_rule(b, "lan_icmp"), nft_sender_in(b, i ? WM_NFT_KNOWN_MAC : WM_NFT_KNOWN), nft_fragment(b, NFT_NOT);
		nft_goto(b, "errors_out");
	}

	/* Here the destination decides, and maps count when they are asked: so
	 * the sender is looked up first where looking counts nothing. */
	nft_rule(b, "lan_home"), nft_jump(b, "lan_known");
	wm_nft_jump_errors(s, "lan_home", "errors_out");
	nft_rule(b, "lan_home"), nft_addr_is(b, NFT_DST, NFT_IS, plan->gateway), nft_goto(b, "lan_local");
	nft_rule(b, "lan_home"), nft_last_hop(b), nft_overlay_in(b, NFT_DST, NFT_IS, WM_NFT_ENDS), nft_goto(b, "lan_expired");
	nft_rule(b, "lan_home"), nft_overlay_in(b, NFT_DST, NFT_IS, WM_NFT_ISO), nft_goto(b, "lan_to_iso");
	wm_nft_jump_errors(s, "lan_home", "errors_in");
	nft_rule(b, "lan_home"), wm_nft_to_host(s), nft_goto(b, "lan_hairpin");
	no_redirect(s, "lan_home");
	if (plan->hub) {
		nft_rule(b, "lan_home"), nft_overlay_in(b, NFT_DST, NFT_IS, WM_NFT_DEV_TO);
		nft_goto(b, "lan_mesh");
	}
	nft_rule(b, "lan_home"), nft_drop(b, WM_REASON_NO_HOST);
}

/* To a host of ours or a device, from a host whose overlay address is in already. */
static void lan_home_from(const struct wm_nft_site *s)
{
	struct wm_nft_rules *b = s->b;

	nft_rule(b, "lan_home_from"), nft_overlay_in(b, NFT_DST, NFT_IS, WM_NFT_ISO), nft_jump(b, "to_iso");
	wm_nft_jump_errors(s, "lan_home_from", "errors_in");
	nft_rule(b, "lan_home_from"), wm_nft_to_host(s), nft_count(b, WM_REASON_HAIRPIN), nft_accept(b);
	no_redirect(s, "lan_home_from");
	if (s->plan->hub) {
		nft_rule(b, "lan_home_from"), nft_overlay_in(b, NFT_DST, NFT_IS, WM_NFT_DEV_TO);
		nft_set_mark(b, wm_nft_done(s)), nft_count(b, WM_REASON_TO_MESH), nft_accept(b);
	}
	nft_rule(b, "lan_home_from"), nft_drop(b, WM_REASON_NO_HOST);
}

/* From an isolated host, translated, after it was refused as a full one. */
static void lan_isolated(const struct wm_nft_site *s)
{
	struct wm_nft_rules *b = s->b;
	const struct wm_plan *plan = s->plan;
	const wm_ip4 nobody[] = { plan->supernet.addr, wm_prefix_last(plan->supernet) };

	nft_rule(b, "lan_isolated"), nft_jump(b, "from_iso");
	nft_rule(b, "lan_isolated"), nft_overlay_in(b, NFT_SRC, NFT_IS, WM_NFT_ISO_FROM);
	wm_nft_jump_errors(s, "lan_isolated", "errors_out");
	nft_rule(b, "lan_isolated"), nft_jump(b, "lan_mark");
	nft_rule(b, "lan_isolated"), nft_addr_is(b, NFT_DST, NFT_IS, plan->gateway);
	nft_count(b, WM_REASON_LOCAL), nft_accept(b);
	nft_rule(b, "lan_isolated"), nft_addr_in(b, NFT_DST, NFT_IS, plan->subnet), nft_goto(b, "lan_home_from");
	for (unsigned int i = 0; i < WM_ARRAY_LEN(nobody); i++)
		nft_rule(b, "lan_isolated"), nft_addr_is(b, NFT_DST, NFT_IS, nobody[i]), nft_drop(b, WM_REASON_NO_HOST);
	nft_rule(b, "lan_isolated"), nft_icmp_is(b, ICMP_REDIRECT), nft_drop(b, WM_REASON_REDIRECT);
	nft_rule(b, "lan_isolated"), nft_set_mark(b, wm_nft_done(s));
	nft_rule(b, "lan_isolated"), nft_last_hop(b), nft_count(b, WM_REASON_LOCAL), nft_accept(b);
	nft_rule(b, "lan_isolated"), nft_count(b, WM_REASON_TO_MESH), nft_accept(b);
}

static void lan_ends(const struct wm_nft_site *s)
{
	struct wm_nft_rules *b = s->b;

	nft_rule(b, "lan_known"), nft_sender_in(b, WM_NFT_KNOWN), nft_return(b);
	nft_rule(b, "lan_known"), nft_sender_in(b, WM_NFT_KNOWN_MAC), nft_return(b);
	nft_rule(b, "lan_known"), nft_goto(b, "lan_refuse");

	from_host(s, "lan_mesh", true, WM_REASON_TO_MESH);
	from_host(s, "lan_hairpin", false, WM_REASON_HAIRPIN);
	from_host(s, "lan_local", false, WM_REASON_LOCAL);

	/* Untouched, and counted as sent; the stack answers, quoting it as it came. */
	nft_rule(b, "lan_expired"), nft_jump(b, "lan_known");
	nft_rule(b, "lan_expired"), nft_jump(b, "lan_mark");
	nft_rule(b, "lan_expired"), nft_sender_in(b, WM_NFT_FROM), nft_count(b, WM_REASON_LOCAL), nft_accept(b);
	nft_rule(b, "lan_expired"), nft_sender_in(b, WM_NFT_FROM_MAC), nft_count(b, WM_REASON_LOCAL), nft_accept(b);
	nft_rule(b, "lan_expired"), nft_drop(b, WM_REASON_UNREGISTERED);
	for (unsigned int i = 0; i < s->plan->nlans; i++) {
		nft_rule(b, "lan_mark"), nft_in_if(b, NFT_IS, s->plan->lans[i].ifname);
		nft_set_mark(b, wm_nft_lan_mark(s->inst, i)), nft_return(b);
	}
	nft_rule(b, "lan_mark"), nft_return(b);

	nft_rule(b, "lan_to_iso"), nft_translate_src(b, WM_NFT_FROM), nft_goto(b, "lan_home_from");
	nft_rule(b, "lan_to_iso"), nft_translate_src(b, WM_NFT_FROM_MAC), nft_goto(b, "lan_home_from");
	nft_rule(b, "lan_to_iso"), nft_drop(b, WM_REASON_UNREGISTERED);
	lan_home_from(s);
	lan_isolated(s);

	nft_rule(b, "lan_nobody"), nft_jump(b, "lan_known");
	nft_rule(b, "lan_nobody"), nft_drop(b, WM_REASON_NO_HOST);

	nft_rule(b, "lan_refuse"), nft_translate_src(b, WM_NFT_ISOLATED), nft_goto(b, "lan_isolated");
	nft_rule(b, "lan_refuse"), nft_translate_src(b, WM_NFT_ISOLATED_MAC), nft_goto(b, "lan_isolated");
	nft_rule(b, "lan_refuse"), nft_sender_in(b, WM_NFT_BOUND), nft_drop(b, WM_REASON_UNREGISTERED);
	nft_rule(b, "lan_refuse"), nft_protocol_is(b, IPPROTO_ICMP), nft_jump(b, "router");
	nft_rule(b, "lan_refuse"), nft_goto(b, "unregistered");
	nft_rule(b, "unregistered"), nft_drop(b, WM_REASON_UNREGISTERED);
}

void wm_nft_lan(const struct wm_nft_site *s)
{
	lan_in(s);
	lan_ends(s);
}
