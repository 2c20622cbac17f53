/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The parts of the ruleset, a file each. Calls joined by commas are one rule.
 */
#pragma once

#include "kernel/nft_rules.h"

/* What all of them are about. */
struct wm_nft_site {
	struct wm_nft_rules *b;
	const struct wm_instance *inst;
	const struct wm_plan *plan;
};

/* The mark of what was judged, translated and counted: on its way to wg nobody else has to. */
uint32_t wm_nft_done(const struct wm_nft_site *s);
/* The host's LAN becomes the packet's mark, its LAN address the destination. Matches only hosts. */
void wm_nft_to_host(const struct wm_nft_site *s);

/* nft_rules_lan.c: chains lan_in and what it goes to, and unregistered. */
void wm_nft_lan(const struct wm_nft_site *s);

/* nft_isolation.c: chains to_iso (the packet's destination is an isolated end) and
 * from_iso (its source is), both in overlay addresses. They return for what may pass. */
void wm_nft_isolation(const struct wm_nft_site *s);

/* Matches an ICMP error that quotes an unfragmented packet without IP options, and the first 8 bytes behind its header. */
void wm_nft_quotes_ports(struct wm_nft_rules *b);
/* Rules of `chain` that go to `known` when the quoted packet was sent to the isolated end whose owner is the mark, by whom
 * the error goes to, in a flow that is alive. wm_nft_quotes_ports before it. */
void wm_nft_quotes_flow(struct wm_nft_rules *b, const char *chain, const char *known);

/* nft_quote.c: chains for ICMP errors and the packets that they quote. */
void wm_nft_quotes(const struct wm_nft_site *s);
/* A rule of `chain` that jumps to one of them for ICMP. errors_out: from a host of a LAN; errors_in: to a host,
 * destination still its overlay address; errors_own: of this machine's stack. All return. Chain router is for whoever
 * is not registered; it returns for what is no such error. */
void wm_nft_jump_errors(const struct wm_nft_site *s, const char *chain, const char *errors_chain);

#define WM_NFT_ROUTER_MARK 0xff /* low byte of the mark: a router's error that leaves as g's own */
