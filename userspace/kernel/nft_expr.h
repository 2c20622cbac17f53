/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules, built match by match and statement by statement, as one would read
 * them in `nft list`. What was built last is the current rule; memory that ran
 * out is remembered and shows in the end.
 *
 * A rule carries a hash of its expressions as its comment. The kernel never
 * changes a rule, so equal comments in equal order mean equal rules: this is
 * how a ruleset left by an earlier process is recognised without comparing
 * expressions that the kernel dumps in other words than it was given.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/reason.h"
#include "kernel/nft_batch.h"
#include "kernel/nft_sets.h"

struct nftnl_rule;

struct wm_nft_rule {
	const char *chain;       /* static */
	struct nftnl_rule *rule; /* owned; NULL in what was read from the kernel */
	char mark[20];           /* "wm " and 16 hex digits: the comment */
};

struct wm_nft_rules {
	struct wm_nft_rule *v;
	size_t n, cap;
	const char *table; /* borrowed */
	enum wm_nft_part part;
	int error;
};

void wm_nft_rules_free(struct wm_nft_rules *rules); /* frees what it holds */
int wm_nft_rules_finish(struct wm_nft_rules *rules); /* comments; 0 or -ENOMEM */
void wm_nft_rules_write(struct wm_nft_batch *batch, const struct wm_nft_rules *rules);

/* Begins a rule at the end of a chain. */
void nft_rule(struct wm_nft_rules *b, const char *chain);

enum nft_test { NFT_IS, NFT_NOT };
enum nft_addr { NFT_SRC = 12, NFT_DST = 16 }; /* offset in the IPv4 header */

/* Matches: the rule ends here unless the packet is so. */
void nft_in_if(struct wm_nft_rules *b, enum nft_test test, const char *ifname);
void nft_out_if(struct wm_nft_rules *b, enum nft_test test, const char *ifname);
void nft_forwarded(struct wm_nft_rules *b); /* on its way out, and not from this machine */
void nft_addr_in(struct wm_nft_rules *b, enum nft_addr which, enum nft_test test, struct wm_prefix prefix);
void nft_addr_is(struct wm_nft_rules *b, enum nft_addr which, enum nft_test test, wm_ip4 addr);
void nft_mark_is(struct wm_nft_rules *b, enum nft_test test, uint32_t mark, uint32_t mask);
void nft_to_us(struct wm_nft_rules *b, enum nft_test test); /* the frame was addressed to this machine */
void nft_has_options(struct wm_nft_rules *b, enum nft_test test); /* IPv4 header longer than 20 bytes */
void nft_has_option(struct wm_nft_rules *b, uint8_t option);
void nft_fragment(struct wm_nft_rules *b, enum nft_test later); /* IS: one that is not the first */
void nft_last_fragment(struct wm_nft_rules *b, enum nft_test test); /* IS: none follows, as none does a whole packet */
void nft_from_mac(struct wm_nft_rules *b, const uint8_t mac[6]);
void nft_protocol_is(struct wm_nft_rules *b, uint8_t protocol);
/* A byte of the transport header, under a mask. nft_fragment before it. */
void nft_l4_is(struct wm_nft_rules *b, uint32_t offset, uint8_t bits, uint8_t value);
void nft_last_hop(struct wm_nft_rules *b); /* TTL 0 or 1 */
void nft_icmp_is(struct wm_nft_rules *b, uint8_t type); /* with all of its header */
void nft_tcp_syn_with_mss(struct wm_nft_rules *b); /* its first option is the MSS */
/* The address in a set keyed by overlay; found elements count, absent ones cannot. */
void nft_overlay_in(struct wm_nft_rules *b, enum nft_addr which, enum nft_test test, enum wm_nft_set_id set);
/* The sender (interface, source address, and MAC where the set has it) in a set. */
void nft_sender_in(struct wm_nft_rules *b, enum wm_nft_set_id set);

/* Statements. A translation is a match too: the map must know the packet. */
void nft_translate_src(struct wm_nft_rules *b, enum wm_nft_set_id map); /* by sender */
void nft_translate_dst(struct wm_nft_rules *b, enum wm_nft_set_id map); /* by overlay address */
void nft_set_src(struct wm_nft_rules *b, wm_ip4 addr);
void nft_set_mark(struct wm_nft_rules *b, uint32_t mark);
void nft_map_mark(struct wm_nft_rules *b, enum wm_nft_set_id map); /* by overlay destination */
void nft_lower_mss(struct wm_nft_rules *b, uint16_t mss); /* lowered, never raised or added */
void nft_notrack(struct wm_nft_rules *b);
void nft_count(struct wm_nft_rules *b, enum wm_reason reason);
void nft_accept(struct wm_nft_rules *b);
void nft_drop(struct wm_nft_rules *b, enum wm_reason reason); /* noted, counted (nft_drops.h) */
void nft_drop_now(struct wm_nft_rules *b);
void nft_return(struct wm_nft_rules *b);
void nft_goto(struct wm_nft_rules *b, const char *chain);
void nft_jump(struct wm_nft_rules *b, const char *chain);
