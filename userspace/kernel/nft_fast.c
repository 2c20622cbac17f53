/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The fast path: plain packets between full hosts and the mesh are translated
 * and sent on where they come in, at netdev ingress, and never enter the stack.
 * What unregistered machines send dies there.
 *
 * Whatever is not certainly plain is accepted, untouched: then the other table
 * (nft_rules.c) judges it. A rule ends where it cannot read what it asks for, so
 * being plain is one rule, of which all must hold; and it must be as strict as
 * all rules there together. Once a packet was changed it is sent or dropped.
 */
#include "kernel/nft_rules_priv.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <libnftnl/expr.h>
#include <linux/netfilter.h>

#include "core/util.h"
#include "kernel/nft_drops.h"
#include "kernel/nft_expr_priv.h"
#include "wm_limits.h"

/* Behind everybody's filters at this hook: what they drop is dropped. */
#define PRIORITY 100
#define ON_DEVICE "filter", NF_NETDEV_INGRESS, PRIORITY

enum { CHAIN_WG, CHAIN_SITE, CHAIN_RELAY, CHAIN_MESH, CHAIN_UNREGISTERED, CHAIN_LAN };

const struct wm_nft_chain wm_nft_fast_chains[WM_NFT_FAST_CHAINS] = {
	[CHAIN_WG] = { "wg", ON_DEVICE }, /* from a tunnel */
	[CHAIN_SITE] = { "site" },	  /* ... plain */
	[CHAIN_RELAY] = { "relay" },	  /* ... for another site, at the hub */
	[CHAIN_MESH] = { "mesh" },	  /* from a LAN, plain */
	[CHAIN_UNREGISTERED] = { "drop_unregistered" },
	[CHAIN_LAN] = { "lan0", ON_DEVICE }, { "lan1", ON_DEVICE }, { "lan2", ON_DEVICE }, { "lan3", ON_DEVICE },
	{ "lan4", ON_DEVICE }, { "lan5", ON_DEVICE }, { "lan6", ON_DEVICE }, { "lan7", ON_DEVICE },
};
const unsigned int wm_nft_nfast_chains = WM_NFT_FAST_CHAINS;
_Static_assert(WM_LANS_MAX == 8, "a chain for each LAN");

struct fast {
	struct wm_nft_rules *b;
	const struct wm_plan *plan;
	uint32_t wg;
	uint32_t mark; /* of what is done: BPF's filter at wg egress may still be there */
};

/* --- is it plain? ----------------------------------------------------------------- */

/* Aligned words of the IP header: the kernel reads and compares these in its inner loop, other lengths by a call. */
enum { WORD_FRAGMENT = 4, WORD_TTL = 8 };

static void word_is(struct wm_nft_rules *b, uint32_t offset, uint32_t bits, enum nft_test test, uint32_t value)
{
	bits = htonl(bits);
	value = htonl(value);
	nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, offset, 4, REG(0));
	if (bits != UINT32_MAX)
		nft_mask(b, REG(0), &bits, sizeof(bits));
	nft_compare(b, test, REG(0), &value, sizeof(value));
}

/* Half an address needs no mask. */
static void addr_in(struct wm_nft_rules *b, enum nft_addr which, enum nft_test test, struct wm_prefix prefix)
{
	if (prefix.len == 16)
		nft_addr_in(b, which, test, prefix);
	else
		word_is(b, which, wm_prefix_mask(prefix.len), test, prefix.addr);
}

/* Elsewhere in the mesh: in O, not in S, and not an edge of O. */
static void is_away(const struct fast *f, enum nft_addr which)
{
	const uint32_t first = htonl(f->plan->supernet.addr), last = htonl(wm_prefix_last(f->plan->supernet));

	addr_in(f->b, which, NFT_IS, f->plan->supernet);
	addr_in(f->b, which, NFT_NOT, f->plan->subnet);
	nft_load(f->b, NFT_PAYLOAD_NETWORK_HEADER, which, 4, REG(0));
	nft_compare(f->b, NFT_NOT, REG(0), &first, sizeof(first));
	nft_compare(f->b, NFT_NOT, REG(0), &last, sizeof(last));
}

/* IPv4 without options, not a fragment, with more than one hop to go, and of a length that fits everywhere and is its
 * own: neither short, nor padded, nor one that stands for several and is longer than the way out. And nobody has marked
 * it: BPF's filters have, what they judged, while one back end takes over from the other. */
static void is_whole(struct wm_nft_rules *b)
{
	const uint8_t plain = 0x45;
	const uint32_t unmarked = 0;

	nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, 0, 1, REG(0)), nft_compare(b, NFT_IS, REG(0), &plain, 1);
	nft_load_meta(b, NFT_META_MARK, REG(0)), nft_compare(b, NFT_IS, REG(0), &unmarked, sizeof(unmarked));
	word_is(b, WORD_FRAGMENT, 0x3fff, NFT_IS, 0);
	word_is(b, WORD_TTL, 0xfe000000, NFT_NOT, 0);
	nft_load_meta(b, NFT_META_LEN, REG(0)), nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, 2, 2, REG(1));
	nft_lookup(b, NFT_IS, wm_nft_sets[WM_NFT_FAST_LENGTHS].name, REG(0), NOWHERE);
}

/* Matches UDP, or TCP that opens nothing (the MSS of one that does is lowered), with all of its header: a checksum that is
 * not there fails the translation when the IP header's is changed already. */
