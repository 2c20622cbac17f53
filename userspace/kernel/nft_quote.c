/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ICMP errors, and the packet that one quotes: its addresses are translated like
 * those around it, so that the receiver knows its own packet again. Address and
 * header checksum of the quoted packet change together, and the ICMP checksum
 * around them stays right by itself. A quoted TCP or UDP checksum stays as it is:
 * netfilter changes one checksum at a time.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <libnftnl/expr.h>

#include "core/util.h"
#include "kernel/nft_expr_priv.h"
#include "kernel/nft_flow.h"
#include "kernel/nft_rules_priv.h"
#include "wm_limits.h"

#define QUOTED 8 /* where the quoted packet begins, from the ICMP header */
#define QUOTED_CSUM (QUOTED + 10)

static const uint8_t errors[] = { ICMP_DEST_UNREACH, ICMP_SOURCE_QUENCH, ICMP_REDIRECT, ICMP_TIME_EXCEEDED,
				  ICMP_PARAMETERPROB };

/* The quoted header is IPv4 and there as far as it says: to `good`, else to `bad`. NULL: returns. */
static void quote_valid(struct wm_nft_rules *b, const char *chain, const char *good, const char *bad)
{
	for (uint8_t words = 5; words <= 15; words++) {
		nft_rule(b, chain), nft_l4_is(b, QUOTED, 0xff, (uint8_t)(0x40 | words)), nft_l4_is(b, QUOTED + words * 4u - 1, 0, 0);
		if (good)
			nft_goto(b, good);
		else
			nft_return(b);
	}
	nft_rule(b, chain);
	if (bad)
		nft_goto(b, bad);
	else
		nft_return(b);
}

static void load_quoted(struct wm_nft_rules *b, enum nft_addr which, uint32_t reg)
{
	nft_load(b, NFT_PAYLOAD_TRANSPORT_HEADER, QUOTED + which, 4, reg);
}

static void store_quoted(struct wm_nft_rules *b, enum nft_addr which, uint32_t reg)
{
	nft_store(b, NFT_PAYLOAD_TRANSPORT_HEADER, QUOTED + which, QUOTED_CSUM, 0, reg);
}

/* The quoted destination, from the LAN address of a host on the LAN with this index to its overlay address. */
static void translate_from_lan(struct wm_nft_rules *b, uint32_t ifindex)
{
	if (ifindex)
		nft_immediate(b, REG(0), &ifindex, sizeof(ifindex));
	else
		nft_load_meta(b, NFT_META_IIF, REG(0));
	load_quoted(b, NFT_DST, REG(1));
	nft_lookup(b, NFT_IS, wm_nft_sets[WM_NFT_HOSTS].name, REG(0), REG(0));
	store_quoted(b, NFT_DST, REG(0));
}

/* The quoted source, if it is the host that the error goes to. */
static void quote_in(struct wm_nft_rules *b)
{
	/* Not for a device: nobody translates what it gets. */
	nft_rule(b, "quote_in"), nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, NFT_DST, 4, REG(0));
	nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, NFT_DST, 4, REG(1));
	nft_lookup(b, NFT_IS, wm_nft_sets[WM_NFT_QUOTED_TO].name, REG(0), REG(0)), nft_goto(b, "quote_host");
	nft_rule(b, "quote_in"), nft_return(b);
	nft_rule(b, "quote_host"), nft_jump(b, "quote_valid");
	nft_rule(b, "quote_host"), nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, NFT_DST, 4, REG(0)), load_quoted(b, NFT_SRC, REG(1));
	nft_lookup(b, NFT_IS, wm_nft_sets[WM_NFT_QUOTED_TO].name, REG(0), REG(0)), store_quoted(b, NFT_SRC, REG(0));
	nft_rule(b, "quote_host"), nft_return(b);
}

/* The stack's own error about a packet that was translated for a LAN: the mark says which, if it was reflected. */
static void quote_own(const struct wm_nft_site *s)
{
	struct wm_nft_rules *b = s->b;

	nft_rule(b, "quote_own"), nft_jump(b, "quote_valid");
	for (unsigned int i = 0; i < s->plan->nlans; i++) {
		nft_rule(b, "quote_own"), nft_mark_is(b, NFT_IS, wm_nft_lan_mark(s->inst, i), UINT32_MAX);
		translate_from_lan(b, s->plan->lans[i].ifindex), nft_return(b);
	}
	for (unsigned int i = 0; i < s->plan->nlans; i++) {
		nft_rule(b, "quote_own"), translate_from_lan(b, s->plan->lans[i].ifindex), nft_return(b);
	}
	nft_rule(b, "quote_own"), nft_return(b);
}

