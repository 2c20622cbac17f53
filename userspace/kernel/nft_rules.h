/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The rules of our nftables table: a few hundred, the same for ten hosts and for
 * a hundred thousand. They depend on the instance's names, on the prefixes, on
 * whether this is the hub, and on the LANs' names and listed routers; never on
 * who is there.
 */
#pragma once

#include "core/instance.h"
#include "core/plan.h"
#include "kernel/nft_expr.h"

struct wm_nft_chain {
	const char *name;
	const char *type; /* NULL: not attached, only jumped to */
	uint32_t hook;    /* NF_INET_*, NF_NETDEV_* */
	int32_t prio;
};

#define WM_NFT_FAST_CHAINS (5 + WM_LANS_MAX)

extern const struct wm_nft_chain wm_nft_chains[];
extern const unsigned int wm_nft_nchains;
extern const struct wm_nft_chain wm_nft_fast_chains[WM_NFT_FAST_CHAINS]; /* nft_fast.c */
extern const unsigned int wm_nft_nfast_chains;

/* A table, as it is or shall be. */
struct wm_nft_table {
	bool there;
	struct wm_nft_rules rules;
	/* By chain of the fast path: the device that it is on; "": none, or it is not attached to any. */
	char device[WM_NFT_FAST_CHAINS][WM_IFNAME_SIZE];
};

/* ret->rules.table borrows inst->nft_table. 0 or -ENOMEM. */
int wm_nft_rules_make(const struct wm_instance *inst, const struct wm_plan *plan, struct wm_nft_table *ret);
/* The same for the fast path (nft_fast.c): only on devices that are there as the plan has them; wg: 0, or the wg device's
 * index. */
int wm_nft_fast_make(const struct wm_instance *inst, const struct wm_plan *plan, uint32_t wg, struct wm_nft_table *ret);