static void is_plain(struct wm_nft_rules *b, uint8_t protocol)
{
	const uint32_t syn = htonl(0x00020000), none = 0;

	word_is(b, WORD_TTL, 0x00ff0000, NFT_IS, (uint32_t)protocol << 16);
	if (protocol != IPPROTO_TCP)
		return;
	nft_load(b, NFT_PAYLOAD_TRANSPORT_HEADER, 16, 4, REG(0)); /* the last of it */
	nft_load(b, NFT_PAYLOAD_TRANSPORT_HEADER, 12, 4, REG(0));
	nft_mask(b, REG(0), &syn, sizeof(syn));
	nft_compare(b, NFT_IS, REG(0), &none, sizeof(none));
}

static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP };

/* --- and out ---------------------------------------------------------------------- */

/* REG(0) is the next hop. A device that is gone does not take the packet, which was changed. */
static void send_on(struct wm_nft_rules *b)
{
	struct nftnl_expr *e = nft_put(b, "fwd");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_FWD_SREG_DEV, REG(1));
	nftnl_expr_set_u32(e, NFTNL_EXPR_FWD_SREG_ADDR, REG(0));
	nftnl_expr_set_u32(e, NFTNL_EXPR_FWD_NFPROTO, NFPROTO_IPV4);
	nft_drop_now(b);
}

/* The wg device has no neighbours: any next hop does. */
static void send_to_wg(const struct fast *f)
{
	const uint32_t hop = htonl(f->plan->gateway);

	nft_set_mark(f->b, f->mark);
	nft_immediate(f->b, REG(1), &f->wg, sizeof(f->wg));
	nft_immediate(f->b, REG(0), &hop, sizeof(hop));
	send_on(f->b);
}

static void from_wg(const struct fast *f)
{
	struct wm_nft_rules *b = f->b;
	const bool several = f->plan->nlans > 1;

	nft_rule(b, "wg"), is_whole(b), is_away(f, NFT_SRC), nft_goto(b, "site");
	if (f->plan->hub)
		nft_rule(b, "site"), addr_in(b, NFT_DST, NFT_NOT, f->plan->subnet), nft_goto(b, "relay");
	for (unsigned int i = 0; i < WM_ARRAY_LEN(protocols); i++) {
		nft_rule(b, "site"), is_plain(b, protocols[i]);
		if (several) {
			nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, NFT_DST, 4, REG(0));
			nft_lookup(b, NFT_IS, wm_nft_sets[WM_NFT_FAST_LAN].name, REG(0), REG(1));
		}
		nft_translate_dst(b, WM_NFT_FAST_TO);
		nft_count(b, WM_REASON_TO_LAN);
		if (!several)
			nft_immediate(b, REG(1), &f->plan->lans[0].ifindex, sizeof(uint32_t));
		send_on(b);
		if (!f->plan->hub)
			continue;
		nft_rule(b, "relay"), is_plain(b, protocols[i]), is_away(f, NFT_DST), nft_count(b, WM_REASON_RELAY);
		send_to_wg(f);
	}
	nft_rule(b, "site"), nft_accept(b);
	nft_rule(b, "relay"), nft_accept(b);
}

/* What is not to the mesh leaves first. A tag is part of the frame's type as rules see it, wherever the kernel keeps it. */
static void from_lan(const struct fast *f, const char *chain)
{
	const uint16_t ipv4 = htons(0x0800);

	nft_rule(f->b, chain), is_away(f, NFT_DST), nft_to_us(f->b, NFT_IS);
	nft_load(f->b, NFT_PAYLOAD_LL_HEADER, 12, sizeof(ipv4), REG(0)), nft_compare(f->b, NFT_IS, REG(0), &ipv4, sizeof(ipv4));
	is_whole(f->b), nft_goto(f->b, "mesh");
}

static void to_mesh(const struct fast *f)
{
	struct wm_nft_rules *b = f->b;

	for (unsigned int i = 0; i < WM_ARRAY_LEN(protocols); i++) {
		nft_rule(b, "mesh"), is_plain(b, protocols[i]);
		nft_translate_src(b, WM_NFT_FAST_FROM);
		nft_count(b, WM_REASON_TO_MESH);
		send_to_wg(f);
	}
	/* What a router says is looked into. */
	nft_rule(b, "mesh"), word_is(b, WORD_TTL, 0x00ff0000, NFT_IS, IPPROTO_ICMP << 16), nft_accept(b);
	nft_rule(b, "mesh"), nft_sender_in(b, WM_NFT_FAST_HOSTS), nft_accept(b);
	nft_rule(b, "mesh"), nft_drop(b, WM_REASON_UNREGISTERED);
	wm_nft_drop_rules(b, WM_REASON_UNREGISTERED);
}

static bool is_there(const char *ifname, uint32_t ifindex)
{
	return ifindex && if_nametoindex(ifname) == ifindex;
}

int wm_nft_fast_make(const struct wm_instance *inst, const struct wm_plan *plan, uint32_t wg, struct wm_nft_table *ret)
{
	struct wm_nft_table table = { .there = true, .rules = { .table = inst->nft_table, .part = WM_NFT_FAST } };
	const struct fast f = { &table.rules, plan, wg, inst->fwmark | WM_MARK_DONE };
	int rc;

	if (!inst->fastpath || !is_there(inst->ifname, wg))
		goto out;
	from_wg(&f);
	to_mesh(&f);
	memcpy(table.device[CHAIN_WG], inst->ifname, sizeof(inst->ifname));
	for (unsigned int i = 0; i < plan->nlans; i++) {
		const struct wm_lan *lan = &plan->lans[i];

		if (!is_there(lan->ifname, lan->ifindex))
			continue;
		from_lan(&f, wm_nft_fast_chains[CHAIN_LAN + i].name);
		memcpy(table.device[CHAIN_LAN + i], lan->ifname, sizeof(lan->ifname));
	}
out:
	rc = wm_nft_rules_finish(&table.rules);
	if (rc)
		wm_nft_rules_free(&table.rules);
	else
		*ret = table;
	return rc;
}