static void under_limit(struct wm_nft_rules *b)
{
	struct nftnl_expr *e = nft_put(b, "limit");

	if (!e)
		return;
	nftnl_expr_set_u64(e, NFTNL_EXPR_LIMIT_RATE, WM_ROUTER_ERRORS_PER_S);
	nftnl_expr_set_u64(e, NFTNL_EXPR_LIMIT_UNIT, 1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_BURST, WM_ROUTER_ERRORS_PER_S);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
}

/* Where routers are listed only they are believed; and so many a second of each LAN: what is over the limit must not
 * even be compared, because that takes room. */
static void router_from(const struct wm_nft_site *s)
{
	struct wm_nft_rules *b = s->b;

	for (unsigned int i = 0; i < s->plan->nlans; i++) {
		const struct wm_lan *lan = &s->plan->lans[i];

		for (unsigned int r = 0; r < lan->nrouters; r++) {
			nft_rule(b, "router_from"), nft_in_if(b, NFT_IS, lan->ifname), nft_from_mac(b, lan->routers[r].byte);
			nft_goto(b, "router_limit");
		}
		if (lan->nrouters)
			nft_rule(b, "router_from"), nft_in_if(b, NFT_IS, lan->ifname), nft_return(b);
	}
	nft_rule(b, "router_from"), nft_goto(b, "router_limit");
	for (unsigned int i = 0; i < s->plan->nlans; i++) {
		nft_rule(b, "router_limit"), nft_in_if(b, NFT_IS, s->plan->lans[i].ifname), under_limit(b);
		nft_pair_put(b, NFT_PAIR_OUTER_DST, WM_NFT_ROUTER_PAIRS), nft_goto(b, "router_pair");
	}
	nft_rule(b, "router_limit"), nft_return(b);
}

/* About an isolated host only of what it may answer: else it could say anything in such an error's name. */
static void router_isolated(struct wm_nft_rules *b)
{
	nft_rule(b, "router_about"), nft_mark_quoted_host(b);
	nft_rule(b, "router_about"), wm_nft_quotes_ports(b), nft_mark_owner_of_mark(b), nft_goto(b, "router_flow");
	nft_rule(b, "router_about"), nft_mark_owner_of_mark(b), nft_return(b);
	nft_rule(b, "router_about"), nft_goto(b, "router_to");
	wm_nft_quotes_flow(b, "router_flow", "router_to");
	nft_rule(b, "router_flow"), nft_return(b);
}

static void as_long_as_routers_send(struct wm_nft_rules *b)
{
	const uint16_t most = htons(WM_ROUTER_ERROR_MAX);

	nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, 2, 2, REG(0));
	nft_at_most(b, REG(0), &most, sizeof(most));
}

/* An unregistered router in front of a host of this LAN says that a packet of the mesh was too big or too old. It goes
 * on as g's own; the source is changed on the way out, as the stack would not forward what comes from itself. About
 * another host of this site it would have to be turned back, which a forwarded packet cannot be: refused. No router has
 * an address of the mesh. All of these chains return for what is refused: the kernel counts chains behind one another, by
 * goto too, and 16 are the most. */
