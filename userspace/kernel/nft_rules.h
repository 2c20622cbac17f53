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
	uint32_t hook;    /* NF_INET_* */
	int32_t prio;
};

extern const struct wm_nft_chain wm_nft_chains[];
extern const unsigned int wm_nft_nchains;

/* ret->table borrows inst->nft_table. 0 or -ENOMEM. */
int wm_nft_rules_make(const struct wm_instance *inst, const struct wm_plan *plan, struct wm_nft_rules *ret);
