/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Single expressions, for the files that build rules out of them. Registers do
 * not outlive their rule: newer kernels refuse to read what it has not loaded.
 */
#pragma once

#include <linux/netfilter/nf_tables.h>

#include "kernel/nft_expr.h"

struct nftnl_expr;

#define REG(n) (NFT_REG32_00 + (n))
#define NOWHERE 0xffffffffu /* a lookup's value goes nowhere: it is a set */

/* A new expression at the end of the current rule; NULL without memory. */
struct nftnl_expr *nft_put(struct wm_nft_rules *b, const char *name);

void nft_load_meta(struct wm_nft_rules *b, uint32_t key, uint32_t reg);
/* Bytes of the packet: network byte order. A rule ends where the packet does, and at a later fragment's transport
 * header only since kernel 5.12: nft_fragment before it. */
void nft_load(struct wm_nft_rules *b, uint32_t base, uint32_t offset, uint32_t len, uint32_t reg);
void nft_mask(struct wm_nft_rules *b, uint32_t reg, const void *bits, uint32_t len);
void nft_compare(struct wm_nft_rules *b, enum nft_test test, uint32_t reg, const void *data, uint32_t len);
void nft_lookup(struct wm_nft_rules *b, enum nft_test test, const char *set, uint32_t key, uint32_t value);
/* Four bytes into the packet; the internet checksum at csum follows. flags: NFT_PAYLOAD_L4CSUM_PSEUDOHDR or 0. */
void nft_store(struct wm_nft_rules *b, uint32_t base, uint32_t offset, uint32_t csum, uint32_t flags, uint32_t reg);
/* An address: the IP header's checksum and, by the pseudo-header, the L4 one follow. */
void nft_store_addr(struct wm_nft_rules *b, enum nft_addr which, uint32_t reg);
void nft_store_mark(struct wm_nft_rules *b, uint32_t reg);
/* At most so much, in network byte order. */
void nft_at_most(struct wm_nft_rules *b, uint32_t reg, const void *data, uint32_t len);
void nft_immediate(struct wm_nft_rules *b, uint32_t reg, const void *data, uint32_t len);