static void router_error(const struct wm_nft_site *s)
{
	struct wm_nft_rules *b = s->b;

	nft_rule(b, "router"), nft_fragment(b, NFT_IS), nft_return(b);
	nft_rule(b, "router"), nft_addr_in(b, NFT_SRC, NFT_IS, s->plan->supernet), nft_return(b);
	nft_rule(b, "router"), nft_l4_is(b, 0, 0xff, ICMP_TIME_EXCEEDED), as_long_as_routers_send(b), nft_goto(b, "router_quote");
	nft_rule(b, "router"), nft_l4_is(b, 0, 0xff, ICMP_DEST_UNREACH), nft_l4_is(b, 1, 0xff, ICMP_FRAG_NEEDED);
	as_long_as_routers_send(b), nft_goto(b, "router_quote");
	nft_rule(b, "router"), nft_return(b);

	quote_valid(b, "router_quote", "router_host", NULL);
	nft_rule(b, "router_host"), nft_load_meta(b, NFT_META_IIF, REG(0)), load_quoted(b, NFT_DST, REG(1));
	nft_lookup(b, NFT_IS, wm_nft_sets[WM_NFT_HOSTS].name, REG(0), REG(0)), nft_goto(b, "router_from");
	nft_rule(b, "router_host"), nft_return(b);
	router_from(s);
	nft_rule(b, "router_pair"), nft_pair_in(b, NFT_PAIR_QUOTED_SRC, WM_NFT_ROUTER_PAIRS);
	nft_pair_drop(b, NFT_PAIR_OUTER_DST, WM_NFT_ROUTER_PAIRS), nft_goto(b, "router_about");
	nft_rule(b, "router_pair"), nft_pair_drop(b, NFT_PAIR_OUTER_DST, WM_NFT_ROUTER_PAIRS), nft_return(b);
	router_isolated(b);

	nft_rule(b, "router_to"), nft_set_mark(b, 0); /* which was an owner, or a host's address */
	nft_rule(b, "router_to"), nft_addr_is(b, NFT_DST, NFT_IS, s->plan->gateway);
	translate_from_lan(b, 0), nft_count(b, WM_REASON_ROUTER_ERROR), nft_accept(b);
	nft_rule(b, "router_to"), nft_last_hop(b), nft_return(b);
	if (s->plan->hub) {
		nft_rule(b, "router_to"), nft_overlay_in(b, NFT_DST, NFT_IS, WM_NFT_DEV_TO), nft_goto(b, "router_away");
	}
	nft_rule(b, "router_to"), nft_addr_in(b, NFT_DST, NFT_IS, s->plan->subnet), nft_return(b);
	nft_rule(b, "router_to"), nft_goto(b, "router_away");
	nft_rule(b, "router_away"), translate_from_lan(b, 0);
	nft_set_mark(b, s->inst->fwmark | WM_NFT_ROUTER_MARK), nft_accept(b);
	nft_rule(b, "router_away"), nft_return(b);
}

void wm_nft_quotes(const struct wm_nft_site *s)
{
	struct wm_nft_rules *b = s->b;

	quote_valid(b, "quote_valid", NULL, "quote_invalid");
	nft_rule(b, "quote_invalid"), nft_overlay_in(b, NFT_SRC, NFT_IS, WM_NFT_ISO_DROPS), nft_drop(b, WM_REASON_INVALID);
	nft_rule(b, "quote_invalid"), nft_drop(b, WM_REASON_INVALID);
	nft_rule(b, "quote_out"), nft_jump(b, "quote_valid");
	nft_rule(b, "quote_out"), translate_from_lan(b, 0);
	nft_rule(b, "quote_out"), nft_return(b);
	quote_in(b);
	quote_own(s);
	router_error(s);
	/* Which of these a packet wants: a chain of its own each, so that what is no ICMP pays for one look. */
	for (size_t i = 0; i < WM_ARRAY_LEN(errors); i++) {
		nft_rule(b, "errors_in"), nft_l4_is(b, 0, 0xff, errors[i]), nft_l4_is(b, 7, 0, 0), nft_goto(b, "quote_in");
		nft_rule(b, "errors_out"), nft_l4_is(b, 0, 0xff, errors[i]), nft_l4_is(b, 7, 0, 0), nft_goto(b, "quote_out");
		nft_rule(b, "errors_own"), nft_l4_is(b, 0, 0xff, errors[i]), nft_l4_is(b, 7, 0, 0), nft_goto(b, "quote_own");
	}
	nft_rule(b, "errors_in"), nft_return(b);
	nft_rule(b, "errors_out"), nft_return(b);
	nft_rule(b, "errors_own"), nft_return(b);
}

void wm_nft_jump_errors(const struct wm_nft_site *s, const char *chain, const char *errors_chain)
{
	nft_rule(s->b, chain), nft_protocol_is(s->b, IPPROTO_ICMP), nft_fragment(s->b, NFT_NOT), nft_jump(s->b, errors_chain);
}
