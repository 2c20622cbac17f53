/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A UDP port of this machine that leads into a container behind its NAT
 * (nft_forward.c, nft_conntrack.c): a table of our own, in family ip, so that
 * whoever rewrites his own rules leaves it alone.
 */
#pragma once

#include <stdint.h>

#include "core/addr.h"
#include "core/error.h"

/* What comes for an address of this machine to UDP `port` goes to the same port of `to`, and may be forwarded there as far as
 * our table decides: a chain of somebody else's may still drop it. 1 changed, 0 it was so, -errno; -EEXIST: a table of that
 * name that is not ours. */
int wm_forward_set(const char *table, uint16_t port, wm_ip4 to, struct wm_error *err);

/* 1 it was there, 0 not. */
int wm_forward_remove(const char *table, struct wm_error *err);

/* 1: our table is there; 0: none. */
int wm_forward_there(const char *table, struct wm_error *err);

/* 1: a chain of somebody else's drops what is forwarded, unless a rule of his lets it through; which, in *ret ("table ip
 * filter, chain FORWARD"). 0: none does. Of nftables only, where iptables writes by now, too. */
#define WM_FORWARD_CHAIN_TEXT 160
int wm_forward_dropped(char *ret, struct wm_error *err);

/* Ends what connection tracking remembers of UDP `port` of this machine and does not lead to `keep` (0: to any container).
 * Without it peers that keep talking stay with the old address for minutes. How many, or -errno. */
int wm_forward_forget(uint16_t port, wm_ip4 keep, struct wm_error *err);
